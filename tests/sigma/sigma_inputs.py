"""What the tests of reading rules share: rules as text, and diagnostics in short."""

from __future__ import annotations

from pathlib import Path

from tollwatch.sigma.load import load
from tollwatch.sigma.model import RuleSet

FIELDS = {"ai_api": frozenset({"user_id", "source_ip", "response_code", "model_id", "tokens_used", "user_agent"})}

# One event rule, 6 lines; the tests' own text follows it from line 8 on.
FAILURE = """\
title: A failed request
name: failure
logsource: {category: ai_api, service: gateway}
detection:
  selection: {response_code: 401}
  condition: selection
"""
SUCCESS = """\
title: A request
name: success
logsource: {category: ai_api, service: gateway}
detection:
  selection: {response_code: 200}
  condition: selection
"""


def load_text(folder: Path, *texts: str) -> RuleSet:
    """The rules of these texts, each in a file of its own: a.yml, b.yml, c.yml."""
    files = [folder / f"{name}.yml" for name, _ in zip(("a", "b", "c"), texts, strict=False)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, "utf-8")
    return load(files, placeholders={"admins": ("root", "ops"), "empty": ()}, known_fields=FIELDS)


def short(rules: RuleSet) -> list[tuple[str, int, int, str, str | None]]:
    """Code, line, column, message and hint of each diagnostic."""
    return [(d.code, d.line, d.column, d.message, d.hint) for d in rules.diagnostics]


def keys(rules: RuleSet) -> list[str]:
    return [rule.header.key for rule in rules]
