"""CSV, parquet and JSON documents as raw columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from tollwatch.errors import UsageError
from tollwatch.logs.files import DAMAGED, Stream
from tollwatch.logs.issues import Issues
from tollwatch.logs.records import Kinds, Raw, from_mappings

_RECORDS_A_BLOCK = 50_000

Index = npt.NDArray[np.int64]


def read_csv(stream: Stream, paths: Sequence[str] | None, issues: Issues, block_bytes: int) -> Iterator[Raw]:
    """Rows of a CSV with a header line. All cells are text; an empty one without quotes is null.

    A row's line is the one it starts on; a row with too many or too few cells is counted and left out.
    """
    ahead = stream.ahead.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        header = next(csv.reader(io.StringIO(ahead)), [])
    except csv.Error:
        issues.add("bad-record", stream.name, [1])
        return
    if not header:
        return
    if len(set(header)) < len(header):
        raise UsageError(f"{stream.name}: two columns of the CSV have one name", "give each column its own")
    skipped: dict[int, int] = {}

    def skip(row: pcsv.InvalidRow) -> str:
        skipped[row.number or 0] = 1 + row.text.rstrip("\n").count("\n")
        return "skip"

    try:
        reader = _csv_reader(stream, header, block_bytes, skip)
    except pa.ArrowInvalid:
        issues.add("bad-record", stream.name, [1])
        return
    place = (2, 2)
    while (table := _next_table(reader, stream, issues, place[1])) is not None:
        lines, place = _lines(table, place, skipped)
        names = header if paths is None else [path for path in paths if path in header]
        yield Raw({name: table.column(name) for name in names}, lines)
    issues.add("bad-record", stream.name, sorted(skipped))


def _csv_reader(
    stream: Stream, header: Sequence[str], block_bytes: int, skip: Callable[[pcsv.InvalidRow], str]
) -> pcsv.CSVStreamingReader:
    return pcsv.open_csv(
        pa.PythonFile(_Readable(stream), "r"),
        read_options=pcsv.ReadOptions(use_threads=False, block_size=block_bytes),
        parse_options=pcsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pcsv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _next_table(reader: pcsv.CSVStreamingReader, stream: Stream, issues: Issues, line: int) -> pa.Table | None:
    try:
        return pa.Table.from_batches([reader.read_next_batch()])
    except StopIteration:
        return None
    except pa.ArrowInvalid:
        issues.add("bad-record", stream.name, [line])
    except DAMAGED:
        issues.add("truncated", stream.name, [line])
    return None


def _lines(table: pa.Table, place: tuple[int, int], skipped: Mapping[int, int]) -> tuple[Index, tuple[int, int]]:
    """Each row's first line, and where the next table begins; ``place`` is (row number, line), the header being 1.

    Quoted cells may hold newlines, and rows that were skipped stand between (row number → its number of lines).
    """
    height = np.ones(table.num_rows, np.int64)
    for column in table.columns:
        height += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy()
    number, line = place
    gaps = np.array(sorted(row for row in skipped if row >= number), np.int64)
    numbers = np.setdiff1d(np.arange(number, number + len(height) + len(gaps)), gaps)[: len(height)]
    end = int(numbers[-1]) + 1 if len(numbers) else number
    tall = np.zeros(end - number, np.int64)
    tall[numbers - number] = height
    for row in gaps[gaps < end]:
        tall[row - number] = skipped[int(row)]
    starts = line + np.cumsum(tall) - tall
    return starts[numbers - number], (end, line + int(tall.sum()))


class _Readable(io.RawIOBase):
    """A Stream as the file object that Arrow reads from."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)


def read_parquet(stream: Stream, paths: Sequence[str] | None, issues: Issues) -> Iterator[Raw]:
    """Row groups of a parquet file, only the columns that the paths need; ``lines`` are record numbers from 1."""
    try:
        file = pq.ParquetFile(pa.BufferReader(stream.read()) if stream.name == "<stdin>" else stream.name)
    except (pa.ArrowInvalid, OSError):
        issues.add("truncated", stream.name, [1])
        return
    names = file.schema_arrow.names
    heads = None if paths is None else [n for n in names if any(p == n or p.startswith(f"{n}.") for p in paths)]
    number = 1
    for batch in file.iter_batches(_RECORDS_A_BLOCK, columns=heads):
        table = pa.Table.from_batches([batch])
        columns = flatten(table)
        lines = np.arange(number, number + table.num_rows)
        number += table.num_rows
        yield Raw({name: column for name, column in columns.items() if paths is None or name in paths}, lines)


def flatten(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Columns by dotted path, structs taken apart; a literal name goes before a path of the same spelling."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    found: dict[str, pa.ChunkedArray] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        found.setdefault(name, column)
    return found


def read_json(stream: Stream, paths: Sequence[str] | None, issues: Issues) -> Iterator[Raw]:
    """A JSON array of records, an object with one list of records (``Records``, ``value``), or one record."""
    kinds = Kinds(stream.name, issues)
    try:
        document = orjson.loads(stream.read().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        issues.add("not-json", stream.name, [error.lineno])
        return
    except DAMAGED:
        issues.add("truncated", stream.name, [1])
        return
    items = _items(document)
    for first in range(0, len(items), _RECORDS_A_BLOCK):
        part = items[first : first + _RECORDS_A_BLOCK]
        numbered = [(first + i, item) for i, item in enumerate(part, 1)]
        records: list[Mapping[str, object]] = [item for _, item in numbered if isinstance(item, dict)]
        lines = np.array([number for number, item in numbered if isinstance(item, dict)], np.int64)
        issues.add("bad-record", stream.name, [number for number, item in numbered if not isinstance(item, dict)])
        yield from_mappings(records, lines, paths, kinds)


def _items(document: object) -> list[object]:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        lists = [
            value for value in document.values() if isinstance(value, list) and value and isinstance(value[0], dict)
        ]
        if len(lists) == 1 and len(document) <= 3:
            return lists[0]
    return [document]
