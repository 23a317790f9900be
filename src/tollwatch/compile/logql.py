"""Grafana Loki's LogQL: single events, and counts, sums, distinct counts and rules together as metric queries.

Grafana's documentation, "LogQL: Log query language", "Metric queries". A range looks at (t − W, t]: a millisecond more
brings its left edge in. A query is evaluated now and then, so that what held only between two evaluations is missed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from tollwatch.compile.header import fits, header, shown
from tollwatch.compile.model import Grade, Mode, Options, Query, Refused, Tolerance
from tollwatch.compile.outline import Correlation, is_calendar
from tollwatch.compile.raw_predicates import EMPTY_LIMIT, RawPredicates, number_forms
from tollwatch.compile.schedule import MINUTE, SECOND, schedule_of
from tollwatch.compile.source import RawColumn, Source, source_columns, source_of
from tollwatch.logs.profile import Profile
from tollwatch.plan.logic import any_of
from tollwatch.plan.nodes import (
    Aggregate,
    And,
    Boolean,
    Cidr,
    Column,
    Compare,
    Constant,
    FieldMatch,
    GroupValue,
    Input,
    Measure,
    Node,
    Not,
    Null,
    Number,
    Or,
    Predicate,
    Regex,
    Search,
    Sequence,
    Text,
    TimePart,
    Wildcard,
)
from tollwatch.plan.regex import is_portable, re2_text
from tollwatch.sigma.model import Op, Threshold

_OPERATORS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">="}
_LIMITS = (
    "an alert is the group with the value measured: it has no first_seen, last_seen or hits",
    "a label that the JSON lacks is an empty text, which counts as null",
)
_USE = "target kql, spl or esql"
_TYPES = {
    "text": "string", "ip": "string", "integer": "number", "number": "number", "boolean": "boolean",
    "timestamp": "string", "list": "array", "any": "string",
}  # fmt: skip


def compile_logql(node: Node, profile: Profile, options: Options) -> Query:
    """A log query for a single event, else a metric query, bounded by the time between two evaluations.

    Raises:
        Refused: what no metric query can say.
    """
    source = source_of(profile, "logql")
    schedule = schedule_of(node, options, MINUTE)
    offset = schedule.delay if options.mode is Mode.SCHEDULED else 0
    writer = _Writer(source, RawPredicates(source), offset)
    grade, tolerance = Grade.EXACT, None
    limits: tuple[str, ...] = ()
    if isinstance(node, Search):
        body = writer.lines(node.predicate)
    else:
        if schedule.interval >= node.timespan:
            raise Refused(
                f"{node.header.key}: a timespan of {shown(node.timespan)}",
                f"evaluated every {shown(schedule.interval)}, it would be missed", "shorten the interval",
            )  # fmt: skip
        body = writer.metric(node)
        grade, limits = Grade.BOUNDED, _LIMITS
        text = fits(node.timespan - schedule.interval, node.timespan)
        text += f", where it is evaluated every {shown(schedule.interval)}"
        tolerance = Tolerance(schedule.interval / SECOND, 0, text)
        schedule = replace(schedule, lookback=node.timespan + schedule.delay)
    read = ((column.name, _TYPES[column.kind], name) for column, name in writer.raw.columns.values())
    query = Query(
        node.header.key, "logql", profile.name, options.mode, grade, None, tolerance, (*limits, EMPTY_LIMIT),
        schedule if options.mode is Mode.SCHEDULED else None, writer.stream(), source_columns(read), (),
    )  # fmt: skip
    return replace(query, text="\n".join([*(f"# {line}" for line in header(node, query)), body]) + "\n")


@dataclass(slots=True)
class _Writer:
    """Writes one query. ``offset``: µs that the ranges lie back, for events that come in late."""

    source: Source
    raw: RawPredicates
    offset: int

    def stream(self) -> str:
        return self.source.setting("stream") or '{job="events"}'

    # ------------------------------------------------------------ one event

    def lines(self, predicate: Predicate, *more: str) -> str:
        """The stream, the labels that are read out of its JSON, and the filter."""
        told = Filter(self.raw).text(self.raw.of(predicate))
        columns = (column for column, _ in self.raw.columns.values())
        read = ", ".join(f"{label(column.name)}={json.dumps(_expression(column))}" for column in columns)
        stages = [f"| json {read}"] if read else []
        stages += [f"| {told}"] if told != "true" else []
        return " ".join([self.stream(), *stages, *more])

    # ------------------------------------------------------------ many events

    def metric(self, node: Correlation) -> str:
        """A vector with one sample for each group for which the rule holds now."""
        match node:
            case Sequence():
                return self._order(node)
            case Aggregate(measure=Measure.RULES):
                return self._together(node)
            case Aggregate():
                return self._measured(node)
            case _:
                assert_never(node)

    def _range(self, node: Correlation) -> str:
        back = f" offset {self.offset // SECOND}s" if self.offset else ""
        return f"[{node.timespan // 1_000 + 1}ms]{back}"

    def _keys(self, part: Input) -> list[str]:
        """The labels that the input's events are grouped by, under the rule's names."""
        return [label(self.raw.column(_field(reading)).name) for reading in part.keys]

    def _events(self, node: Correlation, *more: str, of: tuple[Input, ...] | None = None) -> tuple[str, list[str]]:
        """The events of some inputs that have a group, and their group's labels."""
        parts = node.inputs if of is None else of
        searches = [part.node for part in parts if isinstance(part.node, Search)]
        if len(searches) < len(parts):
            raise Refused(f"{node.header.key}: another correlation's hits", "LogQL keeps no hits", _USE)
        keys = {tuple(self._keys(part)) for part in parts}
        if len(keys) > 1:
            raise Refused(
                f"{node.header.key}: rules with different fields as one group-by", "a metric query has one grouping",
                _USE,
            )  # fmt: skip
        found = list(keys.pop())
        predicate = any_of(search.predicate for search in searches)
        present = [f'| {key} != ""' for key in found]
        return self.lines(predicate, *present, *more), found

    def _measured(self, node: Aggregate) -> str:
        if is_calendar(node) or not isinstance(node.condition, Threshold):
            raise Refused(
                f"{node.header.key}: a condition that more events can end, or a statistic",
                "LogQL has no calendar windows", _USE,
            )  # fmt: skip
        bounds = "".join(f" {_OPERATORS[op]} {_plain(bound)}" for op, bound in node.condition.bounds)
        match node.measure:
            case Measure.EVENTS:
                events, keys = self._events(node)
                return f"sum{_by(keys)} (count_over_time({events} {self._range(node)})){bounds}"
            case Measure.SUM:
                (value,) = self._values(node)
                events, keys = self._events(node, f'| {value} =~ "[0-9.eE+]+"', f"| unwrap {value}")
                return f"sum{_by(keys)} (sum_over_time({events} {self._range(node)})){bounds}"
            case Measure.DISTINCT:
                values = self._values(node)
                events, keys = self._events(node, *(f'| {value} != ""' for value in values))
                inner = (
                    f"sum{_by(list(dict.fromkeys([*keys, *values])))} (count_over_time({events} {self._range(node)}))"
                )
                return f"count{_by(keys)} ({inner}){bounds}"
            case _:
                raise Refused(f"{node.header.key}: {node.measure}", "LogQL cannot say it", _USE)

    def _values(self, node: Aggregate) -> list[str]:
        fields = {tuple(_field(reading) for reading in part.values) for part in node.inputs}
        if len(fields) > 1:
            raise Refused(f"{node.header.key}: values of different names", "LogQL counts one label", "name them alike")
        return [label(self.raw.column(name).name) for name in fields.pop()]

    def _together(self, node: Aggregate) -> str:
        condition = node.condition
        wanted = len(node.inputs)
        whole = isinstance(condition, Threshold) and all(
            op in (Op.GTE, Op.GT) and (bound if op is Op.GTE else bound + 1) == wanted for op, bound in condition.bounds
        )
        if not whole or is_calendar(node):
            raise Refused(f"{node.header.key}: fewer than all of its rules", "LogQL joins vectors with and", _USE)
        vectors, groups = [], []
        for part in node.inputs:
            events, keys = self._events(node, of=(part,))
            vectors.append(f"sum{_by(keys)} (count_over_time({events} {self._range(node)}))")
            groups.append(keys)
        return self._joined(node, vectors, groups, "and")

    def _order(self, node: Sequence) -> str:
        if len(node.inputs) != 2:
            raise Refused(f"{node.header.key}: {len(node.inputs)} rules in order", "LogQL orders two", _USE)
        stamp = '| label_format at="{{ __timestamp__ | unixEpochMillis }}" | unwrap at'
        vectors, groups = [], []
        for part, (function, over) in zip(
            node.inputs, (("min", "min_over_time"), ("max", "max_over_time")), strict=True
        ):
            events, keys = self._events(node, stamp, of=(part,))
            vectors.append(f"{function}{_by(keys)} ({over}({events} {self._range(node)}))")
            groups.append(keys)
        return self._joined(node, vectors[::-1], groups[::-1], ">")

    def _joined(self, node: Correlation, vectors: list[str], groups: list[list[str]], operator: str) -> str:
        if any(keys != groups[0] for keys in groups):
            raise Refused(
                f"{node.header.key}: rules with different fields as one group-by",
                "LogQL joins vectors by equal labels",
                _USE,
            )  # fmt: skip
        on = f"{operator} on ({', '.join(groups[0])})"
        return f"\n{on}\n".join(vectors)


def _field(reading: Column | GroupValue) -> str:
    if isinstance(reading, GroupValue):
        raise Refused("another correlation's hits", "LogQL keeps no hits", _USE)
    return reading.field


def _by(keys: list[str]) -> str:
    return f" by ({', '.join(keys)})" if keys else ""


def label(column: str) -> str:
    """A label's name for a path: letters, digits and ``_``."""
    plain = re.sub(r"\W", "_", column, flags=re.ASCII)
    return plain if not plain[:1].isdigit() else f"_{plain}"


def _expression(column: RawColumn) -> str:
    """A path as Loki's JSON expressions have it."""
    steps = column.name.split(".")
    found = ""
    for step in steps:
        plain = re.fullmatch(r"[A-Za-z_]\w*", step, re.ASCII) is not None
        found += (f".{step}" if found else step) if plain else f"[{json.dumps(step)}]"
    return found


# ---------------------------------------------------------------- filters


class Filter:
    """Prints predicates as label filters, which have no negation of their own: it stands at the leaves."""

    def __init__(self, raw: RawPredicates) -> None:
        self.raw = raw

    def text(self, predicate: Predicate, *, negated: bool = False) -> str:
        """The predicate as a filter, or its contrary. Raises Refused for what LogQL cannot say."""
        match predicate:
            case Constant():
                # No event has the label: nothing matches.
                return "true" if predicate.value is not negated else 'never_set != ""'
            case And() | Or():
                word = " and " if isinstance(predicate, And) is not negated else " or "
                return f"({word.join(self.text(item, negated=negated) for item in predicate.items)})"
            case Not():
                return self.text(predicate.item, negated=not negated)
            case _:
                return self._leaf(predicate, negated)

    def _leaf(
        self, leaf: Text | Number | Boolean | Null | Compare | Regex | Cidr | FieldMatch | TimePart, negated: bool
    ) -> str:
        name = label(leaf.field or "")
        if leaf.field is not None and leaf.field in self.raw.columns and self.raw.kind(leaf.field) == "list":
            raise Refused(f"{leaf.field}: a list", "LogQL's labels are texts", _USE)
        match leaf:
            case Null():
                return f'{name} {"!=" if negated else "="} ""'
            case Text():
                return self._text(name, leaf, negated)
            case Number():
                return _matching(name, number_forms(leaf.value), negated)
            case Boolean():
                return _matching(name, f"(?i){str(leaf.value).lower()}", negated)
            case Compare():
                return self._compare(name, leaf, negated)
            case Regex():
                if not is_portable(leaf):
                    raise Refused(f"re: {leaf.pattern}", "Loki's RE2 cannot run it", "write it without look-around")
                found = f"(?s:.*)(?:{re2_text(leaf)})(?s:.*)"
                return f'({name} = "" or {_matching(name, found, True)})' if negated else _present(name, found)
            case Cidr():
                operator = "!=" if negated else "="
                return f"{name} {operator} ip({json.dumps(leaf.network)})"
            case FieldMatch() | TimePart():
                raise Refused(
                    f"{leaf.field} against another value", "LogQL compares no two labels", "target kql or spl"
                )
            case _:
                assert_never(leaf)

    def _text(self, name: str, leaf: Text, negated: bool) -> str:
        body = tuple(part for part in leaf.pattern if part != "")
        if not body:
            return self.text(Constant(negated))
        if all(part is Wildcard.ANY for part in body):
            return f'{name} {"=" if negated else "!="} ""'
        parts = {Wildcard.ANY: ".*", Wildcard.ONE: "."}
        pattern = "".join(re.escape(part) if isinstance(part, str) else parts[part] for part in body)
        literal = "".join(part for part in body if isinstance(part, str))
        plain = len(body) == 1 and isinstance(body[0], str) and (leaf.cased or literal.lower() == literal.upper())
        if plain:
            return f"{name} {'!=' if negated else '='} {quoted(literal)}"
        return _matching(name, f"(?{'s' if leaf.cased else 'is'}){pattern}", negated)

    def _compare(self, name: str, leaf: Compare, negated: bool) -> str:
        """Only texts that read as numbers are compared: another would be an error of the line."""
        number = r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?"
        compared = f"{name} {_OPERATORS[leaf.op]} {_plain(leaf.value)}"
        if leaf.value < 0:
            raise Refused(
                f"{leaf.field} {leaf.op} {leaf.value}", "LogQL compares with no negative number", "target kql"
            )
        if not negated:
            return f"({_matching(name, number, False)} and {compared})"
        contrary = {Op.LT: Op.GTE, Op.LTE: Op.GT, Op.GT: Op.LTE, Op.GTE: Op.LT}[leaf.op]
        return f"({_matching(name, number, True)} or {name} {_OPERATORS[contrary]} {_plain(leaf.value)})"


def _matching(name: str, pattern: str, negated: bool) -> str:
    return f"{name} {'!~' if negated else '=~'} {quoted(pattern)}"


def _present(name: str, pattern: str) -> str:
    """A pattern that may match the empty text must not find what is missing."""
    return f'({name} != "" and {_matching(name, pattern, False)})'


def quoted(text: str) -> str:
    """A text between quotes, as Go reads it."""
    return json.dumps(text, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _plain(value: Decimal) -> str:
    return format(value, "f")
