from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tollwatch.cases.model import (
    Case,
    CaseFile,
    Cycle,
    Expectation,
    Items,
    LogFile,
    Ramp,
    Record,
    Step,
)
from tollwatch.cases.moments import parse_duration, parse_moment
from tollwatch.cases.read import find_case_files, read_cases
from tollwatch.diagnostics import render
from tollwatch.errors import ConfigurationError, UsageError
from tollwatch.yaml_checked import Place

SECOND = 1_000_000
MIDNIGHT = 1_772_323_200 * SECOND
TEN = MIDNIGHT + 36_000 * SECOND


def write(folder: Path, text: str) -> Path:
    file = folder / "cases.yml"
    file.write_text(text, "utf-8")
    return file


GOOD = """\
rule: stuffing
profile: litellm
cases:
  - name: from a file
    events: [attack.jsonl, old.csv.gz]
    expect:
      - entity: {source_ip: 203.0.113.7, port: 443}
        first_seen: 2026-03-01T10:00:00Z
        triggered_at: 2026-03-01 12:09:40+02:00
        last_seen: 10:10:00.5
        hits: 3
        peak: 10.50
        events: 31
        level: high
      - peak: null
  - name: "{i} of steps"
    events:
      - {at: 10:00:00, every: 40s, repeat: 9, jitter: 1.5s,
         event: &e {source_ip: 198.51.100.4, user_id: "u-{i}", response_code: 401}}
      - at: 2026-03-02T10:00:00Z
        event: {<<: *e, response_code: 200, tokens_used: {from: 1, to: 9.5}, model_id: [a, [b, c]], target: {a: ~}}
    expect: none
"""


def test_everything_that_a_case_file_may_say(tmp_path: Path) -> None:
    for name in ("attack.jsonl", "old.csv.gz"):
        (tmp_path / name).write_text("", "utf-8")
    path = str(write(tmp_path, GOOD))
    lines = GOOD.splitlines()

    def place(line: int, column: int) -> Place:
        return Place(path, line, column, lines[line - 1])

    base = (("source_ip", "198.51.100.4"), ("user_id", "u-{i}"))
    later = (
        *base,
        ("response_code", 200),
        ("tokens_used", Ramp(1, 9.5)),
        ("model_id", Cycle(("a", Items(("b", "c"))))),
        ("target", Record((("a", None),))),
    )
    first = Expectation(
        (
            ("entity", (("source_ip", "203.0.113.7"), ("port", "443"))),
            ("first_seen", TEN),
            ("triggered_at", TEN + 580 * SECOND),
            ("last_seen", TEN + 600 * SECOND + 500_000),
            ("hits", 3),
            ("peak", Decimal("10.50")),
            ("event_count", 31),
            ("level", "high"),
        ),
        place(7, 9),
    )
    files = (LogFile(tmp_path / "attack.jsonl", place(5, 14)), LogFile(tmp_path / "old.csv.gz", place(5, 28)))
    steps = (
        Step(0, TEN, 40 * SECOND, 9, 1_500_000, Record((*base, ("response_code", 401))), place(18, 9)),
        Step(1, TEN + 86_400 * SECOND, 0, 1, 0, Record(later), place(20, 9)),
    )
    assert read_cases(Path(path)) == CaseFile(
        path,
        "stuffing",
        "litellm",
        (
            Case("from a file", files, (first, Expectation((("peak", None),), place(15, 9))), place(4, 11)),
            Case("{i} of steps", steps, (), place(16, 11)),
        ),
        place(1, 7),
    )


def case(events: str = "[{at: 10:00, event: {user_id: u}}]", expect: str = "none") -> str:
    return f"rule: r\ncases:\n- name: n\n  events: {events}\n  expect: {expect}\n"


TIMES = "a time of day on 2026-03-01 (10:00:00), or a timestamp (2026-03-01T10:00:00Z)"
UNITS = "a number and a unit: us, ms, s, m, h, d or w (40s, 1m30s)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [("CAS001", 0, 0, "the file is empty; it holds rule and cases", None)], id="empty"),
        pytest.param("[", [("CAS001", 2, 1)], id="not YAML"),
        pytest.param("- a\n", [("CAS004", 1, 1, "a case file must be a mapping, not a list", None)], id="a list"),
        pytest.param(
            "ruel: r\ncases: []\n",
            [
                ("CAS002", 1, 1, "unknown key 'ruel' in a case file", "did you mean rule?"),
                ("CAS003", 1, 1, "a case file has no 'rule'", None),
                ("CAS004", 2, 8, "cases must be a list, not empty", None),
            ],
            id="top level",
        ),
        pytest.param(
            "rule: r\nrule: s\ncases:\n- event: x\n- 3\n",
            [
                ("CAS002", 2, 1, "'rule' comes twice in a case file", None),
                ("CAS002", 4, 3, "unknown key 'event' in a case", "did you mean events?"),
                ("CAS003", 4, 3, "a case has no 'events'", None),
                ("CAS003", 4, 3, "a case has no 'expect'", None),
                ("CAS003", 4, 3, "a case has no 'name'", None),
                ("CAS004", 5, 3, "a case must be a mapping, not '3'", None),
            ],
            id="a case",
        ),
        pytest.param(
            "rule:\ncases:\n- {name: '', events: atack.jsonl, expect: [{}]}\n- {name: a, events: x.txt, expect: 3}\n"
            "- {name: a, events: [attack.jsonl], expect: none}\n",
            [
                ("CAS004", 1, 6, "rule must be a text, not empty", None),
                ("CAS004", 3, 10, "name must be a text, not empty", None),
                ("CAS005", 3, 22, "there is no file atack.jsonl beside this one", "did you mean attack.jsonl?"),
                (
                    "CAS005",
                    4,
                    21,
                    "x.txt is no log file by its name",
                    "known forms: jsonl, ndjson, json, csv, parquet, each also with gz or zst",
                ),
                ("CAS004", 4, 36, "expect must be none or a list of alerts, not '3'", None),
                ("CAS006", 5, 10, "line 4 has a case of this name already: a", None),
            ],
            id="names and files",
        ),
        pytest.param(
            case("[{at: 25:00, evry: 1s, repeat: 0, event: {usr_id: 1, timestamp: 1}}, {every: 10, jitter: -1s}]"),
            [
                ("CAS004", 4, 17, "at must be a time, not '25:00'", TIMES),
                ("CAS002", 4, 24, "unknown key 'evry' in a step", "did you mean every?"),
                ("CAS004", 4, 42, "repeat must be a whole number from 1, not '0'", None),
                ("CAS007", 4, 53, "no event has a field 'usr_id'", "did you mean user_id?"),
                ("CAS007", 4, 64, "a step's events have their time from at", "leave timestamp out"),
                ("CAS003", 4, 80, "a step has no 'at'", None),
                ("CAS003", 4, 80, "a step has no 'event'", None),
                ("CAS003", 4, 88, "every without repeat", "repeat is the number of all events"),
                ("CAS004", 4, 88, "every must be a duration, not '10'", UNITS),
                ("CAS004", 4, 100, "jitter must be a duration, not '-1s'", UNITS),
            ],
            id="steps",
        ),
        pytest.param(
            case("[{at: 10:00, every: 1s, repeat: 600000, event: {}}, {at: 10:00, repeat: 400001, event: {}}]"),
            [("CAS008", 4, 11, "the steps make 1,000,001 events; a case may have 1,000,000", None)],
            id="too many events",
        ),
        pytest.param(
            case("[{at: 10:00, event: {user_id: [], tokens_used: {from: a, to: 2}}}]"),
            [
                ("CAS004", 4, 41, "a list that cycles must be a list, not empty", None),
                ("CAS004", 4, 58, "from and to must be numbers", None),
            ],
            id="templates",
        ),
        pytest.param(
            case(
                expect="[{entty: {}, entity: 3, first_seen: soon, hits: -1, peak: high, events: 1.5, event_count: 1}]"
            ),
            [
                ("CAS002", 5, 13, "unknown key 'entty' in an expected alert", "did you mean entity?"),
                ("CAS004", 5, 32, "entity must be a mapping, not '3'", None),
                ("CAS004", 5, 47, "first_seen must be a time, not 'soon'", TIMES),
                ("CAS004", 5, 59, "hits must be a whole number from 0, not '-1'", None),
                ("CAS004", 5, 69, "peak must be a number or null, not 'high'", None),
                ("CAS004", 5, 83, "events must be a whole number from 0, not '1.5'", None),
                ("CAS002", 5, 101, "events and event_count are the same", "keep one"),
            ],
            id="expectations",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, expected: list[tuple[object, ...]]) -> None:
    (tmp_path / "attack.jsonl").write_text("", "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_cases(write(tmp_path, text))
    found = [(d.code, d.line, d.column, d.message, d.hint) for d in caught.value.diagnostics]
    assert [one[: len(want)] for one, want in zip(found, expected, strict=False)] == expected
    assert len(found) == len(expected)


def test_a_mistake_is_shown_with_a_caret(tmp_path: Path) -> None:
    file = write(tmp_path, case(expect="[{hit: 1}]"))
    with pytest.raises(ConfigurationError) as caught:
        read_cases(file)
    assert "\n".join(render(d) for d in caught.value.diagnostics) == (
        f"{file}:5:13: CAS002 unknown key 'hit' in an expected alert\n"
        "    5 |   expect: [{hit: 1}]\n"
        "      |             ^\n"
        "      hint: did you mean hits?"
    )


def test_under_profile_none_steps_have_any_fields(tmp_path: Path) -> None:
    text = case("[{at: 10:00, event: {EventID: 1}}]").replace("rule: r", "rule: r\nprofile: none")
    (step,) = read_cases(write(tmp_path, text)).cases[0].events
    assert isinstance(step, Step)
    assert step.event == Record((("EventID", 1),))


def test_files_are_found_below_folders_and_taken_as_named(tmp_path: Path) -> None:
    names = ["b/cases.yml", "a/cases.yaml", "a/x.cases.yml", "a/other.yml", "a/deep/er/cases.yml"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", "utf-8")
    found = find_case_files([tmp_path, tmp_path / "a/other.yml", tmp_path / "b"])
    assert [str(file.relative_to(tmp_path)) for file in found] == [
        "a/cases.yaml",
        "a/deep/er/cases.yml",
        "a/x.cases.yml",
        "b/cases.yml",
        "a/other.yml",
    ]


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "fixtures").mkdir()
    with pytest.raises(UsageError) as caught:
        find_case_files([tmp_path / "fixture"])
    assert (str(caught.value), caught.value.hint) == (
        f"{tmp_path / 'fixture'}: no such file or folder",
        "did you mean fixtures?",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("40s", 40 * SECOND),
        ("1m30s", 90 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("250ms", 250_000),
        ("7us", 7),
        ("0s", 0),
        ("2d", 172_800 * SECOND),
        ("1w", 604_800 * SECOND),
        ("40", None),
        ("-1s", None),
        ("1 s", None),
        ("1M", None),
        ("", None),
    ],
)
def test_durations(text: str, expected: int | None) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:00", TEN),
        ("10:00:00", TEN),
        ("1:02:03.000004", MIDNIGHT + 3723 * SECOND + 4),
        ("2026-03-01T10:00:00Z", TEN),
        ("2026-03-01T10:00:00", TEN),
        ("2026-03-01 11:00:00+01:00", TEN),
        ("2026-03-01", MIDNIGHT),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("24:00", None),
        ("10:60", None),
        ("2026-02-30T10:00:00Z", None),
        ("noon", None),
    ],
)
def test_moments(text: str, expected: int | None) -> None:
    assert parse_moment(text) == expected
