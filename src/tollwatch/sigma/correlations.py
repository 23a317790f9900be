"""The ``correlation`` section (Sigma correlation rules specification 2.1.0), read from the YAML's own values.

pySigma's class is not used: it cuts thresholds to integers, refuses ranges and accepts unknown keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tollwatch.sigma.conditions import Condition, ConditionError, Name, leaves, parse_condition
from tollwatch.sigma.detections import report_condition
from tollwatch.sigma.header import check_header, require
from tollwatch.sigma.model import CorrelationType, Threshold, Timespan
from tollwatch.sigma.places import Path
from tollwatch.sigma.report import Report, nearest
from tollwatch.sigma.thresholds import read_percentile, read_threshold

_TOP: Path = ("correlation",)
_KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_TEMPORAL = frozenset({CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED})
_FIELDLESS = _TEMPORAL | {CorrelationType.EVENT_COUNT}
_TIMESPAN = re.compile(r"([0-9]{1,15})([smhdwMy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_629_746, "y": 31_556_952}  # as pySigma has it
_LONGEST = 100 * _SECONDS["y"]
_UNITS = "a whole number and a unit: s, m, h, d, w, M (month) or y, such as 10m"


@dataclass(frozen=True, slots=True)
class Reference:
    """A rule's name or id as written, and where; ``word`` where it stands inside a text, after ``earlier`` others."""

    text: str
    path: Path
    within: bool = False
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class Alias:
    """``alias: {rule: field, …}`` as written."""

    name: str
    fields: tuple[tuple[Reference, str], ...]


@dataclass(frozen=True, slots=True)
class CorrelationDraft:
    """A correlation, its references not yet looked up; with mistakes in it, only what could be read.

    ``condition`` None: the default of a temporal type. A condition that is an expression names rules as they are
    referred to.
    """

    type: CorrelationType | None
    references: tuple[Reference, ...]
    timespan: Timespan | None
    condition: Threshold | Condition | None
    group_by: tuple[str, ...]
    aliases: tuple[Alias, ...]
    value_fields: tuple[str, ...]
    percentile: Decimal | None
    generate: bool


def read_correlation(report: Report, rule: Mapping[str, object]) -> CorrelationDraft | None:
    """The correlation with its mistakes told, or None where there is nothing to read."""
    check_header(report, rule)
    section = rule.get("correlation")
    if not isinstance(section, dict):
        report.error("SIG011", "`correlation` must be a mapping", _TOP, key=True)
        return None
    for key in section:
        if key not in _KEYS:
            report.unknown("SIG013", f"unknown key {key!r} under `correlation`", (*_TOP, key), key, _KEYS, key=True)
    reader = _Reader(report, section)
    type_ = reader.type()
    references = reader.rules(type_)
    timespan = reader.timespan()
    condition, value_fields, percentile = reader.condition(type_, references)
    group_by = reader.names("group-by", (*_TOP, "group-by"))
    aliases = reader.aliases()
    generate = reader.generate()
    if isinstance(condition, Condition) and not references:
        references = tuple(_first_uses(condition))
    return CorrelationDraft(
        type_, references, timespan, condition, group_by, aliases, value_fields, percentile, generate
    )


def _first_uses(condition: Condition) -> list[Reference]:
    path = (*_TOP, "condition")
    words = {
        leaf.token.text: Reference(leaf.token.text, path, within=True)
        for leaf in leaves(condition)
        if isinstance(leaf, Name)
    }
    return list(words.values())


@dataclass(frozen=True, slots=True)
class _Reader:
    report: Report
    section: Mapping[str, object]

    def type(self) -> CorrelationType | None:
        if not require(self.report, self.section, "type", _TOP, "the correlation"):
            return None
        value = self.section["type"]
        names = tuple(CorrelationType)
        if isinstance(value, str) and value.lower() in names:
            return CorrelationType(value.lower())
        hint = nearest(str(value), names) or f"one of {', '.join(names)}"
        self.report.error("SIG043", f"{value!r} is no type of correlation", (*_TOP, "type"), hint=hint)
        return None

    def rules(self, type_: CorrelationType | None) -> tuple[Reference, ...]:
        value, path = self.section.get("rules"), (*_TOP, "rules")
        if value is None:
            if type_ not in _TEMPORAL or not isinstance(self.section.get("condition"), str):
                require(self.report, self.section, "rules", _TOP, "the correlation")
            return ()
        items = value if isinstance(value, list) else [value]
        if not items:
            self.report.error("SIG048", "`rules` is empty", path, key=True, hint="name the rules to correlate")
        seen: set[str] = set()
        listed: list[Reference] = []
        for index, item in enumerate(items):
            at = (*path, index) if isinstance(value, list) else path
            if not isinstance(item, str) or not item:
                self.report.error("SIG048", "a rule is referred to by its name or id", at)
                continue
            if item in seen and type_ is not CorrelationType.TEMPORAL_ORDERED:
                self.report.error("SIG048", f"the rule {item!r} is listed twice", at)
                continue
            seen.add(item)
            listed.append(Reference(item, at))
        return tuple(listed)

    def timespan(self) -> Timespan | None:
        if not require(self.report, self.section, "timespan", _TOP, "the correlation"):
            return None
        value, path = self.section["timespan"], (*_TOP, "timespan")
        found = _TIMESPAN.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            self.report.error("SIG042", f"{_shown(value)} is no timespan", path, hint=_timespan_hint(value))
            return None
        seconds = int(found[1]) * _SECONDS[found[2]]
        if not 0 < seconds <= _LONGEST:
            message = "a timespan must be longer than zero" if not seconds else "a timespan can be at most 100y"
            self.report.error("SIG042", message, path, hint=_UNITS)
            return None
        return Timespan(found[0], seconds * 1_000_000)

    def condition(
        self, type_: CorrelationType | None, references: tuple[Reference, ...]
    ) -> tuple[Threshold | Condition | None, tuple[str, ...], Decimal | None]:
        value, path = self.section.get("condition"), (*_TOP, "condition")
        if value is None:
            if type_ is not None and type_ not in _TEMPORAL:
                require(self.report, self.section, "condition", _TOP, "the correlation")
            return None, (), None
        if isinstance(value, str):
            return self._extended(value, path, type_, references), (), None
        if not isinstance(value, dict):
            hint = "such as `gte: 10`"
            self.report.error("SIG045", "`condition` must be a mapping of comparisons", path, hint=hint)
            return None, (), None
        threshold = read_threshold(self.report, value, path, type_, len(references))
        return threshold, self._value_fields(value, path, type_), read_percentile(self.report, value, path, type_)

    def _extended(
        self, text: str, path: Path, type_: CorrelationType | None, references: tuple[Reference, ...]
    ) -> Condition | None:
        if type_ is CorrelationType.TEMPORAL_ORDERED:
            message = "`temporal_ordered` takes no boolean expression: the order of `rules` is its condition"
            self.report.error("SIG046", message, path, hint="use `temporal`, or leave the condition out")
            return None
        if type_ is not None and type_ is not CorrelationType.TEMPORAL:
            message = f"`{type_}` needs a comparison, not a text"
            self.report.error("SIG046", message, path, hint="such as `gte: 10`; only `temporal` takes an expression")
            return None
        try:
            condition = parse_condition(text, selectors=False)
        except ConditionError as error:
            report_condition(self.report, error, path)
            return None
        names = [leaf.token for leaf in leaves(condition) if isinstance(leaf, Name)]
        listed = {reference.text: reference for reference in references}
        if not listed:
            return condition
        for token in names:
            if token.text not in listed:
                message = f"the condition names {token.text!r}, which is not in `rules`"
                self.report.within("SIG046", message, path, token.text, token.earlier, nearest(token.text, listed))
        for name in listed.keys() - {token.text for token in names}:
            message = f"the rule {name!r} does not occur in the condition"
            self.report.error("SIG046", message, listed[name].path)
        return condition

    def _value_fields(
        self, condition: Mapping[str, object], path: Path, type_: CorrelationType | None
    ) -> tuple[str, ...]:
        if condition.get("field") is None:
            if type_ is not None and type_ not in _FIELDLESS:
                hint = nearest("field", condition.keys() - {"field", "percentile"})
                self.report.error("SIG044", f"`{type_}` needs a `field`", path, hint=hint or "add `field:`", key=True)
            return ()
        at = (*path, "field")
        if type_ in _FIELDLESS:
            self.report.error("SIG044", f"`field` has no meaning in `{type_}`", at, key=True)
            return ()
        found = _names(self.report, condition["field"], at, "field")
        if len(found) > 1 and type_ is not None and type_ is not CorrelationType.VALUE_COUNT:
            self.report.error("SIG044", f"`{type_}` is of one field", at)
        return found

    def names(self, key: str, path: Path) -> tuple[str, ...]:
        value = self.section.get(key)
        return () if value is None else _names(self.report, value, path, key)

    def aliases(self) -> tuple[Alias, ...]:
        value, path = self.section.get("aliases"), (*_TOP, "aliases")
        if value is None:
            return ()
        if not isinstance(value, dict):
            hint = "`aliases: {name: {rule: field, …}}`"
            self.report.error("SIG047", "`aliases` must be a mapping", path, hint=hint)
            return ()
        return tuple(self._alias(name, fields, (*path, name)) for name, fields in value.items())

    def _alias(self, name: str, fields: object, path: Path) -> Alias:
        if not isinstance(fields, dict) or not fields:
            hint = f"`{name}: {{rule: field, …}}`"
            self.report.error("SIG047", "an alias must be a mapping of rules to fields", path, hint=hint)
            return Alias(name, ())
        found: list[tuple[Reference, str]] = []
        for rule, field in fields.items():
            if isinstance(field, str) and field:
                found.append((Reference(rule, (*path, rule)), field))
            else:
                self.report.error("SIG047", "an alias gives each rule one field", (*path, rule))
        return Alias(name, tuple(found))

    def generate(self) -> bool:
        value = self.section.get("generate")
        if value is not None and not isinstance(value, bool):
            self.report.error("SIG011", "`generate` must be true or false", (*_TOP, "generate"))
        return value is True


def _names(report: Report, value: object, path: Path, key: str) -> tuple[str, ...]:
    """A field or a list of fields, each once."""
    items = value if isinstance(value, list) else [value]
    found: list[str] = []
    for index, item in enumerate(items):
        at = (*path, index) if isinstance(value, list) else path
        if not isinstance(item, str) or not item:
            report.error("SIG011", f"`{key}` must be a field or a list of fields", at)
        elif item in found:
            report.error("SIG011", f"the field {item!r} is listed twice", at)
        else:
            found.append(item)
    if key == "field" and not items:
        report.error("SIG044", "`field` is empty", path, key=True)
    return tuple(found)


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _timespan_hint(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return f"a unit is missing: {value}s, {value}m, …"
    parts = re.fullmatch(r"\s*([0-9]+)\s*([A-Za-z]+)\s*", value) if isinstance(value, str) else None
    unit = parts[2].lower()[0] if parts else ""
    if parts and unit in "smhdwy" and not parts[2].lower().startswith("mo") and int(parts[1]):
        return f"did you mean {parts[1]}{unit}?"
    return f"write {_UNITS}"
