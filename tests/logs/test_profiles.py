"""Profiles: read from YAML, used in both directions, and what they cannot serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollwatch.errors import ConfigurationError, UsageError
from tollwatch.logs.profile import Carrier, builtin_names, load_profile
from tollwatch.logs.read import from_records
from tollwatch.logs.schema import CANONICAL, FIELDS, FieldType
from tollwatch.logs.values import native
from tollwatch.logs.write import to_raw

START = 1_772_359_200_000_000


def test_the_profiles_of_the_package() -> None:
    assert builtin_names() == (
        "canonical", "none", "azure-apim", "azure-openai", "bedrock", "cloudflare-ai-gateway", "cloudtrail-bedrock",
        "ecs", "elastic-aws-bedrock", "envoy-ai-gateway", "kong", "litellm", "ocsf", "openai-audit", "otel-genai",
        "sentinel-asim", "splunk-cim-web", "vertex",
    )  # fmt: skip
    canonical = load_profile("canonical")
    assert canonical.carriers == tuple(Carrier(field.name, (field.name,)) for field in CANONICAL)
    with pytest.raises(UsageError, match="there is no profile 'litelm'") as raised:
        load_profile("litelm")
    assert raised.value.hint == "did you mean litellm?"


def test_every_mistake_of_a_profile_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(
        "descripton: x\n"
        "time_resolution: 1h\n"
        "fields:\n"
        "  user: a\n"
        "  model_id: {path: m, sum: [a, b]}\n"
        "  source_ip: {path: peer, extract: '(.*'}\n"
        "  latency_ms: {path: t, factor: fast}\n"
    )
    with pytest.raises(ConfigurationError) as raised:
        load_profile("mine", [tmp_path])
    assert [(d.code, d.line, d.column, d.message) for d in raised.value.diagnostics] == [
        ("PRF002", 1, 1, "unknown key 'descripton' in a profile"),
        ("PRF007", 2, 18, "'1h' is no time resolution"),
        ("PRF005", 4, 3, "'user' is no canonical field"),
        ("PRF006", 5, 13, "model_id must have exactly one of path, coalesce and sum"),
        (
            "PRF007",
            6,
            36,
            "extract is no pattern: missing ), unterminated subpattern at position 0",
        ),
        ("PRF007", 7, 33, "'fast' is no number"),
    ]


def profile_of(tmp_path: Path, text: str) -> Any:
    (tmp_path / "mine.yml").write_text("sources:\n  - {category: ai_api}\n" + text)
    return load_profile("mine", [tmp_path])


@pytest.mark.parametrize(
    ("carrier", "raw", "expected"),
    [
        ("user_id: who.id", {"who": {"id": "u"}}, "u"),
        ("user_id: {coalesce: [a, b.c]}", {"a": "", "b": {"c": "x"}}, "x"),
        ("user_id: {coalesce: [a, b]}", {"a": None, "b": 5}, "5"),
        ("tokens_used: {sum: [i, o]}", {"i": 3, "o": "4"}, 7),
        ("tokens_used: {sum: [i, o]}", {"i": 3}, 3),
        ("tokens_used: {sum: [i, o]}", {}, None),
        ("latency_ms: {path: s, factor: 1000}", {"s": 1.5}, 1500.0),
        ("operation: {path: op, map: {ac: chat}}", {"op": "ac"}, "chat"),
        ("operation: {path: op, map: {ac: chat}}", {"op": "other"}, "other"),
        ("source_ip: {path: peer, extract: '^(.*):[0-9]+$'}", {"peer": "10.0.0.1:443"}, "10.0.0.1"),
        ("source_ip: {path: peer, extract: '^(.*):[0-9]+$'}", {"peer": "nonsense"}, None),
        ("response_code: {path: e, when: [{path: s, equals: ok, then: 200}]}", {"s": "ok", "e": ""}, 200),
        ("response_code: {path: e, when: [{path: s, equals: ok, then: 200}]}", {"s": "no", "e": "401"}, 401),
        ("provider: {path: p, default: openai}", {}, "openai"),
        ("cost_usd: usd", {"usd": "0.000125"}, 125),
        ("cost_usd: usd", {"usd": 3}, 3_000_000),
        ("stream: s", {"s": "True"}, True),
        ("response_code: c", {"c": 200.0}, 200),
        ("response_code: c", {"c": 200.5}, None),
        ("response_code: c", {"c": -1}, None),
    ],
)
def test_how_a_field_is_carried(tmp_path: Path, carrier: str, raw: dict[str, Any], expected: object) -> None:
    profile = profile_of(tmp_path, f"fields:\n  timestamp: t\n  {carrier}\n")
    name = carrier.partition(":")[0]
    assert native(from_records([{"t": START, **raw}], profile).frame[name]).to_pylist() == [expected]


def test_time_resolution_cuts_finer_digits(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, "time_resolution: 1s\nfields:\n  timestamp: t\n")
    assert from_records([{"t": START + 1_999_999}], profile).time.tolist() == [START + 1_000_000]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"prompt_hash": "x"}, "the profile litellm has no prompt_hash"),
        ({"action": "x"}, "the profile litellm has no action"),
        ({"user_id": "u", "response_code": 401}, "in the profile litellm, user_id is null where response_code is 401"),
    ],
)
def test_what_cannot_be_written_is_an_error(record: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        to_raw([record], load_profile("litellm"))


def _value(name: str) -> st.SearchStrategy[Any]:
    match FIELDS[name].type:
        case FieldType.INTEGER:
            return st.sampled_from([200, 401, 429]) if name == "response_code" else st.integers(0, 10**6)
        case FieldType.NUMBER:
            return st.integers(0, 10**5).map(float)
        case FieldType.MONEY:
            return st.integers(0, 10**6).map(lambda micro: micro / 1_000_000)
        case FieldType.BOOLEAN:
            return st.booleans()
        case FieldType.TIMESTAMP:
            return st.integers(0, 10**9).map(lambda micro: START + micro)
        case _:
            return st.sampled_from(["chat", "embeddings", "a b", "x.y", "Z"])


@st.composite
def _records(draw: st.DrawFn, profile: str) -> list[dict[str, Any]]:
    names = [carrier.field for carrier in load_profile(profile).carriers if carrier.field != "finish_reason"]
    optional = {name: _value(name) for name in names if name != "timestamp"}
    return draw(st.lists(st.fixed_dictionaries({"timestamp": _value("timestamp")}, optional=optional), max_size=4))


@pytest.mark.parametrize("profile", ["canonical", "litellm"])
@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_writing_and_reading_agree(profile: str, data: st.DataObject) -> None:
    form = load_profile(profile)
    absent = {absence.field for absence in form.absent_when}
    records = [
        {name: value for name, value in record.items() if record.get("response_code") != 401 or name not in absent}
        for record in data.draw(_records(profile))
    ]
    events = from_records(to_raw(records, form), form)
    assert events.time.tolist() == [record["timestamp"] for record in records]
    for name in {name for record in records for name in record} - {"timestamp"}:
        found = native(events.frame[name]).to_pylist()
        scale = 1_000_000 if name == "cost_usd" else 1
        expected = [
            None if (v := record.get(name)) is None else round(v * scale) if scale > 1 else v for record in records
        ]
        assert found == expected, name
