"""Why a rule fired, or how near it came: the same hits and measures as a run, told in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

import numpy as np
import pyarrow.compute as pc

from tollwatch.evaluate.alerts import Alert, Step
from tollwatch.evaluate.collect import Coded
from tollwatch.evaluate.correlate import NEVER, Correlator, latest_starts
from tollwatch.evaluate.episodes import alerts_of
from tollwatch.evaluate.masks import Masks
from tollwatch.evaluate.numbers import Mask
from tollwatch.evaluate.phrases import duration, moment, ordinal, plural
from tollwatch.evaluate.rows import Rows
from tollwatch.evaluate.run import keep
from tollwatch.evaluate.windows import Index
from tollwatch.logs.model import Events
from tollwatch.logs.values import text_values
from tollwatch.plan.describe import describe
from tollwatch.plan.nodes import Aggregate, And, Column, GroupValue, Input, Measure, Node, Search, Sequence, Window
from tollwatch.plan.walk import searches
from tollwatch.sigma.model import Op, Threshold

Entity = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """``alerts`` are those of the entity asked for (all without one); ``lines`` say why, or what was missing."""

    rule: str
    alerts: tuple[Alert, ...]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def explain(node: Node, blocks: Iterable[Events], entity: Entity | None = None) -> Explanation:
    """Why ``node`` alerted on these events, or its nearest miss. ``entity``: group-by name → value as text."""
    wanted = dict(entity or {})
    near = _NearMisses(searches(node))
    correlator = Correlator(keep([node], near.watch(blocks)))
    alerts = tuple(alert for alert in alerts_of(node, correlator) if wanted.items() <= dict(alert.entity).items())
    teller = _Teller(correlator, near, int(correlator.kept.time[0]) if len(correlator.kept.time) else 0)
    lines = [line for alert in alerts for line in teller.fired(alert)]
    if not alerts:
        lines = [f"{node.header.key}: no alert", *(f"  {line}" for line in teller.missed(node, wanted))]
    return Explanation(node.header.key, alerts, tuple(lines))


class _NearMisses:
    """For each search that is a conjunction, how many events failed at each one of its items alone."""

    def __init__(self, parts: tuple[Search, ...]) -> None:
        self.items = {part: part.predicate.items for part in parts if isinstance(part.predicate, And)}
        self.failed_alone = {part: np.zeros(len(items), np.int64) for part, items in self.items.items()}
        self.matched = {part: np.zeros(len(items), np.int64) for part, items in self.items.items()}

    def watch(self, blocks: Iterable[Events]) -> Iterator[Events]:
        """The same blocks, counted as they pass."""
        for events in blocks:
            masks = Masks(events)
            for part, items in self.items.items():
                held = np.stack([masks.of(item) for item in items])
                self.matched[part] += held.sum(axis=1)
                self.failed_alone[part] += (~held & (held.sum(axis=0) == len(items) - 1)).sum(axis=1)
            yield events

    def told(self, part: Search) -> Iterator[str]:
        """The item that most events failed at alone; where no event came that near, the items that none meets."""
        if part not in self.items:
            return
        alone, matched = self.failed_alone[part], self.matched[part]
        if alone.any():
            worst = int(np.argmax(alone))
            yield f"{plural(int(alone[worst]), 'event')} failed only at {describe(self.items[part][worst])}"
            return
        for item, count in zip(self.items[part], matched.tolist(), strict=True):
            if not count:
                yield f"none has {describe(item)}"


@dataclass(frozen=True, slots=True)
class _Teller:
    correlator: Correlator
    near: _NearMisses
    reference: int

    def fired(self, alert: Alert) -> Iterator[str]:
        entity = _entity_text(dict(alert.entity))
        peak = "" if alert.peak is None else f", peak {alert.peak}"
        yield (
            f"{alert.rule}: alert{f' for {entity}' if entity else ''} at {self._at(alert.triggered_at)}"
            f" ({plural(alert.hits, 'hit')} until {self._at(alert.last_seen)}{peak};"
            f" {plural(alert.event_count, 'event')} since {self._at(alert.first_seen)})"
        )
        for step in alert.steps:
            yield from self._step(step, "  ")

    def _step(self, step: Step, indent: str) -> Iterator[str]:
        peak = "" if step.peak is None else f", peak {step.peak}"
        yield (
            f"{indent}{step.rule}: {plural(step.hits, 'hit')} from {self._at(step.triggered_at)}"
            f" to {self._at(step.last_seen)}{peak}"
        )
        for below in step.steps:
            yield from self._step(below, indent + "  ")

    def _at(self, microseconds: int) -> str:
        return moment(microseconds, self.reference)

    def missed(self, node: Node, entity: Entity) -> Iterator[str]:
        """What was missing, in one line a level."""
        match node:
            case Search():
                count = len(self.correlator.hits(node))
                seen = plural(self.correlator.kept.seen, "event")
                reasons = [] if count else list(self.near.told(node))
                yield "; ".join([f"{node.header.key} matches {count} of {seen}", *reasons])
            case Aggregate():
                yield from self._missed_aggregate(node, entity)
            case Sequence():
                yield from self._missed_sequence(node, entity)
            case _:
                assert_never(node)

    def _missed_aggregate(self, node: Aggregate, entity: Entity) -> Iterator[str]:
        rows = self.correlator.gather(node.inputs)
        chosen = _of_entity(node.group_by, rows, entity)
        if not chosen.any():
            yield self._nothing(node, entity)
            yield from self._below(node, node.inputs, entity)
            return
        value, span = self.correlator.measured(node, rows)
        best = _nearest(node, value.as_float(), chosen)
        reached = value.plain(best)
        who = _entity_text(_entity_at(node.group_by, rows.keys, best))
        late = self._late(node, rows, best)
        when = self._at(int(rows.hits.time[best]))
        parts = [
            f"{who + ' ' if who else ''}reached {'nothing' if reached is None else reached}{_wanted(node)} at {when}",
            *([late] if late else []),
            *self._without_key(node),
        ]
        yield f"{node.header.key}: " + "; ".join(parts)
        if node.measure is Measure.RULES:
            absent = [
                part
                for number, part in enumerate(node.inputs)
                if not rows.count_of(number, span.first[best : best + 1], span.last[best : best + 1])[0]
            ]
            near = _entity_at(node.group_by, rows.keys, best)
            for part in absent:
                yield f"  {part.node.header.key} did not hold in the {duration(node.timespan)} before"
            yield from self._below(node, absent, near)

    def _late(self, node: Aggregate, rows: Rows, best: int) -> str | None:
        """How much too late the last hit of the tightest run came, for a count that slides."""
        needed = _count_needed(node)
        if needed is None or node.measure is not Measure.EVENTS or node.window is not Window.SLIDING:
            return None
        time = rows.hits.time[rows.hits.group == rows.hits.group[best]]
        if needed < 2 or len(time) < needed:
            return None
        late = int((time[needed - 1 :] - time[: 1 - needed]).min()) - node.timespan
        return f"the {ordinal(needed)} came {duration(late)} late" if late > 0 else None

    def _without_key(self, node: Aggregate | Sequence) -> Iterator[str]:
        """How many input hits belong to no group, by the group-by name that they lack."""
        for position, name in enumerate(node.group_by):
            count = 0
            for part in node.inputs:
                codes = self.correlator.read(part.keys[position], self.correlator.hits(part.node)).codes
                count += int((codes < 0).sum())
            if count:
                yield f"{plural(count, 'event')} had no {name}"

    def _nothing(self, node: Aggregate | Sequence, entity: Entity) -> str:
        who = _entity_text(entity)
        names = " and ".join(part.node.header.key for part in node.inputs)
        parts = [f"no hit of {names}" + (f" for {who}" if who else ""), *self._without_key(node)]
        return f"{node.header.key}: " + "; ".join(parts)

    def _below(self, node: Aggregate | Sequence, inputs: Iterable[Input], entity: Entity) -> Iterator[str]:
        for part in inputs:
            for line in self.missed(part.node, _child_entity(node.group_by, part, entity)):
                yield f"  {line}"

    def _missed_sequence(self, node: Sequence, entity: Entity) -> Iterator[str]:
        rows = self.correlator.gather(node.inputs)
        chosen = _of_entity(node.group_by, rows, entity)
        if not chosen.any():
            yield self._nothing(node, entity)
            yield from self._below(node, node.inputs, entity)
            return
        steps = [rows.of_origin(number) for number in range(len(node.inputs))]
        starts = latest_starts(steps)
        chosen_steps = [_of_entity(node.group_by, step, entity) for step in steps]
        reached = [bool((start > NEVER)[mask].any()) for start, mask in zip(starts, chosen_steps, strict=True)]
        depth = reached.index(False) if False in reached else len(reached)
        parts = [*self._order(node, steps, starts, chosen_steps, depth), *self._without_key(node)]
        yield f"{node.header.key}: " + "; ".join(parts)
        if depth < len(steps):
            yield from self._below(node, [node.inputs[depth]], entity)

    def _order(
        self, node: Sequence, steps: list[Rows], starts: list[Index], chosen: list[Mask], depth: int
    ) -> Iterator[str]:
        """How far the steps went in order, and why no further."""
        if depth == len(steps):
            span = np.where(chosen[-1] & (starts[-1] > NEVER), steps[-1].hits.time - starts[-1], 2**62)
            best = int(np.argmin(span))
            who = _entity_text(_entity_at(node.group_by, steps[-1].keys, best))
            yield (
                f"{who + ' ' if who else ''}took {duration(int(span[best]))} from {node.inputs[0].node.header.key} to "
                f"{node.inputs[-1].node.header.key}, {duration(int(span[best]) - node.timespan)} too long"
            )
            return
        name = node.inputs[depth].node.header.key
        if depth == 0:
            yield f"no hit of {name}, the first step"
            return
        before = node.inputs[depth - 1].node.header.key
        time = steps[depth - 1].hits.time[chosen[depth - 1] & (starts[depth - 1] > NEVER)]
        came = bool(chosen[depth].any())
        yield (
            f"step {depth} of {len(steps)} ({before}) held at {self._at(int(time.min()))}, but no hit of {name} came"
            f" after it{' (those there are came before it, or at the same time)' if came else ''}"
        )


def _of_entity(names: tuple[str, ...], rows: Rows, entity: Entity) -> Mask:
    """The rows whose group-by values are those of the entity, as far as it names them."""
    chosen = np.ones(len(rows), np.bool_)
    for name, key in zip(names, rows.keys, strict=True):
        if name in entity:
            same = pc.equal(text_values(key.values), entity[name]).to_numpy(zero_copy_only=False)
            chosen &= np.append(same, False)[key.codes]
    return chosen


def _entity_at(names: tuple[str, ...], keys: tuple[Coded, ...], row: int) -> dict[str, str]:
    at = np.array([row])
    return {name: text_values(key.take(at).decoded())[0].as_py() for name, key in zip(names, keys, strict=True)}


def _entity_text(entity: Entity) -> str:
    """The value alone where there is one name, else ``name=value`` for each."""
    if len(entity) == 1:
        return next(iter(entity.values()))
    return ", ".join(f"{name}={value}" for name, value in entity.items())


def _child_entity(names: tuple[str, ...], part: Input, entity: Entity) -> dict[str, str]:
    """The entity as the child names it; what the child does not group by is left open."""
    if isinstance(part.node, Search):
        return {}
    found = {}
    for name, reading in zip(names, part.keys, strict=True):
        match reading:
            case GroupValue():
                if name in entity:
                    found[part.node.group_by[reading.index]] = entity[name]
            case Column():
                pass
            case _:
                assert_never(reading)
    return found


def _nearest(node: Aggregate, values: np.ndarray[tuple[int], np.dtype[np.float64]], chosen: Mask) -> int:
    """The row that came nearest to the condition: the largest value, or for lt, lte, eq and ranges the closest."""
    target = _target(node)
    looks_up = target is None or _count_needed(node) is not None
    distance = -values if looks_up or target is None else np.abs(values - float(target))
    usable = np.where(chosen & ~np.isnan(values), distance, np.inf)
    return int(np.argmin(usable)) if np.isfinite(usable).any() else int(np.flatnonzero(chosen)[0])


def _target(node: Aggregate) -> Decimal | None:
    return node.condition.bounds[0][1] if isinstance(node.condition, Threshold) else None


def _count_needed(node: Aggregate) -> int | None:
    """The smallest whole value that meets a single gt or gte bound."""
    if not isinstance(node.condition, Threshold) or len(node.condition.bounds) != 1:
        return None
    op, bound = node.condition.bounds[0]
    if op is Op.GTE:
        return int(bound.to_integral_value(rounding="ROUND_CEILING"))
    return int(bound.to_integral_value(rounding="ROUND_FLOOR")) + 1 if op is Op.GT else None


def _wanted(node: Aggregate) -> str:
    """`` of 10`` for a plain least value, else the condition in words."""
    if not isinstance(node.condition, Threshold):
        return f" of {len(node.inputs)} rules"
    if len(node.condition.bounds) == 1 and node.condition.bounds[0][0] is Op.GTE:
        return f" of {node.condition.bounds[0][1]}"
    return " (wanted " + " and ".join(f"{op} {bound}" for op, bound in node.condition.bounds) + ")"
