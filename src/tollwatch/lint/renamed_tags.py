"""ATT003: a technique that ATT&CK has withdrawn."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.attack.tags import renamed
from tollwatch.lint.check import Finding, Subject


def find(subject: Subject) -> Iterator[Finding]:
    """A tag names a technique under an id that ATT&CK v19 withdrew.

    Why: a SIEM with the current matrix does not know the old id, and shows the technique as not covered.
    How: write the id that the hint names.
    """
    for rule in subject.rules:
        for index, tag in enumerate(rule.header.tags):
            fault = renamed(tag)
            if fault is not None:
                yield Finding(rule.header, fault.message, fault.hint, ("tags", index))
