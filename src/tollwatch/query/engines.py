"""The languages that can be executed, under one call. They know nothing of rules: text, tables and a time range in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module

import numpy as np

from tollwatch.query.table import Mask, Table, Type

MICROSECONDS = 1_000_000
ANY_TABLE = "*"
"""The name of the table that stands for every name which the others do not have."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What the search's time picker says, in µs: rows from ``start`` to before ``end``; ``now`` is what now() gives."""

    now: int
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A query to run: its text, the tables by name, the time range, and macros' definitions by name (SPL).

    ``parameters``: the values of a query's parameters by name, or by number as text (ES|QL's ?name and ?1).
    ``truncates``: whether a language's own limits of a result hold, where it has some: ES|QL gives 1,000 rows to a
    query without LIMIT, and never more than 10,000. False gives every row.
    """

    text: str
    tables: Mapping[str, Table]
    range: TimeRange
    macros: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    truncates: bool = True

    def table(self, name: str) -> Table | None:
        """The table of that name, or the one that stands for any; None where there is neither."""
        return self.tables.get(name, self.tables.get(ANY_TABLE))


@dataclass(frozen=True, slots=True)
class Engine:
    """A language: its name, the ending of its files, the column of an event's time, and how many µs its unit has.

    ``own_range``: a query may state a time range of its own, so that the engine applies the request's.
    """

    name: str
    suffix: str
    time: str
    unit: int
    run: Callable[[Request], Table]
    own_range: bool = False


def execute(language: str, request: Request) -> Table:
    """The rows of a query.

    Raises:
        QueryError: what is not of the language, what the engine lacks, and names that the tables lack.
    """
    engine = ENGINES[language]
    if engine.own_range:
        return engine.run(request)
    tables = {name: _within(table, engine, request.range) for name, table in request.tables.items()}
    return engine.run(replace(request, tables=tables))


def check(language: str, text: str, macros: Mapping[str, str]) -> None:
    """Reads a query and looks up every stage and function that it names, without running it.

    Raises:
        QueryError: what is not of the language, and what the engine lacks.
    """
    import_module(f"tollwatch.query.{language}.parse").parse(text, macros)


def _within(table: Table, engine: Engine, picked: TimeRange) -> Table:
    """The rows in the time range; a table without times is whole, and a row without a time is in no range."""
    time = table.columns.get(engine.time)
    if time is None or time.type not in (Type.DATETIME, Type.REAL) or (picked.start is None and picked.end is None):
        return table
    chosen: Mask = time.valid.copy()
    if picked.start is not None:
        chosen &= np.asarray(time.values >= picked.start / engine.unit, np.bool_)
    if picked.end is not None:
        chosen &= np.asarray(time.values < picked.end / engine.unit, np.bool_)
    return table.keep(chosen)


def _runner(language: str) -> Callable[[Request], Table]:
    """The engine's own module, imported when it is first used."""

    def run(request: Request) -> Table:
        found: Table = import_module(f"tollwatch.query.{language}.run").run(request)
        return found

    return run


ENGINES: Mapping[str, Engine] = {
    "spl": Engine("spl", ".spl", "_time", MICROSECONDS, _runner("spl"), own_range=True),
    "kql": Engine("kql", ".kql", "TimeGenerated", 1, _runner("kql")),
    "esql": Engine("esql", ".esql", "@timestamp", 1, _runner("esql")),
}
