"""The commands of an ES|QL query, as frozen trees over expressions."""

from __future__ import annotations

from dataclasses import dataclass

from tollwatch.query.syntax import Assignment, Call, Element, Expression, Literal, Name, Place

__all__ = ["Assignment", "Call", "Element", "Expression", "Literal", "Name", "Place"]


@dataclass(frozen=True, slots=True)
class Amount:
    """A timespan: whole months, and what has a fixed length (days are 24 hours in UTC), in µs.

    ``period``: of the calendar (days and longer), and not of the clock.
    """

    months: int
    micros: int
    period: bool


@dataclass(frozen=True, slots=True)
class From:
    """Indices as they are written, and the metadata fields asked for."""

    patterns: tuple[str, ...]
    metadata: tuple[Name, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Row:
    """One row of constants."""

    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Where:
    """Rows where the condition is true."""

    condition: Expression


@dataclass(frozen=True, slots=True)
class Eval:
    """More columns; each sees those before it."""

    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """An aggregate, or an expression over aggregates, under a name; ``only``: the rows that count in."""

    name: str
    value: Expression
    only: Expression | None


@dataclass(frozen=True, slots=True)
class Stats:
    """One row for each combination of ``by``; ``inline``: every row stays, and has its group's values."""

    aggregates: tuple[Measured, ...]
    by: tuple[Assignment, ...]
    inline: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    """Column names by a pattern of pieces: (text, whether it is a wildcard)."""

    pieces: tuple[tuple[str, bool], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Keep:
    """Only these columns, in this order."""

    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """All columns but these."""

    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Rename:
    """(old, new) names, one after the other."""

    names: tuple[tuple[Name, str], ...]


@dataclass(frozen=True, slots=True)
class OrderBy:
    """A key to sort by."""

    value: Expression
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Sort:
    """Rows in order."""

    orders: tuple[OrderBy, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """So many rows at most."""

    rows: int


@dataclass(frozen=True, slots=True)
class Expand:
    """One row for each value of a column."""

    column: Name


@dataclass(frozen=True, slots=True)
class Dissect:
    """Columns out of a text, by the delimiters between them."""

    source: Expression
    pattern: str
    separator: str
    place: Place


@dataclass(frozen=True, slots=True)
class Grok:
    """Columns out of a text, by regular expressions; the first that matches."""

    source: Expression
    patterns: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Join:
    """The columns of another index's rows with the same keys."""

    index: str
    keys: tuple[Name, ...]
    place: Place


Command = Where | Eval | Stats | Keep | Drop | Rename | Sort | Limit | Expand | Dissect | Grok | Join


@dataclass(frozen=True, slots=True)
class Query:
    """A source of rows, and commands."""

    source: From | Row
    commands: tuple[Command, ...]
