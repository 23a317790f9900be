"""A case of a hand-written query: the query is run on the case's events, and its rows are those expected."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tollwatch.cases.expand import expand
from tollwatch.cases.match import matching
from tollwatch.cases.model import Case, ExpectedRow, LogFile, Step, WrittenQuery
from tollwatch.cases.result import CaseResult, Status
from tollwatch.evaluate.alerts import format_time

if TYPE_CHECKING:
    from tollwatch.logs.profile import Profile

_MOST = 5


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A case with its query and the profile of its logs. ``result`` is what it comes to if all is as expected."""

    result: CaseResult
    case: Case
    query: WrittenQuery
    profile: Profile


def judge_query(prepared: PreparedQuery) -> CaseResult:
    """The result: every row that is expected came, and no other.

    Raises:
        TollwatchError: the query cannot be read or run, or its logs cannot.
    """
    from tollwatch.prove.handwritten import hold, read_query, records_of, run_query
    from tollwatch.query.output import records

    written = read_query(prepared.query.path, prepared.query.macros)
    named = {name: records_of([path]) for name, path in prepared.query.tables}
    held = hold(written.language, prepared.profile, list(_records(prepared)), named)
    rows = records(run_query(written, held))
    result = replace(prepared.result, engine=written.language, rows=tuple(rows))
    lines = list(_differences(prepared.case.rows, rows))
    return replace(result, status=Status.FAILED, message="\n".join(lines)) if lines else result


def _records(prepared: PreparedQuery) -> Iterator[Mapping[str, object]]:
    """The case's events as the source logs them: under the profile none, with their times as texts."""
    from tollwatch.logs.profile import NONE
    from tollwatch.logs.write import to_raw
    from tollwatch.prove.handwritten import records_of

    case, profile = prepared.case, prepared.profile
    made = [record for step in case.events if isinstance(step, Step) for record in expand(step, case.name)]
    if profile.name == NONE:
        yield from ({**one, "timestamp": format_time(int(str(one["timestamp"])))} for one in made)
    else:
        yield from to_raw(made, profile)
    yield from records_of([event.path for event in case.events if isinstance(event, LogFile)])


def _differences(expected: Sequence[ExpectedRow], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    fits = [[at for at, row in enumerate(rows) if _meets(one, row)] for one in expected]
    owner = matching(fits)
    missing = [one for at, one in enumerate(expected) if at not in owner.values()]
    others = [row for at, row in enumerate(rows) if at not in owner]
    if missing or others:
        yield f"expected {len(expected) or 'no'} row{'' if len(expected) == 1 else 's'}, got {len(rows)}"
    yield from _told("missing", [dict(one.values) for one in missing])
    yield from _told("not expected", others)


def _told(what: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from (f"{what}: {', '.join(f'{name}={value}' for name, value in row.items())}" for row in rows[:_MOST])
    if len(rows) > _MOST:
        yield f"    and {len(rows) - _MOST} more"


def _meets(expected: ExpectedRow, row: Mapping[str, Any]) -> bool:
    return all(name in row and _equal(wanted, row[name]) for name, wanted in expected.values)


def _equal(wanted: Any, got: Any) -> bool:
    """Numbers to nine digits; a time however it is written; an empty text and null are not the same."""
    if isinstance(wanted, tuple):
        return isinstance(got, list) and len(wanted) == len(got) and all(map(_equal, wanted, got))
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return math.isclose(wanted, got, rel_tol=1e-9)
    return wanted == got or (isinstance(wanted, str) and isinstance(got, str) and _same_time(wanted, got))


def _same_time(one: str, other: str) -> bool:
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False
