"""References between documents: which rules a correlation is of, and cycles among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tollwatch.diagnostics import Severity
from tollwatch.sigma.correlations import CorrelationDraft, Reference
from tollwatch.sigma.drafts import Draft, Register
from tollwatch.sigma.model import CorrelationType
from tollwatch.sigma.places import Path
from tollwatch.sigma.report import nearest

NESTING_LIMIT = 30  # correlations of correlations; whoever walks the tree of a rule may do so by recursion


@dataclass(frozen=True, slots=True)
class Links:
    """What each correlation refers to, as far as it exists.

    ``references`` and ``targets`` go together, in the order written; ``aliases``: alias → (rule, its field, where).
    """

    references: Mapping[Draft, tuple[Reference, ...]]
    targets: Mapping[Draft, tuple[Draft, ...]]
    aliases: Mapping[Draft, Mapping[str, tuple[tuple[Draft, str, Path], ...]]]

    def bases(self, draft: Draft) -> tuple[Draft, ...]:
        """The event rules that a rule is made of, through all levels, each once."""
        found: dict[Draft, None] = {}
        pending, seen = [draft], {draft}
        while pending:
            current = pending.pop()
            if current not in self.targets:
                found[current] = None
            for target in self.targets.get(current, ()):
                if target not in seen:
                    seen.add(target)
                    pending.append(target)
        return tuple(found)


def link(register: Register) -> Links:
    """Look up every reference of the correlations; what is wrong with them is told."""
    references: dict[Draft, tuple[Reference, ...]] = {}
    targets: dict[Draft, tuple[Draft, ...]] = {}
    aliases: dict[Draft, Mapping[str, tuple[tuple[Draft, str, Path], ...]]] = {}
    for draft in register.drafts:
        content = draft.content
        if isinstance(content, CorrelationDraft):
            found = tuple(_targets(draft, content, register))
            references[draft] = tuple(reference for reference, _ in found)
            targets[draft] = tuple(target for _, target in found)
            aliases[draft] = _aliases(draft, content, targets[draft], register)
    links = Links(references, targets, aliases)
    _refuse_cycles(links)
    return links


def _targets(draft: Draft, content: CorrelationDraft, register: Register) -> Iterator[tuple[Reference, Draft]]:
    seen: dict[Draft, Reference] = {}
    for reference in content.references:
        found = register.find(reference.text)
        if found is None:
            message = f"there is no rule {reference.text!r}"
            report_reference(draft, "SIG040", message, reference, register.near(reference.text))
        elif found.is_filter:
            report_reference(draft, "SIG040", f"{reference.text!r} is a filter, not a rule", reference, None)
        elif found in seen and content.type is not CorrelationType.TEMPORAL_ORDERED:
            message = f"{reference.text!r} and {seen[found].text!r} are the same rule"
            report_reference(draft, "SIG048", message, reference, None)
        else:
            seen[found] = reference
            yield reference, found


def _aliases(
    draft: Draft, content: CorrelationDraft, targets: tuple[Draft, ...], register: Register
) -> Mapping[str, tuple[tuple[Draft, str, Path], ...]]:
    names = [reference.text for reference in content.references]
    found: dict[str, tuple[tuple[Draft, str, Path], ...]] = {}
    for alias in content.aliases:
        fields: list[tuple[Draft, str, Path]] = []
        for reference, field in alias.fields:
            target = register.find(reference.text)
            if target is not None and target in targets:
                fields.append((target, field, reference.path))
            else:
                message = f"the correlation does not refer to {reference.text!r}"
                hint = nearest(reference.text, names)
                draft.report.error("SIG047", message, reference.path, hint=hint, key=True)
        found[alias.name] = tuple(fields)
        if alias.name not in {*content.group_by, *content.value_fields}:
            path = ("correlation", "aliases", alias.name)
            message = f"the alias {alias.name!r} is not used"
            hint = nearest(alias.name, [*content.group_by, *content.value_fields]) or "name it under `group-by`"
            draft.report.note("SIG047", message, path, Severity.WARNING, hint, key=True)
    return found


def report_reference(draft: Draft, code: str, message: str, reference: Reference, hint: str | None) -> None:
    """Tell of a mistake at a reference."""
    if reference.within:
        draft.report.within(code, message, reference.path, reference.text, reference.earlier, hint)
    else:
        draft.report.error(code, message, reference.path, hint=hint)


def _refuse_cycles(links: Links) -> None:
    """Tell of each cycle once, at the reference that closes it, and of what is nested too deep."""
    done: dict[Draft, int] = {}  # a draft whose targets are all done, and the levels below it
    for draft in links.targets:
        if draft not in done:
            _walk(draft, links, done)


def _walk(start: Draft, links: Links, done: dict[Draft, int]) -> None:
    stack = [(start, iter(links.targets[start]))]
    path = [start]
    while stack:
        draft, rest = stack[-1]
        following = next((target for target in rest if target in links.targets and target not in done), None)
        if following is None:
            stack.pop()
            path.pop()
            done[draft] = 1 + max((done.get(target, 0) for target in links.targets[draft]), default=0)
            if done[draft] == NESTING_LIMIT + 1:
                message = f"correlations are nested more than {NESTING_LIMIT} levels deep"
                draft.report.error("SIG041", message, ("correlation",), key=True)
        elif following in path:
            _report_cycle(path[path.index(following) :], links)
        else:
            stack.append((following, iter(links.targets[following])))
            path.append(following)


def _report_cycle(cycle: list[Draft], links: Links) -> None:
    """At the first of the cycle's documents in file order."""
    first = min(cycle, key=lambda draft: list(links.targets).index(draft))
    at = cycle.index(first)
    ring = [*cycle[at:], *cycle[:at]]
    names = " → ".join(draft.key for draft in (*ring, first))
    reference = links.references[first][links.targets[first].index(ring[1 % len(ring)])]
    message = f"the correlations refer to each other in a cycle: {names}"
    report_reference(first, "SIG041", message, reference, "a correlation cannot need its own result")
