"""Random logs: the same for one seed, and such that every rule of the pack fires on some of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tollwatch.cases.proofs import digest, read_proofs
from tollwatch.cases.randomised import PreparedRandom, judge_random
from tollwatch.cases.result import CaseResult, Status
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records
from tollwatch.logs.write import to_raw
from tollwatch.plan.lower import lower
from tollwatch.plan.nodes import Node, Plan
from tollwatch.prove.prove import LANGUAGES
from tollwatch.prove.random_logs import random_log
from tollwatch.sigma.load import load

ROOT = Path(__file__).parents[2]
CANONICAL = load_profile("canonical")
NODES = lower(load([ROOT / "rules"]))[0].detections
SEEDS = range(60)


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.header.key)
def test_every_rule_fires_on_some_and_stays_silent_on_others(node: Node) -> None:
    fired = set()
    for seed in SEEDS:
        events = from_records(to_raw(random_log(node, seed), CANONICAL), CANONICAL)
        fired.add(bool(run(Plan((node,)), [events]).alerts))
    assert fired == {True, False}


def test_a_seed_is_a_log() -> None:
    assert random_log(NODES[0], 5) == random_log(NODES[0], 5)
    assert random_log(NODES[0], 5) != random_log(NODES[0], 6)


def test_a_difference_is_shown_in_few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule whose query counts from one more than the threshold."""
    from dataclasses import replace

    from tollwatch.prove import prove

    node = next(one for one in NODES if one.header.key == "ai_api_cost_probing")
    sound = prove.compiled

    def faulty(*given: object) -> object:
        query = sound(*given)
        return replace(query, text=(query.text or "").replace(">= cost_probing_at_least", "> cost_probing_at_least"))

    monkeypatch.setattr(prove, "compiled", faulty)
    result = CaseResult("", 0, 0, "random", "cost", "canonical", Status.PASSED, engine="kql")
    found = judge_random(PreparedRandom(result, node, CANONICAL, range(20)))
    assert found.status is Status.FAILED
    lines = found.message.splitlines()
    # Five models are the threshold: five events show it.
    assert len(lines[lines.index("in these events:") + 1 :]) == 5


@pytest.mark.parametrize("target", LANGUAGES)
def test_what_is_kept_is_of_the_queries_as_they_are(target: str) -> None:
    """Renew it with: rules test --engine all --random 20 --keep-proofs."""
    kept = read_proofs([ROOT / "fixtures"])
    for node in NODES:
        proved = kept[node.header.key, target, "canonical"]
        assert (proved.query, proved.random_logs) == (digest(node, target, CANONICAL), 20)
