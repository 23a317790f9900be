"""Text patterns: wildcards, escapes, encodings (semantics, "One event"; Sigma's modifiers appendix, "Encoding")."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Mapping, Sequence

from reference.values import fold

ANY, ONE = "*any*", "?one?"  # longer than a character, so that neither is one
DASHES = ("-", "/", "\u2013", "\u2014", "\u2015")


def tokens(text: str) -> list[str]:
    r"""``*`` and ``?`` are wildcards, ``\`` escapes them and itself; before anything else it is itself."""
    found: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\" and text[position + 1 : position + 2] in {"*", "?", "\\"}:
            position += 1
            found.append(text[position])
        else:
            found.append({"*": ANY, "?": ONE}.get(char, char))
        position += 1
    return found


def placed(pattern: list[str], modifiers: Sequence[str]) -> list[str]:
    """``contains``, ``startswith`` and ``endswith`` put a wildcard at an end of the pattern, or at both."""
    before = [ANY] if {"contains", "endswith"} & {*modifiers} else []
    after = [ANY] if {"contains", "startswith"} & {*modifiers} else []
    return [*before, *pattern, *after]


def like(text: str, pattern: Sequence[str], *, cased: bool) -> bool:
    """Whether the whole text matches."""
    if cased:
        return _like(text, pattern)
    return _like(fold(text), [part if part in {ANY, ONE} else fold(part) for part in pattern])


def _like(text: str, pattern: Sequence[str]) -> bool:
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == ANY:
        return any(_like(text[skipped:], rest) for skipped in range(len(text) + 1))
    return bool(text) and first in {ONE, text[0]} and _like(text[1:], rest)


def encoded(text: str, modifiers: Sequence[str]) -> list[str]:
    """What the text becomes by its encoding modifiers, one after the other: any of these is looked for."""
    found = [text.encode()]
    for modifier in modifiers:
        found = [after for before in found for after in _encode(before, modifier)]
    return [raw.decode() for raw in found]


def _encode(raw: bytes, modifier: str) -> list[bytes]:
    match modifier:
        case "windash":
            # The appendix: "Creates all possible permutations of the -, /, en dash, em dash and horizontal bar": of
            # those that begin a parameter, which is how pySigma has it (the second dash of -param-name stays).
            parts = re.split(r"\B([-/])(?=\w)", raw.decode())
            places = [DASHES if position % 2 else (part,) for position, part in enumerate(parts)]
            return ["".join(chosen).encode() for chosen in itertools.product(*places)]
        case "wide" | "utf16le":
            return [raw.decode().encode("utf-16-le")]
        case "utf16be":
            return [raw.decode().encode("utf-16-be")]
        case "utf16":
            return [b"\xff\xfe" + raw.decode().encode("utf-16-le")]
        case "base64":
            return [base64.b64encode(raw)]
        case "base64offset":
            return [_static(raw, shift) for shift in range(3)]
        case _:
            return [raw]


def _static(raw: bytes, shift: int) -> bytes:
    """The characters of the encoding that no byte before or after can change, where ``shift`` bytes stand before.

    Character n holds bits 6n to 6n + 5; those that lie wholly in the value's bits stay.
    """
    whole = base64.b64encode(b"\0" * shift + raw + b"\0" * 3)
    return bytes(char for n, char in enumerate(whole) if 6 * n >= 8 * shift and 6 * n + 6 <= 8 * (shift + len(raw)))


def filled(text: str, placeholders: Mapping[str, Sequence[str]]) -> list[str]:
    """``expand``: the text with each ``%name%`` replaced by each of its values; several make every combination."""
    for name, values in placeholders.items():
        if f"%{name}%" in text:
            return [whole for value in values for whole in filled(text.replace(f"%{name}%", value, 1), placeholders)]
    return [text]
