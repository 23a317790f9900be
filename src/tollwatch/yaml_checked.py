"""The tree of a YAML file, taken apart: each method gives a value, or notes a mistake with its place and gives None.

The codes have the file kind's prefix (CAS for cases, PRF for profiles): 001 the file cannot be read as YAML,
002 a key that is unknown or comes twice, 003 a key that is missing, 004 a value of the wrong kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tollwatch.diagnostics import Diagnostic, closest
from tollwatch.yaml_tree import Mapping, Node, Scalar, Sequence, Tree


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file, 1-based, with the text of its line."""

    path: str
    line: int
    column: int
    source_line: str | None = None

    def diagnostic(self, code: str, message: str, hint: str | None = None) -> Diagnostic:
        """A mistake at this place."""
        return Diagnostic(code, message, self.path, self.line, self.column, hint, self.source_line)


class Checked:
    """A tree and the mistakes found in it so far, under codes that begin with ``prefix``."""

    def __init__(self, tree: Tree, prefix: str) -> None:
        self.tree = tree
        self.prefix = prefix
        self.mistakes: list[Diagnostic] = []

    def place(self, node: Node) -> Place:
        """The node's place, with its line."""
        lines = self.tree.lines
        return Place(self.tree.path, node.line, node.column, lines[node.line - 1] if node.line <= len(lines) else None)

    def wrong(self, node: Node, code: str, message: str, hint: str | None = None) -> None:
        """Note a mistake at a node."""
        self.mistakes.append(self.place(node).diagnostic(code, message, hint))

    def pairs(self, node: Node, what: str) -> dict[str, tuple[Scalar, Node]]:
        """A mapping's (key, value) nodes by key; a key that comes twice or is no text is a mistake."""
        if not isinstance(node, Mapping):
            self.wrong(node, self.prefix + "004", f"{what} must be a mapping, not {shown(node)}")
            return {}
        found: dict[str, tuple[Scalar, Node]] = {}
        for key, value in _merged(node):
            if not isinstance(key, Scalar):
                self.wrong(key, self.prefix + "004", f"a key of {what} must be a text, not {shown(key)}")
            elif key.text in found:
                self.wrong(key, self.prefix + "002", f"{key.text!r} comes twice in {what}")
            else:
                found[key.text] = (key, value)
        return found

    def fields(self, node: Node, what: str, known: Collection[str], required: Collection[str] = ()) -> dict[str, Node]:
        """The values of a mapping whose keys are all known; those required are there, or a mistake."""
        pairs = self.pairs(node, what)
        for name, (key, _) in pairs.items():
            if name not in known:
                hint = closest(name, known) or "known here: " + ", ".join(known)
                self.wrong(key, self.prefix + "002", f"unknown key {name!r} in {what}", hint)
        for name in required:
            if name not in pairs and isinstance(node, Mapping):
                self.wrong(node, self.prefix + "003", f"{what} has no {name!r}")
        return {name: value for name, (_, value) in pairs.items() if name in known}

    def items(self, node: Node, what: str) -> tuple[Node, ...]:
        """The items of a list that has some."""
        if isinstance(node, Sequence) and node.items:
            return node.items
        self.wrong(node, self.prefix + "004", f"{what} must be a list, not {'empty' if _empty(node) else shown(node)}")
        return ()

    def text(self, node: Node, what: str) -> str | None:
        """A scalar's text as it is written, whatever it reads as; not empty."""
        if isinstance(node, Scalar) and node.text.strip() and (not node.plain or node.value is not None):
            return node.text.strip()
        self.wrong(node, self.prefix + "004", f"{what} must be a text, not {'empty' if _empty(node) else shown(node)}")
        return None

    def whole(self, node: Node, what: str, least: int = 0) -> int | None:
        """A whole number, not below ``least``."""
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.wrong(node, self.prefix + "004", f"{what} must be a whole number from {least}, not {shown(node)}")
        return None


def shown(node: Node) -> str:
    """A node in a message, short."""
    match node:
        case Scalar():
            return repr(node.text if len(node.text) <= 40 else node.text[:39] + "…")
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"


def _empty(node: Node) -> bool:
    return (isinstance(node, Scalar) and not node.text.strip()) or (isinstance(node, Sequence) and not node.items)


def _merged(node: Mapping) -> Iterator[tuple[Node, Node]]:
    """A mapping's pairs, with those of a YAML merge (``<<: *base``) that it does not state itself put first."""
    own = {key.text for key, _ in node.pairs if isinstance(key, Scalar)}
    for key, value in node.pairs:
        if not (isinstance(key, Scalar) and key.plain and key.text == "<<"):
            continue
        seen = set(own)
        for base in value.items if isinstance(value, Sequence) else (value,):
            for inner, content in _merged(base) if isinstance(base, Mapping) else ():
                if isinstance(inner, Scalar) and inner.text not in seen:
                    seen.add(inner.text)
                    yield inner, content
    for key, value in node.pairs:
        if not (isinstance(key, Scalar) and key.plain and key.text == "<<"):
            yield key, value
