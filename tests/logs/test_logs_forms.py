"""One log in every form gives the same events; bad data is counted and the rest is read."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollwatch.errors import DiagnosticsError, UsageError
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import between, from_frame, from_records, open_logs

START = 1_772_359_200_000_000  # 2026-03-01T10:00:00Z
RECORDS: list[dict[str, Any]] = [
    {"timestamp": "2026-03-01T10:00:00Z", "user_id": "u-1", "source_ip": "198.51.100.4", "response_code": 401},
    {"timestamp": "2026-03-01T10:00:01.5Z", "user_id": "u-2", "response_code": 200, "cost_usd": 0.25, "stream": True},
    {"timestamp": "2026-03-01T11:00:02+01:00", "user_id": "", "response_code": "200", "tokens_used": 7},
]
COLUMNS = ("user_id", "source_ip", "response_code", "cost_usd", "tokens_used")
EXPECTED = [
    (START, 1, "u-1", "198.51.100.4", 401, None, None),
    (START + 1_500_000, 2, "u-2", None, 200, 250_000, None),
    (START + 2_000_000, 3, None, None, 200, None, 7),
]


def rows(paths: list[Path], profile: str = "canonical", **options: Any) -> list[tuple[Any, ...]]:
    """(time, line, value of each column) of every event."""
    found: list[tuple[Any, ...]] = []
    for events in open_logs(paths, load_profile(profile), fields=COLUMNS, **options):
        values = [
            events.frame[name].astype(object).where(events.frame[name].notna(), None).tolist()
            if name in events.frame
            else [None] * len(events)
            for name in COLUMNS
        ]
        found += list(zip(events.time.tolist(), events.line.tolist(), *values, strict=True))
    return found


def lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def parquet() -> bytes:
    texts = [
        {name: None if (v := r.get(name)) is None else str(v) for name in ("timestamp", *COLUMNS)} for r in RECORDS
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(texts), sink)
    return sink.getvalue()


CSV = (
    b"timestamp,user_id,source_ip,response_code,cost_usd,tokens_used\n"
    b"2026-03-01T10:00:00Z,u-1,198.51.100.4,401,,\n"
    b"2026-03-01T10:00:01.5Z,u-2,,200,0.25,\n"
    b"2026-03-01T11:00:02+01:00,,,200,,7\n"
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.jsonl", lines(RECORDS)),
        ("log.jsonl", lines(RECORDS).rstrip(b"\n")),
        ("log.jsonl", lines(RECORDS).replace(b"\n", b"\r\n")),
        ("log.jsonl", b"\xef\xbb\xbf" + lines(RECORDS)),
        ("log.txt", lines(RECORDS)),
        ("log.json", json.dumps(RECORDS, indent=2).encode()),
        ("log.json", json.dumps({"Records": RECORDS}).encode()),
        ("log.jsonl.gz", gzip.compress(lines(RECORDS[:1])) + gzip.compress(lines(RECORDS[1:]))),
        ("misnamed.jsonl", gzip.compress(lines(RECORDS))),
        ("log.parquet", parquet()),
    ],
)
def test_every_form_gives_the_same_events(tmp_path: Path, name: str, content: bytes) -> None:
    assert rows([write(tmp_path / name, content)]) == EXPECTED


def test_zstd(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(lines(RECORDS))
    assert rows([path]) == EXPECTED


def test_csv_lines_count_the_header_and_what_is_quoted(tmp_path: Path) -> None:
    found = rows([write(tmp_path / "log.csv", CSV)])
    assert found == [(time, line + 1, *rest) for time, line, *rest in EXPECTED]
    odd = b'timestamp,user_id\n1772359200,"a\nb"\nshort\n1772359201,c\n'
    log = open_logs([write(tmp_path / "odd.csv", odd)], load_profile("canonical"), fields=["user_id"])
    assert [
        (line, user) for events in log for line, user in zip(events.line, events.frame["user_id"], strict=True)
    ] == [
        (2, "a\nb"),
        (5, "c"),
    ]
    assert [(issue.kind, issue.count) for issue in log.issues] == [("bad-record", 1)]


def test_several_files_globs_and_small_blocks(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", lines(RECORDS[:2]))
    write(tmp_path / "b.jsonl", lines(RECORDS[2:]))
    found = rows([tmp_path / "*.jsonl"], block_bytes=10)
    assert [row[0] for row in found] == [row[0] for row in EXPECTED]
    assert [row[1] for row in found] == [1, 2, 1]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (1_772_359_200, START),
        (1_772_359_200.25, START + 250_000),
        (1_772_359_200_123, START + 123_000),
        (START + 7, START + 7),
        ((START + 7) * 1000 + 999, START + 7),
        ("1772359200", START),
        ("2026-03-01 10:00:00", START),
        ("2026-03-01T10:00:00.123456789Z", START + 123_456),
        ("2026-03-01T15:30:00+05:30", START),
        ("20260301T100000Z", START),
        ("yesterday", None),
        ("", None),
        (True, None),
        (None, None),
    ],
)
def test_times(time: object, expected: int | None) -> None:
    events = from_records([{"timestamp": time}], load_profile("canonical"))
    assert events.time.tolist() == ([] if expected is None else [expected])


def test_bad_data_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    content = (
        lines(RECORDS[:1])
        + b"not json\n\n[1]\n\xff\n"
        + lines([{"user_id": "no time"}, {"timestamp": START, "response_code": "x", "tokens_used": -1, "user_id": 5}])
    )
    log = open_logs([write(tmp_path / "log.jsonl", content)], load_profile("canonical"))
    assert [line for events in log for line in events.line.tolist()] == [1, 7]
    assert log.records == 3
    assert [(issue.kind, issue.count, issue.lines, issue.detail.split(":")[0]) for issue in log.issues] == [
        ("not-json", 2, (2, 4), "not a JSON object; the line is left out"),
        ("not-utf8", 1, (5,), "not UTF-8; the line is left out"),
        ("type-change", 1, (7,), "timestamp"),
        ("type-change", 1, (7,), "user_id"),
        ("type-change", 1, (7,), "response_code"),
        ("bad-number", 1, (7,), "response_code"),
        ("negative-number", 1, (7,), "tokens_used"),
        ("no-timestamp", 1, (6,), "no readable timestamp; the record is left out"),
    ]


def test_strict_makes_it_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", lines(RECORDS) + b"not json\n")
    with pytest.raises(DiagnosticsError) as raised:
        list(open_logs([path], load_profile("canonical"), strict=True))
    assert [(d.code, d.path, d.line) for d in raised.value.diagnostics] == [("LOG001", str(path), 4)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\x00\x00",
        b"{",
        b"[",
        b'{"a":',
        b"\x1f\x8b\x08\x00",
        b"PAR1",
        b'{"a":' + b"[" * 5000,
    ],
)
def test_no_content_raises_anything_but_a_users_mistake(tmp_path: Path, content: bytes) -> None:
    log = open_logs([write(tmp_path / "log", content)], load_profile("canonical"))
    assert [len(events) for events in log if len(events)] == []


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two columns"):
        list(open_logs([write(tmp_path / "log.csv", b"a,a\n1,2\n")], load_profile("canonical")))


def test_a_truncated_gzip_gives_what_it_holds(tmp_path: Path) -> None:
    whole = gzip.compress(lines(RECORDS * 3000), compresslevel=1)
    log = open_logs([write(tmp_path / "log.jsonl.gz", whole[: len(whole) // 2])], load_profile("canonical"))
    assert sum(len(events) for events in log) >= 0
    assert "truncated" in [issue.kind for issue in log.issues]


@pytest.mark.parametrize("path", ["missing.jsonl", "*.nothing", "."])
def test_a_path_that_is_no_log(path: str) -> None:
    with pytest.raises(UsageError):
        open_logs([path], load_profile("canonical"))


def test_none_takes_a_logs_own_names(tmp_path: Path) -> None:
    record = {"@timestamp": "2026-03-01T10:00:00Z", "a.b": 1, "a": {"b": 2, "c": "", "l": [{"x": 1}, {"x": 2}]}}
    events = next(iter(open_logs([write(tmp_path / "x.jsonl", lines([record]))], load_profile("none"))))
    assert {name: events.frame[name].tolist()[0] for name in events.frame if name != "@timestamp"} == {
        "a.b": 1,
        "a.c": "",
        "a.l.x": [1, 2],
    }
    with pytest.raises(UsageError, match="no field is known to hold the time"):
        list(open_logs([write(tmp_path / "y.jsonl", b'{"a":1}\n')], load_profile("none")))
    log = open_logs([write(tmp_path / "z.jsonl", b'{"when":5}\n')], load_profile("none"), timestamp="when")
    assert [events.time.tolist() for events in log] == [[5_000_000]]


_VALUES = st.one_of(
    st.none(), st.integers(-5, 2**53), st.just(10**19), st.floats(-1e6, 1e6), st.text(max_size=4), st.booleans()
)
_RECORD = st.dictionaries(
    st.sampled_from(["user_id", "response_code", "cost_usd", "a.b", "a"]),
    st.one_of(_VALUES, st.dictionaries(st.just("b"), _VALUES)),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(_RECORD, max_size=8), st.integers(1, 200))
def test_the_quick_way_is_equal_to_the_careful_way(records: list[dict[str, Any]], block: int) -> None:
    stamped = [{"timestamp": START + number, **record} for number, record in enumerate(records)]
    content = lines(stamped)
    path = Path(__file__)  # only its name is used below
    profile = load_profile("none")
    fields = ("user_id", "response_code", "cost_usd", "a.b")
    careful = from_records([json.loads(line) for line in content.splitlines()], profile, name=str(path), fields=fields)
    quick = _read(content, fields, block)
    assert quick == [
        (time, *(_plain(careful.frame[name].iloc[n]) if name in careful.frame else None for name in fields))
        for n, time in enumerate(careful.time.tolist())
    ]


def _read(content: bytes, fields: tuple[str, ...], block: int) -> list[tuple[Any, ...]]:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        log = open_logs(
            [write(Path(folder, "x.jsonl"), content)], load_profile("none"), fields=fields, block_bytes=block
        )
        return [
            (time, *(_plain(events.frame[name].iloc[n]) if name in events.frame else None for name in fields))
            for events in log
            for n, time in enumerate(events.time.tolist())
        ]


def _plain(value: Any) -> Any:
    """The value as it is compared: by its text, so that a column's type over all records does not matter."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return None
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value)) if float(value).is_integer() else str(value)
    return str(value)


def test_a_frame_of_any_dtype() -> None:
    frame = pd.DataFrame({"timestamp": ["2026-03-01T10:00:00Z"], "response_code": [401], "user_id": ["u"]})
    events = from_frame(frame, load_profile("canonical"))
    assert (events.time.tolist(), events.frame["response_code"].tolist()) == ([START], [401])


def test_between_includes_both_ends() -> None:
    events = from_records([{"timestamp": START + n} for n in range(4)], load_profile("canonical"))
    assert [part.line.tolist() for part in between([events], START + 1, START + 2)] == [[2, 3]]
