"""Documents brought together: references looked up, filters applied, and what cannot be used left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import assert_never

from tollwatch.diagnostics import Severity
from tollwatch.sigma.apply_filters import filters_of_rules
from tollwatch.sigma.conditions import Condition, Every, Name, Negated, Selector, Some
from tollwatch.sigma.correlation_fields import FieldCheck
from tollwatch.sigma.correlations import CorrelationDraft
from tollwatch.sigma.drafts import Draft, Register
from tollwatch.sigma.event_rules import EventDraft, pysigma_rule
from tollwatch.sigma.filters import FilterDraft, filtered
from tollwatch.sigma.header import header_of
from tollwatch.sigma.links import Links, link
from tollwatch.sigma.model import (
    AllOf,
    AnyOf,
    CorrelationRule,
    EventRule,
    Expression,
    NoneOf,
    Op,
    Present,
    Rule,
    Threshold,
)


def resolve(register: Register, known_fields: Mapping[str, frozenset[str]]) -> tuple[Rule, ...]:
    """The rules that can be used, in file order; mistakes are told in the drafts' reports."""
    links = link(register)
    check = FieldCheck(links, known_fields)
    for draft in links.targets:
        check.check(draft)
    filters = filters_of_rules(register, links)
    _leave_out(register, links)
    return tuple(_rule(draft, links, filters) for draft in register.drafts if _is_rule(draft))


def _is_rule(draft: Draft) -> bool:
    return not draft.left_out and not draft.report.failed and isinstance(draft.content, EventDraft | CorrelationDraft)


def _leave_out(register: Register, links: Links) -> None:
    """Mark every correlation that needs a rule with errors, and tell of it where it has no error of its own."""
    needed_by: dict[Draft, list[Draft]] = {}
    for draft, targets in links.targets.items():
        for target in dict.fromkeys(targets):
            needed_by.setdefault(target, []).append(draft)
    pending = [draft for draft in register.drafts if draft.report.failed]
    while pending:
        broken = pending.pop(0)
        for draft in needed_by.get(broken, ()):
            if draft.left_out or draft.report.failed:
                continue
            draft.left_out = True
            pending.append(draft)
            path = _path_of(draft, broken, links)
            why = "has errors" if broken.report.failed else "is left out"
            draft.report.note("SIG060", f"left out: it needs {broken.key!r}, which {why}", path, Severity.INFO)


def _path_of(draft: Draft, target: Draft, links: Links) -> tuple[str | int, ...]:
    return links.references[draft][links.targets[draft].index(target)].path


def _rule(draft: Draft, links: Links, filters: Mapping[Draft, Sequence[Draft]]) -> Rule:
    match draft.content:
        case EventDraft() as content:
            return _event_rule(draft, content, filters.get(draft, ()))
        case CorrelationDraft() as content:
            return _correlation_rule(draft, content, links)
        case FilterDraft() | None:
            raise TypeError("only rules are asked for")
        case _:
            assert_never(draft.content)


def _event_rule(draft: Draft, content: EventDraft, filters: Sequence[Draft]) -> EventRule:
    sound = [filter_ for filter_ in filters if not filter_.report.failed]
    contents = [filter_.content for filter_ in sound if isinstance(filter_.content, FilterDraft)]
    sigma = pysigma_rule(draft.rule, filtered(content, contents)) if contents else content.sigma
    header = header_of(draft.rule, draft.key, draft.report)
    return EventRule(header, content.logsource, sigma, tuple(filter_.key for filter_ in sound))


def _correlation_rule(draft: Draft, content: CorrelationDraft, links: Links) -> CorrelationRule:
    targets = links.targets[draft]
    if content.type is None or content.timespan is None:
        raise TypeError("only correlations without mistakes are asked for")
    aliases = tuple(
        (alias, tuple((target.key, field) for target, field, _ in fields))
        for alias, fields in links.aliases[draft].items()
    )
    return CorrelationRule(
        header=header_of(draft.rule, draft.key, draft.report),
        type=content.type,
        rules=tuple(target.key for target in targets),
        timespan=content.timespan,
        condition=_condition(content, len(targets)),
        group_by=content.group_by,
        aliases=aliases,
        value_fields=content.value_fields,
        percentile=content.percentile,
        generate=content.generate,
    )


def _condition(content: CorrelationDraft, rules: int) -> Threshold | Expression:
    """The condition; of a temporal type without one, that all rules have a hit."""
    if content.condition is None:
        return Threshold(((Op.GTE, Decimal(rules)),))
    if isinstance(content.condition, Threshold):
        return content.condition
    return _expression(content.condition, {ref.text: index for index, ref in enumerate(content.references)})


def _expression(condition: Condition, index: Mapping[str, int]) -> Expression:
    match condition:
        case Name(token):
            return Present(index[token.text])
        case Every(items):
            return AllOf(tuple(_expression(item, index) for item in items))
        case Some(items):
            return AnyOf(tuple(_expression(item, index) for item in items))
        case Negated(item):
            return NoneOf(_expression(item, index))
        case Selector():
            raise TypeError("an extended condition has no selectors")
        case _:
            assert_never(condition)
