"""The only module that prints. Standard output is for results; everything else goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tollwatch.diagnostics import Diagnostic, Severity, closest
from tollwatch.diagnostics import render as as_text

if TYPE_CHECKING:
    from tollwatch.logs.model import Events, ReadIssue

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


def safe(text: str) -> str:
    """The text with control characters shown, so that a log's field cannot steer the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text)


def out(text: str) -> None:
    """A line (or lines) of the result."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def out_bytes(lines: Iterable[bytes]) -> None:
    """Lines of the result that are UTF-8 already."""
    sys.stdout.flush()
    for line in lines:
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def note(text: str, quiet: bool = False) -> None:
    """Something noticed on the way."""
    if not quiet:
        sys.stderr.write(safe(text) + "\n")


def problem(message: str, hint: str | None) -> None:
    """A mistake that has no place in a file."""
    note(f"rules: {message}" + (f"\n      hint: {hint}" if hint else ""))


def wrong_use(error: BaseException) -> None:
    """A command line that cannot be parsed: what is wrong, the nearest known word, and where help is."""
    format_message = getattr(error, "format_message", None)
    message = str(format_message() if callable(format_message) else error)
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "rules")
    hint = None
    commands = getattr(getattr(context, "command", None), "commands", {})
    wanted = message.split("'")[1] if message.count("'") >= 2 else ""
    if commands and wanted and "id you mean" not in message:
        hint = closest(wanted, commands)
    if message:
        problem(message, hint)
    note(f"      see: {path} --help")


def coloured(stream_is_terminal: bool) -> bool:
    """Whether to use colour: only on a terminal, and never under NO_COLOR."""
    return stream_is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def diagnostics(found: Iterable[Diagnostic], to_result: bool = False) -> None:
    """Mistakes with their place, caret and hint; ``to_result`` prints them as the result."""
    stream = sys.stdout if to_result else sys.stderr
    colour = coloured(stream.isatty())
    for diagnostic in found:
        text = safe(as_text(diagnostic))
        if colour:
            text = text.replace(diagnostic.code, f"\x1b[1;{_COLOURS[diagnostic.severity]}m{diagnostic.code}\x1b[0m", 1)
        stream.write(text + "\n")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; the header is bold on a terminal."""
    first, *rest = table_text(header, rows).splitlines()
    for line in (f"\x1b[1m{first}\x1b[0m" if coloured(sys.stdout.isatty()) else first, *rest):
        out(line)


def table_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns as lines of text."""
    cells = [[_in_a_cell(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[n]) for row in cells) for n in range(len(header))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines) + "\n"


def _in_a_cell(text: str) -> str:
    """A field with a line break in it must not look like a row of its own."""
    return safe(text).replace("\n", "\\n").replace("\t", "\\t")


def csv_cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is kept a text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


def issues(found: Iterable[ReadIssue], quiet: bool) -> None:
    """What was wrong with the logs, a line a kind."""
    for issue in found:
        lines = ", ".join(map(str, issue.lines)) + (", …" if issue.count > len(issue.lines) else "")
        times = "once" if issue.count == 1 else f"{issue.count:,} times"
        note(f"{issue.path}: {issue.detail} ({times}; at {lines})", quiet)


@contextmanager
def progress(blocks: Iterable[Events], quiet: bool) -> Iterator[Iterable[Events]]:
    """The same blocks, with a count of events on a terminal's standard error while they pass."""
    if quiet or not sys.stderr.isatty():
        yield blocks
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,} events"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def counted() -> Iterator[Events]:
            for events in blocks:
                yield events
                bar.advance(task, len(events))

        yield counted()
