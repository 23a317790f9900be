"""Correlations as nodes: keys, measures and windows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tollwatch.plan.faults import Faults
from tollwatch.plan.lower_correlation import lower_correlation
from tollwatch.plan.nodes import (
    Aggregate,
    Column,
    Constant,
    GroupValue,
    Input,
    Measure,
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
    Header,
    LogSource,
    NoneOf,
    Op,
    Present,
    Threshold,
    Timespan,
)

T = CorrelationType
MINUTE = 60_000_000


def header(key: str) -> Header:
    return Header(key, key, "rules.yml", 1, 1)


def threshold(*bounds: tuple[Op, int | str]) -> Threshold:
    return Threshold(tuple((op, Decimal(value)) for op, value in bounds))


def search(key: str) -> Search:
    return Search(header(key), Constant(True), LogSource("c"))


def grouped(key: str, *names: str) -> Aggregate:
    """A correlation grouped by these names."""
    inputs = (Input(search("base"), tuple(Column(name) for name in names)),)
    return Aggregate(header(key), inputs, names, MINUTE, Measure.EVENTS, threshold((Op.GTE, 2)), Window.SLIDING)


def correlation(
    type_: CorrelationType = T.EVENT_COUNT,
    *rules: str,
    condition: Threshold | Expression | None = None,
    group_by: tuple[str, ...] = ("user_id",),
    aliases: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (),
    value_fields: tuple[str, ...] = (),
    percentile: str | None = None,
) -> CorrelationRule:
    return CorrelationRule(
        header("top"),
        type_,
        rules or ("a",),
        Timespan("1m", MINUTE),
        condition or threshold((Op.GTE, len(rules) or 1)),
        group_by,
        aliases,
        value_fields,
        None if percentile is None else Decimal(percentile),
    )


@pytest.mark.parametrize(
    ("child", "group_by", "aliases", "expected"),
    [
        (search("a"), ("user_id",), (), (Column("user_id"),)),
        (search("a"), (), (), ()),
        (search("a"), ("who",), (("who", (("a", "user_id"), ("b", "key"))),), (Column("user_id"),)),
        (search("a"), ("who",), (("who", (("b", "key"),)),), (Column("who"),)),
        (grouped("a", "ip", "user_id"), ("user_id", "ip"), (), (GroupValue(1), GroupValue(0))),
        (grouped("a", "ip"), ("user_id",), (), (Column("user_id"),)),
        (grouped("a", "ip"), ("who",), (("who", (("a", "ip"),)),), (GroupValue(0),)),
        (grouped("a", "ip"), ("who",), (("who", (("a", "user_id"),)),), (Column("user_id"),)),
        (grouped("a", "who"), ("who",), (("who", (("a", "user_id"),)),), (Column("user_id"),)),
        (grouped("a", "who"), ("who",), (("who", (("b", "user_id"),)),), (GroupValue(0),)),
    ],
)
def test_keys_are_looked_up_by_alias_then_group_then_event(
    child: Search | Aggregate,
    group_by: tuple[str, ...],
    aliases: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    expected: tuple[Reading, ...],
) -> None:
    faults = Faults(header("top"))
    node = lower_correlation(correlation(group_by=group_by, aliases=aliases), [child], faults)
    assert node == Aggregate(
        header("top"),
        (Input(child, expected),),
        group_by,
        MINUTE,
        Measure.EVENTS,
        threshold((Op.GTE, 1)),
        Window.SLIDING,
    )
    assert faults.found == []


def test_measured_fields_are_looked_up_alike() -> None:
    rule = correlation(T.VALUE_COUNT, value_fields=("ip", "what"), aliases=(("what", (("a", "model_id"),)),))
    node = lower_correlation(rule, [grouped("a", "ip")], Faults(header("top")))
    assert isinstance(node, Aggregate)
    assert [part.values for part in node.inputs] == [(GroupValue(0), Column("model_id"))]


GTE, GT, LT, EQ = threshold((Op.GTE, 2)), threshold((Op.GT, 1)), threshold((Op.LT, 2)), threshold((Op.EQ, 2))
RANGE = threshold((Op.GT, 2), (Op.LTE, "5.5"))


@pytest.mark.parametrize(
    ("type_", "condition", "measure", "window"),
    [
        (T.EVENT_COUNT, GTE, Measure.EVENTS, Window.SLIDING),
        (T.EVENT_COUNT, GT, Measure.EVENTS, Window.SLIDING),
        (T.EVENT_COUNT, threshold((Op.GT, 1), (Op.GTE, 3)), Measure.EVENTS, Window.SLIDING),
        (T.EVENT_COUNT, LT, Measure.EVENTS, Window.CALENDAR),
        (T.EVENT_COUNT, threshold((Op.LTE, 2)), Measure.EVENTS, Window.CALENDAR),
        (T.EVENT_COUNT, EQ, Measure.EVENTS, Window.CALENDAR),
        (T.EVENT_COUNT, threshold((Op.NEQ, 2)), Measure.EVENTS, Window.CALENDAR),
        (T.EVENT_COUNT, RANGE, Measure.EVENTS, Window.CALENDAR),
        (T.VALUE_COUNT, GTE, Measure.DISTINCT, Window.SLIDING),
        (T.VALUE_SUM, GT, Measure.SUM, Window.SLIDING),
        (T.VALUE_AVG, GTE, Measure.AVERAGE, Window.CALENDAR),
        (T.VALUE_MEDIAN, GTE, Measure.MEDIAN, Window.CALENDAR),
        (T.VALUE_PERCENTILE, GTE, Measure.PERCENTILE, Window.CALENDAR),
        (T.TEMPORAL, GTE, Measure.RULES, Window.SLIDING),
        (T.TEMPORAL, LT, Measure.RULES, Window.CALENDAR),
        (T.TEMPORAL, AnyOf((Present(0), AllOf((Present(1), Present(0))))), Measure.RULES, Window.SLIDING),
        (T.TEMPORAL, AllOf((Present(0), NoneOf(Present(1)))), Measure.RULES, Window.CALENDAR),
    ],
)
def test_measures_and_windows(
    type_: CorrelationType, condition: Threshold | Expression, measure: Measure, window: Window
) -> None:
    """What more events cannot make false again slides."""
    measured = measure not in (Measure.EVENTS, Measure.RULES)
    rule = correlation(
        type_, "a", "b", condition=condition, value_fields=("tokens_used",) if measured else (), percentile="99.5"
    )
    faults = Faults(header("top"))
    values = (Column("tokens_used"),) if measured else ()
    inputs = tuple(Input(search(key), (Column("user_id"),), values) for key in "ab")
    percentile = Decimal("99.5") if measure is Measure.PERCENTILE else None
    expected = Aggregate(header("top"), inputs, ("user_id",), MINUTE, measure, condition, window, percentile)
    assert lower_correlation(rule, [search("a"), search("b")], faults) == expected
    assert faults.found == []


def test_the_order_of_rules_is_kept() -> None:
    rule = correlation(T.TEMPORAL_ORDERED, "b", "a", "b")
    node = lower_correlation(rule, [search("b"), search("a"), search("b")], Faults(header("top")))
    inputs = tuple(Input(search(key), (Column("user_id"),)) for key in "bab")
    assert node == Sequence(header("top"), inputs, ("user_id",), MINUTE)


COUNTED = "top: the condition of temporal_ordered must be the number of its rules, gte: 2"
AVERAGE = correlation(T.VALUE_AVG, value_fields=("tokens_used",))
ORDERED = correlation(T.TEMPORAL_ORDERED, "a", "b")


@pytest.mark.parametrize(
    ("rule", "code", "message"),
    [
        (replace(ORDERED, condition=threshold((Op.GTE, 1))), "PLN008", COUNTED),
        (replace(ORDERED, condition=threshold((Op.GT, 2))), "PLN008", COUNTED),
        (replace(ORDERED, condition=Present(0)), "PLN008", "top: temporal_ordered takes no boolean condition"),
        (replace(AVERAGE, value_fields=()), "PLN009", "top: value_avg measures one field, not 0"),
        (replace(AVERAGE, value_fields=("a", "b")), "PLN009", "top: value_avg measures one field, not 2"),
        (correlation(T.VALUE_COUNT), "PLN009", "top: value_count needs a field"),
        (replace(AVERAGE, type=T.VALUE_PERCENTILE), "PLN009", "top: value_percentile needs a percentile"),
        (correlation(condition=Present(0)), "PLN009", "top: event_count takes no boolean condition"),
    ],
)
def test_what_cannot_be_lowered_is_told(rule: CorrelationRule, code: str, message: str) -> None:
    faults = Faults(header("top"))
    lower_correlation(rule, [search(key) for key in rule.rules], faults)
    assert [(d.code, d.message) for d in faults.found] == [(code, message)]
