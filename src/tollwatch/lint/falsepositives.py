"""LNT002: a rule that alerts without a word on when it is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject

_NOTHING_SAID = frozenset({"", "none", "n/a", "no", "nothing", "-"})


def find(subject: Subject) -> Iterator[Finding]:
    """A rule that alerts has no ``falsepositives``, or says that there are none.

    Why: every rule is wrong at times. Who wrote it knows when; who gets the alert does not.
    How: name the ordinary things that look the same. ``Unknown`` is honest; ``none`` is not.
    """
    for rule in subject.alerting():
        header = rule.header
        said = [text for text in header.falsepositives if text.strip().lower() not in _NOTHING_SAID]
        if not said:
            hint = "name the ordinary things that look the same, or write Unknown"
            path = ("falsepositives",) if header.falsepositives else ()
            yield Finding(header, f"{header.key} says nothing of its false positives", hint, path)
