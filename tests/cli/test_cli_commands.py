"""The command line: exit codes, what goes to which stream, and nothing shown raw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tollwatch.cli.main import invoke

RULE = (Path(__file__).parent / "rule.yml").read_text("utf-8")
RULE_ID = "6d3c1b0e-0f43-4a4e-9a43-2f3f1f0c5a11"
LOG = (
    '{"timestamp": "2026-03-01T10:00:00Z", "source_ip": "a", "response_code": 401}\n'
    '{"timestamp": "2026-03-01T10:00:30Z", "source_ip": "a", "response_code": 401}\n'
    "nonsense\n"
)
ALERT = {
    "rule": "many_refusals",
    "rule_id": "6d3c1b0e-0f43-4a4e-9a43-2f3f1f0c5a11",
    "title": "Many refusals",
    "level": "medium",
    "entity": {"source_ip": "a"},
    "first_seen": "2026-03-01T10:00:00.000000Z",
    "triggered_at": "2026-03-01T10:00:30.000000Z",
    "last_seen": "2026-03-01T10:00:30.000000Z",
    "hits": 1,
    "peak": 2,
    "event_count": 2,
    "events": [{"file": "log.jsonl", "line": 1}, {"file": "log.jsonl", "line": 2}],
    "tags": ["attack.credential-access", "attack.t1110"],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rule.yml").write_text(RULE)
    (tmp_path / "log.jsonl").write_text(LOG)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = invoke(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_run_prints_one_alert_a_line_and_notes_elsewhere(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.is_dir()
    code, out, err = run(capsys, "run", "log.jsonl", "--format", "jsonl")
    assert (code, [json.loads(line) for line in out.splitlines()]) == (0, [ALERT])
    assert err == (
        "log.jsonl: not a JSON object; the line is left out (once; at 3)\n1 alert of 1 rules over 2 events\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "log.jsonl", "--fail-on-alert", "-q"], 1, ""),
        (["run", "log.jsonl", "--since", "2026-03-01T10:00:10Z", "--fail-on-alert", "-q"], 0, ""),
        (["run", "log.jsonl", "--until", "2026-03-01T10:00:10Z", "--fail-on-alert", "-q"], 0, ""),
        (["run", "log.jsonl", "--strict"], 1, "log.jsonl:3:1: LOG001"),
        (["run", "log.jsonl", "--since", "soon"], 3, "--since soon: not a time"),
        (["run", "missing.jsonl"], 3, "missing.jsonl: no such file"),
        (["run", "lgo.jsonl"], 3, "did you mean log.jsonl?"),
        (["run", "rules"], 3, "is a folder"),
        (["run", "log.jsonl", "--rule", "many_refusal"], 3, "did you mean many_refusals?"),
        (["run", "log.jsonl", "--profile", "litelm"], 3, "did you mean litellm?"),
        (["run", "log.jsonl", "--logs", "x"], 3, "not PROFILE=PATH"),
        (["run", "log.jsonl", "--format", "xml"], 3, "'xml' is not one of"),
        (["run", "log.jsonl", "--nope"], 3, "No such option: --nope"),
        (["rnu"], 3, "Did you mean 'run'?"),
        (["explain", "many_refusals", "log.jsonl", "--entity", "user_id=x"], 3, "it groups by: source_ip"),
        (["new", "Bad Name"], 3, "use snake case, such as bad_name"),
        (["schema", "cases"], 3, "is not one of"),
        (["list", "--rules", "nowhere"], 3, "nowhere"),
    ],
)
def test_exit_codes_and_messages(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert here.is_dir()
    found, _, err = run(capsys, *arguments)
    assert (found, said in err) == (code, True), err
    assert "Traceback" not in err


def test_a_broken_rule_does_not_stop_the_others(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "rules" / "broken.yml").write_text("title: [\n")
    code, out, err = run(capsys, "run", "log.jsonl", "--format", "jsonl")
    assert (code, len(out.splitlines())) == (2, 1)
    assert "broken.yml:2:1: SIG003" in err
    assert run(capsys, "check")[0] == 2


def test_a_rule_that_the_profile_cannot_serve(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = RULE.replace("source_ip", "user_id")
    (here / "rules" / "rule.yml").write_text(text)
    code, _, err = run(capsys, "run", "log.jsonl", "--profile", "litellm", "--rule", "many_refusals")
    assert (code, "FIT003" in err, "use api_key_id or source_ip" in err) == (2, True, True)


def test_logs_of_two_profiles(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = {"startTime": 1_772_359_240.0, "requester_ip_address": "a", "error_information": {"error_code": "401"}}
    (here / "proxy.jsonl").write_text(json.dumps(own) + "\n")
    code, out, _ = run(capsys, "run", "log.jsonl", "--logs", "litellm=proxy.jsonl", "--format", "jsonl", "-q")
    (alert,) = [json.loads(line) for line in out.splitlines()]
    assert (code, alert["hits"], alert["events"][-1]) == (0, 2, {"file": "proxy.jsonl", "line": 1})


def test_a_log_cannot_steer_the_terminal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "log.jsonl").write_text(LOG.replace('"a"', '"\\u001b[31m[red]"'))
    _, out, _ = run(capsys, "run", "log.jsonl")
    assert "\x1b" not in out
    assert "source_ip=\\x1b[31m[red]" in out
    _, out, _ = run(capsys, "explain", "many_refusals", "log.jsonl")
    assert "\x1b" not in out


def test_list_and_explain_for_programs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.is_dir()
    _, out, _ = run(capsys, "list", "--format", "json")
    assert json.loads(out) == [
        {
            "name": "many_refusals",
            "id": "6d3c1b0e-0f43-4a4e-9a43-2f3f1f0c5a11",
            "title": "Many refusals",
            "level": "medium",
            "status": "test",
            "attack": ["T1110"],
            "atlas": [],
            "file": "rules/rule.yml",
            "cases": 0,
            "targets": {
                "spl": "exact",
                "kql": "exact",
                "esql": "bounded",
                "eql": "bounded",
                "kuery": "refused",
                "lucene": "refused",
                "logql": "refused",
            },
            "proofs": {},
        }
    ]
    _, out, _ = run(capsys, "explain", "many_refusals", "log.jsonl", "--format", "json")
    told = json.loads(out)
    assert (told["rule"], told["alerts"]) == ("many_refusals", [ALERT])


def test_a_detection_without_cases_fails(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.is_dir()
    code, out, _ = run(capsys, "test")
    assert (code, "CAS010 the detection many_refusals has no cases" in out) == (1, True)
    code, out, _ = run(capsys, "test", "--format", "github")
    assert (code, out.startswith("::error file=rules/rule.yml,line=1,col=1")) == (1, True)


@pytest.mark.parametrize("pack", [False, True])
def test_what_init_writes_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pack: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "init", "-q", *(["--with-pack"] if pack else []))[0] == 0
    assert run(capsys, "check")[:2] == (0, "")
    code, out, _ = run(capsys, "test")
    assert (code, "failed" in out) == (0, False)
    code, _, err = run(capsys, "init")
    assert (code, "kept" in err) == (0, False)


@pytest.mark.parametrize("kind", ["single", "count", "sum", "ordered", "chain"])
def test_what_new_writes_passes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run(capsys, "init", "-q")
    assert run(capsys, "new", "my_rule", "--kind", kind)[0] == 0
    assert run(capsys, "check", "-q")[0] == 0
    assert run(capsys, "test")[:2] == (0, "4 cases: 4 passed\n")
    assert run(capsys, "new", "my_rule", "--kind", kind)[0] == 3


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom tollwatch.cli.main import invoke\ninvoke(['--help'])\n"
        "heavy = {'pandas', 'pyarrow', 'sigma', 'rich', 'jsonschema', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_standard_input_and_a_reader_that_goes_away(here: Path) -> None:
    rules = [sys.executable, "-m", "tollwatch.cli.main"]
    env = {**os.environ, "NO_COLOR": "1"}
    for arguments in (["run", "-", "-q", "--format", "json"], ["run", "-q", "--format", "json"]):
        done = subprocess.run(
            [*rules, *arguments], input=LOG, capture_output=True, text=True, check=True, cwd=here, env=env
        )
        (alert,) = json.loads(done.stdout)
        assert alert["events"][0] == {"file": "<stdin>", "line": 1}
    shell = f"{sys.executable} -m tollwatch.cli.main schema case | true"
    piped = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False, cwd=here, env=env)
    assert piped.stderr == ""


def test_a_field_with_a_line_break_is_no_row_of_its_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("log.jsonl").write_text(LOG.replace('"a"', '"a\\n2026-03-01T10:00:00Z  high\\tb"'))
    _, out, _ = run(capsys, "run", "log.jsonl")
    assert [line[:20] for line in out.splitlines()] == ["triggered at        ", "2026-03-01T10:00:30Z"]
    assert r"source_ip=a\n2026-03-01T10:00:00Z  high\tb" in out


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["-o", "found.txt"], "triggered at  "),
        (["-o", "found"], "triggered at  "),
        (["-o", "found.jsonl"], '{"rule":"many_refusals"'),
        (["-o", "found.json"], '[\n  {\n    "rule": "many_refusals"'),
        (["-o", "found.csv"], "rule,rule_id,"),
        (["-o", "found.csv", "--format", "table"], "triggered at  "),
    ],
)
def test_the_file_has_the_format_that_was_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], start: str
) -> None:
    _, out, _ = run(capsys, "run", "log.jsonl", *arguments)
    assert (out, Path(arguments[1]).read_text()[: len(start)]) == ("", start)


def test_hits_without_a_group_are_told_of_on_request(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("log.jsonl").write_text('{"timestamp": "2026-03-01T10:00:00Z", "response_code": 401}\n')
    told = "many_refusals: 1 hits belong to no group, because a group-by field is null\n"
    assert told not in run(capsys, "run", "log.jsonl")[2]
    assert told in run(capsys, "run", "log.jsonl", "-v")[2]


def test_a_rule_is_found_by_its_id_in_any_spelling(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "run", "log.jsonl", "--rule", RULE_ID.replace("-", "").upper(), "--format", "jsonl")
    assert (code, json.loads(out)["rule"]) == (0, "many_refusals")


def test_quiet_cases_speak_only_where_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(capsys, "init", "-q")
    assert run(capsys, "test", "-q")[:2] == (0, "")
    Path("rules/none.yml").write_text(RULE, encoding="utf-8")
    code, out, _ = run(capsys, "test", "-q")
    assert (code, "CAS010 the detection many_refusals has no cases" in out) == (1, True)


def test_check_shows_the_mistakes_of_own_profiles(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "rules.toml").write_text('rules = ["rules"]\nprofiles = ["profiles"]\n')
    (here / "profiles").mkdir()
    (here / "profiles" / "mine.yml").write_text(
        "fields:\n  timestamp: ts\n  source_ipp: peer\n  tokens_used: {sum: a, path: b}\n"
    )
    assert invoke(["check"]) == 1
    shown = capsys.readouterr().out
    assert "profiles/mine.yml:3:3: PRF005 'source_ipp' is no canonical field" in shown
    assert "profiles/mine.yml:4:16: PRF006 tokens_used must have exactly one of path, coalesce and sum" in shown


def test_a_profile_shows_which_records_are_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["profile", "show", "cloudtrail-bedrock"]) == 0
    assert "only records where eventSource is bedrock.amazonaws.com" in capsys.readouterr().out
