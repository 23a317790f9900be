"""Records (parsed JSON objects) as Arrow columns: the careful way, one record at a time, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from tollwatch.logs.issues import Issues

Index = npt.NDArray[np.int64]
_NUMBERS = (int, float)


@dataclass(frozen=True, slots=True)
class Raw:
    """n raw records: a column for each path that was asked for and is there, and each record's line or number."""

    columns: dict[str, pa.ChunkedArray]
    lines: Index


@dataclass(slots=True)
class Kinds:
    """The kind (text, number, boolean, list) that each path's values first had, to tell where it changes."""

    path: str
    issues: Issues
    _first: dict[str, str] = field(default_factory=dict)

    def first(self, name: str) -> str | None:
        """The kind so far."""
        return self._first.get(name)

    def expect(self, name: str, kind: str) -> None:
        """The kind that a path has from now on, unless it has one."""
        self._first.setdefault(name, kind)

    def column(self, name: str, values: Sequence[object], lines: Index) -> pa.ChunkedArray:
        """The values as one Arrow column; of mixed kinds, as their texts, which is reported."""
        kinds = [_kind(value) for value in values]
        present = set(kinds) - {None}
        if present:
            first = self._first.setdefault(name, next(kind for kind in kinds if kind is not None))
            if present != {first}:
                changed = [int(line) for line, kind in zip(lines, kinds, strict=True) if kind not in {None, first}]
                self.issues.add("type-change", self.path, changed, name)
        return to_column(values, present)


def _kind(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list() | tuple():
            return "list"
        case _:
            return "record"


def to_column(values: Sequence[object], kinds: set[str | None]) -> pa.ChunkedArray:
    """int64, double, bool, text or list of these; texts where kinds are mixed or a number leaves int64."""
    if len(kinds) > 1 or kinds == {"record"}:
        return pa.chunked_array([pa.array([scalar_text(value) for value in values], pa.string())])
    if kinds == {"list"}:
        return _list_column(values)
    try:
        return pa.chunked_array([pa.array(_plain_numbers(values) if kinds == {"number"} else values)])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        return pa.chunked_array([pa.array([scalar_text(value) for value in values], pa.string())])


def _plain_numbers(values: Sequence[object]) -> Sequence[object]:
    if not any(isinstance(value, float) for value in values):
        return values
    return [float(value) if isinstance(value, _NUMBERS) else None for value in values]


def _list_column(values: Sequence[object]) -> pa.ChunkedArray:
    """Elements of one kind keep it; else they are texts."""
    elements = [element for value in values if isinstance(value, list | tuple) for element in value]
    column = to_column(elements, {_kind(element) for element in elements} - {None})
    if pa.types.is_list(column.type) or pa.types.is_null(column.type):
        column = pa.chunked_array([pa.array([scalar_text(element) for element in elements], pa.string())])
    lengths = [len(value) if isinstance(value, list | tuple) else 0 for value in values]
    offsets = pa.array(np.append(0, np.cumsum(lengths)).astype(np.int32))
    missing = pa.array([value is None for value in values], pa.bool_())
    whole = column.combine_chunks()
    flat = whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)
    return pa.chunked_array([pa.ListArray.from_arrays(offsets, flat, mask=missing)])


def scalar_text(value: object) -> str | None:
    """A value as text: numbers as their shortest decimal, whole ones without a fraction; records as JSON."""
    match value:
        case None:
            return None
        case str():
            return value.encode("utf-8", "replace").decode()
        case bool():
            return str(value).lower()
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
        case int():
            return str(value)
        case _:
            return orjson.dumps(value, default=str).decode()


def lookup(record: Mapping[str, object], path: str) -> object:
    """The value under a literal name, else along a dotted path; through a list of records, a list of values."""
    if path in record:
        return record[path]
    name, dot, rest = path.partition(".")
    return _below(record[name], rest) if dot and name in record else None


def _below(value: object, rest: str) -> object:
    if isinstance(value, Mapping):
        return lookup(value, rest)
    if isinstance(value, list):
        found = [_below(item, rest) for item in value if isinstance(item, Mapping)]
        flat = [part for item in found for part in (item if isinstance(item, list) else [item]) if part is not None]
        return flat or None
    return None


def leaf_paths(records: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Every path at which some record holds a value, in the order they are first met."""
    found: dict[str, None] = {}
    for record in records:
        _collect("", record, found)
    return tuple(found)


def _collect(prefix: str, value: object, found: dict[str, None]) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _collect(f"{prefix}.{name}" if prefix else str(name), inner, found)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for item in value:
            _collect(prefix, item if isinstance(item, Mapping) else None, found)
    elif prefix:
        found[prefix] = None


def from_mappings(
    records: Sequence[Mapping[str, object]], lines: Index, paths: Sequence[str] | None, kinds: Kinds
) -> Raw:
    """Columns of the paths asked for (None: of all there are)."""
    names = leaf_paths(records) if paths is None else paths
    columns = {name: kinds.column(name, [lookup(record, name) for record in records], lines) for name in names}
    return Raw(columns, lines)
