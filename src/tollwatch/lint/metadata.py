"""LNT001: a rule that alerts without what an analyst and a SIEM need of it."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject


def find(subject: Subject) -> Iterator[Finding]:
    """A rule that alerts lacks its id, status, level or description.

    Why: without an id an exported rule cannot be updated, only duplicated; without a level alerts cannot be sorted;
    without a description nobody knows what the alert means at three in the morning.
    How: add the keys. An id is a random UUID, and stays when the rule changes.
    """
    for rule in subject.alerting():
        header = rule.header
        wanted = {"id": header.id, "status": header.status, "level": header.level, "description": header.description}
        missing = [key for key, value in wanted.items() if not value]
        if missing:
            yield Finding(header, f"{header.key} alerts, but has no {_listed(missing)}", "add the missing keys")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and no " + words[-1]
