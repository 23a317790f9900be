"""From rules to the Plan: the only place that knows what a modifier or a correlation means."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

import sigma.conditions as sc
import sigma.types as sty
from sigma.exceptions import SigmaError

from tollwatch.diagnostics import Diagnostic
from tollwatch.plan.nodes import (
    Aggregate,
    And,
    Boolean,
    Cidr,
    Column,
    Compare,
    FieldMatch,
    GroupValue,
    Input,
    Measure,
    Node,
    Not,
    Null,
    Number,
    Or,
    Pattern,
    Plan,
    Predicate,
    Reading,
    Regex,
    Relation,
    Search,
    Sequence,
    Text,
    TimePart,
    TimeUnit,
    Wildcard,
    Window,
)
from tollwatch.sigma.model import (
    AllOf,
    AnyOf,
    CorrelationRule,
    CorrelationType,
    EventRule,
    Expression,
    NoneOf,
    Op,
    Present,
    Rule,
    RuleSet,
    Threshold,
)

_MEASURES = {
    CorrelationType.EVENT_COUNT: Measure.EVENTS,
    CorrelationType.VALUE_COUNT: Measure.DISTINCT,
    CorrelationType.VALUE_SUM: Measure.SUM,
    CorrelationType.VALUE_AVG: Measure.AVERAGE,
    CorrelationType.VALUE_MEDIAN: Measure.MEDIAN,
    CorrelationType.VALUE_PERCENTILE: Measure.PERCENTILE,
    CorrelationType.TEMPORAL: Measure.RULES,
}
_STATISTICS = {Measure.AVERAGE, Measure.MEDIAN, Measure.PERCENTILE}
_OPS = {
    sty.CompareOperators.LT: Op.LT,
    sty.CompareOperators.LTE: Op.LTE,
    sty.CompareOperators.GT: Op.GT,
    sty.CompareOperators.GTE: Op.GTE,
}


class _NotUnderstoodError(Exception):
    """A construct that is not understood; the message names it."""


def lower(rules: RuleSet, *, select: Collection[str] | None = None) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """The plan of the rules that alert by themselves, or of exactly the selected ones (by key, name or id)."""
    lowering = _Lowering(rules)
    if select is None:
        wanted = alerting(rules)
    else:
        wanted = [rule for rule in rules if {rule.header.key, rule.header.name, rule.header.id} & set(select)]
    nodes = [node for rule in wanted if (node := lowering.node(rule.header.key)) is not None]
    return Plan(tuple(nodes)), tuple(lowering.diagnostics)


def alerting(rules: RuleSet) -> list[Rule]:
    """The rules that alert by themselves: not referred to, or referred to under ``generate: true``."""
    referred: dict[str, bool] = {}
    for rule in rules:
        if isinstance(rule, CorrelationRule):
            for key in rule.rules:
                referred[key] = referred.get(key, False) or rule.generate
    return [rule for rule in rules if referred.get(rule.header.key, True)]


@dataclass(slots=True)
class _Lowering:
    rules: RuleSet
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _done: dict[str, Node | None] = field(default_factory=dict)

    def node(self, key: str) -> Node | None:
        """The node of a rule; None (and a diagnostic, once) where it or what it needs cannot be lowered."""
        if key not in self._done:
            self._done[key] = None  # a cycle cannot be read, but would end here
            rule = self.rules.get(key)
            if rule is not None:
                self._done[key] = self._event(rule) if isinstance(rule, EventRule) else self._correlation(rule)
        return self._done[key]

    def _event(self, rule: EventRule) -> Node | None:
        try:
            parts = [condition.parsed for condition in rule.sigma.detection.parsed_condition]
            predicate = _joined(Or, [_condition(part) for part in parts])
        except (_NotUnderstoodError, SigmaError) as error:
            header = rule.header
            self.diagnostics.append(Diagnostic("PLN001", str(error), header.path, header.line, header.column))
            return None
        return Search(rule.header, predicate, rule.logsource)

    def _correlation(self, rule: CorrelationRule) -> Node | None:
        children = [self.node(key) for key in rule.rules]
        found = [child for child in children if child is not None]
        if len(found) < len(children):
            return None
        aliases = {alias: dict(mapping) for alias, mapping in rule.aliases}
        inputs = tuple(
            Input(
                child,
                tuple(_reading(name, key, child, aliases) for name in rule.group_by),
                tuple(_reading(name, key, child, aliases) for name in rule.value_fields),
            )
            for key, child in zip(rule.rules, found, strict=True)
        )
        if rule.type is CorrelationType.TEMPORAL_ORDERED:
            return Sequence(rule.header, inputs, rule.group_by, rule.timespan.microseconds)
        measure = _MEASURES[rule.type]
        return Aggregate(
            rule.header,
            inputs,
            rule.group_by,
            rule.timespan.microseconds,
            measure,
            rule.condition,
            _window(measure, rule.condition),
            rule.percentile,
        )


def _reading(name: str, key: str, child: Node, aliases: dict[str, dict[str, str]]) -> Reading:
    """First the alias for that child, then the child's group-by names, then the carried event."""
    wanted = aliases.get(name, {}).get(key, name)
    if not isinstance(child, Search) and wanted in child.group_by:
        return GroupValue(child.group_by.index(wanted))
    return Column(wanted)


def _window(measure: Measure, condition: Threshold | Expression) -> Window:
    """Only what more events cannot make false again slides."""
    if measure in _STATISTICS:
        return Window.CALENDAR
    if isinstance(condition, Threshold):
        slides = len(condition.bounds) == 1 and condition.bounds[0][0] in {Op.GT, Op.GTE}
    else:
        slides = not _negates(condition)
    return Window.SLIDING if slides else Window.CALENDAR


def _negates(condition: Expression) -> bool:
    match condition:
        case Present():
            return False
        case AllOf() | AnyOf():
            return any(_negates(item) for item in condition.items)
        case NoneOf():
            return True
        case _:
            assert_never(condition)


def _joined(kind: type[And | Or], items: Iterable[Predicate]) -> Predicate:
    """One And or Or, without nesting of its own kind and without repeats."""
    flat: dict[Predicate, None] = {}
    for item in items:
        flat.update(dict.fromkeys(item.items if isinstance(item, kind) else (item,)))
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(flat))


def _condition(condition: object) -> Predicate:
    match condition:
        case sc.ConditionAND():
            return _joined(And, [_condition(item) for item in condition.args])
        case sc.ConditionOR():
            return _joined(Or, [_condition(item) for item in condition.args])
        case sc.ConditionNOT():
            return Not(_condition(condition.args[0]))
        case sc.ConditionFieldEqualsValueExpression():
            return _field_value(condition.field, condition.value)
        case sc.ConditionValueExpression():
            return _keyword(condition.value)
        case None:
            raise _NotUnderstoodError("the condition is empty")
        case _:
            raise _NotUnderstoodError(f"{type(condition).__name__} is not understood")


def _field_value(name: str, value: sty.SigmaType) -> Predicate:
    match value:
        case sty.SigmaExpansion():
            return _joined(Or, [_field_value(name, item) for item in value.values])
        case sty.SigmaString():
            return Text(name, _pattern(value), isinstance(value, sty.SigmaCasedString))
        case sty.SigmaTimestampPart():
            return TimePart(name, TimeUnit[value.timestamp_part.name], int(value.number))
        case sty.SigmaNumber():
            return Number(name, Decimal(str(value.number)))
        case sty.SigmaBool():
            return Boolean(name, value.boolean)
        case sty.SigmaNull():
            return Null(name)
        case sty.SigmaExists():
            return Not(Null(name)) if value.exists else Null(name)
        case sty.SigmaRegularExpression():
            return _regex(name, value)
        case sty.SigmaCompareExpression() if value.op in _OPS:
            return Compare(name, _OPS[value.op], Decimal(str(value.number.number)))
        case sty.SigmaCIDRExpression():
            return Cidr(name, str(value.network))
        case sty.SigmaFieldReference():
            return FieldMatch(name, value.field, _RELATIONS[value.starts_with, value.ends_with])
        case _:
            raise _NotUnderstoodError(f"{type(value).__name__} on the field {name} is not understood")


_RELATIONS = {
    (False, False): Relation.EQUALS,
    (True, False): Relation.STARTS_WITH,
    (False, True): Relation.ENDS_WITH,
    (True, True): Relation.CONTAINS,
}


def _keyword(value: sty.SigmaType) -> Predicate:
    match value:
        case sty.SigmaExpansion():
            return _joined(Or, [_keyword(item) for item in value.values])
        case sty.SigmaString():
            return Text(None, _anywhere(_pattern(value)), isinstance(value, sty.SigmaCasedString))
        case sty.SigmaNumber():
            return Text(None, _anywhere((str(value.number),)))
        case sty.SigmaRegularExpression():
            return _regex(None, value)
        case _:
            raise _NotUnderstoodError(f"{type(value).__name__} without a field is not understood")


def _regex(name: str | None, value: sty.SigmaRegularExpression) -> Predicate:
    flags = {flag.name for flag in value.flags}
    return Regex(name, str(value.regexp), "IGNORECASE" in flags, "MULTILINE" in flags, "DOTALL" in flags)


def _pattern(value: sty.SigmaString) -> Pattern:
    parts: list[str | Wildcard] = []
    for part in value.s:
        if isinstance(part, str):
            parts.append(part)
        elif part is sty.SpecialChars.WILDCARD_MULTI:
            parts.append(Wildcard.ANY)
        elif part is sty.SpecialChars.WILDCARD_SINGLE:
            parts.append(Wildcard.ONE)
        else:
            raise _NotUnderstoodError(f"the placeholder {getattr(part, 'name', part)} has no value")
    return tuple(part for part in parts if part != "")


def _anywhere(pattern: Pattern) -> Pattern:
    before = () if pattern[:1] == (Wildcard.ANY,) else (Wildcard.ANY,)
    after = () if pattern[-1:] == (Wildcard.ANY,) else (Wildcard.ANY,)
    return before + pattern + after
