"""Records (parsed JSON objects) as Arrow columns: the careful way, one record at a time, whatever they hold."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tollwatch.logs.issues import Issues

Index = npt.NDArray[np.int64]


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
    _fractional: set[str] = field(default_factory=set)

    def names(self) -> tuple[str, ...]:
        """The paths that had a value so far."""
        return tuple(self._first)

    def first(self, name: str) -> str | None:
        """The kind so far."""
        return self._first.get(name)

    def fractional(self, name: str) -> bool:
        """Whether a number there had a fraction."""
        return name in self._fractional

    def expect(self, name: str, values: Sequence[object]) -> None:
        """Remember the kind of these values, unless the path has one."""
        kind = next((kind for value in values if (kind := _kind(value)) is not None), None)
        if kind is not None:
            self._first.setdefault(name, kind)
        if kind == "number" and any(isinstance(value, float) for value in values):
            self._fractional.add(name)

    def column(self, name: str, values: Sequence[object], lines: Index) -> pa.ChunkedArray:
        """The values as one Arrow column; of mixed kinds, as their texts, which is reported."""
        self.expect(name, values)
        kinds = [_kind(value) for value in values]
        if _holds_floats(values):
            values = [None if kind is None else value for value, kind in zip(values, kinds, strict=True)]
        present = set(kinds) - {None}
        if present and present != {self._first[name]}:
            first = self._first[name]
            changed = [int(line) for line, kind in zip(lines, kinds, strict=True) if kind not in {None, first}]
            self.issues.add("type-change", self.path, changed, name)
        return pa.chunked_array([to_column(values, present)])


def _kind(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "boolean"
        case float() if not math.isfinite(value):
            return None
        case int() | float():
            return "number"
        case str():
            return "text"
        case list() | tuple():
            return "list"
        case _:
            return "record"


def to_column(values: Sequence[object], kinds: set[str | None]) -> pa.Array:
    """int64, double, bool, text or list of these; texts where kinds are mixed or a number leaves int64.

    Beside lists, a single value is a list of one.
    """
    if "list" in kinds:
        return _list_column([value if value is None or _kind(value) == "list" else [value] for value in values])
    if kinds <= {"number"} and kinds:
        return _number_column(values)
    if len(kinds) == 1 and kinds <= {"text", "boolean"}:
        try:
            return pa.array(values)
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape and UTF-8 cannot hold
            pass
    return pa.array([scalar_text(value) for value in values], pa.string())


def _holds_floats(values: Sequence[object]) -> bool:
    return any(isinstance(value, float) for value in values)


def _number_column(values: Sequence[object]) -> pa.Array:
    try:
        return pa.array(values, pa.float64() if _holds_floats(values) else pa.int64())
    except (pa.ArrowInvalid, OverflowError):  # more than 64 bits
        return pa.array([scalar_text(value) for value in values], pa.string())


def _list_column(values: Sequence[object]) -> pa.ChunkedArray:
    """Elements of one kind keep it; else they are texts."""
    elements = [element for value in values if isinstance(value, list | tuple) for element in value]
    elements = [element if _kind(element) is not None else None for element in elements]
    kinds = {_kind(element) for element in elements} - {None}
    if kinds <= {"text", "number", "boolean"} and kinds:
        column = to_column(elements, kinds)
    else:
        column = pa.array([scalar_text(element) for element in elements], pa.string())
    lengths = [len(value) if isinstance(value, list | tuple) else 0 for value in values]
    offsets = pa.array(np.append(0, np.cumsum(lengths)).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, column, mask=pa.array([value is None for value in values], pa.bool_()))


def scalar_text(value: object) -> str | None:
    """A value as text: numbers as their shortest decimal, whole ones without a fraction; lists and records as JSON."""
    match value:
        case None:
            return None
        case str():
            return value.encode("utf-8", "replace").decode()
        case bool():
            return str(value).lower()
        case float() if not math.isfinite(value):
            return None
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
        case int():
            return str(value)
        case Mapping() | list() | tuple():
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
            return text.encode("utf-8", "replace").decode()
        case _:
            return str(value)


def lookup(record: Mapping[str, object], path: str) -> object:
    """The value under a literal name, else along a dotted path; through a list of records, a list of values."""
    literal = record.get(path)
    if literal is not None or "." not in path:
        return literal
    name, _, rest = path.partition(".")
    return _below(record.get(name), rest)


def _below(value: object, rest: str) -> object:
    if isinstance(value, Mapping):
        return lookup(value, rest)
    if isinstance(value, list):
        found = [_below(item, rest) for item in value]
        flat = [part for item in found for part in (item if isinstance(item, list) else [item]) if part is not None]
        return flat or None
    return None


def leaf_paths(records: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Every path at which some record holds a value, in the order they are first met.

    A null is one of them, unless there are records at its path elsewhere.
    """
    found: dict[str, bool] = {}
    for record in records:
        _collect("", record, found)
    parents = {name[:at] for name in found for at in range(len(name)) if name[at] == "."}
    return tuple(name for name, held in found.items() if held or name not in parents)


def _collect(prefix: str, value: object, found: dict[str, bool]) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _collect(f"{prefix}.{name}" if prefix else str(name), inner, found)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for item in value:
            if isinstance(item, Mapping):
                _collect(prefix, item, found)
            else:
                found[prefix] = True
    else:
        found[prefix] = found.get(prefix, False) or value is not None


def from_mappings(
    records: Sequence[Mapping[str, object]], lines: Index, paths: Sequence[str] | None, kinds: Kinds
) -> Raw:
    """Columns of the paths asked for (None: of all there are)."""
    names = leaf_paths(records) if paths is None else paths
    columns = {name: kinds.column(name, [lookup(record, name) for record in records], lines) for name in names}
    return Raw(columns, lines)
