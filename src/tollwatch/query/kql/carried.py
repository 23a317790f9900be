"""A scan whose columns only hand values on, computed over whole columns.

What a row sees of the input columns of the row before is a shift. A column that is, in each row, either a value that
does not depend on it or what it was before, is filled forward. Any other scan goes row by row (scan.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tollwatch.query.columns import choice, true_rows
from tollwatch.query.kql import syntax
from tollwatch.query.kql.evaluate import Evaluator
from tollwatch.query.kql.logic import empty
from tollwatch.query.kql.values import never_null, spread, stringed
from tollwatch.query.table import Column, Mask, Table, Type

MARK = "\0before "  # no name in a query begins so


@dataclass(frozen=True, slots=True)
class _Value:
    """A column, and where instead of it the value before is handed on."""

    column: Column
    kept: Mask


def carried(engine: Evaluator, stage: syntax.Scan, table: Table, first: Mapping[str, Any]) -> Table | None:
    """The scan's rows, or None: it is not of this kind."""
    condition, step = stage.step.condition, stage.step.name
    if any(_of_state(one, step) for one in _parts(condition)):
        return None
    if not isinstance(condition, syntax.Literal):
        table = table.keep(engine.condition(condition, table))
    elif condition.value is not True:
        return None
    types = {name: type_ for name, type_, _ in stage.declared}
    names = [one.name for one in stage.step.assignments]
    if len(set(names)) < len(names) or set(names) != set(types):
        return None
    return _Filling(engine, step, types, first).run(stage.step.assignments, table)


@dataclass(frozen=True, slots=True)
class _Filling:
    engine: Evaluator
    step: str
    types: Mapping[str, Type]
    first: Mapping[str, Any]

    def run(self, assignments: tuple[syntax.Assignment, ...], table: Table) -> Table | None:
        done: dict[str, Column] = {}
        waiting = list(assignments)
        for number, one in enumerate(assignments):  # of the row itself only what is assigned before can be read
            if not {name for name in self.needs(one) if name in self.types} <= {
                two.name for two in assignments[:number]
            }:
                return None
        while waiting:
            ready = next((one for one in waiting if self.needs(one) <= {*done, f"{MARK}{one.name}"}), None)
            column = None if ready is None or ready.name is None else self.filled(ready, table, done)
            if ready is None or ready.name is None or column is None:
                return None
            waiting.remove(ready)
            done |= {ready.name: column, f"{MARK}{ready.name}": self.shifted(column, self.first[ready.name])}
        return stringed(table.with_columns({name: done[name] for name in self.types}))

    def needs(self, assignment: syntax.Assignment) -> set[str]:
        """Declared columns that it reads: of the row itself, or (marked) of the one before."""
        found = set()
        for one in _parts(assignment.value):
            if isinstance(one, syntax.Name) and one.name in self.types:
                found.add(one.name)
            elif isinstance(one, syntax.Element) and _of_state(one, self.step) and one.key in self.types:
                found.add(f"{MARK}{one.key}")
        return found

    def filled(self, assignment: syntax.Assignment, table: Table, done: Mapping[str, Column]) -> Column | None:
        """The column, filled forward."""
        wanted, name = self.types[assignment.name or ""], assignment.name or ""
        seen = {
            f"{MARK}{one.key}": self.shifted(table.columns[str(one.key)], None)
            for one in _parts(assignment.value)
            if isinstance(one, syntax.Element) and _of_state(one, self.step) and one.key in table.columns
        }
        seen = {key: one for key, one in seen.items() if key.removeprefix(MARK) not in self.types}
        found = self.value(assignment.value, table.with_columns({**seen, **done}), f"{MARK}{name}")
        if found is None or (found.column.type is not wanted and not found.kept.all()):
            return None
        initial = spread(wanted, self.first[name], 1)
        rows = np.where(found.kept, -1, np.arange(table.rows))
        source = np.maximum.accumulate(rows) if table.rows else rows
        if found.column.type is not wanted:
            return spread(wanted, self.first[name], table.rows)
        values = np.r_[found.column.values, initial.values]
        valid = np.r_[found.column.valid, initial.valid]
        return never_null(Column(wanted, values[source], valid[source]))  # −1: the first value, which stands last

    def value(self, expression: syntax.Expression, table: Table, own: str) -> _Value | None:
        """The expression in every row, or where it is the column's own value before."""
        nothing = np.zeros(table.rows, np.bool_)
        if not any(_marked(one, self.step) == own for one in _parts(expression)):
            return _Value(self.engine.value(_rewritten(expression, self.step), table), nothing)
        if _marked(expression, self.step) == own:
            return _Value(spread(self.types[own.removeprefix(MARK)], None, table.rows), ~nothing)
        if not isinstance(expression, syntax.Call):
            return None
        parts = [self.value(one, table, own) for one in expression.arguments]
        if any(one is None for one in parts):
            return None
        return _joined(expression.name, [one for one in parts if one is not None])

    def shifted(self, one: Column, first: Any) -> Column:
        """The value of the row before; in the first row a null, or what is given."""
        found = never_null(one.take(np.arange(len(one)) - 1))
        if first is None or not len(one):
            return found
        initial = np.zeros(len(one), np.bool_)
        initial[0] = True
        return choice(initial, spread(one.type, first, len(one)), found)


def _joined(name: str, parts: list[_Value]) -> _Value | None:
    """What iff and coalesce give of values that may be handed on."""
    if name in ("iff", "iif") and len(parts) == 3 and not parts[0].kept.any():
        condition, then, otherwise = parts
        if then.column.type is not otherwise.column.type:
            return None
        chosen = true_rows(condition.column)
        column = choice(chosen, then.column, otherwise.column)
        return _Value(column, np.where(chosen, then.kept, otherwise.kept))
    if name == "coalesce" and len(parts) == 2 and not parts[0].kept.any():
        one, two = parts
        if one.column.type is not two.column.type or not two.kept.all():
            return None
        return _Value(one.column, np.asarray(empty(one.column), np.bool_))
    return None


def _parts(expression: syntax.Expression) -> Iterator[syntax.Expression]:
    yield expression
    if isinstance(expression, syntax.Call):
        for one in expression.arguments:
            yield from _parts(one)
    elif isinstance(expression, syntax.Element) and not isinstance(expression.of, syntax.Name):
        yield from _parts(expression.of)


def _of_state(expression: syntax.Expression, step: str) -> bool:
    return (
        isinstance(expression, syntax.Element)
        and isinstance(expression.of, syntax.Name)
        and expression.of.name == step
        and isinstance(expression.key, str)
    )


def _marked(expression: syntax.Expression, step: str) -> str | None:
    return f"{MARK}{expression.key}" if isinstance(expression, syntax.Element) and _of_state(expression, step) else None


def _rewritten(expression: syntax.Expression, step: str) -> syntax.Expression:
    """The expression with columns for what it reads of the state."""
    marked = _marked(expression, step)
    if marked is not None:
        return syntax.Name(marked, expression.place)
    if isinstance(expression, syntax.Call):
        return replace(expression, arguments=tuple(_rewritten(one, step) for one in expression.arguments))
    return expression
