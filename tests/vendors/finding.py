"""What a vendor's parser says about a query."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One diagnostic of a vendor's parser. ``line`` and ``column`` count from 1; ``severity`` is error or warning."""

    line: int
    column: int
    severity: str
    message: str


def position(text: str, offset: int) -> tuple[int, int]:
    """The line and column, from 1, of a zero-based offset in ``text``."""
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
