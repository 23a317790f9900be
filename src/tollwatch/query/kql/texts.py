"""Kusto's operators over texts. Microsoft's documentation, "String operators".

A term is a maximal sequence of letters and digits. What has() means by one that begins or ends with another character
is nowhere said: where the two readings (the character needs a boundary before it, or is one) differ, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.query.columns import both, contrary, either
from tollwatch.query.entries import Function, Here, Run
from tollwatch.query.kql.casts import NUMERIC, as_texts, cast
from tollwatch.query.kql.logic import compared, negated
from tollwatch.query.kql.regexes import compiled, pattern_of
from tollwatch.query.kql.values import distinct, is_constant, mapped, spread, truth
from tollwatch.query.table import Column, Type

TEXTS = frozenset({Type.STRING, Type.DYNAMIC})


def lowered(text: str) -> str:
    """The text in small letters, by Unicode's simple rule for each character."""
    return text.lower() if text.isascii() else str(pc.utf8_lower(pa.scalar(text)).as_py())


def raised(text: str) -> str:
    """The text in capital letters, by Unicode's simple rule for each character."""
    return text.upper() if text.isascii() else str(pc.utf8_upper(pa.scalar(text)).as_py())


Test = Callable[[str, str], bool | None]


def _text_test(test: Test, *, cased: bool) -> Run:
    """An operator from a test of two texts; None from the test: which of two readings holds is not documented."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        left, right = as_texts(columns, here)
        if is_constant(right):
            wanted = str(right.values[0]) if cased else lowered(str(right.values[0]))
            parts = distinct(left)
            found = [test(value if cased else lowered(value), wanted) for value in parts.values]
            return truth(np.array(_decided(found, here), np.bool_)[parts.of])

        def single(one: str, two: str) -> bool:
            return _decided([test(one, two) if cased else test(lowered(one), lowered(two))], here)[0]

        return mapped(Type.BOOL, single, [left, right], here.rows)

    return run


def _decided(found: list[bool | None], here: Here) -> list[bool]:
    if None in found:
        raise here.failed("a term that begins or ends with no letter or digit, beside one: not documented")
    return [bool(one) for one in found]


@cache
def _terms(word: str, kind: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The word with boundaries wherever the operator wants one, and only beside its own letters and digits."""
    before, after = r"(?<![^\W_])", r"(?![^\W_])"
    wants = (kind != "hassuffix", kind != "hasprefix")
    strict = f"{before if wants[0] else ''}{re.escape(word)}{after if wants[1] else ''}"
    first, last = word[:1].isalnum(), word[-1:].isalnum()
    loose = f"{before if wants[0] and first else ''}{re.escape(word)}{after if wants[1] and last else ''}"
    return re.compile(strict), re.compile(loose)


def _has(kind: str) -> Test:
    def test(text: str, word: str) -> bool | None:
        if word not in text:
            return False
        strict, loose = _terms(word, kind)
        found = strict.search(text) is not None
        return found if found == (loose.search(text) is not None) else None

    return test


_TESTS: Mapping[str, Test] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "has": _has("has"),
    "hasprefix": _has("hasprefix"),
    "hassuffix": _has("hassuffix"),
}


# ---------------------------------------------------------------- lists


def items_of(columns: Sequence[Column], here: Here) -> list[Column]:
    """The values to compare with, constants kept once; a dynamic list stands for its elements."""
    found: list[Column] = []
    for one in columns:
        if one.type is not Type.DYNAMIC:
            found.append(one)
            continue
        if not is_constant(one) and len(distinct(one).values) > 1:
            raise here.failed("a list that differs between rows is not known here")
        value = one.values[0] if len(one) else None
        items = value if isinstance(value, list) else [] if value is None else [value]
        found.extend(_constant(item, here) for item in items)
    return found


def _constant(value: Any, here: Here) -> Column:
    kinds = {str: Type.STRING, bool: Type.BOOL, int: Type.LONG, float: Type.REAL}
    if type(value) not in kinds:
        raise here.failed(f"the value {value!r} in a list is not known here")
    return spread(kinds[type(value)], value, here.rows)


def _in(*, cased: bool) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        first, items = columns[0], items_of(columns[1:], here)
        if first.type is Type.DYNAMIC and all(one.type is Type.STRING for one in items):
            first = cast(first, Type.STRING, here)
        if not items or not here.rows:
            return truth(np.zeros(here.rows, np.bool_))
        if first.type is Type.STRING:
            return _among(first, _as_strings(items, here), cased=cased, here=here)
        if not cased:
            raise here.failed(f"in~ is not known for {first.type}")
        if first.type in NUMERIC and all(one.type in NUMERIC and is_constant(one) for one in items):
            return _among_numbers(first, items)
        return reduce(either, [compared("==")([first, one], here) for one in items])

    return run


def _as_strings(items: Sequence[Column], here: Here) -> list[Column]:
    """A list beside a string."""
    other = next((one.type for one in items if one.type is not Type.STRING), None)
    if other is not None:
        raise here.failed(f"a {other} in a list beside a string is not known: cast it")
    return list(items)


def _among(first: Column, items: Sequence[Column], *, cased: bool, here: Here) -> Column:
    fixed = {str(one.values[0]) if cased else lowered(str(one.values[0])) for one in items if is_constant(one)}
    parts = distinct(first)
    found = truth(np.array([(v if cased else lowered(v)) in fixed for v in parts.values], np.bool_)[parts.of])
    same = compared("==") if cased else _text_test(lambda one, two: one == two, cased=False)
    return reduce(either, [same([first, one], here) for one in items if not is_constant(one)], found)


def _among_numbers(first: Column, items: Sequence[Column]) -> Column:
    """Of a null nothing is equal but another null, of which nobody can tell."""
    there = np.array([one.values[0] for one in items if one.valid[0]])
    found = np.isin(first.values, there) & first.valid
    known = first.valid | (len(there) > 0)
    return truth(found, known & (found | all(bool(one.valid[0]) for one in items) | first.valid))


def _has_list(*, every: bool) -> Run:
    test = _text_test(_has("has"), cased=False)

    def run(columns: Sequence[Column], here: Here) -> Column:
        (first,) = as_texts(columns[:1], here)
        items = _as_strings(items_of(columns[1:], here), here)
        join: Callable[[Column, Column], Column] = both if every else either
        return reduce(join, [test([first, one], here) for one in items], spread(Type.BOOL, every, here.rows))

    return run


# ---------------------------------------------------------------- patterns


def matched(texts: Sequence[str], pattern: str, here: Here) -> list[bool]:
    """Which texts have a match: by RE2, and where a text has other characters than ASCII's, by Unicode's classes."""
    python = None if all(map(str.isascii, texts)) else compiled(pattern, here)
    if re.search(r"\[[^\]]*(&&|--|~~|\[(?!:))", pattern):
        compiled(pattern, here)
    try:
        found = pc.match_substring_regex(pa.array(texts, pa.string()), pattern).to_pylist()
    except pa.ArrowInvalid as error:
        raise here.failed(f"the pattern cannot be read: {error}") from None
    if python is None:
        return [bool(one) for one in found]
    return [bool(one if text.isascii() else python.search(text)) for one, text in zip(found, texts, strict=True)]


def _matches(columns: Sequence[Column], here: Here) -> Column:
    text, pattern = as_texts(columns, here)
    if not here.rows:
        return truth(np.zeros(0, np.bool_))
    parts = distinct(text)
    return truth(np.array(matched(parts.values, pattern_of(pattern, here), here), np.bool_)[parts.of])


def _equal(*, different: bool) -> Run:
    same = _text_test(lambda one, two: one == two, cased=False)
    return lambda columns, here: contrary(same(columns, here)) if different else same(columns, here)


def _entry(run: Run) -> Function:
    return Function(2, 2, run, (TEXTS,))


TEXT_OPERATORS: Mapping[str, Function] = {
    "=~": _entry(_equal(different=False)),
    "!~": _entry(_equal(different=True)),
    **{
        f"{name}{mark}": _entry(_text_test(test, cased=bool(mark)))
        for mark in ("", "_cs")
        for name, test in _TESTS.items()
    },
    **{
        f"!{name}{mark}": _entry(negated(_text_test(test, cased=bool(mark))))
        for mark in ("", "_cs")
        for name, test in _TESTS.items()
    },
    "in": Function(1, None, _in(cased=True)),
    "in~": Function(1, None, _in(cased=False)),
    "!in": Function(1, None, negated(_in(cased=True))),
    "!in~": Function(1, None, negated(_in(cased=False))),
    "has_any": Function(2, None, _has_list(every=False)),
    "has_all": Function(2, None, _has_list(every=True)),
    "matches regex": _entry(_matches),
}
