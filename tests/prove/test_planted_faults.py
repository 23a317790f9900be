"""Emitters broken on purpose: every fault turns the proof of some case of the pack red."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tollwatch.cases.result import CaseResult, Status
from tollwatch.cases.run import run_cases
from tollwatch.compile.model import Mode, Query
from tollwatch.config import load_settings
from tollwatch.logs.profile import Profile
from tollwatch.plan.nodes import Node
from tollwatch.prove import prove

ROOT = Path(__file__).parents[2]
HOPS = r"\[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\]"

# (fault, language, pattern, what stands there instead)
FAULTS = [
    ("one more than the threshold", "spl", r">=(\w+_at_least)", r">\1"),
    ("one more than the threshold", "kql", r">= (\w+_at_least)", r"> \1"),
    ("one more than the threshold", "esql", r">= (\w+_at_least)", r"> \1"),
    ("a window without its left end", "spl", "sort 0 at, leaving", "sort 0 at, -leaving"),
    ("a window without its left end", "kql", "at asc, leaving asc", "at asc, leaving desc"),
    ("a tumbling window", "spl", r"leaving=1, t\+(\w+),", r"leaving=1, floor(t/\1)*\1+\1,"),
    ("a tumbling window", "kql", r"leaving == 1, t \+ (\w+),", r"leaving == 1, bin(t, \1) + \1,"),
    ("seconds for milliseconds", "kql", r"timespan = (\d+)m;", r"timespan = \1ms;"),
    ("seconds for microseconds", "spl", r"(_timespan=\d+)\*1000000", r"\1*1000"),
    ("a look back that is too short", "spl", r"(window_start=now\(\)\*1000000)-\d+", r"\1-600000000"),
    ("a look back that is too short", "kql", r"window_start = run - \d+m", "window_start = run - 10m"),
    ("an interval that overlaps", "spl", r"fresh_after=now\(\)\*1000000-\d+", "fresh_after=now()*1000000-3600000000"),
    ("an interval that overlaps", "kql", r"fresh_after = window_end - \d+m", "fresh_after = window_end - 60m"),
]  # fmt: skip
# Those that only some other case tells.
ELSEWHERE = {
    ("a tumbling window", "esql", HOPS, "[0]"): "ai_api_credential_stuffing and midnight",
    ("a group of nulls", "spl", r'\| where user_id!=""\n', ""): "multi_ip_overspend and without",
    ("a group of nulls", "kql", r"\| where isnotempty\(user_id\)\n", ""): "multi_ip_overspend and without",
}


def proved(target: str, keyword: str = "ai_api_cost_probing and not sizes") -> list[CaseResult]:
    """The cases of cost probing, which are quick, or others."""
    results = run_cases(
        replace(load_settings(ROOT), rules=(ROOT / "rules",), fixtures=(ROOT / "fixtures",)),
        paths=[ROOT / "fixtures"], keyword=keyword, engines=[target],
    )  # fmt: skip
    assert results
    return [one for one in results if one.engine == target]


@pytest.mark.parametrize("target", ["spl", "kql", "esql"])
def test_without_a_fault_all_is_proved(target: str) -> None:
    results = proved(target)
    assert [one.message for one in results if one.status is not Status.PASSED] == []
    assert {one.grade for one in results} == {"bounded" if target == "esql" else "exact"}


@pytest.mark.parametrize("fault", [*FAULTS, *ELSEWHERE], ids=lambda one: f"{one[0]}-{one[1]}")
def test_a_fault_turns_it_red(monkeypatch: pytest.MonkeyPatch, fault: tuple[str, str, str, str]) -> None:
    what, target, pattern, instead = fault
    sound = prove.compiled
    changed = []

    def faulty(node: Node, language: str, profile: Profile, mode: Mode) -> Query:
        query = sound(node, language, profile, mode)
        text, count = re.subn(pattern, instead, query.text or "")
        if count:
            changed.append(count)
        if what == "a tumbling window" and language == "esql":
            text = re.sub(r"t / (\d+) \+", lambda found: f"t / {12 * int(found[1])} +", text)
        return replace(query, text=text)

    monkeypatch.setattr(prove, "compiled", faulty)
    results = proved(target, ELSEWHERE[fault]) if fault in ELSEWHERE else proved(target)
    assert changed
    assert Status.FAILED in {one.status for one in results}
    assert {one.status for one in results} <= {Status.PASSED, Status.FAILED}
