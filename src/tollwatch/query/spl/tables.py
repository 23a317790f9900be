"""Splunk's work on whole tables: order, groups, names, rows out of several values, lookups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tollwatch.query.columns import number_text
from tollwatch.query.entries import Here
from tollwatch.query.measures import counted
from tollwatch.query.spl import syntax
from tollwatch.query.spl.values import lists, many, number_of, numbers, texts
from tollwatch.query.table import Column, Groups, Many, Table, Type, column, groups, nulls, order


def appended(tables: Sequence[Table]) -> Table:
    """The rows of the tables, one after the other; a field of several kinds is of texts."""
    tables = [one for one in tables if one.columns]
    if not tables:
        return Table({}, 0)
    if len(tables) == 1:
        return tables[0]
    found = {}
    for name in dict.fromkeys(name for table in tables for name in table.columns):
        parts = [table.columns.get(name, nulls(Type.STRING, table.rows)) for table in tables]
        found[name] = _together(parts)
    return Table(found, sum(table.rows for table in tables))


def _together(parts: Sequence[Column]) -> Column:
    if any(isinstance(part, Many) for part in parts):
        return many([items for part in parts for items in lists(part)])
    kinds = {part.type for part in parts if part.valid.any()}
    if len(kinds) == 1:
        (kind,) = kinds
        parts = [part if part.type is kind else nulls(kind, len(part)) for part in parts]
        values = np.concatenate([part.values for part in parts])
        return Column(kind, values, np.concatenate([part.valid for part in parts]))
    cells = [items[0] if items else None for part in parts for items in lists(part)]
    return column(Type.STRING, cells)


def matching(pattern: str, names: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(name, what each ``*`` stands for) of the names that a pattern matches."""
    regex = re.compile(re.escape(pattern).replace(r"\*", "(.*)"))
    for name in names:
        found = regex.fullmatch(name)
        if found:
            yield name, found.groups()


def by_rows(table: Table, by: Sequence[str]) -> tuple[Table, Groups]:
    """The rows that have every field of BY, once for each of its values, and their groups."""
    for name in by:
        one = table.columns.get(name)
        if isinstance(one, Many):
            table = expanded(table.keep(one.valid), syntax.Expand(name, 0))
    present = np.ones(table.rows, np.bool_)
    for name in by:
        present &= table.columns[name].valid if name in table.columns else np.zeros(table.rows, np.bool_)
    kept = table if present.all() else table.keep(present)
    of = groups([kept.columns.get(name, nulls(Type.STRING, kept.rows)) for name in by], kept.rows)
    return kept, _in_order(of, [kept.columns[name] for name in by if name in kept.columns])


def _in_order(of: Groups, by: Sequence[Column]) -> Groups:
    """The groups in the order of their fields, as ``stats`` gives them."""
    if not by or not of.count:
        return of
    at = order([(_sortable(one.take(of.first)), False, False) for one in by])
    place = np.empty(of.count, np.int64)
    place[at] = np.arange(of.count)
    return Groups(place[of.of], of.first[at], of.count)


def _sortable(one: Column) -> Column:
    """Texts that are all numbers as numbers."""
    if one.type is not Type.STRING:
        return one
    found = [number_of(text) if ok else None for text, ok in zip(one.values.tolist(), one.valid.tolist(), strict=True)]
    known = np.array([value is not None for value in found], np.bool_)
    return column(Type.REAL, found) if (known == one.valid).all() else one


def sorted_rows(table: Table, stage: syntax.Sort, here: Here) -> Table:
    """Numbers by size, texts by their letters; null comes last. Equal rows keep their order."""
    keys = []
    for name, descending, how in stage.orders:
        one = table.columns.get(name, nulls(Type.STRING, table.rows))
        if how == "ip":
            raise here.failed("sort by ip() is not known")
        if isinstance(one, Many):
            one = column(Type.STRING, [items[0] if items else None for items in lists(one)])
        ranked_by = numbers(one, here) if how == "num" else texts(one, here) if how == "str" else _sortable(one)
        keys.append((ranked_by, descending, False))
    at = order(keys)
    return table.take(at[: stage.limit] if stage.limit else at)


def deduplicated(table: Table, stage: syntax.Dedup) -> Table:
    """The first rows of each combination; rows without one of the fields go, or stay under ``keepempty``."""
    by = [table.columns.get(name, nulls(Type.STRING, table.rows)) for name in stage.fields]
    present = np.logical_and.reduce([one.valid for one in by])
    of = groups(by, table.rows).of
    if stage.consecutive and table.rows:
        of = np.cumsum(np.r_[False, of[1:] != of[:-1]])
    at = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[at], of[at], "left")
    rank = np.empty(table.rows, np.int64)
    rank[at] = np.arange(table.rows) - starts
    return table.keep((present & (rank < stage.count)) | (~present & stage.keep_empty))


def renamed(table: Table, stage: syntax.Rename) -> Table:
    """Fields under new names; a ``*`` in the new name is what the old one's stood for."""
    for old, new in stage.names:
        names = {}
        for name, parts in matching(old, table.columns):
            target = new
            for part in parts:
                target = target.replace("*", part, 1)
            names[name] = target
        table = table.renamed({name: target for name, target in names.items() if name != target})
    return table


def filled(table: Table, stage: syntax.FillNull, here: Here) -> Table:
    """Null as a value (``fillnull``), or as the value of the row before (``filldown``)."""
    found = {}
    for name in stage.fields or tuple(table.columns):
        one = table.columns.get(name, nulls(Type.STRING, table.rows))
        if one.valid.all() and name in table.columns:
            continue
        if stage.down:
            at = np.maximum.accumulate(np.where(one.valid, np.arange(table.rows), -1))
            found[name] = one.take(at)
        else:
            found[name] = _filled(one, stage.value, here)
    return table.with_columns(found)


def _filled(one: Column, value: str, here: Here) -> Column:
    number = number_of(value)
    if isinstance(one, Many):
        return many([items or [value] for items in lists(one)])
    if number is not None and (one.type is Type.REAL or not one.valid.any()):
        values = one.values if one.type is Type.REAL else np.zeros(len(one))
        return Column(Type.REAL, np.where(one.valid, values, number), np.ones(len(one), np.bool_))
    as_text = texts(one, here)
    values = np.where(one.valid, as_text.values, value).astype(object)
    return Column(Type.STRING, values, np.ones(len(one), np.bool_))


def expanded(table: Table, stage: syntax.Expand) -> Table:
    """A row for each value; a row without any stays."""
    one = table.columns.get(stage.field)
    if one is None or not isinstance(one, Many):
        return table
    cells: list[list[str | None]] = [[*(items[: stage.limit or None])] or [None] for items in lists(one)]
    at = np.repeat(np.arange(table.rows), [len(items) for items in cells])
    return table.take(at).with_columns({stage.field: column(Type.STRING, [item for items in cells for item in items])})


def ranked(table: Table, stage: syntax.Rank) -> Table:
    """The combinations with their count and percent, the most (or least) frequent first, so many for each of BY."""
    kept, of = by_rows(table, (*stage.by, *stage.fields))
    count = counted(np.ones(kept.rows, np.bool_), of).values
    heads = {
        name: kept.columns.get(name, nulls(Type.STRING, kept.rows)).take(of.first)
        for name in (*stage.by, *stage.fields)
    }
    outer = groups([heads[name] for name in stage.by], of.count)
    total = np.bincount(outer.of, count, minlength=outer.count)[outer.of]
    at = np.lexsort((np.arange(of.count), count if stage.rare else -count, outer.of))
    rank = np.arange(of.count) - np.searchsorted(outer.of[at], outer.of[at], "left")
    at = at[(rank < stage.limit) | (stage.limit == 0)]
    known = np.ones(of.count, np.bool_)
    made = {
        **heads, "count": Column(Type.REAL, count.astype(np.float64), known),
        "percent": Column(Type.REAL, np.round(100 * count / np.maximum(total, 1), 6), known),
    }  # fmt: skip
    return Table(made, of.count).take(at)


def looked_up(table: Table, other: Table, stage: syntax.Lookup, here: Here) -> Table:
    """The fields of the first row that agrees in every key; of no row, null."""
    for theirs, _ in (*stage.keys, *stage.output):
        if theirs not in other.columns:
            raise here.failed(f"the lookup {stage.table} has no field {theirs}")
    known: dict[tuple[str, ...], int] = {}
    for at, row in enumerate(zip(*(_keys(other.columns[theirs]) for theirs, _ in stage.keys), strict=True)):
        known.setdefault(row, at)
    ours = [_keys(table.columns.get(name, nulls(Type.STRING, table.rows))) for _, name in stage.keys]
    found = np.array([known.get(row, -1) if None not in row else -1 for row in zip(*ours, strict=True)], np.int64)
    keys = {theirs for theirs, _ in stage.keys}
    output = stage.output or tuple((name, name) for name in other.columns if name not in keys)
    made = {}
    for theirs, name in output:
        new = other.columns[theirs].take(found)
        old = table.columns.get(name)
        keep = stage.fill_only and old is not None
        made[name] = new if not keep or old is None else _first(old, new)
    return table.with_columns(made)


def _keys(one: Column) -> list[str | None]:
    return [number_text(float(items[0])) if items and number_of(items[0]) is not None else items[0] if items else None
            for items in lists(one)]  # fmt: skip


def _first(one: Column, other: Column) -> Column:
    return many([items or more for items, more in zip(lists(one), lists(other), strict=True)])
