"""Kusto's summarize: groups of rows, aggregates of them, and functions of aggregates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tollwatch.query.entries import checked
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.aggregates import AGGREGATES, BEST, SEVERAL, arg_rows, first_rows, percentile
from tollwatch.query.kql.evaluate import Evaluator
from tollwatch.query.kql.names import fragment, named, own_name, unique
from tollwatch.query.kql.values import all_there, never_null, stringed
from tollwatch.query.table import Column, Groups, Table, Type, groups


def summarized(engine: Evaluator, stage: syntax.Summarize, table: Table) -> Table:
    """One row for each combination of the keys; without keys one row, even of no rows."""
    by = {name: engine.value(one.value, table) for name, one in named(stage.by, ())}
    for (name, one), assignment in zip(by.items(), stage.by, strict=False):
        if one.type is Type.DYNAMIC:
            raise QueryError(f"summarize by a dynamic value ({name}): cast it", *assignment.value.place)
    of = groups(list(by.values()), table.rows)
    found = {name: one.take(of.first) for name, one in by.items()}
    work = _Work(engine, table, of, frozenset(one.value.name for one in stage.by if isinstance(one.value, syntax.Name)))
    for name, assignment in named(stage.aggregates, found):
        if assignment.name in found:
            raise QueryError(f"summarize gives two columns {name}", *assignment.value.place)
        for label, column in work.columns(name, assignment).items():
            found[unique(label, found)] = column
    return stringed(Table(found, of.count))


@dataclass(frozen=True, slots=True)
class _Work:
    """``keys``: columns that the rows are grouped by, which a star leaves out."""

    engine: Evaluator
    table: Table
    of: Groups
    keys: frozenset[str]

    def columns(self, name: str, assignment: syntax.Assignment) -> Mapping[str, Column]:
        """The columns that an aggregate gives; a name that was given is the first one's."""
        call = assignment.value
        if not isinstance(call, syntax.Call) or call.name not in SEVERAL:
            return {name: self.value(call)}
        if call.name in BEST:
            found = self.best(call)
        elif call.name == "percentiles":
            found = self.percentiles(call)
        elif _several(call):
            found = self.any_of(call)
        else:
            own = own_name(call.arguments[0])
            found = {name if call.name == "any" else own or "any_arg0": self.value(call)}
        first, *others = found.items()
        return found if assignment.name is None else {assignment.name: first[1], **dict(others)}

    def value(self, expression: syntax.Expression) -> Column:
        """One value for each group."""
        count = self.of.count
        if not isinstance(expression, syntax.Call):
            if isinstance(expression, syntax.Element):
                inner = Table({"": self.value(expression.of)}, count)
                of = syntax.Element(syntax.Name("", expression.place), expression.key, expression.place)
                return self.engine.value(of, inner)
            return self.engine.value(expression, Table({}, count))
        own = self.engine.scope.find(expression.name)
        if expression.name not in AGGREGATES or own is not None:
            names = [f"\0{number}" for number in range(len(expression.arguments))]
            if isinstance(expression, syntax.Subquery) or expression.name in ("toscalar", "materialize"):
                return self.engine.value(expression, Table({}, count))
            inner = Table({n: self.value(one) for n, one in zip(names, expression.arguments, strict=True)}, count)
            arguments = tuple(syntax.Name(name, expression.place) for name in names)
            return self.engine.value(syntax.Call(expression.name, arguments, expression.place), inner)
        entry = AGGREGATES[expression.name]
        columns = [self.engine.value(one, self.table) for one in expression.arguments]
        checked(entry, expression.name, columns, expression.place)
        here = self.engine.here(expression.place, self.table.rows)
        return never_null(entry.run(columns, self.of, all_there(self.table.rows), here))

    # ------------------------------------------------------------ several columns

    def best(self, call: syntax.Call) -> Mapping[str, Column]:
        """The row with the largest or least value: that value, and others of the row."""
        first, *others = call.arguments
        key = self.engine.value(_plain(first), self.table)
        if key.type is Type.DYNAMIC:
            raise QueryError(f"{call.name} of a dynamic value: cast it", *call.place)
        at = arg_rows(key, self.of, largest=BEST[call.name])
        if not self.table.rows:
            at = np.full(self.of.count, -1, np.int64)
        label = own_name(first) or f"{call.name[4:]}_"
        found = {label: key.take(at)}
        for number, one in enumerate(others, 1):
            if isinstance(one, syntax.Name) and one.name == "*":
                kept = {n: c for n, c in self.table.columns.items() if n not in self.keys and n != own_name(first)}
                found |= {n: c.take(at) for n, c in kept.items() if n not in found}
            else:
                own = own_name(one) or f"{call.name[4:]}_{label}_arg{number}"
                found[unique(own, found)] = self.engine.value(_plain(one), self.table).take(at)
        return found

    def any_of(self, call: syntax.Call) -> Mapping[str, Column]:
        """A row of the group: its columns, or all of them."""
        at = first_rows(self.of, all_there(self.table.rows), all_there(self.table.rows))
        found: dict[str, Column] = {}
        for number, one in enumerate(call.arguments):
            if isinstance(one, syntax.Name) and one.name == "*":
                found |= {n: c.take(at) for n, c in self.table.columns.items() if n not in self.keys}
            else:
                own = own_name(one) or f"{'any_' if call.name == 'take_any' else ''}arg{number}"
                found[unique(own, found)] = self.engine.value(_plain(one), self.table).take(at)
        return found

    def percentiles(self, call: syntax.Call) -> Mapping[str, Column]:
        """The values at several ranks."""
        one = self.engine.value(call.arguments[0], self.table)
        checked(AGGREGATES["percentile"], call.name, [one, one], call.place)
        found: dict[str, Column] = {}
        for argument in call.arguments[1:]:
            value = self.engine.scalar(argument).value
            if not isinstance(value, int | float):
                raise QueryError("a percentile is a number", *argument.place)
            label = f"percentile_{own_name(call.arguments[0]) or ''}_{fragment(value)}"
            found[label] = percentile(one, float(value), self.of, all_there(self.table.rows))
        return found


def _several(call: syntax.Call) -> bool:
    return len(call.arguments) > 1 or any(isinstance(one, syntax.Name) and one.name == "*" for one in call.arguments)


def _plain(one: syntax.Expression) -> syntax.Expression:
    return one.arguments[0] if isinstance(one, syntax.NamedArgument) else one
