"""Reading JSON lines in blocks, held against reading one line at a time in the most obvious way."""

from __future__ import annotations

import gzip
import io
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tollwatch.errors import UsageError
from tollwatch.logs import jsonl
from tollwatch.logs.files import Stream
from tollwatch.logs.lines import Lines
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import open_logs
from tollwatch.logs.values import native

START = 1_772_359_200_000_000
FIELDS = ("a", "b", "f", "n.k", "l.x", "n.deep.z")

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.just(2**63),
    st.floats(-10, 10),
    st.sampled_from(["", "x", "é", "1"]),
)
_VALUES = st.one_of(_SCALARS, st.lists(_SCALARS, max_size=2), st.fixed_dictionaries({}, optional={"k": _SCALARS}))
_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "a": _VALUES,
        "b": st.integers(0, 9),
        "n.k": _SCALARS,
        "n": st.one_of(_SCALARS, st.fixed_dictionaries({}, optional={"k": _SCALARS, "deep": st.just({"z": "q"})})),
        "l": st.one_of(st.none(), st.lists(st.fixed_dictionaries({}, optional={"x": st.integers(0, 3)}), max_size=2)),
        "noise": _VALUES,
    },
)
_STEADY = st.fixed_dictionaries(
    {
        "a": st.sampled_from(["x", "y", ""]),
        "b": st.integers(0, 9),
        "f": st.floats(0, 1),
        "n": st.fixed_dictionaries({"k": st.integers(0, 9)}),
    }
)
_ODD = st.sampled_from(
    [
        b"", b"  ", b"\r", b"not json", b"[1]", b"3", b"null", b"{", b"}", b'{"a":', b'"x"}', b"\xff", b"\x00",
        b'{"a":1}{"a":2}', b'{"a":NaN,"b":1}', b'{"noise":NaN,"b":1}', b'{"a":Infinity}', b'{"f":NaN}',
        b'{"f":-Infinity}', b'{"f":1}', b'{"a":1,"a":2}',
        b'{"noise":1,"noise":2,"b":3}', b'{"a":"\\ud800"}', b'{"a":"\\ud83d\\ude00"}', b'{"a":"\xff"}',
        b'{"noise":"\xff"}', b'{"a":1e999}', b'{"a":"\x00"}', b' {"b":1} ', b'{"b":1}\r', b'{"b":1.0}', b'{"b":"7"}',
        b'{"n":[{"k":1},{"k":2}]}', b'{"n":{"k":{"j":1}}}', b'{"b":-0}', b'{"b":99999999999999999999}',
        b'{"a":{}}', b'{"a":[]}', b'{"a":[[1]]}', b'{"a":[{"k":1}]}', b'{"l":[1]}', b'\xef\xbb\xbf{"b":1}',
    ]
).map(lambda line: line.replace(b'{"', b'{"timestamp":1772359200000000,"', 1))  # fmt: skip


def stamped(record: dict[str, Any], number: int) -> bytes:
    return json.dumps({"timestamp": START + number, **record}, ensure_ascii=number % 2 == 0).encode()


def reference(content: bytes) -> tuple[list[tuple[Any, ...]], list[int]]:
    """(line, values of FIELDS) of each record, and the lines that hold none."""
    found: list[tuple[Any, ...]] = []
    bad: list[int] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode(), parse_constant=lambda _: None)
        except (UnicodeDecodeError, ValueError):
            record = None
        if isinstance(record, dict):
            found.append((number, *(plain(at(record, path)) for path in FIELDS)))
        else:
            bad.append(number)
    return found, bad


def at(value: Any, path: str) -> Any:
    """The literal name, else the way down; through lists, the values that are not null."""
    if isinstance(value, list):
        found = [at(item, path) for item in value]
        return [x for item in found for x in (item if isinstance(item, list) else [item]) if x is not None] or None
    if not isinstance(value, dict):
        return None
    if value.get(path) is not None or "." not in path:
        return value.get(path)
    head, _, rest = path.partition(".")
    return at(value.get(head), rest)


def plain(value: Any) -> Any:
    """A value by its text; a single value is a list of one, since a column of both is one of lists."""
    if isinstance(value, list):
        return [text(item) for item in value]
    single = text(value)
    return None if single is None else [single]


def text(value: Any) -> str | None:
    match value:
        case bool():
            return str(value).lower()
        case float() if math.isinf(value):  # 1e999, which no double holds
            return None
        case int() | float():
            return str(int(value)) if float(value).is_integer() else repr(value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case _:
            return None if value is None else str(value).encode("utf-8", "replace").decode()


def read(path: Path, block: int) -> tuple[list[tuple[Any, ...]], list[int], int]:
    log = open_logs([path], load_profile("none"), fields=FIELDS, timestamp="timestamp", block_bytes=block)
    found: list[tuple[Any, ...]] = []
    for events in log:
        none = [None] * len(events)
        columns = [native(events.frame[name]).to_pylist() if name in events.frame else none for name in FIELDS]
        found += list(zip(events.line.tolist(), *([plain(x) for x in column] for column in columns), strict=True))
    kinds = {"not-json", "not-utf8"}
    bad = [line for issue in log.issues if issue.kind in kinds for line in issue.lines]
    return found, sorted(bad), sum(issue.count for issue in log.issues if issue.kind in kinds)


def check(folder: Path, content: bytes, block: int) -> None:
    path = folder / "log.jsonl"
    path.write_bytes(content)
    expected, bad = reference(content)
    found, shown, count = read(path, block)
    with_time = {number for number, *_ in expected} & _timed(content)
    assert [row for row in found if row[0] in with_time] == [row for row in expected if row[0] in with_time]
    assert {row[0] for row in found} == with_time
    assert (shown, count) == (bad[: len(shown)], len(bad))


def _timed(content: bytes) -> set[int]:
    return {n for n, line in enumerate(content.split(b"\n"), 1) if b'"timestamp"' in line}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonl, "_PIECE", 150)  # a megabyte, in use: the part of a block that goes the careful way alone
        yield tmp_path_factory.mktemp("jsonl")


_FIRST = b'{"timestamp": 1772359200000000}'


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    lines=st.lists(st.one_of(_RECORDS, _STEADY, _ODD), max_size=10),
    block=st.integers(1, 400),
    end=st.sampled_from([b"\n", b"\r\n"]),
    ended=st.booleans(),
)
def test_any_mixture(folder: Path, lines: list[Any], block: int, end: bytes, ended: bool) -> None:
    texts = [_FIRST, *(line if isinstance(line, bytes) else stamped(line, n) for n, line in enumerate(lines))]
    check(folder, end.join(texts) + (end if ended else b""), block)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(records=st.lists(_STEADY, min_size=1, max_size=30), block=st.integers(60, 2000), odd=st.none() | _ODD)
@example([{"a": "", "b": 1, "n": {"k": 1}}] * 3, 4000, b'{"timestamp":1,"b":1}{"timestamp":1,"b":2}')
@example([{"a": "", "b": 1, "n": {"k": 1}}] * 3, 4000, b'{"timestamp":1772359200000000,"noise":{"k":\n2}}{"b":2}')
def test_a_steady_log_with_one_odd_line(folder: Path, records: list[Any], block: int, odd: bytes | None) -> None:
    texts = [stamped(record, number) for number, record in enumerate(records)]
    if odd is not None:
        texts.insert(len(texts) // 2, odd)
    check(folder, _FIRST + b"\n" + b"\n".join(texts) + b"\n", block)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a\n"]),
        (b"aa\nb\nc\n", [b"aa\n", b"b\nc\n"]),
        (b"aaaa\nb\n", [b"aaaa\nb\n"]),
        (b"aaaaaaaaaaaaaaaaaaaaaa\nb\ncc\n", [None, b"b\ncc\n"]),
        (b"b\naaaaaaaaaaaaaaaaaaaaaa\nb", [b"b\n", None, b"b"]),
        (b"aaaaaaaaaaaaaaaaaaaaaa", [None]),
        (b"aaaaaaaaaaaaaaaaaaaaaa\n", [None]),
    ],
)
def test_blocks_of_whole_lines(monkeypatch: pytest.MonkeyPatch, content: bytes, expected: list[bytes | None]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    blocks = Lines(Stream("-"), 4, 12)
    assert [None if block is None else bytes(block) for block in blocks] == expected


def read_back(folder: Path, name: str, content: bytes) -> tuple[list[int], list[tuple[str, tuple[int, ...]]]]:
    """The lines of the events, and what was wrong."""
    path = folder / name
    path.write_bytes(content)
    log = open_logs([path], load_profile("canonical"), fields=("user_id", "response_code"))
    lines = [line for events in log for line in events.line.tolist()]
    return lines, [(issue.kind, issue.lines) for issue in log.issues]


_LINE = b'{"timestamp":"2026-03-01T10:00:00Z","response_code":401}\n'


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("garbage.jsonl.gz", gzip.compress(_LINE) + b"garbage", ([1], [("truncated", (2,))])),
        ("members.jsonl.gz", gzip.compress(_LINE) + gzip.compress(_LINE) + b"\0" * 9, ([1, 2], [])),
        ("spaces", b" " * 200_000 + b"\n" + _LINE, ([2], [])),
        ("service.log", b"INFO starting\n" + _LINE, ([2], [("not-json", (1,))])),
        ("deep.jsonl", b'{"a":' + b"[" * 100_000 + b"\n" + _LINE, ([2], [("not-json", (1,))])),
    ],
)
def test_what_can_be_read_is_read(folder: Path, name: str, content: bytes, expected: Any) -> None:
    assert read_back(folder, name, content) == expected


def test_a_list_in_one_record_costs_no_other(folder: Path) -> None:
    path = folder / "list.jsonl"
    path.write_bytes(
        _LINE + b'{"timestamp":["2026-03-01T10:00:01Z"],"response_code":[200],"user_id":["a","b"]}\n' + _LINE
    )
    (events,) = open_logs([path], load_profile("canonical"), fields=("user_id", "response_code"))
    assert events.line.tolist() == [1, 2, 3]
    assert native(events.frame["response_code"]).to_pylist() == [401, 200, 401]
    assert native(events.frame["user_id"]).to_pylist() == [None, "a,b", None]


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b"])
def test_a_path_that_cannot_be_read(path: str) -> None:
    with pytest.raises(UsageError):
        list(open_logs([path], load_profile("canonical")))
