"""LNT013: a wildcard where a field only has to be there."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject
from tollwatch.plan.nodes import Text, Wildcard
from tollwatch.plan.walk import leaves


def find(subject: Subject) -> Iterator[Finding]:
    """A selection asks for any text in a field: ``field: '*'``.

    Why: it means that the field is not null, but most SIEMs run it as a pattern over every event, some take it for a
    literal star, and number columns may refuse it.
    How: write ``field|exists: true``.
    """
    for search in subject.searches():
        named = (leaf.field for leaf in leaves(search.predicate) if isinstance(leaf, Text) and _any_text(leaf))
        for name in dict.fromkeys(named):
            message = f"{search.header.key}: {name} may be any text"
            yield Finding(search.header, message, f"write {name}|exists: true", ("detection",))


def _any_text(leaf: Text) -> bool:
    return leaf.field is not None and len(leaf.pattern) > 0 and set(leaf.pattern) == {Wildcard.ANY}
