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
from tollwatch.errors import ConfigurationError, UsageError
from tollwatch.logs.profile import Profile, load_profile
from tollwatch.logs.read import from_frame, from_records, open_logs
from tollwatch.logs.write import to_raw

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


def event(second: int, **fields: object) -> dict[str, object]:
    return {"timestamp": 1_772_359_200_000_000 + second * 1_000_000, **fields}


def test_one_record_of_each_kind_is_written(profile: Profile) -> None:
    events = [event(0, user_id="u", tokens_used=5), event(1, request_id="request-1"), event(2, user_id="v")]
    assert to_raw(events, profile) == [
        {"kind": "call", "id": "request-2", "at": "2026-03-01T10:00:00.000000Z", "who": "u"},
        {"kind": "bill", "part": "0", "call_id": "request-2", "billed": "2026-03-01T10:00:00.000000Z", "tokens": 5},
        {"kind": "call", "id": "request-1", "at": "2026-03-01T10:00:01.000000Z"},
        {"kind": "call", "at": "2026-03-01T10:00:02.000000Z", "who": "v"},
    ]


def test_what_tells_a_kind_is_written_in_its_type(tmp_path: Path) -> None:
    text = PROFILE + "types: {bill:part: integer}\n"
    _, bill = to_raw([event(0, tokens_used=5)], profile_of(tmp_path, text))
    assert bill["part"] == 0


EVENTS = st.lists(
    st.fixed_dictionaries(
        {"timestamp": st.integers(0, 3).map(lambda second: 1_772_359_200_000_000 + second * 1_000_000)},
        optional={
            "request_id": st.sampled_from(["a", "request-1"]),
            "user_id": st.just("u"),
            "tokens_used": st.integers(0, 3),
            "model_id": st.just("m"),
        },
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(events=EVENTS)
def test_events_are_read_back_or_refused(profile: Profile, events: list[dict[str, Any]]) -> None:
    try:
        written = to_raw(events, profile)
    except UsageError:
        ids = [one["request_id"] for one in events if "request_id" in one]
        assert len(set(ids)) < len(ids)
        return
    found = rows([from_records(written, profile)])
    for row, one in zip(found, events, strict=True):
        fields = {name: value for name, value in row.items() if name not in ("line", "timestamp")}
        if "request_id" not in one:  # made up where one is needed
            fields.pop("request_id", None)
        assert fields == {name: value for name, value in one.items() if name != "timestamp"}


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (
            [event(0, request_id="a", tokens_used=1), event(1, request_id="a", tokens_used=2)],
            r"two events with one id, 'a', cannot differ in what joins them \(bill\)",
        ),
        ([event(0, request_id="a", tokens_used=1), event(1, request_id="a")], "two events with one id, 'a'"),
        ([event(0, operation="x")], "a record of the kind call has 'call' at kind, not 'x'"),
    ],
)
def test_what_a_join_cannot_carry_is_not_written(tmp_path: Path, events: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        to_raw(events, profile_of(tmp_path, PROFILE + "  operation: kind\n"))
