"""The Arrow schema that a sample of records suggests, and reading a dotted path off Arrow columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.logs.records import Kinds, leaf_paths, lookup
from tollwatch.logs.values import text_values

_TEXT, _INTEGER, _NUMBER, _BOOLEAN = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_UNKNOWN = pa.null()
_KINDS = {_TEXT: "text", _INTEGER: "number", _NUMBER: "number", _BOOLEAN: "boolean"}


class _UnclearError(Exception):
    """The sample's values at one place have no one type."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What Arrow's reader is told. ``closed``: a field that is not in the schema is an error, not to be skipped."""

    schema: pa.Schema
    paths: tuple[str, ...]
    closed: bool


def shape_of(sample: Sequence[Mapping[str, object]], paths: Sequence[str] | None, kinds: Kinds) -> Shape | None:
    """The shape of records for these paths (None: all that the sample has); None where it is not clear.

    A path without a value in the sample has the type it had before in the file, or text: another shows as an error.
    """
    closed = paths is None
    names = tuple(dict.fromkeys([*kinds.names(), *leaf_paths(sample)])) if paths is None else tuple(paths)
    try:
        wanted = [_branch(name, sample, kinds) for name in names]
        whole = _struct_of(sample, _typed) if closed else pa.struct([])
        merged = _merged([whole, *wanted])
    except _UnclearError:
        return None
    for name in names:
        kinds.expect(name, [lookup(record, name) for record in sample])
    return Shape(pa.schema([_settled(field) for field in merged]), names, closed)


def _branch(path: str, sample: Sequence[Mapping[str, object]], kinds: Kinds) -> pa.DataType:
    """The struct of the record with this path alone."""

    def typed(values: Sequence[object]) -> pa.DataType:
        return _expected(_leaf(_typed(values)), values, path, kinds)

    return _along(path, sample, typed)


def _leaf(type_: pa.DataType) -> pa.DataType:
    """The type, unless it is one of records or of lists in lists, which become text."""
    inner = type_.value_type if pa.types.is_list(type_) else type_
    if pa.types.is_nested(inner):
        raise _UnclearError
    return type_


def _expected(type_: pa.DataType, values: Sequence[object], path: str, kinds: Kinds) -> pa.DataType:
    """The type, where it is of the kind that the path had before in this file."""
    before = kinds.first(path)
    if before is None or (before == "list" and pa.types.is_list(type_)):
        return type_
    if all(value is None for value in values):
        number = _NUMBER if kinds.fractional(path) else _INTEGER
        return {"number": number, "boolean": _BOOLEAN, "list": pa.list_(_UNKNOWN)}.get(before, _TEXT)
    if _KINDS.get(type_) != before:
        raise _UnclearError
    return _NUMBER if type_ == _INTEGER and kinds.fractional(path) else type_


def _along(path: str, values: Sequence[object], typed: Callable[..., pa.DataType]) -> pa.DataType:
    """The type of records, or of lists of records, that hold the path: literally, and as nested records."""
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, list) for value in present):
        return pa.list_(_along(path, [item for value in present if isinstance(value, list) for item in value], typed))
    if not all(isinstance(value, Mapping) for value in present):
        raise _UnclearError
    records = [value for value in present if isinstance(value, Mapping)]
    literal = pa.field(path, typed([record.get(path) for record in records]))
    name, dot, rest = path.partition(".")
    if not dot:
        return pa.struct([literal])
    return pa.struct([literal, pa.field(name, _along(rest, [record.get(name) for record in records], typed))])


def _typed(values: Sequence[object]) -> pa.DataType:
    """The one type of the values, unknown where there is none."""
    found = frozenset(type(value) for value in values if value is not None)
    if not found:
        return _UNKNOWN
    if found <= {int, float}:
        return _NUMBER if float in found else _INTEGER
    if len(found) > 1:
        raise _UnclearError
    match next(iter(found))():
        case str():
            return _TEXT
        case bool():
            return _BOOLEAN
        case list():
            return pa.list_(_typed([item for value in values if isinstance(value, list) for item in value]))
        case _:
            return _struct_of([value for value in values if isinstance(value, Mapping)], _typed)


def _struct_of(records: Iterable[Mapping[str, object]], typed: Callable[..., pa.DataType]) -> pa.DataType:
    columns: dict[str, list[object]] = {}
    for record in records:
        for name, value in record.items():
            columns.setdefault(name, []).append(value)
    return pa.struct([pa.field(name, typed(values)) for name, values in columns.items()])


def _merged(types: Sequence[pa.DataType]) -> pa.DataType:
    """One type that holds the fields of all of these; they agree where they meet."""
    types = [type_ for type_ in types if type_ != _UNKNOWN] or types
    first = types[0]
    if all(pa.types.is_struct(type_) for type_ in types):
        fields: dict[str, list[pa.DataType]] = {}
        for type_ in types:
            for field in type_:
                fields.setdefault(field.name, []).append(field.type)
        return pa.struct([pa.field(name, _merged(found)) for name, found in fields.items()])
    if all(pa.types.is_list(type_) for type_ in types):
        return pa.list_(_merged([type_.value_type for type_ in types]))
    if set(types) == {_INTEGER, _NUMBER}:
        return _NUMBER
    if any(type_ != first for type_ in types):
        raise _UnclearError
    return first


def _settled(field: pa.Field) -> pa.Field:
    """The field with text for what is unknown."""
    return pa.field(field.name, _settled_type(field.type))


def _settled_type(type_: pa.DataType) -> pa.DataType:
    if type_ == _UNKNOWN:
        return _TEXT
    if pa.types.is_struct(type_):
        return pa.struct([_settled(field) for field in type_])
    return pa.list_(_settled_type(type_.value_type)) if pa.types.is_list(type_) else type_


def column_at(table: pa.Table, path: str) -> pa.ChunkedArray | None:
    """The column of a literal name, and where that is null or missing, the values along the dotted path.

    Through a list of records, the list of their values that are not null; null where there is none.
    """
    columns = {name: table.column(name) for name in {path, path.partition(".")[0]} if name in table.column_names}
    found = _found(columns, path)
    return None if found is None else pa.chunked_array([found])


def _found(columns: Mapping[str, pa.Array | pa.ChunkedArray], path: str) -> pa.Array | None:
    literal = _whole(columns[path]) if path in columns else None
    name, dot, rest = path.partition(".")
    nested = _below(_whole(columns[name]), rest) if dot and name in columns else None
    if literal is None or nested is None or nested.null_count == len(nested):
        return nested if literal is None else literal
    if literal.null_count == len(literal):
        return nested
    if literal.type == nested.type:
        return pc.coalesce(literal, nested)
    return pc.coalesce(text_values(literal), text_values(nested))


def _below(column: pa.Array, path: str) -> pa.Array | None:
    type_ = column.type
    if pa.types.is_struct(type_):
        names = {path, path.partition(".")[0]} & {field.name for field in type_}
        return _found({name: pc.struct_field(column, name) for name in names}, path)
    if pa.types.is_map(type_) and pa.types.is_string(type_.key_type):
        return pc.map_lookup(column, pa.scalar(path), "first")
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        inner = _below(pc.list_flatten(column), path)
        return None if inner is None else _gathered(inner, pc.list_parent_indices(column), len(column))
    return None


def _gathered(values: pa.Array, parents: pa.Array, count: int) -> pa.Array:
    """Lists of the values that are not null, one for each parent; null where it has none."""
    if pa.types.is_list(values.type):
        parents, values = parents.take(pc.list_parent_indices(values)), pc.list_flatten(values)
    kept = values.is_valid()
    owners = parents.filter(kept).to_numpy(zero_copy_only=False).astype(np.int64)
    lengths = np.bincount(owners, minlength=count)
    offsets = pa.array(np.append(0, np.cumsum(lengths)).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, values.filter(kept), mask=pa.array(lengths == 0))


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of all chunks."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])
