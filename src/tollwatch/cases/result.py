"""What came of a case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tollwatch.cases.model import Expectation, Expected, ExpectedRow
from tollwatch.diagnostics import Diagnostic
from tollwatch.evaluate.alerts import Alert, format_time, to_record
from tollwatch.prove.report import Deployment, Finding
from tollwatch.prove.report import to_record as finding_record

LOCAL = "local"
"""The engine that evaluates a rule itself."""


class Status(StrEnum):
    """FAILED: the alerts are not those expected. REFUSED: the profile cannot serve the rule. ERROR: it did not run."""

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, run by one engine. ``line`` and ``column`` are the case's, 1-based (0: the whole file).

    ``message`` says in plain lines why it did not pass; empty where it did. ``grade`` is that of a compiled query; the
    local evaluator has none. ``actual`` is what the evaluator found, ``found`` what a compiled query did, ``rows``
    those of a hand-written query; ``deployed`` says how a query fared as a SIEM runs it. ``diagnostics`` are the
    mistakes that kept the case from running.
    """

    file: str
    line: int
    column: int
    name: str
    rule: str
    profile: str
    status: Status
    message: str = ""
    expected: tuple[Expectation, ...] = ()
    actual: tuple[Alert, ...] = ()
    expected_rows: tuple[ExpectedRow, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    engine: str = LOCAL
    grade: str | None = None
    found: tuple[Finding, ...] = ()
    rows: tuple[Mapping[str, object], ...] = ()
    deployed: Deployment | None = None


def result_record(result: CaseResult) -> dict[str, object]:
    """The result as the JSON object of ``rules test --format json``."""
    return {
        "file": result.file,
        "name": result.name,
        "rule": result.rule,
        "profile": result.profile,
        "engine": result.engine,
        "grade": result.grade,
        "status": str(result.status),
        "expected": [expectation_record(expectation) for expectation in result.expected]
        + [dict(one.values) for one in result.expected_rows],
        "actual": [
            *(to_record(alert) for alert in result.actual),
            *(finding_record(one) for one in result.found),
            *map(dict, result.rows),
        ],
        "message": result.message,
        **({} if result.deployed is None else {"deployed": result.deployed.record()}),
    }


def expectation_record(expectation: Expectation) -> dict[str, object]:
    """What an expectation gives, in the terms of an alert's record (``events: N`` is ``event_count``)."""
    return {name: _plain(name, value) for name, value in expectation.given}


def _plain(name: str, value: Expected) -> object:
    match value:
        case tuple():
            return dict(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case int() if name in {"first_seen", "triggered_at", "last_seen"}:
            return format_time(value)
        case _:
            return value


def counts(results: Iterable[CaseResult]) -> dict[str, int]:
    """How many results have each status, every status named, and how many there are."""
    statuses = [result.status for result in results]
    return {**{str(status): statuses.count(status) for status in Status}, "total": len(statuses)}


def exit_code(results: Iterable[CaseResult]) -> int:
    """0 fine (refused is only reported), 1 a case failed, 2 a rule cannot be read, 3 a case or profile cannot."""
    worst = 0
    for result in results:
        codes = {mistake.code[:3] for mistake in result.diagnostics}
        match result.status:
            case Status.PASSED | Status.REFUSED:
                continue
            case Status.ERROR if codes & {"SIG", "PLN"}:
                worst = max(worst, 2)
            case Status.ERROR:
                worst = max(worst, 3)
            case _:
                worst = max(worst, 1)
    return worst
