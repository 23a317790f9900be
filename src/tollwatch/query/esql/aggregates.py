"""ES|QL's aggregates. Elastic's reference, "Aggregation functions".

Every value of a row with several counts in. Exact where Elastic estimates: COUNT_DISTINCT above its precision, and
MEDIAN, PERCENTILE and MEDIAN_ABSOLUTE_DEVIATION, which interpolate between the two nearest values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tollwatch.query.entries import ANY, STRINGS, Aggregate, Here, Kinds, Measure, single
from tollwatch.query.esql.operators import finite
from tollwatch.query.esql.values import NUMERIC, ORDERED, WHOLE_NUMBERS, packed
from tollwatch.query.measures import (
    averaged,
    best_rows,
    between_ranks,
    counted,
    deviation,
    first_sights,
    ranked,
    summed,
)
from tollwatch.query.table import Column, Groups, Many, Mask, Type, order


def _known(columns: Sequence[Column], chosen: Mask) -> Mask:
    return chosen & columns[0].valid if columns else chosen


def _count(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    return counted(_known(columns, chosen), of)


def _count_distinct(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    return counted(first_sights(columns[0], of, _known(columns, chosen)), of)


def _sum(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    """Whole numbers sum up to a long; null where it does not hold them: its sum is then far from that of doubles."""
    one, known = columns[0], _known(columns, chosen)
    if one.type is Type.REAL:
        found = summed(one, of, known)
        return finite(found.values, found.valid)
    rough = np.bincount(of.of[known], one.values[known].astype(np.float64), minlength=of.count)
    found = summed(Column(Type.LONG, one.values, one.valid), of, known)
    return Column(Type.LONG, found.values, found.valid & (np.abs(rough - found.values.astype(np.float64)) < 2.0**62))


def _average(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    return averaged(columns[0], of, _known(columns, chosen))


def _extreme(*, largest: bool) -> Measure:
    def run(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
        return columns[0].take(best_rows(columns[0], of, _known(columns, chosen), largest=largest))

    return run


def _median(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    return ranked(columns[0], of, _known(columns, chosen), 0.5, between_ranks)


def _percentile(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    percent = single(columns[1], "a percentile", here)
    if percent is not None and not 0 <= percent <= 100:
        raise here.failed("a percentile is between 0 and 100")
    return ranked(columns[0], of, _known(columns, chosen), float(percent or 0) / 100, between_ranks)


def _median_deviation(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    """The median of the distances from the median."""
    one, known = columns[0], _known(columns, chosen)
    middle = _median(columns, of, chosen, here).values
    apart = np.abs(one.values - middle[of.of])
    return ranked(Column(Type.REAL, apart, one.valid), of, known, 0.5, between_ranks)


def _deviation(*, squared: bool) -> Measure:
    """Of the whole population, not of a sample."""

    def run(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
        return deviation(columns[0], of, _known(columns, chosen), sample=False, squared=squared)

    return run


def _weighted(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    """The sum of the products over the sum of the weights."""
    if any(isinstance(part, Many) for part in columns):
        raise here.failed("WEIGHTED_AVG of several values in a row is not known")
    one, weight = columns
    values, weights = one.values.astype(np.float64), weight.values.astype(np.float64)
    both, some = chosen & one.valid & weight.valid, chosen & weight.valid
    total = np.bincount(of.of[both], (values * weights)[both], minlength=of.count)
    with np.errstate(all="ignore"):
        found = total / np.bincount(of.of[some], weights[some], minlength=of.count)
    return finite(found, counted(both, of).values > 0)


def _values(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    """Every distinct value, in the order of rows, which Elastic leaves open."""
    rows = np.flatnonzero(first_sights(columns[0], of, _known(columns, chosen)))
    rows = rows[np.argsort(of.of[rows], kind="stable")]
    return packed(columns[0].take(rows), of.of[rows], of.count)


def _top(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    one, most, said = columns[0], single(columns[1], "a number of values", here), "ASC"
    if len(columns) > 2:
        said = (single(columns[2], "an order", here) or "ASC").upper()
    if said not in ("ASC", "DESC"):
        raise here.failed(f"the order {said} is not known")
    rows = np.flatnonzero(_known(columns, chosen))
    group = Column(Type.LONG, of.of[rows], np.ones(len(rows), np.bool_))
    rows = rows[order([(group, False, False), (one.take(rows), said == "DESC", False)])]
    size = np.bincount(of.of[rows], minlength=of.count)
    place = np.arange(len(rows)) - (np.cumsum(size) - size)[of.of[rows]]
    rows = rows[place < (most or 0)]
    return packed(one.take(rows), of.of[rows], of.count)


def _present(*, absent: bool) -> Measure:
    def run(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
        found = counted(_known(columns, chosen), of).values > 0
        return Column(Type.BOOL, ~found if absent else found, np.ones(of.count, np.bool_))

    return run


_MOMENTS: Kinds = frozenset({Type.LONG, Type.DATETIME})
AGGREGATES: Mapping[str, Aggregate] = {
    "COUNT": Aggregate(0, 1, _count, (ANY,)),
    "COUNT_DISTINCT": Aggregate(1, 2, _count_distinct, (ORDERED, WHOLE_NUMBERS)),
    "SUM": Aggregate(1, 1, _sum, (NUMERIC,)),
    "AVG": Aggregate(1, 1, _average, (NUMERIC,)),
    "MIN": Aggregate(1, 1, _extreme(largest=False), (ORDERED,)),
    "MAX": Aggregate(1, 1, _extreme(largest=True), (ORDERED,)),
    "MEDIAN": Aggregate(1, 1, _median, (NUMERIC,)),
    "PERCENTILE": Aggregate(2, 2, _percentile, (NUMERIC,)),
    "MEDIAN_ABSOLUTE_DEVIATION": Aggregate(1, 1, _median_deviation, (NUMERIC,)),
    "STD_DEV": Aggregate(1, 1, _deviation(squared=False), (NUMERIC,)),
    "VARIANCE": Aggregate(1, 1, _deviation(squared=True), (NUMERIC,)),
    "VALUES": Aggregate(1, 1, _values, (ORDERED,)),
    "TOP": Aggregate(2, 3, _top, (ORDERED, WHOLE_NUMBERS, STRINGS)),
    "PRESENT": Aggregate(1, 1, _present(absent=False), (ANY,)),
    "ABSENT": Aggregate(1, 1, _present(absent=True), (ANY,)),
}


def _at_end(*, last: bool) -> Measure:
    """The row with the earliest or latest moment, and what it has: null too, and several values."""

    def run(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
        one, moment = columns
        return one.take(best_rows(moment, of, chosen & moment.valid, largest=last))

    return run


# These see rows, and not each value of them.
ROW_AGGREGATES: Mapping[str, Aggregate] = {
    "WEIGHTED_AVG": Aggregate(2, 2, _weighted, (NUMERIC,)),
    "FIRST": Aggregate(2, 2, _at_end(last=False), (ORDERED, _MOMENTS)),
    "LAST": Aggregate(2, 2, _at_end(last=True), (ORDERED, _MOMENTS)),
}
