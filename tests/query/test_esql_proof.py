"""The ES|QL that is compiled, read as text and executed, against the evaluator, at the edge of its tolerance.

As tests/compile/test_hopping.py does with the stages: times on whole seconds, hops of a tenth of one, and the
evaluator's timespans half a second shorter; here the text itself is run.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from reference.canonical import canonical_rule_sets, plan_of
from reference.hopping_edge import HALF, SECOND, shorter, spans
from reference.programs import key_text
from reference.proof import in_order, milliseconds, run_text, shown, table_of, told
from reference.random_events import canonical_record
from reference.strategies import logs
from tollwatch.compile.model import Mode, Options
from tollwatch.compile.registry import compile_node, language
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records
from tollwatch.plan.nodes import Plan, Search
from tollwatch.query.table import Table, Type

EXAMPLES = os.environ.get("TOLLWATCH_EXAMPLES")
CANONICAL = load_profile("canonical")
NOW = 1_772_400_000_000_000


def merged(table: Table, entity: tuple[str, ...]) -> set[tuple[Any, int, int]]:
    """(entity, first, last) of each row."""
    found = set()
    for at in range(table.rows):
        row: dict[str, Any] = {
            name: one.values.tolist()[at] if one.valid[at] else None for name, one in table.columns.items()
        }
        key = tuple((name, key_text(row[name])) for name in entity)
        found.add((key, row["triggered_at"], row["last_seen"]))
    return found


@pytest.mark.parametrize("version", [(8, 19), (9, 3)])
@settings(
    max_examples=int(EXAMPLES or "100"), derandomize=EXAMPLES is None, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(canonical_rule_sets(), logs)
def test_compiled_esql_finds_what_is_a_little_shorter(
    version: tuple[int, int], documents: list[dict[str, Any]], log: list[dict[str, Any]]
) -> None:
    log = [{**one, "timestamp": (one["timestamp"] + HALF) // SECOND * SECOND} for one in log]
    plan = plan_of(documents)
    events = from_records([canonical_record(one) for one in log], CANONICAL)
    options = Options(Mode.HUNT, hop=SECOND // 10, elastic_version=version)
    for node in plan.detections:
        query = compile_node(node, language("esql"), CANONICAL, options)
        if query.text is None:
            event(f"refused: {query.refused[0].reason}")
            continue
        found = run_text("esql", query.text, {"events": milliseconds(table_of(events))}, NOW)
        if isinstance(node, Search):
            alerts = run(Plan((node,)), [events]).alerts
            assert in_order(shown(found, (), query.gives)) == in_order([told(one, query.gives) for one in alerts])
            continue
        assume(query.tolerance is not None and query.tolerance.missed_s * SECOND <= HALF)
        alerts = run(Plan((shorter(node),)), [events]).alerts
        event("alerts" if alerts else "no alerts")
        assert merged(found, node.group_by) == spans(alerts)


def test_the_engine_keeps_times_in_milliseconds() -> None:
    table = table_of(from_records([{"timestamp": "2026-03-01T10:00:00.123456Z"}], CANONICAL))
    found = run_text("esql", "FROM events | EVAL t = TO_LONG(TO_DATETIME(timestamp))", {"events": table}, NOW)
    assert (found.columns["t"].type, found.columns["t"].values.tolist()) == (Type.LONG, [1_772_359_200_123])
