"""Masks held against a slow and obvious reading of each predicate, one event and one value at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv6Address, ip_address, ip_network

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tollwatch.evaluate.columns import read_column
from tollwatch.evaluate.masks import Masks
from tollwatch.evaluate.text import match_any
from tollwatch.logs.model import Events
from tollwatch.plan.nodes import (
    And,
    Boolean,
    Cidr,
    Compare,
    Constant,
    FieldMatch,
    Not,
    Null,
    Number,
    Or,
    Pattern,
    Predicate,
    Regex,
    Relation,
    Text,
    TimePart,
    TimeUnit,
    Wildcard,
)
from tollwatch.sigma.model import Op

Event = dict[str, object]
MICRO = 1_000_000
NUMERAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONEY = "m"

# ------------------------------------------------------------ the reference


def holds(predicate: Predicate, event: Event) -> bool:
    match predicate:
        case Constant():
            return predicate.value
        case And():
            return all(holds(item, event) for item in predicate.items)
        case Or():
            return any(holds(item, event) for item in predicate.items)
        case Not():
            return not holds(predicate.item, event)
        case Null():
            return event.get(predicate.field) is None
        case FieldMatch():
            return any(
                stands(text(predicate.field, a), text(predicate.other, b), predicate)
                for a in values(event, predicate.field)
                for b in values(event, predicate.other)
            )
        case Text(field=None) | Regex(field=None):
            texts = [value for name in event for value in values(event, name) if isinstance(value, str)]
            return any(of_value(predicate, "", value) for value in texts)
        case _:
            name = str(predicate.field)
            return any(of_value(predicate, name, value) for value in values(event, name))


def values(event: Event, name: str) -> list[object]:
    value = event.get(name)
    return [item for item in (value if isinstance(value, list) else [value]) if item is not None]


def of_value(predicate: Predicate, name: str, value: object) -> bool:
    match predicate:
        case Text():
            found, wanted = text(name, value), predicate.pattern
            if not predicate.cased:
                found, wanted = lower(found), tuple(p if isinstance(p, Wildcard) else lower(p) for p in wanted)
            return wild(wanted, found)
        case Regex():
            flags = re.IGNORECASE if predicate.ignore_case else 0
            return re.search(predicate.pattern, text(name, value), flags) is not None
        case Number():
            read = number(name, value)
            return read is not None and read == predicate.value
        case Compare():
            read = number(name, value)
            return read is not None and COMPARE[predicate.op](read, predicate.value)
        case Boolean():
            said = str(value).lower() if isinstance(value, bool | str) else None
            return said == str(predicate.value).lower()
        case Cidr():
            return isinstance(value, str) and inside(value, predicate.network)
        case TimePart():
            moment = time(value)
            return moment is not None and COMPARE[predicate.op](Decimal(part(moment, predicate.unit)), predicate.value)
        case _:
            raise NotImplementedError(predicate)


COMPARE: dict[Op, Callable[[Decimal, Decimal | int], bool]] = {
    Op.LT: lambda a, b: a < b,
    Op.LTE: lambda a, b: a <= b,
    Op.GT: lambda a, b: a > b,
    Op.GTE: lambda a, b: a >= b,
    Op.EQ: lambda a, b: a == b,
}


def text(name: str, value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() if name == MONEY:
            return format((Decimal(value) / MICRO).normalize(), "f")
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case _:
            return str(value)


def lower(value: str) -> str:
    return "".join("i" if character == "İ" else character.lower() for character in value)


def wild(pattern: Pattern, value: str) -> bool:
    match pattern:
        case ():
            return not value
        case (Wildcard.ANY, *rest):
            return any(wild(tuple(rest), value[at:]) for at in range(len(value) + 1))
        case (Wildcard.ONE, *rest):
            return bool(value) and wild(tuple(rest), value[1:])
        case (str() as start, *rest):
            return value.startswith(start) and wild(tuple(rest), value[len(start) :])
    raise NotImplementedError(pattern)


def number(name: str, value: object) -> Decimal | None:
    match value:
        case bool():
            return None
        case int():
            return Decimal(value) / MICRO if name == MONEY else Decimal(value)
        case float():
            return Decimal(repr(value))
        case str():
            return Decimal(value) if NUMERAL.fullmatch(value) else None
        case _:
            return None


def inside(value: str, network: str) -> bool:
    try:
        address = ip_address(value)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    wanted = ip_network(network, strict=False)
    return address in wanted or (mapped is not None and mapped in wanted)


def time(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and "-" in value[1:]:
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            return None
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    since = number("", value)
    if since is None:
        return None
    scale = next((scale for digits, scale in ((11, 10**6), (14, 10**3), (17, 1)) if abs(since) < 10**digits), None)
    micro = since * scale if scale else since / 1000
    return EPOCH + timedelta(microseconds=math.floor(micro)) if abs(micro) < 2**62 else None


def part(moment: datetime, unit: TimeUnit) -> int:
    return moment.isocalendar().week if unit is TimeUnit.WEEK else int(getattr(moment, unit))


def stands(a: str, b: str, match_: FieldMatch) -> bool:
    if not match_.cased:
        a, b = lower(a), lower(b)
    match match_.relation:
        case Relation.EQUALS:
            return a == b
        case Relation.STARTS_WITH:
            return a.startswith(b)
        case Relation.ENDS_WITH:
            return a.endswith(b)
        case Relation.CONTAINS:
            return b in a


# ------------------------------------------------------------ random logs and predicates

WORDS = ["", "a", "A", "aB", "ab", "ba", "a\nb", "ä", "Ä", "İ", "i", "σ", "Σ", "a*b", "true", "False", ".5", "401",
         "401.0", "4.01e2", "-1", " 1", "1e400", "10.0.0.1", "10.0.1.9", "::ffff:10.0.0.1", "2001:db8::5",
         "10.0.0.1:80",
         "2026-03-01T10:00:00Z", "2026-03-01T23:30:00-01:00", "2026-99-01"]  # fmt: skip
INTEGERS = [0, 1, -1, 200, 401, 2**53, 2**53 + 1, 1_500_000]
DOUBLES = [0.0, 0.5, 401.0, -1.0, 0.1]
MOMENTS = [datetime(2026, 3, 1, 10, tzinfo=UTC), datetime(2026, 3, 2, 0, 30, 0, 5, tzinfo=UTC)]

words = st.sampled_from(WORDS)
small = st.sampled_from([0, 1, -1, 200, 401])
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "text": (pa.string(), words),
    "large": (pa.large_string(), words),
    "coded": (pa.dictionary(pa.int32(), pa.string()), words),
    "integer": (pa.int64(), st.sampled_from(INTEGERS)),
    "small": (pa.int16(), small),
    "double": (pa.float64(), st.sampled_from(DOUBLES)),
    "boolean": (pa.bool_(), st.booleans()),
    "moment": (pa.timestamp("us", "UTC"), st.sampled_from(MOMENTS)),
    "texts": (pa.list_(pa.string()), st.lists(words | st.none(), max_size=3)),
    "integers": (pa.list_(pa.int64()), st.lists(small, max_size=3)),
}
FIELDS = ["f", "g", MONEY, "missing"]


@st.composite
def logs(draw: st.DrawFn) -> tuple[Events, list[Event]]:
    count = draw(st.integers(0, 8))
    kinds = {"f": draw(st.sampled_from(sorted(KINDS))), "g": draw(st.sampled_from(sorted(KINDS))), MONEY: "integer"}
    rows: dict[str, list[object]] = {}
    columns = {}
    for name, kind in kinds.items():
        type_, one = KINDS[kind]
        rows[name] = draw(st.lists(st.none() | one, min_size=count, max_size=count))
        cut = draw(st.integers(0, count))
        chunks = [encoded(rows[name][:cut], type_), encoded(rows[name][cut:], type_)]
        columns[name] = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array(chunks, type_)))
    none = np.zeros(count, np.int64)
    block = Events(pd.DataFrame(columns), none, none.astype(np.int32), none, ("log",), frozenset({MONEY}))
    return block, [{name: rows[name][at] for name in rows} for at in range(count)]


def encoded(items: list[object], type_: pa.DataType) -> pa.Array:
    # Each chunk has a dictionary of its own, as blocks of a log do.
    return pa.array(items, pa.string()).dictionary_encode() if pa.types.is_dictionary(type_) else pa.array(items, type_)


fields = st.sampled_from(FIELDS)
parts = st.sampled_from([Wildcard.ANY, Wildcard.ONE, "a", "B", "0", ".", "i", "*"]) | words.filter(bool)
patterns = st.lists(parts, max_size=4).map(tuple)
numbers = st.sampled_from([Decimal(t) for t in ("0", "401", "0.5", "-1", "1.5", "9007199254740993", "400.9", "0.1")])
ops = st.sampled_from([Op.LT, Op.LTE, Op.GT, Op.GTE])
leaves = st.one_of(
    st.builds(Constant, st.booleans()),
    st.builds(Null, fields),
    st.builds(Text, fields | st.none(), patterns, st.booleans()),
    st.builds(Number, fields, numbers),
    st.builds(Compare, fields, ops, numbers),
    st.builds(Boolean, fields, st.booleans()),
    st.builds(Regex, fields | st.none(), st.sampled_from(["^a", "b$", "[0-9]+", "(a)(?=b)", "(.)\\1"]), st.booleans()),
    st.builds(Cidr, fields, st.sampled_from(["10.0.0.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0", "10.0.1.9/32"])),
    st.builds(FieldMatch, fields, fields, st.sampled_from(Relation), st.booleans()),
    st.builds(
        TimePart,
        fields.filter(lambda name: name != MONEY),
        st.sampled_from(TimeUnit),
        st.sampled_from([0, 1, 3, 9, 10, 30, 2026, 1970]),
        st.sampled_from([Op.EQ, *COMPARE]),
    ),
)
predicates = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=1, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=1, max_size=4).map(tuple)),
    ),
    max_leaves=6,
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(logs(), st.lists(predicates, min_size=1, max_size=6))
def test_masks_equal_the_reference(log: tuple[Events, list[Event]], asked: list[Predicate]) -> None:
    block, rows = log
    masks = Masks(block)
    for predicate in asked:
        expected = [holds(predicate, row) for row in rows]
        assert masks.of(predicate).tolist() == expected, predicate


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(words | st.none(), max_size=8),
    st.lists(st.builds(Text, st.just("f"), patterns, st.booleans()), max_size=5),
)
def test_many_texts_at_once_equal_the_reference(found: list[str | None], asked: list[Text]) -> None:
    """What a column of many distinct values is asked in a list: exact texts and contained ones in one pass each."""
    contained = [Text("f", (Wildcard.ANY, text, Wildcard.ANY), cased) for text, cased in (("*", True), ("B", False))]
    asked += [Text("f", ("Ä",)), Text("f", ("401",)), *contained]
    column = read_column(pa.chunked_array([pa.array(found, pa.string())]))
    hits = match_any(column, asked)
    assert column.where(hits).tolist() == [any(holds(one, {"f": value}) for one in asked) for value in found]
