"""When a deployed query runs, and over how much time (semantics, "Schedules")."""

from __future__ import annotations

import re

from tollwatch.compile.model import Options, Refused, Schedule
from tollwatch.plan.nodes import Node, Search
from tollwatch.plan.walk import nodes

SECOND = 1_000_000
MINUTE = 60 * SECOND
DELAY = 5 * MINUTE

_UNITS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": 24 * 60 * MINUTE}
_DURATION = re.compile(r"(\d+)([smhd])")


def schedule_of(node: Node, options: Options, least_interval: int) -> Schedule:
    """The rule's schedule: an interval of a twelfth of the shortest timespan, within 1 to 15 minutes.

    The option says otherwise, else the rule's own ``tollwatch: schedule: {interval, delay}``; never under
    ``least_interval`` (µs), what the platform allows.

    Raises:
        Refused: a duration in the rule's schedule that is none.
    """
    said = dict(node.header.extras.schedule)
    interval = options.interval or _said(said, "interval") or _derived(node)
    interval = max(interval, least_interval)
    delay = options.delay if options.delay is not None else _said(said, "delay")
    delay = DELAY if delay is None else delay
    return Schedule(interval, longest_path(node) + timespan(node) + interval + delay, delay)


def longest_path(node: Node) -> int:
    """The largest sum of timespans from the node down to a search, µs: how far back a hit may look."""
    if isinstance(node, Search):
        return 0
    return node.timespan + max(longest_path(part.node) for part in node.inputs)


def timespan(node: Node) -> int:
    """The node's own timespan, µs; none for a search."""
    return 0 if isinstance(node, Search) else node.timespan


def _derived(node: Node) -> int:
    spans = [part.timespan for part in nodes(node) if not isinstance(part, Search)]
    twelfth = min(spans, default=MINUTE) // 12
    # Whole minutes: what every platform's scheduler can say.
    return min(max(twelfth // MINUTE, 1), 15) * MINUTE


def _said(said: dict[str, str], key: str) -> int | None:
    text = said.get(key)
    if text is None:
        return None
    length = duration(text)
    if length is None:
        raise Refused(f"schedule {key}: {text}", "it is no duration", "write it as 5m, 1h or 90s")
    return length


def duration(text: str) -> int | None:
    """``90s``, ``5m``, ``1h`` or ``1d`` in µs; None for any other text."""
    found = _DURATION.fullmatch(text)
    return None if found is None else int(found[1]) * _UNITS[found[2]]
