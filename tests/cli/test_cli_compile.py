"""``rules compile``: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tollwatch.cli.main import invoke

RULE = """\
title: Many refusals
name: many_refusals
correlation:
    type: event_count
    rules: [refused]
    group-by: [source_ip]
    timespan: 10m
    condition: {gte: 10}
---
title: refused
name: refused
logsource: {category: ai_api, service: gateway}
detection: {selection: {response_code: 401}, condition: selection}
---
title: by city
name: by_city
logsource: {category: ai_api, service: gateway}
detection: {selection: {user_id|re: '(?=a)b'}, condition: selection}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rule.yml").write_text(RULE)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = invoke(["compile", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_query_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "many_refusals", "--target", "sentinel", "--format", "json", "--interval", "10m")
    (query,) = json.loads(out)
    text = query.pop("query")
    assert (code, text.splitlines()[-1]) == (
        0,
        "| project source_ip, first_seen, triggered_at, last_seen, hits, peak",
    )
    assert query == {
        "rule": "many_refusals",
        "target": "kql",
        "profile": "canonical",
        "mode": "scheduled",
        "grade": "exact",
        "tolerance": None,
        "limits": [
            "a query that runs longer than 10 minutes, or reads more memory than its cluster allows, fails",
            "Sentinel makes at most 150 alerts a run where each row is one",
        ],
        "schedule": {"interval_s": 600, "lookback_s": 2100, "delay_s": 300},
        "source": "events",
        "columns": [
            {"name": "timestamp", "type": "datetime", "field": "timestamp"},
            {"name": "response_code", "type": "long", "field": "response_code"},
            {"name": "source_ip", "type": "string", "field": "source_ip"},
        ],
        "gives": ["first_seen", "last_seen", "hits", "peak"],
        "refused": [],
    }


def test_refusals_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "by_city", "--target", "kql")
    assert (code, out) == (2, "")
    assert "by_city: refused for kql: re: (?=a)b: Kusto's RE2 cannot run it\n" in err
    assert "use: write it without look-around" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--all", "--all-targets"], 0),
        (["--all", "--all-targets", "--fail-on-refused"], 2),
        (["many_refusals", "-t", "kql", "-t", "spl"], 0),
        (["--all", "-t", "kql"], 2),
        (["many_refusals"], 3),
        (["-t", "kql"], 3),
        (["many_refusals", "-t", "kqll"], 3),
        (["nobody", "-t", "kql"], 3),
        (["many_refusals", "-t", "kql", "--mode", "later"], 3),
        (["many_refusals", "-t", "kql", "--interval", "soon"], 3),
        (["many_refusals", "-t", "kql", "--elastic-version", "new"], 3),
        (["many_refusals", "-t", "kql", "--profile", "nothing"], 3),
    ],
)
def test_exit_codes(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> None:
    assert run(capsys, *arguments)[0] == code


def test_hunting_has_no_times(capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("kql", "spl"):
        _, out, _ = run(capsys, "many_refusals", "-t", target, "--mode", "hunt")
        assert "now()" not in out
        assert "// schedule: none" in out or "\nschedule: none, for any range of time\n" in out
