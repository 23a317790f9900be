"""A user's mistake, with its place: what every stage reports and the command line renders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class Severity(StrEnum):
    """How grave a diagnostic is; only an ERROR makes a rule unusable."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake. ``line`` and ``column`` are 1-based; 0 where the place is the whole file.

    ``source_line`` is the text of that line (without its newline), for the caret.
    """

    code: str
    message: str
    path: str
    line: int = 0
    column: int = 0
    hint: str | None = None
    source_line: str | None = None
    severity: Severity = Severity.ERROR

    @property
    def location(self) -> str:
        """``path:line:column``, or the path alone where no line is known."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


def render(diagnostic: Diagnostic) -> str:
    """Plain text: ``file:line:column: CODE message``, the line with a caret, and the hint."""
    out = [f"{diagnostic.location}: {diagnostic.code} {diagnostic.message}"]
    if diagnostic.source_line is not None and diagnostic.line:
        gutter = f"{diagnostic.line:>5} | "
        before = diagnostic.source_line[: max(diagnostic.column - 1, 0)]
        # Tabs are kept in the padding, so that the caret stands under its character in any terminal.
        padding = "".join("\t" if char == "\t" else " " for char in before)
        out += [gutter + diagnostic.source_line, " " * 6 + "| " + padding + "^"]
    if diagnostic.hint:
        out.append(f"      hint: {diagnostic.hint}")
    return "\n".join(out)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by file, line and column, each distinct one once."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=lambda d: (d.path, d.line, d.column, d.code, d.message)))


def closest(word: str, known: Iterable[str]) -> str | None:
    """A hint sentence with the nearest known words, or None where nothing is near."""
    candidates = sorted(set(known))
    lowered: dict[str, str] = {}
    for candidate in candidates:
        lowered.setdefault(candidate.lower(), candidate)
    near = [lowered[match] for match in get_close_matches(word.lower(), lowered, n=3, cutoff=0.6)]
    return f"did you mean {' or '.join(near)}?" if near else None
