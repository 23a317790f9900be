"""Elastic's Event Query Language: single events, counts and orders as sequences.

Elastic's reference, "EQL syntax reference". A sequence finds events of one key in order within maxspan, both ends
included. Its matches do not overlap: an event belongs to one match. So the first match of a burst comes with the event
at which the rule first holds, and later hits of the same burst may be missing. Events of equal time have an order there
(of arrival, or by a tiebreaker), which the rule does not know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from tollwatch.compile.esql_regex import lucene_regex
from tollwatch.compile.esql_values import RAW_TYPES, string
from tollwatch.compile.header import header, shown
from tollwatch.compile.lucene import wildcard_regex
from tollwatch.compile.model import Grade, Mode, Options, Query, Refused, Tolerance
from tollwatch.compile.outline import Correlation, is_calendar, least_count, type_of
from tollwatch.compile.raw_predicates import EMPTY_LIMIT, RawPredicates
from tollwatch.compile.schedule import MINUTE, schedule_of
from tollwatch.compile.source import source_columns, source_of
from tollwatch.logs.profile import Profile
from tollwatch.plan.logic import all_of, any_of, negation
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
from tollwatch.sigma.model import Op, Threshold

_OPERATORS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">="}
_SPANS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"))
_MOST_RUNS = 100
_SEQUENCE_LIMITS = (
    "an alert is a sequence of events: it has no hits, no peak, and no last_seen of the whole episode",
    "events of equal time have an order, in which they may be found as one after the other",
)


def compile_eql(node: Node, profile: Profile, options: Options) -> Query:
    """A single event's query, or a sequence.

    Raises:
        Refused: what no sequence can say, naming esql.
    """
    source = source_of(profile, "esql")
    raw = RawPredicates(source)
    schedule = schedule_of(node, options, MINUTE) if options.mode is Mode.SCHEDULED else None
    grade, tolerance = Grade.EXACT, None
    limits: tuple[str, ...] = (EMPTY_LIMIT,)
    if isinstance(node, Search):
        body = f"any where {Filter(raw).text(raw.of(node.predicate))}"
    else:
        steps, span = _steps(node)
        body = _sequence(raw, steps, span)
        grade, tolerance, limits = Grade.BOUNDED, _tolerance(node, span), (*limits, *_SEQUENCE_LIMITS)
    read = ((column.name, RAW_TYPES[column.kind], name) for column, name in raw.columns.values())
    query = Query(
        node.header.key, "eql", profile.name, options.mode, grade, None, tolerance, limits, schedule,
        source.setting("index") or "events", source_columns(read), (),
    )  # fmt: skip
    return replace(query, text="\n".join([*(f"// {line}" for line in header(node, query)), body]) + "\n")


@dataclass(frozen=True, slots=True)
class Step:
    """Events that match one of the predicates, ``runs`` times in a row; ``keys`` are the fields they are joined by."""

    predicates: tuple[Predicate, ...]
    keys: tuple[str, ...]
    runs: int = 1


# ---------------------------------------------------------------- sequences


def _steps(node: Correlation) -> tuple[tuple[Step, ...], int]:
    """The steps of a correlation, and the maxspan, µs."""
    if isinstance(node, Sequence):
        steps = tuple(step for part in node.inputs for step in (_step(node, part),))
        spans = [part.node.timespan for part in node.inputs if not isinstance(part.node, Search)]
        if sum(step.runs for step in steps) < 2:
            raise Refused(node.header.key, "a sequence has at least two events", "use the rule itself")
        return steps, min([node.timespan, *spans])
    return (_count(node, tuple(key for key in range(len(node.group_by)))),), node.timespan


def _step(node: Sequence, part: Input) -> Step:
    child = part.node
    if isinstance(child, Search):
        return Step((child.predicate,), tuple(_field(reading) for reading in part.keys))
    if isinstance(child, Aggregate):
        positions = tuple(reading.index for reading in part.keys if isinstance(reading, GroupValue))
        if len(positions) == len(part.keys) and set(positions) == set(range(len(child.group_by))):
            return _count(child, positions)
    raise Refused(
        f"{node.header.key}: {child.header.key} as a step", "one maxspan over one key cannot say it", "target esql"
    )


def _count(node: Aggregate, positions: tuple[int, ...]) -> Step:
    """event_count as a run of events; ``positions``: which of its keys, in the order of the sequence's."""
    plain = node.measure is Measure.EVENTS and not is_calendar(node) and isinstance(node.condition, Threshold)
    if not plain or any(not isinstance(part.node, Search) for part in node.inputs):
        raise Refused(
            f"{node.header.key}: {type_of(node)}", "a sequence counts events, and nothing else", "target esql"
        )
    runs = least_count(node)
    if runs is None:
        raise Refused(f"{node.header.key}: several bounds", "a run of events has one length", "target esql")
    keys = {tuple(_field(part.keys[at]) for at in positions) for part in node.inputs}
    if len(keys) > 1:
        raise Refused(f"{node.header.key}: rules with different fields as one group-by", "a run has one", "target esql")
    if not 2 <= runs <= _MOST_RUNS:
        raise Refused(f"{node.header.key}: {runs} events", f"a run has 2 to {_MOST_RUNS}", "target esql")
    searches = tuple(part.node.predicate for part in node.inputs if isinstance(part.node, Search))
    return Step(tuple(dict.fromkeys(searches)), keys.pop(), runs)


def _field(reading: Column | GroupValue) -> str:
    if isinstance(reading, GroupValue):
        raise Refused("a group value of a single event", "it has none")
    return reading.field


def _sequence(raw: RawPredicates, steps: tuple[Step, ...], span: int) -> str:
    keys = [tuple(name(raw.column(key).name) for key in step.keys) for step in steps]
    shared = len(set(keys)) == 1
    by = f" by {', '.join(keys[0])}" if shared and keys[0] else ""
    lines = [f"sequence{by} with maxspan={_span(span)}"]
    for step, own in zip(steps, keys, strict=True):
        # A key that is null joins nothing in Elasticsearch; said here, it is so in every engine.
        present = (negation(Null(raw.column(key).name)) for key in step.keys)
        told = Filter(raw).text(all_of((*present, raw.of(any_of(step.predicates)))))
        line = f"  [any where {told}]"
        line += f" by {', '.join(own)}" if not shared and own else ""
        lines.append(line + (f" with runs={step.runs}" if step.runs > 1 else ""))
    return "\n".join(lines)


def _span(microseconds: int) -> str:
    milliseconds = microseconds // 1_000
    return next(f"{milliseconds // size}{unit}" for size, unit in _SPANS if milliseconds % size == 0)


def _tolerance(node: Correlation, span: int) -> Tolerance:
    text = "a burst's first match comes when the rule first holds; matches do not overlap, so later hits may be missing"
    inner = sum(part.node.timespan for part in node.inputs if not isinstance(part.node, Search))
    if not inner:
        return Tolerance(0, 0, text)
    spans = inner + node.timespan
    return Tolerance(
        (spans - span) / 1_000_000, 0, f"what lies within {shown(span)} as a whole is found, nothing else fires; {text}"
    )


# ---------------------------------------------------------------- one event


class Filter:
    """Prints predicates over raw columns, true or false: a negation stands at a leaf, which null makes true."""

    def __init__(self, raw: RawPredicates) -> None:
        self.raw = raw

    def text(self, predicate: Predicate) -> str:
        """The predicate as an expression. Raises Refused for what EQL cannot say."""
        match predicate:
            case Constant():
                return "true" if predicate.value else "false"
            case And():
                return f"({' and '.join(self.text(item) for item in predicate.items)})"
            case Or():
                return f"({' or '.join(self.text(item) for item in predicate.items)})"
            case Not():
                return self._negated(predicate.item)
            case Null():
                return f"{name(predicate.field)} == null"
            case _:
                return self._leaf(predicate)

    def _negated(self, item: Predicate) -> str:
        match item:
            case Constant() | Not():
                return self.text(negation(item))
            case And():
                return self.text(any_of(negation(one) for one in item.items))
            case Or():
                return f"({' and '.join(self._negated(one) for one in item.items)})"
            case Null():
                return f"{name(item.field)} != null"
            case _:
                return f"({name(item.field or '')} == null or not {self._leaf(item)})"

    def _leaf(self, leaf: Text | Number | Boolean | Compare | Regex | Cidr | FieldMatch | TimePart) -> str:
        match leaf:
            case Text():
                return self._text(leaf)
            case Number():
                return f"{self._number(leaf.field)} == {_plain(leaf.value)}"
            case Compare():
                return f"{self._number(leaf.field)} {_OPERATORS[leaf.op]} {_plain(leaf.value)}"
            case Boolean():
                return f"{name(leaf.field)} == {str(leaf.value).lower()}"
            case Regex():
                return f"{name(leaf.field or '')} regex {string(lucene_regex(leaf))}"
            case Cidr():
                return self._cidr(leaf)
            case FieldMatch():
                raise Refused(f"{leaf.field} against {leaf.other}", "EQL compares no two fields", "target esql")
            case TimePart():
                raise Refused(f"{leaf.field}|{leaf.unit}", "EQL has no parts of a time", "target esql")
            case _:
                assert_never(leaf)

    def _number(self, field: str) -> str:
        if self.raw.kind(field) == "boolean":
            raise Refused(f"{field} as a number", "it is a boolean", "compare it with true or false")
        return name(field) if self.raw.kind(field) in ("integer", "number") else f"number({name(field)})"

    def _text(self, leaf: Text) -> str:
        field = name(leaf.field or "")
        body = tuple(part for part in leaf.pattern if part != "")
        if body and all(part is Wildcard.ANY for part in body):
            return f"{field} != null"
        if self.raw.kind(leaf.field or "") == "ip" and not (len(body) == 1 and isinstance(body[0], str)):
            raise Refused(f"a text pattern on {leaf.field}", "it is an ip field", "use the modifier cidr")
        if len(body) <= 1 and leaf.cased:
            return f"{field} == {string(str(body[0]) if body else '')}"
        literals = "".join(part for part in body if isinstance(part, str))
        if "*" in literals or "?" in literals or leaf.cased:
            # The wildcards of : and like cannot be escaped.
            return f"{field} regex {string(wildcard_regex(body, cased=leaf.cased))}"
        if any(not letter.isascii() and letter.lower() != letter.upper() for letter in literals):
            return f"{field} regex {string(wildcard_regex(body, cased=False))}"
        return f"{field} : {string(''.join(part if isinstance(part, str) else part.value for part in body))}"

    def _cidr(self, leaf: Cidr) -> str:
        if self.raw.kind(leaf.field) != "ip":
            raise Refused(f"{leaf.field}|cidr", "it is a text there and no ip field", "target esql")
        return f"cidrMatch({name(leaf.field)}, {string(leaf.network)})"


def name(field: str) -> str:
    """A field's name, in backticks where it is no plain one."""
    if re.fullmatch(r"[A-Za-z_@][\w.@]*", field, re.ASCII) and field.lower() not in _WORDS and "@" not in field:
        return field
    return "`" + field.replace("`", "``") + "`"


_WORDS = ("and", "or", "not", "in", "true", "false", "null", "by", "any", "where", "sequence", "with", "until")


def _plain(value: Decimal) -> str:
    return format(value, "f")
