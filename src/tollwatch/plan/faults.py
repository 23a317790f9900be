"""What is wrong with a rule that cannot be lowered: gathered, so that all of a rule's mistakes are told at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from tollwatch.diagnostics import Diagnostic
from tollwatch.sigma.model import Header


@dataclass(slots=True)
class Faults:
    """The mistakes of one rule, each at the place where its document starts."""

    header: Header
    found: list[Diagnostic] = field(default_factory=list)

    def add(self, code: str, message: str, hint: str | None = None) -> None:
        """Note one mistake."""
        at = self.header
        self.found.append(Diagnostic(code, f"{at.key}: {message}", at.path, at.line, at.column, hint))
