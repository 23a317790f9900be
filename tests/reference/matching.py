"""One event against one rule's detection (semantics, "One event"): plain Python, one value at a time."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

Event = Mapping[str, Any]
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def matches(detection: Mapping[str, Any], event: Event) -> bool:
    """Whether the event meets the detection's condition; several conditions are alternatives."""
    conditions = detection["condition"]
    for text in conditions if isinstance(conditions, list) else [conditions]:
        words = re.findall(r"[()]|[^\s()]+", text)
        if _or(words, detection, event):
            return True
    return False


def _or(words: list[str], detection: Mapping[str, Any], event: Event) -> bool:
    found = _and(words, detection, event)
    while words and words[0] == "or":
        words.pop(0)
        found = _and(words, detection, event) or found
    return found


def _and(words: list[str], detection: Mapping[str, Any], event: Event) -> bool:
    found = _not(words, detection, event)
    while words and words[0] == "and":
        words.pop(0)
        found = _not(words, detection, event) and found
    return found


def _not(words: list[str], detection: Mapping[str, Any], event: Event) -> bool:
    word = words.pop(0)
    if word == "not":
        return not _not(words, detection, event)
    if word == "(":
        found = _or(words, detection, event)
        words.pop(0)
        return found
    if word in {"1", "any", "all"} and words and words[0] == "of":
        words.pop(0)
        pattern = words.pop(0)
        names = [name for name in detection if name != "condition" and not name.startswith("_")]
        if pattern != "them":
            names = [name for name in names if re.fullmatch(pattern.replace("*", ".*"), name)]
        results = [selection(detection[name], event) for name in names]
        return all(results) if word == "all" else any(results)
    return selection(detection[word], event)


def selection(body: Any, event: Event) -> bool:
    """A mapping: every item; a list of mappings: any; plain values: keywords."""
    if isinstance(body, Mapping):
        return all(item(key, value, event) for key, value in body.items())
    if isinstance(body, list) and any(isinstance(part, Mapping) for part in body):
        return any(selection(part, event) for part in body)
    return item("", body, event)


def item(key: str, value: Any, event: Event) -> bool:
    """One ``field|modifier|…: value``."""
    field, *modifiers = key.split("|")
    wanted = value if isinstance(value, list) else [value]
    if wanted == []:
        wanted = [None]
    results = [one(field, modifiers, want, event) for want in wanted]
    found = all(results) if "all" in modifiers else any(results)
    return not found if "neq" in modifiers else found


def one(field: str, modifiers: list[str], want: Any, event: Event) -> bool:
    """Whether some value of the field (of any text field, without one) is what is wanted."""
    if "exists" in modifiers:
        return bool((event.get(field) is not None) == want)
    test = _test(modifiers, want, event, keyword=not field)
    if want is None and not modifiers:
        return event.get(field) is None
    if not field:
        texts = [v for value in event.values() for v in _values(value) if isinstance(v, str)]
        return any(test(text) for text in texts)
    return any(test(value) for value in _values(event.get(field)))


def _values(value: Any) -> list[Any]:
    return [v for v in value if v is not None] if isinstance(value, list) else [] if value is None else [value]


def _test(modifiers: list[str], want: Any, event: Event, *, keyword: bool) -> Callable[[Any], bool]:
    for comparison in ("lt", "lte", "gt", "gte"):
        if comparison in modifiers:
            return lambda value: _compares(number(value), comparison, Fraction(str(want)))
    for part in ("minute", "hour", "day", "week", "month", "year"):
        if part in modifiers:
            return lambda value: _time_part(value, part) == want
    if "cidr" in modifiers:
        return lambda value: _inside(value, want)
    if "re" in modifiers:
        flags = sum(getattr(re, flag.upper()) for flag in ("i", "m", "s") if flag in modifiers)
        return lambda value: re.search(want, text_of(value), flags) is not None
    if "fieldref" in modifiers:
        return lambda value: any(_related(value, other, modifiers) for other in _values(event.get(want)))
    if isinstance(want, bool):
        return lambda value: isinstance(value, bool | str) and text_of(value).lower() == text_of(want)
    if isinstance(want, int | float) and not keyword:
        return lambda value: number(value) == Fraction(str(want))
    patterns = [_placed(pattern, modifiers, keyword) for pattern in _encoded(str(want), modifiers)]
    return lambda value: any(_like(text_of(value), pattern, cased="cased" in modifiers) for pattern in patterns)


def number(value: Any) -> Fraction | None:
    """A number, or text that reads as one."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return Fraction(value) if NUMBER.fullmatch(value) else None
    return Fraction(str(value))


def text_of(value: Any) -> str:
    """Numbers by their shortest decimal text, booleans as true and false."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _compares(value: Fraction | None, op: str, bound: Fraction) -> bool:
    if value is None:
        return False
    return {"lt": value < bound, "lte": value <= bound, "gt": value > bound, "gte": value >= bound}[op]


def _time_part(value: Any, part: str) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    utc = time.astimezone(UTC) if time.tzinfo else time
    return utc.isocalendar().week if part == "week" else int(getattr(utc, part))


def _inside(value: Any, network: str) -> bool:
    try:
        return ipaddress.ip_address(str(value)) in ipaddress.ip_network(network)
    except ValueError:
        return False


def _related(value: Any, other: Any, modifiers: list[str]) -> bool:
    mine, theirs = text_of(value), text_of(other)
    if "cased" not in modifiers:
        mine, theirs = mine.lower(), theirs.lower()
    if "startswith" in modifiers:
        return mine.startswith(theirs)
    if "endswith" in modifiers:
        return mine.endswith(theirs)
    return theirs in mine if "contains" in modifiers else mine == theirs


def _encoded(want: str, modifiers: list[str]) -> list[str]:
    """base64, base64offset and wide: what the value becomes before it is looked for."""
    if "wide" in modifiers or "utf16le" in modifiers:
        want = want.encode("utf-16le").decode()
    if "base64" in modifiers:
        return [base64.b64encode(want.encode()).decode()]
    if "base64offset" in modifiers:
        raw = want.encode()
        ends = (None, -3, -2)
        return [base64.b64encode(b" " * i + raw).decode()[(0, 2, 3)[i] : ends[(len(raw) + i) % 3]] for i in range(3)]
    return [want]


def _placed(pattern: str, modifiers: list[str], keyword: bool) -> str:
    before = "contains" in modifiers or "endswith" in modifiers or keyword
    after = "contains" in modifiers or "startswith" in modifiers or keyword
    return ("*" if before else "") + pattern + ("*" if after else "")


def _like(text: str, pattern: str, *, cased: bool) -> bool:
    """``*`` any text, ``?`` one character, a backslash before either (or itself) takes it literally."""
    regex, position = "", 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\" and pattern[position + 1 : position + 2] in {"*", "?", "\\"}:
            position += 1
            regex += re.escape(pattern[position])
        else:
            regex += {"*": ".*", "?": "."}.get(char, re.escape(char if cased else char.lower()))
        position += 1
    if not cased:
        text = text.lower()
    return re.fullmatch(regex, text, re.DOTALL) is not None
