"""LNT009: a timespan that cannot be looked over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from tollwatch.lint.check import Finding, Subject
from tollwatch.plan.nodes import Aggregate, Node, Search, Sequence, Window

_DAY = 86_400_000_000
_LONGEST = 30 * _DAY


def find(subject: Subject) -> Iterator[Finding]:
    """A correlation needs more than 30 days of log, or less than one window of what it counts.

    Why: a rule is run over a lookback of its longest chain of timespans; few SIEMs search a month every few minutes,
    and many keep no more. And where a calendar window (a range, an average) is referred to, its hits come a whole
    window apart: a ``timespan`` below that sees one moment of them at most.
    How: shorten the timespans, or ask for a shorter sign of the same thing; lengthen the parent's.
    """
    alerting = {node.header.key for node in subject.plan.detections}
    for node in subject.planned():
        if isinstance(node, Search):
            continue
        total = _longest_path(node)
        if node.header.key in alerting and total > _LONGEST:
            message = f"{node.header.key} needs {total // _DAY} days of log at every run"
            yield Finding(node.header, message, "shorten the timespans of its chain", ("correlation", "timespan"))
        for child in node.inputs:
            if node.timespan < _calendar_window(child.node):
                message = f"{node.header.key} looks over less than one window of {child.node.header.key}"
                hint = "its hits come a whole window apart: make this timespan at least as long"
                yield Finding(node.header, message, hint, ("correlation", "timespan"))


def _calendar_window(node: Node) -> int:
    """The length of the node's calendar windows in µs; 0 where it has none."""
    return node.timespan if isinstance(node, Aggregate) and node.window is Window.CALENDAR else 0


def _longest_path(node: Node) -> int:
    match node:
        case Search():
            return 0
        case Aggregate() | Sequence():
            return node.timespan + max((_longest_path(child.node) for child in node.inputs), default=0)
        case _:
            assert_never(node)
