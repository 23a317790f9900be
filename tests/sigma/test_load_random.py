"""Whatever a file holds, reading it raises nothing, and what it gives can be used."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sigma_inputs import FAILURE, FIELDS, SUCCESS

from tollwatch.sigma.items import MODIFIERS
from tollwatch.sigma.load import load
from tollwatch.sigma.model import CorrelationRule, CorrelationType, EventRule, Op, RuleSet

RANDOM = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


TEXTS = (
    "failure",
    "success",
    "mine",
    "other",
    "10m",
    "0m",
    "1h",
    "any",
    "selection",
    "1 of them",
    "not sel*",
    "a and b",
    "event_count",
    "value_sum",
    "value_percentile",
    "temporal",
    "temporal_ordered",
    "-a /b",
    "%x%",
    "a*",
    "10.0.0.0/8",
    "5638f7c0-ac70-491d-8465-2a65075e0d86",
    "2026-03-01",
    "high",
    "test",
    "attack.t1110",
    "(",
    "[",
    "user_id",
    "",
)
KEY_TEXTS = (
    "title",
    "id",
    "name",
    "status",
    "level",
    "date",
    "tags",
    "related",
    "references",
    "tollwatch",
    "response",
    "schedule",
    "logsource",
    "category",
    "product",
    "detection",
    "condition",
    "selection",
    "sel_a",
    "notes",
    "timeframe",
    "correlation",
    "type",
    "rules",
    "group-by",
    "timespan",
    "aliases",
    "generate",
    "field",
    "percentile",
    "failure",
    "lt",
    "lte",
    "gt",
    "gte",
    "eq",
    "neq",
    "filter",
    "action",
    "user_id",
    "<<",
    "|all",
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(TEXTS)
ANY_MODIFIER = st.sampled_from(sorted(MODIFIERS))
KEYS = (
    st.sampled_from(KEY_TEXTS)
    | st.text(max_size=6)
    | st.builds("{}|{}|{}".format, st.sampled_from(["user_id", ""]), ANY_MODIFIER, ANY_MODIFIER)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
WORDS = st.sampled_from(["user_id", "failure", "success", "mine", "other"]) | st.text(max_size=6)
RULES = st.fixed_dictionaries(
    {
        "title": st.just("x"),
        "logsource": st.just({"category": "ai_api"}) | st.just({"product": "p"}) | VALUES,
        "detection": st.dictionaries(KEYS, VALUES, max_size=3).map(lambda found: {"sel": {"user_id": "a"}, **found}),
    },
    optional={"name": st.sampled_from(["mine", "other"]), "level": VALUES, "tags": VALUES},
)
CORRELATIONS = st.fixed_dictionaries(
    {
        "title": st.just("x"),
        "correlation": st.fixed_dictionaries(
            {
                "type": st.sampled_from([*CorrelationType]).map(str),
                "rules": st.lists(st.sampled_from(["failure", "success", "mine", "other"]), max_size=3) | VALUES,
                "timespan": st.sampled_from(["10m", "1h", "2d"]) | VALUES,
            },
            optional={
                "condition": st.dictionaries(st.sampled_from([*Op]).map(str), SCALARS, max_size=3) | SCALARS | VALUES,
                "group-by": st.lists(WORDS, max_size=2) | VALUES,
                "aliases": st.dictionaries(WORDS, st.dictionaries(WORDS, WORDS, max_size=2), max_size=2) | VALUES,
                "generate": VALUES,
            },
        ),
    },
    optional={"name": st.sampled_from(["mine", "other"])},
)
FILTERS = st.fixed_dictionaries(
    {
        "title": st.just("x"),
        "logsource": st.just({"category": "ai_api"}) | VALUES,
        "filter": st.fixed_dictionaries(
            {"rules": st.just("any") | st.lists(WORDS, max_size=2) | VALUES, "condition": st.just("not sel") | VALUES},
            optional={"sel": VALUES},
        ),
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


def check(folder: Path, content: bytes) -> RuleSet:
    """Load these bytes beside two sound rules, and use all that is read."""
    (folder / "a.yml").write_bytes(content)
    (folder / "z.yml").write_text(f"{FAILURE}---\n{SUCCESS}", "utf-8")
    found = load([folder], placeholders={"x": ("1", "2")}, known_fields=FIELDS)
    for one in found.diagnostics:
        assert one.code.startswith("SIG")
        assert one.message
        assert one.line == 0 or one.source_line is not None or one.code == "SIG002"
    held = [rule.header.key for rule in found]
    assert len(set(held)) == len(held)
    for rule in found:
        if isinstance(rule, EventRule):
            assert all(condition.parsed is not None for condition in rule.sigma.detection.parsed_condition)
        if isinstance(rule, CorrelationRule):
            assert set(rule.rules) <= set(held)
            assert rule.rules
    return found


@RANDOM
@given(st.binary(max_size=200))
def test_bytes(folder: Path, content: bytes) -> None:
    assert {"failure", "success"} <= {rule.header.key for rule in check(folder, content)}


@RANDOM
@given(st.text(st.sampled_from("ab:*&-[]{}'\"|>?!%#,.~<\t\n \u2028\x85\ufeffé😀0"), max_size=60))
def test_text_that_looks_like_yaml(folder: Path, content: str) -> None:
    assert {"failure", "success"} <= {rule.header.key for rule in check(folder, content.encode())}


@RANDOM
@given(st.lists(VALUES | RULES | CORRELATIONS | FILTERS, min_size=1, max_size=4))
def test_documents_that_look_like_rules(folder: Path, documents: list[object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = yaml.safe_dump_all(documents, allow_unicode=True)
    check(folder, content.encode("utf-8", "surrogatepass"))
