"""One rule, one language, one log: the compiled query's text is executed and must find what the evaluator does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tollwatch.compile.model import Grade, Mode, Options, Query
from tollwatch.compile.registry import compile_node, language
from tollwatch.evaluate.alerts import Alert
from tollwatch.logs.profile import Profile
from tollwatch.plan.nodes import Node
from tollwatch.prove.compare import Bounds, exactly, not_meant, overdue, shorter
from tollwatch.prove.deployed import (
    Report,
    arrivals,
    phases,
    reports,
    run_times,
    schedule_of,
    telling,
)
from tollwatch.prove.findings import from_alert, from_rows
from tollwatch.prove.report import Deployment, Finding
from tollwatch.prove.tables import Logged, tables
from tollwatch.query.engines import ENGINES, Request, TimeRange, execute
from tollwatch.query.errors import QueryError
from tollwatch.query.table import Table

LANGUAGES = tuple(ENGINES)
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Subject:
    """What is proved: a rule over a log, and how the evaluator finds the alerts of a node on it."""

    node: Node
    profile: Profile
    logs: Logged
    evaluate: Callable[[Node], tuple[Alert, ...]]


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of it. ``lines``: where query and evaluator differ; none where it holds.

    ``refused``: why there is no query; ``found``: what the query finds in hunt mode.
    """

    grade: Grade
    found: tuple[Finding, ...] = ()
    lines: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    deployment: Deployment | None = None


def prove(subject: Subject, target: str, *, as_deployed: bool = False) -> Proof:
    """Execute the rule's query in hunt mode and in scheduled mode.

    ``as_deployed``: every run at several phases, over what has come in by then; without it the runs that can report
    something, each with the one after it, at one phase, over the whole log.

    Raises:
        QueryError: the engine cannot run what was compiled, which is a fault of ours.
    """
    hunt, scheduled = (compiled(subject.node, target, subject.profile, mode) for mode in (Mode.HUNT, Mode.SCHEDULED))
    for query in (hunt, scheduled):
        if query.text is None:
            return Proof(Grade.REFUSED, refused=tuple(_refusal(query)))
    meant = subject.evaluate(subject.node)
    held = _held(hunt, subject, subject.logs)
    now = int(subject.logs.times.max(initial=0)) + _SECOND
    found = from_rows(hunt, subject.node, _rows(hunt, held, now))
    lines = [f"hunt: {line}" for line in _differences(hunt, subject, found, meant)]
    deployment, more = _scheduled(scheduled, subject, meant, as_deployed=as_deployed)
    lines += [f"scheduled: {line}" for line in more]
    return Proof(hunt.grade, tuple(found), tuple(lines), (), deployment)


@lru_cache(4096)
def compiled(node: Node, target: str, profile: Profile, mode: Mode) -> Query:
    """The rule's query, compiled once for all its cases."""
    return compile_node(node, language(target), profile, Options(mode))


def _refusal(query: Query) -> Iterator[str]:
    for one in query.refused:
        yield f"{query.target}: {one.construct}: {one.reason}" + (f"\nhint: {one.use}" if one.use else "")


def _held(query: Query, subject: Subject, logs: Logged) -> dict[str, Table]:
    return tables(query.target, subject.profile, logs, query.columns)


def _rows(query: Query, held: Mapping[str, Table], now: int) -> Table:
    try:
        return execute(query.target, Request(query.text or "", held, TimeRange(now)))
    except QueryError as error:
        raise QueryError(
            f"the {query.target} query of {query.rule}: {error.message}", error.line, error.column
        ) from None


def _differences(query: Query, subject: Subject, found: Sequence[Finding], meant: Sequence[Alert]) -> Iterator[str]:
    if query.grade is Grade.EXACT:
        yield from exactly(found, [from_alert(query, alert) for alert in meant])
        return
    bounds = _bounds(query, subject, meant)
    yield from not_meant(found, bounds, whole=True)
    yield from (f"missed, beyond the tolerance: {from_alert(query, alert)}" for alert in overdue(found, bounds))


def _bounds(query: Query, subject: Subject, meant: Sequence[Alert]) -> Bounds:
    less = shorter(subject.node, _late(query))
    due = () if less is None else subject.evaluate(less)
    return Bounds(tuple(from_alert(query, alert) for alert in meant), due, _late(query))


def _late(query: Query) -> int:
    """The tolerance in µs: an alert may also come so much later."""
    return 0 if query.tolerance is None else round(query.tolerance.missed_s * _SECOND)


# ---------------------------------------------------------------- scheduled


def _scheduled(
    query: Query, subject: Subject, meant: Sequence[Alert], *, as_deployed: bool
) -> tuple[Deployment | None, list[str]]:
    held, times = _held(query, subject, subject.logs), np.sort(subject.logs.times[list(subject.logs.timed)])
    if not len(times):
        return None, []
    late = _late(query)
    last = max([int(times[-1]), *(alert.triggered_at for alert in meant)]) + late
    schedule = schedule_of(query)
    lines: list[str] = []
    all_runs: list[tuple[int, list[Report]]] = []
    for phase in phases(schedule) if as_deployed else phases(schedule, 1):
        runs = list(run_times(schedule, int(times[0]), last, phase))
        if as_deployed:
            told = list(_arriving(query, subject, runs))
        else:
            hits = np.sort(np.append(times, [alert.triggered_at for alert in meant]).astype(np.int64))
            told = list(reports(query, subject.node, held, telling(schedule, runs, hits, late)))
        lines += [line for line in _once(query, subject, told, meant) if line not in lines]
        all_runs.append((len(runs), told))
    return (_deployment(query, subject, all_runs, meant) if as_deployed else None), lines


def _arriving(query: Query, subject: Subject, runs: Sequence[int]) -> Iterator[Report]:
    """The reports of runs that each see only the records that have come in by then."""
    logs, arrived = subject.logs, arrivals(subject.logs, schedule_of(query).delay)
    seen, held = -1, _held(query, subject, _by(logs, arrived, 0))
    for run in runs:
        come = int((arrived <= run).sum())
        if come != seen:
            seen, held = come, _held(query, subject, _by(logs, arrived, run))
        yield from reports(query, subject.node, held, [run])


def _by(logs: Logged, arrived: np.ndarray, run: int) -> Logged:
    at = np.flatnonzero(arrived <= run).tolist()
    return Logged(tuple(logs.records[one] for one in at), logs.times[at], tuple(logs.timed[one] for one in at))


def _once(query: Query, subject: Subject, told: Sequence[Report], meant: Sequence[Alert]) -> Iterator[str]:
    """What is wrong with the reports of all runs of one phase."""
    found = [report.finding for report in told]
    if query.grade is not Grade.EXACT:
        bounds = _bounds(query, subject, meant)
        yield from not_meant(found, bounds, whole=False)
        yield from (f"missed, beyond the tolerance: {from_alert(query, alert)}" for alert in overdue(found, bounds))
        return
    # Of each episode a run knows what was there when it ran: its entity and its first hit are compared.
    yield from exactly([_first(one) for one in found], [_first(from_alert(query, alert)) for alert in meant])


def _first(finding: Finding) -> Finding:
    return Finding(finding.entity, finding.triggered_at, finding.triggered_at)


def _deployment(
    query: Query, subject: Subject, all_runs: Sequence[tuple[int, Sequence[Report]]], meant: Sequence[Alert]
) -> Deployment:
    delays, duplicates, missed = [], 0, 0
    wanted = [_first(from_alert(query, alert)) for alert in meant]
    for _, told in all_runs:
        firsts: dict[Finding, int] = {}
        for report in told:
            key = _first(report.finding)
            duplicates += key in firsts
            firsts.setdefault(key, report.run)
        delays += [(run - one.triggered_at) / _SECOND for one, run in firsts.items()]
        if query.grade is Grade.EXACT:
            missed += sum(one not in firsts for one in wanted)
        else:
            missed += len(overdue([report.finding for report in told], _bounds(query, subject, meant)))
    return Deployment(sum(runs for runs, _ in all_runs), len(all_runs), tuple(delays), duplicates, missed)
