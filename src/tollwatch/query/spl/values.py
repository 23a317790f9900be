r"""Splunk's values: numbers (doubles), texts, and several of them in a field.

A column is of doubles, of texts or of several texts. A text that reads as a number is one where a number is asked for,
and where it stands beside a number ("Search Reference", "Comparison and conditional functions", "where"). Booleans are
only conditions; what is null compares as null, which is not true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tollwatch.query.columns import COMPARE, number_text
from tollwatch.query.entries import Here, distinct_rows
from tollwatch.query.table import Column, Many, Mask, Type, column, nulls

_NUMBER = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")


def unquoted(token: str) -> str:
    r"""A text out of its quotes: ``\"`` and ``\\`` are one character, any other backslash is itself."""
    return re.sub(r'\\(["\\])', r"\1", token[1:-1])


def number_of(text: str) -> float | None:
    """The number that a text reads as."""
    return float(text) if _NUMBER.fullmatch(text) else None


def numbers(one: Column, here: Here) -> Column:
    """Doubles; a text that is no number is null."""
    if one.type is Type.REAL:
        return one
    if one.type in (Type.LONG, Type.TIMESPAN, Type.DATETIME):
        return Column(Type.REAL, one.values.astype(np.float64), one.valid)
    if one.type is Type.BOOL:
        raise here.failed("a condition is no number: use if(…)")
    single = singles(one, here)
    return distinct_rows(Type.REAL, number_of, [single], len(single))


def texts(one: Column, here: Here) -> Column:
    """Texts; a whole number has no fraction."""
    if one.type is Type.STRING:
        return one
    if isinstance(one, Many):
        return singles(one, here)
    if one.type is Type.BOOL:
        raise here.failed("a condition is no text: use tostring(…) or if(…)")
    return distinct_rows(Type.STRING, number_text, [one], len(one))


def singles(one: Column, here: Here) -> Column:
    """A column of single values.

    Raises:
        QueryError: some row has several, which this place does not take.
    """
    if not isinstance(one, Many):
        return one
    if any(len(items) > 1 for items in lists(one)):
        raise here.failed("a field with several values is not known here: use the mv functions")
    return column(Type.STRING, [items[0] if items else None for items in lists(one)])


def lists(one: Column) -> list[list[str]]:
    """Each row's values as texts; none where it is null."""
    if isinstance(one, Many):
        cells = (value if isinstance(value, list) else [value] for value in one.values.tolist())
        return [[_text(item) for item in items] if ok else [] for items, ok in zip(cells, one.valid, strict=True)]
    cells = one.values.tolist()
    return [[_text(value)] if ok else [] for value, ok in zip(cells, one.valid.tolist(), strict=True)]


def _text(value: Any) -> str:
    return number_text(value) if isinstance(value, float) else str(value)


def many(cells: Sequence[Sequence[str] | None]) -> Column:
    """A column of several values: null where there are none, plain texts where no row has more than one."""
    if all(items is None or len(items) < 2 for items in cells):
        return column(Type.STRING, [items[0] if items else None for items in cells])
    values = np.empty(len(cells), object)
    values[:] = [list(items) if items else [] for items in cells]
    return Many(Type.DYNAMIC, values, np.array([bool(items) for items in cells], np.bool_), Type.STRING)


def chosen(where: Mask, then: Column, otherwise: Column, here: Here) -> Column:
    """The one or the other. Of one type it stays so; numbers and texts meet as texts."""
    if not then.valid[where].any() and len(then):
        then = _empty_like(otherwise)
    elif not otherwise.valid[~where].any() and len(then):
        otherwise = _empty_like(then)
    if isinstance(then, Many) or isinstance(otherwise, Many):
        rows = zip(where.tolist(), lists(then), lists(otherwise), strict=True)
        return many([one if first else other for first, one, other in rows])
    if then.type is not otherwise.type:
        if Type.BOOL in (then.type, otherwise.type):
            raise here.failed("a choice between a condition and a value is not known")
        then, otherwise = texts(then, here), texts(otherwise, here)
    values = np.where(where, then.values, otherwise.values)
    return Column(then.type, values, np.where(where, then.valid, otherwise.valid))


def _empty_like(one: Column) -> Column:
    return nulls(Type.STRING if isinstance(one, Many) else one.type, len(one))


def compared(sign: str, left: Column, right: Column, here: Here) -> Column:
    """Numbers as numbers, also where one side is a text that reads as one; else texts, by their letters."""
    left, right = singles(left, here), singles(right, here)
    known = left.valid & right.valid
    if left.type is right.type is Type.REAL or left.type is right.type is Type.STRING:
        return Column(Type.BOOL, np.asarray(COMPARE[sign](left.values, right.values), np.bool_), known)
    one, other = numbers(left, here), numbers(right, here)
    found = np.asarray(COMPARE[sign](one.values, other.values), np.bool_)
    both = one.valid & other.valid
    if not (known & ~both).any():
        return Column(Type.BOOL, found, both)
    as_texts = np.asarray(COMPARE[sign](texts(left, here).values, texts(right, here).values), np.bool_)
    return Column(Type.BOOL, np.where(both, found, as_texts), known)
