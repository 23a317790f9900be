"""Text predicates over a column's distinct values.

Case: two texts are the same without regard to case where their characters' lower cases are (Unicode's simple lower
case, one character for one: İ is i, the Kelvin sign is k; ß, the long s and the final sigma stand for themselves).
The log's text and the rule's go through the same Arrow kernel. ``?`` is one character (code point), and ``*`` matches
newlines too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.columns import Column, Values, by_distinct, to_mask
from tollwatch.evaluate.numbers import Mask
from tollwatch.plan.nodes import Pattern, Regex, Text, Wildcard
from tollwatch.plan.regex import is_portable, python_pattern, re2_text

_ALTERNATIVES = 100  # texts in one regular expression: well within RE2's memory
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


def fold(text: str) -> str:
    """The text without regard to case."""
    return text.lower() if text.isascii() else str(pc.utf8_lower(pa.scalar(text)).as_py())


def match_text(column: Column, predicate: Text) -> Mask:
    """bool[m]: the values whose whole text matches the pattern."""
    if predicate.cased:
        return to_mask(_matched(column.texts, predicate.pattern))
    return to_mask(_matched(column.folded, _folded(predicate.pattern)))


def match_any(column: Column, alternatives: Sequence[Text]) -> Mask:
    """bool[m]: the values that one of the patterns matches, in few passes over the values however many there are."""
    out = np.zeros(len(column.values), np.bool_)
    for cased in (False, True):
        patterns = [predicate.pattern for predicate in alternatives if predicate.cased is cased]
        if patterns:
            texts = column.texts if cased else column.folded
            for found in _passes(texts, [_folded(pattern) if not cased else pattern for pattern in patterns]):
                out |= to_mask(found)
    return out


def _passes(texts: Values, patterns: Sequence[Pattern]) -> Iterator[Values]:
    whole, inside = [], []
    for pattern in patterns:
        match pattern:
            case (str() as text,):
                whole.append(text)
            case (Wildcard.ANY, str() as text, Wildcard.ANY):
                inside.append(_quoted(text))
            case _:
                yield _matched(texts, pattern)
    if whole:
        yield pc.is_in(texts, value_set=pa.array(whole, texts.type))
    for start in range(0, len(inside), _ALTERNATIVES):
        yield _run(texts, Regex(None, "|".join(inside[start : start + _ALTERNATIVES])))


def _folded(pattern: Pattern) -> Pattern:
    return tuple(fold(part) if isinstance(part, str) else part for part in pattern)


def _quoted(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _matched(texts: Values, pattern: Pattern) -> Values:
    match pattern:
        case ():
            return pc.equal(texts, "")
        case (Wildcard.ANY,) | (Wildcard.ANY, Wildcard.ANY):
            return pc.is_valid(texts)
        case (str() as text,):
            return pc.equal(texts, text)
        case (str() as text, Wildcard.ANY):
            return pc.starts_with(texts, text)
        case (Wildcard.ANY, str() as text):
            return pc.ends_with(texts, text)
        case (Wildcard.ANY, str() as text, Wildcard.ANY):
            return pc.match_substring(texts, text)
        case _:
            return _run(texts, Regex(None, _as_regex(pattern), dotall=True))


def _as_regex(pattern: Pattern) -> str:
    parts = {Wildcard.ANY: ".*", Wildcard.ONE: "."}
    body = "".join(_quoted(part) if isinstance(part, str) else parts[part] for part in pattern)
    return f"^{body}$"


def match_regex(column: Column, predicate: Regex) -> Mask:
    """bool[m]: the values in whose text the pattern is found."""
    return to_mask(_run(column.texts, predicate))


def _run(texts: Values, regex: Regex) -> Values:
    """By RE2; by Python's engine, value by value, where only that can run the pattern."""
    if is_portable(regex):
        return pc.match_substring_regex(texts, re2_text(regex))
    search = python_pattern(regex).search
    return by_distinct(
        texts, lambda distinct: pa.array([search(text) is not None for text in distinct.to_pylist()], pa.bool_())
    )


def match_boolean(column: Column, wanted: bool) -> Mask:
    """bool[m]: the values that are this boolean, also as text; a number is none."""
    if not (column.is_text or pa.types.is_boolean(column.type)):
        return to_mask(pa.repeat(False, len(column.values)))
    return to_mask(pc.equal(column.folded, str(wanted).lower()))
