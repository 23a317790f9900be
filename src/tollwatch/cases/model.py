"""Cases as data: what a cases.yml says, checked, with the place of whatever may still turn out wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tollwatch.yaml_checked import Place

Value = str | int | float | bool | None


# ---------------------------------------------------------------- what a step's field may hold


@dataclass(frozen=True, slots=True)
class Cycle:
    """Event i takes item i modulo the number of items."""

    items: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Ramp:
    """Linear over the step's events, both ends included; whole where both ends are (halves go up)."""

    first: int | float
    last: int | float


@dataclass(frozen=True, slots=True)
class Record:
    """A nested record."""

    pairs: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list as a value (in YAML: a list in a cycle, as a list by itself cycles)."""

    items: tuple[Template, ...]


Template = Value | Cycle | Ramp | Record | Items


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Step:
    """``repeat`` events, the first at ``at``, each ``every`` after the one before, moved by up to ± ``jitter``. In µs.

    ``index`` is the step's position in its case; ``place`` is that of the step.
    """

    index: int
    at: int
    every: int
    repeat: int
    jitter: int
    event: Record
    place: Place


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log in the raw form of the case file's profile."""

    path: Path
    place: Place


# ---------------------------------------------------------------- expectations

Expected = int | str | Decimal | None | tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One alert that must come. ``given``: what is checked of it, as (attribute of Alert, value), in file order."""

    given: tuple[tuple[str, Expected], ...]
    place: Place

    @property
    def entity(self) -> tuple[tuple[str, str], ...]:
        """The entity that is given, or none."""
        return next((value for name, value in self.given if name == "entity" and isinstance(value, tuple)), ())


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """A row that a hand-written query must give: (column, value) of what is checked; a list is several values."""

    values: tuple[tuple[str, Value | tuple[Value, ...]], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """A test of one detection: its events, and every alert that must come of them (none: it stays silent).

    Of a hand-written query, ``rows`` are those that it must give.
    """

    name: str
    events: tuple[Step | LogFile, ...]
    expect: tuple[Expectation, ...]
    place: Place
    rows: tuple[ExpectedRow, ...] = ()

    @property
    def fires(self) -> bool:
        """Whether some alert, or row, is expected."""
        return bool(self.expect or self.rows)


@dataclass(frozen=True, slots=True)
class WrittenQuery:
    """A query in a file of its own that cases are about: its path, further tables (name → log), and its macros."""

    path: Path
    tables: tuple[tuple[str, Path], ...] = ()
    macros: Path | None = None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A cases.yml. ``rule`` is a key, name or id, not yet looked up; ``place`` is that of the rule.

    With ``query`` it is about a hand-written query instead, and ``rule`` is the name of its file.
    """

    path: str
    rule: str
    profile: str
    cases: tuple[Case, ...]
    place: Place
    query: WrittenQuery | None = None

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)
