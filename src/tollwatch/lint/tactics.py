"""ATT002: a technique without a tactic of its own."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.attack.tags import without_tactic
from tollwatch.lint.check import Finding, Subject


def find(subject: Subject) -> Iterator[Finding]:
    """A rule names a technique, but none of the tactics that it serves.

    Why: a matrix is read by column. A technique under another tactic's heading is a wrong tag or a forgotten one.
    How: add the tactic that the hint names, or correct the technique. Until ATT&CK v18 stealth and
    defense-impairment were one tactic, defense-evasion: either spelling will do.
    """
    for rule in subject.rules:
        tags = rule.header.tags
        for tag, fault in without_tactic(tags):
            yield Finding(rule.header, fault.message, fault.hint, ("tags", tags.index(tag)))
