"""JSON lines in blocks: Arrow's reader where a block is plain, one line at a time where it is not.

The quick way is taken only where it cannot be wrong: every line begins with ``{`` and ends with ``}``, Arrow reads as
many rows as there are lines, and every value has the type that the sample had. Any doubt sends the block, alone, the
careful way, which counts what is wrong and keeps the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from tollwatch.logs.files import DAMAGED, Stream, line_blocks
from tollwatch.logs.issues import Issues
from tollwatch.logs.records import Kinds, Raw, from_mappings, lookup

_SAMPLE_LINES = 200
_ARROW_BLOCK = 1 << 22
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Shape:
    """The Arrow schema for the quick way. ``plain``: whether every path's type was clear from the sample."""

    schema: pa.Schema
    plain: bool


def read_jsonl(stream: Stream, paths: Sequence[str] | None, issues: Issues, block_bytes: int) -> Iterator[Raw]:
    """Blocks of raw columns for these paths (None: all, the careful way)."""
    kinds = Kinds(stream.name, issues)
    shape: _Shape | None = None
    line = 1
    blocks = line_blocks(stream, block_bytes)
    while (block := _next(blocks, stream, issues, line)) is not None:
        content = block.removeprefix(_BOM) if line == 1 else block
        if paths is not None and shape is None:
            shape = _shape(_sample(content), paths, kinds)
        count = content.count(b"\n") + (not content.endswith(b"\n"))
        raw = _quickly(content, shape, paths, line, count) if paths is not None and shape is not None else None
        if raw is None:
            # The next block may be plain again, in its own way; its sample decides.
            raw, shape = _carefully(content, paths, line, kinds), None
        yield raw
        line += count


def _next(blocks: Iterator[bytes], stream: Stream, issues: Issues, line: int) -> bytes | None:
    try:
        return next(blocks, None)
    except DAMAGED:
        issues.add("truncated", stream.name, [line])
        return None


def _sample(content: bytes) -> list[Mapping[str, object]]:
    records: list[Mapping[str, object]] = []
    for line in content[: 1 << 20].splitlines()[:_SAMPLE_LINES]:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def _shape(sample: list[Mapping[str, object]], paths: Sequence[str], kinds: Kinds) -> _Shape:
    """The schema that the sample suggests.

    A path that the sample lacks is read as the kind it had before, or as text: another type shows as a doubt.
    """
    tree: dict[str, object] = {}
    for path in paths:
        type_ = _type_of([lookup(record, path) for record in sample], kinds.first(path))
        if type_ is None or not _plant(tree, path, type_):
            return _Shape(pa.schema([]), plain=False)
        if any(lookup(record, path) is not None for record in sample):
            kinds.expect(path, _KINDS[type_])
        # A dotted name may also stand literally; both are read, and the literal one goes first.
        tree.setdefault(path, type_)
    return _Shape(pa.schema(list(_fields(tree))), plain=True)


_KINDS = {pa.string(): "text", pa.int64(): "number", pa.float64(): "number", pa.bool_(): "boolean"}


def _type_of(values: list[object], before: str | None) -> pa.DataType | None:
    """The one type of the values; None where there is none, or where it is not of the kind that came before."""
    present = frozenset(type(value) for value in values if value is not None)
    if not present:
        return {"number": pa.float64(), "boolean": pa.bool_()}.get(before or "text", pa.string())
    types = {frozenset({str}): pa.string(), frozenset({int}): pa.int64(), frozenset({bool}): pa.bool_()}
    type_ = pa.float64() if float in present and present <= {int, float} else types.get(present)
    return type_ if type_ is None or before in {None, _KINDS[type_]} else None


def _plant(tree: dict[str, object], path: str, type_: pa.DataType) -> bool:
    """Put a leaf into the tree of names; False where a path runs through another path's leaf."""
    *parents, leaf = path.split(".")
    for name in parents:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            return False
        tree = below
    return bool(tree.setdefault(leaf, type_) == type_)


def _fields(tree: Mapping[str, object]) -> Iterator[pa.Field]:
    for name, below in tree.items():
        yield pa.field(name, pa.struct(list(_fields(below))) if isinstance(below, dict) else below)


def _quickly(content: bytes, shape: _Shape, paths: Sequence[str] | None, line: int, count: int) -> Raw | None:
    if not shape.plain or paths is None or not _object_a_line(content):
        return None
    try:
        table = pj.read_json(
            pa.BufferReader(content),
            read_options=pj.ReadOptions(block_size=_ARROW_BLOCK),
            parse_options=pj.ParseOptions(explicit_schema=shape.schema, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None
    if table.num_rows != count:
        return None
    columns = {path: _column(table, path) for path in paths}
    if any(_not_finite(column) for column in columns.values()):
        return None
    return Raw(columns, np.arange(line, line + count))


def _not_finite(column: pa.ChunkedArray) -> bool:
    """Whether Arrow read NaN or an infinity, which JSON does not have."""
    return pa.types.is_floating(column.type) and pc.all(pc.is_finite(column)).as_py() is False


def _object_a_line(content: bytes) -> bool:
    """Whether each line is UTF-8, and begins and ends as an object does."""
    data = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(data == 10)
    starts = np.append(0, ends + 1)
    if starts[-1] == len(data):
        starts = starts[:-1]
    else:
        ends = np.append(ends, len(data))
    if not len(starts) or (ends <= starts).any():
        return False
    last = ends - 1
    last = last - (data[last] == 13)
    plain = bool((data[starts] == 123).all() and (data[last] == 125).all())
    return plain and (content.isascii() or _is_utf8(content))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _column(table: pa.Table, path: str) -> pa.ChunkedArray:
    *parents, leaf = path.split(".")
    if not parents:
        return table.column(path)
    column = table.column(parents[0])
    for name in (*parents[1:], leaf):
        column = pc.struct_field(column, name)
    return pc.coalesce(table.column(path), column)


def _carefully(content: bytes, paths: Sequence[str] | None, line: int, kinds: Kinds) -> Raw:
    records: list[Mapping[str, object]] = []
    lines: list[int] = []
    for number, text in enumerate(content.split(b"\n"), line):
        if not text.strip():
            continue
        record = _record(text, number, kinds)
        if record is not None:
            records.append(record)
            lines.append(number)
    return from_mappings(records, np.array(lines, np.int64), paths, kinds)


def _record(text: bytes, line: int, kinds: Kinds) -> Mapping[str, object] | None:
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        kinds.issues.add("not-json" if _is_utf8(text) else "not-utf8", kinds.path, [line])
        return None
    if isinstance(record, dict):
        return record
    kinds.issues.add("not-json", kinds.path, [line])
    return None
