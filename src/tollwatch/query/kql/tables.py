"""Kusto's stages over whole tables.

Microsoft's documentation, "join operator", "lookup operator", "union operator", "project-reorder operator".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from tollwatch.query.entries import unknown
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.names import unique
from tollwatch.query.kql.values import all_there, stringed
from tollwatch.query.table import Column, Groups, Index, Table, Type, groups, nulls

LEFT_ONLY = {"leftanti", "anti", "leftantisemi", "leftsemi"}
RIGHT_ONLY = {"rightanti", "rightantisemi", "rightsemi"}


def matching(pattern: syntax.Pattern, names: Iterable[str]) -> list[str]:
    """The names that a pattern stands for."""
    if not pattern.wild:
        return [name for name in names if name == pattern.name]
    regex = re.compile(".*".join(map(re.escape, pattern.name.split("*"))))
    return [name for name in names if regex.fullmatch(name)]


def _wanted(pattern: syntax.Pattern, table: Table) -> list[str]:
    found = matching(pattern, table.columns)
    if not found and not pattern.wild:
        raise unknown("column", pattern.name, table.columns, pattern.place)
    return found


def chosen(stage: syntax.Choose, table: Table) -> Table:
    """Some of the columns, in the order in which they stand."""
    names = {name for pattern in stage.patterns for name in _wanted(pattern, table)}
    kept = {name: one for name, one in table.columns.items() if (name in names) is not stage.away}
    return Table(kept, table.rows)


def reordered(stage: syntax.Reorder, table: Table) -> Table:
    """Some of the columns first."""
    names: list[str] = []
    for pattern, descending in stage.patterns:
        found = _wanted(pattern, table)
        names += found if descending is None else sorted(found, reverse=descending)
    order = dict.fromkeys([*names, *table.columns])
    return Table({name: table.columns[name] for name in order}, table.rows)


def renamed(stage: syntax.Rename, table: Table) -> Table:
    """Columns under other names, where they stand."""
    for _, old in stage.names:
        if old.name not in table.columns:
            raise unknown("column", old.name, table.columns, old.place)
    new = {old.name: name for name, old in stage.names}
    names = [new.get(name, name) for name in table.columns]
    if len(set(names)) < len(names):
        raise QueryError("project-rename: two columns would have one name", *stage.place)
    return Table(dict(zip(names, table.columns.values(), strict=True)), table.rows)


# ---------------------------------------------------------------- unions


def appended(tables: Sequence[tuple[str, Table]], stage: syntax.Union) -> Table:
    """The tables' rows; a column that has several types has one column for each, with the type in its name."""
    kinds: dict[str, dict[Type, None]] = {}
    for _, table in tables:
        for name, one in table.columns.items():
            kinds.setdefault(name, {})[one.type] = None
    everywhere = set.intersection(*({*table.columns} for _, table in tables))
    taken = {name for name, types in kinds.items() if len(types) == 1}
    found: dict[str, Column] = {}
    rows = sum(table.rows for _, table in tables)
    if stage.source_name is not None:
        values = np.concatenate([np.full(table.rows, name, object) for name, table in tables])
        found[stage.source_name] = Column(Type.STRING, values, all_there(rows))
    for name, types in kinds.items():
        if stage.inner and (name not in everywhere or len(types) > 1):
            continue
        for type_ in types:
            label = name if len(types) == 1 else unique(f"{name}_{type_}", {*taken, *found})
            found[label] = _stacked(name, type_, [table for _, table in tables])
    return stringed(Table(found, rows))


def _stacked(name: str, type_: Type, tables: Sequence[Table]) -> Column:
    parts = []
    for table in tables:
        one = table.columns.get(name)
        parts.append(one if one is not None and one.type is type_ else nulls(type_, table.rows))
    values = np.concatenate([part.values for part in parts])
    return Column(type_, values, np.concatenate([part.valid for part in parts]))


# ---------------------------------------------------------------- joins


def joined(stage: syntax.Join, left: Table, right: Table, pairs: Sequence[Sequence[Column]]) -> Table:
    """Rows of both tables with equal keys (``pairs``: the left and the right column of each, of one type)."""
    both = [Column(a.type, np.concatenate([a.values, b.values]), np.concatenate([a.valid, b.valid])) for a, b in pairs]
    for a, b in pairs:
        if not a.valid.all() and not b.valid.all():
            raise QueryError("a join by keys that are null on both sides is not documented", *stage.place)
    of = groups(both, left.rows + right.rows)
    one, two = of.of[: left.rows], of.of[left.rows :]
    if stage.kind in LEFT_ONLY:
        return left.keep(np.isin(one, two) if stage.kind == "leftsemi" else ~np.isin(one, two))
    if stage.kind in RIGHT_ONLY:
        return right.keep(np.isin(two, one) if stage.kind == "rightsemi" else ~np.isin(two, one))
    left_rows = np.sort(np.unique(one, return_index=True)[1]) if stage.kind == "innerunique" else np.arange(left.rows)
    left_at, right_at = _paired(one[left_rows], two, of, outer=stage.kind in ("leftouter", "fullouter"))
    left_at = left_rows[left_at]
    if stage.kind in ("rightouter", "fullouter"):
        alone = np.flatnonzero(~np.isin(two, one))
        left_at, right_at = np.r_[left_at, np.full(len(alone), -1)], np.r_[right_at, alone]
    return _side_by_side(stage, left.take(left_at), right.take(right_at))


def _paired(one: Index, two: Index, of: Groups, *, outer: bool) -> tuple[Index, Index]:
    """(left, right) rows that belong together, in the order of the left ones; −1 on the right where it has none."""
    order = np.argsort(two, kind="stable")
    count = np.bincount(two, minlength=of.count)
    start = np.cumsum(count) - count
    times = np.maximum(count[one], 1) if outer else count[one]
    left_at = np.repeat(np.arange(len(one)), times)
    nth = np.arange(len(left_at)) - np.repeat(np.cumsum(times) - times, times)
    partner = np.repeat(start[one], times) + nth
    alone = np.repeat(count[one] == 0, times)
    right_at = np.full(len(left_at), -1, np.int64)
    right_at[~alone] = order[partner[~alone]]
    return left_at.astype(np.int64), right_at


def _side_by_side(stage: syntax.Join, left: Table, right: Table) -> Table:
    """Both tables' columns; one of the right that has a name of the left gets a number."""
    found = dict(left.columns)
    keys = {two.name for _, two in stage.keys} if stage.lookup else set()
    for name, one in right.columns.items():
        if name not in keys:
            found[unique(name, found)] = one
    return stringed(Table(found, left.rows))


def ranged(name: str, start: Column, stop: Column, step: Column, place: syntax.Place) -> Table:
    """Evenly spaced values from the first to the last, both included."""
    known = start.valid[0] and stop.valid[0] and step.valid[0]
    if start.type is not stop.type or not known or step.values[0] == 0:
        raise QueryError("range: start, stop and step are of types that do not fit, or null, or the step is 0", *place)
    if (step.type is not start.type) and not (start.type is Type.DATETIME and step.type is Type.TIMESPAN):
        raise QueryError(f"range: a step of {step.type} for {start.type}", *place)
    first, last, width = start.values[0], stop.values[0], step.values[0]
    count = max(int(np.floor((last - first) / width)) + 1, 0)
    values = first + width * np.arange(count)
    return Table({name: Column(start.type, values.astype(start.values.dtype), all_there(count))}, count)
