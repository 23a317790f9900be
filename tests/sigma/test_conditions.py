from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    SigmaCondition,
)
from sigma.rule import SigmaDetections

from tollwatch.sigma.conditions import (
    Condition,
    ConditionError,
    Every,
    Name,
    Negated,
    Selector,
    Some,
    Token,
    leaves,
    matching,
    parse_condition,
    rewritten,
)


def name(text: str, earlier: int = 0) -> Name:
    return Name(Token(text, earlier))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", name("a")),
        ("a and not a or b-1", Some((Every((name("a"), Negated(name("a", 1)))), name("b-1")))),
        ("a or b and c", Some((name("a"), Every((name("b"), name("c")))))),
        ("(a or b)and(c)", Every((Some((name("a"), name("b"))), name("c")))),
        ("not not a", Negated(Negated(name("a")))),
        ("1 of them", Selector(every=False, pattern=Token("them", 0))),
        ("any of sel_*", Selector(every=False, pattern=Token("sel_*", 0))),
        ("not all of a*", Negated(Selector(every=True, pattern=Token("a*", 0)))),
        ("1 and all", Every((name("1"), name("all")))),
        ("notes and android", Every((name("notes"), name("android")))),
        ("a\n  and b", Every((name("a"), name("b")))),
    ],
)
def test_what_a_condition_says(text: str, expected: Condition) -> None:
    assert parse_condition(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "word"),
    [
        ("", "the condition is empty", None),
        ("a and", "the condition ends after `and`", "and"),
        ("a b", "`b` is not expected here", "b"),
        ("(a", "a closing bracket is missing", "a"),
        ("a)", "`)` is not expected here", ")"),
        ("or a", "`or` is not expected here", "or"),
        ("a, b", "`,` is not expected here", ","),
        ("1 of", "`of` must be followed by a pattern or `them`", "of"),
        ("1 of a-*", "a pattern cannot contain `-`", "a-*"),
        ("1 of *a*b*c*d*", "a pattern can have at most 4 wildcards", "*a*b*c*d*"),
        ("not " * 40 + "a", "brackets and negations are nested more than 30 deep", None),
        ("(" * 40 + "a" + ")" * 40, "brackets and negations are nested more than 30 deep", None),
        ("a or " * 5_000 + "a", "the condition is longer than 20,000 characters", None),
    ],
)
def test_what_is_no_condition(text: str, message: str, word: str | None) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    assert (caught.value.message, caught.value.token and caught.value.token.text) == (message, word)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("them", ("a", "ab", "b")),
        ("a*", ("a", "ab")),
        ("*b", ("ab", "b")),
        ("_*", ("_a",)),
        ("a", ("a",)),
        ("c*", ()),
    ],
)
def test_which_selections_a_pattern_takes(pattern: str, expected: tuple[str, ...]) -> None:
    assert matching(pattern, ("a", "ab", "b", "_a")) == expected


SELECTIONS = ("a", "ab", "b", "_a")
WORDS = st.sampled_from(
    ["and", "or", "not", "(", ")", "1", "all", "any", "of", "them", "a", "ab", "b", "a*", "*b", "_*", "_a", "x"]
)


@given(st.lists(WORDS, min_size=1, max_size=12).map(" ".join))
def test_what_is_accepted_means_the_same_to_pysigma(text: str) -> None:
    """Also once it is written out. (pySigma accepts more: a pattern that matches nothing, for one.)"""
    detections = SigmaDetections.from_dict({**{one: {"f": one} for one in SELECTIONS}, "condition": text})
    try:
        condition = parse_condition(text)
    except ConditionError:
        return
    for leaf in leaves(condition):
        found = leaf.token.text in SELECTIONS if isinstance(leaf, Name) else matching(leaf.pattern.text, SELECTIONS)
        if not found:
            return
    own = SigmaCondition(text, detections).parsed
    written_out = SigmaCondition(rewritten(condition, SELECTIONS, str), detections).parsed
    for size in range(len(SELECTIONS) + 1):
        for true in map(frozenset, combinations(SELECTIONS, size)):
            assert meaning(condition, true) == holds(own, true) == holds(written_out, true)


def meaning(condition: Condition, true: frozenset[str]) -> bool:
    """Whether a condition holds where these selections do, and no other."""
    match condition:
        case Name(token):
            return token.text in true
        case Selector(every, pattern):
            found = [one in true for one in matching(pattern.text, SELECTIONS)]
            return all(found) if every else any(found)
        case Every(items):
            return all(meaning(item, true) for item in items)
        case Some(items):
            return any(meaning(item, true) for item in items)
        case Negated(item):
            return not meaning(item, true)


def holds(condition: object, true: frozenset[str]) -> bool:
    """The same for pySigma's tree."""
    match condition:
        case ConditionAND(args=args):
            return all(holds(item, true) for item in args)
        case ConditionOR(args=args):
            return any(holds(item, true) for item in args)
        case ConditionNOT(args=[item]):
            return not holds(item, true)
        case ConditionFieldEqualsValueExpression(value=value):
            return str(value) in true
        case _:
            raise TypeError(condition)
