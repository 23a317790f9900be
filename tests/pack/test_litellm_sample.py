"""The pack over the captured LiteLLM log: it finds the attacks in it and nothing else.

Which requests are attacks stands in tests/live/live_traffic.py, and how the log was captured beside it. What is
expected is told by lines of the log, as one would find it by reading:

- 56 to 80: 25 keys refused at one address.
- 81 to 83: Frank's key accepted there, three times; the stuffing holds at each. 17 tokens each.
- 96 to 123: 28 requests of 27,616 tokens with Frank's key from seven addresses, beside the stuffer's. The three
  above and 18 of these are 497,139 tokens, so that line 114, the 19th, is the first over 500,000.
- 137 to 160: 24 such requests with Mallory's key from six addresses, and no stuffing before. The 19th is line 155.
- 161 to 193: 33 requests of 67,270 tokens by 11 users behind one address. The 30th, line 190, is the first over
  2,000,000.
- 194 to 207: one key asks 14 models for one token, 10 tokens each in all. The fifth model is line 198.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tollwatch.evaluate.alerts import Alert, EventReference
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import open_logs
from tollwatch.plan.lower import lower
from tollwatch.sigma.load import load

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "fixtures" / "profiles" / "litellm" / "sample.jsonl"
RECORDS = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
RULES = load([ROOT / "rules"])


def expected(
    rule: str, entity: tuple[str, str], lines: Iterable[int], holds: tuple[int, int], hits: int, peak: int | None
) -> Alert:
    """An alert whose contributing events are ``lines`` and which holds from the first to the last line of ``holds``."""
    header = found.header if (found := RULES.get(rule)) else None
    assert header is not None
    lines = list(lines)
    return Alert(
        rule=rule,
        rule_id=header.id,
        title=header.title,
        level=header.level,
        tags=header.tags,
        entity=(entity,),
        first_seen=started(lines[0]),
        triggered_at=started(holds[0]),
        last_seen=started(holds[1]),
        hits=hits,
        peak=peak,
        event_count=len(lines),
        events=tuple(EventReference(str(SAMPLE), line) for line in lines),
    )


def started(line: int) -> int:
    return round(float(RECORDS[line - 1]["startTime"]) * 1_000_000)


EXPECTED = (
    expected("ai_api_credential_stuffing", ("source_ip", "127.66.0.7"), range(56, 84), (81, 83), 3, None),
    expected("ai_api_multi_ip_overspend", ("user_id", "frank"), [81, 82, 83, *range(96, 124)], (114, 123), 10, 2),
    expected(
        "ai_api_stolen_key_overspend", ("user_id", "frank"), [*range(56, 84), *range(96, 124)], (114, 123), 10, None
    ),
    expected("ai_api_multi_ip_overspend", ("user_id", "mallory"), range(137, 161), (155, 160), 6, 2),
    expected("ai_api_shared_ip_overspend", ("source_ip", "127.99.0.4"), range(161, 194), (190, 193), 4, 2),
    expected("ai_api_cost_probing", ("user_id", "trent"), range(194, 208), (198, 207), 10, 14),
)


def test_pack_finds_the_attacks_in_the_sample_and_nothing_else() -> None:
    plan, mistakes = lower(RULES)
    events = open_logs([SAMPLE], load_profile("litellm"))
    outcome = run(plan, events)
    assert (mistakes, events.issues, events.records) == ((), (), 250)
    assert tuple(replace(alert, steps=()) for alert in outcome.alerts) == EXPECTED


def test_sample_holds_no_key_no_prompt_and_no_path() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    for forbidden in ("sk-", "word", "messages", "File ", "Authorization", "site-packages"):
        assert forbidden not in text, forbidden
