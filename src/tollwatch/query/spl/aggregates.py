"""Splunk's aggregates over groups of rows. "Search Reference", "Statistical and charting functions".

What Splunk estimates (``estdc``, ``perc`` of many values) is exact here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tollwatch.query.entries import Aggregate, Here
from tollwatch.query.measures import (
    averaged,
    best_rows,
    between_ranks,
    counted,
    deviation,
    first_sights,
    nearest_rank,
    ranked,
    summed,
)
from tollwatch.query.spl.values import lists, many, number_of, numbers
from tollwatch.query.table import Column, Groups, Index, Many, Mask, Type, column

_LISTED = 100


def exploded(one: Column, of: Groups) -> tuple[Column, Groups]:
    """Each of several values as a row of its own."""
    if not isinstance(one, Many):
        return one, of
    cells = lists(one)
    at = np.repeat(np.arange(len(cells)), [len(items) for items in cells])
    flat = column(Type.STRING, [item for items in cells for item in items])
    return flat, Groups(of.of[at], of.first, of.count)


def _count(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    if not columns:
        return _real(counted(chosen, of))
    one, groups = exploded(columns[0], of)
    # Of a condition, the rows where it is true.
    known = one.valid & one.values.astype(np.bool_) if one.type is Type.BOOL else one.valid
    return _real(counted(known, groups))


def _real(one: Column) -> Column:
    return Column(Type.REAL, one.values.astype(np.float64), one.valid)


def _distinct(columns: Sequence[Column], of: Groups, _chosen: Mask, _here: Here) -> Column:
    one, groups = exploded(columns[0], of)
    return _real(counted(first_sights(one, groups, one.valid), groups))


def _numeric(columns: Sequence[Column], of: Groups, here: Here) -> tuple[Column, Groups]:
    one, groups = exploded(columns[0], of)
    return numbers(one, here), groups


def _sum(columns: Sequence[Column], of: Groups, _chosen: Mask, here: Here) -> Column:
    one, groups = _numeric(columns, of, here)
    return summed(one, groups, one.valid)


def _average(columns: Sequence[Column], of: Groups, _chosen: Mask, here: Here) -> Column:
    one, groups = _numeric(columns, of, here)
    return averaged(one, groups, one.valid)


def _deviation(*, sample: bool, squared: bool) -> Aggregate:
    def run(columns: Sequence[Column], of: Groups, _chosen: Mask, here: Here) -> Column:
        one, groups = _numeric(columns, of, here)
        found = deviation(one, groups, one.valid, sample=sample, squared=squared)
        # Of one value Splunk says 0.
        alone = counted(one.valid, groups).values == 1
        return Column(Type.REAL, np.where(alone, 0.0, found.values), found.valid | alone)

    return Aggregate(1, 1, run)


def _extreme(*, largest: bool) -> Aggregate:
    """By size where all the group's values are numbers, else by letters."""

    def run(columns: Sequence[Column], of: Groups, _chosen: Mask, here: Here) -> Column:
        one, groups = exploded(columns[0], of)
        if one.type is not Type.REAL:
            as_numbers = numbers(one, here)
            if (as_numbers.valid == one.valid).all():
                one = as_numbers
            elif as_numbers.valid.any():
                raise here.failed("the least or largest of numbers and texts together is not known")
        return one.take(best_rows(one, groups, one.valid, largest=largest))

    return Aggregate(1, 1, run)


def _range(columns: Sequence[Column], of: Groups, _chosen: Mask, here: Here) -> Column:
    one, groups = _numeric(columns, of, here)
    low, high = (one.take(best_rows(one, groups, one.valid, largest=largest)) for largest in (False, True))
    return Column(Type.REAL, high.values - low.values, low.valid)


def _median(columns: Sequence[Column], of: Groups, _chosen: Mask, here: Here) -> Column:
    """Of an even number of values, the mean of the middle two."""
    one, groups = _numeric(columns, of, here)
    return ranked(one, groups, one.valid, 0.5, between_ranks)


def percentile(columns: Sequence[Column], of: Groups, percent: float, here: Here) -> Column:
    """The least value that at least so many percent of the values do not exceed (nearest rank)."""
    one, groups = _numeric(columns, of, here)
    return ranked(one, groups, one.valid, percent / 100, nearest_rank)


def _listed(*, distinct: bool) -> Aggregate:
    def run(columns: Sequence[Column], of: Groups, _chosen: Mask, _here: Here) -> Column:
        one, groups = exploded(columns[0], of)
        found: list[list[str]] = [[] for _ in range(of.count)]
        for group, items in zip(groups.of.tolist(), lists(one), strict=True):
            found[group] += items
        return many([sorted(set(items)) if distinct else items[:_LISTED] for items in found])

    return Aggregate(1, 1, run)


def _at(which: str) -> Aggregate:
    """The first or last value, in the order of the rows or of their times (the last column)."""

    def run(columns: Sequence[Column], of: Groups, _chosen: Mask, here: Here) -> Column:
        one = columns[0]
        rows = np.flatnonzero(one.valid)
        keys: Index | np.ndarray = rows
        if which in ("earliest", "latest"):
            if len(columns) < 2:
                raise here.failed(f"{which} wants events with a _time")
            keys = columns[1].values[rows]
        order = np.lexsort((rows, keys, of.of[rows]))
        at = rows[order]
        found = np.full(of.count, -1, np.int64)
        if which in ("first", "earliest"):
            at = at[::-1]
        found[of.of[at]] = at  # the last one written stays
        return one.take(found)

    return Aggregate(1, 2, run)


def _mode(columns: Sequence[Column], of: Groups, _chosen: Mask, _here: Here) -> Column:
    one, groups = exploded(columns[0], of)
    tally: list[dict[str, int]] = [{} for _ in range(of.count)]
    for group, items in zip(groups.of.tolist(), lists(one), strict=True):
        for item in items:
            tally[group][item] = tally[group].get(item, 0) + 1
    found = [max(counts, key=lambda item: (counts[item], item)) if counts else None for counts in tally]
    if all(item is None or number_of(item) is not None for item in found):
        return column(Type.REAL, [None if item is None else number_of(item) for item in found])
    return column(Type.STRING, found)


def _percentile(_columns: Sequence[Column], _of: Groups, _chosen: Mask, here: Here) -> Column:
    raise here.failed("a percentile is written with its number, as perc95(x)")


AGGREGATES: Mapping[str, Aggregate] = {
    **dict.fromkeys(("count", "c"), Aggregate(0, 1, _count)),
    **dict.fromkeys(("dc", "distinct_count", "estdc"), Aggregate(1, 1, _distinct)),
    "sum": Aggregate(1, 1, _sum), **dict.fromkeys(("avg", "mean"), Aggregate(1, 1, _average)),
    "min": _extreme(largest=False), "max": _extreme(largest=True), "range": Aggregate(1, 1, _range),
    "median": Aggregate(1, 1, _median),
    **dict.fromkeys(("perc", "exactperc", "upperperc"), Aggregate(1, 1, _percentile)),
    "stdev": _deviation(sample=True, squared=False), "stdevp": _deviation(sample=False, squared=False),
    "var": _deviation(sample=True, squared=True), "varp": _deviation(sample=False, squared=True),
    "values": _listed(distinct=True), "list": _listed(distinct=False), "mode": Aggregate(1, 1, _mode),
    "first": _at("first"), "last": _at("last"), "earliest": _at("earliest"), "latest": _at("latest"),
}  # fmt: skip
TIMED = ("earliest", "latest")
