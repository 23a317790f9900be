"""LIKE's wildcards, RLIKE's patterns of Lucene and REPLACE's of Java, in the dialects of those who run them here.

Elastic's reference, "LIKE and RLIKE"; Lucene's class RegExp: a pattern matches the whole text, has no anchors and no
lazy operators, and has operators of its own. Java's class Pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.query.entries import Here
from tollwatch.query.table import Column, Type

Translate = Callable[[str, Here], str]
_CLASSES = {
    "d": "[0-9]", "D": "[^0-9]", "w": "[A-Za-z0-9_]", "W": "[^A-Za-z0-9_]", "s": r"[ \t\n\r]", "S": r"[^ \t\n\r]",
}  # fmt: skip
_QUANTIFIERS = "?+*{"


def matched(text: Column, pattern: str, here: Here) -> Column:
    """Where RE2's pattern matches the whole text."""
    try:
        found = pc.match_substring_regex(pa.array(text.values, pa.string()), rf"\A(?s:{pattern})\z")
    except pa.ArrowInvalid as error:
        raise here.failed(f"the pattern cannot be read: {error}") from None
    return Column(Type.BOOL, np.asarray(found.to_numpy(zero_copy_only=False), np.bool_), text.valid)


def like(text: str, _here: Here) -> str:
    r"""``*`` any number of characters, ``?`` one, ``\\`` takes the next as it is."""
    pieces = re.findall(r"\\.|.", text, re.DOTALL)
    return "".join({"*": ".*", "?": "."}.get(one) or re.escape(one[-1]) for one in pieces)


def lucene(text: str, here: Here) -> str:
    """Lucene's pattern as RE2's."""
    found: list[str] = []
    rest = text
    while rest:
        one, rest = _piece(rest, found, here)
        found.append(one)
    return "".join(found)


def _piece(text: str, before: list[str], here: Here) -> tuple[str, str]:
    """The first piece of a pattern, and what is after it."""
    first = text[0]
    match first:
        case "\\":
            if len(text) < 2:
                raise here.failed("the pattern ends with a backslash")
            return _CLASSES.get(text[1]) or re.escape(text[1]), text[2:]
        case "[":
            return _class(text, here)
        case "(":
            if text[1:2] == ")":
                return "(?:)", text[2:]
            return "(?:", _no_quantifier(text[1:], here)
        case "|":
            return "|", _no_quantifier(text[1:], here)
        case "@":
            return "(?:.*)", text[1:]
        case "#":
            return "(?:[^\\x00-\\x{10FFFF}])", text[1:]
        case '"':
            end = text.find('"', 1)
            if end < 0:
                raise here.failed("the pattern has an open quote")
            return f"(?:{re.escape(text[1:end])})", text[end + 1 :]
        case "~" | "&" | "<":
            raise here.failed(f"Lucene's operator {first} in a pattern is not known")
        case "{":
            found = re.match(r"\{\d+(,\d*)?\}", text)
            if found is None or not before:
                raise here.failed("the pattern has a { that is no repetition")
            return _repeated(found[0], before), text[found.end() :]
        case "?" | "+" | "*":
            if not before:
                raise here.failed(f"the pattern begins with {first}")
            return _repeated(first, before), text[1:]
        case "." | ")":
            return first, text[1:]
        case _:
            return re.escape(first), text[1:]


def _repeated(sign: str, before: list[str]) -> str:
    """A repetition of a repetition is one of what is repeated, not a lazy one."""
    if before[-1][-1:] in "?+*}" and len(before) > 1 and re.fullmatch(r"[?+*]|\{[^}]*\}", before[-1]):
        start = _start(before)
        before[start:] = ["(?:" + "".join(before[start:]) + ")"]
    return sign


def _start(before: list[str]) -> int:
    """Where what the last piece repeats begins."""
    at, depth = len(before) - 2, 0
    while at > 0:
        depth += (before[at] == ")") - (before[at] == "(?:")
        if depth <= 0:
            break
        at -= 1
    return at


def _no_quantifier(text: str, here: Here) -> str:
    if text[:1] and text[0] in _QUANTIFIERS:
        raise here.failed(f"the pattern has a {text[0]} with nothing to repeat")
    return text


def _class(text: str, here: Here) -> tuple[str, str]:
    """A class of characters; only a backslash is special in it."""
    found = re.match(r"\[(\^?)((?:\\.|[^\]\\])+)\]", text, re.DOTALL)
    if found is None:
        raise here.failed("the pattern has an open [")
    inside = []
    for one in re.findall(r"\\.|.", found[2], re.DOTALL):
        if one[0] == "\\" and one[1] in _CLASSES:
            if one[1].isupper():
                raise here.failed(f"{one} inside a class of characters is not known")
            inside.append(_CLASSES[one[1]][1:-1])
        else:
            inside.append("-" if one == "-" else _literal(one[-1]))
    return f"[{found[1]}{''.join(inside)}]", text[found.end() :]


def _literal(character: str) -> str:
    return f"\\{character}" if character in r"\]^[-" else character


_NOT_JAVA = re.compile(r"\\(?:[pPhHvVRXGQEkKzZxuNc0])|&&|\(\?<?[^:=!<>a-zA-Z-]")


def java(text: str, here: Here) -> re.Pattern[str]:
    """Java's pattern as Python's, where both mean the same; the rest is refused."""
    special = _NOT_JAVA.search(re.sub(r"\\\\", "", text))
    if special is not None:
        raise here.failed(f"{special[0]} in a pattern of Java is not known")
    try:
        return re.compile(re.sub(r"(?<!\\)\(\?<([A-Za-z]\w*)>", r"(?P<\1>", text), re.ASCII)
    except re.error as error:
        raise here.failed(f"the pattern cannot be read: {error}") from None


def replacement(text: str, here: Here) -> str:
    """Java's replacement as Python's: ``$1`` is a group, a backslash takes the next character as it is."""
    found = []
    for one in re.findall(r"\\.|\$\d|.", text, re.DOTALL):
        if one[0] == "$" and len(one) == 1:
            raise here.failed("the replacement has a $ that names no group")
        found.append(f"\\g<{one[1:]}>" if one[0] == "$" else one[-1].replace("\\", r"\\"))
    return "".join(found)
