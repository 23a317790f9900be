"""LNT014: a selection of nearly everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from tollwatch.lint.check import Finding, Subject
from tollwatch.plan.nodes import (
    And,
    Boolean,
    Cidr,
    Compare,
    Constant,
    FieldMatch,
    Not,
    Null,
    Number,
    Or,
    Predicate,
    Regex,
    Text,
    TimePart,
)


def find(subject: Subject) -> Iterator[Finding]:
    """The condition only excludes, or is always or never true.

    Why: a rule without a positive part matches every event that is not excluded, also of log lines it was not written
    for; one that is never true finds nothing.
    How: begin the condition with a selection of what the rule is about, and exclude from that.
    """
    for search in subject.searches():
        found = _fault(search.predicate)
        if found is not None:
            hint = "begin the condition with a selection of what the rule is about"
            yield Finding(search.header, f"{search.header.key} {found}", hint, ("detection", "condition"))


def _fault(predicate: Predicate) -> str | None:
    if isinstance(predicate, Constant):
        return "matches every event" if predicate.value else "can match no event"
    return "matches every event that is not excluded" if _only_excludes(predicate) else None


def _only_excludes(predicate: Predicate) -> bool:
    """Whether an event without any of the named fields matches."""
    match predicate:
        case Not():
            return not _only_excludes(predicate.item)
        case And():
            return all(_only_excludes(item) for item in predicate.items)
        case Or():
            return any(_only_excludes(item) for item in predicate.items)
        case Constant():
            return predicate.value
        case Null():
            return False  # asks for a field by name, which is a positive statement
        case Text() | Number() | Boolean() | Compare() | Regex() | Cidr() | FieldMatch() | TimePart():
            return False
        case _:
            assert_never(predicate)
