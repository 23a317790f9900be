"""Each profile of the package on its sample: what it makes of the log was worked out by hand beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reference.samples import PROFILES, rows, rows_of
from tollwatch.errors import ConfigurationError, UsageError
from tollwatch.logs.profile import CANONICAL_NAME, NONE, builtin_names, load_profile
from tollwatch.logs.read import from_records, open_logs
from tollwatch.logs.records import lookup
from tollwatch.logs.times import to_microseconds
from tollwatch.logs.write import to_raw

NAMES = [name for name in builtin_names() if name not in (CANONICAL_NAME, NONE, "litellm")]
"""The captured sample of litellm has a test of its own (tests/pack)."""


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_is_these_events(name: str) -> None:
    folder = PROFILES / name
    assert rows_of(folder / "sample.jsonl", load_profile(name)) == lines(folder / "events.jsonl")


@pytest.mark.parametrize("name", NAMES)
def test_records_in_memory_are_the_same_events(name: str) -> None:
    folder = PROFILES / name
    found = rows([from_records(lines(folder / "sample.jsonl"), load_profile(name))])
    assert found == lines(folder / "events.jsonl")


# Fields that another field of the profile says too, so that a log that is written says only one of them.
TOLD_TWICE = {
    "cloudtrail-bedrock": {"response_code", "error_code", "operation", "action", "model_id", "target"},
    "bedrock": {"response_code", "error_code"},
    "vertex": {"model_id", "operation", "action", "target"},
    "azure-openai": {"org_unit", "target"},
    "azure-apim": {"user_id", "api_key_id"},
}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(name: str) -> None:
    profile = load_profile(name)
    for event in lines(PROFILES / name / "events.jsonl"):
        fields = {key: value for key, value in event.items() if key not in ({"line"} | TOLD_TWICE.get(name, set()))}
        written = to_raw([{**fields, "timestamp": _microseconds(event["timestamp"])}], profile)
        (found,) = rows([from_records(written, profile)])
        told = {key: found.get(key) for key in fields}
        assert told == fields


def _microseconds(text: str) -> int:
    import pyarrow as pa

    return int(to_microseconds(pa.chunked_array([pa.array([text])]))[0][0])


@pytest.mark.parametrize("name", NAMES)
def test_every_carrier_is_in_the_sample(name: str) -> None:
    events = lines(PROFILES / name / "events.jsonl")
    seen = {key for event in events for key in event} - {"line"}
    assert seen == {carrier.field for carrier in load_profile(name).carriers}


@pytest.mark.parametrize("name", NAMES)
def test_every_path_is_in_the_sample(name: str) -> None:
    """Each term of a coalesce and of a sum, each condition, each path of where: one that is spelled wrong shows."""
    profile = load_profile(name)
    carried = [path for carrier in profile.carriers for path in (*carrier.paths, *(one for one, _, _ in carrier.when))]
    paths = {profile.split(path)[1] for path in (*carried, *(path for path, _ in profile.where))}
    records = [_opened(record, profile.parse_json) for record in lines(PROFILES / name / "sample.jsonl")]
    assert {path for path in paths if all(lookup(record, path) is None for record in records)} == set()


def _opened(record: dict[str, Any], embedded: tuple[str, ...]) -> dict[str, Any]:
    texts = {path: record[path] for path in embedded if isinstance(record.get(path), str)}
    return {**record, **{path: json.loads(text) for path, text in texts.items()}}


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_has_four_records_or_more(name: str) -> None:
    assert 4 <= len(lines(PROFILES / name / "sample.jsonl")) <= 10


@pytest.mark.parametrize("name", [name for name in NAMES if load_profile(name).where])
def test_records_of_other_sources_are_no_events(name: str) -> None:
    """The sample has such a record; it counts as read, and nothing is reported of it."""
    folder = PROFILES / name
    log = open_logs([folder / "sample.jsonl"], load_profile(name), fields=["request_id"])
    assert sum(len(events) for events in log) == len(lines(folder / "events.jsonl"))
    assert log.records == len(lines(folder / "sample.jsonl")) > len(lines(folder / "events.jsonl"))
    assert not log.issues


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("where: {kind: x}\nrecords: {main: a, kinds: {a: {where: {t: x}, key: k}, b: {where: {t: y}, key: k}}}",
         "beside records, where stands in each kind of record"),
        ("where: {kind: x}\ntypes: {kind: integer}", "'x' is no number"),
        ("where: x", "where must be a mapping, not 'x'"),
        ("where: {body.kind: x}\nparse_json: [body]", "body.kind is inside a text of JSON, which where does not open"),
    ],
)  # fmt: skip
def test_mistakes_in_where(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yml").write_text(f"{text}\nfields: {{timestamp: t}}\n")
    with pytest.raises(ConfigurationError) as raised:
        load_profile("mine", [tmp_path])
    assert [(one.message, one.line) for one in raised.value.diagnostics] == [(message, 1)]


def test_the_documented_profile(tmp_path: Path) -> None:
    """The example of docs/profiles.md, on a log of its kind."""
    page = (PROFILES.parents[1] / "docs" / "profiles.md").read_text("utf-8")
    (example,) = (part for part in page.split("```yaml\n")[1:] if part.startswith("name: our-gateway"))
    (tmp_path / "our-gateway.yml").write_text(example.split("```")[0])
    asked = {"log_type": "request", "ts": 1772359200250, "peer": "192.0.2.7:443", "outcome": "denied", "seconds": 0.5}
    records = [asked, {**asked, "log_type": "health"}, {**asked, "outcome": None, "tokens": {"in": 3, "out": 4}}]
    events = rows([from_records(records, load_profile("our-gateway", [tmp_path]))])
    common = {"timestamp": "2026-03-01T10:00:00.250000Z", "source_ip": "192.0.2.7"}
    assert events == [
        {"line": 1, **common, "response_code": 401, "latency_ms": 500.0},
        {"line": 3, **common, "response_code": 200, "tokens_used": 7, "latency_ms": 500.0},
    ]


def test_records_that_join_nothing_are_counted() -> None:
    log = open_logs([PROFILES / "azure-apim" / "sample.jsonl"], load_profile("azure-apim"))
    assert sum(len(events) for events in log) == 4
    assert [(issue.kind, issue.count, issue.lines, issue.detail) for issue in log.issues] == [
        ("unjoined", 1, (9,), "llm: no event has the record's key; what it says of a request is left out")
    ]


def test_kinds_of_record_in_files_of_their_own(tmp_path: Path) -> None:
    profile = load_profile("azure-apim")
    records = (PROFILES / "azure-apim" / "sample.jsonl").read_text("utf-8").splitlines()
    for kind in ("GatewayLogs", "GatewayLlmLog"):
        one = [line for line in records if f'"ApiManagement{kind}"' in line]
        (tmp_path / f"{kind}.jsonl").write_text("\n".join(one))
    whole = lines(PROFILES / "azure-apim" / "events.jsonl")
    for order in (("GatewayLogs", "GatewayLlmLog"), ("GatewayLlmLog", "GatewayLogs")):
        log = open_logs([tmp_path / f"{kind}.jsonl" for kind in order], profile, block_bytes=300)
        assert [{**row, "line": 0} for row in rows(log)] == [{**row, "line": 0} for row in whole]


def test_a_sum_that_does_not_add_up_is_not_written() -> None:
    event = {"timestamp": 0, "tokens_used": 5, "prompt_tokens": 3, "completion_tokens": 3}
    with pytest.raises(UsageError, match="in the profile ecs, tokens_used is a sum, and 5 is not that of its terms"):
        to_raw([event], load_profile("ecs"))
    assert to_raw([{**event, "tokens_used": 6}], load_profile("ecs"))[0]["gen_ai"] == {
        "usage": {"input_tokens": 3, "output_tokens": 3}
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("main: a, kinds: {a: {where: {t: x}, key: k}}", "a join needs at least two kinds of record"),
        ("main: c, kinds: {a: {where: {t: x}, key: k}, b: {where: {t: y}, key: k}}", "'c' is no kind of record"),
        ("main: a, kinds: {a: {where: {t: x}}, b: {where: {t: y}, key: k}}", "the kind a has no 'key'"),
    ],
)
def test_mistakes_in_a_join(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yml").write_text(f"records: {{{text}}}\nfields: {{timestamp: t}}\n")
    with pytest.raises(ConfigurationError) as raised:
        load_profile("mine", [tmp_path])
    assert [one.message for one in raised.value.diagnostics] == [message]
