"""ES|QL's functions of several values in a row. Elastic's reference, "Multivalue functions".

Each row is a group of its values; null is no value at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tollwatch.query.entries import ANY, STRINGS, Function, Here, Run, single
from tollwatch.query.esql.values import (
    NUMERIC,
    ORDERED,
    WHOLE_NUMBERS,
    alike,
    cells,
    listed,
    packed,
    spread,
)
from tollwatch.query.esql.values import single as only_value
from tollwatch.query.measures import averaged, best_rows, between_ranks, counted, first_sights, ranked, summed
from tollwatch.query.table import Column, Groups, Index, Mask, Type, groups, order


def _rows(at: Index, count: int) -> Groups:
    return Groups(at, at[:0], count)


def _all(one: Column) -> Mask:
    return np.ones(len(one), np.bool_)


def _measured(measure: Callable[[Column, Groups, Mask], Column]) -> Run:
    """A measure of each row's values."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        flat, at = spread(columns[0])
        return measure(flat, _rows(at, here.rows), _all(flat))

    return run


def _extreme(*, largest: bool) -> Run:
    return _measured(lambda flat, of, chosen: flat.take(best_rows(flat, of, chosen, largest=largest)))


def _count(_flat: Column, of: Groups, chosen: Mask) -> Column:
    found = counted(chosen, of)
    return Column(Type.INT, found.values, found.values > 0)


def _sum(flat: Column, of: Groups, chosen: Mask) -> Column:
    """The sum, of the values' type; null where it does not hold it."""
    found = summed(flat, of, chosen)
    rough = np.bincount(of.of, flat.values.astype(np.float64), of.count)
    most = {Type.INT: 2.0**31, Type.LONG: 2.0**63}.get(flat.type, np.inf)
    return Column(flat.type, found.values, found.valid & (np.abs(rough) < most))


def _median(flat: Column, of: Groups, chosen: Mask) -> Column:
    """The middle, or the mean of the two in it: of whole numbers rounded down."""
    found = ranked(flat, of, chosen, 0.5, between_ranks)
    if flat.type is Type.REAL:
        return found
    return Column(flat.type, np.floor(found.values).astype(np.int64), found.valid)


def _at_end(*, last: bool) -> Run:
    def measure(flat: Column, of: Groups, _chosen: Mask) -> Column:
        found = np.full(of.count, -1, np.int64)
        places = np.arange(len(flat))
        found[of.of if last else of.of[::-1]] = places if last else places[::-1]
        return flat.take(found)

    return _measured(measure)


def _dedupe(columns: Sequence[Column], here: Here) -> Column:
    flat, at = spread(columns[0])
    chosen = first_sights(flat, _rows(at, here.rows), _all(flat))
    return packed(flat.keep(chosen), at[chosen], here.rows)


def _sort(columns: Sequence[Column], here: Here) -> Column:
    said = (single(columns[1], "an order", here) or "ASC") if len(columns) > 1 else "ASC"
    if said.upper() not in ("ASC", "DESC"):
        raise here.failed(f"the order {said} is not known")
    flat, at = spread(columns[0])
    rows = Column(Type.LONG, at, _all(flat))
    by = order([(rows, False, False), (flat, said.upper() == "DESC", False)])
    return packed(flat.take(by), at, here.rows)


def _slice(columns: Sequence[Column], here: Here) -> Column:
    """Values from a place to a place, from 0 and both included; a negative one is counted from the end."""
    start = only_value(columns[1])
    end = only_value(columns[2]) if len(columns) > 2 else start
    flat, at = spread(columns[0])
    size = np.bincount(at, minlength=here.rows)
    place = np.arange(len(flat)) - (np.cumsum(size) - size)[at]
    good = start.valid & end.valid & (start.values <= end.values) & ~((start.values < 0) & (end.values >= 0))
    first, last = (np.where(one.values < 0, one.values + size, one.values)[at] for one in (start, end))
    chosen = good[at] & (place >= first) & (place <= last)
    return packed(flat.keep(chosen), at[chosen], here.rows)


def _append(columns: Sequence[Column], here: Here) -> Column:
    """The values of the one and then of the other; null where one is."""
    (one, left), (two, right) = (spread(part) for part in alike(columns, here))
    at = np.concatenate([left, right])
    by = np.argsort(at, kind="stable")
    flat = Column(one.type, np.concatenate([one.values, two.values]), np.concatenate([one.valid, two.valid]))
    known = columns[0].valid & columns[1].valid
    chosen = known[at[by]]
    return packed(flat.take(by[chosen]), at[by][chosen], here.rows)


def _among(left: Column, at: Index, right: Column, others: Index) -> Mask:
    """Which of the left values are among the right ones of the same row."""
    rows = Column(Type.LONG, np.concatenate([at, others]), np.ones(len(at) + len(others), np.bool_))
    values = Column(left.type, np.concatenate([left.values, right.values]), np.ones(len(rows), np.bool_))
    of = groups([rows, values], len(rows)).of
    return np.isin(of[: len(at)], of[len(at) :])


def _contains(columns: Sequence[Column], here: Here) -> Column:
    """Whether the first has every value of the second; null is the empty set, which all contain."""
    (super_, at), (sub, others) = (spread(part) for part in alike(columns, here))
    missing = others[~_among(sub, others, super_, at)]
    found = np.ones(here.rows, np.bool_)
    found[missing] = False
    return Column(Type.BOOL, found, _all(columns[0]))


def _intersection(columns: Sequence[Column], here: Here) -> Column:
    """What is in both, once, in the order of the first; null where there is nothing."""
    (one, at), (two, others) = (spread(part) for part in alike(columns, here))
    chosen = _among(one, at, two, others)
    return _dedupe([packed(one.keep(chosen), at[chosen], here.rows)], here)


def _concat(columns: Sequence[Column], _here: Here) -> Column:
    many, delimiter = columns[0], only_value(columns[1])
    known = many.valid & delimiter.valid
    joined = [
        [between.join(cell)] if ok and cell is not None else None
        for cell, between, ok in zip(listed(many), delimiter.values, known, strict=True)
    ]
    return cells(joined, Type.STRING)


def _zip(columns: Sequence[Column], here: Here) -> Column:
    """Pairs of values, joined; what one has more stands alone."""
    left, right = listed(columns[0]), listed(columns[1])
    between = single(columns[2], "a delimiter", here) if len(columns) > 2 else ","
    return cells([_pairs(one, two, between) for one, two in zip(left, right, strict=True)], Type.STRING)


def _pairs(left: list[str] | None, right: list[str] | None, between: str | None) -> list[str] | None:
    if between is None or (left is None and right is None):
        return None
    one, two = left or [], right or []
    joined = [f"{a}{between}{b}" for a, b in zip(one, two, strict=False)]
    return [*joined, *one[len(joined) :], *two[len(joined) :]]


def _split(columns: Sequence[Column], here: Here) -> Column:
    text, delimiter = only_value(columns[0]), only_value(columns[1])
    if any(len(one.encode()) != 1 for one in set(delimiter.values[delimiter.valid])):
        raise here.failed("SPLIT wants a delimiter of one byte")
    known = text.valid & delimiter.valid
    parts = zip(text.values, delimiter.values, known, strict=True)
    return cells([value.split(by) if ok else None for value, by, ok in parts], Type.STRING)


# ---------------------------------------------------------------- what else takes whole cells


def _is_null(columns: Sequence[Column], here: Here) -> Column:
    return Column(Type.BOOL, ~columns[0].valid, np.ones(here.rows, np.bool_))


def _is_not_null(columns: Sequence[Column], here: Here) -> Column:
    return Column(Type.BOOL, columns[0].valid, np.ones(here.rows, np.bool_))


MULTI: Mapping[str, Function] = {
    "MV_COUNT": Function(1, 1, _measured(_count), (ANY,)),
    "MV_SUM": Function(1, 1, _measured(_sum), (NUMERIC,)),
    "MV_AVG": Function(1, 1, _measured(averaged), (NUMERIC,)),
    "MV_MEDIAN": Function(1, 1, _measured(_median), (NUMERIC,)),
    "MV_MIN": Function(1, 1, _extreme(largest=False), (ORDERED,)),
    "MV_MAX": Function(1, 1, _extreme(largest=True), (ORDERED,)),
    "MV_FIRST": Function(1, 1, _at_end(last=False), (ORDERED,)),
    "MV_LAST": Function(1, 1, _at_end(last=True), (ORDERED,)),
    "MV_DEDUPE": Function(1, 1, _dedupe, (ORDERED,)),
    "MV_SORT": Function(1, 2, _sort, (ORDERED, STRINGS)),
    "MV_SLICE": Function(2, 3, _slice, (ORDERED, WHOLE_NUMBERS)),
    "MV_APPEND": Function(2, 2, _append, (ORDERED,)),
    "MV_CONTAINS": Function(2, 2, _contains, (ORDERED,)),
    "MV_INTERSECTION": Function(2, 2, _intersection, (ORDERED,)),
    "MV_CONCAT": Function(2, 2, _concat, (STRINGS,)),
    "MV_ZIP": Function(2, 3, _zip, (STRINGS,)),
    "SPLIT": Function(2, 2, _split, (STRINGS,)),
    "is null": Function(1, 1, _is_null, (ANY,)),
    "is not null": Function(1, 1, _is_not_null, (ANY,)),
}
