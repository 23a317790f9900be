"""Windows over sorted hits: sliding ones by the sweep line, calendar ones by segments. Linear after one sort.

All functions take hits sorted by (group, time). Times and spans are int64 microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tollwatch.evaluate.numbers import Array, Mask, running

Index = npt.NDArray[np.int64]

_LIMIT = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """n hits sorted by (group, time), searchable: where a group's hits at or after a time begin.

    ``keys`` is strictly ordered like (group, time): the group's number times ``stride``, plus the time's offset
    from ``origin`` — or its rank among ``ranks``, where the product would leave int64.
    """

    group: Index
    time: Index
    keys: Index
    stride: int
    origin: int
    ranks: Index | None

    def at_or_after(self, group: Index, time: Index) -> Index:
        """Position of the first hit of the group with a time not before ``time`` (else where the group ends)."""
        return np.searchsorted(self.keys, self._key(group, time))

    def after(self, group: Index, time: Index) -> Index:
        """Position of the first hit of the group later than ``time`` (else where the group ends)."""
        return np.searchsorted(self.keys, self._key(group, time + 1))

    def _key(self, group: Index, time: Index) -> Index:
        # An offset is clipped to [0, stride − 1], so that it never reaches into a neighbouring group.
        if self.ranks is not None:
            return group * self.stride + np.searchsorted(self.ranks, time)
        return group * self.stride + np.clip(time - self.origin, 0, self.stride - 1)


def timeline(group: Index, time: Index) -> Timeline:
    """Index hits that are sorted by (group, time)."""
    if not len(time):
        return Timeline(group, time, time, 1, 0, None)
    origin, stride = int(time.min()), int(time.max()) - int(time.min()) + 2
    if (int(group.max()) + 1) * stride < _LIMIT:
        return Timeline(group, time, group * stride + (time - origin), stride, origin, None)
    ranks = np.unique(time)
    stride = len(ranks) + 1
    return Timeline(group, time, group * stride + np.searchsorted(ranks, time), stride, 0, ranks)


def sort_by_group(group: Index, time: Index) -> Index:
    """The order that sorts hits by (group, time), stable."""
    count = len(time)
    by_time = np.arange(count) if count < 2 or bool((time[1:] >= time[:-1]).all()) else np.argsort(time, kind="stable")
    if not count or int(group.max()) >= _LIMIT // count:
        return by_time[np.argsort(group[by_time], kind="stable")]
    # One sort of distinct integers is several times quicker than a stable argsort.
    order: Index = by_time[np.sort(group[by_time] * count + np.arange(count)) % count]
    return order


def sliding(hits: Timeline, span: int) -> tuple[Index, Index]:
    """For each hit at t the range [first, last) of its group's hits in [t − span, t], both ends included."""
    return hits.at_or_after(hits.group, hits.time - span), hits.after(hits.group, hits.time)


def sliding_sum(first: Index, last: Index, weight: Array) -> Array:
    """The sum of the weights in each range."""
    total = running(weight)
    return total[last] - total[first]


def sliding_distinct_sum(hits: Timeline, span: int, first: Index, last: Index, identity: Index, weight: Array) -> Array:
    """For each hit, the sum of the weights of the distinct identities in its window [first, last); −1 is none.

    The sweep line over presence: an identity enters at an occurrence with none of the same group in the span
    before it, and leaves after its last occurrence within reach. Equal identities have equal weights.
    """
    known = np.flatnonzero(identity >= 0)
    pair = hits.group[known] * (int(identity.max(initial=0)) + 1) + identity[known]
    by_pair = sort_by_group(pair, known)
    order, pair = known[by_pair], pair[by_pair]
    time = hits.time[order]
    apart = np.ones(len(order) + 1, np.bool_)
    apart[1:-1] = (pair[1:] != pair[:-1]) | (time[1:] - time[:-1] > span)
    entered = _running_at(order[apart[:-1]], weight)
    left = _running_at(order[apart[1:]], weight)
    start = _group_start(hits.group)
    present: Array = entered[last] - left[first] - (entered[start] - left[start])
    return present


def _running_at(chosen: Index, weight: Array) -> Array:
    """Prefix sums of the weights at the chosen positions alone."""
    marked = np.zeros(len(weight), weight.dtype)
    marked[chosen] = weight[chosen]
    return running(marked)


def _group_start(group: Index) -> Index:
    """For each hit the position of its group's first."""
    position = np.where(changed(group), np.arange(len(group)), 0)
    out: Index = np.maximum.accumulate(position)
    return out


@dataclass(frozen=True, slots=True)
class Segments:
    """Hits cut into s runs: ``start[i]`` to ``end[i]`` (excluded) is one; ``of`` gives each hit's segment."""

    start: Index
    end: Index
    of: Index

    def __len__(self) -> int:
        return len(self.start)


def segments(boundary: Mask) -> Segments:
    """Cut where ``boundary`` is true (a run starts there); the first hit always starts one."""
    count = len(boundary)
    starts = boundary.copy()
    starts[:1] = True
    start = np.flatnonzero(starts)
    end = np.append(start[1:], count) if count else start
    return Segments(start, end, np.cumsum(starts) - 1)


def distinct(values: Index) -> Index:
    """The distinct values, sorted. numpy's own unique hashes, which takes several times as long."""
    ordered = np.sort(values)
    return ordered[changed(ordered)]


def changed(*columns: Array) -> Mask:
    """Where some column differs from the row before; true in the first row."""
    out = np.zeros(len(columns[0]), np.bool_)
    out[:1] = True
    for column in columns:
        out[1:] |= column[1:] != column[:-1]
    return out


def calendar(hits: Timeline, span: int) -> tuple[Segments, Index]:
    """Segments of one group and one window [k·span, (k+1)·span), and each segment's window end in µs."""
    window = hits.time // span
    parts = segments(changed(hits.group, window))
    return parts, (window[parts.start] + 1) * span


def distinct_rows(segment: Index, identity: Index) -> Index:
    """One row for each distinct (segment, identity), the first; identity −1 is none. Sorted."""
    known = np.flatnonzero(identity >= 0)
    order = known[np.lexsort((known, identity[known], segment[known]))]
    return np.sort(order[changed(segment[order], identity[order])]) if len(order) else order


def sum_by_segment(parts: Segments, rows: Index, weight: Array) -> Array:
    """For each segment, the sum of the weights of its chosen rows (sorted positions of hits)."""
    total = running(weight[rows])
    return total[np.searchsorted(rows, parts.end)] - total[np.searchsorted(rows, parts.start)]


def merge_ranges(owner: Index, first: Index, last: Index, size: int) -> tuple[Index, Index]:
    """The union of ranges [first, last) below ``size``, owner by owner: (owner, position) pairs, each once, sorted."""
    keep = last > first
    low = owner[keep] * (size + 1) + first[keep]
    order = np.argsort(low, kind="stable")
    low, high = low[order], (owner[keep] * (size + 1) + last[keep])[order]
    if not len(low):
        return low, low
    reach = np.maximum.accumulate(high)
    fresh = np.append(True, low[1:] > reach[:-1])
    start = low[fresh]
    end = reach[np.append(np.flatnonzero(fresh)[1:] - 1, len(low) - 1)]
    flat = expand_ranges(start, end)
    return flat // (size + 1), flat % (size + 1)


def expand_ranges(first: Index, last: Index) -> Index:
    """All integers of [first, last), range after range."""
    length = last - first
    offset = np.repeat(first - np.append(0, np.cumsum(length)[:-1]), length)
    out: Index = np.arange(int(length.sum())) + offset
    return out
