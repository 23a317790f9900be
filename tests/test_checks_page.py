"""docs/checks.md says what the checks' docstrings say; ``python tests/test_checks_page.py`` writes it anew."""

from __future__ import annotations

import inspect
from pathlib import Path

from tollwatch.lint.check import Check
from tollwatch.lint.registry import CHECKS

PAGE = Path(__file__).parents[1] / "docs" / "checks.md"
OPENING = """# Checks

`rules check` parses the rules and then looks for what can be read but should not be merged. Each check has a code;
`disable` under `[lint]` in `rules.toml` switches it off. Codes that begin otherwise (`SIG`, `PLN`, `FIT`, …) are
mistakes that make a rule unusable, and cannot be switched off.
"""


def section(check: Check) -> str:
    text = inspect.cleandoc(check.documentation).replace("``", "`")
    what, why = text.split("\n\nWhy: ")
    why, how = why.split("\nHow: ")
    return f"\n## {check.code} ({check.severity})\n{what}\n\n*Why:* {why}\n\n*How to mend it:* {how}\n"


def rendered() -> str:
    return OPENING + "".join(map(section, CHECKS))


def test_page_says_what_the_checks_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == rendered()


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
