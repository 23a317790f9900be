"""JSON lines in blocks: Arrow's reader where a block is plain, one line at a time where it is not.

The quick way is taken only where it cannot be wrong: the block is UTF-8, every line begins with ``{`` and ends with
``}``, Arrow reads as many rows as there are lines, and every value has the type that the sample had. Any doubt sends
a small piece of the block, alone, the careful way, which counts what is wrong and keeps the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from tollwatch.logs.files import Stream
from tollwatch.logs.issues import Issues
from tollwatch.logs.json_shape import Shape, column_at, shape_of
from tollwatch.logs.lines import BOM, LONGEST_LINE, Lines, is_utf8
from tollwatch.logs.records import Index, Kinds, Raw, from_mappings

_LONG_NUMBER = re.compile(rb"[0-9]{20}")
_SAMPLE_LINES = 200
_ARROW_BLOCK = 1 << 23
_PIECE = 1 << 20
_SURVEY = 1 << 18  # bytes that stay in the processor's cache
_NEWLINE, _RETURN, _OPEN, _CLOSE = b"\n\r{}"


def read_jsonl(stream: Stream, paths: Sequence[str] | None, issues: Issues, block_bytes: int) -> Iterator[Raw]:
    """Blocks of raw columns for these paths (None: all)."""
    reader = _Reader(paths, Kinds(stream.name, issues))
    line = 1
    blocks = Lines(stream, block_bytes, LONGEST_LINE)
    for block in blocks:
        if block is None:
            issues.add("long-line", stream.name, [line])
            line += 1
            continue
        content = block[len(BOM) :] if line == 1 and block[: len(BOM)] == BOM else block
        newlines, plain = _survey(content)
        yield from reader.block(content, line, newlines, plain)
        line += newlines
    if blocks.damaged:
        issues.add("truncated", stream.name, [line])


def _survey(content: memoryview) -> tuple[int, bool]:
    """The number of newlines, and whether each stands between ``}`` and ``{`` (the last one at the end)."""
    data = np.frombuffer(content, np.uint8)
    newlines = fitting = 0
    for start in range(0, len(data), _SURVEY):
        part = data[start : start + _SURVEY + 2]
        ends = part[1:-1] == _NEWLINE
        newlines += int(np.count_nonzero(ends))
        fitting += int(np.count_nonzero(ends & (part[:-2] == _CLOSE) & (part[2:] == _OPEN)))
    # The first and the last byte are never in the middle of three.
    edges = [at for at in {0, len(data) - 1} if data[at] == _NEWLINE] if len(data) else []
    plain = newlines == fitting and len(data) > 2 and data[0] == _OPEN
    last = data[-1] == _CLOSE or (data[-1] == _NEWLINE and data[-2] == _CLOSE) if plain else False
    return newlines + len(edges), bool(plain and last)


@dataclass(slots=True)
class _Reader:
    """Reads one file's blocks; the shape is kept while it fits."""

    paths: Sequence[str] | None
    kinds: Kinds
    shape: Shape | None = None

    def block(self, content: memoryview, line: int, newlines: int, plain: bool) -> Iterator[Raw]:
        """A block whose first line has this number."""
        if plain:
            lines: Index | None = np.arange(line, line + newlines + (content[-1] != _NEWLINE))
        else:
            lines = _record_lines(content, line)
        raw = self._quickly(content, lines)
        if raw is not None:
            yield raw
            return
        for piece in _pieces(content):
            count = piece.count(b"\n")
            view = memoryview(piece)
            yield self._quickly(view, _record_lines(view, line)) or self._carefully(piece, line)
            line += count

    def _quickly(self, content: memoryview, lines: Index | None) -> Raw | None:
        if lines is None or not is_utf8(content):
            return None
        if self.shape is None:
            self.shape = shape_of(_sample(content), self.paths, self.kinds)
        return None if self.shape is None else _by_arrow(content, self.shape, lines)

    def _carefully(self, piece: bytes, line: int) -> Raw:
        # The next piece may be plain again, in its own way; its sample decides.
        self.shape = None
        records: list[Mapping[str, object]] = []
        lines: list[int] = []
        for number, text in enumerate(piece.split(b"\n"), line):
            record = _record(text, number, self.kinds) if text.strip() else None
            if record is not None:
                records.append(record)
                lines.append(number)
        return from_mappings(records, np.array(lines, np.int64), self.paths, self.kinds)


def _record_lines(content: memoryview, line: int) -> Index | None:
    """The number of each line that is not blank; None where one does not begin with ``{`` and end with ``}``."""
    data = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    starts = np.append(0, ends + 1)
    ends = np.append(ends, len(data))
    ends = ends - ((ends > starts) & (data[ends - 1] == _RETURN))
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    if not len(starts) or (data[starts] != _OPEN).any() or (data[ends - 1] != _CLOSE).any():
        return None
    return line + np.flatnonzero(filled)


def _sample(content: memoryview) -> list[Mapping[str, object]]:
    """Records from all over the block: its first lines, and one after each of some places."""
    records: list[Mapping[str, object]] = []
    half = _SAMPLE_LINES // 2
    texts = bytes(content[:_PIECE]).split(b"\n", half)[:half]
    for place in range(0, len(content), max(len(content) // half, 1)):
        near = bytes(content[place : place + (_PIECE >> 4)]).split(b"\n", 2)
        texts += near[1:2]
    for text in texts:
        record = _parsed(text)
        if isinstance(record, dict):  # else it is cut off, or for the careful way to tell of
            records.append(record)
    return records


def _by_arrow(content: memoryview, shape: Shape, lines: Index) -> Raw | None:
    unexpected = "error" if shape.closed else "ignore"
    try:
        table = pj.read_json(
            pa.BufferReader(pa.py_buffer(content)),
            read_options=pj.ReadOptions(block_size=_ARROW_BLOCK),
            parse_options=pj.ParseOptions(explicit_schema=shape.schema, unexpected_field_behavior=unexpected),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None
    if table.num_rows != len(lines):
        return None
    columns = {path: column for path in shape.paths if (column := column_at(table, path)) is not None}
    return Raw(columns, lines) if all(map(_exact, columns.values())) else None


def _exact(column: pa.ChunkedArray) -> bool:
    """False where Arrow read NaN or an infinity, which JSON does not have, or rounded a large whole number."""
    if pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    return not pa.types.is_floating(column.type) or pc.all(pc.less(pc.abs(column), 2.0**53)).as_py() is not False


def _pieces(content: memoryview) -> Iterator[bytes]:
    """The block in smaller ones that end at a line's end."""
    whole = bytes(content)
    start = 0
    while start < len(whole):
        end = whole.find(b"\n", min(start + _PIECE, len(whole) - 1)) + 1 or len(whole)
        yield whole[start:end]
        start = end


def _record(text: bytes, line: int, kinds: Kinds) -> Mapping[str, object] | None:
    record = _parsed(text)
    if isinstance(record, dict):
        return record
    kinds.issues.add("not-json" if is_utf8(text) else "not-utf8", kinds.path, [line])
    return None


def _parsed(text: bytes) -> object:
    """A line's value; None where it is not JSON. orjson would round whole numbers of more than 64 bits."""
    try:
        return _leniently(text) if _LONG_NUMBER.search(text) else orjson.loads(text)
    except orjson.JSONDecodeError:
        return _leniently(text)


def _leniently(text: bytes) -> object:
    """Also what programs write though it is not JSON: NaN, and half a surrogate pair where a text was cut off."""
    try:
        return json.loads(text.decode(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
