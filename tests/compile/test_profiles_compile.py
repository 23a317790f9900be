"""Every field of every profile, in every language that the profile says it is kept in."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from reference.canonical import plan_of
from reference.tables import tables_of
from tollwatch.compile.model import Mode, Options, Query
from tollwatch.compile.registry import LANGUAGES, compile_node, language
from tollwatch.logs.profile import NONE, Carrier, Profile, builtin_names, load_profile
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


def compiled(profile: str | Profile, target: str, field: str) -> Query:
    """A rule over that field, counted by it too."""
    value = VALUES[FIELDS[field].type]
    known = profile if isinstance(profile, Profile) else load_profile(profile)
    category = {"openai-audit": "control_plane"}.get(known.name, "gateway")
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
    return compile_node(node, language(target), known, Options(Mode.SCHEDULED))


@pytest.mark.parametrize(("profile", "target", "field"), PLACES)
def test_a_field_compiles_or_is_refused_by_name(profile: str, target: str, field: str) -> None:
    query = compiled(profile, target, field)
    assert [one.reason for one in query.refused] == [
        *([REFUSED[profile, target, field]] if (profile, target, field) in REFUSED else [])
    ]


@pytest.mark.parametrize("profile", [name for name in builtin_names() if name != NONE])
@pytest.mark.parametrize("target", [one.name for one in LANGUAGES])
def test_no_field_breaks_a_language(profile: str, target: str) -> None:
    """Each field in each language is a query or a refusal that says why, also where the profile names no source."""
    for carrier in load_profile(profile).carriers:
        if carrier.field != "timestamp":
            query = compiled(profile, target, carrier.field)
            assert (query.text is None) == bool(query.refused)
            assert all(one.construct and one.reason for one in query.refused)


OWN_RECORDS = [
    ("cloudtrail-bedrock", "spl", 'record_eventSource="bedrock.amazonaws.com" AND response_code=403'),
    ("cloudtrail-bedrock", "kql", 'record_eventSource == "bedrock.amazonaws.com" and response_code == 403'),
    ("cloudtrail-bedrock", "esql", 'record_eventSource == "bedrock.amazonaws.com" AND response_code == 403'),
    ("cloudtrail-bedrock", "eql", 'event.provider == "bedrock.amazonaws.com" and '),
    ("cloudtrail-bedrock", "lucene", 'event.provider:"bedrock.amazonaws.com" AND '),
    ("vertex", "spl", 'record_protoPayload_serviceName="aiplatform.googleapis.com" AND response_code=403'),
    ("vertex", "esql", 'record_protoPayload_serviceName == "aiplatform.googleapis.com" AND response_code == 403'),
    ("azure-openai", "kql", 'record_category == "RequestResponse" and response_code == 403'),
    ("ocsf", "spl", "tonumber(record_class_uid)=6003 AND response_code=403"),
    ("ocsf", "kql", "record_class_uid == 6003 and response_code == 403"),
    ("ocsf", "esql", "record_class_uid == 6003 AND response_code == 403"),
    ("ocsf", "logql", "class_uid =~ "),
]


@pytest.mark.parametrize(("profile", "target", "text"), OWN_RECORDS)
@pytest.mark.parametrize("chained", [False, True])
def test_queries_read_the_sources_own_records(profile: str, target: str, text: str, chained: bool) -> None:
    """Of a table that holds other services' events too; each search below a correlation asks for it."""
    one, other = (
        {"title": name, "name": name, "logsource": {"category": "ai_api", "service": "gateway"},
         "detection": {"selection": {"response_code": code}, "condition": "selection"}}
        for name, code in (("one", 403), ("other", 200))
    )  # fmt: skip
    both = {
        "title": "both",
        "correlation": {"type": "temporal_ordered", "rules": ["one", "other"], "timespan": "1h"},
    }
    (node,) = plan_of([one, other, both] if chained else [one]).detections
    query = compile_node(node, language(target), load_profile(profile), Options(Mode.SCHEDULED))
    if chained and query.text is None:
        assert target in ("eql", "lucene", "logql")
        return
    assert text in (query.text or "")
    told = re.split(" and ", text, maxsplit=1, flags=re.IGNORECASE)[0]
    assert (query.text or "").count(told) >= (2 if chained else 1)
    assert any(column.field.startswith("record_") for column in query.columns)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("spl", """eval user_id=case(coalesce('metadata.user_id', spath(metadata, "user_id"))!="null" """),
        ("kql", "extend user_id = tostring(parse_json(metadata).user_id)"),
        ("esql", "EVAL user_id = `metadata`.user_id"),
    ],
)
def test_what_a_text_of_json_holds_is_read_from_it(target: str, text: str) -> None:
    assert text in (compiled("cloudflare-ai-gateway", target, "user_id").text or "")


def test_what_a_text_of_json_holds_is_refused_where_it_cannot_be_opened() -> None:
    profile = replace(
        load_profile("canonical"), parse_json=("body",), carriers=(Carrier("user_id", ("body.user_id",)),)
    )
    found = {one.name: compiled(profile, one.name, "user_id") for one in LANGUAGES}
    assert {name for name, query in found.items() if query.text is None} == {
        "esql", "eql", "kuery", "lucene", "logql",
    }  # fmt: skip
    assert [one.reason for one in found["esql"].refused] == [
        "it is inside a text of JSON, which an ES|QL expression cannot open"
    ]


def test_names_of_where_stay_apart() -> None:
    """Two paths that differ in their punctuation only are two fields."""
    profile = replace(load_profile("canonical"), where=(("a.b", "x"), ("a_b", "y")))
    (node,) = plan_of(
        [{"title": "one", "logsource": {"category": "ai_api"},
          "detection": {"selection": {"response_code": 403}, "condition": "selection"}}]
    ).detections  # fmt: skip
    query = compile_node(node, language("kql"), profile, Options(Mode.HUNT))
    assert 'record_a_b == "x" and record_a_b_2 == "y" and response_code == 403' in (query.text or "")


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
