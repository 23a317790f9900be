"""The random rules in canonical fields, so that they can be compiled for a profile; and the pack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import strategies as st

from reference.strategies import PLACEHOLDERS, rule_sets
from tollwatch.plan.lower import lower
from tollwatch.plan.nodes import Plan
from tollwatch.sigma.load import load

NAMES = {
    "ip": "source_ip", "user": "user_id", "tenant": "max_tokens", "flag": "stream", "ratio": "latency_ms",
    "code": "response_code", "tokens": "tokens_used", "size": "org_unit", "cost": "cost_usd", "text": "error_code",
    "tags": "finish_reason", "ports": "cached_tokens", "address": "region", "when": "timestamp",
    "meta.name": "session_id", "absent": "prompt_hash",
}  # fmt: skip
SUMMED = {"org_unit": "prompt_tokens", "error_code": "completion_tokens"}
"""Texts are not summed: in their place stand numbers."""


def plan_of(documents: Sequence[Mapping[str, Any]]) -> Plan:
    """The plan of these rules."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "rules.yml")
        file.write_text(yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False), "utf-8")
        return lower(load([file], placeholders=PLACEHOLDERS))[0]


def pack() -> Plan:
    """The plan of the pack."""
    return lower(load([Path(__file__).parents[2] / "rules"]))[0]


def renamed(value: Any) -> Any:
    """A part of a detection with canonical names: of keys, and of values that are fields."""
    match value:
        case dict():
            return {_key(key): _field_value(key, inner) for key, inner in value.items()}
        case list():
            return [renamed(item) for item in value]
        case _:
            return value


def _key(key: str) -> str:
    field, *modifiers = key.split("|")
    return "|".join([NAMES.get(field, field), *modifiers])


def _field_value(key: str, value: Any) -> Any:
    if "fieldref" in key.split("|"):
        many = value if isinstance(value, list) else [value]
        found = [NAMES.get(name, name) for name in many]
        return found if isinstance(value, list) else found[0]
    return renamed(value)


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """The rule in canonical names."""
    found = dict(document)
    if "detection" in found:
        condition = found["detection"]["condition"]
        found["detection"] = {**renamed(found["detection"]), "condition": condition}
        found["logsource"] = {"category": "ai_api", "service": "gateway"}
    if "filter" in found:
        found["filter"] = {**renamed(found["filter"])}
        found["logsource"] = {"category": "ai_api", "service": "gateway"}
    if "correlation" in found:
        found["correlation"] = _correlation(found["correlation"])
    return found


def _correlation(body: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(body)
    if "group-by" in found:
        found["group-by"] = [NAMES.get(name, name) for name in found["group-by"]]
    if "aliases" in found:
        found["aliases"] = {
            alias: {rule: NAMES.get(name, name) for rule, name in fields.items()}
            for alias, fields in found["aliases"].items()
        }
    condition = found.get("condition")
    if isinstance(condition, dict) and "field" in condition:
        fields = condition["field"]
        named: list[str] = fields if isinstance(fields, list) else [fields]
        many = [NAMES.get(name, name) for name in named]
        if found["type"] != "value_count":
            many = [SUMMED.get(name, name) for name in many]
        found["condition"] = {**condition, "field": many if isinstance(fields, list) else many[0]}
    return found


def canonical_rule_sets() -> st.SearchStrategy[list[dict[str, Any]]]:
    """``rule_sets`` in canonical names."""
    return rule_sets().map(lambda documents: [canonical(document) for document in documents])
