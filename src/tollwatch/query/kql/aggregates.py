"""Kusto's aggregates over groups of rows. Microsoft's documentation, "Aggregation functions". Nulls do not count in.

dcount() and dcountif() are estimates in Kusto; here they are the exact counts of which those are estimates. So are
percentiles, which are the nearest ranks that Kusto estimates. What stands in no documented order has that of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tollwatch.query.columns import true_rows
from tollwatch.query.entries import ANY, BOOLS, Aggregate, Here, Measure, single
from tollwatch.query.kql.dynamics import ordered_unique
from tollwatch.query.kql.numbers import ALIGNED, COUNTABLE, LONGS
from tollwatch.query.kql.values import all_there, boxed
from tollwatch.query.measures import (
    averaged,
    best_rows,
    counted,
    deviation,
    first_sights,
    gathered,
    nearest_rank,
    ranked,
    summed,
)  # fmt: skip
from tollwatch.query.table import Column, Groups, Index, Mask, Type, column

NO_DYNAMICS = frozenset(Type) - {Type.DYNAMIC}
DYNAMICS = frozenset({Type.DYNAMIC})


def _count(_columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    return counted(chosen, of)


def _sum(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    """A sum of nothing is 0."""
    return replace(summed(columns[0], of, chosen & columns[0].valid), valid=all_there(of.count))


def _average(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    """An average of nothing is not a number; of spans it is a null."""
    found = averaged(columns[0], of, chosen & columns[0].valid)
    if columns[0].type is Type.TIMESPAN:
        return Column(Type.TIMESPAN, np.trunc(found.values).astype(np.int64), found.valid)
    return Column(Type.REAL, np.where(found.valid, found.values, np.nan), all_there(of.count))


def _extreme(*, largest: bool) -> Measure:
    def run(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
        return columns[0].take(best_rows(columns[0], of, chosen & columns[0].valid, largest=largest))

    return run


def _distinct(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    if columns[0].type is Type.DYNAMIC:
        raise here.failed("distinct dynamic values are not known: cast them")
    return counted(first_sights(columns[0], of, chosen & columns[0].valid), of)


def _deviation(*, sample: bool, squared: bool) -> Measure:
    """Of nothing, 0; a sample of one value has none that is documented."""

    def run(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
        chosen = chosen & columns[0].valid
        if sample and (counted(chosen, of).values == 1).any():
            raise here.failed("the deviation of a sample of one value is not documented")
        found = deviation(columns[0], of, chosen, sample=sample, squared=squared)
        return Column(Type.REAL, np.where(found.valid, found.values, 0.0), all_there(of.count))

    return run


# ---------------------------------------------------------------- lists


def _limit(columns: Sequence[Column], here: Here) -> int | None:
    return single(columns[1], "a size", here) if len(columns) > 1 else None


def _lists(one: Column, of: Groups, rows: Index) -> list[list[Any]]:
    found: list[list[Any]] = gathered(boxed(one), of, rows).values.tolist()
    return found


def _make_list(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    lists = _lists(columns[0], of, np.flatnonzero(chosen & columns[0].valid))
    return column(Type.DYNAMIC, [one[: _limit(columns, here)] for one in lists])


def _make_list_with_nulls(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    return column(Type.DYNAMIC, _lists(columns[0], of, np.flatnonzero(chosen)))


def _make_set(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    """Each value once; of an array, its elements."""
    one, limit = columns[0], _limit(columns, here)
    if one.type is not Type.DYNAMIC:
        lists = _lists(one, of, np.flatnonzero(first_sights(one, of, chosen & one.valid)))
        return column(Type.DYNAMIC, [found[:limit] for found in lists])
    lists = _lists(one, of, np.flatnonzero(chosen & one.valid))
    flat = [[item for value in group for item in (value if isinstance(value, list) else [value])] for group in lists]
    return column(
        Type.DYNAMIC, [ordered_unique([item for item in group if item is not None])[:limit] for group in flat]
    )


def _make_bag(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    """The bags as one; of a name in several Kusto takes any value, here the first."""
    found = []
    for group in _lists(columns[0], of, np.flatnonzero(chosen & columns[0].valid)):
        bag: dict[str, Any] = {}
        for value in group:
            for name, one in value.items() if isinstance(value, dict) else ():
                bag.setdefault(name, one)
        found.append(bag)
    return column(Type.DYNAMIC, [dict(list(bag.items())[: _limit(columns, here)]) for bag in found])


def _take_any(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
    """Any value of the group, but a null only if it has no other: here the first."""
    one = columns[0]
    present = chosen & one.valid
    if one.type is Type.STRING:
        present = chosen & np.asarray(one.values != "", np.bool_)
    return one.take(first_rows(of, present, chosen))


def first_rows(of: Groups, preferred: Mask, others: Mask) -> Index:
    """Each group's first row that is preferred, or else its first of the others, or else −1."""
    found = np.full(of.count, -1, np.int64)
    for mask in (others, preferred):
        rows = np.flatnonzero(mask)[::-1]
        found[of.of[rows]] = rows
    return found


def _bits(operate: np.ufunc) -> Measure:
    def run(columns: Sequence[Column], of: Groups, chosen: Mask, _here: Here) -> Column:
        chosen = chosen & columns[0].valid
        values = np.full(of.count, operate.identity or 0, np.int64)
        operate.at(values, of.of[chosen], columns[0].values[chosen])
        return Column(Type.LONG, values, counted(chosen, of).values > 0)

    return run


def percentile(one: Column, fraction: float, of: Groups, chosen: Mask) -> Column:
    """The nearest rank, in the column's own type; null where a group has no values."""
    found = ranked(one, of, chosen & one.valid, fraction / 100, nearest_rank)
    return found if one.type is Type.REAL else Column(one.type, found.values.astype(np.int64), found.valid)


def _percentile(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
    fraction = single(columns[1], "a percentile", here)
    return percentile(columns[0], 50.0 if fraction is None else float(fraction), of, chosen)


def _conditional(base: Aggregate, at: int = 1) -> Aggregate:
    """The aggregate over the rows where the argument at that place is true."""

    def run(columns: Sequence[Column], of: Groups, chosen: Mask, here: Here) -> Column:
        return base.run([*columns[:at], *columns[at + 1 :]], of, chosen & true_rows(columns[at]), here)

    takes = (*base.takes[:at], BOOLS, *(base.takes[at:] or base.takes[-1:]))
    return Aggregate(base.least + 1, None if base.most is None else base.most + 1, run, takes)


_entry = partial(Aggregate, 1, 1)
_SUM = _entry(_sum, (COUNTABLE,))
_AVG = _entry(_average, (COUNTABLE,))
_DCOUNT = Aggregate(1, 2, _distinct, (NO_DYNAMICS, LONGS))
_LIST, _SET = Aggregate(1, 2, _make_list, (ANY, LONGS)), Aggregate(1, 2, _make_set, (ANY, LONGS))
_BAG = Aggregate(1, 2, _make_bag, (DYNAMICS, LONGS))
_ANY = _entry(_take_any)
_MIN, _MAX = _entry(_extreme(largest=False), (NO_DYNAMICS,)), _entry(_extreme(largest=True), (NO_DYNAMICS,))
_COUNT_DISTINCT = _entry(_distinct, (NO_DYNAMICS,))
_SPREADS = {
    f"{name}{mark}": _entry(_deviation(sample=not mark, squared=name == "variance"), (COUNTABLE - {Type.TIMESPAN},))
    for name in ("stdev", "variance")
    for mark in ("", "p")
}
AGGREGATES: Mapping[str, Aggregate] = {
    "count": Aggregate(0, 0, _count),
    "countif": _conditional(Aggregate(0, 0, _count, (BOOLS,)), 0),
    "sum": _SUM, "sumif": _conditional(_SUM), "avg": _AVG, "avgif": _conditional(_AVG),
    "min": _MIN, "minif": _conditional(_MIN), "max": _MAX, "maxif": _conditional(_MAX),
    "dcount": _DCOUNT, "dcountif": _conditional(_DCOUNT),
    "count_distinct": _COUNT_DISTINCT, "count_distinctif": _conditional(_COUNT_DISTINCT),
    **_SPREADS, **{f"{name}if": _conditional(one) for name, one in _SPREADS.items()},
    "make_list": _LIST, "make_list_if": _conditional(_LIST), "makelist": _LIST,
    "make_list_with_nulls": _entry(_make_list_with_nulls),
    "make_set": _SET, "make_set_if": _conditional(_SET), "makeset": _SET,
    "make_bag": _BAG, "make_bag_if": _conditional(_BAG),
    "take_any": _ANY, "any": _ANY, "take_anyif": _conditional(_ANY), "anyif": _conditional(_ANY),
    "percentile": Aggregate(2, 2, _percentile, (ALIGNED,)),
    "binary_all_or": _entry(_bits(np.bitwise_or), (LONGS,)),
    "binary_all_and": _entry(_bits(np.bitwise_and), (LONGS,)),
    "binary_all_xor": _entry(_bits(np.bitwise_xor), (LONGS,)),
}  # fmt: skip
# These give several columns: summaries.py writes them. By the least number of arguments.
SEVERAL: Mapping[str, int] = {"arg_min": 1, "arg_max": 1, "percentiles": 2, "take_any": 1, "any": 1}
BEST = {"arg_min": False, "arg_max": True}


def arg_rows(one: Column, of: Groups, *, largest: bool) -> Index:
    """The first row of each group with the least or largest value; where none has one, the group's first row."""
    found = best_rows(one, of, one.valid, largest=largest)
    return np.where(found < 0, of.first, found) if of.count == len(of.first) else found
