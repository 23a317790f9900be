"""The programs that SPL and KQL print, run by a slow interpreter, against the evaluator: random rules, random logs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from reference import programs
from reference.canonical import plan_of
from reference.columns import flat, in_columns
from reference.strategies import logs, rule_sets
from tollwatch.compile.model import Refused
from tollwatch.compile.sweep import program
from tollwatch.evaluate.alerts import Alert
from tollwatch.evaluate.masks import Masks
from tollwatch.evaluate.run import run
from tollwatch.plan.nodes import Plan, Search

EXAMPLES = os.environ.get("TOLLWATCH_EXAMPLES")


def told(alert: Alert, gives: tuple[str, ...]) -> dict[str, Any]:
    return {
        "entity": dict(alert.entity),
        "triggered_at": alert.triggered_at,
        **{name: getattr(alert, name) for name in gives if name != "peak"},
        "peak": None if alert.peak is None else f"{float(alert.peak):.12g}",
    }


def shown(row: Mapping[str, Any], gives: tuple[str, ...]) -> dict[str, Any]:
    return {
        "entity": {name: programs.key_text(value) for name, value in row["entity"].items()},
        "triggered_at": row["triggered_at"],
        **{name: row[name] for name in gives if name != "peak"},
        "peak": None if row["peak"] is None else f"{float(Fraction(row['peak'])):.12g}",
    }


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["triggered_at"], str(row["entity"])))


@settings(
    max_examples=int(EXAMPLES or "200"), derandomize=EXAMPLES is None, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip
@given(rule_sets(), logs, st.booleans())
def test_programs_are_equal_to_the_evaluator(
    documents: list[dict[str, Any]], log: list[dict[str, Any]], encoded: bool
) -> None:
    plan = plan_of(documents)
    events = in_columns(log, 0, encoded=encoded)
    masks = Masks(events)
    rows = [flat(one) for one in log]
    for node in plan.detections:
        if isinstance(node, Search):
            continue
        try:
            compiled = program(node, scheduled=False)
        except Refused as refused:
            event(f"refused: {refused.refusal.reason}")
            continue
        found = programs.run(compiled, rows, lambda predicate, at: bool(masks.of(predicate)[at]))
        alerts = run(Plan((node,)), [events]).alerts
        assert in_order([shown(row, compiled.gives) for row in found]) == in_order(
            [told(alert, compiled.gives) for alert in alerts]
        )
