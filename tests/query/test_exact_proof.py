"""What is compiled to SPL and Kusto, read as text and executed, against the evaluator: random rules, random logs."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from reference.canonical import canonical_rule_sets, plan_of
from reference.proof import executed, in_order, shown, table_of, told
from reference.random_events import canonical_record
from reference.strategies import logs
from tollwatch.compile.model import Mode, Options
from tollwatch.compile.registry import compile_node, language
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records
from tollwatch.plan.nodes import Plan, Search

EXAMPLES = os.environ.get("TOLLWATCH_EXAMPLES")
CANONICAL = load_profile("canonical")
NOW = 1_772_400_000_000_000


@pytest.mark.parametrize("target", ["kql", "spl"])
@settings(
    max_examples=int(EXAMPLES or "150"), derandomize=EXAMPLES is None, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(canonical_rule_sets(), logs)
def test_what_is_compiled_finds_what_the_evaluator_does(
    target: str, documents: list[dict[str, Any]], log: list[dict[str, Any]]
) -> None:
    plan = plan_of(documents)
    events = from_records([canonical_record(one) for one in log], CANONICAL)
    for node in plan.detections:
        query = compile_node(node, language(target), CANONICAL, Options(Mode.HUNT))
        if query.text is None:
            event(f"refused: {query.refused[0].reason}")
            continue
        found = executed(query, table_of(events), NOW)
        alerts = run(Plan((node,)), [events]).alerts
        event("alerts" if alerts else "no alerts")
        entity = () if isinstance(node, Search) else node.group_by
        assert in_order(shown(found, entity, query.gives)) == in_order([told(alert, query.gives) for alert in alerts])
