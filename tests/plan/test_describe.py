"""Predicates in words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tollwatch.plan.describe import describe
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
    Predicate,
    Regex,
    Relation,
    Text,
    TimePart,
    TimeUnit,
    Wildcard,
)
from tollwatch.sigma.model import Op


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (Constant(value=True), "always"),
        (Number("a", Decimal("12.75")), "a: 12.75"),
        (Boolean("a", value=True), "a: true"),
        (Null("a"), "a: null"),
        (Compare("a", Op.LTE, Decimal(5)), "a <= 5"),
        (Text("a", ("x*", Wildcard.ANY)), "a: x\\**"),
        (Text("a", ()), "a: ''"),
        (Text(None, (Wildcard.ANY, "x", Wildcard.ANY)), "any text: *x*"),
        (Regex("a", "^x"), "a matches /^x/"),
        (Cidr("a", "10.0.0.0/8"), "a in 10.0.0.0/8"),
        (FieldMatch("a", "b", Relation.STARTS_WITH), "a startswith b"),
        (TimePart("a", TimeUnit.HOUR, 3), "hour of a: 3"),
        (And((Null("a"), Not(Or((Null("b"), Null("c")))))), "a: null and not (b: null or c: null)"),
        (Text("a", ("x" * 100,)), "a: " + "x" * 76 + "…"),
    ],
)
def test_describe(predicate: Predicate, expected: str) -> None:
    assert describe(predicate) == expected
