"""LNT012: two rules that alert under one title."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject


def find(subject: Subject) -> Iterator[Finding]:
    """Two rules that alert have the same title.

    Why: the title is what an analyst sees in the queue; two things with one name are taken for one.
    How: say in the title what differs.
    """
    first: dict[str, str] = {}
    for rule in subject.alerting():
        title = " ".join(rule.header.title.lower().split())
        if title in first:
            message = f"{rule.header.key} has the title of {first[title]}: {rule.header.title}"
            yield Finding(rule.header, message, "say in the title what differs", ("title",))
        first.setdefault(title, rule.header.key)
