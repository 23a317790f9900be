"""A real LiteLLM proxy, driven over HTTP: what it writes, and what the pack finds in it.

Opt-in: ``python -m pytest -m live``. The traffic and what is wrong with it stand in live_traffic.py.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_proxy import find_litellm, running
from live_traffic import FRANK, KEYS, MALLORY, MODELS, REVERSE_PROXY, STAFF, STUFFER, TRENT, key_of, whole_day

from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import open_logs
from tollwatch.plan.lower import lower
from tollwatch.sigma.load import load

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    command = find_litellm()
    if command is None:
        pytest.skip("no command litellm: pip install 'litellm[proxy]' (740 MB), or name it in TOLLWATCH_LITELLM")
    with running(command, tmp_path_factory.mktemp("proxy"), KEYS, MODELS) as proxy:
        proxy.records(proxy.send(whole_day()))
        yield proxy.log


@pytest.fixture(scope="module")
def records(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def test_each_request_is_one_record(records: list[dict[str, Any]]) -> None:
    sent = Counter((request.source, request.status) for request in whole_day() if request.logged)
    written = Counter(
        (record["requester_ip_address"], int(record["error_information"]["error_code"] or 200)) for record in records
    )
    assert written == sent


def test_what_a_success_and_a_refused_key_carry(records: list[dict[str, Any]]) -> None:
    """What the profile litellm relies on; a new version of the proxy that writes otherwise is found here."""
    refused, answered = (
        next(record for record in records if record["requester_ip_address"] == STUFFER and record["status"] == status)
        for status in ("failure", "success")
    )
    assert refused["error_information"]["error_code"] == "401"
    assert refused["metadata"]["user_api_key_user_id"] is None
    assert refused["metadata"]["user_api_key_hash"] == hashlib.sha256(b"sk-leaked-000").hexdigest()
    assert refused["total_tokens"] == 0
    assert answered["error_information"]["error_code"] == ""
    assert answered["metadata"]["user_api_key_user_id"] == FRANK
    assert answered["metadata"]["user_api_key_hash"] == hashlib.sha256(key_of(FRANK).encode()).hexdigest()
    assert answered["total_tokens"] == answered["prompt_tokens"] + answered["completion_tokens"] > 8
    assert (answered["model_group"], answered["model_parameters"]["max_tokens"]) == ("small", 64)
    assert refused["startTime"] < answered["startTime"] < 1e11  # seconds of the epoch


def test_a_failure_behind_the_gate_has_its_user(records: list[dict[str, Any]]) -> None:
    failed = {
        (record["error_information"]["error_code"], record["metadata"]["user_api_key_user_id"])
        for record in records
        if record["status"] == "failure"
    }
    assert failed == {("401", None), ("400", STAFF[2]), ("429", STAFF[3])}


def test_the_log_holds_no_key_and_nothing_that_was_said(log: Path) -> None:
    text = log.read_text(encoding="utf-8")
    assert "sk-" not in text
    assert "word" not in text
    assert '"messages"' not in text


def test_pack_finds_the_attacks_and_nothing_else(log: Path) -> None:
    plan, mistakes = lower(load([ROOT / "rules"]))
    events = open_logs([log], load_profile("litellm"))
    found = [(alert.rule, dict(alert.entity), alert.hits, alert.event_count) for alert in run(plan, events).alerts]
    assert (mistakes, events.issues) == ((), ())
    assert found == [
        ("ai_api_credential_stuffing", {"source_ip": STUFFER}, 3, 28),
        ("ai_api_multi_ip_overspend", {"user_id": FRANK}, 10, 31),
        ("ai_api_stolen_key_overspend", {"user_id": FRANK}, 10, 56),
        ("ai_api_multi_ip_overspend", {"user_id": MALLORY}, 6, 24),
        ("ai_api_shared_ip_overspend", {"source_ip": REVERSE_PROXY}, 4, 33),
        ("ai_api_cost_probing", {"user_id": TRENT}, 10, 14),
    ]
