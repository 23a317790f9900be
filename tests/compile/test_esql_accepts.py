"""Elastic's own parser and type checker on what is compiled: the pack, and random rules over the canonical fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from reference.canonical import canonical_rule_sets, pack, plan_of
from tollwatch.compile.model import Mode, Options, Query
from tollwatch.compile.registry import compile_node, language
from tollwatch.logs.profile import load_profile
from vendors import esql

pytestmark = pytest.mark.vendor
VERSIONS = {"8.19": (8, 19), "9.3": (9, 3), "9.5": (9, 5)}


def accepted(query: Query, version: str) -> tuple[Any, ...]:
    columns = {column.name: column.type for column in query.columns}
    return esql.check(query.text or "", version, columns)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("profile", ["canonical", "litellm", "ecs"])
@pytest.mark.parametrize("mode", list(Mode))
def test_the_pack_is_accepted(profile: str, mode: Mode, version: str) -> None:
    options = Options(mode, elastic_version=VERSIONS[version])
    compiled = [compile_node(node, language("esql"), load_profile(profile), options) for node in pack().detections]
    found = {query.rule: accepted(query, version) for query in compiled if query.text is not None}
    assert found == dict.fromkeys(found, ())
    assert len(found) >= 6


@settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(canonical_rule_sets())
def test_random_rules_are_accepted(documents: list[dict[str, Any]]) -> None:
    for node in plan_of(documents).detections:
        for version, number in VERSIONS.items():
            query = compile_node(node, language("esql"), load_profile("canonical"), Options(elastic_version=number))
            if query.text is None:
                event(f"refused: {query.refused[0].reason}")
            else:
                assert accepted(query, version) == (), query.text
