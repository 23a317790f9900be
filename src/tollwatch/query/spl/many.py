"""Splunk's functions of several values in a field. "Search Reference", "Multivalue eval functions"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from tollwatch.query.columns import number_text
from tollwatch.query.entries import Function, Here
from tollwatch.query.spl.patterns import pattern
from tollwatch.query.spl.values import lists, many, numbers, texts
from tollwatch.query.table import Column, Type, column


def _count(columns: Sequence[Column], _here: Here) -> Column:
    """Null where there are none."""
    return column(Type.REAL, [float(len(items)) or None for items in lists(columns[0])])


def _append(columns: Sequence[Column], _here: Here) -> Column:
    rows = zip(*(lists(one) for one in columns), strict=True)
    return many([[item for items in row for item in items] for row in rows])


def _dedup(columns: Sequence[Column], _here: Here) -> Column:
    return many([list(dict.fromkeys(items)) for items in lists(columns[0])])


def _sort(columns: Sequence[Column], _here: Here) -> Column:
    return many([sorted(items) for items in lists(columns[0])])


def _index(columns: Sequence[Column], here: Here) -> Column:
    """From one place to another, both included, counted from 0, or from the end below it."""
    first, *last = (numbers(one, here) for one in columns[1:])
    ends = last[0] if last else first
    rows = zip(lists(columns[0]), first.values.tolist(), ends.values.tolist(), strict=True)
    return many([_cut(items, int(start), int(end)) for items, start, end in rows])


def _cut(items: list[str], start: int, end: int) -> list[str]:
    start, end = (at + len(items) if at < 0 else at for at in (start, end))
    return items[start : end + 1] if 0 <= start <= end else []


def _join(columns: Sequence[Column], here: Here) -> Column:
    between = texts(columns[1], here).values.tolist()
    rows = zip(lists(columns[0]), between, strict=True)
    return column(Type.STRING, [mark.join(items) if items else None for items, mark in rows])


def _split(columns: Sequence[Column], here: Here) -> Column:
    one, marks = texts(columns[0], here), texts(columns[1], here)
    rows = zip(one.values.tolist(), marks.values.tolist(), (one.valid & marks.valid).tolist(), strict=True)
    return many([(text.split(mark) if mark else list(text)) if ok else None for text, mark, ok in rows])


def _find(columns: Sequence[Column], here: Here) -> Column:
    """The place of the first value in which the pattern is found, from 0."""
    wanted = texts(columns[1], here).values.tolist()
    found = []
    for items, regex in zip(lists(columns[0]), wanted, strict=True):
        at = next((at for at, item in enumerate(items) if pattern(regex, here).search(item)), None)
        found.append(None if at is None else float(at))
    return column(Type.REAL, found)


def _zip(columns: Sequence[Column], here: Here) -> Column:
    left, right = lists(columns[0]), lists(columns[1])
    marks = texts(columns[2], here).values.tolist() if len(columns) > 2 else [","] * here.rows
    rows = zip(left, right, marks, strict=True)
    return many([[mark.join(pair) for pair in zip(one, other, strict=False)] for one, other, mark in rows])


def _range(columns: Sequence[Column], here: Here) -> Column:
    """From the first number to before the second."""
    start, end, *step = (numbers(one, here).values.tolist() for one in columns)
    rows = zip_longest(start, end, step[0] if step else [], fillvalue=1.0)
    return many([_numbers(*row, here=here) for row in rows])


def _numbers(start: float, end: float, step: float, *, here: Here) -> list[str]:
    if step <= 0 or (end - start) / step > 10_000:
        raise here.failed("mvrange takes a positive step, and at most 10,000 numbers here")
    count = max(0, -int(-(end - start) // step))
    return [number_text(start + at * step) for at in range(count)]


MANY: Mapping[str, Function] = {
    "mvcount": Function(1, 1, _count), "mvappend": Function(1, None, _append), "mvdedup": Function(1, 1, _dedup),
    "mvsort": Function(1, 1, _sort), "mvindex": Function(2, 3, _index), "mvjoin": Function(2, 2, _join),
    "mvfind": Function(2, 2, _find), "mvzip": Function(2, 3, _zip), "mvrange": Function(2, 3, _range),
    "split": Function(2, 2, _split),
}  # fmt: skip
