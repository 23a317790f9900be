"""The ``detection`` section of rules and filters: every mistake in it, and the form in which pySigma is given it.

pySigma says that a section is wrong, not where; so everything that can be is checked here first, and where pySigma
still refuses, the items are tried one by one. Selections whose names start with ``not`` are renamed for pySigma, whose
parser would read ``notes`` as ``not es``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tollwatch.sigma.conditions import Condition, ConditionError, Name, leaves, matching, parse_condition, rewritten
from tollwatch.sigma.items import ItemReader, mistakes_of_pysigma, name_for_pysigma
from tollwatch.sigma.places import Path
from tollwatch.sigma.report import Report, nearest

_RESERVED = frozenset({"condition", "timeframe"})
_NAME = re.compile(r"[A-Za-z0-9_-]+")

Plain = dict[str, object]


@dataclass(frozen=True, slots=True)
class Detections:
    """A section without mistakes: selections as pySigma takes them, and conditions (any of which may hold)."""

    selections: Mapping[str, object]
    conditions: tuple[Condition, ...]
    texts: tuple[str, ...]

    def plain(self) -> Plain:
        """The section for pySigma."""
        if not any(name.startswith("not") for name in self.selections):
            return {**self.selections, "condition": list(self.texts)}
        names = tuple(self.selections)
        rename = unreserved(names)
        conditions = [rewritten(condition, names, rename) for condition in self.conditions]
        return {**{rename(name): value for name, value in self.selections.items()}, "condition": conditions}


def unreserved(names: tuple[str, ...]) -> Callable[[str], str]:
    """New names for the selections that pySigma's parser would not take for a name."""
    taken = set(names)
    changed: dict[str, str] = {}
    for name in names:
        if name.startswith("not") or name in {"and", "or"} or not _NAME.fullmatch(name):
            new = "s_" + re.sub(r"[^A-Za-z0-9_-]", "_", name)
            while new in taken:
                new = f"s_{new}"
            taken.add(new)
            changed[name] = new
    return lambda name: changed.get(name, name)


@dataclass(frozen=True, slots=True)
class DetectionReader:
    """Reads sections. ``reserved`` are keys that are no selections (a filter has its ``rules`` there)."""

    report: Report
    items: ItemReader
    reserved: frozenset[str] = frozenset()

    def read(self, section: Mapping[str, object], path: Path, whose: str) -> Detections:
        """The section, to be used where the report has no error after it."""
        names = tuple(name for name in section if name not in _RESERVED | self.reserved)
        if "timeframe" in section:
            at, hint = (*path, "timeframe"), "write a correlation with a `timespan`"
            self.report.error("SIG013", "`timeframe` is no longer part of Sigma", at, hint=hint, key=True)
        if not names:
            self.report.error("SIG023", f"{whose} has no selection", path, key=True)
        selections = {name: self._selection(section[name], (*path, name)) for name in names}
        texts, conditions = self._conditions(section, names, path, whose)
        return Detections(selections, conditions, texts)

    def locate(self, value: object, written: object, path: Path) -> None:
        """Tell of every item in a selection that pySigma refuses and that has no other mistake.

        ``value`` is the selection as given to pySigma, ``written`` as it is in the file.
        """
        if isinstance(value, dict) and isinstance(written, dict):
            for (key, item), name in zip(value.items(), written, strict=False):
                self._locate_item(key, item, (*path, name))
        elif isinstance(value, list) and isinstance(written, list) and any(isinstance(v, dict | list) for v in value):
            for index, (item, was) in enumerate(zip(value, written, strict=False)):
                self.locate(item, was, (*path, index))
        elif value is not None:
            self._locate_item("", value, path)

    def _locate_item(self, key: str, value: object, path: Path) -> None:
        if not self.report.mentioned(path):
            for index, message, hint in mistakes_of_pysigma(key, value):
                self.report.error("SIG021", message, path if index is None else (*path, index), hint=hint)

    # ------------------------------------------------------------ conditions

    def _conditions(
        self, section: Mapping[str, object], names: tuple[str, ...], path: Path, whose: str
    ) -> tuple[tuple[str, ...], tuple[Condition, ...]]:
        value = section.get("condition")
        at = (*path, "condition")
        if value is None or value == []:
            slip = nearest("condition", names)
            self.report.error("SIG010", f"{whose} has no `condition`", path, hint=slip, key=True)
            return (), ()
        items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        texts: list[str] = []
        found: list[Condition] = []
        for index, item in items:
            place = at if index is None else (*at, index)
            text = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
            if not isinstance(text, str):
                self.report.error("SIG030", "a condition must be a text", place)
                continue
            condition = self._condition(text, names, place)
            if condition is not None:
                texts.append(text)
                found.append(condition)
        return tuple(texts), tuple(found)

    def _condition(self, text: str, names: tuple[str, ...], path: Path) -> Condition | None:
        try:
            condition = parse_condition(text)
        except ConditionError as error:
            report_condition(self.report, error, path)
            return None
        for leaf in leaves(condition):
            if isinstance(leaf, Name):
                word = leaf.token
                if word.text not in names:
                    message = f"the condition names the selection {word.text!r}, which does not exist"
                    hint = nearest(word.text, names)
                    self.report.within("SIG031", message, path, word.text, word.earlier, hint)
            elif not matching(leaf.pattern.text, names):
                word = leaf.pattern
                message = f"no selection matches {word.text!r}"
                hint = nearest(word.text.replace("*", ""), names)
                self.report.within("SIG032", message, path, word.text, word.earlier, hint)
        return condition

    # ------------------------------------------------------------ selections

    def _selection(self, value: object, path: Path) -> object:
        """The selection as pySigma takes it."""
        if value is None or (isinstance(value, dict | list) and not value):
            self.report.error("SIG023", "the selection is empty", path, key=True)
            return None
        if isinstance(value, dict):
            return self._mapping(value, path)
        if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
            return [self._selection(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, list) and None in value:
            self.report.error("SIG023", "null is no keyword", (*path, value.index(None)))
        return self.items.read("", value, path)

    def _mapping(self, value: Mapping[str, object], path: Path) -> Plain:
        found: Plain = {}
        for key, item in value.items():
            name = name_for_pysigma(key)
            if name != key and (name in value or name in found):
                name = key
            found[name] = self.items.read(key, item, (*path, key))
        return found


def report_condition(report: Report, error: ConditionError, path: Path) -> None:
    """Tell of a condition that cannot be parsed, at the word where it goes wrong."""
    if error.token is None:
        report.error("SIG030", error.message, path, hint=error.hint)
    else:
        report.within("SIG030", error.message, path, error.token.text, error.token.earlier, error.hint)
