"""Executes a Kusto query over tables, a stage at a time over whole columns; only ``scan`` goes row by row."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np

from tollwatch.query.columns import COMPARE, true_rows
from tollwatch.query.engines import Request
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.aggregates import AGGREGATES, BEST, arg_rows
from tollwatch.query.kql.functions import FUNCTIONS, alike
from tollwatch.query.kql.parse import parse
from tollwatch.query.table import Column, Index, Mask, Table, Type, column, constant, groups, nulls, order

NO_PLACE: syntax.Place = (1, 1)


def run(request: Request) -> Table:
    """The rows of a query over the request's tables.

    Raises:
        QueryError: what is no Kusto, what the engine lacks, and names that the tables lack.
    """
    query = parse(request.text)
    engine = _Engine(request, request.range.now)
    for name, value in query.lets:
        if isinstance(value, syntax.Pipeline):
            engine.views[name] = value
        else:
            engine.scalars[name] = engine.scalar(value)
    return engine.pipeline(query.pipeline)


@dataclass(slots=True)
class _Engine:
    request: Request
    now: int
    scalars: dict[str, tuple[Type, Any]] = field(default_factory=dict)
    views: dict[str, syntax.Pipeline] = field(default_factory=dict)

    def scalar(self, expression: syntax.Expression) -> tuple[Type, Any]:
        """The value of an expression without columns."""
        found = self.value(expression, Table({}, 1))
        return found.type, found.values[0] if found.valid[0] else None

    # ------------------------------------------------------------ tables

    def pipeline(self, pipeline: syntax.Pipeline) -> Table:
        table = _appended([self.source(source) for source in pipeline.sources])
        for stage in pipeline.stages:
            table = self.stage(stage, table)
        return table

    def source(self, source: syntax.Pipeline | syntax.Name) -> Table:
        if isinstance(source, syntax.Pipeline):
            return self.pipeline(source)
        if source.name in self.views:
            return self.pipeline(self.views[source.name])
        found = self.request.table(source.name)
        if found is None:
            raise QueryError(f"there is no table {source.name}", *source.place)
        return found

    def stage(self, stage: syntax.Stage, table: Table) -> Table:
        match stage:
            case syntax.Where():
                return table.keep(self.condition(stage.condition, table))
            case syntax.Extend():
                return self.extend(stage, table)
            case syntax.Choose():
                return _chosen(stage, table)
            case syntax.Rename():
                return table.renamed({old.name: new for new, old in stage.names})
            case syntax.Summarize():
                return self.summarize(stage, table)
            case syntax.Sort():
                return self.sort(stage, table)
            case syntax.Take():
                return table.take(np.arange(min(int(self.scalar(stage.limit)[1]), table.rows)))
            case syntax.Distinct():
                found = {name.name: self.value(name, table) for name in stage.names}
                of = groups(list(found.values()), table.rows)
                return Table(found, table.rows).take(of.first)
            case syntax.Count():
                return Table({"Count": column(Type.LONG, [table.rows])}, 1)
            case syntax.Expand():
                return self.expand(stage, table)
            case syntax.Join():
                return self.join(stage, table)
            case syntax.Union():
                return _appended([table, *(self.source(other) for other in stage.others)])
            case syntax.Scan():
                return self.scan(stage, table)
            case _:
                assert_never(stage)

    def condition(self, expression: syntax.Expression, table: Table) -> Mask:
        found = self.value(expression, table)
        if found.type is not Type.BOOL:
            raise QueryError(f"a condition is a bool, not a {found.type}", *expression.place)
        return true_rows(found)

    def extend(self, stage: syntax.Extend, table: Table) -> Table:
        added: dict[str, Column] = {}
        for assignment in stage.assignments:
            name = assignment.name or _own_name(assignment.value)
            # Each sees the table as it was: Kusto computes them side by side.
            added[name] = self.value(assignment.value, table)
        return Table(added, table.rows) if stage.only else table.with_columns(added)

    def sort(self, stage: syntax.Sort, table: Table) -> Table:
        keys = [(self.value(one.value, table), one.descending, one.nulls_first) for one in stage.orders]
        at = order(keys)
        if stage.limit is not None:
            at = at[: int(self.scalar(stage.limit)[1])]
        return table.take(at)

    def summarize(self, stage: syntax.Summarize, table: Table) -> Table:
        by = {one.name or _own_name(one.value): self.value(one.value, table) for one in stage.by}
        of = groups(list(by.values()), table.rows)
        found = {name: one.take(of.first) for name, one in by.items()} if by else {}
        for aggregate in stage.aggregates:
            found |= self.aggregate(aggregate, table, of)
        return Table(found, of.count)

    def aggregate(self, assignment: syntax.Assignment, table: Table, of: Any) -> dict[str, Column]:
        call = assignment.value
        if not isinstance(call, syntax.Call) or call.name not in (*AGGREGATES, *BEST):
            raise QueryError("summarize wants an aggregate here", *assignment.value.place)
        if call.name in BEST:
            return self.best(call, table, of)
        arguments = [self.value(one, table) for one in call.arguments]
        name = assignment.name or f"{call.name}_{_own_name(call.arguments[0]) if call.arguments else ''}"
        return {name: AGGREGATES[call.name](arguments, of, call.place)}

    def best(self, call: syntax.Call, table: Table, of: Any) -> dict[str, Column]:
        first, *others = call.arguments
        rows = arg_rows(self.value(first, table), of, largest=BEST[call.name])
        if others and isinstance(others[0], syntax.Name) and others[0].name == "*":
            return {name: one.take(rows) for name, one in table.columns.items()}
        return {_own_name(one): self.value(one, table).take(rows) for one in call.arguments}

    def expand(self, stage: syntax.Expand, table: Table) -> Table:
        name = stage.assignment.name or _own_name(stage.assignment.value)
        lists = self.value(stage.assignment.value, table)
        items = [value if isinstance(value, list) else [value] for value in lists.values]
        at = np.repeat(np.arange(table.rows), [max(len(one), 1) for one in items])
        flat = [item for one in items for item in (one or [None])]
        wanted = stage.type or Type.DYNAMIC
        return table.take(at).with_columns({name: column(wanted, flat)})

    def join(self, stage: syntax.Join, table: Table) -> Table:
        if stage.kind not in ("leftouter", "inner"):
            raise QueryError(f"a join of kind {stage.kind} is not known", *stage.place)
        right = self.source(stage.right)
        pairs = [alike([self.value(one, table), self.value(two, right)], stage.place) for one, two in stage.keys]
        left_at, right_at = _matched(pairs, table.rows, right.rows, outer=stage.kind == "leftouter")
        found = dict(table.take(left_at).columns)
        for name, one in right.take(right_at).columns.items():
            found[name if name not in found else f"{name}1"] = one
        return Table(found, len(left_at))

    # ------------------------------------------------------------ scan

    def scan(self, stage: syntax.Scan, table: Table) -> Table:
        """Row by row: each sees the row, what was assigned before it, and the state after the row before."""
        state: dict[str, Any] = {}
        for name, _type, first in stage.declared:
            state[name] = None if first is None else self.scalar(first)[1]
        machine = _Rows(self, table, stage.step, {name: type_ for name, type_, _ in stage.declared})
        assigned = [(one.name or "", machine.compiled(one.value)) for one in stage.assignments]
        condition = machine.compiled(stage.condition)
        out: dict[str, list[Any]] = {name: [] for name, _, _ in stage.declared}
        kept: list[int] = []
        before = {**machine.empty(), **state}
        for at in range(table.rows):
            row = {**machine.row(at), **state}
            if condition(row, before) is not True:
                continue
            for name, value in assigned:
                row[name] = value(row, before)
            kept.append(at)
            for name, values in out.items():
                values.append(row[name])
            before = row
        found = table.take(np.array(kept, np.int64))
        return found.with_columns({name: column(type_, out[name]) for name, type_, _ in stage.declared})

    # ------------------------------------------------------------ expressions

    def value(self, expression: syntax.Expression, table: Table) -> Column:
        """The expression in every row."""
        match expression:
            case syntax.Literal():
                return constant(expression.type, expression.value, table.rows)
            case syntax.Name():
                return self.named(expression, table)
            case syntax.Element():
                return self.element(expression, table)
            case syntax.Call():
                return self.call(expression, table)
            case _:
                assert_never(expression)

    def named(self, name: syntax.Name, table: Table) -> Column:
        if name.name in table.columns:
            return table.columns[name.name]
        if name.name in self.scalars:
            return constant(*self.scalars[name.name], table.rows)
        raise QueryError(f"there is no column {name.name}", *name.place)

    def element(self, element: syntax.Element, table: Table) -> Column:
        of = self.value(element.of, table)
        if of.type is not Type.DYNAMIC:
            raise QueryError(f"a {of.type} holds nothing inside", *element.place)
        return column(Type.DYNAMIC, [_inside(value, element.key) for value in of.values])

    def call(self, call: syntax.Call, table: Table) -> Column:
        match call.name:
            case "now":
                return constant(Type.DATETIME, self.now, table.rows)
            case "ago":
                return constant(Type.DATETIME, self.now - self.scalar(call.arguments[0])[1], table.rows)
            case "prev":
                return self.value(call.arguments[0], table).take(np.arange(table.rows) - 1)
            case "next":
                at = np.arange(1, table.rows + 1)
                return self.value(call.arguments[0], table).take(np.where(at < table.rows, at, -1))
            case "row_number":
                return column(Type.LONG, list(range(1, table.rows + 1)))
            case "row_cumsum":
                return self.running(call, table)
        if call.name not in FUNCTIONS:
            raise QueryError(f"the function {call.name} is not known", *call.place)
        return FUNCTIONS[call.name]([self.value(one, table) for one in call.arguments], call.place)

    def running(self, call: syntax.Call, table: Table) -> Column:
        term = self.value(call.arguments[0], table)
        values = np.cumsum(np.where(term.valid, term.values, 0))
        if len(call.arguments) > 1 and table.rows:
            restart = self.condition(call.arguments[1], table)
            start = np.maximum.accumulate(np.where(restart, np.arange(table.rows), 0))
            values = values - (values[start] - np.where(term.valid, term.values, 0)[start])
        return Column(term.type, values, np.ones(table.rows, np.bool_))


def _own_name(expression: syntax.Expression) -> str:
    match expression:
        case syntax.Name():
            return expression.name
        case syntax.Element():
            return f"{_own_name(expression.of)}_{expression.key}"
        case syntax.Call() if expression.name in ("bin", "tostring", "tolong", "todouble") and expression.arguments:
            return _own_name(expression.arguments[0])
        case _:
            return "Column1"


def _inside(value: Any, key: str | int) -> Any:
    if isinstance(key, int):
        return value[key] if isinstance(value, list) and -len(value) <= key < len(value) else None
    return value.get(key) if isinstance(value, dict) else None


def _chosen(stage: syntax.Choose, table: Table) -> Table:
    names = {one.name for one in stage.names}
    missing = next((one for one in stage.names if one.name not in table.columns), None)
    if missing is not None:
        raise QueryError(f"there is no column {missing.name}", *missing.place)
    kept = {name: one for name, one in table.columns.items() if (name in names) is not stage.away}
    return Table(kept, table.rows)


def _appended(tables: Sequence[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    types: dict[str, Type] = {}
    for table in tables:
        for name, one in table.columns.items():
            types.setdefault(name, one.type)
    found = {}
    for name, type_ in types.items():
        parts = [table.columns.get(name, nulls(type_, table.rows)) for table in tables]
        if any(part.type is not type_ for part in parts):
            raise QueryError(f"union: {name} has several types", *NO_PLACE)
        values = np.concatenate([part.values for part in parts])
        found[name] = Column(type_, values, np.concatenate([part.valid for part in parts]))
    return Table(found, sum(table.rows for table in tables))


def _matched(pairs: Sequence[Sequence[Column]], left: int, right: int, *, outer: bool) -> tuple[Index, Index]:
    """The rows of both sides that belong together; -1 on the right where an outer join has none."""
    both = [Column(a.type, np.concatenate([a.values, b.values]), np.concatenate([a.valid, b.valid])) for a, b in pairs]
    of = groups(both, left + right).of
    rows: dict[int, list[int]] = {}
    for at, group in enumerate(of[left:].tolist()):
        rows.setdefault(group, []).append(at)
    left_at, right_at = [], []
    for at, group in enumerate(of[:left].tolist()):
        found = rows.get(group, [-1] if outer else [])
        left_at += [at] * len(found)
        right_at += found
    return np.array(left_at, np.int64), np.array(right_at, np.int64)


# ---------------------------------------------------------------- one row after the other

Row = dict[str, Any]
Compiled = Callable[[Row, Row], Any]


class _Rows:
    """Expressions of a scan as functions of the row and of the state, in plain Python."""

    def __init__(self, engine: _Engine, table: Table, step: str, declared: Mapping[str, Type]) -> None:
        self.engine = engine
        self.step = step
        self.declared = declared
        self.columns = {name: _values(one) for name, one in table.columns.items()}
        self.types = {name: one.type for name, one in table.columns.items()}

    def row(self, at: int) -> Row:
        return {name: values[at] for name, values in self.columns.items()}

    def empty(self) -> Row:
        """The state before the first row: strings are empty, all else is null."""
        return {name: "" if type_ is Type.STRING else None for name, type_ in self.types.items()}

    def compiled(self, expression: syntax.Expression) -> Compiled:
        match expression:
            case syntax.Literal():
                value = expression.value
                return lambda _row, _state: value
            case syntax.Element(of=syntax.Name(name=name), key=str() as key) if name == self.step:
                return lambda _row, state: state[key]
            case syntax.Name():
                return self.named(expression)
            case syntax.Call():
                return self.called(expression)
            case _:
                raise QueryError("scan does not know this expression", *expression.place)

    def named(self, name: syntax.Name) -> Compiled:
        if name.name in self.columns or name.name in self.declared:
            return lambda row, _state: row[name.name]
        if name.name in self.engine.scalars:
            value = self.engine.scalars[name.name][1]
            return lambda _row, _state: value
        raise QueryError(f"there is no column {name.name}", *name.place)

    def called(self, call: syntax.Call) -> Compiled:
        if call.name not in _SCALAR:
            raise QueryError(f"scan does not know {call.name}", *call.place)
        function, arguments = _SCALAR[call.name], [self.compiled(one) for one in call.arguments]
        return lambda row, state: function(*(argument(row, state) for argument in arguments))


def _values(one: Column) -> list[Any]:
    """Plain values; a missing string is the empty one."""
    missing = "" if one.type is Type.STRING else None
    return [value if known else missing for value, known in zip(one.values.tolist(), one.valid.tolist(), strict=True)]


def _kleene_and(one: Any, two: Any) -> Any:
    return False if one is False or two is False else None if one is None or two is None else True


def _kleene_or(one: Any, two: Any) -> Any:
    return True if one is True or two is True else None if one is None or two is None else False


def _equal(one: Any, two: Any) -> Any:
    return None if one is None and two is None else one == two


_SCALAR: Mapping[str, Callable[..., Any]] = {
    "iff": lambda condition, then, otherwise: then if condition is True else otherwise,
    "coalesce": lambda *values: next((value for value in values if value is not None and value != ""), values[-1]),
    "and": _kleene_and,
    "or": _kleene_or,
    "not": lambda one: None if one is None else not one,
    "==": _equal,
    "!=": lambda one, two: None if one is None and two is None else one != two,
    **{
        sign: lambda one, two, compare=compare: None if one is None or two is None else compare(one, two)
        for sign, compare in {
            **{sign: COMPARE[sign] for sign in ("<", "<=", ">", ">=")}, "+": operator.add, "-": operator.sub,
        }.items()
    },
    "in": lambda one, *items: one in items,
    "isnull": lambda one: one is None,
    "isnotnull": lambda one: one is not None,
    "isempty": lambda one: one is None or one == "",
    "isnotempty": lambda one: one is not None and one != "",
}  # fmt: skip
