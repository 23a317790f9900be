"""Kusto's functions of rows in order. Microsoft's documentation, "Window functions"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from tollwatch.query.columns import choice, true_rows
from tollwatch.query.entries import ANY, BOOLS, NUMBERS, Function, Here, Run, single
from tollwatch.query.kql.casts import same
from tollwatch.query.kql.values import all_there
from tollwatch.query.table import Column, Index, Mask, Type, codes

LONGS = frozenset({Type.LONG})
NO_DYNAMICS = frozenset(Type) - {Type.DYNAMIC}


def _neighbour(direction: int) -> Run:
    """The value so many rows before or after, and where there is no such row, the default or a null."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        offset = single(columns[1], "an offset", here) if len(columns) > 1 else 1
        if (offset is None or offset < 0) and here.rows:
            raise here.failed("an offset that is null or negative is not documented")
        at = np.arange(here.rows) + direction * (offset or 0)
        there = (at >= 0) & (at < here.rows)
        found = columns[0].take(np.where(there, at, -1))
        if len(columns) < 3:
            return found
        one, other = same([found, columns[2]], here, "a default")
        return choice(there, one, other)

    return run


def _restarts(columns: Sequence[Column], at: int, rows: int) -> Mask:
    found = true_rows(columns[at]) if len(columns) > at else np.zeros(rows, np.bool_)
    found = found.copy()
    found[:1] = True
    return found


def _starts(restart: Mask) -> Index:
    """For each row the row that its part begins with."""
    found: Index = np.maximum.accumulate(np.where(restart, np.arange(len(restart)), 0))
    return found


def _row_number(columns: Sequence[Column], here: Here) -> Column:
    first = single(columns[0], "a starting index", here) if columns else 1
    restart = _restarts(columns, 1, here.rows)
    return Column(Type.LONG, np.arange(here.rows) - _starts(restart) + (first or 0), all_there(here.rows))


def _row_cumsum(columns: Sequence[Column], here: Here) -> Column:
    """Null terms add nothing."""
    term = np.where(columns[0].valid, columns[0].values, 0)
    restart = _restarts(columns, 1, here.rows)
    if columns[0].type is Type.REAL and restart[1:].any():  # a difference of long sums would lose digits
        bounds = [*np.flatnonzero(restart).tolist(), here.rows]
        parts = [np.cumsum(term[one:two]) for one, two in pairwise(bounds)]
        return Column(Type.REAL, np.concatenate(parts), all_there(here.rows))
    total = np.cumsum(term)
    start = _starts(restart)
    return Column(columns[0].type, total - (total - term)[start], all_there(here.rows))


def _rank(*, dense: bool) -> Run:
    """The number of the row's value among those of its part, which are in order."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        restart = _restarts(columns, 1, here.rows)
        code = codes(columns[0])
        new = restart.copy()
        new[1:] |= code[1:] != code[:-1]
        start = _starts(restart)
        if dense:
            total: Index = np.cumsum(new)
            return Column(Type.LONG, np.asarray(total - total[start] + 1), all_there(here.rows))
        rank: Index = _starts(new) - start + 1
        return Column(Type.LONG, rank, all_there(here.rows))

    return run


WINDOW_FUNCTIONS: Mapping[str, Function] = {
    "prev": Function(1, 3, _neighbour(-1), (ANY, LONGS, ANY)),
    "next": Function(1, 3, _neighbour(1), (ANY, LONGS, ANY)),
    "row_number": Function(0, 2, _row_number, (LONGS, BOOLS)),
    "row_cumsum": Function(1, 2, _row_cumsum, (NUMBERS, BOOLS)),
    "row_rank_dense": Function(1, 2, _rank(dense=True), (NO_DYNAMICS, BOOLS)),
    "row_rank_min": Function(1, 2, _rank(dense=False), (NO_DYNAMICS, BOOLS)),
}
