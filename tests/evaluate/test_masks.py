"""Predicates over events: the meaning of each, in tables."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from mask_blocks import events, held

from tollwatch.evaluate.masks import Masks
from tollwatch.evaluate.text import fold
from tollwatch.plan.nodes import (
    And,
    Boolean,
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
    Text,
    Wildcard,
)
from tollwatch.sigma.model import Op

ANY, ONE = Wildcard.ANY, Wildcard.ONE


TEXTS = pa.array(["Abc", "abc", "xabcx", "", None, "a\nc", "a.c", "ÄBC", "äbc", "İ", "i", "ß", "ss", "a*c"])


@pytest.mark.parametrize("encode", [False, True])
@pytest.mark.parametrize(
    ("pattern", "cased", "expected"),
    [
        (("abc",), False, [0, 1]),
        (("abc",), True, [1]),
        ((), False, [3]),
        ((ANY,), False, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
        (("ab", ANY), False, [0, 1]),
        ((ANY, "C"), False, [0, 1, 5, 6, 7, 8, 13]),
        ((ANY, "bc", ANY), False, [0, 1, 2, 7, 8]),
        (("a", ONE, "c"), False, [0, 1, 5, 6, 13]),
        (("a", ANY, "c"), False, [0, 1, 5, 6, 13]),
        (("a.", ANY, "c"), False, [6]),
        (("a*c",), False, [13]),
        ((ONE, "bc"), False, [0, 1, 7, 8]),
        (("äbc",), False, [7, 8]),
        (("äbc",), True, [8]),
        (("I",), False, [9, 10]),
        (("SS",), False, [12]),
        ((ONE,), False, [9, 10, 11]),
        ((ONE, ANY), True, [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
    ],
)
def test_text(pattern: Pattern, cased: bool, encode: bool, expected: list[int]) -> None:
    assert held(Text("f", pattern, cased), TEXTS.dictionary_encode() if encode else TEXTS) == expected


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        (pa.array([401, None, 40]), "401", [0]),
        (pa.array([401.0, 0.5, None, 1e10, 0.1, -0.0]), "401", [0]),
        (pa.array([401.0, 0.5, None, 1e10, 0.1, -0.0]), "0.5", [1]),
        (pa.array([401.0, 0.5, None, 1e10, 0.1, -0.0]), "10000000000", [3]),
        (pa.array([401.0, 0.5, None, 1e10, 0.1, -0.0]), "0", [5]),
        (pa.array([True, False, None]), "TRUE", [0]),
        (
            pa.array([datetime(2026, 3, 1, 10, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "2026-03-01T10:00:00.000000Z",
            [0],
        ),
        (pa.array([Decimal("1.50")]), "1.50", [0]),
        (pa.array([["a", "B"], ["c"], [], None, [None]]), "b", [0]),
        (pa.array([[401], [200, 401]]), "401", [0, 1]),
        (pa.array(["b", "B"], pa.large_string()), "b", [0, 1]),
        (pa.array(["b", "B"], pa.string_view()), "b", [0, 1]),
        (pa.nulls(2), "b", []),
        (pa.array([{"a": 1}]), "b", []),
        (pa.array([["b"], ["c"]], pa.list_(pa.string(), 1)), "b", [0]),
        (pa.chunked_array([["a"], ["b", None], []]), "b", [1]),
        (pa.chunked_array([[["a"]], [["x", "b"], None]]), "b", [1]),
        (
            pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b", "a"]).dictionary_encode()]),
            "a",
            [0, 2],
        ),
        (pa.array([["a"], ["b", "a"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))), "a", [0, 1]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), ["a", None]), "a", [0]),
    ],
)
def test_text_of_other_types(column: pa.Array, text: str, expected: list[int]) -> None:
    assert held(Text("f", (text,)), column) == expected


@pytest.mark.parametrize(
    ("micro", "text"), [(1_500_000, "1.5"), (0, "0"), (3, "0.000003"), (12_000_000, "12"), (-500_000, "-0.5")]
)
def test_money_reads_as_dollars(micro: int, text: str) -> None:
    column = pa.array([micro, None, 7])
    assert held(Text("f", (text,)), column, money=True) == [0]
    assert held(Number("f", Decimal(text)), column, money=True) == [0]
    assert held(Number("f", Decimal(micro)), column) == [0]


def test_case_folding_is_pythons_one_character_at_a_time() -> None:
    """For every character that Python 3.11 knows (Unicode 14); newer ones have a lower case in Arrow only."""
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    folded = pc.utf8_lower(pa.array(characters)).to_pylist()
    differing = [c for c, found in zip(characters, folded, strict=True) if found != c.lower()]
    known = [c for c in differing if c.lower() != c]
    assert known == ["İ"]
    assert all(len(found) == 1 for found in folded)
    assert [fold(text) for text in ("AbC", "İ", "ΣΑΣ", "\u212a")] == ["abc", "i", "σασ", "k"]


NUMBERS = [
    "401",
    "401.0",
    " 401",
    "4.01e2",
    "0x191",
    "",
    None,
    "abc",
    "+401",
    "9007199254740993",
    "-1",
    "1e9",
    ".5",
    "NaN",
]


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (Number("f", Decimal(401)), [0, 1, 3, 8]),
        (Number("f", Decimal("401.5")), []),
        (Number("f", Decimal("0.5")), [12]),
        (Number("f", Decimal(9007199254740993)), [9]),
        (Number("f", Decimal(9007199254740992)), []),
        (Compare("f", Op.GT, Decimal(401)), [9, 11]),
        (Compare("f", Op.GTE, Decimal(401)), [0, 1, 3, 8, 9, 11]),
        (Compare("f", Op.LT, Decimal(0)), [10]),
        (Compare("f", Op.LTE, Decimal("0.5")), [10, 12]),
    ],
)
def test_numbers_in_text(predicate: Predicate, expected: list[int]) -> None:
    assert held(predicate, pa.array(NUMBERS)) == expected
    assert held(predicate, pa.array(NUMBERS).dictionary_encode()) == expected


@pytest.mark.parametrize(
    ("column", "predicate", "expected"),
    [
        (pa.array([2**53 + 1, 2**53, None]), Number("f", Decimal(2**53 + 1)), [0]),
        (pa.array([5, 6], pa.uint8()), Compare("f", Op.LT, Decimal(1000)), [0, 1]),
        (pa.array([5, 6], pa.uint8()), Compare("f", Op.GT, Decimal(-1)), [0, 1]),
        (pa.array([5, 6], pa.uint8()), Number("f", Decimal(261)), []),
        (pa.array([2**64 - 1], pa.uint64()), Compare("f", Op.GTE, Decimal(2**64 - 1)), [0]),
        (pa.array([-(2**63)], pa.int64()), Compare("f", Op.LT, Decimal(10**30)), [0]),
        (pa.array([1, 2, 3]), Compare("f", Op.GT, Decimal("1.5")), [1, 2]),
        (pa.array([1, 2, 3]), Compare("f", Op.GTE, Decimal("1.5")), [1, 2]),
        (pa.array([1, 2, 3]), Compare("f", Op.LT, Decimal("1.5")), [0]),
        (pa.array([1, 2, 3]), Compare("f", Op.LTE, Decimal("1.5")), [0]),
        (pa.array([1, 2, 3]), Compare("f", Op.LTE, Decimal("-1.5")), []),
        (pa.array([0.1, 0.3, float("nan"), float("inf"), None]), Number("f", Decimal("0.1")), [0]),
        (pa.array([0.1, 0.3, float("nan"), float("inf"), None]), Compare("f", Op.GT, Decimal("0.1")), [1, 3]),
        (pa.array([0.1], pa.float32()), Compare("f", Op.GT, Decimal("0.0999")), [0]),
        (pa.array([Decimal("0.10"), None]), Number("f", Decimal("0.1")), [0]),
        (pa.array([Decimal("0.10"), None]), Compare("f", Op.LT, Decimal("0.11")), [0]),
        (pa.array([True]), Number("f", Decimal(1)), []),
        (pa.array([[1, 5], [], None, [2]]), Compare("f", Op.GT, Decimal(2)), [0]),
        (pa.array(["true", "FALSE", "1", None, "True "]), Boolean("f", True), [0]),
        (pa.array(["true", "FALSE", "1", None, "True "]), Boolean("f", False), [1]),
        (pa.array([True, None, False]), Boolean("f", False), [2]),
        (pa.array([1, 0]), Boolean("f", True), []),
        (pa.array([None, "a", ""]), Null("f"), [0]),
        (pa.array([None, [], [None], ["a"]], pa.list_(pa.string())), Null("f"), [0]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), ["a", None]), Null("f"), [1, 2]),
        (pa.array(["a", "b"]), Null("g"), [0, 1]),
        (pa.array(["a", "b"]), Text("g", (ANY,)), []),
        (pa.array(["a", "b"]), Not(Text("g", (ANY,))), [0, 1]),
        (pa.array(["a", "b"]), Constant(True), [0, 1]),
        (pa.array(["a", "b", "c"]), Or((Text("f", ("a",)), Text("f", ("c",)), Null("g"))), [0, 1, 2]),
        (pa.array(["a", "b", "c"]), Or((Text("f", ("a",)), Text("f", ("c",)))), [0, 2]),
        (pa.array(["ab", "b", "a"]), And((Text("f", ("a", ANY)), Text("f", (ANY, "b")))), [0]),
        (pa.array([["a", "b"], ["a"]]), And((Text("f", ("a",)), Text("f", ("b",)))), [0]),
    ],
)
def test_values(column: pa.Array, predicate: Predicate, expected: list[int]) -> None:
    assert held(predicate, column) == expected


def test_keywords_look_at_every_text_and_at_nothing_else() -> None:
    block = events(
        a=pa.array(["needle", "x", None, None, None, "x"]),
        b=pa.array(["x", "the NEEDLE!", None, None, None, "x"]).dictionary_encode(),
        c=pa.array([[], [], ["y", "needles"], None, None, ["x"]], pa.list_(pa.string())),
        d=pa.array([401, 401, 401, 401, 401, 401]),
    )
    masks = Masks(block)
    assert list(np.flatnonzero(masks.of(Text(None, (ANY, "needle", ANY))))) == [0, 1, 2]
    assert list(np.flatnonzero(masks.of(Text(None, (ANY, "NEEDLE", ANY), cased=True)))) == [1]
    assert list(np.flatnonzero(masks.of(Regex(None, "s$")))) == [2]
    assert not masks.of(Text(None, (ANY, "401", ANY))).any()
    assert list(np.flatnonzero(masks.of(Or((Text(None, (ANY, "!", ANY)), Text(None, (ANY, "needles", ANY))))))) == [
        1,
        2,
    ]


def test_a_block_without_events_or_fields() -> None:
    assert Masks(events(f=pa.array([], pa.string()))).of(Text("f", ("a",))).tolist() == []
    assert Masks(events(f=pa.chunked_array([], pa.dictionary(pa.int32(), pa.string())))).of(Null("f")).tolist() == []
    assert Masks(events()).of(Null("f")).tolist() == [True, True, True]
    empty = events(a=pa.chunked_array([], pa.string()), b=pa.array([], pa.int64()))
    assert Masks(empty).of(FieldMatch("a", "b")).tolist() == []


def test_masks_are_shared_and_cannot_be_written_on() -> None:
    masks = Masks(events(f=pa.array(["a", "b"])))
    found = masks.of(Text("f", ("a",)))
    assert masks.of(Text("f", ("a",))) is found
    assert masks.of(Text("f", ("z",))) is masks.of(Text("g", ("a",)))
    with pytest.raises(ValueError, match="read-only"):
        found[0] = False
