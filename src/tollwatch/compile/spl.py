"""Splunk: queries from nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tollwatch.compile import spl_values as spl
from tollwatch.compile.header import address_limits, header
from tollwatch.compile.model import Grade, Mode, Options, Query, Refused, Schedule, SourceColumn
from tollwatch.compile.outline import in_turn
from tollwatch.compile.schedule import MINUTE, schedule_of
from tollwatch.compile.source import Source, source_columns, source_of
from tollwatch.compile.spl_predicates import Predicates
from tollwatch.compile.spl_rows import Rows, constant
from tollwatch.compile.steps import BaseColumn, Branch, Program, Take, bounded, used
from tollwatch.compile.sweep import program
from tollwatch.logs.profile import NONE, Profile
from tollwatch.logs.schema import FIELDS, FieldType
from tollwatch.plan.nodes import Node, Or, Predicate, Search
from tollwatch.plan.walk import has_keyword, predicate_fields

TARGET = "spl"
_SECOND = 1_000_000
_LIMITS = (
    "eventstats and streamstats stop at max_mem_usage_mb (limits.conf); the job then says so, and may miss hits",
)
_TYPES = {
    "text": "string", "ip": "string", "integer": "number", "number": "number", "boolean": "boolean",
    "timestamp": "string", "list": "multivalue", "any": "string",
}  # fmt: skip


def compile_spl(node: Node, profile: Profile, options: Options) -> Query:
    """The node as a Splunk search, exact.

    Raises:
        Refused: what SPL, the profile or a sweep cannot say.
    """
    source = source_of(profile, TARGET)
    schedule = schedule_of(node, options, MINUTE) if options.mode is Mode.SCHEDULED else None
    writer = _Writer(source, schedule)
    gives: tuple[str, ...] = ("first_seen", "last_seen", "hits")
    limits: tuple[str, ...] = ()
    if isinstance(node, Search):
        body = writer.search(node)
    else:
        made = program(node, scheduled=schedule is not None)
        body, gives, limits = writer.program(made), made.gives, (*made.limits, *_LIMITS)
    query = Query(
        node.header.key, TARGET, profile.name, options.mode, Grade.EXACT, None, None,
        (*address_limits(node), *limits), schedule,
        writer.place(), source_columns(writer.read()), gives,
    )  # fmt: skip
    comment = "``` " + "\n".join(header(node, query)) + " ```"
    return replace(query, text="\n".join([comment, *body]) + "\n")


@dataclass(slots=True)
class _Writer:
    """Writes one search, and remembers the fields that it reads."""

    source: Source
    schedule: Schedule | None
    _columns: dict[SourceColumn, None] = field(default_factory=dict)

    # ------------------------------------------------------------ fields

    def place(self) -> str:
        """Where the events are, as search terms."""
        return " ".join(f"{key}={_quoted(value)}" for key, value in self.source.settings if key in _PLACES)

    def read(self) -> Iterator[tuple[str, str, str]]:
        """(field of the source, type, canonical field) of everything read."""
        yield "_time", "time", "timestamp"
        for column in self._columns:
            yield column.name, column.type, column.field

    def fields(self, names: Sequence[str]) -> list[str]:
        """The lines that give canonical names to what the source has under others."""
        lines = []
        for name in dict.fromkeys(names):
            if name == "timestamp" and self.source.profile.name != NONE:
                continue
            carried = self.source.carried(name)
            for raw in carried.raw():
                self._columns[SourceColumn(spl.column_of(raw), _TYPES[raw.kind], name)] = None
            value = spl.carried(self.source, carried)
            if value != spl.name(name):
                lines.append(f"| eval {_target(name)}={value}")
        return lines

    def _predicate_fields(self, predicate: Predicate) -> tuple[str, ...]:
        named = predicate_fields(predicate)
        return (*named, *self.source.text_fields()) if has_keyword(predicate) else named

    # ------------------------------------------------------------ time

    def _range(self) -> str:
        if self.schedule is None:
            return ""
        return f" earliest=-{-(-self.schedule.lookback // _SECOND)}s latest=now"

    def declared(self) -> list[str]:
        """The times of a scheduled run, µs."""
        if self.schedule is None:
            return []
        run = self.schedule
        start, end, fresh = run.lookback, run.delay, run.delay + run.interval
        now = "now()*1000000"
        return [f"| eval window_end={now}-{end}, window_start={now}-{start}, fresh_after={now}-{fresh}"]

    def _time(self) -> list[str]:
        resolution = self.source.resolution
        lines = [f"| eval t=round({self.source.time}*1000000)"]
        if resolution > 1:
            lines.append(f"| eval t=t-t%{resolution}")
        if self.schedule is not None:
            lines += [*self.declared(), "| where t>=window_start AND t<=window_end"]
        return lines

    # ------------------------------------------------------------ one event

    def search(self, node: Search) -> list[str]:
        """Every matching event is an episode of its own."""
        fields = self.fields(self._predicate_fields(node.predicate))
        lines = [*self._matching([node.predicate], fields)]
        if self.schedule is not None:
            lines += [*self._time(), "| where t>fresh_after", "| fields - t, window_start, window_end, fresh_after"]
        time = self.source.time
        return [*lines, f"| eval first_seen={time}, triggered_at={time}, last_seen={time}, hits=1, peak=null()"]

    def _matching(self, predicates: Sequence[Predicate], fields: list[str]) -> list[str]:
        """The search that reads the events, and what it cannot say itself."""
        printer = Predicates(self.source)
        either = predicates[0] if len(predicates) == 1 else Or(tuple(predicates))
        terms, exact = printer.term(either)
        place = " ".join(part for part in (f"search {self.place()}{self._range()}", terms) if part)
        rest = [] if exact and len(predicates) == 1 else [f"| where {printer.text(either)}"]
        return [place, *fields, *(rest if len(predicates) == 1 else [])]

    # ------------------------------------------------------------ many events

    def program(self, made: Program) -> list[str]:
        """The whole pipeline of a program."""
        read = used(made.steps)
        flags = tuple(name for name in made.base.flags if name in read)
        bodies = [
            (number, role, self._branch(made, number, branch, flags))
            for number, branch in enumerate(made.base.branches)
            for role in branch.roles
        ]
        if len(bodies) == 1:
            ((_, _, lines),) = bodies
        else:
            lines = ["| multisearch"]
            several = len(made.base.branches) > 1
            for number, role, body in bodies:
                told = ", ".join([f'role="{role}"', *([f"branch={number}"] if several else [])])
                inner = [*body, f"| eval {told}"]
                lines.append("    [ " + "\n      ".join(inner) + " ]")
        amounts = frozenset(column.name for column in made.base.columns if column.take is Take.AMOUNT)
        constants = [f"| eval {', '.join(constant(one) for one in made.constants)}"] if made.constants else []
        rows = Rows(self.declared(), amounts).steps(made.steps)
        # The constants stand first where they are seen; the base table has no use for them.
        bounds = self.declared() if bounded(made.steps) else []
        return [*lines, *self._time(), *self._table(made, flags), *constants, *bounds, *rows, *_result(made)]

    def _branch(self, made: Program, number: int, branch: Branch, flags: tuple[str, ...]) -> list[str]:
        named = (*branch.flags, *branch.repeats)
        names = [name for _, predicate in named for name in self._predicate_fields(predicate)]
        names += [column.fields[number] or "" for column in made.base.columns if column.fields[number]]
        fields = self.fields(names)
        printer = Predicates(self.source)
        entering = dict(branch.flags)
        lines = self._matching(list(dict.fromkeys(entering.values())), fields)
        told = dict(named)
        if len(entering) > 1:
            lines += [f"| eval {flag}=if({printer.text(told[flag])}, 1, 0)" for flag in told]
            lines.append("| where " + " OR ".join(f"{flag}=1" for flag in entering))
            rest = [flag for flag in flags if flag not in told]
        else:
            rest = [flag for flag in flags if flag not in told or flag in entering or flag in dict(branch.repeats)]
        for flag in rest:
            text = "1" if flag in entering else f"if({printer.text(told[flag])}, 1, 0)" if flag in told else "0"
            lines.append(f"| eval {flag}={text}")
        own = dict(_own_column(column, number) for column in made.base.columns)
        return lines + [f"| eval {_target(name)}={value}" for name, value in in_turn(own) if value != spl.name(name)]

    def _table(self, made: Program, flags: tuple[str, ...]) -> list[str]:
        """The base table: one row for each time and whatever else tells rows apart."""
        keys = [column.name for column in made.base.columns if column.take is Take.KEY]
        filled = (f'{_target(key)}=coalesce({spl.name(key)}, "")' for key in keys)
        lines = [f"| eval {', '.join(filled)}"] if keys else []
        aggregates = ["count AS events"]
        by = ["t"]
        by += ["role"] if len(made.base.roles) > 1 else []
        by += ["branch"] if len(made.base.branches) > 1 else []
        by += flags
        for column in made.base.columns:
            match column.take:
                case Take.KEY:
                    by.append(spl.listed(column.name))
                case Take.AMOUNT:
                    lines.append(f'| eval {column.name}=coalesce({_amount(column)}, "")')
                    by.append(column.name)
                case Take.TOTAL:
                    lines.append(f"| eval {column.name}=coalesce({_amount(column)}, 0)")
                    aggregates.append(f"sum({column.name}) AS {column.name}")
                case Take.KNOWN:
                    lines.append(f"| eval {column.name}=if({_raw(column)}>=0, 1, 0)")
                    aggregates.append(f"sum({column.name}) AS {column.name}")
        return [*lines, f"| stats {', '.join(aggregates)} BY {', '.join(by)}"]


_PLACES = ("index", "sourcetype", "source")


def _quoted(value: str) -> str:
    return value if spl.is_term(value) and ":" not in value else spl.string(value)


def _target(name: str) -> str:
    """A field that eval sets."""
    quoted = spl.name(name)
    return quoted if quoted == name else f'"{name}"'


def _own_column(column: BaseColumn, number: int) -> tuple[str, tuple[str, set[str]]]:
    """A base column's own name, its value in the branch, and the field that it is read from."""
    source = column.fields[number]
    name = column.name if column.take is Take.KEY else _raw(column)
    return name, ("null()", set()) if source is None else (spl.name(source), {source})


def _raw(column: BaseColumn) -> str:
    """The column of the value that is measured, as the event has it."""
    return f"{column.name}_raw"


def _amount(column: BaseColumn) -> str:
    """The value in whole units; a negative number is bad data, and counts as null."""
    raw = _raw(column)
    names = {name for name in column.fields if name is not None}
    value = raw if all(name in FIELDS and FIELDS[name].type in spl.NUMERIC for name in names) else f"tonumber({raw})"
    if any(name in FIELDS and FIELDS[name].type is FieldType.BOOLEAN for name in names):
        raise Refused("a sum of booleans", "a boolean is no number", "measure a number")
    scaled = value if column.unit == 1 else f"round({value}*{column.unit})"
    return f"if({value}>=0, {scaled}, null())"


def _result(made: Program) -> list[str]:
    result = made.result
    times = ", ".join(f"{name}={name}/1000000" for name in ("first_seen", "triggered_at", "last_seen"))
    lines = [f"| eval {times}"]
    if result.peak is None:
        lines.append("| eval peak=null()")
    elif result.unit != 1:
        lines.append(f"| eval peak=peak/{result.unit}")
    # Two names may share a column, so that it is copied and not renamed.
    named = {name: (spl.name(column), {column}) for name, column in result.entity if name != column}
    lines += [f"| eval {_target(name)}={value}" for name, value in in_turn(named)]
    for name, _ in result.entity:
        spl.name(name)
    entity = [spl.listed(name) for name, _ in result.entity]
    return [*lines, f"| table {', '.join([*entity, 'first_seen', 'triggered_at', 'last_seen', 'hits', 'peak'])}"]
