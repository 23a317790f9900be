"""Kusto (Microsoft Sentinel, Defender XDR, Azure Data Explorer): queries from nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tollwatch.compile import kql_values as kql
from tollwatch.compile.header import address_limits, header
from tollwatch.compile.kql_predicates import Predicates
from tollwatch.compile.kql_rows import Rows
from tollwatch.compile.kql_values import Typed
from tollwatch.compile.model import Grade, Mode, Options, Query, Refused, Schedule, SourceColumn
from tollwatch.compile.schedule import MINUTE, schedule_of
from tollwatch.compile.source import RawColumn, Source, source_columns, source_of
from tollwatch.compile.steps import BaseColumn, Branch, Constant, Kind, Program, Take, used
from tollwatch.compile.sweep import program
from tollwatch.logs.profile import NONE, Profile, RecordKind
from tollwatch.plan.nodes import Node, Predicate, Search
from tollwatch.plan.walk import has_keyword, predicate_fields

TARGET = "kql"
LEAST_INTERVAL = 5 * MINUTE
_APART = "10m"  # how far apart the two records of one request may be
_LONGEST = 10_000
_KEY, _AT = "join_key", "join_at"  # columns that a join makes
_LIMITS = (
    "a query that runs longer than 10 minutes, or reads more memory than its cluster allows, fails",
    "Sentinel makes at most 150 alerts a run where each row is one",
)


def compile_kql(node: Node, profile: Profile, options: Options) -> Query:
    """The node as a Kusto query, exact.

    Raises:
        Refused: what Kusto, the profile or a sweep cannot say.
    """
    source = source_of(profile, TARGET)
    schedule = schedule_of(node, options, LEAST_INTERVAL) if options.mode is Mode.SCHEDULED else None
    writer = _Writer(source, schedule)
    gives: tuple[str, ...] = ("first_seen", "last_seen", "hits")
    limits: tuple[str, ...] = ()
    if isinstance(node, Search):
        body = writer.search(node)
    else:
        made = program(node, scheduled=schedule is not None)
        body, gives, limits = writer.program(made), made.gives, made.limits
    query = Query(
        node.header.key, TARGET, profile.name, options.mode, Grade.EXACT, None, None,
        (*limits, *address_limits(node), *writer.join_limits(), *_LIMITS), schedule,
        source.setting("table") or "events", source_columns(writer.read()), gives,
    )  # fmt: skip
    lines = [*writer.declared(), *body]
    text = _commented(node, query, lines)
    if len(text) <= _LONGEST:
        return replace(query, text=text)
    told = f"a rule of Sentinel takes {_LONGEST:,} characters: keep the query as a function"
    query = replace(query, limits=(*query.limits, told))
    return replace(query, text=_commented(node, query, lines))


def _commented(node: Node, query: Query, lines: list[str]) -> str:
    return "\n".join([*(f"// {line}" for line in header(node, query)), *lines]) + "\n"


@dataclass(slots=True)
class _Writer:
    """Writes one query, and remembers the columns that it reads."""

    source: Source
    schedule: Schedule | None
    _columns: dict[SourceColumn, None] = field(default_factory=dict)
    _made: dict[str, Typed] = field(default_factory=dict)
    _joined: dict[RawColumn, None] = field(default_factory=dict)
    _constants: tuple[Constant, ...] = ()

    # ------------------------------------------------------------ fields

    def field(self, name: str) -> Typed:
        """A field as a column of the table once ``_fields`` has made it."""
        carried = self.source.carried(name)
        if name == "timestamp" and self.source.profile.name != NONE:
            self._columns[SourceColumn(self.source.time, "datetime", name)] = None
            return Typed(kql.name(self.source.time), "datetime")
        for raw in carried.raw():
            column, type_ = kql.column_of(raw)
            if raw.record is not None:
                self._joined[raw] = None
                column = f"{self.source.record_setting(raw.record, 'table')}.{column}"
            self._columns[SourceColumn(column, type_, name)] = None
        plain = carried.plain
        value = kql.carried(carried)
        if plain is not None and value.text == kql.name(name):
            return value
        self._made[name] = value
        return Typed(kql.name(name), value.type)

    def _fields(self, names: Iterator[str] | tuple[str, ...]) -> list[str]:
        """The lines that make canonical columns of raw ones."""
        for name in names:
            self.field(name)
        return [f"| extend {kql.name(name)} = {value.text}" for name, value in self._made.items()]

    def join_limits(self) -> Iterator[str]:
        """What the join of other kinds of record rests on."""
        for kind in self.source.joins(self._joined):
            if self.schedule is not None:
                yield (
                    f"a record of the kind {kind.name} joins only where it is at most {_APART} from its request and "
                    "has come in by the run"
                )
            yield f"of several records of the kind {kind.name} with one key, the earliest joins; of equal times, any"

    def read(self) -> Iterator[tuple[str, str, str]]:
        """(column, type, field) of everything read."""
        yield self.source.time, "datetime", "timestamp"
        for column in self._columns:
            yield column.name, column.type, column.field

    def predicates(self) -> Predicates:
        return Predicates(self.field, self.source.text_fields, self.source.profile.name != NONE)

    def _predicate_fields(self, predicate: Predicate) -> tuple[str, ...]:
        named = predicate_fields(predicate)
        return (*named, *self.source.text_fields()) if has_keyword(predicate) else named

    # ------------------------------------------------------------ declarations

    def declared(self) -> list[str]:
        """The ``let`` lines: thresholds and timespans, and of a schedule its times."""
        lines = []
        if self.schedule is not None:
            lines += [
                "let run = now();",
                f"let window_end = run - {kql.span(self.schedule.delay)};",
                f"let window_start = run - {kql.span(self.schedule.lookback)};",
                f"let fresh_after = window_end - {kql.span(self.schedule.interval)};",
            ]
        return lines + [f"let {constant.name} = {_constant(constant)};" for constant in self._constants]

    def _scheduled(self) -> list[str]:
        if self.schedule is None:
            return []
        return [f"| where {kql.name(self.source.time)} between (window_start .. window_end)"]

    def _table(self) -> str:
        return kql.name(self.source.setting("table") or "events")

    # ------------------------------------------------------------ another kind of record

    def _kinds(self) -> list[str]:
        """The lines that keep the records of the main kind, and bring in what others say of the same request.

        A kind joins only where the rule reads a field of its.
        """
        records = self.source.profile.records
        if records is None:
            return []
        main = records.kind(records.main)
        lines = self._told(main, self.source.setting("table"))
        joins = self.source.joins(self._joined)
        if joins:
            lines.append(f"| extend {_KEY} = {self._key(main)}")
        for kind in joins:
            lines += ["| join kind=leftouter (", *(f"    {line}" for line in self._other(kind)), f"  ) on {_KEY}"]
        return lines

    def _other(self, kind: RecordKind) -> Iterator[str]:
        """One record a key, the earliest, with the columns that are asked for under names of their own."""
        tops = dict.fromkeys(kql.column_of(column)[0] for column in self._joined if column.record == kind.name)
        table, time = self.source.record_setting(kind.name, "table"), self.source.time_of(kind)
        self._columns[SourceColumn(f"{table}.{time}", "datetime", "")] = None
        yield kql.name(table)
        if self.schedule is not None:
            between = f"((window_start - {_APART}) .. (window_end + {_APART}))"
            yield f"| where {kql.name(time)} between {between}"
        yield from self._told(kind, table, f"{table}.")
        kept = ", ".join(f"{kql.name(kql.joined(kind.name, top))} = {kql.name(top)}" for top in tops)
        yield f"| project {_KEY} = {self._key(kind, f'{table}.')}, {_AT} = {kql.name(time)}, {kept}"
        yield f"| where isnotempty({_KEY})"
        names = ", ".join(kql.name(kql.joined(kind.name, top)) for top in tops)
        yield f"| summarize arg_min({_AT}, {names}) by {_KEY}"
        yield f"| project-away {_AT}"

    def _key(self, kind: RecordKind, table: str = "") -> str:
        column = self.source.column_in(kind, kind.key)
        self._read(column, table)
        return kql.key(column)

    def _told(self, kind: RecordKind, own: str | None, table: str = "") -> list[str]:
        """What tells the kind's records, save for what its own table tells already."""
        lines = []
        for path, text in kind.where:
            if text == own:
                continue
            column = self.source.column_in(kind, path)
            self._read(column, table)
            lines.append(f"| where {kql.tells(column, text)}")
        return lines

    def _read(self, column: RawColumn, table: str) -> None:
        name, type_ = kql.column_of(column)
        self._columns[SourceColumn(table + name, type_, "")] = None

    # ------------------------------------------------------------ one event

    def search(self, node: Search) -> list[str]:
        """Every matching event is an episode of its own."""
        fields = self._fields(self._predicate_fields(node.predicate))
        time = kql.name(self.source.time)
        lines = [self._table(), *self._scheduled()]
        if self.schedule is not None:
            lines[-1] = f"| where {time} > fresh_after and {time} <= window_end"
        return [
            *lines,
            *self._kinds(),
            *fields,
            f"| where {self.predicates().text(node.predicate)}",
            f"| extend first_seen = {time}, triggered_at = {time}, last_seen = {time}, hits = 1, peak = long(null)",
        ]

    # ------------------------------------------------------------ many events

    def program(self, made: Program) -> list[str]:
        """The whole pipeline of a program."""
        self._constants = made.constants
        base = self._base(made)
        types = {column.name: self._type(column) for column in made.base.columns}
        rows = Rows(types).steps(made.steps)
        return [*base, *rows, *_result(made)]

    def _type(self, column: BaseColumn) -> str:
        if column.take is not Take.KEY:
            return "long"
        types = {self.field(name).type for name in column.fields if name is not None}
        # Fields of several types are one group-by only as their texts.
        return types.pop() if len(types) == 1 else "string"

    def _base(self, made: Program) -> list[str]:
        read = used(made.steps)
        flags = tuple(name for name in made.base.flags if name in read)
        time = self._time()
        bodies = [self._branch(made, number, branch, flags, time) for number, branch in enumerate(made.base.branches)]
        if len(bodies) == 1:
            lines = bodies[0]
        else:
            lines = ["union"]
            for number, body in enumerate(bodies):
                inner = "\n".join(f"    {line}" for line in body)
                lines.append(f"  (\n{inner}\n  )" + ("," if number < len(bodies) - 1 else ""))
        if len(made.base.roles) > 1:
            lines += self._roles(made)
        return lines

    def _roles(self, made: Program) -> list[str]:
        roles = ", ".join(kql.string(role) for role in made.base.roles)
        lines = [f"| mv-expand role = dynamic([{roles}]) to typeof(string)"]
        for number, branch in enumerate(made.base.branches):
            lacking = [role for role in made.base.roles if role not in branch.roles]
            if lacking:
                without = ", ".join(kql.string(role) for role in lacking)
                lines.append(f"| where not(branch == {number} and role in ({without}))")
        return lines

    def _time(self) -> str:
        column = kql.name(self.source.time)
        return column if self.source.resolution == 1 else f"bin({column}, {kql.span(self.source.resolution)})"

    def _branch(self, made: Program, number: int, branch: Branch, flags: tuple[str, ...], time: str) -> list[str]:
        named = (*branch.flags, *branch.repeats)
        names = [name for _, predicate in named for name in self._predicate_fields(predicate)]
        names += [column.fields[number] or "" for column in made.base.columns if column.fields[number]]
        fields = self._fields(tuple(dict.fromkeys(names)))
        told = {flag: self.predicates().text(predicate) for flag, predicate in named}
        entering = dict(branch.flags)
        if len(entering) == 1:
            matched = [f"| where {told[flag]}" for flag in entering]
            columns = [
                f"{flag} = 1"
                if flag in entering
                else f"{flag} = tolong({told[flag]})"
                if flag in told
                else f"{flag} = 0"
                for flag in flags
            ]
        else:
            matched = [f"| extend {flag} = tolong({told[flag]})" for flag in told]
            matched.append("| where " + " or ".join(f"{flag} == 1" for flag in entering))
            columns = [f"{flag} = 0" for flag in flags if flag not in told]
        if len(made.base.branches) > 1:
            columns.append(f"branch = {number}")
        keys, aggregates = self._columns_of(made, number)
        by = [
            f"t = {time}" if time != "t" else time,
            *keys,
            *flags,
            *(["branch"] if len(made.base.branches) > 1 else []),
        ]
        return [
            self._table(),
            *self._scheduled(),
            *self._kinds(),
            *fields,
            *matched,
            *([f"| extend {', '.join(columns)}"] if columns else []),
            f"| summarize {', '.join(['events = count()', *aggregates])} by {', '.join(by)}",
        ]

    def _columns_of(self, made: Program, number: int) -> tuple[list[str], list[str]]:
        keys, aggregates = [], []
        for column in made.base.columns:
            text = self._base_column(column, number)
            if column.take in (Take.KEY, Take.AMOUNT):
                keys.append(text)
            else:
                aggregates.append(text)
        return keys, aggregates

    def _base_column(self, column: BaseColumn, number: int) -> str:
        name, source = kql.name(column.name), column.fields[number]
        if source is None:
            missing = {Take.KEY: f"{self._type(column)}(null)", Take.AMOUNT: "long(null)"}.get(column.take, "sum(0)")
            return f'{name} = ""' if missing == "string(null)" else f"{name} = {missing}"
        value = self.field(source)
        match column.take:
            case Take.KEY:
                text = kql.cast(value, self._type(column))
                return name if text == name else f"{name} = {text}"
            case Take.AMOUNT:
                return f"{name} = {_amount(value, column.unit)}"
            case Take.TOTAL:
                # A negative number is bad data, and counts as null.
                return f"{name} = sum(iff({_numeric(value)} >= 0, {_amount(value, column.unit)}, 0))"
            case Take.KNOWN:
                return f"{name} = countif({_numeric(value)} >= 0)"


def _numeric(value: Typed) -> str:
    if value.type == "bool":
        raise Refused("a sum of booleans", "a boolean is no number", "measure a number")
    return value.text if value.type in ("long", "real") else f"todouble({value.text})"


def _amount(value: Typed, unit: int) -> str:
    text = _numeric(value)
    if unit == 1:
        return text if value.type == "long" else f"tolong({text})"
    return f"tolong(round({text} * {unit}))" if value.type != "long" else f"{text} * {unit}"


def _constant(constant: Constant) -> str:
    if constant.kind is Kind.SPAN:
        return kql.span(int(constant.value))
    return kql.number(constant.value)


def _result(made: Program) -> list[str]:
    peak = "peak = long(null)"
    if made.result.peak is not None:
        peak = "peak" if made.result.unit == 1 else f"peak = todouble(peak) / {made.result.unit}"
    entity = [
        kql.name(name) if name == column else f"{kql.name(name)} = {kql.name(column)}"
        for name, column in made.result.entity
    ]
    return [f"| project {', '.join([*entity, 'first_seen', 'triggered_at', 'last_seen', 'hits', peak])}"]
