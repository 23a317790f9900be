"""A profile that joins two kinds of record, in Kusto: a join of the kinds' tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reference.canonical import plan_of
from reference.tables import tables_of
from tollwatch.compile.model import Mode, Options, Query
from tollwatch.compile.registry import LANGUAGES, compile_node, language
from tollwatch.logs.profile import Profile, load_profile
from vendors import kusto

PROFILE = """\
sources: [{category: ai_api, service: gateway}]
records:
  main: call
  kinds:
    call: {where: {What: call, More.live: "true"}, key: Id}
    bill: {where: {What: bill, Part: "0"}, key: Of.id, time: Billed}
fields:
  timestamp: At
  user_id: call:Who
  region: More.region
  tokens_used: bill:Tokens
  model_id: {coalesce: [bill:More.model, Model]}
types: {bill:Part: integer, More.live: boolean}
targets:
  kql:
    table: Calls
    time: At
    columns: {bill:Of.id: CallId}
    records: {call: {table: Calls}, bill: {table: bill}}
"""


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return profile_of(tmp_path, PROFILE)


def profile_of(folder: Path, text: str) -> Profile:
    (folder / "mine.yml").write_text(text)
    return load_profile("mine", [folder])


def compiled(profile: Profile, selection: dict[str, Any], mode: Mode = Mode.HUNT, target: str = "kql") -> Query:
    rule = {
        "title": "One",
        "logsource": {"category": "ai_api", "service": "gateway"},
        "detection": {"selection": selection, "condition": "selection"},
    }
    (node,) = plan_of([rule]).detections
    return compile_node(node, language(target), profile, Options(mode))


def body(query: Query) -> list[str]:
    """Without the header and what every search ends in."""
    assert query.text is not None
    lines = query.text.splitlines()
    return lines[next(at for at, line in enumerate(lines) if line == "Calls") : -1]


def test_a_rule_over_both_kinds(profile: Profile) -> None:
    query = compiled(profile, {"tokens_used|gt": 9, "model_id": "m"})
    assert body(query) == [
        "Calls",
        '| where What == "call"',
        "| where tobool(More.live) == true",
        "| extend join_key = Id",
        "| join kind=leftouter (",
        "    bill",
        "    | where Part == 0",
        "    | project join_key = CallId, join_at = Billed, bill_Tokens = Tokens, bill_More = More",
        "    | where isnotempty(join_key)",
        "    | summarize arg_min(join_at, bill_Tokens, bill_More) by join_key",
        "    | project-away join_at",
        "  ) on join_key",
        "| extend tokens_used = bill_Tokens",
        "| extend model_id = coalesce(tostring(bill_More.model), Model)",
        '| where tokens_used > 9 and model_id =~ "m"',
    ]


def test_a_schedule_bounds_both_tables(profile: Profile) -> None:
    query = compiled(profile, {"tokens_used|gt": 9}, Mode.SCHEDULED)
    lines = body(query)
    assert lines[1] == "| where At > fresh_after and At <= window_end"
    assert lines[7] == "    | where Billed between ((window_start - 10m) .. (window_end + 10m))"
    assert query.limits[:2] == (
        "a record of the kind bill joins only where it is at most 10m from its request and has come in by the run",
        "of several records of the kind bill with one key, the earliest joins; of equal times, any",
    )


def test_a_rule_over_the_main_kind_joins_nothing(profile: Profile) -> None:
    assert body(compiled(profile, {"region": "eu"})) == [
        "Calls",
        '| where What == "call"',
        "| where tobool(More.live) == true",
        "| extend region = tostring(More.region)",
        '| where region =~ "eu"',
    ]


@pytest.mark.parametrize(
    ("old", "new", "construct"),
    [
        (", bill: {table: bill}", "", "records of the kind bill"),
        ('Part: "0"', "Part: first", "value 'first'"),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, construct: str) -> None:
    query = compiled(profile_of(tmp_path, PROFILE.replace(old, new)), {"tokens_used|gt": 9})
    assert [one.construct for one in query.refused] == [construct]


@pytest.mark.parametrize("target", [one.name for one in LANGUAGES if one.name != "kql"])
def test_other_languages_refuse_the_profile(tmp_path: Path, target: str) -> None:
    profile = profile_of(tmp_path, PROFILE.replace("  kql:", "  kql: {table: t}\n  spl: {index: i}\n  esql:"))
    query = compiled(profile, {"region": "eu"}, target=target)
    assert query.text is None
    assert [one.construct for one in query.refused] == ["profile mine"]


@pytest.mark.vendor
@pytest.mark.parametrize("mode", list(Mode))
def test_microsofts_parser_accepts_it(profile: Profile, mode: Mode) -> None:
    query = compiled(profile, {"tokens_used|gt": 9, "model_id": "m"}, mode)
    assert query.text is not None
    assert kusto.check(query.text, tables_of(query, profile)) == ()
