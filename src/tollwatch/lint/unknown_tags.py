"""ATT001: a tag that names nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.attack.tags import unknown
from tollwatch.diagnostics import closest
from tollwatch.lint.check import Finding, Subject


def find(subject: Subject) -> Iterator[Finding]:
    """A tag names no ATT&CK tactic or technique, no ATLAS technique, or is in no known namespace.

    Why: coverage is counted by tags, and a misspelled one counts for nothing.
    How: take the name that the hint gives. Techniques of ATT&CK that are not about AI APIs, accounts, cloud or
    consumption are not carried here, and are taken as they are.
    """
    for rule in subject.rules:
        for index, tag in enumerate(rule.header.tags):
            fault = unknown(tag)
            if fault is not None:
                hint = closest(fault.word, fault.known) or fault.hint
                yield Finding(rule.header, fault.message, hint, ("tags", index))
