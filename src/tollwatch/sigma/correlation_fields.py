"""Fields that a correlation names, held against the fields that its rules' log sources are known to have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tollwatch.sigma.correlations import CorrelationDraft
from tollwatch.sigma.drafts import Draft
from tollwatch.sigma.event_rules import EventDraft
from tollwatch.sigma.links import Links
from tollwatch.sigma.places import Path


@dataclass(frozen=True, slots=True)
class FieldCheck:
    """Checks one correlation after the other; all their references are known and without cycles."""

    links: Links
    known_fields: Mapping[str, frozenset[str]]

    def check(self, draft: Draft) -> None:
        """Tell of every name under group-by, aliases and field that some referenced rule's events do not have.

        A name means, for each referenced rule, the field that its alias gives; else, where the rule is a correlation,
        the group-by name of that; else the field of the event.
        """
        content = draft.content
        if not isinstance(content, CorrelationDraft) or not self.known_fields:
            return
        for name, path in _names(draft, content):
            alias = self.links.aliases[draft].get(name)
            if alias != ():  # an alias of nothing is told of already
                for target in dict.fromkeys(self.links.targets[draft]):
                    self._check(draft, name, path, target)

    def _check(self, draft: Draft, name: str, path: Path, target: Draft) -> None:
        known = self._known(target)
        alias = self.links.aliases[draft].get(name)
        given = next(((field, place) for rule, field, place in alias or () if rule is target), None)
        field, at = given or (name, path)
        if known is None or field in known or draft.report.mentioned(at):
            return
        if alias and not given:
            message = f"the alias {name!r} says nothing of {target.key!r}, whose events have no field of that name"
            draft.report.error("SIG022", message, at, hint=f"add `{target.key}: <field>` to the alias")
            return
        message = f"unknown field {field!r} in events of {target.key!r}"
        candidates = {*known, *self.links.aliases[draft]} - {field}
        draft.report.unknown("SIG022", message, at, field, candidates, key=False)

    def _known(self, target: Draft) -> frozenset[str] | None:
        """The names that can be read off a rule's hits; None where its log source is not known."""
        content = target.content
        names = frozenset(content.group_by) if isinstance(content, CorrelationDraft) else frozenset()
        fields: frozenset[str] | None = None
        for base in self.links.bases(target):
            source = base.content.logsource.category if isinstance(base.content, EventDraft) else None
            known = self.known_fields.get(source) if source else None
            if known is None:
                return None
            fields = known if fields is None else fields & known
        return None if fields is None else fields | names


def _names(draft: Draft, content: CorrelationDraft) -> Iterator[tuple[str, Path]]:
    section = draft.rule["correlation"]
    condition = section.get("condition") if isinstance(section, dict) else None
    for names, holder, path in (
        (content.group_by, section, ("correlation", "group-by")),
        (content.value_fields, condition, ("correlation", "condition", "field")),
    ):
        listed = isinstance(holder, dict) and isinstance(holder.get(path[-1]), list)
        for index, name in enumerate(names):
            yield name, (*path, index) if listed else path
