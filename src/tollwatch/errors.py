"""The exceptions that cross a stage boundary. A user's mistake is a Diagnostic; these carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tollwatch.diagnostics import Diagnostic


class TollwatchError(Exception):
    """Base of all errors that the toolkit raises on purpose."""


class UsageError(TollwatchError):
    """Wrong use or configuration (exit code 3): a path that does not exist, an unknown option value.

    ``hint`` says what to do instead.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class DiagnosticsError(TollwatchError):
    """Input that cannot be used; carries every mistake of the run, in file and line order."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(f"{d.code} {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics


class ConfigurationError(DiagnosticsError):
    """A rules.toml, profile or case file that cannot be used (exit code 3)."""


class RuleError(DiagnosticsError):
    """A rule that cannot be read or lowered to a plan (exit code 2)."""
