"""Which rules are lowered, and what becomes of the others."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sigma.rule import SigmaRule

from tollwatch.plan.lower import lower
from tollwatch.sigma.model import (
    CorrelationRule,
    CorrelationType,
    EventRule,
    Header,
    LogSource,
    Op,
    RuleSet,
    Threshold,
    Timespan,
)


def header(key: str, line: int = 1) -> Header:
    return Header(key, key, "rules.yml", line, 1, name=key, id=f"id-{key}")


def event(key: str, *, condition: str = "s", line: int = 1) -> EventRule:
    raw = {"title": key, "logsource": {"category": "c"}, "detection": {"s": {"f": key}, "condition": condition}}
    return EventRule(header(key, line), LogSource("c"), SigmaRule.from_dict(raw))


def count(key: str, *rules: str, generate: bool = False, line: int = 1) -> CorrelationRule:
    condition = Threshold(((Op.GTE, Decimal(2)),))
    kind = CorrelationType.EVENT_COUNT
    return CorrelationRule(header(key, line), kind, rules, Timespan("1m", 60_000_000), condition, generate=generate)


RULES = RuleSet(
    (
        count("top", "middle"),
        event("alone"),
        event("base"),
        count("middle", "base"),
        event("seen"),
        count("quiet", "seen", "base"),
        count("loud", "seen", generate=True),
    )
)


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (None, ["top", "alone", "seen", "quiet", "loud"]),
        (["base"], ["base"]),
        (["id-middle", "alone", "middle"], ["alone", "middle"]),
        ([], []),
    ],
)
def test_which_rules_alert(select: list[str] | None, expected: list[str]) -> None:
    plan, diagnostics = lower(RULES, select=select)
    assert [node.header.key for node in plan.detections] == expected
    assert diagnostics == ()


def test_an_unknown_rule_is_told_with_the_nearest_names() -> None:
    plan, diagnostics = lower(RULES, select=["alone", "alnoe"])
    assert [node.header.key for node in plan.detections] == ["alone"]
    assert [(d.code, d.message, d.hint) for d in diagnostics] == [
        ("PLN010", "there is no rule alnoe", "did you mean alone?")
    ]


def test_a_rule_that_cannot_be_lowered_takes_only_its_correlations_along() -> None:
    bad = event("bad", condition="t", line=2)
    rules = RuleSet((event("good"), bad, count("on", "bad", line=3), count("above", "on", line=4)))
    plan, diagnostics = lower(rules)
    assert [node.header.key for node in plan.detections] == ["good"]
    assert [(d.code, d.line, d.message) for d in diagnostics] == [
        ("PLN002", 2, "bad: the condition names t, and there is no such selection"),
        ("PLN007", 3, "on: refers to bad, which was left out"),
        ("PLN007", 4, "above: refers to on, which was left out"),
    ]


def test_equal_parts_of_a_plan_are_equal() -> None:
    first, second = (lower(RULES, select=["middle", "top"])[0] for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    top, middle = first.detections
    assert not hasattr(middle, "predicate")
    assert [part.node for part in getattr(top, "inputs", ())] == [middle]
