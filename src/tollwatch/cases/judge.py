"""One case judged: its events through its rule's plan, and the alerts against those expected.

All that is needed is in a Prepared, which can be sent to another process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, assert_never

from tollwatch.cases.expand import expand
from tollwatch.cases.match import Differences, compare, describe_differences
from tollwatch.cases.model import Case, LogFile, Step
from tollwatch.cases.randomised import PreparedRandom, as_logged, judge_random
from tollwatch.cases.result import LOCAL, CaseResult, Status
from tollwatch.cases.written import PreparedQuery, judge_query
from tollwatch.diagnostics import Diagnostic, render
from tollwatch.errors import DiagnosticsError, TollwatchError, UsageError

if TYPE_CHECKING:  # pandas is loaded when the first case is judged
    from tollwatch.logs.model import Events
    from tollwatch.logs.profile import Profile
    from tollwatch.plan.nodes import Node

_EXPLAINED = 3
"""How many missing alerts of one case are explained."""

_CASE_COST = 1
_PROOF_COST = 60
"""What a query's proof over a case costs, in cases run by the evaluator."""

_BYTES_COST = 40_000
"""Log bytes that cost as much as a case of steps: about 2 ms."""

_POOL_COST = 2_000
"""What a pool of processes must save to be worth its start, in cases."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A case with the plan of its rule and its profile. ``result`` is what it comes to if all is as expected.

    ``replaced``: the profile is not the one that the case was written for. The engine is the result's;
    ``as_deployed``: see ``prove``.
    """

    result: CaseResult
    case: Case
    replaced: bool
    node: Node
    profile: Profile
    as_deployed: bool = False


Ready = Prepared | PreparedQuery | PreparedRandom | CaseResult
"""A case ready to be judged, or what it came to already."""


def judge_all(prepared: Sequence[Ready], processes: int) -> list[CaseResult]:
    """The results, in the same order; what is a result already stays one."""
    workers = min(processes, len(prepared))
    if workers < 2 or sum(map(_cost, prepared)) < _POOL_COST:
        return [judge(one) for one in prepared]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # A forked child of a process with Arrow's threads may hang, so that children are started afresh.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(judge, prepared, chunksize=max(1, len(prepared) // (workers * 64))))


def _cost(prepared: Ready) -> float:
    if isinstance(prepared, CaseResult):
        return 0
    if isinstance(prepared, PreparedRandom):
        return _PROOF_COST * len(prepared.seeds)
    logs = (event.path for event in prepared.case.events if isinstance(event, LogFile))
    own = _PROOF_COST if isinstance(prepared, Prepared) and prepared.result.engine != LOCAL else _CASE_COST
    return own + sum(path.stat().st_size for path in logs if path.is_file()) / _BYTES_COST


def judge(prepared: Ready) -> CaseResult:
    """The result of a case. A mistake becomes a result of status error."""
    if isinstance(prepared, CaseResult):
        return prepared
    try:
        match prepared:
            case PreparedQuery():
                return judge_query(prepared)
            case PreparedRandom():
                return judge_random(prepared)
            case Prepared():
                return _judged(prepared)
            case _:
                assert_never(prepared)
    except TollwatchError as error:
        return errored(prepared.result, error)


def errored(result: CaseResult, error: TollwatchError) -> CaseResult:
    """The result of a case that did not run."""
    match error:
        case DiagnosticsError():
            mistakes = error.diagnostics
            return replace(result, status=Status.ERROR, message=rendered(mistakes), diagnostics=mistakes)
        case UsageError(hint=str(hint)):
            return replace(result, status=Status.ERROR, message=f"{error}\nhint: {hint}")
        case _:
            return replace(result, status=Status.ERROR, message=str(error))


def rendered(mistakes: Sequence[Diagnostic]) -> str:
    """Each mistake with its line and caret."""
    return "\n".join(render(mistake) for mistake in mistakes)


def _judged(prepared: Prepared) -> CaseResult:
    from tollwatch.evaluate.run import run
    from tollwatch.plan.fit import unfit
    from tollwatch.plan.nodes import Plan

    result, node, expect = prepared.result, prepared.node, prepared.case.expect
    refusals = unfit(node, prepared.profile)
    if refusals:
        message = "\n".join(_refusal(refusal) for refusal in refusals)
        return replace(result, status=Status.REFUSED, message=message, diagnostics=refusals)
    if result.engine != LOCAL:
        return _proved(prepared)
    alerts = run(Plan((node,)), case_events(prepared)).alerts
    found = compare(expect, alerts)
    if not found:
        return replace(result, actual=alerts)
    lines = [*describe_differences(found, len(expect), len(alerts)), *_near_misses(prepared, found)]
    return replace(result, status=Status.FAILED, actual=alerts, message="\n".join(lines))


def _refusal(refusal: Diagnostic) -> str:
    return f"{refusal.code} {refusal.message}" + (f"\nhint: {refusal.hint}" if refusal.hint else "")


def _proved(prepared: Prepared) -> CaseResult:
    """The result of the compiled query's proof."""
    from tollwatch.evaluate.run import run
    from tollwatch.plan.nodes import Plan
    from tollwatch.prove.prove import Subject, prove
    from tollwatch.prove.tables import logged

    blocks = list(case_events(prepared))
    records = logged(list(case_records(prepared)), prepared.profile)
    subject = Subject(
        prepared.node, prepared.profile, records, cache(lambda node: run(Plan((node,)), iter(blocks)).alerts)
    )
    proof = prove(subject, prepared.result.engine, as_deployed=prepared.as_deployed)
    result = replace(
        prepared.result, grade=str(proof.grade), found=proof.found,
        deployed=proof.deployment,
    )  # fmt: skip
    if proof.refused:
        return replace(result, status=Status.REFUSED, message="\n".join(proof.refused))
    return replace(result, status=Status.FAILED, message="\n".join(proof.lines)) if proof.lines else result


def case_records(prepared: Prepared) -> Iterator[Mapping[str, object]]:
    """A case's events in the raw form of its profile: steps, then logs."""
    from tollwatch.logs.raw_records import raw_records

    yield from _step_records(prepared)
    logs = [event.path for event in prepared.case.events if isinstance(event, LogFile)]
    yield from (record.values for record in raw_records(logs))


def _step_records(prepared: Prepared) -> list[dict[str, object]]:
    """What the steps make, as raw records of the profile."""
    from tollwatch.logs.write import to_raw

    case, profile = prepared.case, prepared.profile
    records = [record for step in case.events if isinstance(step, Step) for record in expand(step, case.name)]
    if prepared.replaced:
        records = [as_logged(record, profile) for record in records]
    return to_raw(records, profile)


def case_events(prepared: Prepared) -> Iterator[Events]:
    """A case's events in canonical form, with the fields that the rule reads: steps, then logs.

    Steps are written as raw records of the profile first, so that they are read as its logs are.
    """
    from tollwatch.logs.read import from_records, open_logs

    case, profile, needed = prepared.case, prepared.profile, _fields(prepared.node)
    if any(isinstance(event, Step) for event in case.events):
        yield from_records(_step_records(prepared), profile, name=f"{prepared.result.file}: {case.name}", fields=needed)
    logs = [event.path for event in case.events if isinstance(event, LogFile)]
    if logs:
        yield from open_logs(logs, profile, fields=needed)


def _fields(node: Node) -> tuple[str, ...] | None:
    """The fields that a rule reads; None, which is all, where it has keywords."""
    from tollwatch.plan.walk import fields, has_keyword, searches

    return None if any(has_keyword(search.predicate) for search in searches(node)) else fields(node)


def _near_misses(prepared: Prepared, found: Differences) -> Iterator[str]:
    """How near each missing alert came, each explanation once."""
    from tollwatch.evaluate.explain import explain

    blocks = list(case_events(prepared)) if found.missing else []
    entities = [dict(one.entity) for one in found.missing[:_EXPLAINED]]
    told = dict.fromkeys(explain(prepared.node, blocks, entity).text for entity in entities)
    for text in told:
        yield "nearest miss:"
        yield from (f"    {line}" for line in text.splitlines())
