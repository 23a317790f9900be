"""What every detection of the pack has: sound tags, words for the analyst, reasons beside its numbers, and cases."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tollwatch.attack.tables import ATLAS, ATTACK
from tollwatch.attack.tags import atlas_techniques, attack_tactics, attack_techniques
from tollwatch.cases.read import find_case_files, read_cases
from tollwatch.cases.result import Status
from tollwatch.cases.rules import load_rules
from tollwatch.cases.run import run_cases
from tollwatch.config import read_settings
from tollwatch.lint import lint
from tollwatch.logs.profile import load_profile
from tollwatch.plan.fit import unfit
from tollwatch.plan.lower import lower
from tollwatch.plan.walk import searches
from tollwatch.sigma.model import CorrelationRule, Rule

ROOT = Path(__file__).parents[2]
SETTINGS = read_settings(ROOT / "rules.toml")
RULES = load_rules(SETTINGS)
PLAN, MISTAKES = lower(RULES)
DETECTIONS = [rule for rule in RULES if rule.header.key in {node.header.key for node in PLAN.detections}]

# Folders by tactic; AI APIs have no tactic of their own for what is spent, so that impact is in resource_abuse.
FOLDERS = {"credential_access": "credential-access", "discovery": "discovery", "resource_abuse": "impact"}


def of_detections(rule: Rule) -> str:
    return rule.header.key


def test_the_pack_is_read_and_lowered_without_a_word() -> None:
    assert (RULES.diagnostics, MISTAKES, lint(RULES, PLAN)) == ((), (), ())
    assert [rule.header.key for rule in DETECTIONS] == [
        "ai_api_credential_stuffing",
        "ai_api_credential_stuffing_users",
        "ai_api_cost_probing",
        "ai_api_cost_probing_sizes",
        "ai_api_multi_ip_overspend",
        "ai_api_shared_ip_overspend",
        "ai_api_stolen_key_overspend",
    ]


def test_every_case_of_the_pack_passes() -> None:
    results = run_cases(SETTINGS)
    assert [(one.name, one.message) for one in results if one.status is not Status.PASSED] == []
    assert len(results) >= 140


@pytest.mark.parametrize("rule", DETECTIONS, ids=of_detections)
def test_a_detection_tells_an_analyst_what_it_needs_to(rule: Rule) -> None:
    header = rule.header
    assert header.id
    assert header.status == "test"
    assert header.level in {"low", "medium", "high", "critical"}
    assert header.author
    assert header.date
    assert header.references
    assert header.falsepositives
    assert header.description
    response = header.extras.response or ""
    assert re.search(r"^Check first: .*^Then lock.*^Undo: ", response, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("rule", DETECTIONS, ids=of_detections)
def test_tags_are_known_and_the_folder_is_one_of_the_tactics(rule: Rule) -> None:
    tags = rule.header.tags
    assert set(attack_techniques(tags)) <= set(ATTACK)
    assert attack_techniques(tags)
    assert set(atlas_techniques(tags)) <= set(ATLAS)
    assert atlas_techniques(tags)
    assert FOLDERS[Path(rule.header.path).parent.name] in attack_tactics(tags)


def test_base_rules_say_what_they_see_and_do_not_look_like_alerts() -> None:
    bases = [rule.header for rule in RULES if rule not in DETECTIONS]
    assert [header.key for header in bases if not (header.id and header.description and header.status == "test")] == []
    assert {header.level for header in bases} == {"informational", "low"}
    assert len({rule.header.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("file", sorted((ROOT / "rules").rglob("*.yml")), ids=lambda file: file.stem)
def test_a_reason_stands_beside_every_threshold_and_timespan(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    bare = [
        f"{file.name}:{number + 1}: {line.strip()}"
        for number, line in enumerate(lines)
        if re.match(r"\s+(timespan|gte|gt|\w+\|(?:lte|gt|lt|gte)): \d", line)
        and "#" not in line
        and not lines[number - 1].strip().startswith("#")
    ]
    assert bare == []


def test_each_detection_has_a_folder_of_cases_under_its_name() -> None:
    files = [read_cases(path) for path in find_case_files(SETTINGS.fixtures)]
    assert sorted((Path(file.path).parent.name, file.rule) for file in files) == sorted(
        (rule.header.key, rule.header.key) for rule in DETECTIONS
    )
    for file in files:
        names = " ".join(case.name for case in file)
        assert "low and slow" in names or "known false positive" in names, file.rule
        assert "midnight" in names, file.rule
        assert re.search(r"\bone\b.*\bshort\b", names), file.rule
        for benign in ("NAT|shared address|address", "rotation", "retry storm|outage", "health check", "nightly batch"):
            if file.rule not in {"ai_api_credential_stuffing_users", "ai_api_stolen_key_overspend"}:
                assert re.search(benign, names, re.IGNORECASE), f"{file.rule}: {benign}"


def test_what_the_litellm_profile_cannot_serve_is_one_form_of_stuffing() -> None:
    """LiteLLM logs no user of a refused request, but its key."""
    refused = {node.header.key for node in PLAN.detections if unfit(node, load_profile("litellm"))}
    assert refused == {"ai_api_credential_stuffing_users"}


def test_all_rules_are_about_the_gateway() -> None:
    sources = {search.logsource for node in PLAN.detections for search in searches(node)}
    assert [(one.category, one.product, one.service) for one in sources] == [("ai_api", None, "gateway")]


def exclusion() -> str:
    """The filter that docs/pack.md shows."""
    page = (ROOT / "docs" / "pack.md").read_text(encoding="utf-8")
    return page.split("```yaml\n")[1].split("```")[0]


def test_a_filter_on_an_address_ends_its_known_false_positive(tmp_path: Path) -> None:
    (tmp_path / "ours.yml").write_text(exclusion(), encoding="utf-8")
    filtered = load_rules(replace(SETTINGS, rules=(*SETTINGS.rules, tmp_path)))
    assert filtered.diagnostics == ()
    results = run_cases(SETTINGS, rules=filtered, keyword="credential_stuffing")
    failed = [one.name for one in results if one.status is not Status.PASSED]
    assert failed == [
        "known false positive: twelve keys of one cluster are revoked at once, and the gateway does not say so"
    ]


def test_the_chain_lets_its_steps_alert_too() -> None:
    chain = RULES.get("ai_api_stolen_key_overspend")
    assert isinstance(chain, CorrelationRule)
    assert chain.generate
    assert set(chain.rules) <= {rule.header.key for rule in DETECTIONS}
