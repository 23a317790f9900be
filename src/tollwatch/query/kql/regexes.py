"""Kusto's regular expressions (those of Rust's regex crate) as Python's. Microsoft's documentation, "Regex syntax".

What Python reads otherwise or lacks is refused. Letters, digits, blanks and word boundaries are Unicode's in both; a
blank is one of Python's, which has four control characters more.
"""

from __future__ import annotations

import re
from functools import cache

from tollwatch.query.entries import Here
from tollwatch.query.kql.values import distinct, is_constant
from tollwatch.query.table import Column

_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "space": r"\t-\r ",
    "xdigit": "0-9A-Fa-f", "word": "0-9A-Za-z_", "punct": r"!-/:-@\[-`{-~", "blank": r"\t ", "cntrl": r"\x00-\x1f\x7f",
}  # fmt: skip
_TOKEN = re.compile(
    r"(?P<code>\\[xuU]\{(?P<hex>[0-9A-Fa-f]+)\})|(?P<escape>\\.)|(?P<open>\[\^?\]?)|(?P<flags>\(\?[a-zA-Z-]*[:)])"
    r"|(?P<name>\(\?P?<[A-Za-z_]\w*>)|(?P<group>\(\?.?.?)|(?P<twice>[*+?}]\+)|(?P<comma>\{,)|(?P<end>\$)|(?P<other>.)",
    re.DOTALL,
)
_ESCAPES = frozenset("dDwWsSbBAtnrfvaxuU") | frozenset(r"""\.+*?()|[]{}^$#&-~/:;,!"'%<>=@_` """)


class _LackingError(Exception):
    """A part of a pattern that has no counterpart."""


def compiled(pattern: str, here: Here) -> re.Pattern[str]:
    """The pattern for Python.

    Raises:
        QueryError: it cannot be read, or has what Python lacks.
    """
    try:
        return re.compile(translated(pattern))
    except _LackingError as error:
        raise here.failed(f"{error} in a pattern is not known here") from None
    except (re.error, OverflowError) as error:
        raise here.failed(f"the pattern cannot be read: {error}") from None


@cache
def translated(pattern: str) -> str:
    """The pattern in Python's syntax."""
    out: list[str] = []
    multiline = bool(re.match(r"\(\?[a-z]*m", pattern))
    at = 0
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        if found is None:
            raise _LackingError(repr(pattern[at:]))
        at = found.end()
        kind, text = found.lastgroup or "", found[0]
        if kind == "open":
            inside, at = _class(pattern, found.end(), text)
            out.append(inside)
        else:
            out.append(_piece(kind, text, found, multiline))
    return "".join(out)


def _piece(kind: str, text: str, found: re.Match[str], multiline: bool) -> str:
    match kind:
        case "code" | "hex":
            return re.escape(chr(int(found["hex"], 16)))
        case "escape":
            return _escaped(text)
        case "flags":
            if not set(text[2:-1]) <= set("imsx-") or (text.endswith(")") and found.start()):
                raise _LackingError(text)
            return text
        case "name":
            return text if text.startswith("(?P") else f"(?P{text[2:]}"
        case "group" | "twice" | "comma":
            raise _LackingError(text)
        case "end":
            return "$" if multiline else r"\Z"
        case _:
            return text


def _escaped(text: str) -> str:
    if text == r"\z":
        return r"\Z"
    if text[1] not in _ESCAPES:
        raise _LackingError(text)
    return re.escape(text[1]) if not text[1].isalpha() else text


def _class(pattern: str, at: int, opened: str) -> tuple[str, int]:
    """A class in brackets from after its opening, and where it ends; classes in classes are Rust's alone."""
    out = [opened.replace("]", r"\]")]
    while at < len(pattern) and pattern[at] != "]":
        posix = re.compile(r"\[:(\w+):\]").match(pattern, at)
        code = re.compile(r"\\[xuU]\{([0-9A-Fa-f]+)\}").match(pattern, at)
        if posix and posix[1] in _POSIX:
            out.append(_POSIX[posix[1]])
            at = posix.end()
        elif code:
            out.append(re.escape(chr(int(code[1], 16))))
            at = code.end()
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            out.append(_escaped(pattern[at : at + 2]))
            at += 2
        elif pattern[at] == "[" or pattern[at : at + 2] in ("&&", "--", "~~"):
            raise _LackingError("a class in a class")
        else:
            out.append(pattern[at])
            at += 1
    return "".join(out) + "]", at + 1


def pattern_of(one: Column, here: Here) -> str:
    """A regular expression that is the same in every row.

    Raises:
        QueryError: it differs.
    """
    if not is_constant(one) and len(distinct(one).values) > 1:
        raise here.failed("a pattern that differs between rows is not known")
    return str(one.values[0]) if len(one) else ""
