"""A search as its commands: comments left out, macros expanded, and split at the pipes outside quotes and brackets.

Splunk's "Search Manual", "Use search macros in searches", "Add comments to searches"; "Search Reference",
"Understanding SPL syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tollwatch.query.errors import QueryError
from tollwatch.query.syntax import Place

_DEPTH = 20
_COMMENT = re.compile(r"```.*?```", re.DOTALL)
_MACRO = re.compile(r"`(?P<name>[^`(]+?)\s*(\((?P<arguments>[^`]*)\))?\s*`")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NAME = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*")


@dataclass(frozen=True, slots=True)
class Text:
    """A part of a query. ``origin``: for each character its offset in what was written."""

    text: str
    origin: tuple[int, ...]
    written: str

    def __getitem__(self, part: slice) -> Text:
        return Text(self.text[part], self.origin[part], self.written)

    def place(self, at: int) -> Place:
        """Line and column of the character, as written."""
        offset = self.origin[min(at, len(self.origin) - 1)] if self.origin else len(self.written)
        return self.written.count("\n", 0, offset) + 1, offset - self.written.rfind("\n", 0, offset)

    def failed(self, at: int, message: str) -> QueryError:
        """A mistake at that character."""
        return QueryError(message, *self.place(at))


@dataclass(frozen=True, slots=True)
class Command:
    """A command's name in small letters ("" where a search begins without one), and what stands behind it."""

    name: str
    arguments: Text
    place: Place


def commands(written: str, macros: Mapping[str, str]) -> list[Command]:
    """The commands of a search.

    Raises:
        QueryError: a macro that is not known, or a quote or bracket that does not end.
    """
    plain = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), written)
    whole = Text(plain, tuple(range(len(plain))), written)
    signatures = {_signature(name): (name, body) for name, body in macros.items()}
    return list(split(_expanded(whole, signatures, 0)))


def split(whole: Text) -> Iterator[Command]:
    """The commands of a (sub)search."""
    start = 0
    for at in (*_pipes(whole), len(whole.text)):
        part = whole[start:at]
        if part.text.strip():
            yield _command(part, first=start == 0)
        elif start:
            raise whole.failed(at, "a pipe without a command")
        start = at + 1


def _command(part: Text, *, first: bool) -> Command:
    blank = len(part.text) - len(part.text.lstrip())
    found = _NAME.match(part.text)
    if first and (found is None or found["name"].lower() != "search"):
        return Command("", part, part.place(blank))
    if found is None:
        raise part.failed(blank, "a command is expected here")
    return Command(found["name"].lower(), part[found.end() :], part.place(blank))


def _pipes(whole: Text) -> Iterator[int]:
    depth, at, text = 0, 0, whole.text
    while at < len(text):
        letter = text[at]
        if letter == '"':
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                raise whole.failed(at, "a quote that does not end")
            at = quoted.end()
            continue
        depth += (letter == "[") - (letter == "]")
        if depth < 0:
            raise whole.failed(at, "a bracket that does not begin")
        if letter == "|" and depth == 0:
            yield at
        at += 1
    if depth:
        raise whole.failed(len(text), "a bracket that does not end")


def subsearches(arguments: Text) -> list[Text]:
    """The texts inside the brackets at the top of a command's arguments."""
    found, depth, start, at = [], 0, 0, 0
    while at < len(arguments.text):
        quoted = _QUOTED.match(arguments.text, at)
        if quoted is not None:
            at = quoted.end()
            continue
        letter = arguments.text[at]
        if letter == "[":
            depth, start = depth + 1, at + 1 if depth == 0 else start
        elif letter == "]":
            depth -= 1
            if depth == 0:
                found.append(arguments[start:at])
        at += 1
    return found


# ---------------------------------------------------------------- macros


def _signature(name: str) -> tuple[str, int]:
    head, _, rest = name.partition("(")
    return head.strip(), len([one for one in rest.rstrip(")").split(",") if one.strip()])


def _expanded(whole: Text, macros: Mapping[tuple[str, int], tuple[str, str]], depth: int) -> Text:
    text, at = "", 0
    origin: list[int] = []
    for found in _MACRO.finditer(whole.text):
        text += whole.text[at : found.start()]
        origin += whole.origin[at : found.start()]
        body = _body(whole, found, macros, depth)
        text += body
        origin += [whole.origin[found.start()]] * len(body)
        at = found.end()
    return Text(text + whole.text[at:], (*origin, *whole.origin[at:]), whole.written)


def _body(whole: Text, found: re.Match[str], macros: Mapping[tuple[str, int], tuple[str, str]], depth: int) -> str:
    given = [] if found["arguments"] is None else _arguments(found["arguments"])
    key = (found["name"].strip(), len(given))
    if key not in macros:
        raise whole.failed(found.start(), f"the macro {key[0]} is not known: give its definition in a file of macros")
    if depth >= _DEPTH:
        raise whole.failed(found.start(), f"the macro {key[0]} refers to itself")
    signature, body = macros[key]
    named = [one.strip() for one in signature.partition("(")[2].rstrip(")").split(",") if one.strip()]
    for name, value in zip(named, given, strict=True):
        body = body.replace(f"${name}$", value)
    inner = Text(_COMMENT.sub(" ", body), (whole.origin[found.start()],) * len(_COMMENT.sub(" ", body)), whole.written)
    return _expanded(inner, macros, depth + 1).text


def _arguments(text: str) -> list[str]:
    """Split at the commas outside quotes; quotes around a whole argument are its own."""
    parts = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', text)
    return [part.strip().strip('"') for part in parts if part.strip()]
