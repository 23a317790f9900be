"""Microsoft's own parser and binder on what is compiled: the pack, and random rules over the canonical fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from reference.canonical import canonical_rule_sets, pack, plan_of
from tollwatch.compile.model import Mode, Options, Query
from tollwatch.compile.registry import compile_node, language
from tollwatch.logs.profile import load_profile
from vendors import kusto

pytestmark = pytest.mark.vendor
RESULT = {"first_seen": "datetime", "triggered_at": "datetime", "last_seen": "datetime", "hits": "long"}


def tables(query: Query) -> dict[str, dict[str, str]]:
    columns = {column.name: column.type for column in query.columns}
    return {query.source or "": columns}


@pytest.mark.parametrize("profile", ["canonical", "litellm", "ecs"])
@pytest.mark.parametrize("mode", list(Mode))
def test_the_pack_is_accepted(profile: str, mode: Mode) -> None:
    compiled = [compile_node(node, language("kql"), load_profile(profile), Options(mode)) for node in pack().detections]
    found = {query.rule: kusto.check(query.text, tables(query)) for query in compiled if query.text is not None}
    assert found == dict.fromkeys(found, ())
    assert len(found) >= 6


def test_the_pack_is_accepted_over_two_tables() -> None:
    """Azure API Management's log of requests and its log of models: columns as the vendor documents them."""
    both = {"TimeGenerated": "datetime", "CorrelationId": "string"}
    requests = dict.fromkeys(
        ("ApimSubscriptionId", "UserId", "CallerIpAddress", "LastErrorReason", "OperationId", "ProductId", "Region"),
        "string",
    ) | {"ResponseCode": "int", "TotalTime": "long"}
    models = dict.fromkeys(("PromptTokens", "CompletionTokens", "TotalTokens", "SequenceNumber"), "int") | {
        "ModelName": "string", "DeploymentName": "string", "IsStreamCompletion": "bool",
    }  # fmt: skip
    schema = {"ApiManagementGatewayLogs": both | requests, "ApiManagementGatewayLlmLog": both | models}
    found = {}
    for node in pack().detections:
        for mode in Mode:
            query = compile_node(node, language("kql"), load_profile("azure-apim"), Options(mode))
            if query.text is not None:
                found[query.rule, mode] = kusto.check(query.text, schema)
    assert found == dict.fromkeys(found, ())
    assert len(found) == 12


@settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(canonical_rule_sets())
def test_random_rules_are_accepted(documents: list[dict[str, Any]]) -> None:
    for node in plan_of(documents).detections:
        query = compile_node(node, language("kql"), load_profile("canonical"), Options(Mode.SCHEDULED))
        if query.text is not None:
            analysis = kusto.analyse(query.text, tables(query))
            assert analysis.findings == (), query.text
