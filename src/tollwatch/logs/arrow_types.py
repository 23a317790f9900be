"""Arrow columns of any type, as parquet files and frames have them, in the few types that events use."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.logs.records import scalar_text
from tollwatch.logs.values import text_values

_TIME = pa.timestamp("us", "UTC")


def settled(column: pa.Array) -> pa.Array:
    """The column as text (also dictionary-encoded), int64, double, bool, timestamp[us, UTC], or a list of one of these.

    A time without a zone is UTC; what is not a finite number is null; records are their JSON.
    """
    type_ = column.type
    if pa.types.is_string(type_) or pa.types.is_boolean(type_) or pa.types.is_int64(type_):
        return column
    if pa.types.is_dictionary(type_):
        return _dictionary(column)
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        numbers = column.cast(pa.float64())
        return numbers if pc.all(pc.is_finite(numbers)).as_py() is not False else _finite(numbers)
    if pa.types.is_integer(type_):
        return _integers(column)
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return column.cast(pa.timestamp("us", getattr(type_, "tz", None)), safe=False).cast(_TIME)
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return _list(column)
    return _texts(column)


def _dictionary(column: pa.Array) -> pa.Array:
    if column.type.value_type == pa.string() and column.dictionary.null_count == 0:
        return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), column.dictionary)
    return settled(column.cast(column.type.value_type))


def _finite(numbers: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_finite(numbers), numbers, None)


def _integers(column: pa.Array) -> pa.Array:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:  # a number above int64
        return column.cast(pa.string())


def _list(column: pa.Array) -> pa.Array:
    plain = column.cast(pa.list_(column.type.value_type))
    inner = settled(plain.flatten())
    if pa.types.is_list(inner.type) or pa.types.is_dictionary(inner.type):
        inner = text_values(inner)
    lengths = pc.fill_null(pc.list_value_length(plain), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths.cast(pa.int64()))])
    return pa.ListArray.from_arrays(offsets.cast(pa.int32()), inner, mask=plain.is_null())


def _texts(column: pa.Array) -> pa.Array:
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([_shown(value) for value in column.to_pylist()], pa.string())


def _shown(value: object) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else scalar_text(value)
