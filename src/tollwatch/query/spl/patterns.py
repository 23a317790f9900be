"""Splunk's patterns: PCRE, as far as Python's mean the same. "Search Reference", "match", "like"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from tollwatch.query.entries import Here, distinct_rows
from tollwatch.query.table import Column, Type

_HEXADECIMAL = re.compile(r"\\x\{([0-9a-fA-F]+)\}")
_GROUP = re.compile(r"\(\?<(?=[A-Za-z_])")
_UNKNOWN = re.compile(r"\\[GKRX]|\(\?[R&]|\[\[:|\(\*|\\p\{")


@lru_cache(1024)
def _compiled(text: str) -> re.Pattern[str]:
    text = _HEXADECIMAL.sub(lambda found: re.escape(chr(int(found[1], 16))), text)
    text = _GROUP.sub("(?P<", text).replace(r"\z", r"\Z").replace(r"\h", r"[ \t]")
    return re.compile(text)


def pattern(text: str, here: Here) -> re.Pattern[str]:
    """The pattern.

    Raises:
        QueryError: one that cannot be read, or that PCRE alone knows.
    """
    if _UNKNOWN.search(text):
        raise here.failed("a pattern that only PCRE knows is not known")
    try:
        return _compiled(text)
    except re.error as error:
        raise here.failed(f"the pattern cannot be read: {error}") from None


@lru_cache(1024)
def _like(text: str) -> re.Pattern[str]:
    return re.compile("".join({"%": ".*", "_": "."}.get(letter) or re.escape(letter) for letter in text), re.DOTALL)


def like(text: str, wanted: str) -> bool:
    """``%`` is any text and ``_`` one character; upper and lower case differ."""
    return _like(wanted).fullmatch(text) is not None


def replaced(columns: Sequence[Column], here: Here) -> Column:
    r"""Every place where the pattern is found; ``\1`` is its first group."""

    def run(text: str, regex: str, instead: str) -> str:
        return pattern(regex, here).sub(re.sub(r"\\(?!\d)", r"\\\\", instead), text)

    return distinct_rows(Type.STRING, run, columns, here.rows)
