"""LNT003: a rule that alerts and stands nowhere in a matrix."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.attack.tags import atlas_techniques, attack_tactics, attack_techniques
from tollwatch.lint.check import Finding, Subject


def find(subject: Subject) -> Iterator[Finding]:
    """A rule that alerts is tagged with no ATT&CK tactic or technique, and no ATLAS technique.

    Why: coverage is counted by these tags, and many SIEMs sort and chain alerts by them.
    How: add a tactic and a technique (``attack.credential-access``, ``attack.t1110.004``), or an ATLAS technique
    (``atlas.aml.t0034``). Where no technique fits, the tactic alone will do.
    """
    for rule in subject.alerting():
        tags = rule.header.tags
        if not (attack_tactics(tags) or attack_techniques(tags) or atlas_techniques(tags)):
            hint = "such as attack.t1110.004 or atlas.aml.t0034"
            path = ("tags",) if tags else ()
            yield Finding(rule.header, f"{rule.header.key} has no tag of ATT&CK or ATLAS", hint, path)
