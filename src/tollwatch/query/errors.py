"""What cannot be read or run in a query, with its place in the text."""

from __future__ import annotations

from tollwatch.errors import TollwatchError


class QueryError(TollwatchError):
    """A mistake in a query's text, or a construct that the engine lacks. ``line`` and ``column`` are 1-based."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"{line}:{column}: {message}")
        self.message = message
        self.line = line
        self.column = column
