"""Every field of every profile, in every language that the profile says it is kept in."""

from __future__ import annotations

from typing import Any

import pytest

from reference.canonical import plan_of
from reference.tables import tables_of
from tollwatch.compile.model import Mode, Options, Query
from tollwatch.compile.registry import compile_node, language
from tollwatch.logs.profile import NONE, builtin_names, load_profile
from tollwatch.logs.schema import FIELDS, FieldType
from vendors import esql, kusto

VALUES: dict[FieldType, Any] = {
    FieldType.TEXT: "a*",
    FieldType.IP: "192.0.2.1",
    FieldType.INTEGER: 7,
    FieldType.NUMBER: 7,
    FieldType.MONEY: 7,
    FieldType.BOOLEAN: True,
}
PLACES = [
    (name, target, carrier.field)
    for name in builtin_names()
    if name != NONE
    for target, _ in load_profile(name).targets
    if target in ("spl", "kql", "esql")
    for carrier in load_profile(name).carriers
    if carrier.field != "timestamp"
]
CUT_OUT = "it is cut out of a text by a pattern, which an ES|QL expression cannot do"
REFUSED = {
    ("cloudtrail-bedrock", "esql", "model_id"): "esql cannot reach it in the profile cloudtrail-bedrock",
    ("cloudtrail-bedrock", "esql", "target"): "esql cannot reach it in the profile cloudtrail-bedrock",
    ("vertex", "esql", "user_id"): "esql cannot reach it in the profile vertex",
    ("vertex", "esql", "api_key_id"): "esql cannot reach it in the profile vertex",
    ("vertex", "esql", "model_id"): CUT_OUT,
    (
        "envoy-ai-gateway",
        "esql",
        "source_ip",
    ): CUT_OUT,
}


def compiled(profile: str, target: str, field: str) -> Query:
    """A rule over that field, counted by it too."""
    value = VALUES[FIELDS[field].type]
    category = {"openai-audit": "control_plane"}.get(profile, "gateway")
    rule = {
        "title": "one",
        "name": "one",
        "logsource": {"category": "ai_api", "service": category},
        "detection": {"selection": {field: value}, "condition": "selection"},
    }
    many = {
        "title": "many",
        "correlation": {
            "type": "event_count", "rules": ["one"], "timespan": "1h", "group-by": [field], "condition": {"gte": 2},
        },
    }  # fmt: skip
    (node,) = plan_of([rule, many]).detections
    return compile_node(node, language(target), load_profile(profile), Options(Mode.SCHEDULED))


@pytest.mark.parametrize(("profile", "target", "field"), PLACES)
def test_a_field_compiles_or_is_refused_by_name(profile: str, target: str, field: str) -> None:
    query = compiled(profile, target, field)
    assert [one.reason for one in query.refused] == [
        *([REFUSED[profile, target, field]] if (profile, target, field) in REFUSED else [])
    ]


@pytest.mark.vendor
@pytest.mark.parametrize("profile", builtin_names())
def test_vendors_accept_every_field(profile: str) -> None:
    found = {}
    for name, target, field in PLACES:
        query = compiled(name, target, field) if name == profile and target != "spl" else None
        if query is None or query.text is None:
            continue
        if target == "kql":
            found[target, field] = kusto.check(query.text, tables_of(query, load_profile(name)))
        else:
            columns = {column.name: column.type for column in query.columns}
            found[target, field] = esql.check(query.text, "8.19", columns)
    assert found == dict.fromkeys(found, ())
