"""Whether a profile can serve a rule: its fields, its log source, and fields that are absent on the very events.

FIT001 a field that the profile lacks, FIT002 a log source that it does not serve, FIT003 a field that is null on every
event of the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from tollwatch.diagnostics import Diagnostic
from tollwatch.logs.profile import NONE, Absence, Profile, builtin_names, load_profile
from tollwatch.plan.nodes import (
    And,
    Boolean,
    Cidr,
    Column,
    Compare,
    Constant,
    FieldMatch,
    Node,
    Not,
    Null,
    Number,
    Or,
    Predicate,
    Regex,
    Search,
    Text,
    TimePart,
)
from tollwatch.plan.walk import fields, nodes, searches


def unfit(node: Node, profile: Profile) -> tuple[Diagnostic, ...]:
    """Why the profile cannot serve the rule; empty where it can. Under ``none`` every rule fits."""
    if profile.name == NONE:
        return ()
    return tuple(dict.fromkeys([*_sources(node, profile), *_missing(node, profile), *_absent(node, profile)]))


def _refusal(node: Node, code: str, message: str, hint: str | None) -> Diagnostic:
    header = node.header
    return Diagnostic(code, f"{header.key}: {message}", header.path, header.line, header.column, hint)


def _sources(node: Node, profile: Profile) -> Iterator[Diagnostic]:
    for search in searches(node):
        source = search.logsource
        wanted = (source.category, source.product, source.service)
        if profile.sources and not any(_within(wanted, have) for have in profile.sources):
            shown = ", ".join(part for part in wanted if part)
            hint = "use a profile of that log source, or --profile none for the log's own field names"
            yield _refusal(node, "FIT002", f"the profile {profile.name} does not serve the log source {shown}", hint)


def _within(wanted: tuple[str | None, ...], have: tuple[str | None, ...]) -> bool:
    return all(want is None or want == part for want, part in zip(wanted, have, strict=True))


def _missing(node: Node, profile: Profile) -> Iterator[Diagnostic]:
    for name in fields(node):
        if profile.carrier(name) is None:
            having = [other for other in builtin_names() if other != NONE and load_profile(other).carrier(name)]
            hint = f"profiles with it: {', '.join(having)}" if having else "no profile has it"
            yield _refusal(node, "FIT001", f"the profile {profile.name} has no field {name}", hint)


def _absent(node: Node, profile: Profile) -> Iterator[Diagnostic]:
    """A correlation that reads, off events that lack it, a field by which it groups or which it measures."""
    for part in nodes(node):
        for child in () if isinstance(part, Search) else part.inputs:
            read = {reading.field for reading in child.keys + child.values if isinstance(reading, Column)}
            for absence in profile.absent_when:
                below = searches(child.node)
                if absence.field in read and all(implies(search.predicate, absence) for search in below):
                    use = f"use {' or '.join(absence.use)}" if absence.use else None
                    message = f"in the profile {profile.name}, {absence.field} is null on every event of "
                    yield _refusal(node, "FIT003", message + child.node.header.key, use)


def implies(predicate: Predicate, absence: Absence) -> bool:
    """Whether every event that the predicate matches has one of the absence's values in its field."""
    match predicate:
        case And():
            return any(implies(item, absence) for item in predicate.items)
        case Or():
            return all(implies(item, absence) for item in predicate.items)
        case Number():
            return predicate.field == absence.where and predicate.value in absence.values
        case Text():
            texts = {str(value) for value in absence.values}
            return predicate.field == absence.where and len(predicate.pattern) == 1 and predicate.pattern[0] in texts
        case Constant():
            return not predicate.value
        case Not() | Compare() | Boolean() | Null() | Regex() | Cidr() | FieldMatch() | TimePart():
            # These match values beside the listed ones: an absence lists single values, no range.
            return False
        case _:
            assert_never(predicate)
