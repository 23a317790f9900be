"""Which filters apply to which rules; a filter that applies to nothing is told of."""

from __future__ import annotations

from collections.abc import Mapping

from tollwatch.diagnostics import Severity
from tollwatch.sigma.correlations import Reference
from tollwatch.sigma.drafts import Draft, Register
from tollwatch.sigma.event_rules import EventDraft
from tollwatch.sigma.filters import FilterDraft, contains
from tollwatch.sigma.links import Links, report_reference
from tollwatch.sigma.model import LogSource


def filters_of_rules(register: Register, links: Links) -> Mapping[Draft, list[Draft]]:
    """Event rule → the filters that apply to it, both in file order."""
    found: dict[Draft, list[Draft]] = {}
    for draft in register.drafts:
        if isinstance(draft.content, FilterDraft):
            for rule in _rules(draft, draft.content, register, links):
                found.setdefault(rule, []).append(draft)
    return found


def _rules(draft: Draft, content: FilterDraft, register: Register, links: Links) -> list[Draft]:
    if content.references is None:
        events = [rule for rule in register.drafts if isinstance(rule.content, EventDraft)]
        rules = [rule for rule in events if _applies(content, rule)]
        if not rules:
            message = f"the filter applies to nothing: no rule is of its log source ({_described(content.logsource)})"
            draft.report.error("SIG050", message, ("logsource",), key=True)
        return rules
    named = [(reference, _named(draft, reference, register)) for reference in content.references]
    found: dict[Draft, None] = {}
    missed: list[tuple[Reference, Draft]] = []
    for reference, target in named:
        if target is None:
            continue
        bases = [base for base in links.bases(target) if isinstance(base.content, EventDraft)]
        rules = [base for base in bases if _applies(content, base)]
        found |= dict.fromkeys(rules)
        if bases and not rules:  # with a mistake in the rule, it is not known what the filter would do
            missed.append((reference, bases[0]))
    _report_missed(draft, content, missed, nothing=not found)
    return list(found)


def _named(draft: Draft, reference: Reference, register: Register) -> Draft | None:
    target = register.find(reference.text)
    if target is None:
        message = f"there is no rule {reference.text!r}"
        report_reference(draft, "SIG040", message, reference, register.near(reference.text))
    elif target.is_filter:
        report_reference(draft, "SIG040", f"{reference.text!r} is a filter, not a rule", reference, None)
    else:
        return target
    return None


def _report_missed(draft: Draft, content: FilterDraft, missed: list[tuple[Reference, Draft]], *, nothing: bool) -> None:
    for reference, rule in missed:
        source = rule.content.logsource if isinstance(rule.content, EventDraft) else LogSource()
        message = (
            f"the filter does not apply to {reference.text!r}: its log source ({_described(content.logsource)})"
            f" is not that of {rule.key!r} ({_described(source)})"
        )
        if nothing:
            draft.report.error("SIG050", message, reference.path, hint="so the filter applies to nothing")
        else:
            draft.report.note("SIG050", message, reference.path, Severity.WARNING)


def _applies(content: FilterDraft, rule: Draft) -> bool:
    return isinstance(rule.content, EventDraft) and contains(content.logsource, rule.content.logsource)


def _described(source: LogSource) -> str:
    pairs = (("category", source.category), ("product", source.product), ("service", source.service))
    return ", ".join(f"{key}: {value}" for key, value in pairs if value is not None)
