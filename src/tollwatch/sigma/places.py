"""Lines and columns in a Sigma file: of a document's keys and values, and inside a value's text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import yaml

_LINE_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # what libyaml counts as one

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """1-based line and column; 0 where the place is the whole file."""

    line: int = 0
    column: int = 0


@dataclass(eq=False)
class Source:
    """One file's text. ``segments`` are versions of it with broken documents emptied, lines kept in place."""

    path: str
    text: str
    stem: str
    segments: list[str] = field(init=False)
    _nodes: dict[int, list[yaml.Node]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.segments = [self.text]

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file, without their breaks."""
        return _LINE_BREAK.split(self.text)

    def place_of(self, offset: int) -> Place:
        """The place of a character."""
        breaks = list(_LINE_BREAK.finditer(self.text, 0, offset))
        return Place(len(breaks) + 1, offset - (breaks[-1].end() if breaks else 0) + 1)

    def line_text(self, line: int) -> str | None:
        """The text of a 1-based line."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else None

    def node(self, segment: int, ordinal: int) -> yaml.Node | None:
        """The document's node; on the first question about a segment, all of it is composed again."""
        if segment not in self._nodes:
            self._nodes[segment] = list(_compose(self.segments[segment]))
        nodes = self._nodes[segment]
        return nodes[ordinal] if ordinal < len(nodes) else None


def _compose(text: str) -> Iterator[yaml.Node]:
    """The documents up to the end or the first broken one."""
    loader = yaml.CSafeLoader(text)
    try:
        while (node := loader.get_node() if loader.check_node() else None) is not None:
            yield node
    except yaml.YAMLError:
        return


def offset_of(text: str, line: int) -> int:
    """The offset at which a 1-based line starts; the text's length where there is no such line."""
    starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
    return starts[line - 1] if line <= len(starts) else len(text)


class Mark(Protocol):
    """Libyaml's or PyYAML's own, which do not know of each other."""

    @property
    def line(self) -> int:
        """0-based."""

    @property
    def column(self) -> int:
        """0-based, in characters."""


def place(mark: Mark | None) -> Place:
    """The place of a mark, which is 0-based."""
    return Place() if mark is None else Place(mark.line + 1, mark.column + 1)


def key_node(root: yaml.Node | None, path: Path) -> yaml.Node | None:
    """The node of the last key of the path; for an index, of the element."""
    return _walk(root, path, key=True)


def value_node(root: yaml.Node | None, path: Path) -> yaml.Node | None:
    """The node of the value at the path; where the path ends early, of the nearest above it."""
    return _walk(root, path, key=False)


def _walk(node: yaml.Node | None, path: Path, *, key: bool) -> yaml.Node | None:
    for depth, step in enumerate(path):
        found: tuple[yaml.Node, yaml.Node] | None = None
        if isinstance(node, yaml.MappingNode):
            found = next(((name, value) for name, value in node.value if name.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step], node.value[step]
        if found is None:
            return node
        node = found[0] if key and depth == len(path) - 1 else found[1]
    return node


def word_place(lines: list[str], node: yaml.Node, word: str, earlier: int) -> Place:
    """The place of a word in a scalar's text as it stands in the file, after ``earlier`` others of it.

    Works for plain, quoted, folded and literal scalars alike; the scalar's start where the word is written otherwise
    (with an escape, say).
    """
    whole = re.fullmatch(r"[\w*-]+", word) is not None
    pattern = re.compile(rf"(?<![\w*-]){re.escape(word)}(?![\w*-])" if whole else re.escape(word))
    start, end = node.start_mark, node.end_mark
    seen = 0
    for line in range(start.line, min(end.line + 1, len(lines))):
        first = start.column if line == start.line else 0
        last = end.column if line == end.line else len(lines[line])
        for match in pattern.finditer(lines[line], first, last):
            if seen == earlier:
                return Place(line + 1, match.start() + 1)
            seen += 1
    return place(start)
