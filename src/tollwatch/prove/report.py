"""What a query found, and how it fared as a SIEM runs it: plain values, for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tollwatch.evaluate.alerts import format_time

Entity = tuple[tuple[str, str], ...]
TIMES = ("first_seen", "triggered_at", "last_seen")


@dataclass(frozen=True, slots=True)
class Finding:
    """One episode, as a query or the evaluator tells it. Times in µs.

    ``given``: those of first_seen, last_seen, hits and peak that the query gives, as (name, value).
    """

    entity: Entity
    triggered_at: int
    last_seen: int
    given: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        """In a line."""
        who = ", ".join(f"{name}={value}" for name, value in self.entity) or "no entity"
        more = "".join(f", {name} {format_time(int(str(v))) if name in TIMES else v}" for name, v in self.given)
        return f"{who} at {format_time(self.triggered_at)}{more}"


def to_record(finding: Finding) -> dict[str, object]:
    """The finding as the JSON object of ``rules test --format json``."""
    given = {name: _told(name, value) for name, value in finding.given}
    return {"entity": dict(finding.entity), "triggered_at": format_time(finding.triggered_at), **given}


def _told(name: str, value: object) -> object:
    if name in TIMES and isinstance(value, int):
        return format_time(value)
    if name == "peak" and value is not None:
        peak = float(str(value))
        return int(peak) if peak.is_integer() else peak
    return value


@dataclass(frozen=True, slots=True)
class Deployment:
    """What came of a scheduled query over all its phases: detection delays in seconds, and how many went wrong."""

    runs: int
    phases: int
    delays: tuple[float, ...]
    duplicates: int
    missed: int

    def record(self) -> dict[str, object]:
        """As the JSON object of ``rules test --format json``; delays in seconds."""
        delay = {"median": median(self.delays), "longest": max(self.delays)} if self.delays else None
        return {
            "runs": self.runs, "phases": self.phases, "delay_s": delay, "duplicates": self.duplicates,
            "missed": self.missed,
        }  # fmt: skip

    def __str__(self) -> str:
        """In a line."""
        delay = (
            f"reported {median(self.delays):.0f} s after it was triggered (median; at most {max(self.delays):.0f} s)"
            if self.delays
            else "nothing to report"
        )
        wrong = f"{self.duplicates} duplicates, {self.missed} missed"
        return f"as deployed, {self.runs} runs at {self.phases} phases: {delay}; {wrong}"


def together(deployments: Sequence[Deployment]) -> Deployment:
    """Those of several logs as one."""
    return Deployment(
        sum(one.runs for one in deployments), max(one.phases for one in deployments),
        tuple(delay for one in deployments for delay in one.delays), sum(one.duplicates for one in deployments),
        sum(one.missed for one in deployments),
    )  # fmt: skip
