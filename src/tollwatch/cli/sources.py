"""Which logs a command reads, under which profile, and times on the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tollwatch.config import Settings
from tollwatch.errors import UsageError

if TYPE_CHECKING:
    from tollwatch.logs.profile import Profile


def named_logs(
    logs: Sequence[str] | None, more: Sequence[str] | None, profile: str, settings: Settings
) -> list[tuple[Profile, list[str]]]:
    """(profile, paths) for the logs of the command line; standard input where none is named and something is piped in.

    Raises:
        UsageError: no logs, or a ``--logs`` that is not PROFILE=PATH.
    """
    from tollwatch.logs.profile import load_profile

    named: dict[str, list[str]] = {}
    plain = list(logs or ())
    if not plain and not more and not sys.stdin.isatty():
        plain = ["-"]
    if plain:
        named[profile] = plain
    for item in more or ():
        name, equals, path = item.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--logs {item}: not PROFILE=PATH", "for example --logs litellm=proxy.jsonl")
        named.setdefault(name, []).append(path)
    if not named:
        raise UsageError("no logs are named", "give files, globs, or - for standard input")
    return [(load_profile(name, settings.profiles), paths) for name, paths in named.items()]


def read_time(option: str, text: str) -> int:
    """A time in ISO 8601 (without an offset: UTC) as µs since the epoch.

    Raises:
        UsageError: the text is no such time.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: not a time", "for example 2026-03-01T10:00:00Z") from None
    since = (read if read.tzinfo else read.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
