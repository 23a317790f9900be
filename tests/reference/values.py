"""What a value in an event is: its elements, its text, its number (semantics, "One event")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

Event = Mapping[str, Any]

# The page: a text is a number where it is an optional sign, digits with at most one point, and an optional exponent
# of up to four digits.
NUMERAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def lookup(event: Event, field: str) -> Any:
    """A field is looked up by its literal name first, then as a dotted path. None where there is neither."""
    if field in event:
        return event[field]
    first, dot, rest = field.partition(".")
    while dot:
        inner = event.get(first)
        if isinstance(inner, Mapping) and (found := lookup(inner, rest)) is not None:
            return found
        more, dot, rest = rest.partition(".")
        first = f"{first}.{more}"
    return None


def elements(value: Any) -> list[Any]:
    """A list in an event matches where any element does; a null is no element, a single value is the only one."""
    return [part for part in (value if isinstance(value, list) else [value]) if part is not None]


def leaves(event: Event) -> list[Any]:
    """Every value of an event, those of nested records too."""
    return [
        part for value in event.values() for part in (leaves(value) if isinstance(value, Mapping) else elements(value))
    ]


def number(value: Any) -> Fraction | None:
    """A number, or text that reads as one; a boolean is none. A double is the decimal that it is written as."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return Fraction(value) if NUMERAL.fullmatch(value) else None
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def stands(value: Any, op: str, bound: Fraction) -> bool:
    """Whether ``value op bound`` holds; what is no number stands to none.

    The page: whole numbers and texts compare exactly; a double compares with the double nearest to the rule's number.
    """
    if isinstance(value, float):
        return meets(Fraction(value), op, Fraction(float(bound)))
    found = number(value)
    return found is not None and meets(found, op, bound)


def meets(value: Fraction, op: str, bound: Fraction) -> bool:
    """``value op bound``."""
    return {
        "lt": value < bound,
        "lte": value <= bound,
        "gt": value > bound,
        "gte": value >= bound,
        "eq": value == bound,
        "neq": value != bound,
    }[op]


def text_of(value: Any) -> str:
    """Numbers by their shortest decimal text (whole ones without a point), booleans as true and false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        digits = format(Decimal(str(value)), "f")
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return str(value)


def fold(text: str) -> str:
    """Text compares case-insensitively: Unicode's simple lower case, one character for one."""
    return "".join("i" if char == "\u0130" else char.lower() for char in text)


def typed(value: Any) -> tuple[str, object]:
    """What keys and counted values are compared by: case-sensitively, in the value's type (1 is 1.0, but not "1")."""
    if isinstance(value, bool | str):
        return type(value).__name__, value
    return "number", number(value)
