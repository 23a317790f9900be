"""CSV in blocks held against the csv module over the whole file, and parquet's own types."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import open_logs
from tollwatch.logs.values import native

HEADER = ("timestamp", "a", "b")
TIME = "2026-03-01T10:00:00Z"

_CELLS = st.sampled_from(["", "x", "é", "two\nlines", "\n", 'a "quote"', "a,b", "a;b", " ", "1", "\r\n"])
_ROWS = st.tuples(_CELLS, _CELLS).map(lambda cells: row([TIME, *cells]))
_ODD = st.sampled_from(
    ["", "\n", "\r\n", "x\n", "a,b\n", "a,b,c,d\n", "a,b,c\n", f'{TIME},5" disk,b\n', f"{TIME},a,\r\n"]
)


def row(cells: list[str], delimiter: str = ",") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return out.getvalue()


def reference(text: str, delimiter: str = ",") -> tuple[list[tuple[Any, ...]], list[int]]:
    """(line, a, b) of each row with a time, and the lines of those with another number of cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[tuple[Any, ...]] = []
    bad: list[int] = []
    start = 1
    for cells in reader:
        if cells and len(cells) != len(HEADER):
            bad.append(start)
        elif cells and cells[0] == TIME:
            found.append((start, cells[1] or None, cells[2] or None))
        start = reader.line_num + 1
    return found, bad


def read(path: Path, block: int = 1 << 20) -> tuple[list[tuple[Any, ...]], list[int], int]:
    log = open_logs([path], load_profile("none"), fields=HEADER, block_bytes=block)
    found: list[tuple[Any, ...]] = []
    for events in log:
        columns = (native(events.frame[name]).to_pylist() for name in ("a", "b"))
        found += list(zip(events.line.tolist(), *columns, strict=True))
    issues = [issue for issue in log.issues if issue.kind in {"bad-record", "not-utf8"}]
    return found, [line for issue in issues for line in issue.lines], sum(issue.count for issue in issues)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(rows=st.lists(_ROWS, min_size=1, max_size=8), odd=st.none() | _ODD, block=st.integers(1, 200))
def test_any_rows(folder: Path, rows: list[str], odd: str | None, block: int) -> None:
    if odd is not None:
        rows.insert(len(rows) // 2 + 1, odd)
    text = row(list(HEADER)) + "".join(rows)
    path = folder / "log.csv"
    path.write_bytes(text.encode())
    expected, bad = reference(text)
    found, shown, count = read(path, block)
    assert (found, shown, count) == (expected, bad[:5], len(bad))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_what_stands_between_cells(folder: Path, delimiter: str, bom: bytes) -> None:
    path = folder / "log.csv"
    text = row(list(HEADER), delimiter) + row([TIME, "x", "y, z; or | more\t"], delimiter)
    path.write_bytes(bom + text.encode())
    assert read(path) == ([(2, "x", "y, z; or | more\t")], [], 0)


def test_a_row_that_is_not_utf8_is_left_out_alone(folder: Path) -> None:
    path = folder / "log.csv"
    path.write_bytes(f"timestamp,a,b\n{TIME},1,2\n{TIME},".encode() + b"\xff,2\n" + f"{TIME},3,é\n".encode())
    assert read(path) == ([(2, "1", "2"), (4, "3", "é")], [3], 1)


_AT = dt.datetime(2026, 3, 1, 10, 0, 0, 123_456, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["x", None], pa.large_string()), ["x", None]),
        (pa.array(["x", "x"]).dictionary_encode(), ["x", "x"]),
        (pa.array([1, 2], pa.uint8()), [1, 2]),
        (pa.array([1, 2**64 - 1], pa.uint64()), ["1", "18446744073709551615"]),
        (pa.array([0.5, float("nan")], pa.float32()), [0.5, None]),
        (pa.array([Decimal("1.25"), None]), [1.25, None]),
        (pa.array([_AT, None], pa.timestamp("ns", "Europe/Berlin")), [_AT, None]),
        (pa.array([dt.date(2026, 3, 1), None]), [dt.datetime(2026, 3, 1, tzinfo=dt.UTC), None]),
        (pa.array([b"x", b"\xff"]), ["x", "\ufffd"]),
        (pa.array([[1, None], None], pa.list_(pa.int32())), [[1, None], None]),
        (pa.array([["x"], []], pa.large_list(pa.large_string())), [["x"], []]),
        (pa.array([[[1], [2]], None]), [["1", "2"], None]),
        (pa.array([None, None], pa.null()), [None, None]),
        (pa.array([True, None]), [True, None]),
    ],
)
def test_types_of_parquet(folder: Path, column: pa.Array, expected: list[Any]) -> None:
    path = folder / "log.parquet"
    pq.write_table(pa.table({"timestamp": [TIME, TIME], "a": column}), path)
    (events,) = open_logs([path], load_profile("none"), fields=("timestamp", "a"))
    assert native(events.frame["a"]).to_pylist() == expected


def test_paths_in_parquet(folder: Path) -> None:
    path = folder / "log.parquet"
    table = pa.table(
        {
            "timestamp": [TIME, TIME],
            "n": [{"k": "deep", "l": [{"x": 1}, {"x": None}]}, None],
            "n.k": [None, "literal"],
            "m": pa.array([[("key", "v")], []], pa.map_(pa.string(), pa.string())),
        }
    )
    pq.write_table(table, path)
    (events,) = open_logs([path], load_profile("none"), fields=("n.k", "n.l.x", "m.key", "missing"))
    assert {name: native(events.frame[name]).to_pylist() for name in events.frame} == {
        "n.k": ["deep", "literal"],
        "n.l.x": [[1], None],
        "m.key": ["v", None],
    }
    (everything,) = open_logs([path], load_profile("none"))
    assert list(everything.frame) == ["timestamp", "n.k", "n.l.x", "m"]


def test_a_damaged_parquet_file(folder: Path) -> None:
    path = folder / "log.parquet"
    path.write_bytes(b"PAR1" + b"\0" * 100)
    log = open_logs([path], load_profile("canonical"))
    assert (list(log), [issue.kind for issue in log.issues]) == ([], ["truncated"])
