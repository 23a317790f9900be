"""The sweeps against a brute force that looks at every pair of hits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollwatch.evaluate.windows import (
    Timeline,
    calendar,
    changed,
    distinct_rows,
    expand_ranges,
    merge_ranges,
    segments,
    sliding,
    sliding_distinct_sum,
    sliding_sum,
    sort_by_group,
    sum_by_segment,
    timeline,
)

_HIT = st.tuples(st.integers(0, 2), st.integers(-6, 12), st.integers(-1, 3), st.integers(0, 5))
_HITS = st.lists(_HIT, max_size=25)


def _sorted(hits: list[tuple[int, int, int, int]]) -> tuple[Timeline, np.ndarray, np.ndarray]:
    columns = np.array(hits, np.int64).reshape(-1, 4)
    columns = columns[sort_by_group(columns[:, 0], columns[:, 1])]
    weight = np.where(columns[:, 2] >= 0, columns[:, 2] * 7 + 1, 0)
    return timeline(columns[:, 0], columns[:, 1]), columns[:, 2], weight


@given(_HITS)
def test_sorting_by_group_and_time_is_stable(hits: list[tuple[int, int, int, int]]) -> None:
    columns = np.array(hits, np.int64).reshape(-1, 4)
    order = sort_by_group(columns[:, 0], columns[:, 1])
    assert order.tolist() == sorted(range(len(hits)), key=lambda i: (hits[i][0], hits[i][1], i))


@given(_HITS, st.integers(0, 8))
def test_a_sliding_window_includes_both_ends(hits: list[tuple[int, int, int, int]], span: int) -> None:
    line, _, _ = _sorted(hits)
    first, last = sliding(line, span)
    total = sliding_sum(first, last, np.ones(len(hits), np.int64))
    expected = [
        sum(1 for g, u in zip(line.group, line.time, strict=True) if g == group and t - span <= u <= t)
        for group, t in zip(line.group, line.time, strict=True)
    ]
    assert total.tolist() == expected


@given(_HITS, st.integers(0, 8))
def test_distinct_values_by_presence(hits: list[tuple[int, int, int, int]], span: int) -> None:
    line, identity, weight = _sorted(hits)
    rows = list(zip(line.group, line.time, identity, weight, strict=True))
    expected = [
        sum({int(v): int(w) for g, u, v, w in rows if g == group and t - span <= u <= t and v >= 0}.values())
        for group, t, _, _ in rows
    ]
    first, last = sliding(line, span)
    assert sliding_distinct_sum(line, span, first, last, identity, weight).tolist() == expected


@given(_HITS, st.integers(1, 8))
def test_calendar_windows_start_at_the_epoch(hits: list[tuple[int, int, int, int]], span: int) -> None:
    line, identity, weight = _sorted(hits)
    parts, end = calendar(line, span)
    rows = list(zip(line.group.tolist(), line.time.tolist(), identity.tolist(), weight.tolist(), strict=True))
    expected: dict[tuple[int, int], dict[int, int]] = {}
    for group, t, value, w in rows:
        window = expected.setdefault((group, (t // span + 1) * span), {})
        if value >= 0:
            window[value] = w
    total = sum_by_segment(parts, distinct_rows(parts.of, identity), weight)
    found = zip(line.group[parts.start].tolist(), end.tolist(), total.tolist(), strict=True)
    assert list(found) == [(*key, sum(window.values())) for key, window in expected.items()]


def test_times_too_far_apart_for_one_key_are_ranked() -> None:
    group, time = np.array([0, 2**20, 2**20]), np.array([0, 2**60, 2**60 + 5])
    line = timeline(group, time)
    assert line.ranks is not None
    first, last = sliding(line, 5)
    assert (first.tolist(), last.tolist()) == ([0, 1, 1], [1, 2, 3])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_merged_ranges_hold_each_position_once(ranges: list[tuple[int, int, int]]) -> None:
    columns = np.array(ranges, np.int64).reshape(-1, 3)
    owner, position = merge_ranges(columns[:, 0], columns[:, 1], columns[:, 2], 9)
    expected = sorted({(o, p) for o, low, high in ranges for p in range(low, high)})
    assert list(zip(owner.tolist(), position.tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"), [([], [], []), ([3, 7], [5, 8], [3, 4, 7]), ([2, 2], [2, 4], [2, 3])]
)
def test_expanding_ranges(first: list[int], last: list[int], expected: list[int]) -> None:
    assert expand_ranges(np.array(first, np.int64), np.array(last, np.int64)).tolist() == expected


def test_segments_of_nothing_and_of_runs() -> None:
    assert len(segments(changed(np.zeros(0, np.int64)))) == 0
    parts = segments(changed(np.array([4, 4, 1, 1, 1, 4])))
    assert (parts.start.tolist(), parts.end.tolist(), parts.of.tolist()) == ([0, 2, 5], [2, 5, 6], [0, 0, 1, 1, 1, 2])
