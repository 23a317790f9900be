"""The stages of a Kusto pipeline, as frozen trees over expressions."""

from __future__ import annotations

from dataclasses import dataclass

from tollwatch.query.syntax import Assignment, Call, Element, Expression, Literal, Name, Place
from tollwatch.query.table import Type

__all__ = ["Assignment", "Call", "Element", "Expression", "Literal", "Name", "Place"]


@dataclass(frozen=True, slots=True)
class OrderBy:
    """A key to sort by."""

    value: Expression
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Where:
    """Rows where the condition is true."""

    condition: Expression


@dataclass(frozen=True, slots=True)
class Extend:
    """More columns, computed side by side; ``only``: and no others (project)."""

    assignments: tuple[Assignment, ...]
    only: bool = False


@dataclass(frozen=True, slots=True)
class Choose:
    """Only these columns, or all but these."""

    names: tuple[Name, ...]
    away: bool


@dataclass(frozen=True, slots=True)
class Rename:
    """(new, old) names."""

    names: tuple[tuple[str, Name], ...]


@dataclass(frozen=True, slots=True)
class Summarize:
    """One row for each combination of ``by``."""

    aggregates: tuple[Assignment, ...]
    by: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    """Rows in order; ``limit`` of them."""

    orders: tuple[OrderBy, ...]
    limit: Expression | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """So many rows."""

    limit: Expression


@dataclass(frozen=True, slots=True)
class Distinct:
    """Each combination of these columns once."""

    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows there are."""


@dataclass(frozen=True, slots=True)
class Expand:
    """One row for each element of a list."""

    assignment: Assignment
    type: Type | None


@dataclass(frozen=True, slots=True)
class Join:
    """Rows of two tables with equal keys: (left, right) names."""

    kind: str
    right: Pipeline | Name
    keys: tuple[tuple[Name, Name], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of several tables, one after the other."""

    others: tuple[Pipeline | Name, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """One step that matches every row, or where its condition holds, and carries a state along.

    ``declared``: name, type and first value of the state's columns.
    """

    declared: tuple[tuple[str, Type, Expression | None], ...]
    step: str
    condition: Expression
    assignments: tuple[Assignment, ...]
    place: Place


Stage = Where | Extend | Choose | Rename | Summarize | Sort | Take | Distinct | Count | Expand | Join | Union | Scan


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A table, or several one after the other, and stages."""

    sources: tuple[Pipeline | Name, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """``let`` statements, and the pipeline that gives the rows."""

    lets: tuple[tuple[str, Expression | Pipeline], ...]
    pipeline: Pipeline
