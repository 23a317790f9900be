"""LNT004: a rule about an AI API that does not say what to do."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject
from tollwatch.plan.walk import searches

_GRAVE = frozenset({"medium", "high", "critical"})


def find(subject: Subject) -> Iterator[Finding]:
    """A rule over ``category: ai_api`` of level medium or above has no ``tollwatch: {response: …}``.

    Why: whoever gets the alert has minutes, and a revoked key stops a product. What to check first, what to lock and
    how to undo it is known when the rule is written.
    How: three sentences under ``tollwatch:``, ``response:``. Rules of other categories are not asked for one.
    """
    for node in subject.plan.detections:
        header = node.header
        ours = any(search.logsource.category == "ai_api" for search in searches(node))
        if ours and header.level in _GRAVE and not header.extras.response:
            hint = "under tollwatch: response: what to check first, what to lock, how to undo it"
            yield Finding(header, f"{header.key} is of level {header.level} and has no response note", hint)
