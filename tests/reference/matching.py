"""One event against one rule's detection (semantics, "One event"): one value at a time."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from reference.logic import true
from reference.patterns import encoded, filled, like, placed, tokens
from reference.values import Event, elements, fold, leaves, lookup, number, stands, text_of

COMPARISONS = ("lt", "lte", "gt", "gte")
TIME_PARTS = ("minute", "hour", "day", "week", "month", "year")
# The page: ``re`` has RE2's meaning: \d, \w and \s are ASCII, and $ without m is the very end.
RE2 = {r"\d": "[0-9]", r"\w": "[0-9A-Za-z_]", r"\s": r"[\t\n\f\r ]", r"\D": "[^0-9]", r"\W": "[^0-9A-Za-z_]"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Placeholders = Mapping[str, Sequence[str]]


def matches(detection: Mapping[str, Any], event: Event, placeholders: Placeholders) -> bool:
    """Whether the event meets the detection's condition; several conditions are alternatives."""
    conditions = detection["condition"]
    searches = {name: body for name, body in detection.items() if name not in {"condition", "timeframe"}}

    def leaf(word: str, rest: list[str]) -> bool:
        if rest[:1] != ["of"]:
            return selection(searches[word], event, placeholders)
        pattern = rest[1]
        del rest[:2]
        results = [selection(searches[name], event, placeholders) for name in _named(pattern, searches)]
        return all(results) if word == "all" else any(results)

    return any(true(text, leaf) for text in (conditions if isinstance(conditions, list) else [conditions]))


def _named(pattern: str, searches: Mapping[str, Any]) -> list[str]:
    """``them`` is every selection, a pattern those whose whole name is like it; a leading ``_`` hides a name."""
    shown = [name for name in searches if not name.startswith("_")]
    return shown if pattern == "them" else [name for name in shown if like(name, tokens(pattern), cased=True)]


def selection(body: Any, event: Event, placeholders: Placeholders) -> bool:
    """A mapping holds where every item does; a list where any part does; a bare value is a keyword."""
    if isinstance(body, Mapping):
        return all(item(key, value, event, placeholders) for key, value in body.items())
    if isinstance(body, list):
        return any(selection(part, event, placeholders) for part in body)
    return item("", body, event, placeholders)


def item(key: str, value: Any, event: Event, placeholders: Placeholders) -> bool:
    """One ``field|modifier|…: value``. Several values are alternatives; with ``all``, each must be matched.

    The page: A comparison with a missing field is false, and so is its negation's inner part; ``neq`` negates.
    """
    field, *modifiers = key.split("|")
    wanted = value if isinstance(value, list) else [value]
    results = [one(field, modifiers, want, event, placeholders) for want in wanted]
    found = all(results) if "all" in modifiers else any(results)
    return not found if "neq" in modifiers else found


def one(field: str, modifiers: list[str], want: Any, event: Event, placeholders: Placeholders) -> bool:
    """Whether the field (any text field, where there is no name) has what is wanted."""
    value = lookup(event, field) if field else [part for part in leaves(event) if isinstance(part, str)]
    if "exists" in modifiers:
        # ``exists`` means not null.
        return (value is not None) is want
    if want is None:
        # ``null`` matches a missing field and a null.
        return value is None
    if "expand" in modifiers:
        return any(_any(field, modifiers, text, value, event) for text in filled(want, placeholders))
    return _any(field, modifiers, want, value, event)


def _any(field: str, modifiers: list[str], want: Any, value: Any, event: Event) -> bool:
    """A list in an event matches where any element does."""
    return any(_holds(field, modifiers, want, part, event) for part in elements(value))


def _holds(field: str, modifiers: list[str], want: Any, value: Any, event: Event) -> bool:
    """Whether one value that is not null is what is wanted."""
    if parts := [part for part in TIME_PARTS if part in modifiers]:
        found = time_part(field, value, parts[0])
        op = next((op for op in COMPARISONS if op in modifiers), "eq")
        return found is not None and stands(found, op, Fraction(str(want)))
    for comparison in COMPARISONS:
        if comparison in modifiers:
            return stands(value, comparison, Fraction(str(want)))
    if "re" in modifiers:
        return found_in(text_of(value), want, modifiers)
    if "cidr" in modifiers:
        return inside(text_of(value), want)
    if "fieldref" in modifiers:
        return any(related(text_of(value), text_of(other), modifiers) for other in elements(lookup(event, want)))
    if isinstance(want, bool):
        # Booleans likewise: also where the log carries it as text.
        return isinstance(value, bool | str) and fold(text_of(value)) == text_of(want)
    if not isinstance(want, str) and field:
        # A number in a rule matches an equal number, also where the log carries it as text.
        return stands(value, "eq", Fraction(str(want)))
    # Keywords match any text field: the pattern occurs anywhere in it.
    places = modifiers if field else ["contains"]
    return any(
        like(text_of(value), placed(tokens(text), places), cased="cased" in modifiers)
        for text in encoded(str(want), modifiers)
    )


def found_in(text: str, pattern: str, modifiers: Sequence[str]) -> bool:
    """``re`` is found anywhere, and minds the case unless ``i`` is given; ``m`` and ``s`` as everywhere."""
    flags = re.IGNORECASE * ("i" in modifiers) | re.MULTILINE * ("m" in modifiers) | re.DOTALL * ("s" in modifiers)
    if "m" not in modifiers:
        pattern = re.sub(r"(?<!\\)\$", r"\\Z", pattern)
    for written, meant in RE2.items():
        pattern = pattern.replace(written, meant)
    return re.search(pattern, text, flags) is not None


def inside(text: str, network: str) -> bool:
    """Whether the text is an address in the network: of the same family, or an IPv4 address mapped into IPv6."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any(one_ in ipaddress.ip_network(network) for one_ in (address, mapped) if one_ is not None)


def related(mine: str, theirs: str, modifiers: Sequence[str]) -> bool:
    """How a field's text stands to another field's."""
    if "cased" not in modifiers:
        mine, theirs = fold(mine), fold(theirs)
    if "startswith" in modifiers:
        return mine.startswith(theirs)
    if "endswith" in modifiers:
        return mine.endswith(theirs)
    return theirs in mine if "contains" in modifiers else mine == theirs


def time_part(field: str, value: Any, part: str) -> int | None:
    """A part of a time in UTC; ``week`` is the ISO week. A text without an offset is UTC; what is no time has none."""
    if field == "timestamp" and isinstance(value, int):
        time = EPOCH + timedelta(microseconds=value)
    elif isinstance(value, str) and number(value) is None:
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            return None
        time = time.astimezone(UTC) if time.tzinfo else time
    else:
        return None
    return time.isocalendar().week if part == "week" else int(getattr(time, part))
