"""What a profile cannot serve is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tollwatch.logs.profile import load_profile
from tollwatch.plan.fit import unfit
from tollwatch.plan.lower import lower
from tollwatch.sigma.load import load

BASE = """\
title: base
name: base
logsource: {{category: {category}, service: gateway}}
detection: {{selection: {{{selection}}}, condition: selection}}
---
title: top
name: top
correlation: {{type: event_count, rules: [base], group-by: [{by}], timespan: 1m, condition: {{gte: 2}}}}
"""


def refusals(tmp_path: Path, profile: str, by: str, selection: str, category: str = "ai_api") -> list[tuple[str, str]]:
    file = tmp_path / "rule.yml"
    file.write_text(BASE.format(by=by, selection=selection, category=category))
    plan, mistakes = lower(load([file]))
    assert mistakes == ()
    return [(d.code, d.hint or "") for node in plan.detections for d in unfit(node, load_profile(profile))]


@pytest.mark.parametrize(
    ("profile", "by", "selection", "expected"),
    [
        ("canonical", "user_id", "response_code: 401", []),
        ("litellm", "source_ip", "response_code: 401", []),
        ("litellm", "user_id", "response_code: 200", []),
        ("litellm", "user_id", "response_code: [200, 401]", []),
        ("litellm", "user_id", "response_code: 401", [("FIT003", "use api_key_id or source_ip")]),
        ("litellm", "user_id", "response_code: '401'", [("FIT003", "use api_key_id or source_ip")]),
        (
            "litellm",
            "source_ip",
            "prompt_length|lt: 50",
            [("FIT001", "profiles with it: canonical")],
        ),
        ("none", "anything", "whatever: 1", []),
    ],
)
def test_refusals(tmp_path: Path, profile: str, by: str, selection: str, expected: list[tuple[str, str]]) -> None:
    assert refusals(tmp_path, profile, by, selection) == expected


def test_a_log_source_that_is_not_served(tmp_path: Path) -> None:
    found = refusals(tmp_path, "litellm", "user_id", "model_id: x", category="webserver")
    assert [code for code, _ in found] == ["FIT002"]
