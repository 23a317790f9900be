"""What a compilation gives: a query with its grade, or a refusal that names what cannot be said.

Semantics, "Compiled queries: fidelity".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tollwatch.errors import TollwatchError


class Grade(StrEnum):
    """How faithful a query is to its rule."""

    EXACT = "exact"
    BOUNDED = "bounded"
    REFUSED = "refused"


class Mode(StrEnum):
    """SCHEDULED: run every interval over a lookback, each episode reported once. HUNT: over any range of time."""

    SCHEDULED = "scheduled"
    HUNT = "hunt"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a bounded query may miss and may add, in seconds of a rule's time, and in words.

    ``missed_s``: a burst that fits into the timespan less this is always found. ``extra_s``: nothing that needs more
    than the timespan and this is reported.
    """

    missed_s: float
    extra_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """Microseconds: how often a deployed query runs, over how much time, and how late an event may come in."""

    interval: int
    lookback: int
    delay: int


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of the source that a query reads. ``field`` is the canonical field that it carries (a part of).

    Of another kind of record the name begins with its table and a dot; what only tells or joins records has no field.
    """

    name: str
    type: str
    field: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """``construct`` cannot be said because of ``reason``; ``use`` is what to do instead."""

    construct: str
    reason: str
    use: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A rule in a language over a profile's source. ``text`` is None where it is refused.

    ``gives``: those of first_seen, last_seen, hits and peak that are as the rule means them; triggered_at and the
    entity always are, within the grade.
    """

    rule: str
    target: str
    profile: str
    mode: Mode
    grade: Grade
    text: str | None
    tolerance: Tolerance | None = None
    limits: tuple[str, ...] = ()
    schedule: Schedule | None = None
    source: str | None = None
    columns: tuple[SourceColumn, ...] = ()
    gives: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said about a compilation. ``hop``: of the overlapping windows, µs (None: a twelfth of the timespan).

    ``interval`` and ``delay``: µs; None takes what the rule says, else what the schedule derives.
    """

    mode: Mode = Mode.SCHEDULED
    hop: int | None = None
    elastic_version: tuple[int, int] = (8, 19)
    interval: int | None = None
    delay: int | None = None


class Refused(TollwatchError):  # noqa: N818 - a refusal is a result, not a fault
    """Raised inside a compiler where a construct cannot be said; becomes a Query without text."""

    def __init__(self, construct: str, reason: str, use: str | None = None) -> None:
        super().__init__(f"{construct}: {reason}")
        self.refusal = Refusal(construct, reason, use)
