"""Detections as predicates: conditions, values and every modifier."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from sigma.rule import SigmaDetectionItem, SigmaRule
from sigma.types import SigmaNumber, SigmaQueryExpression

from tollwatch.plan.lower import lower
from tollwatch.plan.nodes import (
    And,
    Boolean,
    Cidr,
    Compare,
    FieldMatch,
    Not,
    Null,
    Number,
    Or,
    Pattern,
    Predicate,
    Regex,
    Relation,
    Search,
    Text,
    TimePart,
    TimeUnit,
    Wildcard,
)
from tollwatch.sigma.model import EventRule, Header, LogSource, Op, RuleSet

ANY, ONE = Wildcard.ANY, Wildcard.ONE
SOURCE = LogSource("ai_api", None, "gateway")


def rule(detection: dict[str, object]) -> EventRule:
    header = Header("r", "A rule", "rules/r.yml", 3, 1)
    raw = {"title": "A rule", "logsource": {"category": "ai_api"}, "detection": {"condition": "s", **detection}}
    return EventRule(header, SOURCE, SigmaRule.from_dict(raw))


def lowered(detection: dict[str, object]) -> Predicate:
    plan, diagnostics = lower(RuleSet((rule(detection),)))
    assert diagnostics == ()
    (node,) = plan.detections
    assert isinstance(node, Search)
    assert (node.header.key, node.logsource) == ("r", SOURCE)
    return node.predicate


def told(given: EventRule) -> list[tuple[str, str]]:
    plan, diagnostics = lower(RuleSet((given,)))
    assert plan.detections == ()
    assert {(d.path, d.line, d.column) for d in diagnostics} == {("rules/r.yml", 3, 1)}
    return [(d.code, d.message) for d in diagnostics]


def windash(start: Pattern, end: Pattern, *, cased: bool = False) -> Predicate:
    return Or(tuple(Text("f", (*start[:-1], f"{start[-1]}{dash}{end[0]}", *end[1:]), cased) for dash in "-/–—―"))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("f", "Abc", Text("f", ("Abc",))),
        ("f", "", Text("f", ())),
        ("f", "a*b?c", Text("f", ("a", ANY, "b", ONE, "c"))),
        ("f", r"a\*b\\c\d", Text("f", (r"a*b\c\d",))),
        ("f", "**?*x", Text("f", (ONE, ANY, "x"))),
        ("f|contains", "a", Text("f", (ANY, "a", ANY))),
        ("f|contains", "*a*", Text("f", (ANY, "a", ANY))),
        ("f|contains", "", Text("f", (ANY,))),
        ("f|startswith", "a", Text("f", ("a", ANY))),
        ("f|endswith", "a", Text("f", (ANY, "a"))),
        ("f|cased", "a", Text("f", ("a",), cased=True)),
        ("f|contains|cased", "a", Text("f", (ANY, "a", ANY), cased=True)),
        ("f|cased|contains", "a", Text("f", (ANY, "a", ANY), cased=True)),
        ("f|cased|startswith", "a", Text("f", ("a", ANY), cased=True)),
        ("f|windash|contains", "x -a", windash((ANY, "x "), ("a", ANY))),
        ("f|cased|windash", "x -a", windash(("x ",), ("a",), cased=True)),
        ("f|base64", "foo", Text("f", ("Zm9v",))),
        ("f|cased|base64", "foo", Text("f", ("Zm9v",), cased=True)),
        ("f|wide|base64", "ab", Text("f", ("YQBiAA==",))),
        ("f|base64offset|contains", "foo", Or(tuple(Text("f", (ANY, t, ANY)) for t in ("Zm9v", "Zvb", "mb2")))),
        ("f", 401, Number("f", Decimal(401))),
        ("f", 0.1, Number("f", Decimal("0.1"))),
        ("f", 1.0, Number("f", Decimal(1))),
        ("f", True, Boolean("f", True)),
        ("f", None, Null("f")),
        ("f", [], Null("f")),
        ("f|exists", True, Not(Null("f"))),
        ("f|exists", False, Null("f")),
        ("f|re", "^a*b$", Regex("f", "^a*b$")),
        ("f|re|i", "a", Regex("f", "a", ignore_case=True)),
        ("f|re|m|s", "a", Regex("f", "a", multiline=True, dotall=True)),
        ("f|re|contains", "a|b", Regex("f", ".*a|b.*")),
        ("f|re|startswith", "a|b", Regex("f", "^(?:a|b.*)")),
        ("f|re|endswith", "a|b", Regex("f", "(?:.*a|b)$")),
        ("f|re|m|endswith", "b", Regex("f", "(?:.*b)(?-m:$)", multiline=True)),
        ("f|lt", 5, Compare("f", Op.LT, Decimal(5))),
        ("f|lte", 5.5, Compare("f", Op.LTE, Decimal("5.5"))),
        ("f|gt", -5, Compare("f", Op.GT, Decimal(-5))),
        ("f|gte", 5, Compare("f", Op.GTE, Decimal(5))),
        ("f|neq", 5, Not(Number("f", Decimal(5)))),
        ("f|neq", ["a", "b"], Not(Or((Text("f", ("a",)), Text("f", ("b",)))))),
        ("f|contains|neq", "a", Not(Text("f", (ANY, "a", ANY)))),
        ("f|cidr", "10.0.0.0/8", Cidr("f", "10.0.0.0/8")),
        ("f|cidr", "2001:DB8::/32", Cidr("f", "2001:db8::/32")),
        ("f|fieldref", "g", FieldMatch("f", "g")),
        ("f|fieldref|startswith", "g", FieldMatch("f", "g", Relation.STARTS_WITH)),
        ("f|fieldref|endswith", "g", FieldMatch("f", "g", Relation.ENDS_WITH)),
        ("f|fieldref|contains", "g", FieldMatch("f", "g", Relation.CONTAINS)),
        ("f|fieldref|neq", "g", Not(FieldMatch("f", "g"))),
        ("f|hour", 3, TimePart("f", TimeUnit.HOUR, 3)),
        ("f|week", 9, TimePart("f", TimeUnit.WEEK, 9)),
        ("f|hour|gte", 22, TimePart("f", TimeUnit.HOUR, 22, Op.GTE)),
        ("f", ["a", 1, None, "a"], Or((Text("f", ("a",)), Number("f", Decimal(1)), Null("f")))),
        ("f|contains|all", ["a", "b"], And((Text("f", (ANY, "a", ANY)), Text("f", (ANY, "b", ANY))))),
        ("|contains", "a", Text(None, (ANY, "a", ANY))),
        ("|cased", "a", Text(None, (ANY, "a", ANY), cased=True)),
        ("|re", "a", Regex(None, "a")),
        ("|all", ["a", 40], And((Text(None, (ANY, "a", ANY)), Text(None, (ANY, "40", ANY))))),
    ],
)
def test_values(key: str, value: object, expected: Predicate) -> None:
    assert lowered({"s": {key: value}}) == expected


def test_all_with_a_modifier_that_makes_several_texts() -> None:
    """Every value must match, each in any of its writings."""
    found = lowered({"s": {"f|windash|contains|all": ["-a", "b"]}})
    either = Or(tuple(Text("f", (ANY, f"{dash}a", ANY)) for dash in "-/–—―"))
    assert found == And((either, Text("f", (ANY, "b", ANY))))


A, B, C = (Text("f", (letter,)) for letter in "abc")
SELECTIONS: dict[str, object] = {"s": {"f": "a"}, "s_b": {"f": "b"}, "s_c": {"f": "c"}, "_hidden": {"f": "d"}}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("s", A),
        ("s and s_b", And((A, B))),
        ("s and s_b or s_c", Or((And((A, B)), C))),
        ("s and (s_b or s_c)", And((A, Or((B, C))))),
        ("(s and s_b) and s_c", And((A, B, C))),
        ("not s", Not(A)),
        ("not not s", A),
        ("not (s or s_b)", Not(Or((A, B)))),
        ("s or s", A),
        ("1 of s_*", Or((B, C))),
        ("any of s_*", Or((B, C))),
        ("all of s_*", And((B, C))),
        ("s and not 1 of s_*", And((A, Not(Or((B, C)))))),
        ("1 of them", Or((A, B, C))),
        (["s", "s_b"], Or((A, B))),
    ],
)
def test_conditions(condition: object, expected: Predicate) -> None:
    assert lowered({**SELECTIONS, "condition": condition}) == expected


def test_selections() -> None:
    one, two = Number("g", Decimal(1)), Number("g", Decimal(2))
    assert lowered({"s": {"f": "a", "g": 1}}) == And((A, one))
    assert lowered({"s": [{"f": "a", "g": 1}, {"g": 2}]}) == Or((And((A, one)), two))
    assert lowered({"s": ["x", "y"]}) == Or((Text(None, (ANY, "x", ANY)), Text(None, (ANY, "y", ANY))))
    assert lowered({"s": "x*"}) == Text(None, (ANY, "x", ANY))


def test_lowering_leaves_the_rule_as_it_was() -> None:
    given = rule({**SELECTIONS, "condition": "1 of s_* and not s"})
    before = copy.deepcopy(given.sigma)
    first, second = lower(RuleSet((given,))), lower(RuleSet((given,)))
    assert first == second
    assert given.sigma == before
    assert given.sigma.detection.detections["s"].parent is None


AND = "the condition cannot be read: the condition ends after `and`"
KEYWORD = "a keyword cannot be compared with a value of the kind"


@pytest.mark.parametrize(
    ("detection", "code", "messages"),
    [
        ({"s": {"f": 1}, "condition": "s and t"}, "PLN002", ["the condition names t, and there is no such selection"]),
        ({"s": {"f": 1}, "condition": "1 of t*"}, "PLN002", ["no selection matches t*, which the condition asks for"]),
        ({"s": {"f": 1}, "condition": "s and"}, "PLN001", [AND]),
        ({"s": {"f|expand": "%x%y%z%"}}, "PLN004", [f"the placeholder %{name}% has no value" for name in "xz"]),
        ({"s": {"f": 2**53 + 1}}, "PLN005", ["field f: the number is too large to be read exactly"]),
        ({"s": {"f": "\ud800"}}, "PLN005", ["field f: the value holds half of a surrogate pair"]),
        ({"s": {"|cidr": "10.0.0.0/8"}}, "PLN003", [f"{KEYWORD} CIDRExpression"]),
        ({"s": {"|lt": 5}}, "PLN003", [f"{KEYWORD} CompareExpression"]),
        ({"s": [None]}, "PLN003", [f"{KEYWORD} Null"]),
        (
            {"s": {"f": 1}, "condition": "not " * 2000 + "s"},
            "PLN001",
            ["the condition cannot be read: brackets and negations are nested more than 30 deep"],
        ),
    ],
)
def test_what_cannot_be_lowered_is_told(detection: dict[str, object], code: str, messages: list[str]) -> None:
    assert told(rule(detection)) == [(code, f"r: {message}") for message in messages]


def test_a_kind_of_value_that_is_not_known_is_refused_by_name() -> None:
    given = rule({"s": {"f": 1}})
    item = given.sigma.detection.detections["s"].detection_items[0]
    assert isinstance(item, SigmaDetectionItem)
    item.value = [SigmaQueryExpression("x", "y"), SigmaNumber(1)]
    assert told(given) == [("PLN003", "r: field f cannot be compared with a value of the kind QueryExpression")]
