"""Collecting the mistakes of one document, each with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import yaml

from tollwatch.diagnostics import Diagnostic, Severity, closest
from tollwatch.sigma.places import Path, Place, Source, key_node, place, value_node, word_place
from tollwatch.sigma.yaml_source import Document, Flaw

LIMIT = 50  # mistakes told of in one document: a reader stops long before, and each costs time
FEW = 1000  # names compared for a hint


@dataclass(slots=True)
class Report:
    """The mistakes found in a document. A path of keys gives the place; no path is the document's start."""

    document: Document
    found: list[Diagnostic] = field(default_factory=list)
    failed: bool = False
    _paths: list[Path] = field(default_factory=list)

    def error(self, code: str, message: str, path: Path = (), *, hint: str | None = None, key: bool = False) -> None:
        """A mistake at the value of the path, or at its last key."""
        if self._room(code, path):
            self._add(code, message, self._place(path, key=key), hint, Severity.ERROR)

    def mentioned(self, path: Path) -> bool:
        """Whether a mistake at or below this path is told of already, or no more may be told of."""
        return len(self.found) > LIMIT or any(known[: len(path)] == path for known in self._paths)

    def unknown(self, code: str, message: str, path: Path, word: str, known: Iterable[str], *, key: bool) -> None:
        """A mistake that is a name which does not exist: the hint names the nearest."""
        if self._room(code, path):
            self._add(code, message, self._place(path, key=key), nearest(word, known), Severity.ERROR)

    def within(self, code: str, message: str, path: Path, word: str, earlier: int, hint: str | None) -> None:
        """A mistake at a word inside a text, after ``earlier`` other occurrences of it."""
        if self._room(code, path):
            node = value_node(self._root(), path)
            at = word_place(self.document.source.lines, node, word, earlier) if node else self.document.start
            self._add(code, message, at, hint, Severity.ERROR)

    def placeholder(self, code: str, message: str, path: Path, name: str, known: Iterable[str]) -> None:
        """A mistake that is a placeholder without a value."""
        hint = nearest(name, known) or f"give it one in rules.toml: under [placeholders], {name} = [...]"
        self.within(code, message, path, f"%{name}%", 0, hint)

    def note(
        self, code: str, message: str, path: Path, severity: Severity, hint: str | None = None, *, key: bool = False
    ) -> None:
        """Something to know that does not make the rule unusable."""
        self._add(code, message, self._place(path, key=key), hint, severity)

    def flaws(self) -> None:
        """The flaws of the YAML itself."""
        for flaw in self.document.flaws:
            if self._room(flaw.code, ()):
                self._add(flaw.code, flaw.message, flaw.place, flaw.hint, Severity.ERROR)

    def _room(self, code: str, path: Path) -> bool:
        """True while more may be told of; the last entry says that there is more."""
        self.failed = True
        if len(self.found) == LIMIT:
            message = f"more than {LIMIT} mistakes in this document; the others are not shown"
            self._add(code, message, self.document.start, None, Severity.ERROR)
        if len(self.found) > LIMIT:
            return False
        self._paths.append(path)
        return True

    def _root(self) -> yaml.Node | None:
        return self.document.source.node(self.document.segment, self.document.ordinal)

    def _place(self, path: Path, *, key: bool) -> Place:
        if not path:
            return self.document.start
        find = key_node if key else value_node
        node = find(self._root(), path)
        return self.document.start if node is None else place(node.start_mark)

    def _add(self, code: str, message: str, at: Place, hint: str | None, severity: Severity) -> None:
        self.found.append(diagnostic(self.document.source, code, message, at, hint, severity))


def diagnostic(
    source: Source, code: str, message: str, at: Place, hint: str | None = None, severity: Severity = Severity.ERROR
) -> Diagnostic:
    """A diagnostic at a place of a file, with the line's text."""
    if at.line > len(source.lines):  # libyaml counts a line more where the last one has no break
        at = Place(len(source.lines), len(source.lines[-1]) + 1)
    text = source.line_text(at.line)
    return Diagnostic(code, message, source.path, at.line, at.column, hint, text, severity)


def from_flaw(source: Source, flaw: Flaw) -> Diagnostic:
    """The diagnostic of what is wrong with a file's YAML."""
    return diagnostic(source, flaw.code, flaw.message, flaw.place, flaw.hint)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """A hint with the nearest known names; nothing for what is too long or too much to compare."""
    names = sorted(set(known))
    return closest(word, names) if len(word) <= 100 and len(names) <= FEW else None
