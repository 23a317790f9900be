"""Kusto over two tables: what a query finds in the tables of azure-apim is what the same rule finds in its events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reference.canonical import plan_of
from reference.proof import run_text
from reference.samples import PROFILES
from tollwatch.compile.model import Mode, Options
from tollwatch.compile.registry import compile_node, language
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records
from tollwatch.plan.nodes import Plan
from tollwatch.query.table import Table, Type, column

PROFILE = load_profile("azure-apim")
FOLDER = PROFILES / "azure-apim"
RECORDS: list[dict[str, Any]] = [json.loads(line) for line in (FOLDER / "sample.jsonl").read_text("utf-8").splitlines()]
EVENTS: list[dict[str, Any]] = [json.loads(line) for line in (FOLDER / "events.jsonl").read_text("utf-8").splitlines()]
COLUMNS = {
    "ApiManagementGatewayLogs": {
        **dict.fromkeys(
            ("Type", "CorrelationId", "Region", "OperationId", "CallerIpAddress", "ProductId", "ApimSubscriptionId",
             "UserId", "LastErrorReason"), Type.STRING),
        "ResponseCode": Type.LONG, "TotalTime": Type.LONG,
    },
    "ApiManagementGatewayLlmLog": {
        **dict.fromkeys(("Type", "CorrelationId", "Region", "ModelName", "DeploymentName"), Type.STRING),
        **dict.fromkeys(("SequenceNumber", "PromptTokens", "CompletionTokens", "TotalTokens"), Type.LONG),
        "IsStreamCompletion": Type.BOOL,
    },
}  # fmt: skip
QUESTIONS = [
    (field, value)
    for field in (carrier.field for carrier in PROFILE.carriers if carrier.field != "timestamp")
    for value in dict.fromkeys(event[field] for event in EVENTS if field in event)
]


def tables() -> dict[str, Table]:
    """The sample as Azure Monitor keeps it."""
    times = {event["request_id"]: event for event in EVENTS}
    made = {}
    for name, columns in COLUMNS.items():
        rows = [record for record in RECORDS if record["Type"] == name]
        found = {one: column(type_, [row.get(one) for row in rows]) for one, type_ in columns.items()}
        order = [list(times).index(row["CorrelationId"]) if row["CorrelationId"] in times else -1 for row in rows]
        found["TimeGenerated"] = column(Type.DATETIME, [TIMES[at] for at in order])
        made[name] = Table(found, len(rows))
    return made


TIMES = [*from_records(RECORDS, PROFILE).time.tolist(), 0]


@pytest.mark.parametrize(("field", "value"), QUESTIONS)
def test_a_query_over_two_tables_finds_the_events(field: str, value: Any) -> None:
    key = f"{field}|cased" if isinstance(value, str) else field
    rule = {
        "title": "one",
        "logsource": {"category": "ai_api", "service": "gateway"},
        "detection": {"selection": {key: value}, "condition": "selection"},
    }
    (node,) = plan_of([rule]).detections
    query = compile_node(node, language("kql"), PROFILE, Options(Mode.HUNT))
    rows = run_text("kql", query.text or "", tables(), 0)
    alerts = run(Plan((node,)), [from_records(RECORDS, PROFILE)]).alerts
    assert alerts
    assert sorted(rows.columns["triggered_at"].values.tolist()) == sorted(alert.triggered_at for alert in alerts)
