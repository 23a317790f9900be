"""Two kinds of record as one event, against a join that looks at one record at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.samples import rows
from tollwatch.errors import ConfigurationError
from tollwatch.logs.profile import Profile, load_profile
from tollwatch.logs.read import from_frame, from_records, open_logs

PROFILE = """\
records:
  main: call
  kinds:
    call: {where: {kind: call}, key: id}
    bill: {where: {kind: bill, part: "0"}, key: call_id, time: billed}
fields:
  timestamp: at
  request_id: id
  user_id: call:who
  tokens_used: bill:tokens
  model_id: {coalesce: [bill:model, model]}
"""


def profile_of(folder: Path, text: str) -> Profile:
    (folder / "mine.yml").write_text(text)
    return load_profile("mine", [folder])


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return profile_of(tmp_path_factory.mktemp("profile"), PROFILE)


def joined(records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The events, one record at a time, and how many records joined nothing."""
    calls = [(line, one) for line, one in enumerate(records, 1) if one["kind"] == "call"]
    bills = [one for one in records if one["kind"] == "bill" and one["part"] == 0]
    events = []
    for line, call in calls:
        mine = [one for one in bills if call["id"] and one["call_id"] == call["id"]]
        bill = min(mine, key=lambda one: one["billed"] or "z") if mine else {}
        row = {
            "line": line,
            "timestamp": call["at"],
            "request_id": call["id"],
            "user_id": call["who"],
            "tokens_used": bill.get("tokens"),
            "model_id": bill.get("model") or call["model"],
        }
        events.append({name: value for name, value in row.items() if value not in (None, "")})
    known = {call["id"] for _, call in calls} - {None, ""}
    return events, sum(one["call_id"] not in known for one in bills)


KEYS = st.sampled_from(["a", "b", "c", "", None])
TIMES = st.integers(0, 3).map(lambda second: f"2026-03-01T10:00:0{second}.000000Z")
MODELS = st.sampled_from(["m", "n", None])
CALL = st.fixed_dictionaries(
    {"kind": st.just("call"), "id": KEYS, "at": TIMES, "who": st.sampled_from(["u", "v"]), "model": MODELS}
)
BILL = st.fixed_dictionaries(
    {
        "kind": st.just("bill"),
        "part": st.sampled_from([0, 0, 1]),
        "call_id": KEYS,
        "billed": TIMES | st.none(),
        "tokens": st.integers(0, 9) | st.none(),
        "model": MODELS,
    }
)
RECORDS = st.lists(CALL | BILL | st.just({"kind": "other", "id": "a", "call_id": "a"}), max_size=8)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(records=RECORDS, block=st.sampled_from([60, 1 << 20]))
def test_a_join_is_that_of_one_record_at_a_time(
    profile: Profile, tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], block: int
) -> None:
    events, alone = joined(records)
    assert rows([from_records(records, profile)]) == events
    file = tmp_path_factory.getbasetemp() / "log.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    log = open_logs([file], profile, block_bytes=block)
    assert rows(log) == events
    assert sum(issue.count for issue in log.issues if issue.kind == "unjoined") == alone


CALLS: list[dict[str, Any]] = [
    {"kind": "call", "id": "a", "at": "2026-03-01T10:00:00Z", "who": "u"},
    {"kind": "bill", "part": 0, "call_id": "a", "billed": "2026-03-01T10:00:09Z", "tokens": 9},
    {"kind": "bill", "part": 0, "call_id": "a", "billed": "2026-03-01T10:00:01Z", "tokens": 1},
]


def test_the_order_of_lines_means_nothing(profile: Profile) -> None:
    for records in (CALLS, CALLS[::-1]):
        (event,) = rows([from_records(records, profile)])
        assert event["tokens_used"] == 1


def test_a_frame_is_joined_too(profile: Profile) -> None:
    assert rows([from_frame(pd.DataFrame(CALLS), profile)]) == rows([from_records(CALLS, profile)])


def test_fields_inside_a_text_of_the_other_kind(tmp_path: Path) -> None:
    text = PROFILE.replace("bill:tokens", "bill:more.tokens") + "parse_json: [bill:more]\n"
    records = [CALLS[0], {**CALLS[1], "more": '{"tokens": 7}'}]
    (event,) = rows([from_records(records, profile_of(tmp_path, text))])
    assert event["tokens_used"] == 7


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("bill:tokens", "bil:tokens", (10, 16, "'bil' is no kind of record", "did you mean bill?")),
        ("bill:model", "bil:model", (11, 25, "'bil' is no kind of record", "did you mean bill?")),
        ("timestamp: at", "timestamp: bill:at", (7, 14, "timestamp must be of the main kind, call", None)),
        ("fields:", "types: {bil:x: text}\nfields:", (6, 9, "'bil' is no kind of record", "did you mean bill?")),
        (
            "fields:",
            "targets: {kql: {table: t, records: {bil: {table: b}}}}\nfields:",
            (6, 37, "'bil' is no kind of record", "did you mean bill?"),
        ),
        (
            "fields:",
            "targets: {kql: {table: t, columns: {bil:x: y}}}\nfields:",
            (6, 37, "'bil' is no kind of record", "did you mean bill?"),
        ),
        (
            "key: call_id",
            "key: more.id",
            (2, 3, "more.id, of the kind bill, is inside a text of JSON", None),
        ),
    ],
)
def test_mistakes_of_paths_in_a_join(
    tmp_path: Path, old: str, new: str, expected: tuple[int, int, str, str | None]
) -> None:
    text = PROFILE.replace(old, new, 1) + "parse_json: [bill:more]\n"
    with pytest.raises(ConfigurationError) as raised:
        profile_of(tmp_path, text)
    assert [(one.code, one.line, one.column, one.message, one.hint) for one in raised.value.diagnostics] == [
        ("PRF007", *expected)
    ]
