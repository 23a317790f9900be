"""Addresses, regular expressions, fields against fields, and times, in tables."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from mask_blocks import events, held

from tollwatch.evaluate.masks import Masks
from tollwatch.plan.nodes import (
    Cidr,
    FieldMatch,
    Regex,
    Relation,
    TimePart,
    TimeUnit,
)
from tollwatch.sigma.model import Op

ADDRESSES = [
    "10.0.0.1",
    "10.0.1.1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "10.0.0.1:443",
    "010.0.0.1",
    "x",
    None,
    "fe80::1%eth0",
]


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("10.0.0.0/24", [0, 2]),
        ("10.0.0.7/24", [0, 2]),
        ("0.0.0.0/0", [0, 1, 2]),
        ("10.0.0.1/32", [0, 2]),
        ("2001:db8::/32", [3]),
        ("fe80::/10", [8]),
        ("::/0", [2, 3, 8]),
        ("::ffff:0:0/96", [2]),
    ],
)
def test_networks(network: str, expected: list[int]) -> None:
    assert held(Cidr("f", network), pa.array(ADDRESSES)) == expected
    assert held(Cidr("f", network), pa.array(ADDRESSES).dictionary_encode()) == expected
    assert held(Cidr("f", network), pa.array([[a] for a in ADDRESSES])) == expected


def test_numbers_are_no_addresses() -> None:
    assert held(Cidr("f", "0.0.0.0/0"), pa.array([1, 2])) == []


LINES = ["abc", "ABC", "x\nabc", "abc\n", "٣", "3", "aa", "", None, "\u212a"]


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        (Regex("f", "b"), [0, 2, 3]),
        (Regex("f", "^abc$"), [0]),
        (Regex("f", "^abc$", ignore_case=True), [0, 1]),
        (Regex("f", "^abc$", multiline=True), [0, 2, 3]),
        (Regex("f", "x.abc"), []),
        (Regex("f", "x.abc", dotall=True), [2]),
        (Regex("f", r"\d"), [5]),
        (Regex("f", "^k$", ignore_case=True), [9]),
        (Regex("f", ""), [0, 1, 2, 3, 4, 5, 6, 7, 9]),
        # Only a backtracking engine runs these; what they share with RE2 means the same.
        (Regex("f", r"(a)\1"), [6]),
        (Regex("f", "^(?=abc)abc$"), [0]),
        (Regex("f", "^(?=abc)abc$", ignore_case=True), [0, 1]),
        (Regex("f", "^(?=abc)abc$", multiline=True), [0, 2, 3]),
        (Regex("f", r"(?=\d)[$\]\d]"), [5]),
        (Regex("f", "x(?=.abc)", dotall=True), [2]),
    ],
)
def test_regular_expressions(regex: Regex, expected: list[int]) -> None:
    assert held(regex, pa.array(LINES)) == expected
    assert held(regex, pa.array(LINES).dictionary_encode()) == expected


@pytest.mark.parametrize(
    ("left", "right", "relation", "cased", "expected"),
    [
        (["a", "A", None, "b", None], ["a", "a", None, None, "b"], Relation.EQUALS, False, [0, 1]),
        (["a", "A", None, "b", None], ["a", "a", None, None, "b"], Relation.EQUALS, True, [0]),
        (["abc", "abc", "bc"], ["AB", "bc", "abc"], Relation.STARTS_WITH, False, [0]),
        (["abc", "abc", "bc"], ["AB", "bc", "abc"], Relation.ENDS_WITH, False, [1]),
        (["abc", "abc", "bc"], ["AB", "bc", "abc"], Relation.CONTAINS, False, [0, 1]),
        (["abc", "abc", "bc"], ["AB", "bc", "abc"], Relation.CONTAINS, True, [1]),
        (["401", "1"], [401, 2], Relation.EQUALS, False, [0]),
        ([401, 1], [401.0, 2.0], Relation.EQUALS, False, [0]),
        ([["a", "b"], ["c"], [], None], ["B", "d", "e", "f"], Relation.EQUALS, False, [0]),
        ([["a", "b"], ["c"]], [["x", "b"], ["d"]], Relation.EQUALS, False, [0]),
        ([["a", "bc"], ["c"]], [["x", "b"], []], Relation.STARTS_WITH, False, [0]),
        ([{"x": 1}], [{"x": 1}], Relation.EQUALS, False, []),
        ([{"x": 1}], [{"x": 1}], Relation.CONTAINS, False, []),
    ],
)
def test_one_field_against_another(
    left: list[object], right: list[object], relation: Relation, cased: bool, expected: list[int]
) -> None:
    match_ = FieldMatch("a", "b", relation, cased)
    found = Masks(events(a=pa.array(left), b=pa.array(right))).of(match_)
    assert list(np.flatnonzero(found)) == expected
    assert not Masks(events(a=pa.array(left))).of(match_).any()


MOMENTS = [
    "2026-03-01T23:59:59Z",
    "2026-03-02T00:30:00+01:00",
    "2026-03-01 23:00",
    "2026-03-01",
    "1772409599",
    "1772409599000",
    "1772409599000000",
    "1772409599000000000",
    "23",
    "yesterday",
    "2026-13-01",
    None,
]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (TimePart("f", TimeUnit.HOUR, 23), [0, 1, 2, 4, 5, 6, 7]),
        (TimePart("f", TimeUnit.HOUR, 22, Op.GT), [0, 1, 2, 4, 5, 6, 7]),
        (TimePart("f", TimeUnit.HOUR, 23, Op.LT), [3, 8]),
        (TimePart("f", TimeUnit.MINUTE, 30), [1]),
        (TimePart("f", TimeUnit.DAY, 1), [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (TimePart("f", TimeUnit.WEEK, 9), [0, 1, 2, 3, 4, 5, 6, 7]),
        (TimePart("f", TimeUnit.MONTH, 3), [0, 1, 2, 3, 4, 5, 6, 7]),
        (TimePart("f", TimeUnit.YEAR, 2026), [0, 1, 2, 3, 4, 5, 6, 7]),
        (TimePart("f", TimeUnit.YEAR, 1970, Op.LTE), [8]),
    ],
)
def test_parts_of_times(part: TimePart, expected: list[int]) -> None:
    assert held(part, pa.array(MOMENTS)) == expected
    assert held(part, pa.array(MOMENTS).dictionary_encode()) == expected


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1_772_409_599, None]),
        pa.array([1_772_409_599_000.0, None]),
        pa.array([datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), None], pa.timestamp("ms", "UTC")),
        pa.array([datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), None], pa.timestamp("us", "Europe/Berlin")),
        pa.array([datetime(2026, 3, 1, 23, 59, 59), None], pa.timestamp("ns")),  # noqa: DTZ001 # none means UTC
        pa.array([["2026-03-01T23:59:59Z"], None]),
    ],
)
def test_times_of_other_types(column: pa.Array) -> None:
    assert held(TimePart("f", TimeUnit.HOUR, 23), column) == [0]


def test_booleans_are_no_times() -> None:
    assert held(TimePart("f", TimeUnit.YEAR, 1970), pa.array([True, False])) == []
