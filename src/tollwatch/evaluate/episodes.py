"""From the hits of a detection to its alerts: episodes, contributing events, peaks, and the same for each step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tollwatch.evaluate.alerts import Alert, EventReference, Peak, Step
from tollwatch.evaluate.collect import Kept
from tollwatch.evaluate.correlate import Correlator, Hits
from tollwatch.evaluate.numbers import Ratio
from tollwatch.evaluate.windows import Index, changed, distinct, merge_ranges, segments
from tollwatch.logs.values import text_values
from tollwatch.plan.nodes import Aggregate, Node, Search, Sequence
from tollwatch.sigma.model import Op, Threshold

SHOWN_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Contribution:
    """Pairs (alert, hit of a node), sorted and distinct: the hits that contribute to each of ``count`` alerts."""

    count: int
    owner: Index
    hit: Index


def alerts_of(node: Node, correlator: Correlator) -> list[Alert]:
    """The alerts of one detection, in the order of their groups and times."""
    hits = correlator.hits(node)
    contribution = episodes(node, hits)
    if not contribution.count:
        return []
    summary = _summarise(node, hits, contribution)
    events = contributing_events(node, correlator, contribution)
    references = _references(correlator.kept, events)
    steps = _steps(node, correlator, contribution)
    first_hit = np.searchsorted(contribution.owner, np.arange(contribution.count))
    entities = _entities(node, hits, contribution.hit[first_hit])
    header, kept = node.header, correlator.kept
    alerts = []
    for number, ((triggered_at, last_seen, count, peak), own) in enumerate(zip(summary, events, strict=True)):
        alerts.append(
            Alert(
                rule=header.key,
                rule_id=header.id,
                title=header.title,
                level=header.level,
                tags=header.tags,
                entity=entities[number],
                first_seen=int(kept.time[own[0]]),
                triggered_at=triggered_at,
                last_seen=last_seen,
                hits=count,
                peak=peak,
                event_count=len(own),
                events=references[number],
                steps=steps[number],
            )
        )
    return alerts


def episodes(node: Node, hits: Hits) -> Contribution:
    """Hits of one group that follow each other by no more than the timespan are one alert; of a search, each hit."""
    hit = np.arange(len(hits))
    if isinstance(node, Search):
        return Contribution(len(hits), hit, hit)
    boundary = changed(hits.group)
    boundary[1:] |= hits.time[1:] - hits.time[:-1] > node.timespan
    parts = segments(boundary)
    return Contribution(len(parts), parts.of, hit)


def contributing_events(node: Node, correlator: Correlator, contribution: Contribution) -> list[Index]:
    """For each alert its contributing events (positions in Kept, hence by time), each once."""
    pairs = list(_events(node, correlator, contribution))
    size = len(correlator.kept.time) + 1
    joined = np.concatenate([owner * size + event for owner, event in pairs])
    unique = distinct(joined)
    owner, event = unique // size, unique % size
    return np.split(event, np.searchsorted(owner, np.arange(1, contribution.count)))


def _references(kept: Kept, events: list[Index]) -> list[tuple[EventReference, ...]]:
    """For each alert the places of its first events. An event that many alerts show is one object."""
    shown = [own[:SHOWN_EVENTS] for own in events]
    once = distinct(np.concatenate(shown))
    places = zip(kept.file[once].tolist(), kept.line[once].tolist(), strict=True)
    objects = [EventReference(kept.files[file], line) for file, line in places]
    return [tuple(objects[position] for position in np.searchsorted(once, own).tolist()) for own in shown]


def _events(node: Node, correlator: Correlator, contribution: Contribution) -> Iterator[tuple[Index, Index]]:
    if isinstance(node, Search):
        yield contribution.owner, correlator.hits(node).event[contribution.hit]
        return
    for child, below in children(node, correlator, contribution):
        yield from _events(child, correlator, below)


def children(
    node: Aggregate | Sequence, correlator: Correlator, contribution: Contribution
) -> Iterator[tuple[Node, Contribution]]:
    """For each input of a correlation the hits of it that contribute to each alert."""
    hits = correlator.hits(node)
    taken = []
    for span in hits.spans:
        first, last = span.first[contribution.hit], span.last[contribution.hit]
        owner, row = merge_ranges(contribution.owner, first, last, len(span.rows))
        taken.append((owner, span.rows.origin[row], span.rows.index[row]))
    owner, origin, index = (np.concatenate(column) for column in zip(*taken, strict=True))
    for number, part in enumerate(node.inputs):
        chosen = origin == number
        mine, hit = owner[chosen], index[chosen]
        order = np.lexsort((hit, mine))
        yield part.node, Contribution(contribution.count, mine[order], hit[order])


def _steps(node: Node, correlator: Correlator, contribution: Contribution) -> list[tuple[Step, ...]]:
    """For each alert, the same of each referenced rule; a rule without a contributing hit is left out."""
    found: list[list[Step]] = [[] for _ in range(contribution.count)]
    if isinstance(node, Search):
        return [() for _ in found]
    for child, below in children(node, correlator, contribution):
        hits = correlator.hits(child)
        present = below.owner[changed(below.owner)]
        renumbered = Contribution(len(present), np.searchsorted(present, below.owner), below.hit)
        if not len(present):
            continue
        summary = _summarise(child, hits, renumbered)
        events = contributing_events(child, correlator, renumbered)
        nested = _steps(child, correlator, renumbered)
        for number, owner in enumerate(present.tolist()):
            triggered_at, last_seen, count, peak = summary[number]
            own = events[number]
            first_seen = int(correlator.kept.time[own[0]])
            found[owner].append(
                Step(child.header.key, first_seen, triggered_at, last_seen, count, peak, len(own), nested[number])
            )
    return [tuple(steps) for steps in found]


def _summarise(node: Node, hits: Hits, contribution: Contribution) -> list[tuple[int, int, int, Peak]]:
    """For each alert: the first and last hit's time, the number of hits, the peak. Each alert has a hit."""
    order = np.lexsort((hits.time[contribution.hit], contribution.owner))
    hit, owner = contribution.hit[order], contribution.owner[order]
    start = np.searchsorted(owner, np.arange(contribution.count))
    end = np.append(start[1:], len(owner))
    times = hits.time[hit]
    peaks = _peaks(node, hits.value, hit, owner, start)
    columns = (times[start].tolist(), times[end - 1].tolist(), (end - start).tolist(), peaks)
    return list(zip(*columns, strict=True))


def _peaks(node: Node, value: Ratio | None, hit: Index, owner: Index, start: Index) -> list[Peak]:
    """The largest value measured (for lt and lte the smallest); None for a search and an ordered type."""
    if value is None or isinstance(node, Search | Sequence):
        return [None] * len(start)
    sign = -1 if _looks_down(node) else 1
    measured = value.take(hit)
    best = np.lexsort((-sign * measured.as_float(), owner))[start]
    return [measured.plain(position) for position in best.tolist()]


def _looks_down(node: Aggregate) -> bool:
    """Whether every bound is lt or lte."""
    return isinstance(node.condition, Threshold) and all(op in {Op.LT, Op.LTE} for op, _ in node.condition.bounds)


def _entities(node: Node, hits: Hits, first_hit: Index) -> list[tuple[tuple[str, str], ...]]:
    """For each alert its group-by names with their values as text."""
    if isinstance(node, Search) or not node.group_by:
        return [()] * len(first_hit)
    columns = [text_values(key.take(first_hit).decoded()).to_pylist() for key in hits.keys]
    return [tuple(zip(node.group_by, row, strict=True)) for row in zip(*columns, strict=True)]
