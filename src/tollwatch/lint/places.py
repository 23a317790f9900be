"""Where in a rule's file a key stands.

A RuleSet knows only where a rule's document starts. A file is looked at a second time only when there is something to
show in it, as the reader of rules does for its own mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tollwatch.diagnostics import Diagnostic, Severity
from tollwatch.errors import UsageError
from tollwatch.lint.check import Finding
from tollwatch.sigma.files import read_sources
from tollwatch.sigma.model import Header
from tollwatch.sigma.places import Place, key_node, place, value_node
from tollwatch.sigma.yaml_source import Document, read_documents


@dataclass(slots=True)
class Places:
    """Looks places up; each file is read at most once."""

    _documents: dict[str, dict[Place, Document]] = field(default_factory=dict)

    def diagnostic(self, code: str, severity: Severity, finding: Finding) -> Diagnostic:
        """The finding at the key or value its path leads to, or at the rule's start where that is not to be had."""
        header = finding.header
        document = self._of(header.path).get(Place(header.line, header.column))
        at = Place(header.line, header.column)
        line = None
        if document is not None:
            at = _place_in(document, finding) or at
            line = document.source.line_text(at.line)
        return Diagnostic(code, finding.message, header.path, at.line, at.column, finding.hint, line, severity)

    def written(self, header: Header, key: str) -> bool:
        """Whether a rule's document has this key at its top; true where the document cannot be looked at."""
        document = self._of(header.path).get(Place(header.line, header.column))
        return document is None or not isinstance(document.value, dict) or key in document.value

    def _of(self, path: str) -> dict[Place, Document]:
        if path not in self._documents:
            self._documents[path] = _read(path)
        return self._documents[path]


def _read(path: str) -> dict[Place, Document]:
    """The documents of a file by where they start; none where there is no such file (rules made in memory)."""
    if not Path(path).is_file():
        return {}
    try:
        sources, _ = read_sources([path])
    except UsageError:  # it was removed meanwhile
        return {}
    found = (document for source in sources for document in read_documents(source))
    return {document.start: document for document in found if isinstance(document, Document)}


def _place_in(document: Document, finding: Finding) -> Place | None:
    """An element of a list, or the last key of the path."""
    if not finding.path:
        return None
    root = document.source.node(document.segment, document.ordinal)
    find = value_node if isinstance(finding.path[-1], int) else key_node
    node = find(root, finding.path)
    return None if node is None else place(node.start_mark)
