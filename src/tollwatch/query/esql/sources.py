"""FROM: the request's tables by Elastic's index patterns. Elastic's reference, "FROM"; "Multi-target syntax"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from tollwatch.query.engines import ANY_TABLE
from tollwatch.query.entries import Here, unknown
from tollwatch.query.errors import QueryError
from tollwatch.query.esql import syntax
from tollwatch.query.esql.parse import METADATA
from tollwatch.query.esql.values import NUMERIC, alike, cells, inside, kind, listed
from tollwatch.query.table import Column, Many, Table, Type, nulls


def source(tables: Mapping[str, Table], wanted: syntax.From, now: int) -> tuple[Table, frozenset[str]]:
    """The rows of the tables, one after the other, and the columns that have several types in them.

    Raises:
        QueryError: a name without wildcards has no table, or no pattern has one.
    """
    found = [tables[name] for name in resolved(tables, wanted)]
    asked = {one.name for one in wanted.metadata}
    kept = [_prepared(table, asked, Here(wanted.place, table.rows, now)) for table in found]
    return appended(kept, wanted.place, now)


def resolved(tables: Mapping[str, Table], wanted: syntax.From) -> list[str]:
    """The names of the tables that the patterns mean, each once; a table called as a pattern is written is that one."""
    whole = ",".join(wanted.patterns)
    if whole in tables:
        return [whole]
    found: dict[str, None] = {}
    for pattern in wanted.patterns:
        if pattern in tables:
            found[pattern] = None
        elif pattern.startswith("-") and found:
            gone = _matching(pattern[1:], list(found))
            found = {name: None for name in found if name not in gone}
        else:
            matched = _matching(pattern, list(tables))
            if not matched and ANY_TABLE in tables:
                matched = [ANY_TABLE]
            if not matched and "*" not in pattern:
                raise unknown("index", pattern, tables, wanted.place)
            found |= dict.fromkeys(matched)
    if not found:
        raise QueryError(f"no table is called {', '.join(wanted.patterns)}", *wanted.place)
    return list(found)


def _matching(pattern: str, names: Sequence[str]) -> list[str]:
    """The names that a pattern matches; a cluster before it may be missing in the name."""
    local = pattern.split(":", 1)[1] if ":" in pattern and "::" not in pattern else pattern
    regexes = [".*".join(re.escape(part) for part in one.split("*")) for one in (pattern, local)]
    return [name for name in names if name != ANY_TABLE and any(re.fullmatch(regex, name) for regex in regexes)]


def _prepared(table: Table, asked: set[str], here: Here) -> Table:
    """The columns as the engine has them; of the metadata those that are asked for, null where the table lacks them."""
    kept = {
        name: inside(one, name, here) for name, one in table.columns.items() if name not in METADATA or name in asked
    }
    return Table(
        kept
        | {name: nulls(_METADATA_TYPES.get(name, Type.STRING), table.rows) for name in sorted(asked - kept.keys())},
        table.rows,
    )


_METADATA_TYPES = {"_version": Type.LONG, "_score": Type.REAL, "_size": Type.INT}


def appended(tables: Sequence[Table], place: syntax.Place, now: int) -> tuple[Table, frozenset[str]]:
    """The rows of all; a column that a table lacks is null there, and one of several types is in none."""
    if len(tables) == 1:
        return tables[0], frozenset()
    rows = sum(table.rows for table in tables)
    names = dict.fromkeys(name for table in tables for name in table.columns)
    found: dict[str, Column] = {}
    mixed = set()
    for name in names:
        parts = [table.columns.get(name, nulls(Type.DYNAMIC, table.rows)) for table in tables]
        kinds = {kind(part) for part in parts} - {Type.DYNAMIC}
        if len(kinds) > 1 and not kinds <= NUMERIC:
            mixed.add(name)
        else:
            found[name] = _joined(alike(parts, Here(place, rows, now)))
    return Table(found, rows), frozenset(mixed)


def _joined(parts: Sequence[Column]) -> Column:
    if any(isinstance(part, Many) for part in parts):
        return cells([cell for part in parts for cell in listed(part)], kind(parts[0]))
    values = np.concatenate([part.values for part in parts])
    return Column(parts[0].type, values, np.concatenate([part.valid for part in parts]))
