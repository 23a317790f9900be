"""The options of ``rules compile`` as a compiler takes them."""

from __future__ import annotations

import re

from tollwatch.compile.model import Mode, Options
from tollwatch.compile.schedule import duration
from tollwatch.errors import UsageError


def options_of(mode: str, hop: str | None, interval: str | None, delay: str | None, elastic_version: str) -> Options:
    """The options that these texts say.

    Raises:
        UsageError: a text that says none.
    """
    if mode not in list(Mode):
        raise UsageError(f"there is no mode {mode!r}", f"use {' or '.join(Mode)}")
    version = re.fullmatch(r"([0-9]+)\.([0-9]+)", elastic_version)
    if version is None:
        raise UsageError(f"{elastic_version!r} is no version of Elastic", "write it as 8.19 or 9.3")
    return Options(
        Mode(mode),
        _length("--hop", hop),
        (int(version[1]), int(version[2])),
        _length("--interval", interval),
        _length("--delay", delay, zero=True),
    )


def _length(option: str, text: str | None, *, zero: bool = False) -> int | None:
    if text is None:
        return None
    length = duration(text)
    if length is None or (length == 0 and not zero):
        raise UsageError(f"{option} {text}: no length of time", "write it as 90s, 5m or 1h")
    return length
