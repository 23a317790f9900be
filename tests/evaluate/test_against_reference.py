"""The evaluator against the slow reference, on random logs and random rules, from YAML to alert."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings

from reference.evaluator import Reference
from reference.strategies import logs, rule_sets
from tollwatch.diagnostics import render
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records
from tollwatch.plan.lower import lower
from tollwatch.sigma.load import load

EXAMPLES = int(os.environ.get("TOLLWATCH_EXAMPLES", "300"))


def evaluated(documents: list[dict[str, Any]], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The alerts, in the terms of the reference."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "rules.yml")
        file.write_text("---\n".join(json.dumps(document) + "\n" for document in documents), "utf-8")
        rules = load([file])
    plan, mistakes = lower(rules)
    problems = [render(mistake) for mistake in (*rules.diagnostics, *mistakes) if mistake.severity == "error"]
    assert problems == []
    alerts = run(plan, [from_records(events, load_profile("none"))]).alerts if events else ()
    return [
        {
            "rule": alert.rule,
            "entity": dict(alert.entity),
            "first_seen": alert.first_seen,
            "triggered_at": alert.triggered_at,
            "last_seen": alert.last_seen,
            "hits": alert.hits,
            "peak": _rounded(alert.peak),
            "events": sorted(event.line - 1 for event in alert.events),
        }
        for alert in alerts
    ]


def expected(documents: list[dict[str, Any]], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    alerts = Reference(documents, events).alerts()
    return [{**alert, "peak": _rounded(alert["peak"]), "events": sorted(alert["events"])} for alert in alerts]


def _rounded(peak: Any) -> Decimal | None:
    return None if peak is None else round(Decimal(str(float(peak))), 9)


def in_order(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(alerts, key=lambda alert: (alert["triggered_at"], alert["rule"], sorted(alert["entity"].items())))


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rule_sets(), logs)
def test_the_evaluator_is_equal_to_the_reference(documents: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    assert in_order(evaluated(documents, events)) == in_order(expected(documents, events))
