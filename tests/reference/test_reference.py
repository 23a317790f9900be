"""The reference's correlations and alerts, by hand: each clause of docs/semantics.md has at least one example here."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from reference.evaluator import Reference

SECOND = 1_000_000
Event = dict[str, Any]


def base(name: str, code: int) -> dict[str, Any]:
    return {"name": name, "detection": {"s": {"code": code}, "condition": "s"}}


A, B, BOTH = base("a", 1), base("b", 2), {"name": "both", "detection": {"s": {"code|gte": 1}, "condition": "s"}}


def top(
    kind: str, rules: list[str], condition: Any = None, name: str = "top", by: list[str] | None = None, **more: Any
) -> dict[str, Any]:
    """A correlation with W = 10 s."""
    body: dict[str, Any] = {"type": kind, "rules": rules, "timespan": "10s", "group-by": by or [], **more}
    return {"name": name, "correlation": body if condition is None else {**body, "condition": condition}}


def at(second: float, code: int | None = 1, **fields: Any) -> Event:
    return {"timestamp": round(second * SECOND), "code": code, **fields}


def alerts(rules: list[dict[str, Any]], events: list[Event], name: str = "top") -> list[dict[str, Any]]:
    """What a rule alerts, times in seconds: only what its table speaks of."""
    return [
        {
            "entity": alert["entity"],
            "at": tuple(Fraction(alert[key], SECOND) for key in ("first_seen", "triggered_at", "last_seen")),
            "hits": alert["hits"],
            "peak": alert["peak"],
            "events": sorted(alert["events"]),
        }
        for alert in Reference(rules, events).alerts()
        if alert["rule"] == name
    ]


def one(times: tuple[float, float, float], hits: int, peak: Any, events: list[int], **entity: str) -> dict[str, Any]:
    """An alert: first seen, triggered, last seen (s); hits; peak; indices of the contributing events; entity."""
    shown = None if peak is None else Fraction(str(peak))
    at_ = tuple(Fraction(str(time)) for time in times)
    return {"entity": entity, "at": at_, "hits": hits, "peak": shown, "events": events}


MICRO = 0.000001

CASES: dict[str, tuple[list[dict[str, Any]], list[Event], list[dict[str, Any]]]] = {
    "exactly W apart is within; both ends are included": (
        [A, top("event_count", ["a"], {"gte": 2})],
        [at(0), at(10)],
        [one((0, 10, 10), 1, 2, [0, 1])],
    ),
    "a microsecond more is not": (
        [A, top("event_count", ["a"], {"gte": 2})],
        [at(0), at(10 + MICRO)],
        [],
    ),
    "events at one time are seen by each other": (
        [A, top("event_count", ["a"], {"gte": 2})],
        [at(5), at(5)],
        [one((5, 5, 5), 2, 2, [0, 1])],
    ),
    "gt is more than gte": (
        [A, top("event_count", ["a"], {"gt": 2})],
        [at(0), at(1), at(2)],
        [one((0, 2, 2), 1, 3, [0, 1, 2])],
    ),
    "the order of lines means nothing": (
        [A, top("event_count", ["a"], {"gte": 2})],
        [at(3), at(9), at(0)],
        [one((0, 3, 9), 2, 3, [0, 1, 2])],
    ),
    "an event that two rules match counts once": (
        [A, BOTH, top("event_count", ["a", "both"], {"gte": 2})],
        [at(0), at(20), at(21)],
        [one((20, 21, 21), 1, 2, [1, 2])],
    ),
    "an event without the group-by field belongs to no group; keys mind the case; empty text is a key": (
        [A, top("event_count", ["a"], {"gte": 2}, by=["k"])],
        [at(0, k="x"), at(1, k="X"), at(2, k=None), at(3), at(4, k="x"), at(5, k=""), at(6, k="")],
        [one((0, 4, 4), 1, 2, [0, 4], k="x"), one((5, 6, 6), 1, 2, [5, 6], k="")],
    ),
    "an entity is text: whole numbers without a point": (
        [A, top("event_count", ["a"], {"gte": 1}, by=["n", "b"])],
        [at(0, n=5.0, b=True)],
        [one((0, 0, 0), 1, 1, [0], n="5", b="true")],
    ),
    "hits W apart are one episode; contributing events are those in the window of any hit": (
        [A, top("event_count", ["a"], {"gte": 2})],
        [at(0), at(5), at(15)],
        [one((0, 5, 15), 2, 2, [0, 1, 2])],
    ),
    "hits more than W apart are two episodes": (
        [A, top("event_count", ["a"], {"gte": 2})],
        [at(0), at(5), at(15 + MICRO), at(15 + MICRO)],
        [one((0, 5, 5), 1, 2, [0, 1]), one((15 + MICRO,) * 3, 2, 2, [2, 3])],
    ),
    "the peak is the largest value": (
        [A, top("event_count", ["a"], {"gte": 2})],
        [at(0), at(1), at(2), at(11.5)],
        [one((0, 1, 11.5), 3, 3, [0, 1, 2, 3])],
    ),
    "value_count: distinct values, nulls and repeats are looked at but count nothing": (
        [A, top("value_count", ["a"], {"gte": 2, "field": "v"})],
        [at(0, v="x"), at(1, v="X"), at(2, v=None), at(3, v="x"), at(11.5, v="x")],
        [one((0, 1, 3), 3, 2, [0, 1, 2, 3])],
    ),
    "value_count of several fields: tuples without a null": (
        [A, top("value_count", ["a"], {"gte": 2, "field": ["v", "w"]})],
        [at(0, v="x", w=1), at(1, v="x"), at(2, v="x", w=2)],
        [one((0, 2, 2), 1, 2, [0, 1, 2])],
    ),
    "value_count: 1 is 1.0": (
        [A, top("value_count", ["a"], {"gte": 2, "field": "v"})],
        [at(0, v=1), at(1, v=1.0)],
        [],
    ),
    "value_sum: exact, text numbers too; what is no number adds nothing": (
        [A, top("value_sum", ["a"], {"gte": Decimal("0.3"), "field": "v"})],
        [at(0, v=0.1), at(1, v="0.2"), at(2, v="many"), at(3, v=None), at(14, v="many")],
        [one((0, 1, 3), 3, 0.3, [0, 1, 2, 3])],
    ),
    "value_sum: each distinct event once": (
        [A, BOTH, top("value_sum", ["a", "both"], {"gte": 4, "field": "v"})],
        [at(0, v=3)],
        [],
    ),
    "value_sum: nulls alone meet no condition": (
        [A, top("value_sum", ["a"], {"gte": 0, "field": "v"})],
        [at(0), at(20, v=0)],
        [one((20, 20, 20), 1, 0, [1])],
    ),
    "lt is judged in calendar windows [k·W, (k+1)·W), at their end, where there is a hit; its peak is the smallest": (
        [A, top("event_count", ["a"], {"lt": 3})],
        [at(0), at(9), at(10), at(11), at(12), at(29.999999), at(30)],
        [one((0, 10, 10), 1, 2, [0, 1]), one((29.999999, 30, 40), 2, 1, [5, 6])],
    ),
    "a calendar hit is carried by every event at the window's last time": (
        [A, top("event_count", ["a"], {"eq": 3})],
        [at(1), at(9), at(9)],
        [one((1, 10, 10), 2, 3, [0, 1, 2])],
    ),
    "a range is a calendar condition; its peak is the largest": (
        [A, top("event_count", ["a"], {"gte": 1, "lte": 2})],
        [at(5), at(15), at(16), at(21), at(22), at(23)],
        [one((5, 10, 20), 2, 2, [0, 1, 2])],
    ),
    "neq": (
        [A, top("event_count", ["a"], {"neq": 2})],
        [at(5), at(6), at(15)],
        [one((15, 20, 20), 1, 1, [2])],
    ),
    "value_avg, over the numbers only, never slides": (
        [A, top("value_avg", ["a"], {"gte": Decimal("2.5"), "field": "v"})],
        [at(1, v=2), at(2, v=3), at(3), at(9, v=None), at(11, v=3)],
        [one((1, 10, 20), 2, 3, [0, 1, 2, 3, 4])],
    ),
    "value_median: the mean of the middle two": (
        [A, top("value_median", ["a"], {"eq": Decimal("2.5"), "field": "v"})],
        [at(1, v=9), at(2, v=2), at(3, v=3), at(4, v=0)],
        [one((1, 10, 10), 1, 2.5, [0, 1, 2, 3])],
    ),
    "value_percentile: element ⌈p·n/100⌉ in order": (
        [A, top("value_percentile", ["a"], {"gte": 0, "field": "v", "percentile": 50})],
        [at(1, v=4), at(2, v=3), at(3, v=2), at(4, v=1)],
        [one((1, 10, 10), 1, 2, [0, 1, 2, 3])],
    ),
    "value_percentile: just above half is the next element": (
        [A, top("value_percentile", ["a"], {"gte": 0, "field": "v", "percentile": Decimal("50.1")})],
        [at(1, v=4), at(2, v=3), at(3, v=2), at(4, v=1)],
        [one((1, 10, 10), 1, 3, [0, 1, 2, 3])],
    ),
    "temporal: every rule, in any order, each of its hits is looked at": (
        [A, B, top("temporal", ["a", "b"])],
        [at(0, 2), at(10, 1), at(10 + MICRO, 1)],
        [one((0, 10, 10), 1, 2, [0, 1])],
    ),
    "temporal: at equal times both hits hold": (
        [A, B, top("temporal", ["a", "b"])],
        [at(0, 1), at(0, 2)],
        [one((0, 0, 0), 2, 2, [0, 1])],
    ),
    "temporal: as many as the condition says; one event can be several rules' hit": (
        [A, B, BOTH, top("temporal", ["a", "b", "both"], {"gte": 2})],
        [at(0, 1)],
        [one((0, 0, 0), 1, 2, [0])],
    ),
    "temporal: an expression without not slides": (
        [A, B, base("c", 3), top("temporal", ["a", "b", "c"], "a and (b or c)")],
        [at(0, 3), at(9, 1), at(25, 2)],
        [one((0, 9, 9), 1, 2, [0, 1])],
    ),
    "temporal: one with not has calendar windows": (
        [A, B, top("temporal", ["a", "b"], "a and not b")],
        [at(9, 1), at(11, 1), at(19, 2)],
        [one((9, 10, 10), 1, 1, [0])],
    ),
    "temporal_ordered: strictly later, at most W from first to last": (
        [A, B, top("temporal_ordered", ["a", "b"])],
        [at(0, 1), at(10, 2), at(10 + MICRO, 2), at(30, 1), at(30, 2)],
        [one((0, 10, 10), 1, None, [0, 1])],
    ),
    "temporal_ordered: not the other way round": (
        [A, B, top("temporal_ordered", ["a", "b"])],
        [at(0, 2), at(1, 1)],
        [],
    ),
    "temporal_ordered: the witnesses have the latest start, and lie on a chain from it": (
        [A, B, base("c", 3), top("temporal_ordered", ["a", "b", "c"])],
        [at(0, 1), at(1, 2), at(2, 1), at(2, 1), at(3, 2), at(4, 2), at(5, 3), at(5, 2)],
        [one((2, 5, 5), 1, None, [2, 3, 4, 5, 6])],
    ),
    "temporal_ordered: a rule may come twice": (
        [A, B, top("temporal_ordered", ["a", "b", "a"])],
        [at(0, 1), at(1, 2), at(2, 1)],
        [one((0, 2, 2), 1, None, [0, 1, 2])],
    ),
    "temporal_ordered: an event cannot follow itself": (
        [A, BOTH, top("temporal_ordered", ["a", "both"])],
        [at(0, 1)],
        [],
    ),
    "aliases name a group-by field per referenced rule": (
        [A, B, top("temporal", ["a", "b"], by=["who"], aliases={"who": {"a": "src", "b": "dst"}})],
        [at(0, 1, src="x", dst="y"), at(1, 2, src="y", dst="x")],
        [one((0, 1, 1), 1, 2, [0, 1], who="x")],
    ),
    "nesting: contributing events go down to events, further back than W": (
        [A, B, top("event_count", ["a"], {"gte": 2}, "many"), top("temporal_ordered", ["many", "b"])],
        [at(0, 1), at(9, 1), at(18, 2)],
        [one((0, 18, 18), 1, None, [0, 1, 2])],
    ),
    "nesting with another group-by: the parent reads it off the carried event": (
        [
            A,
            top("event_count", ["a"], {"gte": 2}, "many", by=["ip"]),
            top("value_count", ["many"], {"gte": 2, "field": "ip"}, by=["user"]),
        ],
        [at(0, ip="p", user="u"), at(1, ip="p", user="u"), at(2, ip="q", user="v"), at(3, ip="q", user="u")],
        [one((0, 3, 3), 1, 2, [0, 1, 2, 3], user="u")],
    ),
    "nesting: a child's group-by name comes before the event's field": (
        [
            A,
            top("event_count", ["a"], {"gte": 1}, "many", by=["k"], aliases={"k": {"a": "ip"}}),
            top("event_count", ["many"], {"gte": 1}, by=["k"]),
        ],
        [at(0, ip="p", k="own")],
        [one((0, 0, 0), 1, 1, [0], k="p")],
    ),
    "nesting: event_count over a correlation counts the distinct carried events": (
        [A, top("event_count", ["a"], {"gte": 2}, "many"), top("event_count", ["many"], {"gte": 2})],
        [at(0), at(1), at(2)],
        [one((0, 2, 2), 1, 2, [0, 1, 2])],
    ),
    "nesting: a calendar child's hits are at its windows' ends": (
        [A, B, top("event_count", ["a"], {"lt": 2}, "few"), top("temporal_ordered", ["b", "few"])],
        [at(1, 1), at(2, 2)],
        [one((1, 10, 10), 1, None, [0, 1])],
    ),
    "without correlation: one alert an event": (
        [base("top", 1)],
        [at(0), at(0), at(1, 2)],
        [one((0, 0, 0), 1, None, [0]), one((0, 0, 0), 1, None, [1])],
    ),
    "a filter of a correlation applies to its base rules, joined by and": (
        [
            A,
            top("event_count", ["a"], {"gte": 1}),
            {"filter": {"rules": ["top"], "own": {"ip": "x"}, "condition": "not own"}},
        ],
        [at(0, ip="x"), at(20)],
        [one((20, 20, 20), 1, 1, [1])],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_correlations(case: str) -> None:
    rules, events, expected = CASES[case]
    assert alerts(rules, events) == expected


def test_a_rule_that_is_referred_to_alerts_only_under_generate() -> None:
    quiet = top("event_count", ["a"], {"gte": 1})
    loud = top("event_count", ["b"], {"gte": 1}, "loud", generate=True)
    found = Reference([A, B, quiet, loud], [at(0, 1), at(1, 2)]).alerts()
    assert [alert["rule"] for alert in found] == ["top", "b", "loud"]


def test_rules_are_referred_to_by_id_too() -> None:
    rules = [{**A, "id": "1-2"}, top("event_count", ["1-2"], {"gte": 1})]
    assert alerts(rules, [at(0)]) == [one((0, 0, 0), 1, 1, [0])]


def test_each_step_of_a_chain_is_told() -> None:
    rules = [A, B, top("event_count", ["a"], {"gte": 2}, "many"), top("temporal_ordered", ["many", "b"])]
    (alert,) = Reference(rules, [at(0, 1), at(5, 1), at(9, 1), at(12, 2)]).alerts()
    (many, last) = alert["steps"]
    assert [(step["rule"], step["hits"], step["peak"], step["event_count"]) for step in (many, last)] == [
        ("many", 1, 3, 3),
        ("b", 1, None, 1),
    ]
    assert (many["first_seen"], many["triggered_at"], many["last_seen"]) == (0, 9 * SECOND, 9 * SECOND)
    assert [(step["rule"], step["hits"]) for step in many["steps"]] == [("a", 3)]
