"""The reference's reading of single events, by hand: each clause of "One event" has at least one example here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reference.matching import matches
from reference.patterns import encoded, like, tokens

SECOND = 1_000_000
Event = dict[str, Any]


@pytest.mark.parametrize(
    ("item", "event", "expected"),
    [
        # Text compares case-insensitively unless cased; * and ? are wildcards, a backslash escapes.
        ({"f": "abc"}, {"f": "ABC"}, True),
        ({"f": "abc"}, {"f": "abcd"}, False),
        ({"f": "\u212a"}, {"f": "k"}, True),
        ({"f": "\u0130"}, {"f": "i"}, True),
        ({"f": "ας"}, {"f": "ΑΣ"}, False),
        ({"f": "ß"}, {"f": "ss"}, False),
        ({"f|cased": "abc"}, {"f": "ABC"}, False),
        ({"f|cased": "a*"}, {"f": "aBC"}, True),
        ({"f": "a*c"}, {"f": "ac"}, True),
        ({"f": "a*c"}, {"f": "a\nc"}, True),
        ({"f": "a?c"}, {"f": "ac"}, False),
        ({"f": "a?c"}, {"f": "aéc"}, True),
        ({"f": r"a\*c"}, {"f": "abc"}, False),
        ({"f": r"a\*c"}, {"f": "a*c"}, True),
        ({"f": r"a\b"}, {"f": r"a\b"}, True),
        ({"f": r"a\\b"}, {"f": r"a\b"}, True),
        ({"f": r"a\\*"}, {"f": "a\\bc"}, True),
        ({"f|contains": "b"}, {"f": "aBc"}, True),
        ({"f|contains": "b\\"}, {"f": "ab\\c"}, True),
        ({"f|startswith": "b"}, {"f": "ab"}, False),
        ({"f|endswith": "b"}, {"f": "ab"}, True),
        ({"f|contains": ""}, {"f": ""}, True),
        ({"f|contains": ""}, {"f": None}, False),
        # A number in a rule matches an equal number, also where the log carries it as text.
        ({"f": 401}, {"f": 401}, True),
        ({"f": 401}, {"f": "401"}, True),
        ({"f": 401}, {"f": "401.0"}, True),
        ({"f": 401}, {"f": "4.01e2"}, True),
        ({"f": 401}, {"f": " 401"}, False),
        ({"f": 401}, {"f": "0x191"}, False),
        ({"f": 1}, {"f": True}, False),
        ({"f": 0.1}, {"f": 0.1}, True),
        ({"f": Decimal("0.1")}, {"f": 0.1}, True),
        ({"f": 2**53 + 1}, {"f": 2**53}, False),
        ({"f": "401"}, {"f": 401}, True),
        ({"f": "4*1"}, {"f": 401}, True),
        ({"f": "5"}, {"f": 5.0}, True),
        ({"f|contains": ".5"}, {"f": 0.5}, True),
        # Booleans likewise.
        ({"f": True}, {"f": True}, True),
        ({"f": True}, {"f": "True"}, True),
        ({"f": True}, {"f": 1}, False),
        ({"f": "true"}, {"f": True}, True),
        # null matches a missing field and a null; exists means not null; empty text is only empty text.
        ({"f": None}, {}, True),
        ({"f": None}, {"f": None}, True),
        ({"f": None}, {"f": ""}, False),
        ({"f": None}, {"f": []}, False),
        ({"f|exists": True}, {"f": ""}, True),
        ({"f|exists": True}, {"f": None}, False),
        ({"f|exists": False}, {}, True),
        ({"f": ""}, {"f": ""}, True),
        ({"f": ""}, {"f": None}, False),
        ({"f": ["a", None]}, {}, True),
        # A comparison with a missing field is false, and so is its negation's inner part.
        ({"f": "*"}, {}, False),
        ({"f|lt": 5}, {}, False),
        ({"f|neq": "a"}, {}, True),
        ({"f|neq": "a"}, {"f": "A"}, False),
        ({"f|neq": ["a", "b"]}, {"f": "b"}, False),
        # A list in an event matches where any element does; with all, each wanted value by some element.
        ({"f": "a"}, {"f": ["b", "A"]}, True),
        ({"f|gt": 2}, {"f": [1, 3]}, True),
        ({"f|all": ["a", "b"]}, {"f": ["b", "a", "c"]}, True),
        ({"f|all": ["a", "b"]}, {"f": "a"}, False),
        ({"f|contains|all": ["a", "b"]}, {"f": "ab"}, True),
        ({"f|contains|all": ["a", "b"]}, {"f": ["xa", "yb"]}, True),
        ({"f|neq": "a"}, {"f": ["a", "b"]}, False),
        ({"f": "a"}, {"f": []}, False),
        # A field is looked up by its literal name first, then as a dotted path.
        ({"f.g": "a"}, {"f": {"g": "a"}}, True),
        ({"f.g": "a"}, {"f.g": "b", "f": {"g": "a"}}, False),
        ({"f.g.h": "a"}, {"f.g": {"h": "a"}}, True),
        ({"f.g": None}, {"f": {"h": 1}}, True),
        # Keywords match any text field.
        (["b"], {"f": "aBc"}, True),
        (["b"], {"f": {"g": "b"}}, True),
        (["b"], {"f": ["x", "b"]}, True),
        (["401"], {"f": 401}, False),
        (["x", "b"], {"f": "b"}, True),
        (["a*c"], {"f": "xabcx"}, True),
        ({"|all": ["a", "b"]}, {"f": "a", "g": "b"}, True),
        ({"|all": ["a", "b"]}, {"f": "a"}, False),
        ({"|re": "^B$"}, {"f": "B"}, True),
        # re is found anywhere and minds the case; i, m and s; $ is the very end; \d is ASCII.
        ({"f|re": "b"}, {"f": "abc"}, True),
        ({"f|re": "B"}, {"f": "abc"}, False),
        ({"f|re|i": "B"}, {"f": "abc"}, True),
        ({"f|re": "a.c"}, {"f": "a\nc"}, False),
        ({"f|re|s": "a.c"}, {"f": "a\nc"}, True),
        ({"f|re": "a$"}, {"f": "a\n"}, False),
        ({"f|re|m": "a$"}, {"f": "a\nb"}, True),
        ({"f|re": r"^\d$"}, {"f": "\u0661"}, False),
        ({"f|re": "^40"}, {"f": 401}, True),
        # cidr for IPv4 and IPv6.
        ({"f|cidr": "10.0.0.0/8"}, {"f": "10.255.255.255"}, True),
        ({"f|cidr": "10.0.0.0/8"}, {"f": "11.0.0.0"}, False),
        ({"f|cidr": "10.0.0.0/8"}, {"f": "10.0.0.1:80"}, False),
        ({"f|cidr": "10.0.0.0/8"}, {"f": "10.0.0.01"}, False),
        ({"f|cidr": "10.0.0.0/8"}, {"f": "::ffff:10.0.0.1"}, True),
        ({"f|cidr": "::ffff:0:0/96"}, {"f": "10.0.0.1"}, False),
        ({"f|cidr": "2001:db8::/32"}, {"f": "2001:DB8:0::1"}, True),
        ({"f|cidr": "::/0"}, {"f": "10.0.0.1"}, False),
        # lt lte gt gte, over numbers and text that reads as one.
        ({"f|lt": 5}, {"f": 5}, False),
        ({"f|lte": 5}, {"f": "5"}, True),
        ({"f|gt": 0.3}, {"f": 0.3}, False),
        ({"f|gte": 5}, {"f": 4.999}, False),
        ({"f|gte": 5}, {"f": "many"}, False),
        # fieldref, also with startswith, endswith, contains; false if either is missing.
        ({"f|fieldref": "g"}, {"f": "A", "g": "a"}, True),
        ({"f|fieldref": "g"}, {"f": 5, "g": "5"}, True),
        ({"f|fieldref": "g"}, {}, False),
        ({"f|fieldref|neq": "g"}, {"f": "a"}, True),
        ({"f|fieldref|startswith": "g"}, {"f": "ab", "g": "a"}, True),
        ({"f|fieldref|endswith": "g"}, {"f": "ab", "g": "a"}, False),
        ({"f|fieldref|contains": "g"}, {"f": "xay", "g": "A"}, True),
        ({"f|fieldref": "g"}, {"f": "a*", "g": "ab"}, False),
        ({"f|fieldref": "g"}, {"f": ["a", "b"], "g": ["c", "b"]}, True),
        # Encodings: base64 of "ab" is YWI=, and the three offsets' static parts are YW, Fi and hY.
        ({"f|base64": "ab"}, {"f": "YWI="}, True),
        ({"f|base64offset|contains": "abc"}, {"f": "eGFiYw=="}, True),
        ({"f|wide|base64": "a"}, {"f": "YQA="}, True),
        ({"f|utf16|base64": "a"}, {"f": "//5hAA=="}, True),
        ({"f|utf16be|base64": "a"}, {"f": "AGE="}, True),
        ({"f|windash": "-a /b"}, {"f": "/a \u2014b"}, True),
        ({"f|windash": "a-b"}, {"f": "a/b"}, False),
        # expand: any of the placeholder's values; several placeholders in every combination.
        ({"f|expand": "%who%"}, {"f": "BOB"}, True),
        ({"f|expand": "%who%"}, {"f": "%who%"}, False),
        ({"f|expand": "%who%-%who%"}, {"f": "al-bob"}, True),
        # Timestamp parts, in UTC; week is the ISO week.
        ({"timestamp|hour": 1}, {"timestamp": 3600 * SECOND}, True),
        ({"timestamp|week": 1}, {"timestamp": 0}, True),
        ({"f|week": 53}, {"f": "2027-01-01"}, True),
        ({"f|day": 28}, {"f": "2026-03-01T00:30:00+01:00"}, True),
        ({"f|minute": 30}, {"f": "2026-03-01T00:30:00"}, True),
        ({"f|year": 2026}, {"f": "soon"}, False),
        # A mapping asks for every item, a list of mappings for one of them.
        ({"f": "a", "g": "b"}, {"f": "a"}, False),
        ([{"f": "a"}, {"g": "b"}], {"f": "a"}, True),
    ],
)
def test_one_event(item: Any, event: Event, expected: bool) -> None:
    placeholders = {"who": ("al", "bob")}
    assert matches({"one": item, "condition": "one"}, event, placeholders) is expected


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        # a and ab hold, b and _c do not.
        ("a", True),
        ("not a", False),
        ("a and b", False),
        ("b or a and ab", True),
        ("not b and a", True),
        ("not (b or a)", False),
        ("b and b or a", True),
        ("b and (b or a)", False),
        ("1 of them", True),
        ("all of them", False),
        ("all of a*", True),
        ("1 of b*", False),
        ("all of *b", False),
        ("any of *a", True),
        ("not 1 of them", False),
        ("1 of them and not all of them", True),
        (["b", "a"], True),
        (["b", "b"], False),
    ],
)
def test_conditions(condition: Any, holds: bool) -> None:
    detection = {"a": {"f": 1}, "ab": {"f": 1}, "b": {"f": 2}, "condition": condition}
    assert matches(detection, {"f": 1}, {}) is holds


def test_a_name_with_an_underscore_is_not_among_them() -> None:
    detection = {"_a": {"f": 1}, "b": {"f": 2}, "condition": "1 of them"}
    assert not matches(detection, {"f": 1}, {})


def test_the_three_static_parts_of_an_offset() -> None:
    assert encoded("ab", ["base64offset"]) == ["YW", "Fi", "hY"]


def test_a_pattern_is_matched_whole() -> None:
    assert [like("abab", tokens(text), cased=True) for text in ("*ab", "a*", "*b*b", "??", "ab*ab*")] == [
        True, True, True, False, True,
    ]  # fmt: skip
