"""CSV in blocks: Arrow's reader where every row has its cells, one row at a time where one has not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv

from tollwatch.errors import UsageError
from tollwatch.logs.files import Stream
from tollwatch.logs.issues import Issues
from tollwatch.logs.lines import BOM, LONGEST_LINE, Lines, is_utf8
from tollwatch.logs.records import Index, Raw

_DELIMITERS = ",;\t|"
_QUOTE, _NEWLINE, _RETURN = b'"\n\r'


@dataclass(frozen=True, slots=True)
class _Table:
    """What is the same for all blocks: the columns' names, those that are needed, and what stands between cells."""

    header: tuple[str, ...]
    wanted: tuple[str, ...]
    delimiter: str
    name: str
    issues: Issues


def read_csv(stream: Stream, paths: Sequence[str] | None, issues: Issues, block_bytes: int) -> Iterator[Raw]:
    """Rows of a CSV with a header line; cells are text, empty ones null; separated by , ; | or a tab, as the header is.

    A row's line is the one it starts on; a row with too many or too few cells is counted and left out.

    Raises:
        UsageError: two columns have one name.
    """
    table = _table(stream, paths, issues)
    if table is None:
        return
    line = 1
    blocks = Lines(stream, block_bytes, LONGEST_LINE)
    for content in _whole_rows(blocks, table.delimiter):
        if content:
            yield _rows(content, line, table)
        line += content.count(b"\n")
    if blocks.damaged:
        issues.add("truncated", stream.name, [line])


def _table(stream: Stream, paths: Sequence[str] | None, issues: Issues) -> _Table | None:
    ahead = stream.ahead.removeprefix(BOM).decode("utf-8", "replace")
    first = ahead.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        header = tuple(next(csv.reader(io.StringIO(ahead), delimiter=delimiter), []))
    except csv.Error:
        header = ()
    if not header:
        issues.add("bad-record", stream.name, [1])
        return None
    if len(set(header)) < len(header):
        raise UsageError(f"{stream.name}: two columns of the CSV have one name", "give each column its own")
    wanted = header if paths is None else tuple(name for name in paths if name in header)
    return _Table(header, wanted, delimiter, stream.name, issues)


def _whole_rows(blocks: Lines, delimiter: str) -> Iterator[bytes]:
    """Blocks that end at the end of a row: quoted cells may hold newlines."""
    kept = b""
    for block in blocks:
        kept += block or b"\n"  # the empty line stands for one that is too long
        ends = _row_ends(kept, delimiter)
        if ends is None:
            ends = _read_ends(kept, delimiter)
        cut = int(ends[-1]) + 1 if len(ends) else (len(kept) if len(kept) > LONGEST_LINE else 0)
        yield kept[:cut]
        kept = kept[cut:]
    yield kept


def _row_ends(content: bytes, delimiter: str) -> Index | None:
    """Where the newlines outside quotes are: after an even number of them. None where a quote stands inside a cell."""
    data = np.frombuffer(content, np.uint8)
    newlines = np.flatnonzero(data == _NEWLINE)
    quotes = np.flatnonzero(data == _QUOTE)
    opening = quotes[::2]
    # A quote inside a quoted cell is doubled: the second of the two opens it again.
    before = data[opening[opening > 0] - 1]
    if not ((before == ord(delimiter)) | (before == _NEWLINE) | (before == _QUOTE)).all():
        return None
    return newlines[np.searchsorted(quotes, newlines) % 2 == 0] if len(quotes) else newlines


def _read_ends(content: bytes, delimiter: str) -> Index:
    """The same as the csv module reads it, without the last row, which may go on."""
    newlines = np.flatnonzero(np.frombuffer(content, np.uint8) == _NEWLINE)
    reader = csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline="\n"), delimiter=delimiter)
    counts: list[int] = []
    while True:
        try:
            if next(reader, None) is None:
                break
        except csv.Error:
            pass  # told of when the rows are read
        counts.append(reader.line_num)
    ends: Index = newlines[np.array(counts[:-1], np.int64) - 1]
    return ends


def _rows(content: bytes, line: int, table: _Table) -> Raw:
    header_line = line == 1
    raw = _quickly(content, line, table) if is_utf8(content) else None
    raw = raw or _carefully(content, line, table)
    if not header_line:
        return raw
    first = raw.lines != raw.lines[:1]
    return Raw({name: column.filter(pa.array(first)) for name, column in raw.columns.items()}, raw.lines[first])


def _quickly(content: bytes, line: int, table: _Table) -> Raw | None:
    lines = _row_lines(content, line, table.delimiter)
    if lines is None or not len(lines):
        return None
    try:
        read = pcsv.read_csv(
            pa.BufferReader(content.removeprefix(BOM) if line == 1 else content),
            read_options=pcsv.ReadOptions(column_names=table.header),
            parse_options=pcsv.ParseOptions(newlines_in_values=b'"' in content, delimiter=table.delimiter),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(table.header, pa.string()),
                include_columns=table.wanted or table.header[:1],
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if read.num_rows != len(lines):
        return None
    return Raw({name: read.column(name) for name in table.wanted}, lines)


def _row_lines(content: bytes, line: int, delimiter: str) -> Index | None:
    """The line that each row begins on; blank ones are none."""
    data = np.frombuffer(content, np.uint8)
    ends = _row_ends(content, delimiter)
    if ends is None:
        return None
    starts = np.append(0, ends + 1)
    ends = np.append(ends, len(data))
    starts, ends = starts[ends > starts], ends[ends > starts]
    filled = (ends > starts + 1) | (data[starts] != _RETURN)
    before: Index = np.searchsorted(np.flatnonzero(data == _NEWLINE), starts[filled])
    return line + before


def _carefully(content: bytes, line: int, table: _Table) -> Raw:
    # What is no UTF-8 becomes halves of surrogate pairs, which UTF-8 itself never gives.
    text = (content.removeprefix(BOM) if line == 1 else content).decode("utf-8", "surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter)
    rows: list[list[str]] = []
    lines: list[int] = []
    while True:
        start = line + reader.line_num
        try:
            row = next(reader, None)
        except csv.Error:
            table.issues.add("bad-record", table.name, [start])
            continue
        if row is None:
            break
        if row and _usable(row, start, table):
            rows.append(row)
            lines.append(start)
    places = [table.header.index(name) for name in table.wanted]
    columns = {
        name: pa.chunked_array([pa.array([row[place] or None for row in rows], pa.string())])
        for name, place in zip(table.wanted, places, strict=True)
    }
    return Raw(columns, np.array(lines, np.int64))


def _usable(row: Sequence[str], line: int, table: _Table) -> bool:
    if any(not cell.isascii() and not _encodable(cell) for cell in row):
        table.issues.add("not-utf8", table.name, [line])
        return False
    if len(row) != len(table.header):
        table.issues.add("bad-record", table.name, [line])
        return False
    return True


def _encodable(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True
