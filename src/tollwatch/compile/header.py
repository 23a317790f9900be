"""The comment at the head of a query: what it is, from which rule, how faithful, and how it is meant to run."""

from __future__ import annotations

from tollwatch.compile.model import Query
from tollwatch.plan.nodes import Cidr, Node
from tollwatch.plan.walk import leaves, searches
from tollwatch.version import __version__

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def header(node: Node, query: Query) -> list[str]:
    """The lines, without comment marks; no rule's text can add a line to them."""
    head = node.header
    techniques = [tag.removeprefix("attack.").upper() for tag in head.tags if tag.startswith("attack.t")]
    lines = [
        f"{head.title}",
        f"rule: {head.key}" + (f" ({head.id})" if head.id else "") + (f", level {head.level}" if head.level else ""),
    ]
    if techniques:
        lines.append(f"ATT&CK: {', '.join(techniques)}")
    lines.append(f"fidelity: {query.grade}" + (f"; {query.tolerance.text}" if query.tolerance else ""))
    lines += [f"limit: {text}" for text in query.limits]
    if query.schedule is not None:
        every, back, late = (
            shown(part) for part in (query.schedule.interval, query.schedule.lookback, query.schedule.delay)
        )
        lines.append(f"schedule: every {every} over the last {back}; events may come in up to {late} late")
    else:
        lines.append("schedule: none, for any range of time")
    lines.append(f"source: {query.source} (profile {query.profile}); made by tollwatch {__version__}")
    return [one_line(line) for line in lines]


def address_limits(node: Node) -> tuple[str, ...]:
    """What the functions of a SIEM do not see in an address, where the rule has a network."""
    networks = [leaf for search in searches(node) for leaf in leaves(search.predicate) if isinstance(leaf, Cidr)]
    if not any(":" not in leaf.network for leaf in networks):
        return ()
    return ("an IPv4 address inside an IPv6 one (::ffff:10.0.0.1) is in no IPv4 network",)


def one_line(text: str) -> str:
    """The text on one line, without marks that could end a comment in some language."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.replace("`", "'").replace("*/", "* /").split())


def shown(microseconds: int) -> str:
    """A length of time in words of a query: ``1h 5m``."""
    seconds, parts = microseconds // 1_000_000, []
    for size, unit in _UNITS:
        if seconds >= size:
            parts.append(f"{seconds // size}{unit}")
            seconds %= size
    if seconds or not parts:
        parts.append(f"{seconds}s")
    return " ".join(parts)


def fits(found: int, timespan: int) -> str:
    """The tolerance of windows that may lie badly (µs): what is always found, and what never fires."""
    whole = shown(timespan)
    return f"what fits in {shown(found)} of the {whole} is always found; nothing longer than {whole} fires"
