"""Expressions as frozen trees, alike in every language. Each knows where it stands in the query's text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tollwatch.query.table import Type

Place = tuple[int, int]  # line and column, 1-based


@dataclass(frozen=True, slots=True)
class Name:
    """A column, or whatever else the language names."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; None is a null of the type."""

    type: Type
    value: Any
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or an operator by its sign."""

    name: str
    arguments: tuple[Expression, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Element:
    """Something inside a value that holds others: by a name or a number."""

    of: Expression
    key: str | int
    place: Place


Expression = Name | Literal | Call | Element


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value under a name; without one, the language makes it up."""

    name: str | None
    value: Expression
