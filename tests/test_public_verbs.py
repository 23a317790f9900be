from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tollwatch
from tollwatch.diagnostics import Severity
from tollwatch.errors import RuleError

HEAVY = {"pandas", "pyarrow", "numpy", "sigma", "yaml", "jsonschema", "typer", "rich"}


def imported(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_and_its_pytest_plugin_import_nothing_heavy() -> None:
    assert imported("import tollwatch, tollwatch.pytest_plugin") & HEAVY == set()


def test_a_verb_keeps_its_name_beside_the_package_of_the_same_name() -> None:
    assert imported(
        "import tollwatch\nimport tollwatch.evaluate.alerts\nassert tollwatch.evaluate.__name__ == 'evaluate'"
    )
    assert imported("import tollwatch.evaluate.alerts\nimport tollwatch\nassert callable(tollwatch.evaluate)")


RULE = """\
title: Refused key
name: refused_key
logsource: {category: ai_api, service: gateway}
detection:
  refused: {response_code: 401}
  condition: refused
"""
LOG = (
    '{"timestamp": "2026-03-01T10:00:00Z", "response_code": 401}\n'
    '{"timestamp": "2026-03-01T10:00:01Z", "response_code": 200}\n'
)


def test_rules_are_loaded_and_evaluated(tmp_path: Path) -> None:
    rule, log = tmp_path / "rule.yml", tmp_path / "log.jsonl"
    rule.write_text(RULE, "utf-8")
    log.write_text(LOG, "utf-8")
    rules = tollwatch.load([rule])
    assert [one.header.key for one in rules] == ["refused_key"]
    outcome = tollwatch.evaluate(rules, [log])
    assert (outcome.events, [(alert.rule, alert.events[0].line) for alert in outcome.alerts]) == (
        2,
        [("refused_key", 1)],
    )


def test_rules_are_compiled(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(RULE, "utf-8")
    rules = tollwatch.load([tmp_path / "rule.yml"])
    (query,) = tollwatch.compile(rules, "sentinel", profile="ecs")
    assert (query.rule, query.target, query.grade, query.refused) == ("refused_key", "kql", "exact", ())
    assert "| where response_code == 401\n" in (query.text or "")


def test_what_cannot_be_evaluated_is_not_left_out_silently(tmp_path: Path) -> None:
    rule, log = tmp_path / "rule.yml", tmp_path / "log.jsonl"
    rule.write_text(
        RULE + "---\n" + RULE.replace("refused_key", "other").replace("response_code", "response_cod"), "utf-8"
    )
    log.write_text(LOG, "utf-8")
    with pytest.raises(RuleError, match="response_cod"):
        tollwatch.evaluate(tollwatch.load([rule]), [log])
    errors = [found for found in tollwatch.check(tollwatch.load([rule])) if found.severity is Severity.ERROR]
    assert [(error.code, error.line) for error in errors] == [("SIG022", 12)]


def test_a_profile_that_cannot_serve_a_rule_is_an_error(tmp_path: Path) -> None:
    rule, log = tmp_path / "rule.yml", tmp_path / "log.jsonl"
    rule.write_text(RULE.replace("response_code: 401", "prompt_length: 1"), "utf-8")
    log.write_text(LOG, "utf-8")
    with pytest.raises(RuleError, match="prompt_length"):
        tollwatch.evaluate(tollwatch.load([rule]), [log], profile="litellm")
