"""The detection of an event rule → one predicate (specification, "Detection").

Conditions are resolved here rather than by pySigma's ``postprocess``, which writes parents onto the rule, forgets a
value's modifiers, and drops a selector that names nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from sigma.conditions import ConditionAND
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections

from tollwatch.diagnostics import closest
from tollwatch.plan.faults import Faults
from tollwatch.plan.logic import all_of, any_of, negation
from tollwatch.plan.lower_value import ValueReader
from tollwatch.plan.nodes import Constant, Null, Predicate
from tollwatch.sigma.conditions import (
    Condition,
    ConditionError,
    Every,
    Name,
    Negated,
    Selector,
    Some,
    matching,
    parse_condition,
)
from tollwatch.sigma.model import EventRule


def lower_detection(rule: EventRule, faults: Faults) -> Predicate:
    """The rule's predicate; several conditions are alternatives. Mistakes are noted in ``faults``."""
    lowering = _Detections(rule.sigma.detection, faults)
    # The texts are what filters were applied to, too.
    return any_of(lowering.condition(condition.condition) for condition in rule.sigma.detection.parsed_condition)


@dataclass(frozen=True, slots=True)
class _Detections:
    detections: SigmaDetections
    faults: Faults

    def condition(self, text: str) -> Predicate:
        try:
            return self._condition(parse_condition(text))
        except ConditionError as error:
            self.faults.add("PLN001", f"the condition cannot be read: {error.message}", error.hint)
        return Constant(False)

    def _condition(self, condition: Condition) -> Predicate:
        match condition:
            case Name(token):
                return self._named(token.text)
            case Selector():
                return self._selected(condition)
            case Every(items):
                return all_of(self._condition(item) for item in items)
            case Some(items):
                return any_of(self._condition(item) for item in items)
            case Negated(item):
                return negation(self._condition(item))
            case _:
                assert_never(condition)

    def _named(self, name: str) -> Predicate:
        detection = self.detections.detections.get(name)
        if detection is not None:
            return self._detection(detection)
        hint = closest(name, self.detections.detections)
        self.faults.add("PLN002", f"the condition names {name}, and there is no such selection", hint)
        return Constant(False)

    def _selected(self, selector: Selector) -> Predicate:
        names = matching(selector.pattern.text, self.detections.detections)
        if not names:
            self.faults.add("PLN002", f"no selection matches {selector.pattern.text}, which the condition asks for")
        link = all_of if selector.every else any_of
        return link(self._named(name) for name in names)

    def _detection(self, detection: SigmaDetection) -> Predicate:
        link = all_of if detection.item_linking is ConditionAND else any_of
        return link(
            self._item(item) if isinstance(item, SigmaDetectionItem) else self._detection(item)
            for item in detection.detection_items
        )

    def _item(self, item: SigmaDetectionItem) -> Predicate:
        reader = ValueReader(item.field, frozenset(item.modifiers), self.faults)
        link = all_of if item.value_linking is ConditionAND else any_of
        found = link(reader.lower(value) for value in item.value) if item.value else self._nothing(item.field)
        return negation(found) if item.negated else found

    def _nothing(self, field: str | None) -> Predicate:
        """An empty list of values is null, as in pySigma."""
        if field is not None:
            return Null(field)
        self.faults.add("PLN003", "a list of keywords is empty")
        return Constant(False)
