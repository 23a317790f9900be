"""Kusto's aggregates over groups of rows. Microsoft's documentation, "Aggregation functions"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tollwatch.query.errors import QueryError
from tollwatch.query.measures import best_rows, counted, first_sights, summed
from tollwatch.query.syntax import Place
from tollwatch.query.table import Column, Groups, Index, Type

Aggregate = Callable[[Sequence[Column], Groups, Place], Column]


def _count(_columns: Sequence[Column], of: Groups, _place: Place) -> Column:
    return counted(np.ones(len(of.of), np.bool_), of)


def _countif(columns: Sequence[Column], of: Groups, _place: Place) -> Column:
    return counted(columns[0].values & columns[0].valid, of)


def _sum(columns: Sequence[Column], of: Groups, place: Place) -> Column:
    one = columns[0]
    if one.type not in (Type.LONG, Type.REAL, Type.TIMESPAN):
        raise QueryError(f"sum is not known for {one.type}", *place)
    chosen = one.valid if len(columns) == 1 else one.valid & columns[1].values & columns[1].valid
    # A sum of nothing is 0.
    return replace(summed(one, of, chosen), valid=np.ones(of.count, np.bool_))


def _extreme(*, largest: bool) -> Aggregate:
    def run(columns: Sequence[Column], of: Groups, _place: Place) -> Column:
        return columns[0].take(best_rows(columns[0], of, columns[0].valid, largest=largest))

    return run


def _distinct(columns: Sequence[Column], of: Groups, _place: Place) -> Column:
    return counted(first_sights(columns[0], of, columns[0].valid), of)


def _average(columns: Sequence[Column], of: Groups, place: Place) -> Column:
    total, known = _sum(columns, of, place), counted(columns[0].valid, of)
    values = total.values / np.maximum(known.values, 1)
    return Column(Type.REAL, values.astype(np.float64), known.values > 0)


AGGREGATES: Mapping[str, Aggregate] = {
    "count": _count, "countif": _countif, "sum": _sum, "sumif": _sum, "min": _extreme(largest=False),
    "max": _extreme(largest=True), "count_distinct": _distinct, "avg": _average,
}  # fmt: skip
# arg_min and arg_max give several columns: run.py writes them.
BEST = {"arg_min": False, "arg_max": True}


def arg_rows(one: Column, of: Groups, *, largest: bool) -> Index:
    """The first row of each group with the least or largest value; where none has one, the group's first row."""
    found = best_rows(one, of, one.valid, largest=largest)
    return np.where(found < 0, of.first, found) if of.count else found
