"""Random logs that try a rule where it is hard: bursts about as large and as long as its thresholds and timespans.

Simulated events, the same for one seed on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from ipaddress import ip_network
from random import Random

from tollwatch.logs.schema import FIELDS, FieldType
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
    Wildcard,
)
from tollwatch.plan.walk import nodes, searches
from tollwatch.sigma.model import Op, Threshold

Event = dict[str, object]
START = 1_772_359_200_000_000  # 2026-03-01T10:00:00Z, which is the edge of every window that divides a day
_MILLI = 1_000
_LARGEST_BURST = 120


def random_log(node: Node, seed: int) -> list[Event]:
    """Canonical events, each with its timestamp in µs (whole milliseconds), in no order."""
    rng = Random(seed)  # noqa: S311 - a log, not a secret
    span = 60_000_000 if isinstance(node, Search) else node.timespan
    events: list[Event] = []
    at = START + rng.choice([0, rng.randrange(0, 3_600_000) * _MILLI])
    for _ in range(rng.randint(1, 3)):
        group = {name: _any_value(name, rng, 3) for name in _key_fields(node)}
        events += _episode(node, at, group, rng)
        at += rng.choice([0, span, span + _MILLI, 2 * span, rng.randint(0, span)]) // _MILLI * _MILLI
    rng.shuffle(events)
    return events


def _episode(node: Node, start: int, group: Event, rng: Random) -> Iterator[Event]:
    """What may make the node hold: of a chain each part, in order, within about its timespan."""
    below = [] if isinstance(node, Search) else [part.node for part in node.inputs]
    if isinstance(node, Search) or all(isinstance(one, Search) for one in below):
        yield from _burst(node, start, group, rng)
        return
    length = _length(node.timespan, rng)
    for number, one in enumerate(below):
        # Parts of a chain are seldom left out, and each begins where the one before it may have ended.
        if rng.random() < 0.95:
            edge = length * number // max(len(below) - 1, 1)
            yield from _episode(one, start + rng.choice([edge, edge, 0, rng.randint(0, length)]), group, rng)


def _length(span: int, rng: Random) -> int:
    """A time about as long as the timespan, often shorter."""
    return rng.choice([span, span - _MILLI, span + _MILLI, span // 2, span // 3, span * 10 // 12, 2 * span])


def _burst(node: Node, start: int, group: Event, rng: Random) -> Iterator[Event]:
    """Events of the node's searches, as many and as far apart as its own numbers make interesting."""
    size = _size(node, rng)
    length = _length(60_000_000 if isinstance(node, Search) else node.timespan, rng)
    amounts, keys = _amounts(node, size, rng), {name: group[name] for name in _key_fields(node)}
    spread = rng.random() < 0.8
    for number in range(size):
        event = _matching(rng.choice(searches(node)).predicate, rng)
        for name in _distinct_fields(node):
            event[name] = _value(name, number if spread else rng.randrange(3))
        event |= {name: value for name, value in amounts.items() if rng.random() < 0.98}
        event |= keys if rng.random() < 0.98 else {}
        if rng.random() < 0.03 and event:
            event.pop(rng.choice(sorted(event)))
        offset = length * number // max(size - 1, 1) if rng.random() < 0.5 else rng.randint(0, max(length, 1))
        edge = {0: 0, size - 1: length}.get(number, offset)
        yield {"timestamp": (start + edge) // _MILLI * _MILLI, **group, **event}


def _size(node: Node, rng: Random) -> int:
    """About as many events as the node's threshold asks for."""
    if isinstance(node, Aggregate) and node.measure in (Measure.EVENTS, Measure.DISTINCT) and _bounds(node):
        return min(max(int(_bounds(node)[0]) + rng.randint(-1, 3), 1), _LARGEST_BURST)
    return rng.randint(1, 12)


def _bounds(node: Aggregate) -> list[Decimal]:
    return [value for _, value in node.condition.bounds] if isinstance(node.condition, Threshold) else []


def _amounts(node: Node, size: int, rng: Random) -> Event:
    """Of each summed field a share of its threshold that comes to a little less, just it, or a little more."""
    found: Event = {}
    for one in nodes(node):
        if not isinstance(one, Aggregate) or one.measure in (Measure.EVENTS, Measure.DISTINCT, Measure.RULES):
            continue
        total = float(next(iter(_bounds(one)), Decimal(1)))
        for reading in (value for part in one.inputs for value in part.values):
            if isinstance(reading, Column):
                share = total / size if one.measure is Measure.SUM else total
                found[reading.field] = _number(reading.field, share, rng.choice([-1, 0, 0, 1, 1]))
    return found


def _number(field: str, value: float, step: int) -> int | float:
    if field in FIELDS and FIELDS[field].type is FieldType.INTEGER:
        return max(math.ceil(value) + step, 0)
    return max(round(value, 6) + step / 100, 0)


def _key_fields(node: Node) -> list[str]:
    return sorted(
        {key.field for one in nodes(node) if not isinstance(one, Search) for part in one.inputs for key in part.keys
         if isinstance(key, Column)}
    )  # fmt: skip


def _distinct_fields(node: Node) -> list[str]:
    found = {
        value.field for one in nodes(node) if isinstance(one, Aggregate) and one.measure is Measure.DISTINCT
        for part in one.inputs for value in part.values if isinstance(value, Column)
    }  # fmt: skip
    return sorted(found - set(_key_fields(node)))


# ---------------------------------------------------------------- values


def _any_value(field: str, rng: Random, count: int) -> object:
    return _value(field, rng.randrange(count))


def _value(field: str, number: int) -> object:
    """A value of the field's type, another for each number."""
    match FIELDS[field].type if field in FIELDS else FieldType.TEXT:
        case FieldType.IP:
            return f"203.0.113.{number % 256}" if number < 256 else f"198.51.{number // 256 % 256}.{number % 256}"
        case FieldType.INTEGER:
            return number
        case FieldType.NUMBER | FieldType.MONEY:
            return number / 4
        case FieldType.BOOLEAN:
            return number % 2 == 0
        case _:
            return f"{field}-{number}"


def _matching(predicate: Predicate, rng: Random) -> Event:
    """An event that tries to match; one in twenty does not try."""
    return _trying(predicate, rng, wanted=rng.random() < 0.95)


def _trying(predicate: Predicate, rng: Random, *, wanted: bool) -> Event:
    """Values for the predicate's fields that make it what is wanted, as far as one pass can say."""
    match predicate:
        case And() | Or():
            if isinstance(predicate, And) is wanted:
                parts = [_trying(one, rng, wanted=wanted) for one in predicate.items]
                return {name: value for part in parts for name, value in part.items()}
            event = {
                name: value for one in predicate.items for name, value in _trying(one, rng, wanted=not wanted).items()
            }
            return event | _trying(rng.choice(predicate.items), rng, wanted=wanted) if predicate.items else event
        case Not():
            return _trying(predicate.item, rng, wanted=not wanted)
        case Constant():
            return {}
        case _:
            return _leaf(predicate, rng, wanted=wanted)


def _leaf(predicate: Predicate, rng: Random, *, wanted: bool) -> Event:
    match predicate:
        case Text(field=None) | Regex(field=None):
            return {"user_agent": _text(predicate.pattern, rng)} if wanted and isinstance(predicate, Text) else {}
        case Text(field=str() as field):
            return {field: _typed(field, _text(predicate.pattern, rng))} if wanted else _other(field, rng)
        case Number(field=field, value=value):
            return {field: _plain(value)} if wanted else {field: _plain(value + 1)}
        case Boolean(field=field, value=value):
            return {field: value is wanted}
        case Null(field=field):
            return {} if wanted else _other(field, rng)
        case Compare(field=field, op=op, value=value):
            return {field: _beside(field, op, value, rng, wanted=wanted)}
        case Regex(field=str() as field):
            return {field: predicate.pattern.strip("^$")} if wanted else _other(field, rng)
        case Cidr(field=field, network=network):
            inside = ip_network(network, strict=False)
            return (
                {field: str(inside[rng.randrange(min(inside.num_addresses, 1000))])} if wanted else _other(field, rng)
            )
        case FieldMatch(field=field, other=other):
            both = _any_value(field, rng, 3)
            return {field: both, other: both} if wanted else {field: both}
        case _:
            return {}  # a part of the time, which is the burst's


def _other(field: str, rng: Random) -> Event:
    """Another value, or none."""
    return {} if rng.random() < 0.3 else {field: _any_value(field, rng, 3)}


def _text(pattern: tuple[str | Wildcard, ...], rng: Random) -> str:
    filled = (
        part if isinstance(part, str) else "x" * (rng.randrange(3) if part is Wildcard.ANY else 1) for part in pattern
    )
    text = "".join(filled)
    return rng.choice([text, text, text.upper(), text.lower()])


def _typed(field: str, text: str) -> object:
    """The text as a value of the field, where it is one."""
    kind = FIELDS[field].type if field in FIELDS else FieldType.TEXT
    if kind in (FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY):
        return int(text) if text.isdigit() else None
    return text == "true" if kind is FieldType.BOOLEAN else text


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _beside(field: str, op: Op, value: Decimal, rng: Random, *, wanted: bool) -> int | float:
    """A number at the bound or a step beside it, on the side that is wanted."""
    step = 1 if field in FIELDS and FIELDS[field].type is FieldType.INTEGER else Decimal("0.25")
    above = op in (Op.GT, Op.GTE)
    strict = op in (Op.GT, Op.LT)
    away = rng.choice([0, 1, 4]) + (strict if wanted else not strict)
    return max(_plain(value + step * away * (1 if above is wanted else -1)), 0)
