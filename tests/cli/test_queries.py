"""``rules query``, cases of queries, and ``rules test --engine``: what a person and a program see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tollwatch.cli.main import invoke

ROOT = Path(__file__).parents[2]
LOG = "".join(
    json.dumps({"timestamp": f"2026-03-01T10:00:{second:02d}Z", "source_ip": "203.0.113.7", "api_key_id": key,
                "response_code": code}) + "\n"
    for second, key, code in ((0, "a", 401), (10, "b", 401), (20, "b", 200))
)  # fmt: skip
QUERIES = {
    "q.kql": "Anything\n| where response_code == 401\n"
    "| summarize tries = count(), first = min(TimeGenerated) by source_ip",
    "q.spl": "index=any response_code=401 | stats count AS tries min(_time) AS first BY source_ip",
    "q.esql": "FROM any-*\n| WHERE response_code == 401\n"
    "| STATS tries = COUNT(*), first = MIN(@timestamp) BY source_ip",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.jsonl").write_text(LOG)
    for name, text in QUERIES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = invoke(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_of_each_language_prints_its_rows(here: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, err = run(capsys, "query", name, "log.jsonl", "--format", "jsonl")
    first: object = 1772359200 if name == "q.spl" else "2026-03-01T10:00:00Z"
    assert [json.loads(line) for line in out.splitlines()] == [{"source_ip": "203.0.113.7", "tries": 2, "first": first}]
    assert (code, err) == (0, "1 row\n")


def test_a_mistake_has_its_place_and_a_caret(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bad.kql").write_text("Anything\n| where nosuch(source_ip)\n")
    code, out, err = run(capsys, "query", "bad.kql", "log.jsonl")
    assert (code, out) == (1, "")
    assert err.startswith("bad.kql:2:9: QRY001 the function nosuch is not known")
    assert "\n    2 | | where nosuch(source_ip)\n      |         ^" in err


def test_wrong_use(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "query", "q.kql")[0] == 3
    (here / "q.eql").write_text("any where true")
    code, _, err = run(capsys, "query", "q.eql", "log.jsonl")
    assert (code, "Elastic's own engine" in err) == (3, True)
    assert run(capsys, "query", "q.kql", "log.jsonl", "--table", "nofile")[0] == 3
    assert run(capsys, "query", "missing.kql", "log.jsonl")[0] == 3


def test_tables_by_name_and_times(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "people.jsonl").write_text('{"ip": "203.0.113.7", "name": "ann"}\n')
    (here / "join.kql").write_text(
        "Log | lookup People on $left.source_ip == $right.ip | where TimeGenerated > ago(5s) | project name, now()"
    )
    code, out, _ = run(
        capsys, "query", "join.kql", "log.jsonl", "--table", "People=people.jsonl", "--format", "json",
        "--now", "2026-03-01T10:00:21Z",
    )  # fmt: skip
    assert (code, [list(row.values()) for row in json.loads(out)]) == (0, [["ann", "2026-03-01T10:00:21Z"]])
    _, out, _ = run(capsys, "query", "q.kql", "log.jsonl", "--since", "2026-03-01T10:00:05Z", "--format", "csv")
    assert out == "source_ip,tries,first\n203.0.113.7,1,2026-03-01T10:00:10Z\n"


CASES = """\
query: q.kql
cases:
  - name: refused twice
    events: log.jsonl
    expect:
      - {source_ip: 203.0.113.7, tries: 2, first: 2026-03-01T10:00:00Z}
  - name: a client that works
    events:
      - {at: "10:00:00", event: {source_ip: 203.0.113.7, response_code: 200}}
    expect: none
"""


def test_cases_of_a_query(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "rules").mkdir()
    (here / "rules" / "rule.yml").write_text((ROOT / "tests/cli/rule.yml").read_text())
    (here / "cases.yml").write_text(CASES)
    code, out, _ = run(capsys, "test", "cases.yml")
    assert (code, out) == (0, "2 cases: 2 passed\n")
    (here / "cases.yml").write_text(CASES.replace("tries: 2", "tries: 3"))
    code, out, _ = run(capsys, "test", "cases.yml")
    assert code == 1
    assert out == (
        "FAILED  cases.yml:3:11: refused twice [q.kql, kql]\n"
        "    expected 1 row, got 1\n"
        "    missing: source_ip=203.0.113.7, tries=3, first=2026-03-01T10:00:00Z\n"
        "    not expected: source_ip=203.0.113.7, tries=2, first=2026-03-01T10:00:00Z\n"
        "2 cases: 1 passed, 1 failed\n"
    )
    (here / "cases.yml").write_text(CASES.replace("query: q.kql", "rule: x\nquery: q.kql\ntables: {T: log.jsonl}"))
    code, _, _ = run(capsys, "test", "cases.yml")
    assert code == 3


def test_a_rule_by_its_query(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "rules").mkdir()
    (here / "rules" / "rule.yml").write_text((ROOT / "tests/cli/rule.yml").read_text())
    (here / "fixtures").mkdir()
    (here / "fixtures" / "cases.yml").write_text(
        "rule: many_refusals\ncases:\n"
        "  - name: twice\n    events: ../log.jsonl\n    expect:\n      - {entity: {source_ip: 203.0.113.7}}\n"
        "  - name: a client that works\n    events:\n      - {at: '10:00:00', event: {source_ip: 203.0.113.7}}\n"
        "    expect: none\n"
    )
    (here / "rules.toml").write_text('rules = ["rules"]\nfixtures = ["fixtures"]\n')
    code, out, _ = run(capsys, "test", "--engine", "all", "--random", "3", "--keep-proofs")
    assert (code, out) == (0, "11 cases: 11 passed\n")
    _, out, _ = run(capsys, "list", "--format", "json")
    (rule,) = json.loads(out)
    assert rule["proofs"] == {name: {"cases": 2, "random_logs": 3} for name in ("esql", "kql", "spl")}
    code, out, _ = run(capsys, "test", "--as-deployed", "--engine", "kql", "--format", "json")
    (fires, silent) = json.loads(out)["cases"]
    assert (code, fires["engine"], fires["grade"], fires["status"]) == (0, "kql", "exact", "passed")
    assert fires["actual"] == [
        {"entity": {"source_ip": "203.0.113.7"}, "triggered_at": "2026-03-01T10:00:10.000000Z",
         "first_seen": "2026-03-01T10:00:00.000000Z", "last_seen": "2026-03-01T10:00:10.000000Z",
         "hits": 1, "peak": 2}
    ]  # fmt: skip
    told = fires["deployed"]
    assert (told["phases"], told["duplicates"], told["missed"]) == (5, 0, 0)
    # Five minutes of delay, and at most five more until the next run.
    assert 300 <= told["delay_s"]["median"] <= told["delay_s"]["longest"] <= 600
    assert silent["deployed"]["delay_s"] is None
    assert run(capsys, "test", "--as-deployed", "--engine", "local")[0] == 3
