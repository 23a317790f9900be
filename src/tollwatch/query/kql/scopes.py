"""What the names of a Kusto query stand for: ``let`` values, tables and functions, and the parameters of a function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.table import Column, Table, Type


class MissingTableError(QueryError):
    """A table that is not there: of a fuzzy union it is left out."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value."""

    type: Type
    value: Any


@dataclass(frozen=True, slots=True)
class Rows:
    """A parameter of a function: a value for each row that it is called for."""

    column: Column


@dataclass(slots=True)
class View:
    """Rows, computed when they are first wanted and then kept."""

    pipeline: syntax.Pipeline | None
    scope: Scope
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Closure:
    """A function and the scope that it was made in."""

    function: syntax.Lambda
    scope: Scope


Bound = Scalar | Rows | View | Closure


@dataclass(frozen=True, slots=True)
class Scope:
    """Names and what they stand for, and the scope around this one."""

    names: dict[str, Bound] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, name: str) -> Bound | None:
        """What the name stands for, here or further out."""
        if name in self.names:
            return self.names[name]
        return None if self.outer is None else self.outer.find(name)

    def inner(self) -> Scope:
        """A scope within this one."""
        return Scope({}, self)

    def everything(self) -> Iterator[tuple[str, Bound]]:
        """Every name that can be seen, the nearest first."""
        yield from self.names.items()
        if self.outer is not None:
            yield from ((name, one) for name, one in self.outer.everything() if name not in self.names)
