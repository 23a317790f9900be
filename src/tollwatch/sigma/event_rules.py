"""Rules over single events: from a document to pySigma's rule, with every mistake told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sigma.rule import SigmaRule

from tollwatch.sigma.detections import DetectionReader, Detections
from tollwatch.sigma.header import check_header, for_pysigma, require
from tollwatch.sigma.items import PYSIGMA_RAISES, ItemReader
from tollwatch.sigma.model import LogSource
from tollwatch.sigma.report import Report

_LOGSOURCE = ("category", "product", "service")


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller of ``load`` says about the rules' surroundings."""

    placeholders: Mapping[str, tuple[str, ...]]
    known_fields: Mapping[str, frozenset[str]]

    def items(self, report: Report, logsource: LogSource | None) -> ItemReader:
        """A reader of items for a log source."""
        category = logsource.category if logsource else None
        return ItemReader(report, self.placeholders, self.known_fields.get(category) if category else None)


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event rule without mistakes of its own; ``detections`` is kept for the filters."""

    logsource: LogSource
    detections: Detections
    sigma: SigmaRule


def read_event_rule(report: Report, rule: Mapping[str, object], given: Given) -> EventDraft | None:
    """The rule, or None with its mistakes told."""
    check_header(report, rule)
    logsource = read_logsource(report, rule)
    if not require(report, rule, "detection", (), "the rule"):
        return None
    section = rule["detection"]
    if not isinstance(section, dict):
        report.error("SIG023", "`detection` must be a mapping of selections and a condition", ("detection",))
        return None
    reader = DetectionReader(report, given.items(report, logsource))
    detections = reader.read(section, ("detection",), "the detection")
    problem = "it has other mistakes"
    if not report.failed and logsource is not None:
        try:
            return EventDraft(logsource, detections, pysigma_rule(rule, detections.plain()))
        except PYSIGMA_RAISES as error:
            problem = str(error)
    for name, value in detections.selections.items():
        reader.locate(value, section[name], ("detection", name))
    if not report.failed:
        report.error("SIG023", f"pySigma cannot read the rule: {problem}")
    return None


def read_logsource(report: Report, rule: Mapping[str, object]) -> LogSource | None:
    """The log source, or None with its mistakes told."""
    if not require(report, rule, "logsource", (), "the rule"):
        return None
    found, path = rule["logsource"], ("logsource",)
    if not isinstance(found, dict):
        report.error("SIG011", "`logsource` must be a mapping", path, hint="give it a category, product or service")
        return None
    values = {key: found.get(key) for key in _LOGSOURCE}
    for key, value in values.items():
        if value is not None and not isinstance(value, str):
            report.error("SIG011", f"`{key}` must be a text", (*path, key))
    definition = found.get("definition")
    if definition is not None and not isinstance(definition, str):
        report.error("SIG011", "`definition` must be a text", (*path, "definition"))
    if not any(values.values()):
        slip = "give it a category, product or service"
        report.error("SIG011", "`logsource` names no category, product or service", path, hint=slip, key=True)
        return None
    category, product, service = (value if isinstance(value, str) else None for value in values.values())
    return LogSource(category, product, service)


def pysigma_rule(rule: Mapping[str, object], detection: Mapping[str, object]) -> SigmaRule:
    """PySigma's rule of a document with this detection section in place of its own."""
    return SigmaRule.from_dict({**for_pysigma(rule), "detection": detection})
