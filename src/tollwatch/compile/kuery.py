"""Kibana's own query language (KQL, here kuery): single events, and the fields of a threshold rule.

Elastic's reference, "Kibana Query Language" and "Create a detection rule: threshold". kuery compares keywords with
case and has neither functions nor regular expressions, so that a text with letters is refused unless it is ``cased``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from tollwatch.compile.esql_values import RAW_TYPES
from tollwatch.compile.header import fits, shown
from tollwatch.compile.model import Grade, Mode, Options, Query, Refused, Tolerance
from tollwatch.compile.outline import Correlation, is_calendar, least_count, type_of
from tollwatch.compile.raw_predicates import EMPTY_LIMIT, RawPredicates
from tollwatch.compile.schedule import MINUTE, SECOND, schedule_of
from tollwatch.compile.source import source_columns, source_of
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
    Measure,
    Node,
    Not,
    Null,
    Number,
    Or,
    Predicate,
    Regex,
    Search,
    Text,
    TimePart,
    Wildcard,
)
from tollwatch.sigma.model import Op

_OPERATORS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">="}
_LIMITS = (
    "texts are looked for in keyword fields; in an analysed text field words would be matched",
    EMPTY_LIMIT,
)
_MOST_FIELDS = 5  # of a threshold rule


def compile_kuery(node: Node, profile: Profile, options: Options) -> Query:
    """A filter, or for a count the body of a threshold rule as JSON.

    Raises:
        Refused: what neither can say.
    """
    raw = RawPredicates(source_of(profile, "esql"))
    if isinstance(node, Search):
        schedule = schedule_of(node, options, MINUTE) if options.mode is Mode.SCHEDULED else None
        text = Filter(raw).text(raw.of(node.predicate)) + "\n"
        query = _query(node, profile, options, raw, Grade.EXACT)
        return replace(query, text=text, schedule=schedule)
    return _threshold(node, profile, options, raw)


def _query(node: Node, profile: Profile, options: Options, raw: RawPredicates, grade: Grade) -> Query:
    read = ((column.name, RAW_TYPES[column.kind], name) for column, name in raw.columns.values())
    return Query(
        node.header.key, "kuery", profile.name, options.mode, grade, None, None, _LIMITS, None,
        raw.source.setting("index") or "events", source_columns(read), (),
    )  # fmt: skip


# ---------------------------------------------------------------- threshold rules


def _threshold(node: Correlation, profile: Profile, options: Options, raw: RawPredicates) -> Query:
    """Counts over what lies in the timespan before each run."""
    least, counted = _counted(node)
    if options.mode is not Mode.SCHEDULED:
        raise Refused(node.header.key, "a threshold rule counts over its schedule", "use --mode scheduled")
    searches = [part.node for part in node.inputs if isinstance(part.node, Search)]
    text = Filter(raw).text(raw.of(any_of(search.predicate for search in searches)))
    fields = [raw.column(_same(node, number)).name for number in range(len(node.group_by))]
    if len(fields) > _MOST_FIELDS:
        raise Refused(node.header.key, f"a threshold rule groups by at most {_MOST_FIELDS} fields", "target esql")
    schedule = schedule_of(node, options, MINUTE)
    threshold: dict[str, object] = {"field": fields, "value": 1 if counted else least, "cardinality": []}
    if counted:
        threshold["cardinality"] = [{"field": raw.column(counted).name, "value": least}]
    late = schedule.interval + schedule.delay
    if late >= node.timespan:
        raise Refused(
            f"{node.header.key}: a timespan of {shown(node.timespan)}",
            f"a threshold rule misses up to {shown(late)} of it",
            "shorten the interval and the delay, or target esql",
        )  # fmt: skip
    rule = {
        "type": "threshold",
        "language": "kuery",
        "index": [raw.source.setting("index") or "events"],
        "query": text,
        "threshold": threshold,
        "interval": f"{schedule.interval // SECOND}s",
        "from": f"now-{node.timespan // SECOND}s",
    }
    tolerance = Tolerance(late / SECOND, 0, fits(node.timespan - late, node.timespan))
    query = _query(node, profile, options, raw, Grade.BOUNDED)
    limits = (*query.limits, "an alert has the group and the count, and no times; it comes again while the count holds")
    schedule = replace(schedule, lookback=node.timespan)
    text = json.dumps(rule, indent=2, ensure_ascii=False) + "\n"
    return replace(query, text=text, tolerance=tolerance, limits=limits, schedule=schedule)


def _counted(node: Correlation) -> tuple[int, str | None]:
    """The least count, and the field whose values are counted."""
    known = isinstance(node, Aggregate) and node.measure in (Measure.EVENTS, Measure.DISTINCT)
    alone = all(isinstance(part.node, Search) for part in node.inputs)
    if not known or not alone or is_calendar(node) or not isinstance(node, Aggregate):
        raise Refused(
            f"{node.header.key}: {type_of(node)}",
            "a threshold rule counts events, or values of one field",
            "target esql",
        )
    least = least_count(node)
    if least is None:
        raise Refused(node.header.key, "a threshold rule has one bound", "target esql")
    if node.measure is Measure.EVENTS:
        return max(least, 1), None
    values = {reading.field for part in node.inputs for reading in part.values if isinstance(reading, Column)}
    if len(values) != 1 or any(len(part.values) != 1 for part in node.inputs):
        raise Refused(node.header.key, "a threshold rule counts the values of one field", "target esql")
    return max(least, 1), values.pop()


def _same(node: Correlation, number: int) -> str:
    fields = {part.keys[number].field for part in node.inputs if isinstance(part.keys[number], Column)}  # type: ignore[union-attr]  # only a Column has a field
    if len(fields) != 1:
        raise Refused(node.header.key, "a threshold rule groups all events by the same field", "target esql")
    return fields.pop()


# ---------------------------------------------------------------- one event


class Filter:
    """Prints predicates over raw columns."""

    def __init__(self, raw: RawPredicates) -> None:
        self.raw = raw

    def text(self, predicate: Predicate) -> str:
        """The predicate as a query. Raises Refused for what kuery cannot say."""
        match predicate:
            case Constant():
                return "*" if predicate.value else "not *"
            case And():
                return f"({' and '.join(self.text(item) for item in predicate.items)})"
            case Or():
                return f"({' or '.join(self.text(item) for item in predicate.items)})"
            case Not():
                return f"not {self.text(predicate.item)}"
            case Null():
                return f"not {name(predicate.field)}: *"
            case Text():
                return self._text(predicate)
            case Number():
                return f"{name(predicate.field)}: {self._value(predicate)}"
            case Compare():
                return self._compare(predicate)
            case Boolean():
                return f"{name(predicate.field)}: {str(predicate.value).lower()}"
            case Cidr():
                return self._cidr(predicate)
            case Regex():
                raise Refused(f"re: {predicate.pattern}", "kuery has no regular expressions", "target esql or lucene")
            case FieldMatch() | TimePart():
                raise Refused(
                    f"{predicate.field} against another value of the event", "kuery cannot compute", "target esql"
                )
            case _:
                assert_never(predicate)

    def _text(self, predicate: Text) -> str:
        body = tuple(part for part in predicate.pattern if part != "")
        field = name(predicate.field or "")
        if body and all(part is Wildcard.ANY for part in body):
            return f"{field}: *"
        literals = "".join(part for part in body if isinstance(part, str))
        if not predicate.cased and any(letter.lower() != letter.upper() for letter in literals):
            raise Refused(
                f"{predicate.field}: {literals!r} without case", "kuery compares keywords with case",
                "compare it with the modifier cased, or target esql or lucene",
            )  # fmt: skip
        if len(body) == 1 and isinstance(body[0], str):
            return f"{field}: {quoted(body[0])}"
        if not body or Wildcard.ONE in body or any(letter.isspace() for letter in literals):
            raise Refused(f"a pattern on {predicate.field}", "kuery has only * as a wildcard", "target esql or lucene")
        return f"{field}: " + "".join("*" if isinstance(part, Wildcard) else _escaped(part) for part in body)

    def _value(self, predicate: Number) -> str:
        if self.raw.kind(predicate.field) in ("integer", "number"):
            return format(predicate.value, "f")
        if predicate.value == predicate.value.to_integral_value() and predicate.value >= 0:
            return quoted(str(int(predicate.value)))
        raise Refused(f"{predicate.field} as a number", "it is a text there", "target esql or lucene")

    def _compare(self, predicate: Compare) -> str:
        if self.raw.kind(predicate.field) not in ("integer", "number"):
            raise Refused(
                f"{predicate.field} {predicate.op}", "it is a text there, which sorts by letters", "target esql"
            )
        return f"{name(predicate.field)} {_OPERATORS[predicate.op]} {_plain(predicate.value)}"

    def _cidr(self, predicate: Cidr) -> str:
        if self.raw.kind(predicate.field) != "ip":
            raise Refused(f"{predicate.field}|cidr", "it is a text there and no ip field", "target esql")
        return f"{name(predicate.field)}: {quoted(predicate.network)}"


def quoted(text: str) -> str:
    """A text between quotes."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def name(field: str) -> str:
    """A field's name, with its special characters escaped."""
    return _escaped(field)


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in '\\():<>"*{} ' else letter for letter in text)


def _plain(value: Decimal) -> str:
    return format(value, "f")
