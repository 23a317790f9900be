"""Kusto's scan with one step: row by row, each sees what the last matching row left behind.

Microsoft's documentation, "scan operator". Expressions become plain functions of the row and of the state.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tollwatch.query.columns import COMPARE
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.values import stringed
from tollwatch.query.table import Column, Table, Type, column

Row = dict[str, Any]
Compiled = Callable[[Row, Row], Any]
Scalar = tuple[Type, Any]


def scanned(
    stage: syntax.Scan, table: Table, scalars: Callable[[str], Scalar | None], first: Mapping[str, Any]
) -> Table:
    """The rows that match, with the state's columns. ``first``: those columns' first values."""
    declared = {name: type_ for name, type_, _ in stage.declared}
    read = _read((stage.step.condition, *(one.value for one in stage.step.assignments)), stage.step.name)
    seen = Table({name: one for name, one in table.columns.items() if name in read}, table.rows)
    rows = _Rows(seen, stage.step.name, declared, scalars)
    assigned = [(one.name or "", rows.compiled(one.value)) for one in stage.step.assignments]
    unknown = next((one for one in stage.step.assignments if one.name not in declared), None)
    if unknown is not None:
        raise QueryError(f"scan declares no column {unknown.name}", *stage.place)
    condition = rows.compiled(stage.step.condition)
    names = list(rows.columns)
    before: Row = {**rows.empty(), **first}
    kept, out = [], []
    for at, values in enumerate(zip(*rows.columns.values(), strict=True)):
        row = dict(zip(names, values, strict=True))
        row.update(first)
        if condition(row, before) is not True:
            continue
        for name, value in assigned:
            row[name] = value(row, before)
        kept.append(at)
        out.append(row)
        before = row
    found = table.take(np.array(kept, np.int64))
    made = {name: column(type_, [row[name] for row in out]) for name, type_ in declared.items()}
    return stringed(found.with_columns(made))


def _read(expressions: Iterable[syntax.Expression], step: str) -> set[str]:
    """The columns that expressions name, of the row and of the state."""
    found = set()
    for one in expressions:
        match one:
            case syntax.Name():
                found.add(one.name)
            case syntax.Element(of=syntax.Name(name=name), key=str() as key) if name == step:
                found.add(key)
            case syntax.Call():
                found |= _read(one.arguments, step)
    return found


class _Rows:
    """Expressions as functions of the row and of the state."""

    def __init__(
        self, table: Table, step: str, declared: Mapping[str, Type], scalars: Callable[[str], Scalar | None]
    ) -> None:
        self.step = step
        self.declared = declared
        self.scalars = scalars
        self.columns = {name: _values(one) for name, one in table.columns.items()} or {"": [0] * table.rows}
        self.types = {name: one.type for name, one in table.columns.items()}

    def empty(self) -> Row:
        """The state before the first row: strings are empty, all else is null."""
        return {name: "" if type_ is Type.STRING else None for name, type_ in self.types.items()}

    def compiled(self, expression: syntax.Expression) -> Compiled:
        """The expression; of what a row-by-row walk lacks, a QueryError."""
        match expression:
            case syntax.Literal():
                value = expression.value
                return lambda _row, _state: value
            case syntax.Element(of=syntax.Name(name=name), key=str() as key) if name == self.step:
                if key not in self.columns and key not in self.declared:
                    raise QueryError(f"there is no column {key}", *expression.place)
                return lambda _row, state: state[key]
            case syntax.Name():
                return self.named(expression)
            case syntax.Call() if expression.name in SCALAR:
                function, arguments = SCALAR[expression.name], [self.compiled(one) for one in expression.arguments]
                return _called(function, arguments)
            case _:
                raise QueryError("scan does not know this expression", *expression.place)

    def named(self, name: syntax.Name) -> Compiled:
        key = name.name
        if key in self.columns or key in self.declared:
            return lambda row, _state: row[key]
        found = self.scalars(key)
        if found is None:
            raise QueryError(f"there is no column {key}", *name.place)
        value = found[1]
        return lambda _row, _state: value


def _called(function: Callable[..., Any], arguments: list[Compiled]) -> Compiled:
    if len(arguments) == 2:
        one, two = arguments
        return lambda row, state: function(one(row, state), two(row, state))
    return lambda row, state: function(*[argument(row, state) for argument in arguments])


def _values(one: Column) -> list[Any]:
    """Plain values; a missing string is the empty one."""
    values: list[Any] = one.values.tolist()
    if one.valid.all():
        return values
    missing = "" if one.type is Type.STRING else None
    return [value if known else missing for value, known in zip(values, one.valid.tolist(), strict=True)]


def _kleene_and(*values: Any) -> Any:
    return False if False in values else None if None in values else True


def _kleene_or(*values: Any) -> Any:
    return True if True in values else None if None in values else False


def _strict(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda one, two: None if one is None or two is None else operate(one, two)


SCALAR: Mapping[str, Callable[..., Any]] = {
    "iff": lambda condition, then, otherwise: then if condition is True else otherwise,
    "iif": lambda condition, then, otherwise: then if condition is True else otherwise,
    "coalesce": lambda *values: next((value for value in values if value is not None and value != ""), values[-1]),
    "and": _kleene_and,
    "or": _kleene_or,
    "not": lambda one: None if one is None else not one,
    "==": lambda one, two: None if one is None and two is None else one == two,
    "!=": lambda one, two: None if one is None and two is None else one != two,
    **{sign: _strict(COMPARE[sign]) for sign in ("<", "<=", ">", ">=")},
    "+": _strict(operator.add),
    "-": _strict(operator.sub),
    "in": lambda one, *items: one in items,
    "isnull": lambda one: one is None,
    "isnotnull": lambda one: one is not None,
    "isempty": lambda one: one is None or one == "",
    "isnotempty": lambda one: one is not None and one != "",
}
