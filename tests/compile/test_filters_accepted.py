"""Elastic's EQL and Grafana's LogQL on what is compiled; EQL's sequences run, and held against the evaluator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from reference.canonical import canonical_rule_sets, plan_of
from tollwatch.compile.model import Mode, Options
from tollwatch.compile.registry import compile_node, language
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records
from tollwatch.plan.nodes import Plan
from vendors import elastic_eql, logql

pytestmark = pytest.mark.vendor
many = settings(
    max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
START = datetime(2026, 3, 1, 10, tzinfo=UTC)


@many
@given(canonical_rule_sets())
def test_random_rules_are_accepted(documents: list[dict[str, Any]]) -> None:
    for node in plan_of(documents).detections:
        query = compile_node(node, language("logql"), load_profile("canonical"), Options(Mode.HUNT))
        if query.text is not None:
            event("logql")
            assert logql.check(query.text) == (), query.text
        query = compile_node(node, language("eql"), load_profile("canonical"), Options(Mode.HUNT))
        if query.text is not None:
            event("eql")
            columns = {column.name: column.type for column in query.columns}
            assert elastic_eql.check(query.text, columns) == (), query.text


calls = st.fixed_dictionaries(
    {
        "second": st.integers(0, 30),
        "source_ip": st.sampled_from(["a", "b", None]),
        "response_code": st.sampled_from([401, 401, 200]),
    }
)
BASES = [
    {
        "title": name,
        "name": name,
        "logsource": {"category": "ai_api", "service": "gateway"},
        "detection": {"selection": {"response_code": code}, "condition": "selection"},
    }
    for name, code in (("refused", 401), ("accepted", 200))
]
SEQUENCES: list[dict[str, Any]] = [
    {"type": "event_count", "rules": ["refused"], "group-by": ["source_ip"], "condition": {"gte": 3}},
    {"type": "event_count", "rules": ["refused"], "condition": {"gt": 1}},
    {"type": "temporal_ordered", "rules": ["refused", "accepted"], "group-by": ["source_ip"]},
    {"type": "temporal_ordered", "rules": ["refused", "accepted", "refused"], "group-by": ["source_ip"]},
]


@pytest.mark.parametrize("body", SEQUENCES, ids=lambda body: body["type"])
@many
@given(st.lists(calls, max_size=14, unique_by=lambda call: call["second"]))
def test_a_sequence_is_found_where_the_rule_first_holds(body: dict[str, Any], log: list[dict[str, Any]]) -> None:
    """The same entities, each first at the same time; times are apart, since EQL orders equal ones."""
    bases = [base for base in BASES if base["name"] in body["rules"]]
    (node,) = plan_of([*bases, {"title": "many", "correlation": {**body, "timespan": "10s"}}]).detections
    query = compile_node(node, language("eql"), load_profile("canonical"), Options(Mode.HUNT))
    rows = [
        {name: value for name, value in call.items() if value is not None and name != "second"}
        | {"@timestamp": START + timedelta(seconds=call["second"])}
        for call in log
    ]
    first: dict[Any, datetime] = {}
    for sequence in elastic_eql.run(query.text or "", rows):
        key = sequence[-1].get("source_ip") if "group-by" in body else None
        first[key] = min(first.get(key, sequence[-1]["@timestamp"]), sequence[-1]["@timestamp"])
    records = [{**row, "timestamp": row["@timestamp"].isoformat()} for row in rows]
    alerts = run(Plan((node,)), [from_records(records, load_profile("canonical"))]).alerts
    expected: dict[Any, datetime] = {}
    for alert in alerts:
        key = dict(alert.entity).get("source_ip")
        at = datetime.fromtimestamp(alert.triggered_at / 1_000_000, UTC)
        expected[key] = min(expected.get(key, at), at)
    assert first == expected
