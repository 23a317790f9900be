"""``streamstats``: aggregates over the rows so far. Splunk's "Search Reference", "streamstats"."""

from __future__ import annotations

import numpy as np

from tollwatch.query.entries import Here
from tollwatch.query.measures import first_sights, running
from tollwatch.query.spl import syntax
from tollwatch.query.spl.values import numbers
from tollwatch.query.table import Column, Groups, Index, Mask, Type, groups

_NEUTRAL = {"sum": 0.0, "min": np.inf, "max": -np.inf}
_OPERATE = {"sum": np.add, "min": np.minimum, "max": np.maximum}


def streamed(
    measure: syntax.Measure, value: Column | None, of: Groups, present: Mask, stage: syntax.StreamStats,
    resets: tuple[Mask | None, Mask | None], here: Here,
) -> Column:  # fmt: skip
    """The measure at each row, over the rows of its group since the last reset; null where the group is.

    Raises:
        QueryError: a measure, or one with a window, that is not known here.
    """
    of = _since_reset(of, stage, resets)
    found = _windowed(measure, value, of, stage, here) if stage.window else _cumulated(measure, value, of, stage, here)
    valid = found.valid & present
    return Column(found.type, np.where(valid, found.values, 0.0), valid)


def _since_reset(of: Groups, stage: syntax.StreamStats, resets: tuple[Mask | None, Mask | None]) -> Groups:
    """The groups, each anew after a reset, which is one for all groups."""
    rows = len(of.of)
    parts: list[Index] = []
    before, after = resets
    if before is not None:
        parts.append(np.cumsum(before))
    if after is not None:
        parts.append(np.cumsum(np.r_[False, after[:-1]]) if rows else np.zeros(0, np.int64))
    if stage.reset_on_change and rows:
        parts.append(np.cumsum(np.r_[False, of.of[1:] != of.of[:-1]]))
    if not parts:
        return of
    known = np.ones(rows, np.bool_)
    return groups([Column(Type.LONG, one.astype(np.int64), known) for one in (of.of, *parts)], rows)


def _cumulated(
    measure: syntax.Measure, value: Column | None, of: Groups, stage: syntax.StreamStats, here: Here
) -> Column:
    rows, current = len(of.of), stage.current
    match measure.function:
        case "count" | "c":
            chosen = np.ones(rows, np.bool_) if value is None else _counts(value)
            return _always(_sum(chosen.astype(np.float64), of, current))
        case "dc" | "distinct_count" if value is not None:
            sights = first_sights(value, of, value.valid)
            return _always(_sum(sights.astype(np.float64), of, current))
        case "sum" | "min" | "max" if value is not None:
            one = numbers(value, here)
            return running(one, of, _OPERATE[measure.function], _NEUTRAL[measure.function], current=current)
        case "avg" | "mean" if value is not None:
            one = numbers(value, here)
            total = running(one, of, np.add, 0.0, current=current)
            count = _sum(one.valid.astype(np.float64), of, current).values
            return Column(Type.REAL, total.values / np.maximum(count, 1), total.valid)
        case _:
            raise here.failed(f"streamstats {measure.function} is not known")


def _counts(value: Column) -> Mask:
    return np.asarray(value.valid & value.values.astype(np.bool_) if value.type is Type.BOOL else value.valid, np.bool_)


def _sum(values: np.ndarray, of: Groups, current: bool) -> Column:
    return running(Column(Type.REAL, values, np.ones(len(values), np.bool_)), of, np.add, 0.0, current=current)


def _always(one: Column) -> Column:
    """A count of nothing is 0."""
    return Column(Type.REAL, np.where(one.valid, one.values, 0.0), np.ones(len(one), np.bool_))


def _windowed(
    measure: syntax.Measure, value: Column | None, of: Groups, stage: syntax.StreamStats, here: Here
) -> Column:
    """Over the last rows: of all rows those of the group (``global``), or so many of the group alone."""
    rows = len(of.of)
    order = np.argsort(of.of, kind="stable")
    group = of.of[order]
    starts = np.searchsorted(group, group, "left")
    here_at = np.arange(rows)
    if stage.whole:
        # The rows of the group that are no further back than the window among all rows.
        key = group * (rows + 1) + order
        low = np.searchsorted(key, group * (rows + 1) + np.maximum(order - stage.window + stage.current, 0), "left")
    else:
        low = np.maximum(here_at - stage.window + stage.current, starts)
    high = here_at + stage.current
    match measure.function:
        case "count" | "c":
            weights = np.ones(rows) if value is None else _counts(value).astype(np.float64)
            return _unsorted(_between(weights[order], low, high), np.ones(rows, np.bool_), order)
        case "sum" | "avg" | "mean" if value is not None:
            one = numbers(value, here)
            total = _between(np.where(one.valid, one.values, 0.0)[order], low, high)
            count = _between(one.valid.astype(np.float64)[order], low, high)
            values = total if measure.function == "sum" else total / np.maximum(count, 1)
            return _unsorted(values, count > 0, order)
        case _:
            raise here.failed(f"streamstats {measure.function} with a window is not known")


def _between(values: np.ndarray, low: Index, high: Index) -> np.ndarray:
    total = np.r_[0.0, np.cumsum(values)]
    return np.asarray(total[high] - total[np.minimum(low, high)])


def _unsorted(values: np.ndarray, valid: Mask, order: Index) -> Column:
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return Column(Type.REAL, values[back], valid[back])
