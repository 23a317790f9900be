"""The texts that ``rules init`` and ``rules new`` write. ``$name`` and ``$title`` stand for the rule's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from string import Template
from uuid import NAMESPACE_URL, uuid5

from tollwatch.schemas import modeline

_BASE = """\
title: $title - $part_title
id: $part_id
name: ${name}_$part
status: experimental
description: A part of $name.
logsource:
    category: ai_api
    service: gateway
detection:
    selection:
        response_code: $code
    condition: selection
level: informational
"""

_HEAD = """\
title: $title
id: $id
name: $name
status: experimental
description: TODO say what the attacker gains, and what the rule sees.
author: TODO
date: 2026-01-01
tags:
    - attack.credential-access
    - attack.t1110.004
"""

_TAIL = """\
falsepositives:
    - TODO name the benign thing that looks like this
level: medium
tollwatch:
    response: |
        TODO what to check first, what to lock, how to undo.
"""

_SINGLE = """\
logsource:
    category: ai_api
    service: gateway
detection:
    selection:
        response_code: 401
    filter_budget:
        error_code: budget_exceeded
    condition: selection and not filter_budget
"""

_COUNT = """\
correlation:
    type: event_count
    rules:
        - ${name}_refused
    group-by:
        - source_ip
    timespan: 10m
    condition:
        gte: 10 # TODO say why ten
"""

_SUM = """\
correlation:
    type: value_sum
    rules:
        - ${name}_answered
    group-by:
        - user_id
    timespan: 1h
    condition:
        gte: 100000 # TODO the budget of an hour
        field: tokens_used
"""

_ORDERED = """\
correlation:
    type: temporal_ordered
    rules:
        - ${name}_refused
        - ${name}_answered
    group-by:
        - source_ip
    timespan: 10m
"""

_CHAIN_COUNT = """\
title: $title - many refusals
id: $count_id
name: ${name}_many_refused
status: experimental
description: A part of $name.
correlation:
    type: event_count
    rules:
        - ${name}_refused
    group-by:
        - source_ip
    timespan: 10m
    condition:
        gte: 10 # TODO say why ten
level: informational
"""

_CHAIN = """\
correlation:
    type: temporal_ordered
    rules:
        - ${name}_many_refused
        - ${name}_answered
    group-by:
        - source_ip
    timespan: 15m
"""

_REFUSED, _ANSWERED = ("refused", "401"), ("answered", "200")
_DOCUMENTS: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...], str]] = {
    # kind: the base rules, the documents between, the body of the rule itself
    "single": ((), (), _SINGLE),
    "count": ((_REFUSED,), (), _COUNT),
    "sum": ((_ANSWERED,), (), _SUM),
    "ordered": ((_REFUSED, _ANSWERED), (), _ORDERED),
    "chain": ((_REFUSED, _ANSWERED), (_CHAIN_COUNT,), _CHAIN),
}

_CASES = """\
rule: $name
cases:
  - name: $fires
    events:
$attack
    expect:
      - $expected
  - name: $silent
    events:
$benign
    expect: none
"""

_IP = "source_ip: 203.0.113.7"
_REFUSALS = (
    f'      - {{at: "10:00:00", every: 30s, repeat: $count, event: {{{_IP}, user_id: "u-{{i}}", response_code: 401}}}}'
)
_SUCCESS = f'      - {{at: "$at", event: {{{_IP}, user_id: u-1, response_code: 200}}}}'
_SPENT = "{user_id: u-1, response_code: 200, tokens_used: 25000}"
_TOKENS = f'      - {{at: "10:00:00", every: 5m, repeat: $count, event: {_SPENT}}}'
_BY_IP = "entity: {source_ip: 203.0.113.7}"


def _filled(text: str, **values: str) -> str:
    return Template(text).substitute(values)


# kind: (title that fires, its events, what is expected, title that stays silent, its events)
_EXAMPLES: dict[str, tuple[str, str, str, str, str]] = {
    "single": (
        "a key is refused", _filled(_REFUSALS, count="1"), "events: 1",
        "a request that is answered", _filled(_SUCCESS, at="10:00:00"),
    ),
    "count": (
        "ten keys refused within ten minutes", _filled(_REFUSALS, count="10"), _BY_IP,
        "nine, as when somebody mistypes a key", _filled(_REFUSALS, count="9"),
    ),
    "sum": (
        "the budget of an hour is used up", _filled(_TOKENS, count="4"), "entity: {user_id: u-1}",
        "a busy but ordinary hour", _filled(_TOKENS, count="3"),
    ),
    "ordered": (
        "a refusal, then an answer", _filled(_REFUSALS, count="1") + "\n" + _filled(_SUCCESS, at="10:05:00"), _BY_IP,
        "the answer comes first, as with a key that expires",
        _filled(_SUCCESS, at="09:55:00") + "\n" + _filled(_REFUSALS, count="1"),
    ),
    "chain": (
        "ten keys refused, then one that works",
        _filled(_REFUSALS, count="10") + "\n" + _filled(_SUCCESS, at="10:05:00"), _BY_IP,
        "a key mistyped a few times, then the right one",
        _filled(_REFUSALS, count="3") + "\n" + _filled(_SUCCESS, at="10:05:00"),
    ),
}  # fmt: skip

KINDS = tuple(_EXAMPLES)


def rule_text(name: str, kind: str, new_id: Callable[[str], str] | None = None) -> str:
    """The rule's YAML: base rules first. ``new_id`` gives each document's id (default: derived from its name)."""
    ids = new_id or (lambda part: str(uuid5(NAMESPACE_URL, f"tollwatch:{part}")))
    title = name.replace("_", " ").capitalize()
    bases, between, body = _DOCUMENTS[kind]
    known = {"name": name, "title": title, "id": ids(name), "count_id": ids(f"{name}_many_refused")}
    documents = [
        _filled(_BASE, **known, part=part, part_title=part, part_id=ids(f"{name}_{part}"), code=code)
        for part, code in bases
    ]
    documents += [_filled(text, **known) for text in between]
    documents.append(_filled(_HEAD + body + _TAIL, **known))
    return "---\n".join(documents)


def cases_text(name: str, kind: str, file: PurePath) -> str:
    """The cases' YAML; ``file`` is where it will stand, relative to the repository's root."""
    fires, attack, expected, silent, benign = _EXAMPLES[kind]
    filled = _filled(_CASES, name=name, fires=fires, attack=attack, expected=expected, silent=silent, benign=benign)
    return modeline("case", file) + "\n" + filled


def config_text() -> str:
    """rules.toml with its defaults."""
    return (
        modeline("config", PurePath("rules.toml")) + "\n"
        "# Where the rules and their cases are, and how the logs carry the fields.\n"
        'rules = ["rules"]\nfixtures = ["fixtures"]\nprofile = "canonical"\n'
    )


WORKFLOW = """\
name: rules
on: [push, pull_request]
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.13"
      - run: pip install tollwatch
      - run: rules check --format github
      - run: rules test --format github
"""

PRE_COMMIT = """\
repos:
  - repo: local
    hooks:
      - id: rules-check
        name: rules check
        entry: rules check
        language: system
        pass_filenames: false
        files: \\.(yml|yaml|toml)$
      - id: rules-test
        name: rules test
        entry: rules test
        language: system
        pass_filenames: false
        files: ^(rules|fixtures)/
"""

GITIGNORE = ".venv/\n__pycache__/\n.pytest_cache/\n"

README = """\
# Detections

Each rule under `rules/` has its cases under `fixtures/`.

    pip install tollwatch
    rules check          # every mistake in the rules
    rules test           # run the cases
    rules run LOGS       # evaluate the rules on real logs
    rules new NAME       # another rule, with cases
"""
