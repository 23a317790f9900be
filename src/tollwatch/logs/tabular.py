"""Parquet and JSON documents as raw columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tollwatch.errors import UsageError
from tollwatch.logs.arrow_types import settled
from tollwatch.logs.files import DAMAGED, Stream
from tollwatch.logs.issues import Issues
from tollwatch.logs.json_shape import column_at
from tollwatch.logs.lines import BOM
from tollwatch.logs.normalise import whole
from tollwatch.logs.records import Kinds, Raw, from_mappings

LARGEST_DOCUMENT = 512 << 20
_RECORDS_A_BLOCK = 50_000


def read_parquet(stream: Stream, paths: Sequence[str] | None, issues: Issues) -> Iterator[Raw]:
    """A parquet file a part at a time, only the columns that the paths need; ``lines`` are record numbers from 1."""
    number = 1
    try:
        for batch in _batches(stream, paths):
            lines = np.arange(number, number + batch.num_rows)
            number += batch.num_rows
            yield Raw(flatten(batch, paths), lines)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        issues.add("truncated", stream.name, [number])


def _batches(stream: Stream, paths: Sequence[str] | None) -> Iterator[pa.Table]:
    file = pq.ParquetFile(pa.BufferReader(stream.read()) if stream.name == "<stdin>" else stream.name)
    names = file.schema_arrow.names
    heads = None if paths is None else [n for n in names if any(p == n or p.startswith(f"{n}.") for p in paths)]
    for batch in file.iter_batches(_RECORDS_A_BLOCK, columns=heads):
        yield pa.Table.from_batches([batch])


def flatten(table: pa.Table, paths: Sequence[str] | None = None) -> dict[str, pa.ChunkedArray]:
    """Columns by dotted path (None: all), in the types that events use; a literal name goes before a dotted path."""
    names = _leaves(table.schema, "") if paths is None else paths
    found = {name: column_at(table, name) for name in names}
    return {name: pa.chunked_array([settled(whole(column))]) for name, column in found.items() if column is not None}


def _leaves(fields: Iterable[pa.Field], prefix: str) -> tuple[str, ...]:
    """The paths of all that holds no further fields, through lists of records too."""
    found: dict[str, None] = {}
    for field in fields:
        inner = field.type
        while pa.types.is_list(inner) or pa.types.is_large_list(inner):
            inner = inner.value_type
        name = prefix + field.name
        found.update(dict.fromkeys(_leaves(inner, name + ".") if pa.types.is_struct(inner) else [name]))
    return tuple(found)


def read_json(stream: Stream, paths: Sequence[str] | None, issues: Issues) -> Iterator[Raw]:
    """A JSON array of records, an object with one list of records (``Records``, ``value``), or records in a row.

    Raises:
        UsageError: the document is larger than 512 MB; it would have to be held whole.
    """
    kinds = Kinds(stream.name, issues)
    records = document_records(stream, issues)
    for first in range(0, len(records), _RECORDS_A_BLOCK):
        part = records[first : first + _RECORDS_A_BLOCK]
        lines = np.array([number for number, _ in part], np.int64)
        yield from_mappings([record for _, record in part], lines, paths, kinds)


def document_records(stream: Stream, issues: Issues) -> list[tuple[int, Mapping[str, object]]]:
    """(number, record) of a JSON document's records, as ``read_json`` takes them, which also says what is raised."""
    numbered = list(enumerate(_items(_document(stream, issues), stream.name, issues), 1))
    issues.add("bad-record", stream.name, [number for number, item in numbered if not isinstance(item, dict)])
    return [(number, item) for number, item in numbered if isinstance(item, dict)]


def _document(stream: Stream, issues: Issues) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        while size <= LARGEST_DOCUMENT and (part := stream.read(1 << 20)):
            parts.append(part)
            size += len(part)
    except DAMAGED:
        issues.add("truncated", stream.name, [1])
    if size > LARGEST_DOCUMENT:
        hint = "write it as one record a line, such as with: jq -c '.[]'"
        raise UsageError(f"{stream.name}: a JSON document of more than {LARGEST_DOCUMENT >> 20} MB", hint)
    return b"".join(parts).removeprefix(BOM)


def _items(content: bytes, name: str, issues: Issues) -> list[object]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return _one_by_one(content, name, issues)
    if isinstance(document, list):
        return document
    lists = [value for value in document.values() if _holds_records(value)] if isinstance(document, dict) else []
    return lists[0] if len(lists) == 1 and len(document) <= 3 else [document]


def _holds_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _one_by_one(content: bytes, name: str, issues: Issues) -> list[object]:
    """The records up to the first place that cannot be read, of an array or in a row."""
    text = content.decode("utf-8", "replace")
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    found: list[object] = []
    at = _next_value(text, 0)
    at = _next_value(text, at + 1) if text[at : at + 1] == "[" else at
    while at < len(text) and text[at] != "]":
        try:
            item, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            issues.add("not-json", name, [text.count("\n", 0, at) + 1])
            break
        found.append(item)
        at = _next_value(text, at)
    return found


def _next_value(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at
