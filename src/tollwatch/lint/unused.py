"""LNT010: a base rule that nothing refers to."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject
from tollwatch.sigma.model import EventRule


def find(subject: Subject) -> Iterator[Finding]:
    """A rule over single events stands in a file with correlations, and none refers to it.

    Why: it alerts once for each event, which is seldom meant: most often the name in ``rules`` was changed on one side.
    How: refer to it, remove it, or give it a file of its own.
    """
    together = {rule.header.path for rule in subject.correlations()}
    for rule in subject.alerting():
        if isinstance(rule, EventRule) and rule.header.path in together and not _referred(subject, rule):
            message = f"{rule.header.key} alerts for each event: no correlation beside it refers to it"
            yield Finding(rule.header, message, "refer to it, remove it, or give it a file of its own")


def _referred(subject: Subject, rule: EventRule) -> bool:
    return any(rule.header.key in correlation.rules for correlation in subject.correlations())
