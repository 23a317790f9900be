"""DISSECT's and GROK's patterns. Elastic's reference, "Data processing with DISSECT and GROK".

DISSECT as Elasticsearch's DissectParser does it: all keys or none, delimiters from left to right. GROK: the first place
where the pattern matches, in the syntax of Ruby's regular expressions (``^`` and ``$`` are those of a line).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tollwatch.query.entries import unknown
from tollwatch.query.errors import QueryError
from tollwatch.query.esql.grok_patterns import PATTERNS
from tollwatch.query.syntax import Place
from tollwatch.query.table import Type

Found = Mapping[str, object]
"""The values by column; a list where a name has several."""


@dataclass(frozen=True, slots=True)
class Key:
    """A piece of a dissect pattern: its name (None: skipped), its place among what is appended, what comes after it."""

    name: str | None
    order: int
    padded: bool
    delimiter: str


@dataclass(frozen=True, slots=True)
class Dissection:
    """A dissect pattern: what a text begins with, and its keys."""

    leading: str
    keys: tuple[Key, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(dict.fromkeys(key.name for key in self.keys if key.name is not None))


_KEY = re.compile(r"%\{([^}]*)\}((?:(?!%\{).)*)", re.DOTALL)
_PARTS = re.compile(r"([+?*&]?)(.*?)(?:/(\d+))?(->)?", re.DOTALL)


@cache
def dissection(pattern: str, place: Place) -> Dissection:
    """The pattern, read.

    Raises:
        QueryError: it has no keys, or reference keys (which Elastic lacks too).
    """
    first = pattern.find("%{")
    keys = []
    for inside, delimiter in _KEY.findall(pattern[max(first, 0) :]):
        sign, name, number, padded = re.fullmatch(_PARTS, inside).groups()  # type: ignore[union-attr]
        if sign in "*&" and sign:
            raise QueryError(f"DISSECT: the reference key %{{{inside}}} is not known", *place)
        skipped = sign == "?" or not name
        keys.append(Key(None if skipped else name, int(number or 0), padded is not None, delimiter))
    if first < 0 or all(key.name is None for key in keys):
        raise QueryError("DISSECT: the pattern has no keys", *place)
    return Dissection(pattern[:first], tuple(keys))


def dissected(text: str, pattern: Dissection, separator: str) -> Found | None:
    """The values by name; None where the text does not match."""
    values = _cut(text, pattern)
    if values is None:
        return None
    found: dict[str, list[tuple[int, str]]] = {}
    for key, value in zip(pattern.keys, values, strict=True):
        if key.name is not None:
            found.setdefault(key.name, []).append((key.order, value))
    return {
        name: separator.join(value for _, value in sorted(parts, key=lambda part: part[0]))
        for name, parts in found.items()
    }


def _cut(text: str, pattern: Dissection) -> list[str] | None:
    """The value of each key. Of delimiters in a row each ends a key without a value, where the key is not padded."""
    if not text.startswith(pattern.leading) or len(text) <= len(pattern.leading):
        return None
    at, values = len(pattern.leading), list[str]()
    while len(values) < len(pattern.keys):
        key = pattern.keys[len(values)]
        if not key.delimiter:
            values.append(text[at:])
            break
        end = text.find(key.delimiter, at)
        if end < 0:
            return None
        values.append(text[at:end])
        at = end + len(key.delimiter)
        padded = key.padded
        while text.startswith(key.delimiter, at) and at < len(text):
            at += len(key.delimiter)
            if not padded:
                if len(values) == len(pattern.keys):
                    break
                padded = pattern.keys[len(values)].padded
                values.append("")
    return values if len(values) == len(pattern.keys) else None


# ---------------------------------------------------------------- grok


@dataclass(frozen=True, slots=True)
class Grok:
    """A grok pattern: the expression, and of each of its groups the column and its type."""

    regex: re.Pattern[str]
    columns: tuple[tuple[str, Type], ...]

    @property
    def types(self) -> Mapping[str, Type]:
        """The columns and their types, in order."""
        return dict(self.columns)


_USE = re.compile(r"%\{(\w+)(?::([^:}]+))?(?::(\w+))?\}")
_TYPES = {"int": Type.INT, "long": Type.LONG, "float": Type.REAL, "double": Type.REAL, "boolean": Type.BOOL,
          "string": Type.STRING}  # fmt: skip


class _Expansion:
    """A pattern with the patterns that it names put in; the columns by the number of their group."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.columns: list[tuple[str, Type]] = []

    def whole(self, pattern: str) -> str:
        return re.sub(r"\(\?<([^=!>][^>]*)>", self._named, _USE.sub(self._used, self._plain(pattern)))

    def _plain(self, pattern: str) -> str:
        return pattern.replace("[[:alnum:]]", "[A-Za-z0-9]")

    def _group(self, name: str, kind: Type) -> str:
        self.columns.append((name, kind))
        return f"(?P<g{len(self.columns) - 1}_>"

    def _named(self, found: re.Match[str]) -> str:
        return self._group(found[1], Type.STRING)

    def _used(self, found: re.Match[str]) -> str:
        name, column, kind = found.groups()
        if name not in PATTERNS:
            raise unknown("grok pattern", name, PATTERNS, self.place)
        if kind is not None and kind not in _TYPES:
            raise unknown("type of a grok pattern", kind, _TYPES, self.place)
        start = "(?:" if column is None else self._group(column, _TYPES[kind or "string"])
        return f"{start}{_USE.sub(self._inner, PATTERNS[name])})"

    def _inner(self, found: re.Match[str]) -> str:
        return f"(?:{_USE.sub(self._inner, PATTERNS[found[1]])})"


@cache
def grok(pattern: str, place: Place) -> Grok:
    """The pattern, read.

    Raises:
        QueryError: a pattern that it names is not known, or it is no regular expression.
    """
    expansion = _Expansion(place)
    text = expansion.whole(pattern)
    try:
        regex = re.compile(text, re.MULTILINE)
    except re.error as error:
        raise QueryError(f"GROK: the pattern cannot be read: {error}", *place) from None
    return Grok(regex, tuple(expansion.columns))


def grokked(text: str, patterns: Sequence[Grok]) -> Found | None:
    """The values by name, of the first pattern that matches; None where none does."""
    for pattern in patterns:
        match = pattern.regex.search(text)
        if match is None:
            continue
        found: dict[str, list[object]] = {}
        for number, (name, kind) in enumerate(pattern.columns):
            value = match[f"g{number}_"]
            if value is not None:
                found.setdefault(name, []).append(_typed(value, kind))
        return found
    return None


def _typed(value: str, kind: Type) -> object:
    try:
        if kind is Type.BOOL:
            return value.lower() == "true"
        return int(value) if kind in (Type.INT, Type.LONG) else float(value) if kind is Type.REAL else value
    except ValueError:
        return None
