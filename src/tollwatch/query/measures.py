"""What groups of rows have in common, vectorised: counts, sums, extremes, statistics, lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tollwatch.query.table import Column, Groups, Index, Many, Mask, Type, codes, groups


def counted(chosen: Mask, of: Groups) -> Column:
    """How many chosen rows each group has."""
    values = np.bincount(of.of[chosen], minlength=of.count).astype(np.int64)
    return Column(Type.LONG, values, np.ones(of.count, np.bool_))


def summed(one: Column, of: Groups, chosen: Mask) -> Column:
    """The sum of the chosen rows' values; where a group has none, 0 that is not there."""
    values = np.zeros(of.count, one.values.dtype)
    np.add.at(values, of.of[chosen], one.values[chosen])
    return Column(one.type, values, counted(chosen, of).values > 0)


def averaged(one: Column, of: Groups, chosen: Mask) -> Column:
    """The mean of the chosen rows' values, null where there are none."""
    count = counted(chosen, of).values
    total = np.bincount(of.of[chosen], one.values[chosen].astype(np.float64), minlength=of.count)
    return Column(Type.REAL, total / np.maximum(count, 1), count > 0)


def deviation(one: Column, of: Groups, chosen: Mask, *, sample: bool, squared: bool = False) -> Column:
    """The standard deviation (``squared``: the variance); of one value, 0 for the population and null for a sample."""
    mean, count = averaged(one, of, chosen).values, counted(chosen, of).values
    apart = one.values[chosen].astype(np.float64) - mean[of.of[chosen]]
    total = np.bincount(of.of[chosen], apart * apart, minlength=of.count)
    variance = total / np.maximum(count - sample, 1)
    return Column(Type.REAL, variance if squared else np.sqrt(variance), count > sample)


def best_rows(one: Column, of: Groups, chosen: Mask, *, largest: bool) -> Index:
    """The first of the chosen rows with each group's largest or least value; -1 where it has none."""
    rows = np.flatnonzero(chosen)
    ranks = codes(one)[rows]
    at = np.lexsort((-ranks if largest else ranks, of.of[rows]))
    found = np.full(of.count, -1, np.int64)
    which, first = np.unique(of.of[rows][at], return_index=True)
    found[which] = rows[at][first]
    return found


def first_sights(one: Column, of: Groups, chosen: Mask) -> Mask:
    """Of the chosen rows, the first of each value in each group: as many as there are distinct values."""
    rows = np.flatnonzero(chosen)
    group = Column(Type.LONG, of.of[rows], np.ones(len(rows), np.bool_))
    found = np.zeros(len(chosen), np.bool_)
    found[rows[groups([group, one.take(rows)], len(rows)).first]] = True
    return found


Rank = Callable[[Any, Any], Any]
"""From a fraction (0 to 1) and the number of values to a place among them in order, from 0; a fraction interpolates."""


def between_ranks(fraction: Any, count: Any) -> Any:
    """The place that interpolates between the two nearest values, as numpy and Elastic's exact percentile do."""
    return fraction * (count - 1)


def nearest_rank(fraction: Any, count: Any) -> Any:
    """The place of the least value that at least this fraction of the values do not exceed."""
    return np.maximum(np.ceil(fraction * count) - 1, 0)


def ranked(one: Column, of: Groups, chosen: Mask, fraction: float, rank: Rank) -> Column:
    """The value at a rank of each group's chosen values in order, null where it has none. Numbers only."""
    rows = np.flatnonzero(chosen)
    at = rows[np.lexsort((one.values[rows], of.of[rows]))]
    count = counted(chosen, of).values
    start = np.cumsum(count) - count
    place = np.where(count > 0, rank(fraction, count), 0.0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    values = np.append(one.values[at].astype(np.float64), 0.0)  # groups at the end may have no values
    lower, upper = (values[np.minimum(start + where, len(at))] for where in (low, high))
    return Column(Type.REAL, lower + (upper - lower) * (place - low), count > 0)


def gathered(one: Column, of: Groups, rows: Index) -> Column:
    """Each group's values at these rows, in their order, as lists; a group without any has an empty one."""
    at = rows[np.argsort(of.of[rows], kind="stable")]
    count = np.bincount(of.of[rows], minlength=of.count)
    lists = np.empty(of.count, object)
    ends = np.cumsum(count)
    values = one.values[at].tolist()
    lists[:] = [values[end - length : end] for end, length in zip(ends.tolist(), count.tolist(), strict=True)]
    return Many(Type.DYNAMIC, lists, np.ones(of.count, np.bool_), one.type)


def running(one: Column, of: Groups, operate: np.ufunc, neutral: float, *, current: bool = True) -> Column:
    """The operation over the group's values up to each row, or up to the row before it; null before the first value."""
    at = np.argsort(of.of, kind="stable")
    group, known = of.of[at], one.valid[at]
    values = np.where(known, one.values[at], neutral)
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(at) else np.zeros(0, np.int64)
    found, seen = np.empty(len(at), values.dtype), np.empty(len(at), np.bool_)
    for first, last in zip(starts.tolist(), [*starts.tolist()[1:], len(at)], strict=False):  # by group
        totals, some = operate.accumulate(values[first:last]), np.logical_or.accumulate(known[first:last])
        if not current:
            totals, some = np.r_[neutral, totals[:-1]], np.r_[False, some[:-1]]
        found[first:last], seen[first:last] = totals, some
    back = np.empty(len(at), np.int64)
    back[at] = np.arange(len(at))
    return Column(one.type, found[back], seen[back])
