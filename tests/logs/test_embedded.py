from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tollwatch.errors import ConfigurationError
from tollwatch.logs.profile import Profile, load_profile
from tollwatch.logs.read import from_records, open_logs
from tollwatch.logs.values import native
from tollwatch.logs.write import to_raw

PROFILE = """\
parse_json: [properties]
fields:
  timestamp: time
  user_id: caller
  model_id: properties.modelName
  tokens_used: {sum: [properties.in, properties.out]}
"""
TIME = "2026-03-01T10:00:00Z"
RECORDS: list[dict[str, Any]] = [
    {"time": TIME, "caller": "u", "properties": json.dumps({"modelName": "m", "in": 1, "out": "2"})},
    {"time": TIME, "caller": "u", "properties": {"modelName": "n", "in": 3}},
    {"time": TIME, "caller": "u", "properties": "not json"},
    {"time": TIME, "caller": "u", "properties": ""},
    {"time": TIME, "caller": "u"},
]
EXPECTED = {"model_id": ["m", "n", None, None, None], "tokens_used": [3, 3, None, None, None]}


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    (tmp_path / "own.yml").write_text(PROFILE, "utf-8")
    return load_profile("own", [tmp_path])


def columns(frame: Any) -> dict[str, list[Any]]:
    return {name: native(frame[name]).to_pylist() for name in EXPECTED}


@pytest.mark.parametrize("fields", [None, ("model_id", "tokens_used")])
def test_texts_that_are_json(tmp_path: Path, profile: Profile, fields: tuple[str, ...] | None) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)))
    log = open_logs([path], profile, fields=fields)
    (events,) = log
    assert columns(events.frame) == EXPECTED
    assert ("bad-json", 1, (3,)) in [(issue.kind, issue.count, issue.lines) for issue in log.issues]


def test_what_is_written_is_read_back(profile: Profile) -> None:
    record = {"timestamp": 1_772_359_200_000_000, "user_id": "u", "model_id": "m", "tokens_used": 7}
    events = from_records(to_raw([record], profile), profile)
    assert (events.time.tolist(), columns(events.frame)) == (
        [1_772_359_200_000_000],
        {"model_id": ["m"], "tokens_used": [7]},
    )


def test_a_mistake_in_the_profile(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text("parse_json: properties\nfields: {timestamp: time}\n", "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_profile("own", [tmp_path])
    assert [(d.code, d.line, d.column) for d in caught.value.diagnostics] == [("PRF004", 1, 13)]
