"""A rule's queries on random logs: each must find there what the local evaluator does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import orjson

from tollwatch.cases.result import CaseResult, Status
from tollwatch.errors import UsageError
from tollwatch.evaluate.alerts import format_time

if TYPE_CHECKING:
    from tollwatch.logs.profile import Profile
    from tollwatch.plan.nodes import Node
    from tollwatch.prove.prove import Proof

_TRIES = 300
"""How often a log that shows a difference is made smaller, at most."""
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class PreparedRandom:
    """A rule and a profile, and the seeds of the logs. The language is the result's engine."""

    result: CaseResult
    node: Node
    profile: Profile
    seeds: range


def judge_random(prepared: PreparedRandom) -> CaseResult:
    """The result over all logs; of the first that shows a difference, the smallest part that still does."""
    from tollwatch.prove.random_logs import random_log

    grade = None
    for seed in prepared.seeds:
        log = _loggable(random_log(prepared.node, seed), prepared.profile)
        proof = _proof(prepared, log)
        grade = str(proof.grade)
        if proof.refused:
            message = "\n".join(proof.refused)
            return replace(prepared.result, status=Status.REFUSED, message=message, grade=grade)
        if proof.lines:
            small = _smaller(prepared, log)
            lines = [f"random log {seed}:", *_proof(prepared, small).lines, "in these events:", *_shown(small)]
            return replace(prepared.result, status=Status.FAILED, message="\n".join(lines), grade=grade)
    return replace(prepared.result, grade=grade)


def _proof(prepared: PreparedRandom, log: Sequence[Mapping[str, object]]) -> Proof:
    from tollwatch.evaluate.run import run
    from tollwatch.logs.read import from_records
    from tollwatch.logs.write import to_raw
    from tollwatch.plan.nodes import Plan
    from tollwatch.prove.prove import Subject, prove
    from tollwatch.prove.tables import logged

    raw = to_raw(log, prepared.profile)
    events = from_records(raw, prepared.profile)
    evaluate = cache(lambda node: run(Plan((node,)), [events]).alerts)
    return prove(
        Subject(prepared.node, prepared.profile, logged(raw, prepared.profile), evaluate), prepared.result.engine
    )


def _loggable(log: Sequence[Mapping[str, object]], profile: Profile) -> list[Mapping[str, object]]:
    """The events that the source can log, without the fields that it lacks."""
    from tollwatch.logs.write import to_raw

    found: list[Mapping[str, object]] = []
    for event in log:
        kept = as_logged(event, profile)
        try:
            to_raw([kept], profile)
        except UsageError:
            continue
        found.append(kept)
    return found


def as_logged(record: Mapping[str, object], profile: Profile) -> dict[str, object]:
    """A canonical record without what this source never logs: fields it lacks, and those absent on such an event.

    A rule that needs one of them was refused before.
    """
    absent = {
        absence.field for absence in profile.absent_when if str(record.get(absence.where)) in map(str, absence.values)
    }
    return {name: value for name, value in record.items() if profile.carrier(name) is not None and name not in absent}


def _smaller(prepared: PreparedRandom, log: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Pieces are left out, ever smaller ones, as long as a difference stays."""
    kept, piece, tries = list(log), max(len(log) // 2, 1), 0
    while tries < _TRIES:
        for start in range(0, len(kept), piece):
            tries += 1
            fewer = kept[:start] + kept[start + piece :]
            if fewer and _proof(prepared, fewer).lines:
                kept = fewer
                break
        else:
            if piece == 1:
                break
            piece = max(piece // 2, 1)
    return kept


def _shown(log: Sequence[Mapping[str, object]]) -> list[str]:
    """The events by time, a JSON object a line."""
    ordered = sorted(log, key=lambda one: int(str(one["timestamp"])))
    told = [{**one, "timestamp": format_time(int(str(one["timestamp"])))} for one in ordered[:_SHOWN]]
    more = [f"and {len(log) - _SHOWN} more"] if len(log) > _SHOWN else []
    return [orjson.dumps(one).decode() for one in told] + more
