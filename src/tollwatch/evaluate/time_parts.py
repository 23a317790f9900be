"""Parts of times among a column's values, in UTC.

A time is a timestamp; a text in ISO 8601 (UTC where it names no offset); or a number since the epoch, also as text,
in seconds below 10¹¹, milliseconds below 10¹⁴, microseconds below 10¹⁷, else nanoseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import assert_never

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.columns import Column, Values, by_distinct, to_mask
from tollwatch.evaluate.numbers import Mask
from tollwatch.evaluate.quantities import NUMBER
from tollwatch.plan.nodes import TimePart, TimeUnit
from tollwatch.sigma.model import Op

_TIME = pa.timestamp("us", "UTC")
_ISO = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCALES = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0))  # (below, µs in one)


def match_part(times: Values, predicate: TimePart) -> Mask:
    """bool[m]: the times of which that part stands to the number as the predicate says."""
    part = _part(times, predicate.unit)
    match predicate.op:
        case Op.EQ:
            return to_mask(pc.equal(part, predicate.value))
        case Op.NEQ:
            return to_mask(pc.not_equal(part, predicate.value))
        case Op.LT:
            return to_mask(pc.less(part, predicate.value))
        case Op.LTE:
            return to_mask(pc.less_equal(part, predicate.value))
        case Op.GT:
            return to_mask(pc.greater(part, predicate.value))
        case Op.GTE:
            return to_mask(pc.greater_equal(part, predicate.value))
        case _:
            assert_never(predicate.op)


def _part(times: Values, unit: TimeUnit) -> Values:
    match unit:
        case TimeUnit.MINUTE:
            return pc.minute(times)
        case TimeUnit.HOUR:
            return pc.hour(times)
        case TimeUnit.DAY:
            return pc.day(times)
        case TimeUnit.WEEK:
            return pc.iso_week(times)
        case TimeUnit.MONTH:
            return pc.month(times)
        case TimeUnit.YEAR:
            return pc.year(times)
        case _:
            assert_never(unit)


def read_times(column: Column) -> Values:
    """timestamp[us, UTC][m]: each value's time; null where it is none."""
    values, type_ = column.values, column.type
    if pa.types.is_timestamp(type_):
        # A time without a zone is one in UTC; one with a zone is the same moment in UTC.
        naive = values.cast(pa.timestamp("us", type_.tz), safe=False)
        return naive.cast(_TIME) if type_.tz else pc.assume_timezone(naive, "UTC")
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return _of_numbers(values.cast(pa.float64(), safe=False))
    if column.is_text:
        iso = pc.if_else(pc.match_substring_regex(values, _ISO), values, None)
        numbers = pc.if_else(pc.match_substring_regex(values, NUMBER), values, None)
        return pc.coalesce(by_distinct(iso, _of_texts), _of_numbers(pc.utf8_ltrim(numbers, "+").cast(pa.float64())))
    return pa.nulls(len(values), _TIME)


def _of_texts(texts: pa.Array) -> pa.Array:
    return pa.array([_read_iso(text) for text in texts.to_pylist()], pa.int64()).cast(_TIME)


def _read_iso(text: str | None) -> int | None:
    """µs since the epoch; digits beyond the sixth are cut."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
        return ((read if read.tzinfo else read.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None


def _of_numbers(numbers: Values) -> Values:
    """Times of seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by size."""
    whole = numbers.combine_chunks() if isinstance(numbers, pa.ChunkedArray) else numbers
    values = whole.to_numpy(zero_copy_only=False)
    size = np.abs(values)
    known = np.isfinite(size) & (size < 1e20)
    scale = np.select([size < below for below, _ in _SCALES], [factor for _, factor in _SCALES], 1e-3)
    micro = np.floor(np.where(known, values, 0.0) * np.where(known, scale, 0.0))
    known &= np.abs(micro) < 2**62
    return pa.array(np.where(known, micro, 0).astype(np.int64), mask=~known).cast(_TIME)
