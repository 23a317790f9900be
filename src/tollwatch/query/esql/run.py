"""Executes an ES|QL query over tables, a command at a time over whole columns.

Elastic's reference, "ES|QL functions and operators", "Multivalued fields", "Implicit casting". A date keeps
milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np

from tollwatch.query.columns import true_rows
from tollwatch.query.engines import Request
from tollwatch.query.entries import Here, checked, unknown
from tollwatch.query.errors import QueryError
from tollwatch.query.esql import stages, syntax
from tollwatch.query.esql.aggregates import AGGREGATES
from tollwatch.query.esql.casting import cast, typed
from tollwatch.query.esql.dates import spans
from tollwatch.query.esql.functions import ALL_AGGREGATES, EACH, SINGLE, function
from tollwatch.query.esql.multi import MULTI
from tollwatch.query.esql.operators import TEMPORAL
from tollwatch.query.esql.parse import parse
from tollwatch.query.esql.sources import source
from tollwatch.query.esql.values import alike, kind, named, outside, packed, repeated, single, spread
from tollwatch.query.table import Column, Groups, Many, Mask, Table, Type, constant, groups, nulls, order

ROWS, MOST_ROWS = 1_000, 10_000


def run(request: Request) -> Table:
    """The rows of a query over the request's tables, by the patterns after FROM.

    Raises:
        QueryError: what is no ES|QL, what the engine lacks, and names that the tables lack.
    """
    query = parse(request.text, parameters=request.parameters)
    table = _Engine(request.tables, request.range.now).query(query)
    if request.truncates:
        limited = any(isinstance(one, syntax.Limit) for one in query.commands)
        table = _first(table, MOST_ROWS if limited else ROWS)
    return outside(table)


def _first(table: Table, rows: int) -> Table:
    return table if table.rows <= rows else table.take(np.arange(rows))


@dataclass(slots=True)
class _Engine:
    tables: Mapping[str, Table]
    now: int
    mixed: frozenset[str] = field(default_factory=frozenset)

    def query(self, query: syntax.Query) -> Table:
        match query.source:
            case syntax.From():
                table, self.mixed = source(self.tables, query.source, self.now)
            case syntax.Row():
                table = self.eval(query.source.assignments, Table({}, 1))
            case _:
                assert_never(query.source)
        for command in query.commands:
            table = self.command(command, table)
        return table

    def command(self, stage: syntax.Command, table: Table) -> Table:
        match stage:
            case syntax.Where():
                return table.keep(self.holds(stage.condition, table))
            case syntax.Eval():
                return self.eval(stage.assignments, table)
            case syntax.Stats():
                return self.stats(stage, table)
            case syntax.Keep():
                return stages.keep(stage, table)
            case syntax.Drop():
                return stages.drop(stage, table)
            case syntax.Rename():
                return stages.rename(stage, table)
            case syntax.Sort():
                return table.take(order([self.key(one, table) for one in stage.orders]))
            case syntax.Limit():
                return _first(table, stage.rows)
            case syntax.Expand():
                return stages.expand(stage, table)
            case syntax.Dissect():
                return stages.dissect(stage, self.value(stage.source, table), table)
            case syntax.Grok():
                return stages.grok_stage(stage, self.value(stage.source, table), table)
            case syntax.Join():
                return self.join(stage, table)
            case _:
                assert_never(stage)

    def holds(self, expression: syntax.Expression, table: Table) -> Mask:
        """Where a condition is true."""
        found = self.value(expression, table)
        if kind(found) not in (Type.BOOL, Type.DYNAMIC):
            raise QueryError(f"a condition is a boolean, not a {named(found)}", *expression.place)
        return true_rows(single(found)) if kind(found) is Type.BOOL else np.zeros(table.rows, np.bool_)

    def eval(self, assignments: Sequence[syntax.Assignment], table: Table) -> Table:
        for one in assignments:  # each sees those before it
            table = stages.replaced(table, {one.name or "": self.kept(one.value, table)})
        return table

    def kept(self, expression: syntax.Expression, table: Table) -> Column:
        """What may stand in a column: no timespan."""
        found = self.value(expression, table)
        if kind(found) is Type.TIMESPAN:
            raise QueryError("a timespan stands only beside a date", *expression.place)
        return found

    def key(self, one: syntax.OrderBy, table: Table) -> tuple[Column, bool, bool]:
        """Of several values the least sorts upwards, and the largest downwards."""
        found = self.kept(one.value, table)
        if isinstance(found, Many):
            here = Here(one.value.place, table.rows, self.now)
            found = MULTI["MV_MAX" if one.descending else "MV_MIN"].run([found], here)
        return found, one.descending, one.nulls_first

    def join(self, stage: syntax.Join, table: Table) -> Table:
        if stage.index not in self.tables:
            raise unknown("index", stage.index, self.tables, stage.place)
        right, _ = source(self.tables, syntax.From((stage.index,), (), stage.place), self.now)
        return stages.join(stage, table, right, Here(stage.place, table.rows, self.now))

    # ------------------------------------------------------------ groups

    def stats(self, stage: syntax.Stats, table: Table) -> Table:
        by = {one.name or "": self.kept(one.value, table) for one in stage.by}
        # Aggregates see a key that has a name of its own, with all of its values.
        own = {one.name for one in stage.by if isinstance(one.value, syntax.Name) and one.value.name == one.name}
        table = stages.replaced(table, {name: one for name, one in by.items() if name not in own})
        if any(isinstance(one, Many) for one in by.values()):
            if stage.inline:
                raise QueryError("INLINE STATS by several values is not known", *stage.by[0].value.place)
            by, table = self.spread_groups(by, table)
        of = groups(list(by.values()), table.rows)
        heads = Table({name: one.take(of.first) for name, one in by.items()}, of.count)
        found: dict[str, Column] = {}
        for one in stage.aggregates:
            found.pop(one.name, None)  # the last of a name is the one that stays
            found[one.name] = self.measured(one, table, of, heads)
        found = {name: one for name, one in found.items() if name not in by}
        if stage.inline:
            return stages.replaced(table, {name: one.take(of.of) for name, one in found.items()} | by)
        return Table({**found, **heads.columns}, of.count)

    def spread_groups(self, by: dict[str, Column], table: Table) -> tuple[dict[str, Column], Table]:
        """A row with several values of a key is in the group of each."""
        several = [name for name, one in by.items() if isinstance(one, Many)]
        for name in several:
            here = Here((1, 1), table.rows, self.now)
            flat, at = stages.exploded(MULTI["MV_DEDUPE"].run([by[name]], here))
            table = table.take(at)
            by = {other: flat if other == name else one.take(at) for other, one in by.items()}
        return by, table

    def measured(self, one: syntax.Measured, table: Table, of: Groups, heads: Table) -> Column:
        """An expression over aggregates: each is computed, and the expression over what they give."""
        chosen = np.ones(table.rows, np.bool_) if one.only is None else self.holds(one.only, table)
        found: dict[str, Column] = {}

        def named_parts(expression: syntax.Expression) -> syntax.Expression:
            if not isinstance(expression, syntax.Call):
                return expression
            if expression.name not in ALL_AGGREGATES:
                arguments = tuple(named_parts(part) for part in expression.arguments)
                return syntax.Call(expression.name, arguments, expression.place)
            name = f"\0{len(found)}"
            found[name] = self.aggregate(expression, table, of, chosen)
            return syntax.Name(name, expression.place)

        over = named_parts(one.value)
        return self.kept(over, Table({**heads.columns, **found}, of.count))

    def aggregate(self, call: syntax.Call, table: Table, of: Groups, chosen: Mask) -> Column:
        entry = ALL_AGGREGATES[call.name]
        here = Here(call.place, table.rows, self.now)
        columns = typed(entry, [self.value(one, table) for one in call.arguments], here)
        if call.name in AGGREGATES and columns:
            if isinstance(columns[0], Many):
                flat, at = spread(columns[0])
                columns = [flat, *(one.take(at) for one in columns[1:])]
                of, chosen = Groups(of.of[at], of.first, of.count), chosen[at]
            checked(entry, call.name, columns, call.place)
        else:
            checked(entry, call.name, [_as_kind(one) for one in columns], call.place)
        return entry.run(columns, of, chosen, here)

    # ------------------------------------------------------------ expressions

    def value(self, expression: syntax.Expression, table: Table) -> Column:
        """The expression in every row."""
        match expression:
            case syntax.Literal():
                return _literal(expression, table.rows)
            case syntax.Name():
                return self.named(expression, table)
            case syntax.Call():
                return self.call(expression, table)
            case syntax.Element():
                raise QueryError("an element is not known", *expression.place)
            case _:
                assert_never(expression)

    def named(self, name: syntax.Name, table: Table) -> Column:
        if name.name in table.columns:
            return table.columns[name.name]
        if name.name in self.mixed:
            raise QueryError(f"the column {name.name} has several types in these tables", *name.place)
        raise unknown("column", name.name, table.columns, name.place)

    def call(self, call: syntax.Call, table: Table) -> Column:
        here = Here(call.place, table.rows, self.now)
        values = [self.value(one, table) for one in call.arguments]
        if call.name == "[]":
            return repeated(
                [one.values.tolist()[0] for one in alike(_one_row(call), here)], _inner(call, here), table.rows
            )
        kinds = {kind(one) for one in values}
        if call.name in ("+", "-") and Type.DYNAMIC in kinds and kinds & TEMPORAL:
            return nulls(Type.DATETIME, table.rows)
        entry = function(call.name, call.place)
        columns = typed(entry, cast(entry, call, values, here), here)
        if call.name in SINGLE:
            columns = [single(one) for one in columns]
            checked(entry, call.name, columns, call.place)
            return entry.run(columns, here)
        if call.name not in EACH:
            checked(entry, call.name, [_as_kind(one) for one in columns], call.place)
            return entry.run(columns, here)
        (one,) = columns
        if not isinstance(one, Many):
            checked(entry, call.name, [one], call.place)
            return entry.run([one], here)
        flat, at = spread(one)
        checked(entry, call.name, [flat], call.place)
        return packed(entry.run([flat], Here(call.place, len(flat), self.now)), at, table.rows)


def _as_kind(one: Column) -> Column:
    """The column by the type of its values, to be checked."""
    return Column(kind(one), one.values, one.valid) if isinstance(one, Many) else one


def _one_row(call: syntax.Call) -> list[Column]:
    return [_literal(one, 1) for one in call.arguments if isinstance(one, syntax.Literal)]


def _inner(call: syntax.Call, here: Here) -> Type:
    return kind(alike(_one_row(call), here)[0])


def _literal(literal: syntax.Literal, rows: int) -> Column:
    value: Any = literal.value
    if literal.type is Type.TIMESPAN:
        return spans(value, rows)
    return nulls(literal.type, rows) if value is None else constant(literal.type, value, rows)
