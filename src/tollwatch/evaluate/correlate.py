"""Correlations over hits (semantics, "Correlations"): from the hits of the inputs to the hits of the node.

Everything here is arrays: no loop over events or groups, only over a rule's inputs and group-by fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import assert_never

import numpy as np

from tollwatch.evaluate.collect import Coded, Codes, Kept, unify
from tollwatch.evaluate.measure import measure
from tollwatch.evaluate.numbers import Mask, Ratio, meets
from tollwatch.evaluate.rows import Rows
from tollwatch.evaluate.windows import Index, Timeline, calendar, sliding, sort_by_group, timeline
from tollwatch.plan.nodes import Aggregate, Column, GroupValue, Input, Node, Reading, Search, Sequence, Window
from tollwatch.sigma.model import AllOf, AnyOf, Expression, NoneOf, Present, Threshold


@dataclass(frozen=True, slots=True)
class Span:
    """For each hit of a node, the range [first, last) of ``rows`` that contributes to it."""

    rows: Rows
    first: Index
    last: Index

    def take(self, chosen: Index) -> Span:
        """The ranges of these hits."""
        return Span(self.rows, self.first[chosen], self.last[chosen])


@dataclass(frozen=True, slots=True)
class Hits:
    """The n hits of a node, distinct by (group, event, time) and sorted by (group, time).

    ``keys``: for each group-by name the hit's value. ``spans`` tell what contributed. ``value`` is what was
    measured (None for a search and for an ordered type). ``left_out``: input hits without a group (a null key).
    """

    event: Index
    time: Index
    group: Index
    keys: tuple[Coded, ...] = ()
    value: Ratio | None = None
    spans: tuple[Span, ...] = ()
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.event)


@dataclass(slots=True)
class Correlator:
    """Computes each distinct node once. ``kept`` are the events that some search matched, sorted by time."""

    kept: Kept
    _done: dict[Node, Hits] = field(default_factory=dict)
    _gathered: dict[tuple[tuple[Node, tuple[Reading, ...]], ...], Rows] = field(default_factory=dict)
    _windows: dict[tuple[Rows, int, Window], tuple[Index, Index]] = field(default_factory=dict)

    def hits(self, node: Node) -> Hits:
        """The hits of a node (and of all below it, which are shared between detections)."""
        if node not in self._done:
            self._done[node] = self._compute(node)
        return self._done[node]

    def forget(self, done: Iterable[Node]) -> None:
        """Free what was kept for nodes that nobody will ask for again."""
        for node in done:
            self._done.pop(node, None)
            if not isinstance(node, Search):
                rows = self._gathered.pop(_shared(node.inputs), None)
                for key in [key for key in self._windows if key[0] is rows]:
                    del self._windows[key]

    def _compute(self, node: Node) -> Hits:
        match node:
            case Search():
                event = self.kept.rows(node)
                return Hits(event, self.kept.time[event], np.zeros(len(event), np.int64))
            case Aggregate(window=Window.SLIDING):
                return self._sliding(node)
            case Aggregate():
                return self._calendar(node)
            case Sequence():
                return self._ordered(node)
            case _:
                assert_never(node)

    def gather(self, inputs: Seq[Input]) -> Rows:
        """The inputs' hits as rows sorted by (group, time), without those that lack a key.

        Correlations that read the same inputs by the same keys (a count and a sum by user) share their rows.
        """
        shared = _shared(inputs)
        if shared not in self._gathered:
            self._gathered[shared] = self._gather(inputs)
        return self._gathered[shared]

    def _gather(self, inputs: Seq[Input], *, complete: bool = False) -> Rows:
        """As ``gather``; ``complete`` keeps only groups with a hit of every input, before anything is sorted."""
        children = [self.hits(part.node) for part in inputs]
        names = range(len(inputs[0].keys))
        keys = tuple(
            unify([self.read(part.keys[n], child) for part, child in zip(inputs, children, strict=True)]) for n in names
        )
        event = np.concatenate([child.event for child in children])
        time = np.concatenate([child.time for child in children])
        origin = np.repeat(np.arange(len(children)), [len(child) for child in children])
        index = np.concatenate([np.arange(len(child)) for child in children])
        grouped = np.ones(len(event), np.bool_)
        for key in keys:
            grouped &= key.codes >= 0
        chosen = np.flatnonzero(grouped)
        group = group_numbers([key.codes[chosen] for key in keys], len(chosen))
        left_out = len(event) - len(chosen)
        if complete:
            whole = _in_complete_groups(group, origin[chosen], len(children))
            chosen, group = chosen[whole], group[whole]
        order = sort_by_group(group, time[chosen])
        chosen = chosen[order]
        return Rows(
            timeline(group[order], time[chosen]),
            event[chosen],
            origin[chosen],
            index[chosen],
            tuple(key.take(chosen) for key in keys),
            left_out,
        )

    def read(self, reading: Reading, child: Hits) -> Coded:
        """What each hit of a child carries under a reading."""
        match reading:
            case GroupValue():
                return child.keys[reading.index]
            case Column():
                return self.kept.coded(reading.field).take(child.event)
            case _:
                assert_never(reading)

    def measured(self, node: Aggregate, rows: Rows) -> tuple[Ratio, Span]:
        """The measured value of each row (sliding) or each row's calendar window, and the window's range of rows."""
        first, last = self._window(rows, node.timespan, node.window)
        return measure(node, rows, self._values(node, rows), first, last), Span(rows, first, last)

    def _window(self, rows: Rows, timespan: int, window: Window) -> tuple[Index, Index]:
        """Each row's window as a range of rows."""
        if (rows, timespan, window) not in self._windows:
            if window is Window.SLIDING:
                ranges = sliding(rows.hits, timespan)
            else:
                parts, _ = calendar(rows.hits, timespan)
                ranges = parts.start[parts.of], parts.end[parts.of]
            self._windows[rows, timespan, window] = ranges
        return self._windows[rows, timespan, window]

    def _values(self, node: Aggregate, rows: Rows) -> tuple[Coded, ...]:
        """For each measured field the value that each row carries."""
        columns = []
        for n in range(len(node.inputs[0].values)):
            parts = [self.read(part.values[n], self.hits(part.node)) for part in node.inputs]
            offsets = np.append(0, np.cumsum([len(part.codes) for part in parts]))[:-1]
            columns.append(unify(parts).take(offsets[rows.origin] + rows.index))
        return tuple(columns)

    def _sliding(self, node: Aggregate) -> Hits:
        rows = self.gather(node.inputs)
        value, span = self.measured(node, rows)
        chosen = _distinct_hits(rows, holds(node, rows, value, span), rows.hits.time)
        return _output(rows, chosen, rows.hits.time, value, (span.take(chosen),))

    def _calendar(self, node: Aggregate) -> Hits:
        rows = self.gather(node.inputs)
        value, span = self.measured(node, rows)
        last_time = rows.hits.time[span.last - 1] if len(rows) else rows.hits.time
        carried = holds(node, rows, value, span) & (rows.hits.time == last_time)
        window_end = (rows.hits.time // node.timespan + 1) * node.timespan
        chosen = _distinct_hits(rows, carried, window_end)
        return _output(rows, chosen, window_end, value, (span.take(chosen),))

    def _ordered(self, node: Sequence) -> Hits:
        rows = self._gather(node.inputs, complete=True)
        steps = [rows.of_origin(n) for n in range(len(node.inputs))]
        starts = latest_starts(steps)
        final, start = steps[-1], starts[-1]
        held = (start > NEVER) & (final.hits.time - np.maximum(start, NEVER // 2) <= node.timespan)
        chosen = _distinct_hits(final, held, final.hits.time)
        spans = _witnesses(steps, starts, chosen)
        return replace(_output(final, chosen, final.hits.time, None, spans), left_out=rows.left_out)


def _shared(inputs: Seq[Input]) -> tuple[tuple[Node, tuple[Reading, ...]], ...]:
    return tuple((part.node, part.keys) for part in inputs)


NEVER = -(2**63)


def latest_starts(steps: Seq[Rows]) -> list[Index]:
    """For each step's rows the latest first-step time that they can be reached from, strictly in order.

    A later row can be reached from whatever an earlier one can, so that the last row of the step before,
    strictly earlier and of the same group, already carries the maximum: no running maximum is needed.
    """
    starts = [steps[0].hits.time]
    for before, step in pairwise(steps):
        starts.append(_carried(before, starts[-1], step.hits))
    return starts


def _carried(before: Rows, start: Index, hits: Timeline) -> Index:
    position = before.hits.at_or_after(hits.group, hits.time) - 1
    if not len(before):
        return np.full(len(position), NEVER)
    found = (position >= 0) & (before.hits.group[position] == hits.group)
    return np.where(found, start[position], NEVER)


def _witnesses(steps: Seq[Rows], starts: Seq[Index], held: Index) -> tuple[Span, ...]:
    """The rows of each step that lie on a chain with the latest start, for each held row of the final step.

    Rows with one start stand together (starts never fall within a group); the upper end of an earlier step is
    the last witness of the step after it, since any row strictly before that one lies on a chain.
    """
    final = steps[-1]
    group, start = final.hits.group[held], starts[-1][held]
    spans = [Span(final, held, held + 1)]
    bound = final.hits.time[held]
    for step, carried in zip(reversed(steps[:-1]), reversed(starts[:-1]), strict=True):
        first = _by_start(step, carried).at_or_after(group, start)
        last = step.hits.at_or_after(group, bound)
        spans.append(Span(step, first, last))
        bound = step.hits.time[last - 1] if len(step) else bound
    return tuple(reversed(spans))


def _by_start(step: Rows, carried: Index) -> Timeline:
    """The rows of a step, searchable by their start; unreachable rows stand before all others of their group."""
    reachable = carried > NEVER
    floor = carried[reachable].min(initial=2**62) - 1
    return timeline(step.hits.group, np.where(reachable, carried, floor))


def _distinct_hits(rows: Rows, held: Mask, time: Index) -> Index:
    """Positions of held rows, one for each (group, time, event), in order."""
    chosen = np.flatnonzero(held)
    if rows.distinct_events:
        return chosen
    order = np.lexsort((chosen, rows.event[chosen], time[chosen], rows.hits.group[chosen]))
    chosen = chosen[order]
    fresh = np.ones(len(chosen), np.bool_)
    fresh[1:] = (
        (rows.event[chosen[1:]] != rows.event[chosen[:-1]])
        | (time[chosen[1:]] != time[chosen[:-1]])
        | (rows.hits.group[chosen[1:]] != rows.hits.group[chosen[:-1]])
    )
    return np.sort(chosen[fresh])


def _output(rows: Rows, chosen: Index, time: Index, value: Ratio | None, spans: tuple[Span, ...]) -> Hits:
    """The hits at the chosen rows; ``spans`` are already those of the chosen rows."""
    return Hits(
        rows.event[chosen],
        time[chosen],
        rows.hits.group[chosen],
        tuple(key.take(chosen) for key in rows.keys),
        value.take(chosen) if value is not None else None,
        spans,
        rows.left_out,
    )


def _in_complete_groups(group: Index, origin: Index, inputs: int) -> Index:
    """Positions of the rows whose group has a row of every input."""
    present = np.zeros((inputs, int(group.max(initial=-1)) + 1), np.bool_)
    present[origin, group] = True
    return np.flatnonzero(np.asarray(present.all(axis=0))[group])


def holds(node: Aggregate, rows: Rows, value: Ratio, span: Span) -> Mask:
    """Where the node's condition holds on what was measured."""
    if isinstance(node.condition, Threshold):
        return meets(value, node.condition)
    return _expression(node.condition, [rows.count_of(n, span.first, span.last) > 0 for n in range(len(node.inputs))])


def _expression(condition: Expression, present: Seq[Mask]) -> Mask:
    match condition:
        case Present():
            return present[condition.index]
        case AllOf():
            return np.asarray(np.stack([_expression(item, present) for item in condition.items]).all(axis=0))
        case AnyOf():
            return np.asarray(np.stack([_expression(item, present) for item in condition.items]).any(axis=0))
        case NoneOf():
            return ~_expression(condition.item, present)
        case _:
            assert_never(condition)


def group_numbers(codes: Seq[Codes], count: int) -> Index:
    """One number from 0 for each distinct combination of codes (none negative); all 0 without columns."""
    number = np.zeros(count, np.int64)
    for code in codes:
        width = int(code.max(initial=0)) + 1
        size = int(number.max(initial=0)) + 1
        if size * width < max(4 * count, 1024):
            # Few enough combinations for a table look-up instead of a sort.
            joined = number * width + code
            seen = np.zeros(size * width, np.bool_)
            seen[joined] = True
            number = (np.cumsum(seen) - 1)[joined]
        else:
            number = np.unique(number * width + code, return_inverse=True)[1]
    return number
