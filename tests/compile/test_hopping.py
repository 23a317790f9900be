"""Hopping windows against the evaluator: random rules, random logs of whole seconds, hops of a tenth of one.

With all times on whole seconds and all hops together under a half, windows find what rules with timespans half a
second shorter mean, and nothing else: the tolerance that a query states, at its edge.
"""

from __future__ import annotations

import os
from collections.abc import Sequence as Seq
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings

from reference import hopping as slow
from reference.canonical import plan_of
from reference.columns import flat, in_columns
from reference.hopping_edge import HALF, SECOND, shorter, spans
from reference.programs import key_text
from reference.strategies import logs, rule_sets
from tollwatch.compile.hopping import Hopping
from tollwatch.compile.hopping_draft import hopping
from tollwatch.compile.model import Refused
from tollwatch.evaluate.masks import Masks
from tollwatch.evaluate.run import run
from tollwatch.plan.nodes import Plan, Search

EXAMPLES = os.environ.get("TOLLWATCH_EXAMPLES")


def merged(made: Hopping, rows: Seq[dict[str, Any]]) -> set[tuple[Any, int, int]]:
    """(entity, first, last) over all its windows."""
    times: dict[Any, list[int]] = {}
    for row in rows:
        entity = tuple((name, key_text(row[column])) for name, column in made.entity)
        times.setdefault(entity, []).append(row["t"] * 1000)
    return {(entity, min(at), max(at)) for entity, at in times.items()}


@settings(
    max_examples=int(EXAMPLES or "200"), derandomize=EXAMPLES is None, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip
@given(rule_sets(), logs)
def test_windows_find_what_is_a_little_shorter(documents: list[dict[str, Any]], log: list[dict[str, Any]]) -> None:
    log = [{**one, "timestamp": (one["timestamp"] + HALF) // SECOND * SECOND} for one in log]
    plan = plan_of(documents)
    events = in_columns(log, 0, encoded=False)
    masks = Masks(events)
    rows = [flat(one) for one in log]
    for node in plan.detections:
        if isinstance(node, Search):
            continue
        try:
            made = hopping(node, SECOND // 10)
        except Refused as refused:
            event(f"refused: {refused.refusal.reason}")
            continue
        assume(made.missed <= HALF // 1000)
        found = slow.run(made, rows, lambda predicate, at: bool(masks.of(predicate)[at]))
        alerts = run(Plan((shorter(node),)), [events]).alerts
        event("alerts" if alerts else "no alerts")
        assert merged(made, found) == spans(alerts)
