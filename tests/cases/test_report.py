from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from tollwatch.cases.model import Expectation
from tollwatch.cases.report import as_github, as_json, as_junit, as_text, summary
from tollwatch.cases.result import CaseResult, Status, exit_code
from tollwatch.diagnostics import Diagnostic
from tollwatch.evaluate.alerts import Alert, EventReference
from tollwatch.yaml_checked import Place

TEN = 1_772_359_200_000_000
WANTED = Expectation(
    (("entity", (("source_ip", "a"),)), ("triggered_at", TEN), ("peak", Decimal("10.5")), ("event_count", 31)),
    Place("f/cases.yml", 5, 9),
)
CAME = Alert("r", "id", "R", None, ("t",), (), TEN, TEN, TEN, 1, 2, 1, (EventReference("x", 1),))
PASSED = CaseResult("f/cases.yml", 4, 11, "fires", "stuffing", "canonical", Status.PASSED)
FAILED = replace(
    PASSED,
    line=9,
    name="50%, a: <b>\x07",
    status=Status.FAILED,
    message="expected 1 alert, got 1\n  so",
    expected=(WANTED,),
    actual=(CAME,),
)
REFUSED = replace(PASSED, file="g/cases.yml", name="refused", status=Status.REFUSED, message="no user_id")
BROKEN = CaseResult(
    "h/cases.yml",
    0,
    0,
    "cases.yml",
    "",
    "",
    Status.ERROR,
    "not YAML",
    diagnostics=(Diagnostic("CAS001", "not YAML", "h/cases.yml"),),
)
ALL = [PASSED, FAILED, REFUSED, BROKEN]


def test_text() -> None:
    assert as_text(ALL) == (
        "FAILED  f/cases.yml:9:11: 50%, a: <b>\x07 [stuffing]\n"
        "    expected 1 alert, got 1\n"
        "      so\n"
        "REFUSED g/cases.yml:4:11: refused [stuffing]\n"
        "    no user_id\n"
        "ERROR   h/cases.yml: cases.yml\n"
        "    not YAML\n"
        "4 cases: 1 passed, 1 failed, 1 refused, 1 error\n"
    )
    assert as_text([PASSED], verbose=True) == "PASSED  f/cases.yml:4:11: fires [stuffing]\n1 case: 1 passed\n"
    assert summary([]) == "0 cases"


def test_json_has_every_key_in_every_case() -> None:
    document = json.loads(as_json(ALL))
    keys = ("file", "name", "rule", "profile", "engine", "grade", "status", "expected", "actual", "message")
    assert {tuple(case) for case in document["cases"]} == {keys}
    assert document["summary"] == {"passed": 1, "failed": 1, "refused": 1, "error": 1, "total": 4}
    assert document["cases"][1] == {
        "file": "f/cases.yml",
        "name": "50%, a: <b>\x07",
        "rule": "stuffing",
        "profile": "canonical",
        "engine": "local",
        "grade": None,
        "status": "failed",
        "expected": [
            {
                "entity": {"source_ip": "a"},
                "triggered_at": "2026-03-01T10:00:00.000000Z",
                "peak": 10.5,
                "event_count": 31,
            }
        ],
        "actual": [
            {
                "rule": "r",
                "rule_id": "id",
                "title": "R",
                "level": None,
                "entity": {},
                "first_seen": "2026-03-01T10:00:00.000000Z",
                "triggered_at": "2026-03-01T10:00:00.000000Z",
                "last_seen": "2026-03-01T10:00:00.000000Z",
                "hits": 1,
                "peak": 2,
                "event_count": 1,
                "events": [{"file": "x", "line": 1}],
                "tags": ["t"],
            }
        ],
        "message": "expected 1 alert, got 1\n  so",
    }


def test_junit_is_xml_whatever_the_names_hold() -> None:
    root = ET.fromstring(as_junit(ALL).encode())  # noqa: S314  # our own text
    found = [
        (
            suite.get("name"),
            suite.get("tests"),
            [
                (case.get("classname"), case.get("name"), case.get("line"), [child.tag for child in case])
                for case in suite
            ],
        )
        for suite in root
    ]
    assert found == [
        ("f/cases.yml", "2", [("stuffing", "fires", "4", []), ("stuffing", "50%, a: <b>\ufffd", "9", ["failure"])]),
        ("g/cases.yml", "1", [("stuffing", "refused", "4", ["skipped"])]),
        ("h/cases.yml", "1", [("h/cases.yml", "cases.yml", "0", ["error"])]),
    ]
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    failure = root.find(".//failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("expected 1 alert, got 1", "expected 1 alert, got 1\n  so")


def test_github_annotations_are_escaped_as_the_runner_reads_them() -> None:
    assert as_github(ALL).splitlines() == [
        "::error file=f/cases.yml,line=9,col=11,title=50%25%2C a%3A <b>\x07::expected 1 alert, got 1%0A  so",
        "::warning file=g/cases.yml,line=4,col=11,title=refused::no user_id",
        "::error file=h/cases.yml,title=cases.yml::not YAML",
    ]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([], 0),
        ([PASSED, REFUSED], 0),
        ([FAILED, PASSED], 1),
        ([FAILED, replace(BROKEN, diagnostics=(Diagnostic("SIG001", "", ""),))], 2),
        ([BROKEN, FAILED], 3),
    ],
)
def test_exit_codes(results: list[CaseResult], expected: int) -> None:
    assert exit_code(results) == expected
