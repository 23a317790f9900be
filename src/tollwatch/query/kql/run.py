"""Executes a Kusto query over tables, a stage at a time over whole columns; only ``scan`` goes row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from tollwatch.query.engines import ANY_TABLE, Request
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.carried import carried
from tollwatch.query.kql.casts import NUMERIC, cast, same
from tollwatch.query.kql.evaluate import ONE_ROW, Evaluator
from tollwatch.query.kql.expansions import expanded, parsed
from tollwatch.query.kql.names import named
from tollwatch.query.kql.parse import parse
from tollwatch.query.kql.scan import scanned
from tollwatch.query.kql.scopes import Closure, MissingTableError, Scalar, Scope, View
from tollwatch.query.kql.summaries import summarized
from tollwatch.query.kql.tables import appended, chosen, joined, matching, ranged, renamed, reordered
from tollwatch.query.kql.values import boxed, spread, stringed
from tollwatch.query.table import Column, Table, Type, column, groups, order


def run(request: Request) -> Table:
    """The rows of a query over the request's tables.

    Raises:
        QueryError: what is no Kusto, what the engine lacks, and names that the tables lack.
    """
    query = parse(request.text)
    tables = {name: stringed(table) for name, table in request.tables.items()}
    engine = Engine(tables, request.range.now, Scope())
    engine.define(query.lets)
    return engine.rows(query.pipeline)


class Engine(Evaluator):
    """Runs pipelines."""

    __slots__ = ()

    def rows(self, pipeline: syntax.Pipeline) -> Table:
        """The rows that the pipeline's last stage gives."""
        engine = self.within(self.scope.inner())
        table = engine.source(pipeline.source)
        for stage in pipeline.stages:
            table = engine.stage(stage, table)
        return table

    def source(
        self, source: syntax.Expression | syntax.Union | syntax.Datatable | syntax.Print | syntax.Range
    ) -> Table:
        """The rows that a pipeline begins with."""
        match source:
            case syntax.Union():
                return self.united(source, None)
            case syntax.Datatable():
                return self.written(source)
            case syntax.Print():
                return self.printed(source)
            case syntax.Range():
                start, stop, step = (self.value(one, ONE_ROW) for one in (source.start, source.stop, source.step))
                return ranged(source.name, start, stop, step, source.place)
            case _:
                return self.table_of(source)

    def written(self, source: syntax.Datatable) -> Table:
        """A datatable's rows."""
        width = len(source.columns)
        found: dict[str, Column] = {}
        for number, (name, type_) in enumerate(source.columns):
            cells = [self.scalar(one) for one in source.cells[number::width]]
            found[name] = column(type_, [self.cell(one, type_, source) for one in cells])
        return stringed(Table(found, len(source.cells) // width))

    def cell(self, cell: Scalar, wanted: Type, source: syntax.Datatable) -> object:
        """A cell as its column's type."""
        if cell.value is None or cell.type is wanted:
            return cell.value
        if wanted is Type.DYNAMIC:
            return boxed(spread(cell.type, cell.value, 1)).values[0]
        if {cell.type, wanted} <= set(NUMERIC) or (cell.type is Type.STRING and wanted is not Type.STRING):
            found = cast(spread(cell.type, cell.value, 1), wanted, self.here(source.place, 1))
            return found.values[0].item() if found.valid[0] else None
        raise QueryError(f"datatable: a {cell.type} in a column of {wanted}", *source.place)

    def printed(self, source: syntax.Print) -> Table:
        """One row; columns without a name are numbered."""
        found = {}
        for number, one in enumerate(source.assignments):
            found[one.name or f"print_{number}"] = self.value(one.value, ONE_ROW)
        return Table(found, 1)

    def stage(self, stage: syntax.Stage, table: Table) -> Table:
        """The rows after a stage."""
        match stage:
            case syntax.Where():
                return table.keep(self.condition(stage.condition, table))
            case syntax.Extend():
                return self.extended(stage, table)
            case syntax.Choose():
                return chosen(stage, table)
            case syntax.Reorder():
                return reordered(stage, table)
            case syntax.Rename():
                return renamed(stage, table)
            case syntax.Summarize():
                return summarized(self, stage, table)
            case syntax.Sort():
                return self.sorted(stage, table)
            case syntax.Take():
                return table.take(np.arange(min(self.whole(stage.limit, "a number of rows"), table.rows)))
            case syntax.Distinct():
                return self.distinct(stage, table)
            case syntax.Count():
                return Table({"Count": column(Type.LONG, [table.rows])}, 1)
            case syntax.Expand():
                return expanded(self, stage, table)[0]
            case syntax.Apply():
                return self.applied_to_parts(stage, table)
            case syntax.Join():
                return self.join(stage, table)
            case syntax.Union():
                return self.united(stage, table)
            case syntax.Partition():
                return self.partitioned(stage, table)
            case syntax.Parse():
                return parsed(self, stage, table)
            case syntax.As():
                self.scope.names[stage.name] = View(None, self.scope, table)
                return table
            case syntax.Invoke():
                return self.invoked(stage, table)
            case syntax.Render():
                return table
            case syntax.Scan():
                return self.scan(stage, table)
            case _:
                assert_never(stage)

    # ------------------------------------------------------------ rows and columns

    def extended(self, stage: syntax.Extend, table: Table) -> Table:
        """More columns; each sees the table as it was, for Kusto computes them side by side."""
        added: dict[str, Column] = {}
        for name, one in named(stage.assignments, () if stage.only else table.columns):
            if name in added:
                raise QueryError(f"the column {name} is given twice", *one.value.place)
            added[name] = self.value(one.value, table)
        return Table(added, table.rows) if stage.only else table.with_columns(added)

    def sorted(self, stage: syntax.Sort, table: Table) -> Table:
        """The rows in order; equal ones as they stood."""
        keys = [(self.value(one.value, table), one.descending, one.nulls_first) for one in stage.orders]
        for (key, _, _), one in zip(keys, stage.orders, strict=True):
            if key.type is Type.DYNAMIC:
                raise QueryError("a sort by a dynamic value: cast it", *one.value.place)
        at = order(keys)
        return table.take(at if stage.limit is None else at[: self.whole(stage.limit, "a number of rows")])

    def distinct(self, stage: syntax.Distinct, table: Table) -> Table:
        """Each combination once, where it stands first."""
        found = dict(table.columns)
        if stage.assignments is not None:
            found = {name: self.value(one.value, table) for name, one in named(stage.assignments, ())}
        dynamic = next((name for name, one in found.items() if one.type is Type.DYNAMIC), None)
        if dynamic is not None:
            raise QueryError(f"distinct of a dynamic value ({dynamic}): cast it", *stage.place)
        of = groups(list(found.values()), table.rows)
        return Table(found, table.rows).take(of.first)

    def scan(self, stage: syntax.Scan, table: Table) -> Table:
        """Row by row."""
        first = {name: None if one is None else self.scalar(one).value for name, _, one in stage.declared}
        first |= {name: "" for name, type_, one in stage.declared if type_ is Type.STRING and one is None}

        def scalars(name: str) -> tuple[Type, object] | None:
            found = self.scope.find(name)
            return (found.type, found.value) if isinstance(found, Scalar) else None

        filled = carried(self, stage, table, first)
        return scanned(stage, table, scalars, first) if filled is None else filled

    # ------------------------------------------------------------ several tables

    def item(self, item: syntax.Item) -> Table:
        """A table of a list."""
        return self.rows(item) if isinstance(item, syntax.Pipeline) else self.table_named(item.name, item.place)

    def united(self, stage: syntax.Union, before: Table | None) -> Table:
        """The rows of tables, the one so far first; a fuzzy union leaves out what is not there."""
        if before is not None and stage.source_name is not None:
            raise QueryError("union: what withsource says of what is no table is not known", *stage.place)
        found: list[tuple[str, Table]] = [] if before is None else [("", before)]
        missing: QueryError | None = None
        for item in stage.sources:
            try:
                found += self.named_tables(item)
            except MissingTableError as error:
                if not stage.fuzzy:
                    raise
                missing = error
        if not found:
            raise missing or QueryError("union: no table has such a name", *stage.place)
        return appended(found, stage)

    def named_tables(self, item: syntax.Item) -> list[tuple[str, Table]]:
        """Tables and the names that withsource gives them."""
        if isinstance(item, syntax.Pipeline):
            return [("", self.rows(item))]
        if not item.wild:
            return [(item.name, self.table_named(item.name, item.place))]
        views = (name for name, one in self.scope.everything() if isinstance(one, Closure) and one.function.view)
        names = matching(item, dict.fromkeys([*(name for name in self.tables if name != ANY_TABLE), *views]))
        if not names:
            raise MissingTableError(f"no table has a name like {item.name}", *item.place)
        return [(name, self.table_named(name, item.place)) for name in names]

    def join(self, stage: syntax.Join, table: Table) -> Table:
        """The rows of two tables."""
        right = self.item(stage.right)
        pairs: list[Sequence[Column]] = []
        for one, two in stage.keys:
            left_key, right_key = self.key(one, table), self.key(two, right)
            pairs.append(same([left_key, right_key], self.here(one.place, 0), "a join"))
        return joined(stage, table, right, pairs)

    def key(self, name: syntax.Name, table: Table) -> Column:
        """A column to join by."""
        found = self.within(Scope()).named(name, table)
        if found.type is Type.DYNAMIC:
            raise QueryError(f"a join by a dynamic value ({name.name}): cast it", *name.place)
        return found

    def partitioned(self, stage: syntax.Partition, table: Table) -> Table:
        """Stages over the rows of each value."""
        of = groups([self.named(stage.by, table)], table.rows)
        return self.parts(stage.stages, [table.keep(of.of == number) for number in range(of.count)], table)

    def applied_to_parts(self, stage: syntax.Apply, table: Table) -> Table:
        """Stages over the elements of each row; the row's own columns stand beside what they give."""
        whole, at = expanded(self, stage.expand, table)
        gone = {one.assignment.value.name for one in stage.expand.columns
                if one.assignment.name is None and isinstance(one.assignment.value, syntax.Name)}  # fmt: skip
        own = Table({name: one for name, one in table.columns.items() if name not in gone}, table.rows)
        parts = [(row, self.staged(stage.stages, whole.keep(at == row))) for row in range(table.rows)]
        parts = parts or [(-1, self.staged(stage.stages, whole))]
        found = [{**own.take(np.full(part.rows, row)).columns, **part.columns} for row, part in parts]
        tables = [Table(columns, part.rows) for columns, (_, part) in zip(found, parts, strict=True)]
        return appended([("", one) for one in tables], syntax.Union((), (1, 1)))

    def parts(self, stages: Sequence[syntax.Stage], tables: Sequence[Table], whole: Table) -> Table:
        """Stages over each table, and the rows of all of them."""
        found = [self.staged(stages, one) for one in tables] or [self.staged(stages, whole)]
        return appended([("", one) for one in found], syntax.Union((), (1, 1)))

    def staged(self, stages: Sequence[syntax.Stage], table: Table) -> Table:
        """The rows after some stages."""
        engine = self.within(self.scope.inner())
        for stage in stages:
            table = engine.stage(stage, table)
        return table

    def invoked(self, stage: syntax.Invoke, table: Table) -> Table:
        """A function of the query over the rows so far."""
        own = self.scope.find(stage.call.name)
        if not isinstance(own, Closure):
            raise QueryError(f"{stage.call.name} is no function", *stage.call.place)
        inner = self.entered(own, stage.call.arguments, stage.call.place, ONE_ROW, table)
        return inner.rows(own.function.body)
