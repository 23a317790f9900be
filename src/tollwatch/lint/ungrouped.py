"""LNT007: a correlation over everyone at once."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject


def find(subject: Subject) -> Iterator[Finding]:
    """A correlation has no ``group-by``.

    Why: it then counts all users and addresses together, so that its threshold depends on how busy the day is, and its
    alert names nobody.
    How: group by ``user_id``, ``source_ip`` or ``api_key_id``. Where the whole is meant (an outage), leave it.
    """
    for rule in subject.correlations():
        if not rule.group_by:
            hint = "group by user_id, source_ip or api_key_id, unless the whole is meant"
            yield Finding(rule.header, f"{rule.header.key} counts over everyone together", hint, ("correlation",))
