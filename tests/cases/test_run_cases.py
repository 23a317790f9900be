from __future__ import annotations

from pathlib import Path

import pytest
from repository import CASES, RULE, repository, write

from tollwatch import run_cases
from tollwatch.cases.result import CaseResult, Status, exit_code
from tollwatch.config import load_settings
from tollwatch.errors import UsageError

FIRES, SILENT = "three refused keys from one address", "a user who mistypes a key twice"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(results: tuple[CaseResult, ...]) -> list[tuple[str, Status, str]]:
    return [(result.name, result.status, result.message) for result in results]


def test_cases_pass(tmp_path: Path) -> None:
    repository(tmp_path)
    results = run_cases()
    assert told(results) == [(FIRES, Status.PASSED, ""), (SILENT, Status.PASSED, "")]
    first = results[0]
    assert (first.file, first.line, first.rule, first.profile, first.engine, first.grade) == (
        "fixtures/refused/cases.yml",
        3,
        "many_refused_keys",
        "canonical",
        "local",
        None,
    )
    assert [(alert.rule, alert.entity, alert.hits) for alert in first.actual] == [
        ("many_refused_keys", (("source_ip", "203.0.113.7"),), 1)
    ]


def test_a_rule_may_be_named_by_its_id(tmp_path: Path) -> None:
    repository(tmp_path, cases=CASES.replace("rule: many_refused_keys", "rule: 0a8f7a34-1df4-4f0a-8a55-2f6f6ac2b7b0"))
    assert [(result.rule, result.status) for result in run_cases()] == [("many_refused_keys", Status.PASSED)] * 2


def test_a_base_rule_has_cases_of_its_own(tmp_path: Path) -> None:
    own = (
        "rule: refused_key\ncases:\n- {name: one, events: [{at: 10:00, event: {response_code: 401}}], expect: [{}]}\n"
        "- {name: none, events: [{at: 10:00, event: {response_code: 200}}], expect: none}\n"
    )
    write(repository(tmp_path), {"fixtures/base/cases.yml": own})
    assert [(result.rule, result.status) for result in run_cases(paths=["fixtures/base"])] == [
        ("refused_key", Status.PASSED)
    ] * 2


def test_what_differs_and_the_nearest_miss_are_told(tmp_path: Path) -> None:
    wrong = CASES.replace("hits: 1", "hits: 2").replace("repeat: 2", "repeat: 3")
    missing = CASES.replace("every: 40s, repeat: 3", "every: 400s, repeat: 3")
    write(repository(tmp_path, cases=wrong), {"fixtures/refused/late.cases.yml": missing})
    found = told(run_cases())
    alert = (
        "many_refused_keys for source_ip=203.0.113.7 at 2026-03-01T10:01:20.000000Z (first seen "
        "2026-03-01T10:00:00.000000Z, last seen 2026-03-01T10:01:20.000000Z, hits 1, peak 3, events 3)"
    )
    miss = (
        "expected 1 alert, got 0\n"
        "missing: an alert with entity source_ip=203.0.113.7; first_seen 2026-03-01T10:00:00.000000Z; "
        "triggered_at 2026-03-01T10:01:20.000000Z; last_seen 2026-03-01T10:01:20.000000Z; hits 1; peak 3; "
        "event_count 3; level high\n"
        "nearest miss:\n"
        "    many_refused_keys: no alert\n"
        "      many_refused_keys: 203.0.113.7 reached 2 of 3 at 10:06:40; the third came 3 m 20 s late"
    )
    assert found == [
        (FIRES, Status.FAILED, f"expected 1 alert, got 1\ndiffers: {alert}\n    hits: expected 2, got 1"),
        (SILENT, Status.FAILED, f"expected no alert, got 1\nnot expected: {alert}"),
        (
            FIRES,
            Status.FAILED,
            miss,
        ),
        (SILENT, Status.PASSED, ""),
    ]


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("three", [FIRES]),
        ("refused and not three", [SILENT]),
        ("a user who", [SILENT]),
        ("many_refused_keys", [FIRES, SILENT]),
    ],
)
def test_keywords_choose(tmp_path: Path, keyword: str, expected: list[str]) -> None:
    repository(tmp_path)
    assert [result.name for result in run_cases(keyword=keyword)] == expected


def test_cases_from_logs_and_steps(tmp_path: Path) -> None:
    cases = (
        "rule: many_refused_keys\ncases:\n- name: both\n  events:\n  - attack.jsonl\n"
        "  - {at: 10:02, event: {source_ip: 203.0.113.7, response_code: 401}}\n"
        "  expect: [{triggered_at: 10:02, events: 3}]\n- {name: log, events: attack.jsonl, expect: none}\n"
    )
    line = '{{"timestamp": "2026-03-01T10:0{}:00Z", "source_ip": "203.0.113.7", "response_code": 401}}\n'
    write(repository(tmp_path, cases=cases), {"fixtures/refused/attack.jsonl": line.format(0) + line.format(1)})
    results = run_cases()
    assert told(results) == [("both", Status.PASSED, ""), ("log", Status.PASSED, "")]
    assert [(event.file, event.line) for event in results[0].actual[0].events] == [
        ("fixtures/refused/attack.jsonl", 1),
        ("fixtures/refused/attack.jsonl", 2),
        ("fixtures/refused/cases.yml: both", 1),
    ]


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        (CASES[: CASES.index("  - name: a user")], "has no case that stays silent (expect: none)"),
        (CASES[: CASES.index("  - name: three")] + CASES[CASES.index("  - name: a user") :], "has no case that fires"),
    ],
)
def test_a_detection_needs_a_case_that_fires_and_one_that_stays_silent(
    tmp_path: Path, cases: str, message: str
) -> None:
    repository(tmp_path, cases=cases)
    for results in (run_cases(), run_cases(paths=["fixtures"])):
        assert told(results)[1:] == [
            (
                "has a case that fires and one that stays silent",
                Status.FAILED,
                f"CAS010 the detection many_refused_keys {message}",
            )
        ]
        assert (results[1].file, results[1].line) == ("fixtures/refused/cases.yml", 1)


def test_the_two_cases_may_stand_in_two_files(tmp_path: Path) -> None:
    start = CASES.index("  - name: a user")
    head = CASES[: CASES.index("  - name: three")]
    write(repository(tmp_path, cases=CASES[:start]), {"fixtures/refused/quiet.cases.yml": head + CASES[start:]})
    assert [result.status for result in run_cases()] == [Status.PASSED] * 2


def test_a_detection_without_cases_fails_the_whole_run_only(tmp_path: Path) -> None:
    lonely = RULE.replace("many_refused", "lonely").replace("refused_key", "other_key").replace("0a8f", "1a8f")
    write(repository(tmp_path), {"rules/lonely.yml": lonely.replace("5d2f", "6d2f")})
    assert [result.status for result in run_cases(paths=["fixtures"])] == [Status.PASSED] * 2
    (found,) = [result for result in run_cases() if result.status is not Status.PASSED]
    assert (found.file, found.line, found.rule, found.status, found.message) == (
        "rules/lonely.yml",
        12,
        "lonely_keys",
        Status.FAILED,
        "CAS010 the detection lonely_keys has no cases",
    )


def test_a_rule_that_is_not_there(tmp_path: Path) -> None:
    repository(tmp_path, cases=CASES.replace("rule: many_refused_keys", "rule: many_refused_key"))
    found = run_cases(paths=["fixtures"])
    assert [(result.name, result.status) for result in found] == [(FIRES, Status.ERROR), (SILENT, Status.ERROR)]
    assert found[0].message == (
        "fixtures/refused/cases.yml:1:7: CAS009 there is no rule 'many_refused_key'\n"
        "    1 | rule: many_refused_key\n"
        "      |       ^\n"
        "      hint: did you mean many_refused_keys or refused_key?"
    )


def test_a_rule_that_cannot_be_read_is_an_error_of_its_cases_and_of_the_run(tmp_path: Path) -> None:
    repository(tmp_path, rule=RULE.replace("timespan: 10m", "timespan: soon"))
    found = run_cases()
    assert {(result.file, result.status) for result in found} == {
        ("fixtures/refused/cases.yml", Status.ERROR),
        ("rules/refused.yml", Status.ERROR),
    }
    assert all("rules/refused.yml:20:" in result.message for result in found)
    assert all(mistake.code.startswith("SIG") for result in found for mistake in result.diagnostics)


def test_a_file_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    write(repository(tmp_path), {"fixtures/broken/cases.yml": "rule: x\ncase: []\n"})
    found = run_cases()
    assert [result.status for result in found] == [Status.ERROR, Status.PASSED, Status.PASSED]
    assert (found[0].file, found[0].line, [mistake.code for mistake in found[0].diagnostics]) == (
        "fixtures/broken/cases.yml",
        1,
        ["CAS003", "CAS002"],
    )


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    repository(tmp_path, cases=CASES.replace("cases:", "profile: litelm\ncases:"))
    assert {result.status for result in run_cases(paths=["fixtures"])} == {Status.ERROR}


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    repository(tmp_path)
    with pytest.raises(UsageError, match="fixture: no such file or folder"):
        run_cases(paths=["fixture"])


def test_without_rules_there_is_nothing_to_run() -> None:
    with pytest.raises(UsageError, match="no such file or folder: rules"):
        run_cases()


def test_jsonl_lines_of_profile_none_are_taken_as_they_are(tmp_path: Path) -> None:
    rule = "title: T\nname: t\nlogsource: {product: windows}\ndetection: {s: {EventID: 4625}, condition: s}\n"
    cases = (
        "rule: t\nprofile: none\ncases:\n"
        "- {name: fires, events: [{at: 10:00, event: {EventID: 4625}}], expect: [{triggered_at: 10:00}]}\n"
        "- {name: silent, events: [{at: 10:00, event: {EventID: 4624}}], expect: none}\n"
    )
    repository(tmp_path, rule=rule, cases=cases)
    assert told(run_cases()) == [("fires", Status.PASSED, ""), ("silent", Status.PASSED, "")]


def test_settings_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(tmp_path / "a")
    monkeypatch.chdir("/")
    assert [result.status for result in run_cases(load_settings(tmp_path / "a"))] == [Status.PASSED] * 2


PROBING = """\
rule: many_refused_keys
cases:
  - name: fires, with a field that the profile lacks
    events:
      - {at: 10:00, repeat: 3, every: 1s, event: {source_ip: 203.0.113.7, response_code: 401, prompt_length: 3}}
    expect: [{entity: {source_ip: 203.0.113.7}, first_seen: 10:00}]
  - name: silent
    events: quiet.jsonl
    expect: none
"""


def test_another_profile_takes_the_place_of_canonical_for_steps(tmp_path: Path) -> None:
    write(repository(tmp_path, cases=PROBING), {"fixtures/refused/quiet.jsonl": ""})
    found = run_cases(profile="litellm")
    assert [(result.profile, result.status, result.message) for result in found] == [
        ("litellm", Status.PASSED, ""),
        ("canonical", Status.PASSED, ""),
    ]


def test_a_field_that_the_files_own_profile_lacks_is_an_error(tmp_path: Path) -> None:
    write(repository(tmp_path, cases="profile: litellm\n" + PROBING), {"fixtures/refused/quiet.jsonl": ""})
    (error, _) = run_cases()
    assert (error.status, error.message) == (
        Status.ERROR,
        "the profile litellm has no prompt_length, so that no log of it can be written with one",
    )


@pytest.mark.parametrize("field", ["prompt_length", "user_id"])
def test_a_rule_that_the_profile_cannot_serve_is_refused(tmp_path: Path, field: str) -> None:
    rule = RULE.replace("group-by: [source_ip]", f"group-by: [{field}]")
    repository(tmp_path, rule=rule)
    found = run_cases(profile="litellm")
    assert {result.status for result in found} == {Status.REFUSED}
    assert all(field in result.message for result in found)
    assert exit_code(found) == 0


def test_several_processes_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollwatch.cases.judge._POOL_COST", 0)
    write(repository(tmp_path, cases=CASES.replace("hits: 1", "hits: 2")), {"fixtures/broken/cases.yml": "x"})
    assert run_cases(processes=2) == run_cases()
