"""Numbers, times and spans in the words that an explanation uses. Pure functions of whole microseconds."""

from __future__ import annotations

from tollwatch.evaluate.alerts import format_time

_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
)
_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"), (1, "µs"))
_DAY = 86_400_000_000


def ordinal(number: int) -> str:
    """``first`` … ``twelfth``, then ``13th``, ``21st``."""
    if 1 <= number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    special = number % 100 in {11, 12, 13}
    return f"{number}{'th' if special else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def duration(microseconds: int) -> str:
    """The two largest units that are not zero: ``12 s``, ``1 h 5 m``, ``250 ms``."""
    rest, parts = microseconds, []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def moment(microseconds: int, reference: int) -> str:
    """A time in UTC: without its date where it is that of ``reference``, without a fraction where it has none."""
    date, clock = format_time(microseconds).removesuffix("Z").split("T")
    clock = clock.rstrip("0").rstrip(".") if "." in clock else clock
    return clock if microseconds // _DAY == reference // _DAY else f"{date} {clock}"


def plural(count: int, noun: str) -> str:
    """``1 event``, ``3 events``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
