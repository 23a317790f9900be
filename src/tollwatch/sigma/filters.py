"""Sigma filters (Sigma filters specification 2.1.0): read, and put into the rules that they name.

A filter's condition joins the rule's with ``and``, as pySigma has it: to leave events out, it says ``not``. Both
conditions are written out without selectors first, so that neither's ``1 of them`` can see the other's selections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sigma.rule import SigmaDetections

from tollwatch.sigma.conditions import rewritten
from tollwatch.sigma.correlations import Reference
from tollwatch.sigma.detections import DetectionReader, Detections, unreserved
from tollwatch.sigma.event_rules import EventDraft, Given, read_logsource
from tollwatch.sigma.header import check_header, require
from tollwatch.sigma.items import PYSIGMA_RAISES
from tollwatch.sigma.model import LogSource
from tollwatch.sigma.places import Path
from tollwatch.sigma.report import Report

_TOP: Path = ("filter",)
RULES: Path = (*_TOP, "rules")


@dataclass(frozen=True, slots=True)
class FilterDraft:
    """A filter without mistakes of its own; ``references`` None is ``any``."""

    logsource: LogSource
    detections: Detections
    references: tuple[Reference, ...] | None


def read_filter(report: Report, rule: Mapping[str, object], given: Given) -> FilterDraft | None:
    """The filter, or None with its mistakes told."""
    check_header(report, rule)
    logsource = read_logsource(report, rule)
    section = rule.get("filter")
    if not isinstance(section, dict):
        report.error("SIG011", "`filter` must be a mapping", _TOP, key=True)
        return None
    references = _references(report, section)
    reader = DetectionReader(report, given.items(report, logsource), frozenset({"rules"}))
    detections = reader.read(section, _TOP, "the filter")
    if isinstance(section.get("condition"), list):
        report.error("SIG030", "a filter has one condition", (*_TOP, "condition"))
    problem = "it has other mistakes"
    if not report.failed and logsource is not None:
        try:
            SigmaDetections.from_dict(detections.plain())
            return FilterDraft(logsource, detections, references)
        except PYSIGMA_RAISES as error:
            problem = str(error)
    for name, value in detections.selections.items():
        reader.locate(value, section[name], (*_TOP, name))
    if not report.failed:
        report.error("SIG023", f"pySigma cannot read the filter: {problem}", _TOP)
    return None


def _references(report: Report, section: Mapping[str, object]) -> tuple[Reference, ...] | None:
    if not require(report, section, "rules", _TOP, "the filter"):
        return ()
    value = section["rules"]
    if isinstance(value, str) and value.lower() == "any":
        return None
    items = value if isinstance(value, list) else [value]
    if not items:
        report.error("SIG048", "`rules` is empty", RULES, key=True, hint="name rules, or write `rules: any`")
    found: list[Reference] = []
    for index, item in enumerate(items):
        at = (*RULES, index) if isinstance(value, list) else RULES
        if isinstance(item, str) and item:
            found.append(Reference(item, at))
        else:
            report.error("SIG048", "a rule is referred to by its name or id", at)
    return tuple(found)


def contains(filter_: LogSource, rule: LogSource) -> bool:
    """Whether what the filter says of the log source is true of the rule's."""
    pairs = ((filter_.category, rule.category), (filter_.product, rule.product), (filter_.service, rule.service))
    return all(wanted is None or wanted == given for wanted, given in pairs)


def filtered(rule: EventDraft, filters: Sequence[FilterDraft]) -> dict[str, object]:
    """The detection section of a rule and its filters, for pySigma. Names are the same on every run."""
    own = rule.detections
    names = tuple(own.selections)
    rename = unreserved(names)
    selections = {rename(name): value for name, value in own.selections.items()}
    parts = [f"({' or '.join(rewritten(condition, names, rename) for condition in own.conditions)})"]
    for number, filter_ in enumerate(filters, 1):
        theirs = filter_.detections
        change = _prefixed(tuple(theirs.selections), f"_filter_{number}_", selections)
        selections |= {change(name): value for name, value in theirs.selections.items()}
        parts += [f"({rewritten(condition, theirs.selections, change)})" for condition in theirs.conditions]
    return {**selections, "condition": " and ".join(parts)}


def _prefixed(names: tuple[str, ...], prefix: str, taken: Mapping[str, object]) -> Callable[[str], str]:
    """New names that start with the prefix, unlike all that are taken and unlike each other."""
    changed: dict[str, str] = {}
    used = set(taken)
    for name in names:
        new = prefix + re.sub(r"[^A-Za-z0-9_-]", "_", name)
        while new in used:
            new += "_"
        used.add(new)
        changed[name] = new
    return changed.__getitem__
