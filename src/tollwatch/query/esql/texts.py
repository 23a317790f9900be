"""ES|QL's functions of texts and addresses. Elastic's reference, "String functions", "IP functions".

Positions are counted in code points, from 1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus, unquote_to_bytes

import numpy as np

from tollwatch.query.columns import in_network
from tollwatch.query.entries import STRINGS, Function, Here, Kinds, Run, distinct_rows, each, single
from tollwatch.query.esql import patterns
from tollwatch.query.esql.values import WHOLE_NUMBERS
from tollwatch.query.table import Column, Type

# What Java's Character.isWhitespace takes: no space that does not break a line.
BLANK = "\t\n\v\f\r\x1c\x1d\x1e\x1f \u1680"
BLANK += "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000"
ADDRESSES: Kinds = frozenset({Type.IP, Type.STRING})  # a table may have its addresses as texts


def _start(size: int, start: int) -> int:
    """The place from 0 of a start from 1; 0 is the first too, and a negative one is counted from the end."""
    return min(max(start - 1 if start > 0 else size + start if start < 0 else 0, 0), size)


def _substring(text: str, start: int, length: int | None = None) -> str | None:
    if length is not None and length < 0:
        return None
    first = _start(len(text), start)
    return text[first:] if length is None else text[first : first + length]


def _locate(text: str, part: str, start: int = 0) -> int:
    return text.find(part, _start(len(text), start)) + 1


def _replace(columns: Sequence[Column], here: Here) -> Column:
    text, pattern, new = columns
    regex = patterns.java(single(pattern, "a pattern", here) or "", here)
    by = patterns.replacement(single(new, "a replacement", here) or "", here)
    known = pattern.valid & new.valid
    found = distinct_rows(Type.STRING, lambda value: regex.sub(by, value), [text], here.rows)
    return Column(Type.STRING, found.values, found.valid & known)


def _hashed(algorithm: str, text: str) -> str | None:
    name = algorithm.lower().replace("sha-", "sha")
    return (
        hashlib.new(name, text.encode()).hexdigest() if name in ("md5", "sha1", "sha256", "sha384", "sha512") else None
    )


def _hash(columns: Sequence[Column], here: Here) -> Column:
    algorithm = single(columns[0], "an algorithm", here)
    if algorithm is not None and _hashed(algorithm, "") is None:
        raise here.failed(f"the algorithm {algorithm} is not known")
    return distinct_rows(Type.STRING, _hashed, columns, here.rows)


def _from_base64(text: str) -> str | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _url_decoded(text: str) -> str | None:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        return None
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _reversed(text: str) -> str:
    """By characters as they are read: a base with its marks, a line's end, joined signs, flags."""
    found: list[str] = []
    for one in text:
        last = found[-1] if found else ""
        joined = one == "\u200d" or last.endswith("\u200d") or unicodedata.category(one)[0] == "M"
        skin = "\U0001f3fb" <= one <= "\U0001f3ff"
        flag = len(last) == 1 and all("\U0001f1e6" <= sign <= "\U0001f1ff" for sign in last + one)
        if last and (joined or skin or flag or last + one == "\r\n"):
            found[-1] += one
        else:
            found.append(one)
    return "".join(reversed(found))


# ---------------------------------------------------------------- JSON

_STEP = re.compile(
    r"""\.?([^.\[\]'"$*]+)|\[\s*(\d+)\s*\]|\[\s*'((?:\\.|[^'\\])*)'\s*\]|\[\s*"((?:\\.|[^"\\])*)"\s*\]"""
)


def _steps(path: str) -> list[str | int] | None:
    rest = path.removeprefix("$")
    found: list[str | int] = []
    while rest:
        step = _STEP.match(rest)
        if step is None or (rest[0] == "." and not found and not path.startswith("$")):
            return None
        name, number, *quoted = step.groups()
        key = name if name is not None else next((one for one in quoted if one is not None), "")
        found.append(int(number) if number is not None else re.sub(r"\\(.)", r"\1", key))
        rest = rest[step.end() :]
    return found


def _json_extract(text: str, path: str) -> str | None:
    steps = _steps(path)
    if steps is None:
        return None
    # The value's own text is given: the decoder tells where each value begins and ends.
    at = _blank(text, 0)
    for step in steps:
        found = _inside(text, at, step)
        if found is None:
            return None
        at = found
    try:
        value, end = json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else None if value is None else text[at:end]


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _inside(text: str, at: int, step: str | int) -> int | None:
    """Where a member of the object or an item of the list that begins here begins."""
    opening = "{" if isinstance(step, str) else "["
    if text[at : at + 1] != opening:
        return None
    decode = json.JSONDecoder().raw_decode
    number, at = 0, _blank(text, at + 1)
    try:
        while at < len(text) and text[at] not in "}]":
            if isinstance(step, str):
                name, at = decode(text, at)
                at = _blank(text, _blank(text, at) + 1)  # past the colon
                if name == step:
                    return at
            elif number == step:
                return at
            _, at = decode(text, at)
            number, at = number + 1, _blank(text, at)
            at = _blank(text, at + 1) if text[at : at + 1] == "," else at
    except ValueError:
        return None
    return None


# ---------------------------------------------------------------- addresses


def address(text: str) -> str | None:
    """The canonical form of an address; None for what is none. A mapped IPv4 address is one of IPv4."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


def _cidr_match(value: str, *networks: str) -> bool | None:
    plain = address(value)
    if plain is None:
        return None
    # Elastic keeps every address in 128 bits, so that an IPv4 one is in a network of IPv6 that holds ::ffff:0:0/96.
    mapped = f"::ffff:{plain}" if ":" not in plain else plain
    return any(in_network(plain if ":" not in one else mapped, one) is True for one in networks)


def _ip_prefix(value: str, four: int, six: int) -> str | None:
    plain = address(value)
    if plain is None or not 0 <= four <= 32 or not 0 <= six <= 128:
        return None
    length = six if ":" in plain else four
    return str(ipaddress.ip_network(f"{plain}/{length}", strict=False).network_address)


def text_function(function: Callable[..., Any]) -> Run:
    """A function that gives a text."""
    return each(Type.STRING, function)


def _padded(test: Callable[[str, str], bool]) -> Run:
    """A test of two texts; a constant part is not looked for in every distinct pair."""

    def run(columns: Sequence[Column], _here: Here) -> Column:
        left, right = columns
        known = left.valid & right.valid
        found = np.fromiter((test(a, b) for a, b in zip(left.values, right.values, strict=True)), np.bool_, len(left))
        return Column(Type.BOOL, found, known)

    return run


TEXT_FUNCTIONS: Mapping[str, Function] = {
    "LENGTH": Function(1, 1, each(Type.INT, len), (STRINGS,)),
    "BYTE_LENGTH": Function(1, 1, each(Type.INT, lambda text: len(text.encode())), (STRINGS,)),
    "BIT_LENGTH": Function(1, 1, each(Type.INT, lambda text: 8 * len(text.encode())), (STRINGS,)),
    "CONCAT": Function(2, None, text_function(lambda *texts: "".join(texts)), (STRINGS,)),
    "SUBSTRING": Function(2, 3, text_function(_substring), (STRINGS, WHOLE_NUMBERS)),
    "LEFT": Function(2, 2, text_function(lambda text, length: text[: max(length, 0)]), (STRINGS, WHOLE_NUMBERS)),
    "RIGHT": Function(
        2, 2, text_function(lambda text, length: text[max(len(text) - length, 0) :]), (STRINGS, WHOLE_NUMBERS)
    ),
    "TRIM": Function(1, 1, text_function(lambda text: text.strip(BLANK)), (STRINGS,)),
    "LTRIM": Function(1, 1, text_function(lambda text: text.lstrip(BLANK)), (STRINGS,)),
    "RTRIM": Function(1, 1, text_function(lambda text: text.rstrip(BLANK)), (STRINGS,)),
    "REPLACE": Function(3, 3, _replace, (STRINGS,)),
    "STARTS_WITH": Function(2, 2, _padded(str.startswith), (STRINGS,)),
    "ENDS_WITH": Function(2, 2, _padded(str.endswith), (STRINGS,)),
    "CONTAINS": Function(2, 2, _padded(str.__contains__), (STRINGS,)),
    "LOCATE": Function(2, 3, each(Type.INT, _locate), (STRINGS, STRINGS, WHOLE_NUMBERS)),
    "REPEAT": Function(
        2, 2, text_function(lambda text, times: None if times < 0 else text * times), (STRINGS, WHOLE_NUMBERS)
    ),
    "REVERSE": Function(1, 1, text_function(_reversed), (STRINGS,)),
    "SPACE": Function(1, 1, text_function(lambda number: None if number < 0 else " " * number), (WHOLE_NUMBERS,)),
    "MD5": Function(1, 1, text_function(lambda text: _hashed("md5", text)), (STRINGS,)),
    "SHA1": Function(1, 1, text_function(lambda text: _hashed("sha1", text)), (STRINGS,)),
    "SHA256": Function(1, 1, text_function(lambda text: _hashed("sha256", text)), (STRINGS,)),
    "HASH": Function(2, 2, _hash, (STRINGS,)),
    "TO_BASE64": Function(1, 1, text_function(lambda text: base64.b64encode(text.encode()).decode()), (STRINGS,)),
    "FROM_BASE64": Function(1, 1, text_function(_from_base64), (STRINGS,)),
    "URL_ENCODE": Function(
        1, 1, text_function(lambda text: quote_plus(text, safe="-._*").replace("~", "%7E")), (STRINGS,)
    ),
    "URL_ENCODE_COMPONENT": Function(
        1, 1, text_function(lambda text: quote(text, safe="-._*").replace("~", "%7E")), (STRINGS,)
    ),
    "URL_DECODE": Function(1, 1, text_function(_url_decoded), (STRINGS,)),
    "JSON_EXTRACT": Function(2, 2, text_function(_json_extract), (STRINGS,)),
    "CIDR_MATCH": Function(2, None, each(Type.BOOL, _cidr_match), (ADDRESSES, STRINGS)),
    "IP_PREFIX": Function(3, 3, each(Type.IP, _ip_prefix), (ADDRESSES, WHOLE_NUMBERS)),
}
