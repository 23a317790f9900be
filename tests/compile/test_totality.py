"""Every construct compiles or is refused by name, in every language."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.canonical import canonical_rule_sets, plan_of
from reference.strategies import rule_sets
from tollwatch.compile.model import Grade, Mode, Options, Query
from tollwatch.compile.registry import LANGUAGES, Language, compile_node
from tollwatch.logs.profile import load_profile

every_health = settings(
    max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
LANGUAGE = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
modes = st.sampled_from(list(Mode))


def is_whole(query: Query) -> bool:
    """A query has a text or a refusal that says what cannot be said and why, never both."""
    if query.text is None:
        told = all(one.construct and one.reason for one in query.refused)
        return query.grade is Grade.REFUSED and bool(query.refused) and told
    bounded = query.grade is Grade.BOUNDED
    return not query.refused and query.grade is not Grade.REFUSED and bounded is (query.tolerance is not None)


@LANGUAGE
@every_health
@given(canonical_rule_sets(), modes)
def test_random_rules_compile_or_are_refused(language: Language, documents: list[dict[str, Any]], mode: Mode) -> None:
    for node in plan_of(documents).detections:
        query = compile_node(node, language, load_profile("canonical"), Options(mode))
        assert is_whole(query), query


@LANGUAGE
@every_health
@given(rule_sets(), modes)
def test_rules_over_any_field_compile_or_are_refused(
    language: Language, documents: list[dict[str, Any]], mode: Mode
) -> None:
    for node in plan_of(documents).detections:
        query = compile_node(node, language, load_profile("none"), Options(mode))
        assert is_whole(query), query
