"""Functions and aggregates as entries of a language's tables: how many arguments, of what types, and the code.

To add a function is to add an entry. What the languages mean alike is written once (measures.py, columns.py, and here)
and stands in the table of each that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from tollwatch.query.errors import QueryError
from tollwatch.query.syntax import Place
from tollwatch.query.table import Column, Groups, Mask, Type, column, groups

Kinds = frozenset[Type]
ANY = frozenset(Type)
NUMBERS = frozenset({Type.LONG, Type.REAL})
TIMES = frozenset({Type.DATETIME, Type.TIMESPAN})
STRINGS = frozenset({Type.STRING})
BOOLS = frozenset({Type.BOOL})


@dataclass(frozen=True, slots=True)
class Here:
    """Where something is computed: its place in the text, how many rows there are, and what time it is (µs)."""

    place: Place
    rows: int
    now: int

    def failed(self, message: str) -> QueryError:
        """A mistake at this place."""
        return QueryError(message, *self.place)


Run = Callable[[Sequence[Column], Here], Column]
Measure = Callable[[Sequence[Column], Groups, Mask, Here], Column]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the rows' own values.

    ``least`` to ``most`` arguments (None: any number); ``takes``: the types of each, the last one's for all after it.
    """

    least: int
    most: int | None
    run: Run
    takes: tuple[Kinds, ...] = (ANY,)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function of groups of rows: columns, groups and the rows that count in, to one value a group."""

    least: int
    most: int | None
    run: Measure
    takes: tuple[Kinds, ...] = (ANY,)


def found(table: Mapping[str, Any], name: str, place: Place, what: str = "function") -> Any:
    """The entry of that name.

    Raises:
        QueryError: there is none; with the closest names.
    """
    if name in table:
        return table[name]
    raise unknown(what, name, table, place)


def unknown(what: str, name: str, names: Iterable[str], place: Place) -> QueryError:
    """What the engine or the tables lack, with the closest names that they have."""
    close = get_close_matches(name, [one for one in names if one[:1].isalpha() or one[:1] == "_"], 3)
    near = f" (near it: {', '.join(close)})" if close else ""
    return QueryError(f"the {what} {name} is not known{near}", *place)


def arity(entry: Function | Aggregate, name: str, given: int, place: Place) -> None:
    """Refuses a wrong number of arguments."""
    if given < entry.least or (entry.most is not None and given > entry.most):
        wanted = f"{entry.least}" if entry.most == entry.least else f"{entry.least} to {entry.most or 'any number of'}"
        raise QueryError(f"{name} takes {wanted} arguments, not {given}", *place)


def checked(entry: Function | Aggregate, name: str, columns: Sequence[Column], place: Place) -> None:
    """Refuses a wrong number of arguments and types that the entry does not take."""
    arity(entry, name, len(columns), place)
    for number, one in enumerate(columns):
        kinds = entry.takes[min(number, len(entry.takes) - 1)]
        if one.type not in kinds:
            raise QueryError(f"{name} is not known for {', '.join(two.type for two in columns)}", *place)


def each(type_: Type, function: Callable[..., Any]) -> Run:
    """A function of single values, null where one argument is; computed once for each distinct combination."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        return distinct_rows(type_, function, columns, here.rows)

    return run


def distinct_rows(type_: Type, function: Callable[..., Any], columns: Sequence[Column], rows: int) -> Column:
    """The function's value in each row, null where an argument or the value is."""
    known = np.logical_and.reduce([one.valid for one in columns]) if columns else np.ones(rows, np.bool_)
    of = groups(columns, rows)
    first = [one.values[of.first].tolist() for one in columns]
    heads = [
        function(*row) if ok else None
        for ok, row in zip(known[of.first].tolist(), zip(*first, strict=True), strict=True)
    ]
    if not columns:
        heads = [function()] if rows else []
    return column(type_, heads).take(of.of)


def single(one: Column, what: str, here: Here) -> Any:
    """The value of an argument that must be the same in every row; None without rows or a value.

    Raises:
        QueryError: it differs between rows.
    """
    if not len(one):
        return None
    if not (one.valid.all() or not one.valid.any()) or (one.values != one.values[0]).any():
        raise here.failed(f"{what} that differs between rows is not known")
    value = one.values[0]
    return None if not one.valid[0] else value.item() if isinstance(value, np.generic) else value
