"""Predicates over a block of events, as boolean arrays: each distinct predicate once, on a column's distinct values."""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.values import NUMBER, native, text_values
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

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]
Test = Callable[[pa.Array], Mask]
_MICRO = 1_000_000
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
_OPERATORS = {Op.LT: operator.lt, Op.LTE: operator.le, Op.GT: operator.gt, Op.GTE: operator.ge}


@dataclass(frozen=True, slots=True)
class _Column:
    """A field's distinct values and each element's code (−1: null); of a list, ``owner`` is each element's event."""

    values: pa.Array
    codes: Index
    owner: Index | None
    null: Mask


@dataclass(slots=True)
class Masks:
    """Where predicates hold, over one block."""

    events: Events
    _done: dict[Predicate, Mask] = field(default_factory=dict)
    _columns: dict[str, _Column | None] = field(default_factory=dict)

    def of(self, predicate: Predicate) -> Mask:
        """bool[n]: the events for which the predicate holds."""
        if predicate not in self._done:
            self._done[predicate] = self._compute(predicate)
        return self._done[predicate]

    def _compute(self, predicate: Predicate) -> Mask:
        match predicate:
            case Constant():
                return np.full(len(self.events), predicate.value)
            case And():
                return np.asarray(np.stack([self.of(item) for item in predicate.items]).all(axis=0))
            case Or():
                return np.asarray(np.stack([self.of(item) for item in predicate.items]).any(axis=0))
            case Not():
                return ~self.of(predicate.item)
            case Null():
                column = self._column(predicate.field)
                return np.ones(len(self.events), np.bool_) if column is None else column.null
            case Text():
                return self._text(
                    predicate.field, lambda texts: match_pattern(texts, predicate.pattern, predicate.cased)
                )
            case Regex():
                return self._text(predicate.field, lambda texts: match_regex(texts, predicate))
            case Number():
                return self._number(predicate.field, operator.eq, predicate.value)
            case Compare():
                return self._number(predicate.field, _OPERATORS[predicate.op], predicate.value)
            case Boolean():
                return self._where(predicate.field, lambda values: match_boolean(values, predicate.value))
            case Cidr():
                return self._where(predicate.field, lambda values: match_network(values, predicate.network))
            case FieldMatch():
                return self._related(predicate)
            case TimePart():
                return self._where(predicate.field, lambda values: match_time(values, predicate.unit, predicate.value))
            case _:
                assert_never(predicate)

    def _column(self, name: str) -> _Column | None:
        if name not in self._columns:
            frame = self.events.frame
            self._columns[name] = encode_column(native(frame[name])) if name in frame.columns else None
        return self._columns[name]

    def _where(self, name: str, test: Test) -> Mask:
        """Events some value of which passes the test (over the distinct values)."""
        column = self._column(name)
        if column is None:
            return np.zeros(len(self.events), np.bool_)
        passed = np.append(test(column.values), False)[column.codes]
        if column.owner is None:
            return passed
        out = np.zeros(len(self.events), np.bool_)
        out[column.owner[passed]] = True
        return out

    def _text(self, name: str | None, test: Test) -> Mask:
        if name is not None:
            scale = _MICRO if name in self.events.money else 1
            return self._where(name, lambda values: test(_text_of(values, scale)))
        found = [self._where(column, lambda values: test(text_values(values))) for column in self._text_columns()]
        return np.asarray(np.stack([np.zeros(len(self.events), np.bool_), *found]).any(axis=0))

    def _text_columns(self) -> Iterable[str]:
        for name in self.events.frame.columns:
            column = self._column(str(name))
            if column is not None and (
                pa.types.is_string(column.values.type) or pa.types.is_large_string(column.values.type)
            ):
                yield str(name)

    def _number(self, name: str, compare: Callable[[Any, Any], Any], value: Decimal) -> Mask:
        scaled = value * _MICRO if name in self.events.money else value
        return self._where(name, lambda values: match_number(values, compare, scaled))

    def _related(self, predicate: FieldMatch) -> Mask:
        left, right = self._column(predicate.field), self._column(predicate.other)
        out = np.zeros(len(self.events), np.bool_)
        if left is None or right is None:
            return out
        owner, a, b = pairs(left, right, len(self.events))
        width = len(right.values) + 1
        distinct, position = np.unique(a * width + b, return_inverse=True)
        mine = text_values(left.values).take(pa.array(distinct // width)).to_pylist()
        other = text_values(right.values).take(pa.array(distinct % width)).to_pylist()
        held = np.fromiter((relates(m, o, predicate) for m, o in zip(mine, other, strict=True)), np.bool_, len(mine))
        out[owner[held[position]]] = True
        return out


def encode_column(column: pa.ChunkedArray) -> _Column:
    """Distinct values and codes; a list is flattened."""
    null = column.is_null().to_numpy()
    owner = None
    if pa.types.is_list(column.type):
        whole = column.combine_chunks()
        whole = pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
        owner = pc.list_parent_indices(whole).to_numpy(zero_copy_only=False).astype(np.int64)
        column = pa.chunked_array([pc.list_flatten(whole)])
    if pa.types.is_null(column.type):
        return _Column(pa.array([], pa.string()), np.full(len(column), -1), owner, null)
    coded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    coded = coded.unify_dictionaries()
    values = coded.chunk(0).dictionary if coded.num_chunks else pa.array([], column.type)
    codes = [pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False) for chunk in coded.chunks]
    return _Column(values, np.concatenate([np.zeros(0, np.int64), *codes]), owner, null)


def pairs(left: _Column, right: _Column, count: int) -> tuple[Index, Index, Index]:
    """(event, left code, right code) for each pair of non-null values of one event; lists give every pair."""
    a_owner = np.arange(count) if left.owner is None else left.owner
    b_owner = np.arange(count) if right.owner is None else right.owner
    a_known, b_known = left.codes >= 0, right.codes >= 0
    a_owner, a = a_owner[a_known], left.codes[a_known]
    b_owner, b = b_owner[b_known], right.codes[b_known]
    first, last = np.searchsorted(b_owner, a_owner), np.searchsorted(b_owner, a_owner, side="right")
    length = last - first
    repeated = np.repeat(np.arange(len(a)), length)
    offset = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    return a_owner[repeated], a[repeated], b[np.repeat(first, length) + offset]


def relates(mine: str, other: str, predicate: FieldMatch) -> bool:
    """Whether one text stands to the other as the predicate says."""
    if not predicate.cased:
        mine, other = mine.lower(), other.lower()
    match predicate.relation:
        case Relation.EQUALS:
            return mine == other
        case Relation.STARTS_WITH:
            return mine.startswith(other)
        case Relation.ENDS_WITH:
            return mine.endswith(other)
        case Relation.CONTAINS:
            return other in mine
        case _:
            assert_never(predicate.relation)


def _text_of(values: pa.Array, scale: int) -> pa.Array:
    if scale == 1:
        return text_values(values)
    return pa.array([format((Decimal(value) / scale).normalize(), "f") for value in values.to_pylist()], pa.string())


def lowered(texts: pa.Array) -> pa.Array:
    """Lower case as Python has it; Arrow's own differs outside ASCII for a few letters."""
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return pc.ascii_lower(texts)
    return pa.array([text.lower() for text in texts.to_pylist()], pa.string())


def match_pattern(texts: pa.Array, pattern: Pattern, cased: bool) -> Mask:
    """Where the whole text matches, newlines included."""
    if not cased:
        texts = lowered(texts)
        pattern = tuple(part.lower() if isinstance(part, str) else part for part in pattern)
    match pattern:
        case ():
            found = pc.equal(texts, "")
        case (str() as text,):
            found = pc.equal(texts, text)
        case (str() as text, Wildcard.ANY):
            found = pc.starts_with(texts, text)
        case (Wildcard.ANY, str() as text):
            found = pc.ends_with(texts, text)
        case (Wildcard.ANY, str() as text, Wildcard.ANY):
            found = pc.match_substring(texts, text)
        case _:
            found = pc.match_substring_regex(texts, _as_regex(pattern))
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def _as_regex(pattern: Pattern) -> str:
    parts = {Wildcard.ANY: ".*", Wildcard.ONE: "."}
    body = "".join(_SPECIAL.sub(r"\\\1", part) if isinstance(part, str) else parts[part] for part in pattern)
    return f"(?s)\\A{body}\\z"


def portable(pattern: str) -> bool:
    """Whether RE2 can run the pattern."""
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        return False
    return True


def match_regex(texts: pa.Array, predicate: Regex) -> Mask:
    """Where the pattern is found: by RE2, or by Python's engine where only that can."""
    flags = "".join(
        letter
        for letter, on in (("i", predicate.ignore_case), ("m", predicate.multiline), ("s", predicate.dotall))
        if on
    )
    pattern = f"(?{flags}){predicate.pattern}" if flags else predicate.pattern
    if portable(pattern):
        return np.asarray(pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False), np.bool_)
    compiled = re.compile(pattern)
    return np.fromiter((compiled.search(text) is not None for text in texts.to_pylist()), np.bool_, len(texts))


def match_number(values: pa.Array, compare: Callable[[Any, Any], Any], wanted: Decimal) -> Mask:
    """Where a number, or text that reads as one, stands to the wanted number as ``compare`` says. Exact."""
    type_ = values.type
    if pa.types.is_integer(type_):
        return np.asarray(compare(values.to_numpy(zero_copy_only=False), _comparable(wanted)), np.bool_)
    if pa.types.is_floating(type_):
        return np.asarray(compare(values.to_numpy(zero_copy_only=False), float(wanted)), np.bool_)
    if not (pa.types.is_string(type_) or pa.types.is_large_string(type_)):
        return np.zeros(len(values), np.bool_)
    numeric = np.flatnonzero(pc.match_substring_regex(values, NUMBER).to_numpy(zero_copy_only=False))
    out = np.zeros(len(values), np.bool_)
    texts = values.take(pa.array(numeric)).to_pylist()
    out[numeric] = np.fromiter((bool(compare(Decimal(text), wanted)) for text in texts), np.bool_, len(texts))
    return out


def _comparable(wanted: Decimal) -> int | float:
    return int(wanted) if wanted == wanted.to_integral_value() else float(wanted)


def match_boolean(values: pa.Array, wanted: bool) -> Mask:
    """Where the value is that boolean, also as text."""
    type_ = values.type
    if not (pa.types.is_boolean(type_) or pa.types.is_string(type_) or pa.types.is_large_string(type_)):
        return np.zeros(len(values), np.bool_)
    found = pc.equal(pc.ascii_lower(text_values(values)), str(wanted).lower())
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def match_network(values: pa.Array, network: str) -> Mask:
    """Where the value is an address of the network's family inside it."""
    wanted = ipaddress.ip_network(network, strict=False)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return np.zeros(len(values), np.bool_)
    return np.fromiter((_inside(text, wanted) for text in values.to_pylist()), np.bool_, len(values))


def _inside(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address in network


def match_time(values: pa.Array, unit: TimeUnit, wanted: int) -> Mask:
    """Where that part of the time, in UTC, is the number."""
    times = values
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        times = pa.array([_read_time(text) for text in values.to_pylist()], pa.timestamp("us", "UTC"))
    elif pa.types.is_integer(values.type):
        times = values.cast(pa.timestamp("s", "UTC"))
    elif not pa.types.is_timestamp(values.type):
        return np.zeros(len(values), np.bool_)
    part = getattr(pc, {"week": "iso_week"}.get(unit, unit))(times)
    return np.asarray(pc.fill_null(pc.equal(part, wanted), False).to_numpy(zero_copy_only=False), np.bool_)


def _read_time(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
