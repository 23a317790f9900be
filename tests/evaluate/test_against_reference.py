"""The evaluator against the slow reference, on random logs and random rules, from YAML to alert.

``TOLLWATCH_EXAMPLES=20000`` looks at that many examples instead of a few hundred, new ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.columns import in_columns
from reference.evaluator import Reference
from reference.strategies import PLACEHOLDERS, logs, odd_logs, rule_sets, single_rules
from tollwatch.diagnostics import render
from tollwatch.evaluate.alerts import Alert, Step
from tollwatch.evaluate.run import run
from tollwatch.plan.lower import lower
from tollwatch.sigma.load import load

Shown = dict[str, Any]
EXAMPLES = os.environ.get("TOLLWATCH_EXAMPLES")
random_examples = settings(
    max_examples=int(EXAMPLES or "300"),
    derandomize=EXAMPLES is None,  # what is not asked for repeats itself
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


# ------------------------------------------------------------ the evaluator's answer, in the terms of the reference


def evaluated(
    documents: Sequence[Mapping[str, Any]], log: Sequence[Mapping[str, Any]], cuts: Sequence[int], *, encoded: bool
) -> list[Shown]:
    """The alerts of the evaluator, over the log in blocks that end at ``cuts``."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "rules.yml")
        file.write_text(yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False), "utf-8")
        rules = load([file], placeholders=PLACEHOLDERS)
    plan, mistakes = lower(rules)
    problems = [render(mistake) for mistake in (*rules.diagnostics, *mistakes) if mistake.severity == "error"]
    assert problems == []
    edges = sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})
    blocks = [in_columns(log[start:end], start, encoded=encoded) for start, end in pairwise(edges)]
    return in_order([of_alert(alert) for alert in run(plan, blocks).alerts])


def of_alert(alert: Alert) -> Shown:
    return {
        **told(alert),
        "entity": dict(alert.entity),
        "events": sorted(event.line - 1 for event in alert.events),
    }


def told(part: Alert | Step) -> Shown:
    """What is told of an alert and of each step of its chain."""
    return {
        "rule": part.rule,
        "first_seen": part.first_seen,
        "triggered_at": part.triggered_at,
        "last_seen": part.last_seen,
        "hits": part.hits,
        "peak": measured(part.peak),
        "event_count": part.event_count,
        "steps": [told(step) for step in part.steps],
    }


# ------------------------------------------------------------ the reference's


def expected(documents: Sequence[Mapping[str, Any]], log: Sequence[Mapping[str, Any]]) -> list[Shown]:
    alerts = Reference(documents, log, PLACEHOLDERS).alerts()
    return in_order(
        [{**of_part(alert), "entity": alert["entity"], "events": sorted(alert["events"])} for alert in alerts]
    )


def of_part(part: Mapping[str, Any]) -> Shown:
    """Without what is told only of the alert itself."""
    kept = {name: value for name, value in part.items() if name not in {"entity", "events"}}
    return {**kept, "peak": measured(part["peak"]), "steps": [of_part(step) for step in part["steps"]]}


def measured(peak: Any) -> str | None:
    """Twelve digits: an average is a double in the evaluator and exact in the reference."""
    return None if peak is None else f"{float(Fraction(peak)):.12g}"


def in_order(alerts: list[Shown]) -> list[Shown]:
    return sorted(
        alerts, key=lambda alert: (alert["triggered_at"], alert["rule"], str(alert["entity"]), alert["events"])
    )


@random_examples
@given(rule_sets(), logs, st.lists(st.integers(1, 12), max_size=2), st.booleans())
def test_correlations_are_equal_to_the_reference(
    documents: list[dict[str, Any]], log: list[dict[str, Any]], cuts: list[int], encoded: bool
) -> None:
    assert evaluated(documents, log, cuts, encoded=encoded) == expected(documents, log)


@random_examples
@given(single_rules, odd_logs, st.booleans())
def test_single_events_are_equal_to_the_reference(
    documents: list[dict[str, Any]], log: list[dict[str, Any]], encoded: bool
) -> None:
    assert evaluated(documents, log, [], encoded=encoded) == expected(documents, log)
