"""Parts of times among a column's values, in UTC: timestamps, and texts and numbers as the log reader takes them."""

from __future__ import annotations

from typing import assert_never

import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.columns import Column, Values, to_mask
from tollwatch.evaluate.numbers import Mask
from tollwatch.logs.times import to_microseconds
from tollwatch.plan.nodes import TimePart, TimeUnit
from tollwatch.sigma.model import Op

_TIME = pa.timestamp("us", "UTC")


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
    values = column.values
    micro, known = to_microseconds(values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values]))
    return pa.array(micro, mask=~known).cast(_TIME)
