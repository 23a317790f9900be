"""One item of a selection, ``field|modifiers: values``: its mistakes, and the form in which pySigma is given it.

``utf16le`` (which pySigma lacks) becomes its alias ``wide``, placeholders are replaced by their values, and what
pySigma would encode wrongly without saying so is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from sigma.exceptions import SigmaError
from sigma.modifiers import modifier_mapping
from sigma.rule import SigmaDetectionItem

from tollwatch.sigma.places import Path
from tollwatch.sigma.report import Report

# What pySigma raises on odd input besides its own errors (`re|contains` of an empty text is an IndexError, for one).
PYSIGMA_RAISES = (SigmaError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)

MODIFIERS = frozenset(modifier_mapping) | {"utf16le"}
EXPANSION_LIMIT = 20_000  # texts that placeholders and windash make in one document

_NUMERIC = frozenset({"lt", "lte", "gt", "gte", "minute", "hour", "day", "week", "month", "year"})
_FLAGS = frozenset({"i", "m", "s", "ignorecase", "multiline", "dotall"})
_BASE64 = frozenset({"base64", "base64offset"})
_DASH = re.compile(r"\B[-/]\b")
_ESCAPED_WILDCARD = re.compile(r"\\[*?]")
_PLACEHOLDER = re.compile(r"(?<!\\)%([^%]+)%")
_INCOMPATIBLE = re.compile(r"Modifier (\w+) incompatible")


@dataclass(slots=True)
class ItemReader:
    """Reads items. ``fields``: the names that events of the log source have, None where that is not known.

    ``expanded`` counts the texts that placeholders and windash have made.
    """

    report: Report
    placeholders: Mapping[str, tuple[str, ...]]
    fields: frozenset[str] | None = None
    expanded: int = 0

    def read(self, key: str, value: object, path: Path) -> object:
        """The values for pySigma; every mistake in the item is told."""
        field, *modifiers = key.split("|")
        for modifier in modifiers:
            if modifier not in MODIFIERS:
                message = f"unknown modifier {modifier!r}" if modifier else "a modifier is missing after `|`"
                self.report.unknown("SIG020", message, path, modifier, MODIFIERS, key=True)
        self._field(field, path)
        if isinstance(value, dict):
            hint = "is the indentation wrong? a selection has no levels below its fields"
            self.report.error("SIG021", "a value cannot be a mapping", path, hint=hint)
            return None
        if not isinstance(value, list):
            found = self._value(modifiers, value, path)
            return found[0] if len(found) == 1 else found
        if not value:
            self.report.error("SIG021", "the list of values is empty", path, key=True, hint="`null` matches no value")
        return [one for index, item in enumerate(value) for one in self._value(modifiers, item, (*path, index))]

    def _field(self, field: str, path: Path, *, key: bool = True) -> None:
        if self.fields is not None and field and field not in self.fields:
            message = f"unknown field {field!r}"
            self.report.unknown("SIG022", message, path, field, self.fields, key=key)

    def _value(self, modifiers: list[str], value: object, path: Path) -> list[object]:
        if isinstance(value, dict | list):
            self.report.error("SIG021", "a value in a list must be a text, a number, a boolean or null", path)
        elif "re" in modifiers and not isinstance(value, str):
            self.report.error("SIG021", "`re` needs a text", path, hint="put the value in quotes")
        elif isinstance(value, str):
            return list(self._text(modifiers, value, path))
        return [value]

    def _text(self, modifiers: list[str], value: str, path: Path) -> list[str]:
        if "fieldref" in modifiers:
            self._field(value, path, key=False)
        texts = self._expanded(modifiers, value, path) if "expand" in modifiers else [value]
        for text in texts:
            mistake = _encoding(modifiers, text)
            if mistake is not None:
                self.report.error("SIG021", mistake[0], path, hint=mistake[1])
                break
        if "windash" in modifiers:
            self._make(sum(5 ** len(_DASH.findall(text)) for text in texts), "windash", path)
        return texts

    def _make(self, texts: int, modifier: str, path: Path) -> bool:
        """Whether a modifier may make so many texts; each costs memory now and time with every event."""
        self.expanded += texts
        if self.expanded <= EXPANSION_LIMIT:
            return True
        message = f"`{modifier}` makes more than {EXPANSION_LIMIT:,} texts"
        self.report.error("SIG021", message, path, hint="split the value into several, with `all`")
        return False

    def _expanded(self, modifiers: list[str], value: str, path: Path) -> list[str]:
        """The texts that the placeholders of a value stand for; an escaped percent sign is one."""
        names = _PLACEHOLDER.findall(value)
        missing = [name for name in dict.fromkeys(names) if not self.placeholders.get(name)]
        for name in missing:
            message = f"the placeholder %{name}% has no value"
            near = [known for known, values in self.placeholders.items() if values]
            self.report.placeholder("SIG024", message, path, name, near)
        if missing:
            return [value]
        choices = [self.placeholders[name] for name in names]
        count = 1
        for choice in choices:
            count *= len(choice)
        if not self._make(count, "expand", path):
            return [value]
        if count > 1 and "all" in modifiers:
            hint = "write one item for each value, without `all`"
            self.report.error(
                "SIG024", "`all` cannot be combined with a placeholder of several values", path, hint=hint
            )
            return [value]
        between = [part.replace("\\%", "%") for part in _PLACEHOLDER.split(value)[::2]]
        return ["".join(part for pair in zip(between, (*chosen, ""), strict=True) for part in pair)
                for chosen in product(*choices)]  # fmt: skip


def name_for_pysigma(key: str) -> str:
    """The item's key with modifiers that pySigma knows."""
    if "|" not in key:
        return key
    field, *modifiers = key.split("|")
    known = ["wide" if modifier == "utf16le" else modifier for modifier in modifiers]
    # pySigma accepts cidr and re only as the first modifier; the values of placeholders already stand in the item.
    return "|".join((field, *(modifier for modifier in known if modifier != "expand")))


def _encoding(modifiers: list[str], text: str) -> tuple[str, str] | None:
    """Message and hint for a text that pySigma would encode to something else than the specification says."""
    encoded = _BASE64.intersection(modifiers)
    if not encoded:
        return None
    name = min(encoded)
    if "utf16" in modifiers:
        return f"`utf16` with `{name}` is not supported", "use `utf16le|base64offset|contains`"
    if _ESCAPED_WILDCARD.search(text):
        return f"`{name}` of a text with an escaped wildcard is not supported", "encode the text by hand"
    if "base64offset" in encoded and not text.isascii():
        return "`base64offset` of a text that is not ASCII is not supported", "encode the text by hand"
    return None


def mistakes_of_pysigma(key: str, value: object) -> Iterator[tuple[int | None, str, str | None]]:
    """(index in the list or None, message, hint) for each value of an item that pySigma refuses."""
    alone = False
    for index, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
        mistake = _mistake(key, item)
        if mistake is not None:
            alone = True
            yield index, *mistake
    if isinstance(value, list) and not alone and (mistake := _mistake(key, value)) is not None:
        yield None, *mistake


def _mistake(key: str, value: object) -> tuple[str, str | None] | None:
    try:
        SigmaDetectionItem.from_mapping(key or None, value)  # type: ignore[arg-type]  # any value is what we try
    except PYSIGMA_RAISES as error:
        return _explained(key, value, str(error))
    return None


def _explained(key: str, value: object, message: str) -> tuple[str, str | None]:
    modifiers = key.split("|")[1:]
    found = _INCOMPATIBLE.match(message)
    if found is None:
        words = ", ".join(f"`{modifier}`" for modifier in modifiers)
        return f"{words + ': ' if words else ''}{message}", None
    modifier = next((m for m in modifiers if modifier_mapping[m].__name__ == found[1]), found[1])
    return f"`{modifier}` cannot be applied to {_shown(value)}", _needs(modifier)


def _shown(value: object) -> str:
    kinds = {str: "the text", bool: "the boolean", int: "the number", float: "the number"}
    return "null" if value is None else f"{kinds.get(type(value), 'the value')} {str(value)[:60]!r}"


def _needs(modifier: str) -> str | None:
    if modifier in _NUMERIC:
        return f"`{modifier}` needs a number"
    if modifier in _FLAGS:
        return f"`{modifier}` must follow `re`"
    if modifier == "exists":
        return "`exists` needs true or false"
    return f"`{modifier}` needs a text, and goes with few other modifiers"
