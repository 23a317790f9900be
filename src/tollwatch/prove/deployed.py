"""A scheduled query run as a SIEM runs it: every interval, over what has come in by then."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tollwatch.compile.model import Query, Schedule
from tollwatch.errors import TollwatchError
from tollwatch.plan.nodes import Node
from tollwatch.prove.findings import from_rows
from tollwatch.prove.report import Finding
from tollwatch.prove.tables import Logged
from tollwatch.query.engines import Request, TimeRange, execute
from tollwatch.query.table import Index, Table

PHASES = 5
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """One row of one run: when the run was (µs), and what it found."""

    run: int
    finding: Finding


def schedule_of(query: Query) -> Schedule:
    """The schedule, which every query of that mode has."""
    if query.schedule is None:
        raise TollwatchError("the query has no schedule")
    return query.schedule


def run_times(schedule: Schedule, first: int, last: int, phase: int) -> Iterator[int]:
    """The times of all runs that could report a hit between ``first`` and ``last``, and of one more after them."""
    start = first + schedule.delay
    at = start - (start - phase) % schedule.interval
    while at <= last + schedule.delay + 2 * schedule.interval:
        yield at
        at += schedule.interval


def telling(schedule: Schedule, runs: Sequence[int], times: Index, late: int) -> list[int]:
    """The runs that can report a hit at one of the (sorted) times, up to ``late`` µs later, and the run after each."""
    until = np.array(runs, np.int64) - schedule.delay
    inside = np.searchsorted(times, until, "right") > np.searchsorted(times, until - schedule.interval - late, "right")
    return [run for run, own, before in zip(runs, inside, [False, *inside[:-1]], strict=True) if own or before]


def reports(query: Query, node: Node, tables: Mapping[str, Table], runs: Sequence[int]) -> Iterator[Report]:
    """Every row of these runs."""
    for run in runs:
        rows = execute(query.target, Request(query.text or "", tables, TimeRange(run)))
        yield from (Report(run, finding) for finding in from_rows(query, node, rows))


def arrivals(logs: Logged, delay: int) -> Index:
    """When each record comes in: up to the allowed delay after its time, scattered but the same in every run."""
    digest = hashlib.blake2b(b"arrival", digest_size=8).digest()
    scatter = np.random.default_rng(int.from_bytes(digest, "big"))
    return logs.times + scatter.integers(0, delay, len(logs.times), endpoint=True)


def phases(schedule: Schedule, count: int = PHASES) -> list[int]:
    """Offsets into the interval, spread evenly, none at its edge."""
    return [
        schedule.interval * (2 * number + 1) // (2 * count) // _SECOND * _SECOND + number for number in range(count)
    ]
