"""Arrow values as text (how keys are compared and shown) and as numbers (how they are summed)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

_WHOLE = 2**53
# At most 18 digits fit int64 whatever they are.
_INTEGER = r"^-?[0-9]{1,18}$"
NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def native(series: pd.Series) -> pa.ChunkedArray:
    """The Arrow column behind an Arrow-backed series, without a copy."""
    column = pa.array(series.array)
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def text_values(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The shortest decimal text of numbers (``401``, ``0.5``), ``true`` and ``false``, ISO 8601 times; null is null.

    A list is its elements' texts with commas between, null where an element is.
    """
    type_ = values.type
    if pa.types.is_dictionary(type_):
        return text_values(values.cast(type_.value_type))
    if pa.types.is_string(type_):
        return values
    if pa.types.is_list(type_):
        return pc.binary_join(values.cast(pa.list_(pa.string())), ",")
    if pa.types.is_floating(type_):
        return double_texts(values)
    if pa.types.is_timestamp(type_):
        return pc.strftime(values, format="%Y-%m-%dT%H:%M:%SZ")
    return values.cast(pa.string())


def double_texts(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Doubles as text: whole ones up to 2**53 as the integers they are, without exponent or fraction."""
    doubles = values.cast(pa.float64())
    whole = pc.and_(pc.equal(doubles, pc.round(doubles)), pc.less(pc.abs(doubles), _WHOLE))
    integers = pc.if_else(whole, doubles, None).cast(pa.int64()).cast(pa.string())
    return pc.coalesce(integers, values.cast(pa.string()))


def number_values(values: pa.Array) -> tuple[Array, Mask]:
    """int64 where all are whole, else float64, and which are numbers (text may read as one; a boolean does not)."""
    type_ = values.type
    if pa.types.is_integer(type_) and type_ != pa.uint64():
        return _to_numpy(values.cast(pa.int64()))
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_) or pa.types.is_integer(type_):
        numbers, valid = _to_numpy(values.cast(pa.float64()))
        return numbers, valid & np.isfinite(numbers)
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return _parsed(values)
    return np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)


def _parsed(texts: pa.Array) -> tuple[Array, Mask]:
    integers = pc.match_substring_regex(texts, _INTEGER)
    numeric = pc.match_substring_regex(texts, NUMBER)
    if pc.all(pc.equal(integers, numeric)).as_py() is not False:
        return _to_numpy(pc.if_else(numeric, texts, None).cast(pa.int64()))
    plain = pc.utf8_ltrim(pc.if_else(numeric, texts, None), "+")
    numbers, valid = _to_numpy(plain.cast(pa.float64()))
    return numbers, valid & np.isfinite(numbers)


def _to_numpy(values: pa.Array) -> tuple[Array, Mask]:
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    return pc.fill_null(values, 0).to_numpy(zero_copy_only=False), valid
