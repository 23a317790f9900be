"""LNT011: a base rule whose name another file may want."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject

_ONE_WORD = re.compile(r"[A-Za-z0-9]+")


def find(subject: Subject) -> Iterator[Finding]:
    """A rule that a correlation refers to by name is called by a single word, such as ``failed``.

    Why: names are one space over all files of a repository and of a SIEM. The next file with a ``failed`` is an error,
    or another rule's.
    How: put the subject in front: ``ai_api_key_refused``.
    """
    referred = {key for rule in subject.correlations() for key in rule.rules}
    for rule in subject.rules:
        name = rule.header.name
        if name and rule.header.key in referred and _ONE_WORD.fullmatch(name):
            hint = "put its subject in front, as in ai_api_key_refused"
            yield Finding(rule.header, f"the name {name} is likely to be wanted by another file", hint, ("name",))
