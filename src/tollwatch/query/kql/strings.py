"""Kusto's functions over strings. Microsoft's documentation, "String functions". Characters are Unicode's."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from tollwatch.query.entries import ANY, Function, Here, Run, single
from tollwatch.query.kql.casts import as_texts, cast
from tollwatch.query.kql.literals import type_named
from tollwatch.query.kql.regexes import compiled, pattern_of
from tollwatch.query.kql.texts import TEXTS, lowered, raised
from tollwatch.query.kql.values import is_constant, mapped
from tollwatch.query.table import Column, Type

LONGS = frozenset({Type.LONG})


class UnclearError(Exception):
    """Arguments for which the documentation gives no rule; the text says which."""


def of_texts(type_: Type, function: Callable[..., Any], texts: int = 1) -> Run:
    """An entry's code whose first arguments are read as texts."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        try:
            return mapped(type_, function, [*as_texts(columns[:texts], here), *columns[texts:]], here.rows)
        except UnclearError as error:
            raise here.failed(f"{error} is not documented") from None

    return run


def _strcat(columns: Sequence[Column], here: Here) -> Column:
    return mapped(Type.STRING, lambda *parts: "".join(parts), as_texts(columns, here), here.rows)


def _strcat_delim(columns: Sequence[Column], here: Here) -> Column:
    return mapped(Type.STRING, lambda mark, *parts: mark.join(parts), as_texts(columns, here), here.rows)


def _substring(text: str, start: int, length: int | None = None) -> str:
    if length is not None and length < 0:
        raise UnclearError("substring of a negative length")
    start = max(start + len(text), 0) if start < 0 else start
    return text[start:] if length is None else text[start : start + length]


def _split(text: str, mark: str, wanted: int | None = None) -> list[str]:
    if not mark:
        raise UnclearError("split by an empty text")
    parts = text.split(mark)
    if wanted is None:
        return parts
    if not 0 <= wanted < len(parts):
        raise UnclearError("split with an index that is not there")
    return [parts[wanted]]


def _replaced(text: str, old: str, new: str) -> str:
    if not old:
        raise UnclearError("replace_string of an empty text")
    return text.replace(old, new)


def _unquoted(text: str) -> str:
    if "+" in text or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise UnclearError("url_decode of a plus sign or of a broken escape")
    return unquote(text)


def _index_of(text: str, part: str, start: int = 0, length: int = -1, occurrence: int = 1) -> int | None:
    if occurrence < 0 or length < -1:
        return None
    at = max(start + len(text), 0) if start < 0 else start
    if occurrence > 1 and length >= 0:
        raise UnclearError("indexof of a later occurrence within a length")
    end = len(text) if length == -1 else min(at + length, len(text))
    for _ in range(max(occurrence, 1)):
        found = text.find(part, at, end)
        if found < 0:
            return -1
        at = found + 1
    return found


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _encoded(text: str) -> str:
    """Kusto writes the escapes in small letters."""
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quote(text, safe=""))


# ---------------------------------------------------------------- regular expressions


def _extract(columns: Sequence[Column], here: Here) -> Column:
    regex, number = compiled(pattern_of(columns[0], here), here), single(columns[1], "a group", here) or 0
    if not 0 <= number <= regex.groups:
        raise here.failed(f"extract: the pattern has no group {number}")

    def first(text: str) -> str:
        found = regex.search(text)
        return (found[number] or "") if found else ""

    found = mapped(Type.STRING, first, as_texts(columns[2:3], here), here.rows)
    if len(columns) < 4:
        return found
    return cast(found, type_named(str(single(columns[3], "a type", here) or "string"), here.place), here)


def _extract_all(columns: Sequence[Column], here: Here) -> Column:
    regex, text = compiled(pattern_of(columns[0], here), here), columns[-1]
    wanted = columns[1].values[0] if len(columns) == 3 and len(text) else None
    if len(columns) == 3 and not is_constant(columns[1]):
        raise here.failed("extract_all: groups that differ between rows are not known")
    if not regex.groups and here.rows:
        raise here.failed("extract_all: the pattern has no group")
    chosen = wanted if wanted is not None else list(range(1, regex.groups + 1))

    def every(value: str) -> Any:
        found = [[match[one] or "" for one in chosen] for match in regex.finditer(value)]
        return None if not found else [one[0] for one in found] if len(chosen) == 1 else found

    return mapped(Type.DYNAMIC, every, as_texts([text], here), here.rows)


def _replace_regex(columns: Sequence[Column], here: Here) -> Column:
    text, pattern, rewrite = as_texts(columns, here)
    regex, form = compiled(pattern_of(pattern, here), here), pattern_of(rewrite, here)

    def replaced(value: str) -> str:
        return regex.sub(lambda found: re.sub(r"\\(\d)", lambda one: found[int(one[1])] or "", form), value)

    return mapped(Type.STRING, replaced, [text], here.rows)


def _trimmed(*, start: bool, end: bool) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        pattern = pattern_of(columns[0], here)
        compiled(pattern, here)
        head, tail = compiled(rf"^(?:{pattern})", here), compiled(rf"(?:{pattern})$", here)

        def cut(edge: re.Pattern[str], text: str) -> str:
            found = edge.sub("", text, count=1)
            if edge.sub("", found, count=1) != found:
                raise here.failed("a pattern that matches again once it is trimmed is not documented")
            return found

        def trim(text: str) -> str:
            text = cut(head, text) if start else text
            return cut(tail, text) if end else text

        return mapped(Type.STRING, trim, as_texts(columns[1:], here), here.rows)

    return run


def _count_of(columns: Sequence[Column], here: Here) -> Column:
    kind = single(columns[2], "a kind of search", here) if len(columns) > 2 else "normal"
    texts = as_texts(columns[:2], here)
    if kind == "regex":
        regex = compiled(pattern_of(columns[1], here), here)
        return mapped(Type.LONG, lambda text: sum(1 for _ in regex.finditer(text)), texts[:1], here.rows)
    if kind != "normal":
        raise here.failed(f"countof: the kind {kind} is not known")
    return mapped(
        Type.LONG, lambda text, part: sum(text.startswith(part, at) for at in range(len(text))), texts, here.rows
    )


def _entry(least: int, most: int | None, type_: Type, function: Callable[..., Any], texts: int = 1) -> Function:
    return Function(least, most, of_texts(type_, function, texts), (*(TEXTS,) * texts, LONGS))


STRING_FUNCTIONS: Mapping[str, Function] = {
    "strcat": Function(1, 64, _strcat),
    "strcat_delim": Function(2, 64, _strcat_delim),
    "strlen": _entry(1, 1, Type.LONG, len),
    "tolower": _entry(1, 1, Type.STRING, lowered),
    "toupper": _entry(1, 1, Type.STRING, raised),
    "string_size": _entry(1, 1, Type.LONG, lambda text: len(text.encode())),
    "substring": _entry(2, 3, Type.STRING, _substring),
    "split": _entry(2, 3, Type.DYNAMIC, _split, 2),
    "indexof": Function(2, 5, of_texts(Type.LONG, _index_of, 2), (ANY, ANY, LONGS)),
    "countof": Function(2, 3, _count_of, (TEXTS,)),
    "reverse": Function(1, 1, of_texts(Type.STRING, lambda text: text[::-1])),
    "replace_string": _entry(3, 3, Type.STRING, _replaced, 3),
    "trim": Function(2, 2, _trimmed(start=True, end=True), (TEXTS,)),
    "trim_start": Function(2, 2, _trimmed(start=True, end=False), (TEXTS,)),
    "trim_end": Function(2, 2, _trimmed(start=False, end=True), (TEXTS,)),
    "extract": Function(3, 4, _extract, (TEXTS, LONGS, TEXTS, TEXTS)),
    "extract_all": Function(2, 3, _extract_all, (TEXTS, ANY, TEXTS)),
    "url_decode": _entry(1, 1, Type.STRING, _unquoted),
    "url_encode_component": _entry(1, 1, Type.STRING, _encoded),
    "base64_decode_tostring": _entry(1, 1, Type.STRING, _decoded),
    "base64_encode_tostring": _entry(1, 1, Type.STRING, lambda text: base64.b64encode(text.encode()).decode()),
    "hash_sha256": _entry(1, 1, Type.STRING, lambda text: hashlib.sha256(text.encode()).hexdigest()),
    "hash_sha1": _entry(1, 1, Type.STRING, lambda text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()),
    "hash_md5": _entry(1, 1, Type.STRING, lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()),
    "replace_regex": Function(3, 3, _replace_regex, (TEXTS,)),
}
