"""Documents read one by one, before they know of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tollwatch.sigma.correlations import CorrelationDraft, read_correlation
from tollwatch.sigma.event_rules import EventDraft, Given, read_event_rule
from tollwatch.sigma.filters import FilterDraft, read_filter
from tollwatch.sigma.header import normal_id
from tollwatch.sigma.report import FEW, Report, nearest
from tollwatch.sigma.yaml_source import Document

_ACTIONS = ("global", "reset", "repeat")  # collections of pySigma's, which the specification does not have
_SIGMA = "a Sigma document is a mapping with a title, and a logsource and a detection, a correlation or a filter"
_ALIKE = 100  # names compared for a hint where there are many
_WHOLE = frozenset({"title", "logsource", "detection"})
_ANY_SIGN = frozenset({"title", "logsource", "detection", "correlation", "filter"})


@dataclass(slots=True, eq=False)
class Draft:
    """A document; ``content`` is None where it has a mistake. ``key`` is given once all documents are read.

    ``left_out``: it has no mistake, but needs a rule that has one.
    """

    report: Report
    rule: Mapping[str, object]
    content: EventDraft | CorrelationDraft | FilterDraft | None
    key: str = ""
    left_out: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether this is a filter, also one with mistakes."""
        return "filter" in self.rule and "correlation" not in self.rule

    @property
    def name(self) -> str | None:
        """The rule's name, where it is one."""
        name = self.rule.get("name")
        return name if isinstance(name, str) and name else None

    @property
    def id(self) -> str | None:
        """The rule's id in its usual form, where it is one."""
        return normal_id(self.rule.get("id"))

    @property
    def place(self) -> str:
        """Where the document starts, as ``path:line``."""
        return f"{self.report.document.source.path}:{self.report.document.start.line}"


def read_drafts(documents: Iterable[Document], given: Given) -> Iterator[Draft]:
    """The documents of one file, each as what it is: a correlation, a filter or an event rule."""
    parts = False
    for document in documents:
        report = Report(document)
        report.flaws()
        rule = document.value
        if not isinstance(rule, dict):
            if not report.failed:
                report.error("SIG007", "this document is no mapping", hint=_SIGMA)
            yield Draft(report, {}, None)
        elif rule.get("action") in _ACTIONS:
            message = f"`action: {rule['action']}` is not supported"
            hint = "write each rule out in full, or move what is shared into a correlation"
            report.error("SIG007", message, ("action",), hint=hint, key=True)
            parts = True
            yield Draft(report, rule, None)
        elif parts and not rule.keys() >= _WHOLE:
            continue  # a part of what was refused above, and no rule by itself
        else:
            yield _draft(report, rule, given)


def _draft(report: Report, rule: Mapping[str, object], given: Given) -> Draft:
    if any(flaw.code != "SIG005" for flaw in report.document.flaws):  # what is unreadable would also seem to be missing
        return Draft(report, rule, None)
    if not rule.keys() & _ANY_SIGN and nearest("detection", rule) is None:
        report.error("SIG007", "this is no Sigma document", hint=_SIGMA)
        return Draft(report, rule, None)
    return Draft(report, rule, _content(report, rule, given))


def _content(
    report: Report, rule: Mapping[str, object], given: Given
) -> EventDraft | CorrelationDraft | FilterDraft | None:
    if "correlation" in rule:
        return read_correlation(report, rule)
    if "filter" in rule:
        return read_filter(report, rule, given)
    return read_event_rule(report, rule, given)


@dataclass(frozen=True, slots=True)
class Register:
    """Documents by name and id, and both by their first letters."""

    drafts: tuple[Draft, ...]
    by_name: Mapping[str, Draft]
    by_id: Mapping[str, Draft]
    first_letters: Mapping[str, tuple[str, ...]]

    def find(self, reference: str) -> Draft | None:
        """The document with this name or id."""
        return self.by_name.get(reference) or self.by_id.get(normal_id(reference) or "")

    def near(self, reference: str) -> str | None:
        """A hint with the nearest names or ids of rules; among many, of those with the same first letter and length."""
        if normal_id(reference) is not None:
            return nearest(reference, self._alike(reference, self.by_id))
        return nearest(reference, self._alike(reference, self.by_name))

    def _alike(self, word: str, known: Mapping[str, Draft]) -> list[str]:
        if len(known) <= FEW:
            return [one for one, draft in known.items() if not draft.is_filter]
        first = self.first_letters.get(word[:1].lower(), ())
        found = [one for one in first if one in known and abs(len(one) - len(word)) <= 2 and not known[one].is_filter]
        return found[:_ALIKE]


def register(drafts: Iterable[Draft]) -> Register:
    """Names and ids, each belonging to the first that has it (a second one is told of), and every draft's key."""
    all_drafts = tuple(drafts)
    by_name: dict[str, Draft] = {}
    by_id: dict[str, Draft] = {}
    for draft in all_drafts:
        for kind, word, known in (("name", draft.name, by_name), ("id", draft.id, by_id)):
            first = known.setdefault(word, draft) if word else draft
            if first is not draft:
                message = f"the {kind} {word!r} is already that of {first.place}"
                draft.report.error("SIG012", message, (kind,))
    _give_keys(all_drafts, {*by_name, *by_id})
    letters: dict[str, list[str]] = {}
    for word in (*by_name, *by_id):
        letters.setdefault(word[0].lower(), []).append(word)
    return Register(all_drafts, by_name, by_id, {letter: tuple(words) for letter, words in letters.items()})


def _give_keys(drafts: tuple[Draft, ...], taken: set[str]) -> None:
    """Name, else id, else the file's stem; a key that another has gets a number."""
    given: set[str] = set()
    for draft in drafts:
        base = draft.name or draft.id
        own = base is not None and base not in given
        key = base = base or draft.report.document.source.stem
        number = 1
        while not own and (key in taken or key in given):
            number += 1
            key = f"{base}#{number}"
        given.add(key)
        draft.key = key
