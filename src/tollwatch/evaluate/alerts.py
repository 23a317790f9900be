"""What the evaluator produces: one Alert an episode (semantics, "Alerts")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

Peak = int | float | Decimal | None


@dataclass(frozen=True, slots=True)
class EventReference:
    """Where a contributing event stands: ``line`` is the 1-based line or record number in ``file``."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One referenced rule of a correlation, seen from one alert: its contributing hits. Times in µs, UTC.

    ``peak`` is None for a rule over single events and for an ordered type. ``steps`` are its own referenced rules.
    """

    rule: str
    first_seen: int
    triggered_at: int
    last_seen: int
    hits: int
    peak: Peak
    event_count: int
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one rule and one group. Times are µs since the epoch, UTC.

    ``entity``: (group-by or alias name, value as text), in the rule's order. ``first_seen`` is the earliest
    contributing event, ``triggered_at`` the first hit, ``last_seen`` the last hit (a calendar hit's time is its
    window's end). ``events`` are the first 100 contributing events by time, ``event_count`` is the number of all.
    """

    rule: str
    rule_id: str | None
    title: str
    level: str | None
    tags: tuple[str, ...]
    entity: tuple[tuple[str, str], ...]
    first_seen: int
    triggered_at: int
    last_seen: int
    hits: int
    peak: Peak
    event_count: int
    events: tuple[EventReference, ...]
    steps: tuple[Step, ...] = ()


def format_time(microseconds: int) -> str:
    """``YYYY-MM-DDTHH:MM:SS.ffffffZ`` of µs since the epoch."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:06d}Z"


def to_record(alert: Alert) -> dict[str, object]:
    """The alert as the JSON object that ``rules run --format jsonl`` prints (cases and command line, "Commands")."""
    peak = alert.peak
    return {
        "rule": alert.rule,
        "rule_id": alert.rule_id,
        "title": alert.title,
        "level": alert.level,
        "entity": dict(alert.entity),
        "first_seen": format_time(alert.first_seen),
        "triggered_at": format_time(alert.triggered_at),
        "last_seen": format_time(alert.last_seen),
        "hits": alert.hits,
        "peak": float(peak) if isinstance(peak, Decimal) else peak,
        "event_count": alert.event_count,
        "events": [{"file": event.file, "line": event.line} for event in alert.events],
        "tags": list(alert.tags),
    }
