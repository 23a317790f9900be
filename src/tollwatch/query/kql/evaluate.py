"""Kusto's expressions over the rows of a table, and the functions that a query makes itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from tollwatch.query.columns import true_rows
from tollwatch.query.engines import ANY_TABLE
from tollwatch.query.entries import Function, Here, checked, unknown
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.casts import NUMERIC, cast
from tollwatch.query.kql.dynamics import inside
from tollwatch.query.kql.functions import FUNCTIONS
from tollwatch.query.kql.scopes import Bound, Closure, MissingTableError, Rows, Scalar, Scope, View
from tollwatch.query.kql.values import boxed, distinct, is_constant, mapped, never_null, spread
from tollwatch.query.table import Column, Mask, Table, Type

LISTS = {"in", "in~", "!in", "!in~", "has_any", "has_all", "ipv4_is_in_any_range", "has_any_ipv4"}
ONE_ROW = Table({}, 1)
NO_ROW = np.full(1, -1, np.int64)


@dataclass(frozen=True, slots=True)
class Evaluator(ABC):
    """Tables, the time, and what names stand for. ``rows`` runs a pipeline."""

    tables: Mapping[str, Table]
    now: int
    scope: Scope

    @abstractmethod
    def rows(self, pipeline: syntax.Pipeline) -> Table:
        """The rows of a pipeline."""

    def within(self, scope: Scope) -> Self:
        """The same with other names."""
        return replace(self, scope=scope)

    def here(self, place: syntax.Place, rows: int) -> Here:
        """Where something is computed."""
        return Here(place, rows, self.now)

    # ------------------------------------------------------------ values

    def value(self, expression: syntax.Expression, table: Table) -> Column:
        """The expression in every row."""
        match expression:
            case syntax.Literal():
                return spread(expression.type, expression.value, table.rows)
            case syntax.Name():
                return self.named(expression, table)
            case syntax.Element():
                of = self.value(expression.of, table)
                if of.type is not Type.DYNAMIC:
                    raise QueryError(f"a {of.type} holds nothing inside", *expression.place)
                key = expression.key
                return mapped(Type.DYNAMIC, lambda value: inside(value, key), [of], table.rows)
            case syntax.Call():
                return self.call(expression, table)

    def scalar(self, expression: syntax.Expression) -> Scalar:
        """The value of an expression without columns."""
        found = self.value(expression, ONE_ROW)
        value = found.values[0].item() if isinstance(found.values[0], np.generic) else found.values[0]
        return Scalar(found.type, value if found.valid[0] else None)

    def whole(self, expression: syntax.Expression, what: str) -> int:
        """A whole number without columns."""
        found = self.scalar(expression)
        if found.type is not Type.LONG or found.value is None or found.value < 0:
            raise QueryError(f"{what} is a whole number", *expression.place)
        return int(found.value)

    def condition(self, expression: syntax.Expression, table: Table) -> Mask:
        """Where the expression is true."""
        found = self.value(expression, table)
        if found.type is not Type.BOOL:
            raise QueryError(f"a condition is a bool, not a {found.type}", *expression.place)
        return true_rows(found)

    def named(self, name: syntax.Name, table: Table) -> Column:
        """A column of the table, or a value that the query names."""
        if name.name in table.columns:
            return table.columns[name.name]
        match self.scope.find(name.name):
            case Scalar(type, value):
                return spread(type, value, table.rows)
            case Rows(column) if len(column) == table.rows:
                return column
            case Rows(column) if is_constant(column):
                return spread(column.type, column.values[0] if column.valid[0] else None, table.rows)
            case None:
                raise unknown("column", name.name, table.columns, name.place)
            case _:
                raise QueryError(f"{name.name} is no value", *name.place)

    # ------------------------------------------------------------ calls

    def call(self, call: syntax.Call, table: Table) -> Column:
        """A function's value in every row; without rows, a column of the type that it has for others."""
        if not table.rows:
            try:
                return self.call(call, table.take(NO_ROW)).keep(np.zeros(1, np.bool_))
            except QueryError:
                pass  # what a row of nulls is refused for need not be in a table without rows
        own = self.scope.find(call.name)
        if isinstance(own, Closure):
            return self.applied(call, own, table)
        special = _SPECIAL.get(call.name)
        if special is not None:
            found: Column = getattr(self, special)(call, table)
            return found
        entry: Function | None = FUNCTIONS.get(call.name)
        if entry is None:
            raise QueryError(f"{call.name or 'a query'} gives no value here", *call.place)
        columns: list[Column] = []
        for number, argument in enumerate(call.arguments):
            columns += self.listed(argument, table) if number and call.name in LISTS else [self.value(argument, table)]
        checked(entry, call.name, columns, call.place)
        return never_null(entry.run(columns, self.here(call.place, table.rows)))

    def listed(self, argument: syntax.Expression, table: Table) -> list[Column]:
        """An item of a list, or the first column of a table as its items."""
        if not self.tabular(argument) or (isinstance(argument, syntax.Name) and argument.name in table.columns):
            return [self.value(argument, table)]
        found = self.table_of(argument)
        first = next(iter(found.columns.values()), None)
        if first is None or not found.rows:
            return [spread(Type.DYNAMIC, [], table.rows)]
        if first.type is Type.DYNAMIC:
            first = cast(first, Type.STRING, self.here(argument.place, found.rows))
        items = [spread(first.type, value, table.rows) for value in distinct(first.keep(first.valid)).values]
        return items if bool(first.valid.all()) else [*items, spread(first.type, None, table.rows)]

    def toscalar(self, call: syntax.Call, table: Table) -> Column:
        """The first value of a table's first column."""
        (argument,) = call.arguments
        if not self.tabular(argument):
            return self.value(argument, table)
        first = next(iter(self.table_of(argument).columns.values()), None)
        if first is None:
            raise QueryError("toscalar of a table without columns", *call.place)
        known = len(first) > 0 and bool(first.valid[0])
        return spread(first.type, first.values[0] if known else None, table.rows)

    def materialize(self, call: syntax.Call, table: Table) -> Column:
        """The value itself."""
        return self.value(call.arguments[0], table)

    def column_if_exists(self, call: syntax.Call, table: Table) -> Column:
        """The column of that name, or the other value."""
        name = self.scalar(call.arguments[0]).value
        return table.columns[name] if name in table.columns else self.value(call.arguments[1], table)

    def pack_all(self, call: syntax.Call, table: Table) -> Column:
        """A bag of every column; with ``true``, without what is null or empty."""
        short = bool(call.arguments) and self.scalar(call.arguments[0]).value is True
        names = list(table.columns)
        rows = zip(*(boxed(one).values.tolist() for one in table.columns.values()), strict=True)
        values = np.empty(table.rows, object)
        values[:] = [
            {name: one for name, one in zip(names, row, strict=True) if not short or (one is not None and one != "")}
            for row in rows
        ]
        return Column(Type.DYNAMIC, values, np.ones(table.rows, np.bool_))

    # ------------------------------------------------------------ the query's own functions

    def applied(self, call: syntax.Call, own: Closure, table: Table) -> Column:
        """A function of values, computed over the rows."""
        inner = self.entered(own, call.arguments, call.place, table)
        body = own.function.body
        if body.stages or isinstance(body.source, syntax.Union | syntax.Datatable | syntax.Print | syntax.Range):
            raise QueryError(f"{call.name} gives rows, not a value", *call.place)
        return inner.value(body.source, Table({}, table.rows))

    def entered(
        self, own: Closure, arguments: Sequence[syntax.Expression], place: syntax.Place, table: Table,
        first: Table | None = None,
    ) -> Self:  # fmt: skip
        """The scope of a function's body. ``first``: the table that invoke hands on."""
        scope = own.scope.inner()
        given: list[syntax.Expression | None] = [*arguments] if first is None else [None, *arguments]
        for number, (name, type_, otherwise) in enumerate(own.function.parameters):
            argument = given[number] if number < len(given) else otherwise
            if type_ is None:
                found = first if argument is None else self.table_of(argument)
                scope.names[name] = View(None, scope, found)
            elif argument is not None:
                column = self.value(argument, table)
                scope.names[name] = Rows(self.typed(column, type_, place))
        inner = self.within(scope)
        inner.define(own.function.lets)
        return inner

    def typed(self, one: Column, wanted: Type, place: syntax.Place) -> Column:
        """An argument as the type of its parameter."""
        if one.type is wanted:
            return one
        if wanted is Type.DYNAMIC or {one.type, wanted} <= set(NUMERIC) or one.type is Type.DYNAMIC:
            return cast(one, wanted, self.here(place, len(one)))
        raise QueryError(f"a {one.type} where the function takes a {wanted}", *place)

    def define(self, lets: Sequence[syntax.Let]) -> None:
        """Binds names, each seeing those before it."""
        for let in lets:
            self.scope.names[let.name] = self.bound(let.value)

    def bound(self, value: syntax.Lambda | syntax.Pipeline) -> Bound:
        """What a ``let`` binds."""
        scope = Scope(dict(self.scope.names), self.scope.outer)  # a name may be bound again later
        if isinstance(value, syntax.Lambda):
            return Closure(value, scope)
        if value.stages or isinstance(value.source, syntax.Union | syntax.Datatable | syntax.Print | syntax.Range):
            return View(value, scope)
        if self.tabular(value.source):
            return View(value, scope)
        found = self.scope.find(value.source.name) if isinstance(value.source, syntax.Name) else None
        return found if found is not None else self.scalar(value.source)

    # ------------------------------------------------------------ tables

    def tabular(self, expression: syntax.Expression) -> bool:
        """Whether the expression gives rows."""
        match expression:
            case syntax.Subquery():
                return True
            case syntax.Name():
                found = self.scope.find(expression.name)
                return isinstance(found, View) or (found is None and self.has(expression.name))
            case syntax.Call():
                found = self.scope.find(expression.name)
                if isinstance(found, Closure):
                    return _gives_rows(found.function, self.within(found.scope))
                if expression.name == "materialize":
                    return self.tabular(expression.arguments[0])
                return not expression.arguments and self.has(expression.name)
            case _:
                return False

    def table_of(self, expression: syntax.Expression) -> Table:
        """The rows that an expression stands for."""
        match expression:
            case syntax.Subquery():
                return self.rows(expression.pipeline)
            case syntax.Name():
                return self.table_named(expression.name, expression.place)
            case syntax.Call():
                found = self.scope.find(expression.name)
                if isinstance(found, Closure):
                    return self.entered(found, expression.arguments, expression.place, ONE_ROW).rows(
                        found.function.body
                    )
                if expression.name == "materialize":
                    return self.table_of(expression.arguments[0])
                if not expression.arguments:
                    return self.table_named(expression.name, expression.place)
        raise QueryError("this gives no rows", *expression.place)

    def table_named(self, name: str, place: syntax.Place) -> Table:
        """A table, of the query or of the request."""
        found = self.scope.find(name)
        if isinstance(found, View):
            if found.table is None and found.pipeline is not None:
                found.table = self.within(found.scope).rows(found.pipeline)
            return found.table or Table({}, 0)
        if isinstance(found, Closure) and not found.function.parameters:
            return self.entered(found, (), place, ONE_ROW).rows(found.function.body)
        if found is not None:
            raise QueryError(f"{name} is no table", *place)
        if not self.has(name):
            raise MissingTableError(unknown("table", name, self.tables, place).message, *place)
        return self.tables[name if name in self.tables else ANY_TABLE]

    def has(self, name: str) -> bool:
        """Whether the request has a table for that name."""
        return name in self.tables or ANY_TABLE in self.tables


def _gives_rows(function: syntax.Lambda, evaluator: Evaluator) -> bool:
    body = function.body
    if body.stages or isinstance(body.source, syntax.Union | syntax.Datatable | syntax.Print | syntax.Range):
        return True
    names: dict[str, Any] = {name: View(None, evaluator.scope) for name, type_, _ in function.parameters if not type_}
    names |= {let.name: View(None, evaluator.scope) for let in function.lets if _has_stages(let.value)}
    return evaluator.within(Scope(names, evaluator.scope)).tabular(body.source)


def _has_stages(value: syntax.Lambda | syntax.Pipeline) -> bool:
    return isinstance(value, syntax.Pipeline) and bool(value.stages)


_SPECIAL = {
    "toscalar": "toscalar", "materialize": "materialize", "column_ifexists": "column_if_exists",
    "columnifexists": "column_if_exists", "pack_all": "pack_all",
}  # fmt: skip
