"""What a correlation measures over the rows of a window (semantics, the table of types)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import assert_never

import numpy as np

from tollwatch.evaluate.collect import Coded, to_numbers
from tollwatch.evaluate.numbers import Array, Mask, Numbers, Ratio, whole
from tollwatch.evaluate.rows import Rows
from tollwatch.evaluate.windows import (
    Index,
    Segments,
    calendar,
    distinct_rows,
    sliding_distinct_sum,
    sliding_sum,
    sum_by_segment,
)
from tollwatch.plan.nodes import Aggregate, Measure, Window


def measure(node: Aggregate, rows: Rows, values: tuple[Coded, ...], first: Index, last: Index) -> Ratio:
    """The measured value at each row; on calendar windows every row has its window's value.

    ``values`` has each measured field's value for each row; [first, last) is each row's window.
    """
    match node.measure:
        case Measure.RULES:
            present = [rows.count_of(n, first, last) > 0 for n in range(len(node.inputs))]
            return whole(np.asarray(np.stack(present).sum(axis=0)))
        case Measure.EVENTS:
            return whole(_total(node, rows, None, np.ones(len(rows), np.int64), first, last))
        case Measure.DISTINCT:
            return whole(_total(node, rows, tuples(values), np.ones(len(rows), np.int64), first, last))
        case Measure.SUM:
            return _sum(node, rows, to_numbers(values[0]), first, last)
        case Measure.AVERAGE | Measure.MEDIAN | Measure.PERCENTILE:
            return _statistic(node, rows, to_numbers(values[0]))
        case _:
            assert_never(node.measure)


def tuples(values: tuple[Coded, ...]) -> Index:
    """One number for each distinct tuple of values; −1 where one of them is null."""
    number = values[0].codes.astype(np.int64)  # products of codes need the width
    for value in values[1:]:
        known = (number >= 0) & (value.codes >= 0)
        width = int(value.codes.max(initial=0)) + 1
        joined = np.unique(number[known] * width + value.codes[known], return_inverse=True)[1]
        number = np.full(len(number), -1)
        number[known] = joined
    return number


def _total(node: Aggregate, rows: Rows, identity: Index | None, weight: Array, first: Index, last: Index) -> Array:
    """The weights summed over each window, once for each distinct identity (None: each distinct event)."""
    if identity is None:
        if rows.distinct_events:
            return sliding_sum(first, last, weight)
        identity = rows.event
    if node.window is Window.SLIDING:
        return sliding_distinct_sum(rows.hits, node.timespan, first, last, identity, weight)
    parts, _ = calendar(rows.hits, node.timespan)
    return sum_by_segment(parts, distinct_rows(parts.of, identity), weight)[parts.of]


def _sum(node: Aggregate, rows: Rows, numbers: Numbers, first: Index, last: Index) -> Ratio:
    total = _total(node, rows, None, numbers.values, first, last)
    known = _total(node, rows, None, numbers.valid.astype(np.int64), first, last)
    return Ratio(total, np.full(len(rows), numbers.scale), known > 0)


def _statistic(node: Aggregate, rows: Rows, numbers: Numbers) -> Ratio:
    """Average, median or percentile of the distinct events' non-null values in each calendar window."""
    parts, _ = calendar(rows.hits, node.timespan)
    once = distinct_rows(parts.of, np.where(numbers.valid, rows.event, -1))
    order = once[np.lexsort((numbers.values[once], parts.of[once]))]
    start = np.searchsorted(parts.of[order], np.arange(len(parts)))
    count = np.searchsorted(parts.of[order], np.arange(len(parts)), side="right") - start
    defined: Mask = count > 0
    if node.measure is Measure.AVERAGE:
        numerator, denominator = sum_by_segment(parts, once, numbers.values), np.maximum(count, 1)
    else:
        lower, upper = _ranks(node, count)
        ordered = numbers.values[order] if len(order) else np.zeros(1, numbers.values.dtype)
        last = len(ordered) - 1
        numerator = ordered[np.minimum(start + lower, last)] + ordered[np.minimum(start + upper, last)]
        denominator = np.full(len(parts), 2)
    return _spread(parts, numerator, denominator * numbers.scale, defined)


def _spread(parts: Segments, numerator: Array, denominator: Array, defined: Mask) -> Ratio:
    return Ratio(numerator[parts.of], denominator[parts.of], defined[parts.of])


def _ranks(node: Aggregate, count: Index) -> tuple[Index, Index]:
    """The two positions, from 0 in rising order, whose mean is the statistic."""
    if node.measure is Measure.MEDIAN:
        return np.maximum(count - 1, 0) // 2, count // 2
    share = Fraction(node.percentile if node.percentile is not None else Decimal(50)) / 100
    # Nearest rank ⌈p·n/100⌉ in integers, so that no rounding moves it.
    rank = -((-count * share.numerator) // share.denominator)
    nearest = np.maximum(rank - 1, 0)
    return nearest, nearest
