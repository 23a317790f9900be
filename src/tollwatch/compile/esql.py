"""Elastic's ES|QL: queries from nodes, over hopping windows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tollwatch.compile import esql_values as esql
from tollwatch.compile.esql_predicates import Predicates
from tollwatch.compile.esql_stages import PRECISION, Stages, inside
from tollwatch.compile.esql_values import Typed
from tollwatch.compile.header import fits, header, shown
from tollwatch.compile.hopping import MILLI, Function, Hopping, Judge, Part, Slide
from tollwatch.compile.hopping_draft import hopping
from tollwatch.compile.hopping_feeds import FIRST
from tollwatch.compile.model import Grade, Mode, Options, Query, Refused, Schedule, SourceColumn, Tolerance
from tollwatch.compile.outline import Correlation, correlations, exclusive, in_turn
from tollwatch.compile.schedule import MINUTE, SECOND, schedule_of
from tollwatch.compile.source import Source, source_columns, source_of
from tollwatch.logs.profile import NONE, Profile
from tollwatch.plan.nodes import Node, Or, Predicate, Search
from tollwatch.plan.walk import has_keyword, predicate_fields, searches

TARGET = "esql"
OLDEST, INLINE_STATS = (8, 16), (9, 3)  # aggregates with WHERE; INLINE STATS
ROWS = 10_000
_LIMITS = (
    f"at most {ROWS:,} rows are returned",
    "a field holds one value; a row with several in a field that is compared is passed over",
)


def compile_esql(node: Node, profile: Profile, options: Options) -> Query:
    """The node as an ES|QL query: exact for a single event, else bounded by the hop of its windows.

    Raises:
        Refused: what ES|QL, the profile or hopping windows cannot say.
    """
    if options.elastic_version < OLDEST:
        version = ".".join(map(str, options.elastic_version))
        raise Refused(f"Elastic {version}", "its aggregates take no WHERE", "use 8.16 or later")
    source = source_of(profile, TARGET)
    schedule = schedule_of(node, options, MINUTE) if options.mode is Mode.SCHEDULED else None
    if isinstance(node, Search):
        writer = _Writer(source, schedule, schedule, 1)
        body = writer.search(node)
        gives: tuple[str, ...] = ("first_seen", "last_seen", "hits")
        query = _query(node, profile, options, writer, Grade.EXACT, None, (), gives)
    else:
        made = hopping(node, options.hop)
        longer = None if schedule is None else _longer(schedule, made.grid)
        writer = _Writer(source, schedule, longer, made.grid)
        body = writer.program(node, made, inline=options.elastic_version >= INLINE_STATS)
        limits = (*made.limits, *_limits_of(node, made, schedule))
        query = _query(node, profile, options, writer, Grade.BOUNDED, _tolerance(node, made), limits, ())
    return replace(query, text="\n".join([*(f"// {line}" for line in header(node, query)), *body]) + "\n")


def _query(
    node: Node, profile: Profile, options: Options, writer: _Writer, grade: Grade, tolerance: Tolerance | None,
    limits: tuple[str, ...], gives: tuple[str, ...],
) -> Query:  # fmt: skip
    return Query(
        node.header.key, TARGET, profile.name, options.mode, grade, None, tolerance, (*limits, *_LIMITS),
        writer.schedule, writer.source.setting("index") or "events", source_columns(writer.read()), gives,
    )  # fmt: skip


def _longer(schedule: Schedule, grid: int) -> Schedule:
    """The end of what is looked at goes back to the grid of the windows: the lookback grows by as much."""
    lookback = schedule.lookback + grid * MILLI
    return replace(schedule, lookback=-(-lookback // SECOND) * SECOND)


def _tolerance(node: Correlation, made: Hopping) -> Tolerance:
    missed = made.missed / 1_000
    if made.missed == 0:
        return Tolerance(0, 0, "as the rule means it, but the episodes of one entity are one row")
    if len(correlations(node)) == 1:
        text = fits(node.timespan - made.missed * MILLI, node.timespan)
    else:
        less = shown(made.missed * MILLI)
        text = (
            f"what keeps {less} inside its timespans, and as much between rules in order, is always found; nothing "
            "beyond its timespans fires"
        )
    return Tolerance(missed, 0, text)


def _limits_of(node: Correlation, made: Hopping, schedule: Schedule | None) -> Iterator[str]:
    yield "one row for each entity: its windows are put together, and so are its episodes"
    yield "first_seen, hits and peak are those of windows; triggered_at may be a hop late"
    yield "times are whole milliseconds, as Elastic keeps them; what two events within one did first is not known"
    judged = [stage for stage in made.stages if isinstance(stage, Judge)]
    if any(one.function is Function.DISTINCT for stage in judged for one in stage.measured):
        yield f"distinct values are counted exactly up to {PRECISION:,}, and estimated above"
    if schedule is not None and made.grid > 1:
        yield f"an alert comes up to {shown(made.grid * MILLI)} after its event and the delay"
    if schedule is not None and schedule.interval > node.timespan:
        yield "an episode that lasts for longer than the timespan within one interval is reported once more"


@dataclass(slots=True)
class _Writer:
    """Writes one query, and remembers the columns that it reads. ``grid``: ms."""

    source: Source
    asked: Schedule | None
    schedule: Schedule | None
    grid: int
    _columns: dict[SourceColumn, None] = field(default_factory=dict)
    _made: dict[str, Typed] = field(default_factory=dict)
    _types: dict[str, str] = field(default_factory=dict)

    # ------------------------------------------------------------ fields

    def field(self, name: str) -> Typed:
        """A field as a column once ``_fields`` has made it."""
        carried = self.source.carried(name)
        if name == "timestamp" and self.source.profile.name != NONE:
            self._columns[SourceColumn(self.source.time, "date", name)] = None
            return Typed(esql.name(self.source.time), "date")
        for raw in carried.raw():
            column, type_ = esql.column_of(raw)
            self._columns[SourceColumn(column, type_, name)] = None
        plain = carried.plain
        value = esql.carried(carried)
        if plain is not None and value.text == esql.name(name):
            return value
        self._made[name] = value
        return Typed(esql.name(name), value.type)

    def _fields(self, names: Iterator[str] | tuple[str, ...]) -> list[str]:
        """The lines that make canonical columns of raw ones."""
        for name in names:
            self.field(name)
        return [f"| EVAL {esql.name(name)} = {value.text}" for name, value in self._made.items()]

    def read(self) -> Iterator[tuple[str, str, str]]:
        """(column, type, field) of everything read."""
        yield self.source.time, "date", "timestamp"
        for column in self._columns:
            yield column.name, column.type, column.field

    def _empty_is_null(self) -> bool:
        return self.source.profile.name != NONE

    def _predicate(self, predicate: Predicate) -> str:
        return Predicates(self.field, self.source.text_fields, self._empty_is_null()).text(predicate)

    def _predicate_fields(self, predicate: Predicate) -> tuple[str, ...]:
        named = predicate_fields(predicate)
        return (*named, *self.source.text_fields()) if has_keyword(predicate) else named

    # ------------------------------------------------------------ where and when

    def _from(self) -> str:
        index = self.source.setting("index") or "events"
        plain = re.fullmatch(r"[A-Za-z0-9_.*:,-]+", index) is not None
        return f"FROM {index if plain else esql.string(index)}"

    def _time(self) -> str:
        return esql.name(self.source.time)

    def _ms(self) -> str:
        text = esql.milliseconds(Typed(self._time(), "date"))
        resolution = self.source.resolution // MILLI
        return text if resolution <= 1 else f"{text} / {resolution} * {resolution}"

    def _run_bounds(self) -> str | None:
        """The times that a scheduled run looks at, ms: whole steps of the grid, so that no window is half full."""
        if self.schedule is None or self.asked is None:
            return None
        length = (self.asked.lookback - self.asked.delay) // MILLI
        return f"window_end = {self._at(self.asked.delay)}, window_start = window_end - {length}"

    def _at(self, before: int) -> str:
        """That long (µs) before the run, on the grid."""
        time = f"(TO_LONG(NOW()) - {before // MILLI})"
        return time if self.grid == 1 else f"{time} / {self.grid} * {self.grid}"

    # ------------------------------------------------------------ one event

    def search(self, node: Search) -> list[str]:
        """Every matching event is an episode of its own."""
        fields = self._fields(self._predicate_fields(node.predicate))
        time, lines = self._time(), [f"{self._from()} METADATA _id, _index, _version"]
        if self.schedule is not None:
            late, back = self.schedule.delay // SECOND, (self.schedule.delay + self.schedule.interval) // SECOND
            lines.append(f"| WHERE {time} > NOW() - {back} seconds AND {time} <= NOW() - {late} seconds")
        return [
            *lines,
            *fields,
            f"| WHERE {self._predicate(node.predicate)}",
            f"| EVAL first_seen = {time}, triggered_at = {time}, last_seen = {time}, hits = 1, peak = TO_LONG(null)",
            "| SORT triggered_at",
            f"| LIMIT {ROWS}",
        ]

    # ------------------------------------------------------------ many events

    def program(self, node: Correlation, made: Hopping, *, inline: bool) -> list[str]:
        """The whole pipeline."""
        base = self._base(node, made)
        stages = Stages(self._types, inline, self._run_bounds())
        return [*_thresholds(made), *base, *stages.stages(made.stages), *self._episodes(node, made)]

    def _base(self, node: Correlation, made: Hopping) -> list[str]:
        found = searches(node)
        fields = [name for search in found for name in self._predicate_fields(search.predicate)]
        fields += [name for part in made.parts for _, name in part.columns]
        columns = self._fields(tuple(dict.fromkeys(fields)))
        lines = [self._from()]
        if self.schedule is not None:
            lines.append(f"| WHERE {self._time()} >= NOW() - {self.schedule.lookback // SECOND} seconds")
        lines += [*columns, *self._entering(made.parts)]
        evals = [f"t = {self._ms()}", *([bounds] if (bounds := self._run_bounds()) else [])]
        lines.append(f"| EVAL {', '.join(evals)}")
        if self.schedule is not None:
            lines.append("| WHERE t >= window_start AND t < window_end")
        return [*lines, *self._row_columns(made), *self._keyed(made)]

    def _entering(self, parts: tuple[Part, ...]) -> list[str]:
        """Which events enter, and for which correlation: an event that several ask for stands in as many rows."""
        told = [[search.predicate for search in part.searches] for part in parts]
        texts = [self._predicate(some[0] if len(some) == 1 else Or(tuple(some))) for some in told]
        if len(parts) == 1:
            return [f"| WHERE {texts[0]}"]
        if all(exclusive(one, other) for at, one in enumerate(told) for other in told[at + 1 :]):
            cases = (f"{text}, {esql.string(part.name)}" for text, part in zip(texts, parts, strict=True))
            return [f"| EVAL part = CASE({', '.join(cases)})", "| WHERE part IS NOT NULL"]
        flags = {part.flag: text for text, part in zip(texts, parts, strict=True)}
        entering = [f"({inside(tuple(part.name for part in parts if part.flag == flag))} AND {flag})" for flag in flags]
        return [
            f"| EVAL {', '.join(f'{flag} = {text}' for flag, text in flags.items())}",
            f"| WHERE {' OR '.join(flags)}",
            f"| EVAL part = [{', '.join(esql.string(part.name) for part in parts)}]",
            "| MV_EXPAND part",
            f"| WHERE {' OR '.join(entering)}",
        ]

    def _row_columns(self, made: Hopping) -> list[str]:
        """Columns whose field is not the same in every row, or not as it is."""
        fields: dict[str, dict[str, list[str]]] = {}
        for part in made.parts:
            for column, name in part.columns:
                fields.setdefault(column, {}).setdefault(name, []).append(part.name)
        units = {amount.name: amount.unit for amount in made.amounts}
        wanted: dict[str, tuple[str, set[str]]] = {}
        for column, by_field in fields.items():
            typed = {name: self.field(name) for name in by_field}
            types = {value.type for value in typed.values()}
            self._types[column] = types.pop() if len(types) == 1 else "keyword"
            if column in units:
                (value,) = typed.values()
                text, self._types[column] = _amount(value, units[column]), "long"
            else:
                text = self._cases(column, by_field, typed)
            if text != esql.name(column):
                wanted[column] = (text, set(by_field))
        return [f"| EVAL {esql.name(column)} = {text}" for column, text in in_turn(wanted)]

    def _cases(self, column: str, by_field: dict[str, list[str]], typed: dict[str, Typed]) -> str:
        texts = {name: esql.cast(value, self._types[column]) for name, value in typed.items()}
        if len(texts) == 1:
            return next(iter(texts.values()))
        cases = (
            f"part IN ({', '.join(esql.string(part) for part in parts)}), {texts[name]}"
            for name, parts in by_field.items()
        )
        return f"CASE({', '.join(cases)})"

    def _keyed(self, made: Hopping) -> list[str]:
        """Rows without a group go; an empty text is null, as a group and as a value."""
        lines, everywhere = [], [name for name in made.parts[0].keys if all(name in part.keys for part in made.parts)]
        present = [self._present(name) for name in everywhere]
        if present:
            lines.append(f"| WHERE {' AND '.join(present)}")
        texts = [name for name, type_ in self._types.items() if type_ == "keyword" and name not in everywhere]
        if texts and self._empty_is_null():
            emptied = (f'{esql.name(name)} = CASE({esql.name(name)} != "", {esql.name(name)})' for name in texts)
            lines.append(f"| EVAL {', '.join(emptied)}")
        some = dict.fromkeys(name for part in made.parts for name in part.keys if name not in everywhere)
        for name in some:
            parts = ", ".join(esql.string(part.name) for part in made.parts if name in part.keys)
            lines.append(f"| WHERE NOT part IN ({parts}) OR {esql.name(name)} IS NOT NULL")
        return lines

    def _present(self, name: str) -> str:
        column = esql.name(name)
        text = self._types.get(name) == "keyword" and self._empty_is_null()
        return f'{column} != ""' if text else f"{column} IS NOT NULL"

    # ------------------------------------------------------------ episodes

    def _episodes(self, node: Correlation, made: Hopping) -> list[str]:
        """One row for each entity. In a scheduled run, those whose first hit is new and has none before it."""
        by = ", ".join(esql.name(column) for _, column in made.entity)
        # A calendar window's hit is at its end, which belongs to the run that completes it.
        fresh, old = (">", "<=") if made.calendar else (">=", "<")
        only = "" if self.asked is None else f" WHERE t {fresh} fresh_after"
        aggregates = [
            f"{FIRST} = MIN({FIRST}){only}",
            f"triggered = MIN(t){only}",
            f"ended = MAX(t){only}",
            f"hits = COUNT_DISTINCT(t, {PRECISION}){only}",
        ]
        if made.peak is not None:
            column = esql.name(made.peak[0])
            aggregates.append(f"peak = {'MIN' if made.peak_is_least else 'MAX'}({column}){only}")
        lines = ["// one row for each entity"]
        if self.asked is not None:
            lines.append(f"| EVAL fresh_after = {self._at(self.asked.delay + self.asked.interval)}")
            aggregates.append(f"before = MAX(t) WHERE t {old} fresh_after")
        lines.append(f"| STATS {', '.join(aggregates)}{f' BY {by}' if by else ''}")
        if self.asked is not None:
            lines.append(f"| WHERE triggered IS NOT NULL AND ({self._new(node)})")
        elif not by:
            lines.append("| WHERE hits > 0")
        return [*lines, *_shown(made)]

    def _new(self, node: Correlation) -> str:
        span = node.timespan // MILLI
        text = f"before IS NULL OR triggered - before > {span}"
        if self.asked is not None and self.asked.interval > node.timespan:
            text += f" OR ended - triggered > {span}"
        return text


def _thresholds(made: Hopping) -> Iterator[str]:
    """What a site may want to change, at the top: a name of one line ends with each STATS, so that it stands below."""
    for stage, judge in zip(made.stages, made.stages[1:], strict=False):
        if isinstance(stage, Slide) and isinstance(judge, Judge):
            span = shown(stage.hop * stage.count * MILLI)
            hop = f", hop {stage.hop / 1_000:g}s" if stage.count > 1 else ", by the calendar"
            limits = "".join(f", {one.name} = {esql.number(one.value)}" for one in judge.constants)
            yield f"// {judge.into}: timespan {span}{hop}{limits}"


def _shown(made: Hopping) -> list[str]:
    peak = "peak = TO_LONG(null)"
    if made.peak is not None:
        peak = "" if made.peak[1] == 1 else f"peak = peak / {made.peak[1]}.0"
    times = {"first_seen": FIRST, "triggered_at": "triggered", "last_seen": "ended"}
    columns = [f"{name} = TO_DATETIME({of})" for name, of in times.items()] + ([peak] if peak else [])
    renamed = [f"{esql.name(column)} AS {esql.name(name)}" for name, column in made.entity if name != column]
    kept = ", ".join(esql.name(name) for name, _ in made.entity)
    return [
        f"| EVAL {', '.join(columns)}",
        *([f"| RENAME {', '.join(renamed)}"] if renamed else []),
        f"| KEEP {kept}{', ' if kept else ''}first_seen, triggered_at, last_seen, hits, peak",
        "| SORT triggered_at",
        f"| LIMIT {ROWS}",
    ]


def _amount(value: Typed, unit: int) -> str:
    """A whole number of ``unit``-ths; a negative one is bad data, and null."""
    if value.type == "boolean":
        raise Refused("a sum of booleans", "a boolean is no number", "measure a number")
    text = value.text if value.type in ("long", "double") else f"TO_DOUBLE({esql.cast(value, 'keyword')})"
    whole = text if unit == 1 and value.type == "long" else f"TO_LONG(ROUND({text} * {unit}))"
    return f"CASE({text} >= 0, {whole})"
