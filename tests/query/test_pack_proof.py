"""Every case of the pack, in every language that has an engine: the query finds what the evaluator does."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.proof import executed, in_order, shown, table_of, told
from tollwatch.cases.judge import Prepared, case_events
from tollwatch.cases.model import CaseFile
from tollwatch.cases.read import find_case_files
from tollwatch.cases.run import Runner, read_file
from tollwatch.compile.model import Mode, Options
from tollwatch.compile.registry import compile_node, language
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.plan.nodes import Plan, Search
from tollwatch.query.table import Table
from tollwatch.sigma.load import load

ROOT = Path(__file__).parents[2]
CANONICAL = load_profile("canonical")
RUNNER = Runner(load([ROOT / "rules"]), (), None)
FILES = [file for found in find_case_files([ROOT / "fixtures"]) if isinstance(file := read_file(found), CaseFile)]
PREPARED = [RUNNER.prepare(file, case) for file in FILES for case in file]
# One block of events each: a case of two logs is of the reader's business.
CASES = [
    one
    for one in PREPARED
    if isinstance(one, Prepared) and one.profile.name == "canonical" and len(list(case_events(one))) == 1
]


def name(prepared: Prepared) -> str:
    return f"{prepared.result.rule}: {prepared.case.name}"


def whole(prepared: Prepared) -> Table:
    (events,) = case_events(prepared)
    return table_of(events)


@pytest.mark.parametrize("target", ["kql", "spl"])
@pytest.mark.parametrize("prepared", CASES, ids=name)
def test_the_query_finds_what_the_evaluator_does(prepared: Prepared, target: str) -> None:
    query = compile_node(prepared.node, language(target), CANONICAL, Options(Mode.HUNT))
    alerts = run(Plan((prepared.node,)), case_events(prepared)).alerts
    entity = () if isinstance(prepared.node, Search) else prepared.node.group_by
    found = shown(executed(query, whole(prepared), now=0), entity, query.gives)
    assert in_order(found) == in_order([told(alert, query.gives) for alert in alerts])


@pytest.mark.parametrize("version", [(8, 19), (9, 3)])
@pytest.mark.parametrize("prepared", CASES, ids=name)
def test_windows_find_no_more_and_not_much_less(prepared: Prepared, version: tuple[int, int]) -> None:
    """What ES|QL finds the rule means; what it misses is exactly a timespan long, as its tolerance says."""
    query = compile_node(prepared.node, language("esql"), CANONICAL, Options(Mode.HUNT, elastic_version=version))
    alerts = run(Plan((prepared.node,)), case_events(prepared)).alerts
    entity = () if isinstance(prepared.node, Search) else prepared.node.group_by
    found = {str(row["entity"]) for row in shown(executed(query, whole(prepared), now=0), entity, ())}
    meant = {str(dict(alert.entity)) for alert in alerts}
    assert found <= meant
    if found != meant:
        assert "exactly" in prepared.case.name
