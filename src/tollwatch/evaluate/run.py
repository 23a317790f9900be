"""A Plan over blocks of events: the alerts (semantics, "Alerts")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tollwatch.evaluate.alerts import Alert
from tollwatch.evaluate.collect import Kept, collect
from tollwatch.evaluate.correlate import Correlator
from tollwatch.evaluate.episodes import alerts_of
from tollwatch.logs.model import Events
from tollwatch.plan.nodes import Node, Plan, Search
from tollwatch.plan.walk import carried_fields, nodes, searches


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found. ``alerts`` are sorted by triggered_at, rule and entity.

    ``left_out``: (correlation, hits that belong to no group because a group-by field is null), where any are.
    """

    alerts: tuple[Alert, ...]
    events: int
    left_out: tuple[tuple[str, int], ...]


_MANY = 50_000  # kept events
_THREADS = 2  # more would fight over memory: what takes time is sorting and gathering large arrays


def run(plan: Plan, blocks: Iterable[Events]) -> Outcome:
    """Evaluate every detection of the plan over the events of all blocks, in one pass over them."""
    kept = keep(plan.detections, blocks)
    found: list[Alert] = []
    left_out: dict[str, int] = {}
    for alerts, lacking in _evaluated(_apart(plan.detections), kept):
        found += alerts
        left_out |= lacking
    found.sort(key=lambda alert: (alert.triggered_at, alert.rule, alert.entity))
    order = {part.header.key: None for node in plan.detections for part in nodes(node)}
    told = ((key, left_out[key]) for key in order if left_out.get(key))
    return Outcome(tuple(found), kept.seen, tuple(told))


def _evaluated(groups: Sequence[Sequence[Node]], kept: Kept) -> Iterator[tuple[list[Alert], dict[str, int]]]:
    """What each group of detections finds, over many events in threads.

    They help since numpy leaves Python's lock while it sorts and gathers.
    """
    if len(kept.time) < _MANY:
        yield from (_evaluate(group, kept) for group in groups)
        return
    with ThreadPoolExecutor(_THREADS, "evaluate") as pool:
        yield from pool.map(lambda group: _evaluate(group, kept), groups)


def _evaluate(detections: Sequence[Node], kept: Kept) -> tuple[list[Alert], dict[str, int]]:
    """The alerts of these detections, and how many hits each correlation left out."""
    correlator = Correlator(kept)
    found: list[Alert] = []
    left_out: dict[str, int] = {}
    for node, done in _last_uses(detections):
        found += alerts_of(node, correlator)
        left_out.update({part.header.key: correlator.hits(part).left_out for part in done})
        correlator.forget(done)
    return found, left_out


def _apart(detections: Sequence[Node]) -> list[list[Node]]:
    """The detections in groups that share no correlation, so that none is computed twice. Each keeps their order."""
    groups: list[tuple[set[Node], list[Node]]] = []
    for node in detections:
        parts: set[Node] = {part for part in nodes(node) if not isinstance(part, Search)}
        mine = [group for group in groups if group[0] & parts]
        groups = [group for group in groups if group not in mine]
        whole = [one for one in detections if one == node or any(one in group[1] for group in mine)]
        groups.append((parts.union(*(group[0] for group in mine)), whole))
    return [group for _, group in groups]


def _last_uses(detections: Sequence[Node]) -> Iterator[tuple[Node, list[Node]]]:
    """Each detection, with the nodes that no later one needs."""
    last = {part: position for position, node in enumerate(detections) for part in nodes(node)}
    done: list[list[Node]] = [[] for _ in detections]
    for part, position in last.items():
        done[position].append(part)
    yield from zip(detections, done, strict=True)


def keep(detections: Iterable[Node], blocks: Iterable[Events]) -> Kept:
    """The events that some search of the detections matches, with the columns that their correlations read."""
    distinct = dict.fromkeys(search for node in detections for search in searches(node))
    columns = dict.fromkeys(name for node in detections for name in carried_fields(node))
    return collect(tuple(distinct), tuple(columns), blocks)
