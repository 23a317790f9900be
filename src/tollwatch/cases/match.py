"""Expected alerts against those that came: any order, one to one, and what differs in plain lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tollwatch.cases.model import Expectation, Expected
from tollwatch.cases.result import expectation_record
from tollwatch.evaluate.alerts import Alert, format_time

_TIMES = frozenset({"first_seen", "triggered_at", "last_seen"})
_MOST = 5


@dataclass(frozen=True, slots=True)
class Differences:
    """``near``: an expectation, the alert that comes nearest to it, and what differs; the rest have no counterpart."""

    near: tuple[tuple[Expectation, Alert, tuple[str, ...]], ...]
    missing: tuple[Expectation, ...]
    unexpected: tuple[Alert, ...]

    def __bool__(self) -> bool:
        return bool(self.near or self.missing or self.unexpected)


def compare(expected: Sequence[Expectation], alerts: Sequence[Alert]) -> Differences:
    """Match as many expectations with alerts as can be (a maximum matching); the rest by fewest differences."""
    fits = [[j for j, alert in enumerate(alerts) if not any(differing(one, alert))] for one in expected]
    owner = matching(fits)
    loose_expected = [one for i, one in enumerate(expected) if i not in owner.values()]
    loose_alerts = [alert for j, alert in enumerate(alerts) if j not in owner]
    near: list[tuple[Expectation, Alert, tuple[str, ...]]] = []
    missing: list[Expectation] = []
    for one in loose_expected:
        close = [(j, found) for j, alert in enumerate(loose_alerts) if (found := _nearly(one, alert))]
        if close:
            j, found = min(close, key=lambda pair: len(pair[1]))
            near.append((one, loose_alerts.pop(j), found))
        else:
            missing.append(one)
    return Differences(tuple(near), tuple(missing), tuple(loose_alerts))


def _nearly(expectation: Expectation, alert: Alert) -> tuple[str, ...]:
    """What differs, where the alert is of the entity that is given and meets something; else nothing."""
    found = tuple(differing(expectation, alert))
    other_entity = any(text.startswith("entity:") for text in found)
    return () if other_entity or len(found) == len(expectation.given) else found


def matching(fits: list[list[int]]) -> dict[int, int]:
    """A maximum matching by augmenting paths: ``fits`` lists, of each expectation, what meets it; the inverse comes."""
    owner: dict[int, int] = {}
    for start in range(len(fits)):
        came_from: dict[int, int] = {}  # alert → the expectation that asked for it
        queue, end = [start], None
        while queue and end is None:
            asking = queue.pop()
            for j in fits[asking]:
                if j in came_from:
                    continue
                came_from[j] = asking
                if j not in owner:
                    end = j
                    break
                queue.append(owner[j])
        _augment(owner, came_from, start, end)
    return owner


def _augment(owner: dict[int, int], came_from: dict[int, int], start: int, end: int | None) -> None:
    held = {i: j for j, i in owner.items()}
    while end is not None:
        i = came_from[end]
        owner[end] = i
        end = None if i == start else held[i]


# ---------------------------------------------------------------- what differs


def differing(expectation: Expectation, alert: Alert) -> Iterator[str]:
    """One text for each key that is given and not met."""
    for name, wanted in expectation.given:
        got = alert.entity if name == "entity" else getattr(alert, name)
        if not _equal(wanted, got):
            yield f"{name}: expected {_shown(name, wanted)}, got {_shown(name, got)}"


def _equal(wanted: Expected, got: object) -> bool:
    match wanted:
        case tuple():
            # An entity is met where every name that is given has its value.
            return isinstance(got, tuple) and set(wanted) <= set(got)
        case Decimal():
            # A statistic is a float: 33.3333333333 is met by a third of a hundred.
            return isinstance(got, int | float | Decimal) and math.isclose(wanted, got, rel_tol=1e-9)
        case _:
            return wanted == got


def _shown(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int):
        return format_time(value)
    if isinstance(value, tuple):
        return ", ".join(f"{key}={item}" for key, item in value) or "none"
    return "null" if value is None else str(value)


def describe_differences(found: Differences, expected: int, came: int) -> Iterator[str]:
    """The lines of a failed case's message."""
    yield f"expected {_alerts(expected)}, got {came}"
    for _, alert, differences in found.near[:_MOST]:
        yield f"differs: {_alert(alert)}"
        yield from (f"    {difference}" for difference in differences)
    yield from _more(len(found.near))
    for expectation in found.missing[:_MOST]:
        yield f"missing: {_expectation(expectation)}"
    yield from _more(len(found.missing))
    for alert in found.unexpected[:_MOST]:
        yield f"not expected: {_alert(alert)}"
    yield from _more(len(found.unexpected))


def _more(count: int) -> Iterator[str]:
    if count > _MOST:
        yield f"    and {count - _MOST} more"


def _alerts(count: int) -> str:
    return {0: "no alert", 1: "1 alert"}.get(count, f"{count} alerts")


def _alert(alert: Alert) -> str:
    who = f" for {_shown('entity', alert.entity)}" if alert.entity else ""
    peak = "" if alert.peak is None else f", peak {alert.peak}"
    return (
        f"{alert.rule}{who} at {format_time(alert.triggered_at)} (first seen {format_time(alert.first_seen)}, "
        f"last seen {format_time(alert.last_seen)}, hits {alert.hits}{peak}, events {alert.event_count})"
    )


def _expectation(expectation: Expectation) -> str:
    record = expectation_record(expectation)
    shown = (
        f"{name} {_shown(name, tuple(value.items()) if isinstance(value, dict) else value)}"
        for name, value in record.items()
    )
    return "an alert with " + "; ".join(shown) if record else "an alert"
