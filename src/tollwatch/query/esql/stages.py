"""ES|QL's commands that need no expressions: columns by name, rows side by side, texts taken apart.

Elastic's reference, "Processing commands".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tollwatch.query.entries import Here, unknown
from tollwatch.query.errors import QueryError
from tollwatch.query.esql import syntax
from tollwatch.query.esql.extract import Found, dissected, dissection, grok, grokked
from tollwatch.query.esql.values import alike, counts, kind, named, packed, single, spread
from tollwatch.query.table import Column, Groups, Index, Many, Table, Type, column, groups

# ---------------------------------------------------------------- columns by name


def replaced(table: Table, added: Mapping[str, Column]) -> Table:
    """The table with columns at its end, in place of those of their names."""
    kept = {name: one for name, one in table.columns.items() if name not in added}
    return Table({**kept, **added}, table.rows)


def _matching(pattern: syntax.Pattern, table: Table) -> list[str]:
    """The columns that a pattern means.

    Raises:
        QueryError: it means none.
    """
    text = "".join(".*" if star else re.escape(piece) for piece, star in pattern.pieces)
    found = [name for name in table.columns if re.fullmatch(text, name, re.DOTALL)]
    written = "".join(piece for piece, _ in pattern.pieces)
    if not found and written != "*":
        raise unknown("column", written, table.columns, pattern.place)
    return found


def keep(stage: syntax.Keep, table: Table) -> Table:
    """Of patterns that mean the same column, names win over patterns, these over a star, and then the last."""
    best: dict[str, tuple[int, int]] = {}
    for number, pattern in enumerate(stage.patterns):
        stars = [star for _, star in pattern.pieces]
        rank = 2 if not any(stars) else 1 if stars != [True] else 0
        for name in _matching(pattern, table):
            best[name] = max(best.get(name, (-1, -1)), (rank, number))
    places = {name: at for at, name in enumerate(table.columns)}
    names = sorted(best, key=lambda name: (best[name][1], places[name]))
    return Table({name: table.columns[name] for name in names}, table.rows)


def drop(stage: syntax.Drop, table: Table) -> Table:
    """All other columns."""
    gone = {name for pattern in stage.patterns for name in _matching(pattern, table)}
    return Table({name: one for name, one in table.columns.items() if name not in gone}, table.rows)


def rename(stage: syntax.Rename, table: Table) -> Table:
    """One after the other; the column that had the new name is gone."""
    for old, new in stage.names:
        if old.name not in table.columns:
            raise unknown("column", old.name, table.columns, old.place)
        if old.name != new:
            table = table.renamed({old.name: new})
    return table


# ---------------------------------------------------------------- rows


def exploded(one: Column) -> tuple[Column, Index]:
    """A row for each value, and one for null; and the row that each was."""
    if not isinstance(one, Many):
        return one, np.arange(len(one))
    size = counts(one)
    flat, _ = spread(one)
    at = np.repeat(np.arange(len(one)), np.maximum(size, 1))
    found = np.full(len(at), -1, np.int64)
    found[(size > 0)[at]] = np.arange(len(flat))
    return flat.take(found), at


def expand(stage: syntax.Expand, table: Table) -> Table:
    """MV_EXPAND: the column stays where it is."""
    name = stage.column.name
    if name not in table.columns:
        raise unknown("column", name, table.columns, stage.column.place)
    flat, at = exploded(table.columns[name])
    if flat is table.columns[name]:
        return table
    others = {other: flat if other == name else one.take(at) for other, one in table.columns.items()}
    return Table(others, len(at))


def join(stage: syntax.Join, table: Table, right: Table, here: Here) -> Table:
    """Every row, once for each row of the other table with the same keys; null and several values match none."""
    pairs = []
    for key in stage.keys:
        for side, what in ((table, "column"), (right, f"column of {stage.index}")):
            if key.name not in side.columns:
                raise unknown(what, key.name, side.columns, key.place)
        pairs.append(alike([single(table.columns[key.name]), single(right.columns[key.name])], here))
    left_at, right_at = matched(pairs, table.rows, right.rows)
    names = {key.name for key in stage.keys}
    added = {name: one.take(right_at) for name, one in right.columns.items() if name not in names}
    return replaced(table.take(left_at), added)


def matched(pairs: Sequence[Sequence[Column]], left: int, right: int) -> tuple[Index, Index]:
    """The rows of both sides that belong together; -1 on the right for a row without any."""
    both = [
        Column(one.type, np.concatenate([one.values, two.values]), np.concatenate([one.valid, two.valid]))
        for one, two in pairs
    ]
    of: Groups = groups(both, left + right)
    known = np.logical_and.reduce([one.valid for one in both])
    mine, theirs = of.of[:left], of.of[left:]
    rows = np.flatnonzero(known[left:])
    rows = rows[np.argsort(theirs[rows], kind="stable")]
    size = np.bincount(theirs[rows], minlength=of.count)
    start = np.cumsum(size) - size
    many = np.where(known[:left], size[mine], 0)
    left_at = np.repeat(np.arange(left), np.maximum(many, 1))
    first = np.cumsum(np.maximum(many, 1)) - np.maximum(many, 1)
    place = start[mine][left_at] + np.arange(len(left_at)) - first[left_at]
    right_at = np.full(len(left_at), -1, np.int64)
    has = (many > 0)[left_at]
    right_at[has] = rows[place[has]]
    return left_at, right_at


# ---------------------------------------------------------------- texts taken apart


def dissect(stage: syntax.Dissect, source: Column, table: Table) -> Table:
    """DISSECT: columns of texts."""
    pattern = dissection(stage.pattern, stage.place)
    types = dict.fromkeys(pattern.names, Type.STRING)
    return _taken(source, table, stage.place, types, lambda text: dissected(text, pattern, stage.separator))


def grok_stage(stage: syntax.Grok, source: Column, table: Table) -> Table:
    """GROK: columns of texts, or of the types that the pattern says."""
    patterns = [grok(one, stage.place) for one in stage.patterns]
    types = {name: type_ for one in patterns for name, type_ in one.types.items()}
    return _taken(source, table, stage.place, types, lambda text: grokked(text, patterns))


def _taken(
    source: Column, table: Table, place: syntax.Place, types: Mapping[str, Type], take: Callable[[str], Found | None]
) -> Table:
    """The columns that come out of every value of a text."""
    if kind(source) not in (Type.STRING, Type.DYNAMIC):
        raise QueryError(f"a text can be taken apart, not a {named(source)}", *place)
    flat, at = spread(source)
    which, distinct = pd.factorize(flat.values)
    found = [take(text) or {} for text in distinct]
    return replaced(table, {name: _column(type_, name, found, which, at, table.rows) for name, type_ in types.items()})


def _column(type_: Type, name: str, found: Sequence[Found], which: Index, at: Index, count: int) -> Column:
    """The column of a name: what each distinct text gives, where it stands."""
    values: list[Any] = [one.get(name) for one in found]
    if not any(isinstance(one, list) for one in values):
        return packed(column(type_, values).take(which), at, count)
    lists = [one if isinstance(one, list) else [one] for one in values]
    size = np.array([len(one) for one in lists], np.int64)
    start = np.cumsum(size) - size
    many = np.repeat(np.arange(len(which)), size[which])
    place = np.arange(len(many)) - (np.cumsum(size[which]) - size[which])[many]
    flat = column(type_, [value for one in lists for value in one])
    return packed(flat.take(start[which][many] + place), at[many], count)
