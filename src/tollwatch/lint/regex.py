"""LNT006: a regular expression that only a backtracking engine can run."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject
from tollwatch.plan.nodes import Regex
from tollwatch.plan.regex import is_portable
from tollwatch.plan.walk import leaves


def find(subject: Subject) -> Iterator[Finding]:
    """A regular expression is not RE2: it has look-around, a back reference or a possessive quantifier.

    Why: KQL, ES|QL, BigQuery and others run RE2 or its like and refuse the pattern, and a backtracking engine can be
    made to run for hours by text that an attacker chooses. Here it is evaluated nevertheless.
    How: say the same with two items of a selection and ``not`` in the condition, or with ``contains``.
    """
    for search in subject.searches():
        patterns = dict.fromkeys(leaf for leaf in leaves(search.predicate) if isinstance(leaf, Regex))
        for pattern in patterns:
            if not is_portable(pattern):
                hint = "replace look-around by a second selection and `not`, a back reference by what it can be"
                message = f"{search.header.key}: the regular expression {_short(pattern.pattern)} is not RE2"
                yield Finding(search.header, message, hint, ("detection",))


def _short(pattern: str) -> str:
    return pattern if len(pattern) <= 60 else pattern[:59] + "…"
