"""YAML as a tree whose every node knows its place, read safely whatever the file holds.

The tree is built from libyaml's events without recursion: PyYAML's own composer recurses in C, and a file of a
million ``[`` would end the process. Aliases are counted by what they expand to.
Plain scalars are read as YAML 1.2's core schema has them, so that ``10:00:00`` stays a text, and so do times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tollwatch.errors import TollwatchError

_SIZE_LIMIT = 10_000_000
_DEPTH_LIMIT = 100
_NODE_LIMIT = 1_000_000

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

Value = str | int | float | bool | None


class TreeError(TollwatchError):
    """A file that is no single YAML document; ``line`` and ``column`` are 1-based, 0 where the place is the file."""

    def __init__(self, message: str, line: int = 0, column: int = 0, source_line: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.source_line = source_line


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf: its text, and whether it stood without quotes. ``line`` and ``column`` are 1-based."""

    text: str
    plain: bool
    line: int
    column: int

    @property
    def value(self) -> Value:
        """The text, or what a plain scalar reads as. A number with a leading zero stays a text (it is an id)."""
        if not self.plain:
            return self.text
        if self.text in _NULLS:
            return None
        if self.text in _BOOLEANS:
            return _BOOLEANS[self.text]
        # Digits that no column of 64 bits holds are an id, and a text.
        if _INTEGER.fullmatch(self.text):
            return int(self.text) if len(self.text) < 19 else self.text
        return float(self.text) if _FLOAT.fullmatch(self.text) and len(self.text) < 40 else self.text


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Pairs in file order, a key as often as it is written."""

    pairs: tuple[tuple[Node, Node], ...]
    line: int
    column: int


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Tree:
    """A file's only document (None where it is empty), with its lines for the caret."""

    root: Node | None
    path: str
    lines: tuple[str, ...]


def read_tree(path: Path) -> Tree:
    """The tree of a file.

    Raises:
        TreeError: the file cannot be read, is larger than 10 MB, not UTF-8 or not YAML.
    """
    try:
        size = path.stat().st_size
        if size > _SIZE_LIMIT:
            raise TreeError(f"the file has {size:,} bytes; {_SIZE_LIMIT:,} is the most that is read")
        return parse_tree(path.read_text("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise TreeError(f"the file is not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise TreeError(f"cannot read the file: {error.strerror}") from None


def parse_tree(text: str, path: str) -> Tree:
    """The tree of a text; ``path`` is what messages call it.

    Raises:
        TreeError: not one YAML document, nested more than 100 levels, or more than 1,000,000 nodes with aliases.
    """
    lines = tuple(text.splitlines())
    try:
        return Tree(_Builder().build(yaml.parse(text, Loader=yaml.CSafeLoader)), path, lines)
    except yaml.MarkedYAMLError as error:
        message = "not YAML: " + ", ".join(part for part in (error.context, error.problem) if part)
        mark = error.problem_mark
        raise (TreeError(message) if mark is None else _at(message, mark.line, mark.column, lines)) from None
    except yaml.YAMLError as error:  # a control character: has no mark
        raise TreeError(f"not YAML: {str(error).splitlines()[0]}") from None
    except _RefusedError as error:
        raise _at(error.message, error.line, error.column, lines) from None


def _at(message: str, line: int, column: int, lines: tuple[str, ...]) -> TreeError:
    return TreeError(message, line + 1, column + 1, lines[line] if line < len(lines) else None)


class _RefusedError(TollwatchError):
    """What the builder will not build, with libyaml's 0-based place."""

    def __init__(self, message: str, event: yaml.Event) -> None:
        super().__init__(message)
        line, column = _place(event)
        self.message, self.line, self.column = message, line - 1, column - 1


def _place(event: yaml.Event) -> tuple[int, int]:
    """1-based line and column; libyaml marks every event."""
    return (0, 0) if event.start_mark is None else (event.start_mark.line + 1, event.start_mark.column + 1)


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    items: list[Node]
    anchor: str | None
    start: yaml.Event
    before: int


class _Builder:
    """Events in, tree out. ``_count`` is the number of nodes so far, aliases expanded."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._root: Node | None = None

    def build(self, events: Iterator[yaml.Event]) -> Node | None:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._start(event)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent() if self._root is not None:
                    raise _RefusedError("a second document starts here; the file holds one", event)
                case _:
                    pass
        return self._root

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
            raise _RefusedError(f"the tag {event.tag} is not supported", event)
        node = Scalar(event.value, event.implicit[0] and event.tag is None, *_place(event))
        self._add(node, 1, event.anchor, event)

    def _start(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        if event.tag not in {None, "!"}:
            raise _RefusedError(f"the tag {event.tag} is not supported", event)
        if len(self._open) >= _DEPTH_LIMIT:
            raise _RefusedError(f"nested more than {_DEPTH_LIMIT} levels deep", event)
        self._open.append(_Open([], event.anchor, event, self._count))

    def _end(self) -> None:
        done = self._open.pop()
        items = done.items
        node: Node
        if isinstance(done.start, yaml.SequenceStartEvent):
            node = Sequence(tuple(items), *_place(done.start))
        else:
            node = Mapping(tuple(zip(items[::2], items[1::2], strict=True)), *_place(done.start))
        size = self._count - done.before + 1
        self._count = done.before
        self._add(node, size, done.anchor, done.start)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise _RefusedError(f"no anchor &{event.anchor} is complete before this alias", event)
        node, size = self._anchors[event.anchor]
        self._add(node, size, None, event)

    def _add(self, node: Node, size: int, anchor: str | None, event: yaml.Event) -> None:
        self._count += size
        if self._count > _NODE_LIMIT:
            raise _RefusedError(f"more than {_NODE_LIMIT:,} values, aliases expanded", event)
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        if self._open:
            self._open[-1].items.append(node)
        else:
            self._root = node
