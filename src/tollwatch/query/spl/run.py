"""Executes a Splunk search over tables, a command at a time over whole columns.

Splunk's "Search Reference". The rows that a search begins with are those of every table of the request, one after the
other in the order of their times, the latest first; ``_time`` is in seconds, and the time zone is UTC. An ``earliest``
or ``latest`` in the search takes the place of the request's time range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from tollwatch.query.columns import true_rows
from tollwatch.query.engines import ANY_TABLE, MICROSECONDS, Request
from tollwatch.query.entries import Here, checked, distinct_rows
from tollwatch.query.entries import found as found_entry
from tollwatch.query.errors import QueryError
from tollwatch.query.spl import syntax
from tollwatch.query.spl.aggregates import AGGREGATES, TIMED, percentile
from tollwatch.query.spl.functions import FUNCTIONS
from tollwatch.query.spl.parse import parse
from tollwatch.query.spl.patterns import pattern
from tollwatch.query.spl.searching import Searching, states
from tollwatch.query.spl.streams import streamed
from tollwatch.query.spl.tables import (
    appended,
    by_rows,
    deduplicated,
    expanded,
    filled,
    looked_up,
    matching,
    ranked,
    renamed,
    sorted_rows,
)
from tollwatch.query.spl.times import formatted, span_seconds
from tollwatch.query.spl.values import lists, many, numbers, texts
from tollwatch.query.syntax import Call, Element, Expression, Literal, Name
from tollwatch.query.table import Column, Groups, Mask, Table, Type, constant, groups, nulls

_NOWHERE = (1, 1)


def run(request: Request) -> Table:
    """The rows of a search over the request's tables.

    Raises:
        QueryError: what is no SPL, what the engine lacks, and values that a command cannot take.
    """
    return _Engine(request).pipeline(parse(request.text, request.macros))


@dataclass(frozen=True, slots=True)
class _Engine:
    request: Request

    @property
    def now(self) -> int:
        return self.request.range.now

    def here(self, place: tuple[int, int], rows: int) -> Here:
        return Here(place, rows, self.now)

    # ------------------------------------------------------------ pipelines

    def pipeline(self, pipeline: syntax.Pipeline) -> Table:
        first, *others = pipeline.stages
        table = self.stage(first, Table({}, 0)) if pipeline.generating else self.events(first)
        for stage in others:
            table = self.stage(stage, table)
        return table

    def events(self, first: syntax.Stage) -> Table:
        """What a search without a generating command begins with."""
        table = _latest_first(appended(list(self.request.tables.values())))
        if not isinstance(first, syntax.Search):
            return self.stage(first, self.picked(table))
        table = self.picked(table, start=not states(first.term, "earliest"), end=not states(first.term, "latest"))
        return table.keep(Searching(table, self.now).holds(first.term))

    def picked(self, table: Table, *, start: bool = True, end: bool = True) -> Table:
        """The rows in the request's time range, save for the ends that the search states itself."""
        time = table.columns.get("_time")
        if time is None or time.type is not Type.REAL:
            return table
        picked, chosen = self.request.range, np.ones(table.rows, np.bool_)
        if picked.start is not None and start:
            chosen &= time.valid & np.asarray(time.values >= picked.start / MICROSECONDS, np.bool_)
        if picked.end is not None and end:
            chosen &= time.valid & np.asarray(time.values < picked.end / MICROSECONDS, np.bool_)
        return table if chosen.all() else table.keep(chosen)

    def stage(self, stage: syntax.Stage, table: Table) -> Table:  # one branch for each command
        match stage:
            case syntax.Search():
                return table.keep(Searching(table, self.now).holds(stage.term))
            case syntax.Where():
                return table.keep(self.holds(stage.condition, table))
            case syntax.Eval():
                for name, value in stage.assignments:
                    found = self.value(value, table)
                    if found.type is Type.BOOL:
                        raise QueryError("a field cannot hold a condition: use if(…)", *value.place)
                    table = table.with_columns({name: found})
                return table
            case syntax.Stats():
                return self.eventstats(stage, table) if stage.keep else self.stats(stage, table)
            case syntax.StreamStats():
                return self.streamstats(stage, table)
            case syntax.TStats():
                return self.tstats(stage)
            case syntax.Sort():
                return sorted_rows(table, stage, self.here(_NOWHERE, table.rows))
            case syntax.Dedup():
                return deduplicated(table, stage)
            case syntax.Head():
                at = np.arange(table.rows)
                return table.take(at[::-1][: stage.count] if stage.tail else at[: stage.count])
            case syntax.Reverse():
                return table.take(np.arange(table.rows)[::-1])
            case syntax.Fields():
                return self.fields(stage, table)
            case syntax.Rename():
                return renamed(table, stage)
            case syntax.FillNull():
                return filled(table, stage, self.here(_NOWHERE, table.rows))
            case syntax.Bin():
                return table.with_columns({stage.target: self.binned(stage.field, stage.span, stage.place, table)})
            case syntax.Regex():
                return self.regex(stage, table)
            case syntax.Rex():
                return self.rex(stage, table)
            case syntax.Expand():
                return expanded(table, stage)
            case syntax.MakeMany():
                cells = [[part for item in items for part in item.split(stage.delimiter) if part]
                         for items in lists(self.named(stage.field, table))]  # fmt: skip
                return table.with_columns({stage.field: many(cells)})
            case syntax.Append():
                return appended([table, *(self.pipeline(one) for one in stage.searches)])
            case syntax.MakeResults():
                time = constant(Type.REAL, float(self.now // MICROSECONDS), stage.count)
                return Table({"_time": time}, stage.count)
            case syntax.InputLookup():
                return self.table(stage.table, stage.place)
            case syntax.Lookup():
                return looked_up(table, self.table(stage.table, stage.place), stage, self.here(stage.place, table.rows))
            case syntax.Rank():
                return ranked(table, stage)
            case syntax.Convert():
                return self.converted(stage, table)
            case _:
                assert_never(stage)

    def table(self, name: str, place: tuple[int, int]) -> Table:
        """A lookup or a data model: a table of that name."""
        found = self.request.tables.get(name, self.request.tables.get(name.removesuffix(".csv")))
        if found is None:
            raise QueryError(f"there is no table {name}: give its rows by that name", *place)
        return found

    # ------------------------------------------------------------ aggregates

    def stats(self, stage: syntax.Stats, table: Table) -> Table:
        table, of = by_rows(table, stage.by)
        found = {name: self.named(name, table).take(of.first) for name in stage.by}
        for measure in self.measures(stage.measures, table):
            found[measure.name] = self.measured(measure, table, of)
        return Table(found, of.count)

    def eventstats(self, stage: syntax.Stats, table: Table) -> Table:
        by = [self.named(name, table) for name in stage.by]
        of, present = groups(by, table.rows), _present(by, table.rows)
        found = {
            measure.name: self.measured(measure, table, of).take(np.where(present, of.of, -1))
            for measure in self.measures(stage.measures, table)
        }
        return table.with_columns(found)

    def streamstats(self, stage: syntax.StreamStats, table: Table) -> Table:
        by = [self.named(name, table) for name in stage.by]
        resets = [None if one is None else self.holds(one, table) for one in (stage.reset_before, stage.reset_after)]
        found = {}
        for measure in self.measures(stage.measures, table):
            value = None if measure.value is None else self.value(measure.value, table)
            here = self.here(measure.place, table.rows)
            of, present = groups(by, table.rows), _present(by, table.rows)
            found[measure.name] = streamed(measure, value, of, present, stage, (resets[0], resets[1]), here)
        return table.with_columns(found)

    def measures(self, measures: Sequence[syntax.Measure], table: Table) -> list[syntax.Measure]:
        """The measures, those with wildcards once for each field that they match."""
        found = []
        for one in measures:
            if not isinstance(one.value, Name) or "*" not in one.value.name:
                found.append(one)
                continue
            for name, groups_ in matching(one.value.name, table.columns):
                shown = one.name.replace(one.value.name, name) if one.value.name in one.name else one.name
                for part in groups_:
                    shown = shown.replace("*", part, 1)
                value = Name(name, one.place)
                found.append(syntax.Measure(shown, one.function, one.percent, value, one.place))
        return found

    def measured(self, measure: syntax.Measure, table: Table, of: Groups) -> Column:
        columns = [] if measure.value is None else [self.value(measure.value, table)]
        here = self.here(measure.place, table.rows)
        if measure.percent is not None:
            return percentile(columns, of, measure.percent, here)
        if measure.function in TIMED and "_time" in table.columns:
            columns.append(table.columns["_time"])
        return AGGREGATES[measure.function].run(columns, of, np.ones(table.rows, np.bool_), here)

    def tstats(self, stage: syntax.TStats) -> Table:
        """Over the table of the data model's name (or its part's), whose fields may have the part's name before them.

        Splunk's own summaries hold what the data model accelerates; here the rows of the table are all there is.
        """
        model, _, part = (stage.source or "").rpartition(".")
        named = (stage.source or ANY_TABLE, part, model, ANY_TABLE)
        names = [one for one in named if one in self.request.tables]
        if not names:
            raise QueryError(f"there is no table {stage.source}: give the data model's rows by that name", *stage.place)
        table = self.picked(self.request.tables[names[0]])
        prefix = f"{part}." if part else ""
        bare = {f"{prefix}{name}": one for name, one in table.columns.items() if not name.startswith(prefix)}
        table = table.with_columns({} if not prefix else bare)
        if stage.term is not None:
            table = table.keep(Searching(table, self.now).holds(stage.term))
        for name, span in stage.spans:
            table = table.with_columns({name: self.binned(name, span, stage.place, table)})
        return self.stats(stage.stats, table)

    # ------------------------------------------------------------ other commands

    def fields(self, stage: syntax.Fields, table: Table) -> Table:
        """``fields`` keeps the internal fields, which begin with an underscore; ``table`` has the order as written."""
        if stage.only:
            named = {
                name: self.named(name, table)
                for pattern_ in stage.names
                for name in ([one for one, _ in matching(pattern_, table.columns)] if "*" in pattern_ else [pattern_])
            }
            return Table(named, table.rows)
        named_ = {name for one in stage.names for name, _ in matching(one, table.columns)}
        if stage.remove:
            return Table({name: one for name, one in table.columns.items() if name not in named_}, table.rows)
        kept = {name: one for name, one in table.columns.items() if name in named_ or name in ("_time", "_raw")}
        return Table(kept, table.rows)

    def binned(self, field: str, span: str, place: tuple[int, int], table: Table) -> Column:
        here = self.here(place, table.rows)
        size, one = span_seconds(span, here), numbers(self.named(field, table), here)
        if size <= 0 or (field == "_time" and 86_400 % size and size % 86_400):
            raise here.failed(f"a span of {span} is not known: one that divides a day is")
        values = np.floor(one.values / size) * size
        if field == "_time":
            return Column(Type.REAL, values, one.valid)
        pair = [Column(Type.REAL, values, one.valid), Column(Type.REAL, values + size, one.valid)]
        return distinct_rows(Type.STRING, lambda low, high: f"{low:g}-{high:g}", pair, table.rows)

    def regex(self, stage: syntax.Regex, table: Table) -> Table:
        here = self.here(stage.place, table.rows)
        wanted = pattern(stage.pattern, here)
        cells = lists(self.named(stage.field, table))
        found = np.array([any(wanted.search(item) for item in items) for items in cells], np.bool_)
        return table.keep(~found if stage.negated else found)

    def rex(self, stage: syntax.Rex, table: Table) -> Table:
        here = self.here(stage.place, table.rows)
        wanted = pattern(stage.pattern, here)
        if not wanted.groupindex:
            raise here.failed("rex wants a pattern with named groups")
        cells = texts(self.named(stage.field, table), here)
        found: dict[str, list[list[str] | None]] = {name: [] for name in wanted.groupindex}
        for text, ok in zip(cells.values.tolist(), cells.valid.tolist(), strict=True):
            hits = list(wanted.finditer(text))[: stage.most or None] if ok else []
            for name, column_ in found.items():
                column_.append([hit[name] for hit in hits if hit[name] is not None])
        made = {name: many(items) for name, items in found.items()}
        return table.with_columns({
            name: one if name not in table.columns else _kept(one, table.columns[name]) for name, one in made.items()
        })  # fmt: skip

    def converted(self, stage: syntax.Convert, table: Table) -> Table:
        found: dict[str, Column] = {}
        for function, field, name in stage.conversions:
            for actual, _ in matching(field, table.columns):
                here = self.here(stage.place, table.rows)
                one = numbers(table.columns[actual], here)
                if function == "ctime":
                    one = distinct_rows(Type.STRING, lambda at: formatted(at, stage.time_format), [one], table.rows)
                found[actual if name == field else name] = one if function != "none" else table.columns[actual]
        return table.with_columns(found)

    # ------------------------------------------------------------ expressions

    def holds(self, condition: Expression, table: Table) -> Mask:
        found = self.value(condition, table)
        if found.type is not Type.BOOL:
            raise QueryError("a condition is expected here", *condition.place)
        return true_rows(found)

    def named(self, name: str, table: Table) -> Column:
        """A field that no row has is null."""
        return table.columns.get(name, nulls(Type.STRING, table.rows))

    def value(self, expression: Expression, table: Table) -> Column:
        match expression:
            case Literal():
                return constant(expression.type, expression.value, table.rows)
            case Name():
                return self.named(expression.name, table)
            case Call():
                return self.call(expression, table)
            case Element():
                raise QueryError("a path is not known here", *expression.place)
            case _:
                assert_never(expression)

    def call(self, call: Call, table: Table) -> Column:
        if call.name == "searchmatch":
            (text,) = call.arguments
            if not isinstance(text, Literal):
                raise QueryError("searchmatch wants a search in quotes", *call.place)
            first = parse(str(text.value)).stages[0]
            if not isinstance(first, syntax.Search):
                raise QueryError("searchmatch wants a search in quotes", *call.place)
            return Column(Type.BOOL, Searching(table, self.now).holds(first.term), np.ones(table.rows, np.bool_))
        entry = found_entry(FUNCTIONS, call.name, call.place)
        columns = [self.value(one, table) for one in call.arguments]
        checked(entry, call.name, columns, call.place)
        result: Column = entry.run(columns, self.here(call.place, table.rows))
        return result


def _latest_first(table: Table) -> Table:
    """Events as a search gives them; of one time, as they stood."""
    time = table.columns.get("_time")
    if time is None or time.type is not Type.REAL or not table.rows:
        return table
    return table.take(np.argsort(-time.values, kind="stable"))


def _present(by: Sequence[Column], rows: int) -> Mask:
    found = np.ones(rows, np.bool_)
    for one in by:
        found &= one.valid
    return found


def _kept(new: Column, old: Column) -> Column:
    """A field that rex does not find keeps what it had."""
    cells = [one or other for one, other in zip(lists(new), lists(old), strict=True)]
    return many(cells)
