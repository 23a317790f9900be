"""Scheduled queries as a SIEM runs them: every interval, over the lookback. Each episode is reported once."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reference.canonical import canonical_rule_sets, plan_of
from reference.hopping_edge import HALF, SECOND, shorter
from reference.proof import executed, shown, table_of
from reference.random_events import canonical_record
from reference.strategies import START, logs
from tollwatch.compile.model import Mode, Options, Query
from tollwatch.compile.registry import compile_node, language
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records
from tollwatch.plan.nodes import Plan, Search
from tollwatch.query.table import Table

EXAMPLES = os.environ.get("TOLLWATCH_EXAMPLES")
CANONICAL = load_profile("canonical")
MINUTE = 60 * SECOND
many = settings(
    max_examples=int(EXAMPLES or "60"), derandomize=EXAMPLES is None, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def reported(query: Query, table: Table, entity: tuple[str, ...], phase: int) -> Counter[tuple[str, int]]:
    """(entity, triggered_at) of every row of every run, from before the log to well after it."""
    assert query.schedule is not None
    found: Counter[tuple[str, int]] = Counter()
    for at in range(START - MINUTE + phase, START + 16 * MINUTE + query.schedule.lookback, query.schedule.interval):
        if at > START + 16 * MINUTE:
            break
        rows = shown(executed(query, table, at), entity, ())
        found.update((str(row["entity"]), row["triggered_at"]) for row in rows)
    return found


phases = st.integers(0, 5 * 60 - 1).map(lambda second: second * SECOND)


@pytest.mark.parametrize("target", ["kql", "spl"])
@many
@given(canonical_rule_sets(), logs, phases)
def test_every_episode_is_reported_once(
    target: str, documents: list[dict[str, Any]], log: list[dict[str, Any]], phase: int
) -> None:
    plan = plan_of(documents)
    events = from_records([canonical_record(one) for one in log], CANONICAL)
    for node in plan.detections:
        query = compile_node(node, language(target), CANONICAL, Options(Mode.SCHEDULED))
        if query.text is None:
            continue
        entity = () if isinstance(node, Search) else node.group_by
        alerts = run(Plan((node,)), [events]).alerts
        expected = Counter((str(dict(alert.entity)), alert.triggered_at) for alert in alerts)
        assert reported(query, table_of(events), entity, phase) == expected


@many
@given(canonical_rule_sets(), logs, phases)
def test_windows_report_every_entity(documents: list[dict[str, Any]], log: list[dict[str, Any]], phase: int) -> None:
    """Of ES|QL: the entities that rules with timespans half a second shorter find, and no others."""
    log = [{**one, "timestamp": (one["timestamp"] + HALF) // SECOND * SECOND} for one in log]
    plan = plan_of(documents)
    events = from_records([canonical_record(one) for one in log], CANONICAL)
    for node in plan.detections:
        query = compile_node(node, language("esql"), CANONICAL, Options(Mode.SCHEDULED, hop=SECOND // 10))
        if query.text is None or isinstance(node, Search):
            continue
        assume(query.tolerance is not None and query.tolerance.missed_s * SECOND <= HALF)
        alerts = run(Plan((shorter(node),)), [events]).alerts
        found = reported(query, table_of(events), node.group_by, phase)
        assert {entity for entity, _ in found} == {str(dict(alert.entity)) for alert in alerts}
