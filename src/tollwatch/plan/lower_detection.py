"""The detection of an event rule → one predicate (specification, "Detection").

pySigma's parsed condition is resolved here rather than by its own ``postprocess``, which writes parents onto the
rule, forgets a value's modifiers, and drops a selector that names nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    SigmaCondition,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections

from tollwatch.diagnostics import closest
from tollwatch.plan.faults import Faults
from tollwatch.plan.logic import all_of, any_of, negation
from tollwatch.plan.lower_value import ValueReader
from tollwatch.plan.nodes import Constant, Null, Predicate
from tollwatch.sigma.model import EventRule


def lower_detection(rule: EventRule, faults: Faults) -> Predicate:
    """The rule's predicate; several conditions are alternatives. Mistakes are noted in ``faults``."""
    lowering = _Detections(rule.sigma.detection, faults)
    return any_of(lowering.condition(condition) for condition in rule.sigma.detection.parsed_condition)


@dataclass(frozen=True, slots=True)
class _Detections:
    detections: SigmaDetections
    faults: Faults

    def condition(self, condition: SigmaCondition) -> Predicate:
        try:
            return self._condition(cast("ConditionItem", condition.parse(postprocess=False)))
        except SigmaError as error:
            self.faults.add("PLN001", f"the condition cannot be read: {error}")
        except RecursionError:
            self.faults.add("PLN001", "the condition is nested too deeply")
        return Constant(False)

    def _condition(self, item: ConditionItem) -> Predicate:
        match item:
            case ConditionIdentifier():
                return self._named(item.identifier)
            case ConditionSelector():
                return self._selected(item)
            case ConditionAND():
                return all_of(self._condition(cast("ConditionItem", part)) for part in item.args)
            case ConditionOR():
                return any_of(self._condition(cast("ConditionItem", part)) for part in item.args)
            case ConditionNOT():
                return negation(self._condition(cast("ConditionItem", item.args[0])))
            case _:
                self.faults.add("PLN001", f"the condition holds {type(item).__name__}, which is not understood")
                return Constant(False)

    def _named(self, name: str) -> Predicate:
        detection = self.detections.detections.get(name)
        if detection is not None:
            return self._detection(detection)
        hint = closest(name, self.detections.detections)
        self.faults.add("PLN002", f"the condition names {name}, and there is no such selection", hint)
        return Constant(False)

    def _selected(self, selector: ConditionSelector) -> Predicate:
        names = [found.identifier for found in selector.resolve_referenced_detections(self.detections)]
        if not names:
            self.faults.add("PLN002", f"the condition asks for selections like {selector.pattern}, and there is none")
        link = all_of if selector.cond_class is ConditionAND else any_of
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
