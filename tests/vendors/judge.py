"""What is common to the engines that judge ours: tables in, rows out, or a refusal.

A table is as in tests/query/documented: ``{columns: {name: type}, rows: [[value]]}``, with the engines' names of types
(tollwatch.query.table.Type). Values are those of a case too: a time in ISO 8601, a span in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Said = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows that a judge gives, and its columns' names and types, in the vendor's words."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]

    def records(self) -> list[dict[str, Any]]:
        """Each row by the columns' names."""
        names = [name for name, _ in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class Refused(Exception):  # noqa: N818 - a judge that does not know a construct is no error
    """The judge does not take the query: its own words."""


def moment(value: str | datetime) -> datetime:
    """A time of a case; without a zone it is UTC."""
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)


def milliseconds(value: str | datetime) -> int:
    """A time of a case, since 1970."""
    return (moment(value) - _EPOCH) // timedelta(milliseconds=1)


def iso(milliseconds_: int) -> str:
    """A time as a case writes it; one that Python has no date for in milliseconds."""
    try:
        return written(_EPOCH + timedelta(milliseconds=milliseconds_))
    except OverflowError:
        return f"{milliseconds_} ms"


def written(time: datetime) -> str:
    """A time as a case writes it."""
    return time.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
