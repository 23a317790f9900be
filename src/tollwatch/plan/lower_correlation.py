"""A correlation → an Aggregate or a Sequence (semantics, "Correlations")."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from tollwatch.plan.faults import Faults
from tollwatch.plan.nodes import (
    Aggregate,
    Column,
    GroupValue,
    Input,
    Measure,
    Node,
    Reading,
    Search,
    Sequence,
    Window,
)
from tollwatch.sigma.model import (
    AllOf,
    AnyOf,
    CorrelationRule,
    CorrelationType,
    Expression,
    NoneOf,
    Op,
    Present,
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
_NUMERIC = {Measure.SUM, *_STATISTICS}


def lower_correlation(rule: CorrelationRule, children: Seq[Node], faults: Faults) -> Node:
    """The rule's node over its referenced rules' nodes, which stand in the order of ``rule.rules``."""
    if rule.type is CorrelationType.TEMPORAL_ORDERED:
        _check_ordered(rule, faults)
        return Sequence(rule.header, _inputs(rule, children, ()), rule.group_by, rule.timespan.microseconds)
    measure = _MEASURES[rule.type]
    measured = () if measure in (Measure.EVENTS, Measure.RULES) else rule.value_fields
    _check_measured(rule, measure, measured, faults)
    return Aggregate(
        rule.header,
        _inputs(rule, children, measured),
        rule.group_by,
        rule.timespan.microseconds,
        measure,
        rule.condition,
        _window(measure, rule.condition),
        rule.percentile if measure is Measure.PERCENTILE else None,
    )


def _check_ordered(rule: CorrelationRule, faults: Faults) -> None:
    """A condition of temporal_ordered can only say that every rule takes part."""
    count = Decimal(len(rule.rules))
    if not isinstance(rule.condition, Threshold):
        hint = "leave the condition out, or use temporal"
        faults.add("PLN008", "temporal_ordered takes no boolean condition", hint)
    elif any(op not in (Op.GTE, Op.EQ) or bound != count for op, bound in rule.condition.bounds):
        faults.add("PLN008", f"the condition of temporal_ordered must be the number of its rules, gte: {count}")


def _check_measured(rule: CorrelationRule, measure: Measure, measured: Seq[str], faults: Faults) -> None:
    if measure in _NUMERIC and len(measured) != 1:
        faults.add("PLN009", f"{rule.type} measures one field, not {len(measured)}")
    if measure is Measure.DISTINCT and not measured:
        faults.add("PLN009", f"{rule.type} needs a field")
    if measure is Measure.PERCENTILE and rule.percentile is None:
        faults.add("PLN009", f"{rule.type} needs a percentile")
    if measure is not Measure.RULES and not isinstance(rule.condition, Threshold):
        faults.add("PLN009", f"{rule.type} takes no boolean condition")


def _inputs(rule: CorrelationRule, children: Seq[Node], measured: Seq[str]) -> tuple[Input, ...]:
    readers = [
        _Reader(key, child, dict(_alias_fields(rule, key))) for key, child in zip(rule.rules, children, strict=True)
    ]
    return tuple(
        Input(
            reader.child,
            tuple(reader.read(name) for name in rule.group_by),
            tuple(reader.read(name) for name in measured),
        )
        for reader in readers
    )


def _alias_fields(rule: CorrelationRule, key: str) -> list[tuple[str, str]]:
    """(alias, field) for each alias that says something of this referenced rule."""
    return [(alias, field) for alias, fields in rule.aliases for of, field in fields if of == key]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Looks names up for one referenced rule: its alias, then its own group-by names, then the carried event."""

    key: str
    child: Node
    aliases: dict[str, str]

    def read(self, name: str) -> Reading:
        wanted = self.aliases.get(name, name)
        own = () if isinstance(self.child, Search) else self.child.group_by
        return GroupValue(own.index(wanted)) if wanted in own else Column(wanted)


def _window(measure: Measure, condition: Threshold | Expression) -> Window:
    """Sliding where more events can only help the condition, else calendar windows."""
    slides = measure not in _STATISTICS and _only_grows(condition)
    return Window.SLIDING if slides else Window.CALENDAR


def _only_grows(condition: Threshold | Expression) -> bool:
    match condition:
        case Threshold():
            return all(op in (Op.GT, Op.GTE) for op, _ in condition.bounds)
        case Present():
            return True
        case AllOf() | AnyOf():
            return all(_only_grows(item) for item in condition.items)
        case NoneOf():
            return False
        case _:
            assert_never(condition)
