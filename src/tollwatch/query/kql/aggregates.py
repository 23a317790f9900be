"""Kusto's aggregates over groups of rows. Microsoft's documentation, "Aggregation functions"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tollwatch.query.errors import QueryError
from tollwatch.query.kql.syntax import Place
from tollwatch.query.table import Column, Groups, Index, Mask, Type, codes, groups

Aggregate = Callable[[Sequence[Column], Groups, Place], Column]


def _counts(chosen: Mask, of: Groups) -> Column:
    values = np.bincount(of.of[chosen], minlength=of.count).astype(np.int64)
    return Column(Type.LONG, values, np.ones(of.count, np.bool_))


def _count(_columns: Sequence[Column], of: Groups, _place: Place) -> Column:
    return _counts(np.ones(len(of.of), np.bool_), of)


def _countif(columns: Sequence[Column], of: Groups, _place: Place) -> Column:
    return _counts(columns[0].values & columns[0].valid, of)


def _sum(columns: Sequence[Column], of: Groups, place: Place) -> Column:
    one = columns[0]
    if one.type not in (Type.LONG, Type.REAL, Type.TIMESPAN):
        raise QueryError(f"sum is not known for {one.type}", *place)
    chosen = one.valid if len(columns) == 1 else one.valid & columns[1].values & columns[1].valid
    values = np.zeros(of.count, one.values.dtype)
    np.add.at(values, of.of[chosen], one.values[chosen])
    return Column(one.type, values, np.ones(of.count, np.bool_))


def _extreme(*, largest: bool) -> Aggregate:
    def run(columns: Sequence[Column], of: Groups, _place: Place) -> Column:
        return columns[0].take(_best(columns[0], of, largest=largest))

    return run


def _best(one: Column, of: Groups, *, largest: bool) -> Index:
    """The row with the best value of each group, -1 where none has a value."""
    rows = np.flatnonzero(one.valid)
    ranks = codes(one)[rows]
    order_ = np.lexsort((-ranks if largest else ranks, of.of[rows]))
    found = np.full(of.count, -1, np.int64)
    sorted_groups = of.of[rows][order_]
    first = np.unique(sorted_groups, return_index=True)
    found[first[0]] = rows[order_][first[1]]
    return found


def _distinct(columns: Sequence[Column], of: Groups, _place: Place) -> Column:
    one = columns[0]
    pairs = groups([Column(Type.LONG, of.of, np.ones(len(of.of), np.bool_)), one], len(of.of))
    kept = np.zeros(len(of.of), np.bool_)
    kept[pairs.first] = True
    return _counts(kept & one.valid, of)


def _average(columns: Sequence[Column], of: Groups, place: Place) -> Column:
    total, known = _sum(columns, of, place), _counts(columns[0].valid, of)
    values = total.values / np.maximum(known.values, 1)
    return Column(Type.REAL, values.astype(np.float64), known.values > 0)


AGGREGATES: Mapping[str, Aggregate] = {
    "count": _count, "countif": _countif, "sum": _sum, "sumif": _sum, "min": _extreme(largest=False),
    "max": _extreme(largest=True), "count_distinct": _distinct, "avg": _average,
}  # fmt: skip
# arg_min and arg_max give several columns: run.py writes them.
BEST = {"arg_min": False, "arg_max": True}


def best_rows(one: Column, of: Groups, *, largest: bool) -> Index:
    """The first row of each group with the least or largest value; where none has one, the group's first row."""
    found = _best(one, of, largest=largest)
    return np.where(found < 0, of.first, found) if of.count else found
