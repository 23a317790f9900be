"""Counting what is wrong with a log while it is read: one ReadIssue for each kind and file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tollwatch.diagnostics import Diagnostic
from tollwatch.errors import DiagnosticsError
from tollwatch.logs.model import ReadIssue

SHOWN_LINES = 5

# kind → (code, what is said of it)
KINDS: dict[str, tuple[str, str]] = {
    "not-json": ("LOG001", "not a JSON object; the line is left out"),
    "not-utf8": ("LOG002", "not UTF-8; the line is left out"),
    "no-timestamp": ("LOG003", "no readable timestamp; the record is left out"),
    "type-change": ("LOG004", "the field's type changes; its values are compared by their text"),
    "bad-number": ("LOG005", "not a number; the value counts as missing"),
    "negative-number": ("LOG006", "a negative number; the value counts as missing"),
    "bad-record": ("LOG007", "the record cannot be read; it is left out"),
    "truncated": ("LOG008", "the file ends too early or is damaged; what came before is read"),
    "bad-json": ("LOG010", "not a JSON object inside the text; the fields in it count as missing"),
    "unjoined": ("LOG011", "no event has the record's key; what it says of a request is left out"),
    "long-line": ("LOG009", "the line is too long; it is left out"),
}


@dataclass(slots=True)
class Issues:
    """Collects while reading. Under ``strict`` the first issue raises instead."""

    strict: bool = False
    _found: dict[tuple[str, str, str], tuple[int, list[int]]] = field(default_factory=dict)

    def add(self, kind: str, path: str, lines: npt.NDArray[np.int64] | Sequence[int], what: str = "") -> None:
        """Count these lines; ``what`` names the field.

        Raises:
            DiagnosticsError: under ``strict``.
        """
        if not len(lines):
            return
        count, shown = self._found.get((kind, path, what), (0, []))
        shown += [int(line) for line in lines[: SHOWN_LINES - len(shown)]]
        self._found[kind, path, what] = (count + len(lines), shown)
        if self.strict:
            raise DiagnosticsError(
                tuple(Diagnostic(KINDS[kind][0], _sentence(kind, what), path, line, 1) for line in shown)
            )

    def all(self) -> tuple[ReadIssue, ...]:
        """What was found, in the order in which each kind was first met."""
        return tuple(
            ReadIssue(kind, path, count, tuple(lines), _sentence(kind, what))
            for (kind, path, what), (count, lines) in self._found.items()
        )


def _sentence(kind: str, what: str) -> str:
    return f"{what}: {KINDS[kind][1]}" if what else KINDS[kind][1]
