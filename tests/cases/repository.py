"""A small detection repository in a folder, for tests."""

from __future__ import annotations

from pathlib import Path

RULE = """\
title: Refused keys
id: 5d2f3f9e-7f5c-4a4e-9e58-6a1f0d3f6c11
name: refused_key
status: experimental
logsource: {category: ai_api, service: gateway}
detection:
  refused:
    response_code: 401
  condition: refused
level: low
---
title: Many refused keys from one address
id: 0a8f7a34-1df4-4f0a-8a55-2f6f6ac2b7b0
name: many_refused_keys
status: experimental
correlation:
  type: event_count
  rules: [refused_key]
  group-by: [source_ip]
  timespan: 10m
  condition: {gte: 3}
level: high
"""

CASES = """\
rule: many_refused_keys
cases:
  - name: three refused keys from one address
    events:
      - {at: "10:00:00", every: 40s, repeat: 3, event: {source_ip: 203.0.113.7, response_code: 401}}
    expect:
      - entity: {source_ip: 203.0.113.7}
        first_seen: 10:00:00
        triggered_at: 10:01:20
        last_seen: 2026-03-01T10:01:20Z
        hits: 1
        peak: 3
        events: 3
        level: high
  - name: a user who mistypes a key twice
    events:
      - {at: "10:00:00", every: 40s, repeat: 2, event: {source_ip: 203.0.113.7, response_code: 401}}
    expect: none
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write texts below the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def repository(folder: Path, **changed: str) -> Path:
    """rules.toml, a rule with its base rule, and its cases; ``changed`` gives the text of cases, rule or toml."""
    return write(
        folder,
        {
            "rules.toml": changed.get("toml", ""),
            "rules/refused.yml": changed.get("rule", RULE),
            "fixtures/refused/cases.yml": changed.get("cases", CASES),
        },
    )
