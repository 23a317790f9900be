"""Regular expressions: which engine runs them, and what is wrong with those that none can run."""

from __future__ import annotations

import pytest

from tollwatch.plan.nodes import Regex
from tollwatch.plan.regex import fault, is_portable, python_pattern


@pytest.mark.parametrize(
    ("pattern", "portable", "valid"),
    [
        ("a.*b", True, True),
        (r"\d{3}(?:x|y)", True, True),
        (r"\pL\z", True, True),
        ("(?i)a", True, True),
        ("(?=a)b", False, True),
        (r"(a)\1", False, True),
        ("a{1001}", False, True),
        ("(a", False, False),
        ("a**", False, False),
    ],
)
def test_engines(pattern: str, portable: bool, valid: bool) -> None:
    assert is_portable(Regex("f", pattern)) is portable
    assert (fault(Regex("f", pattern)) is None) is valid


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(?=a)a$", r"(?=a)a\Z"),
        (r"(?=a)\$$", r"(?=a)\$\Z"),
        ("(?=a)[$]$|b$", r"(?=a)[$]\Z|b\Z"),
        (r"(?=a)[]$\]$]$", r"(?=a)[]$\]$]\Z"),
        (r"(?=a)[^]$]\\$", r"(?=a)[^]$]\\\Z"),
        ("(?m)(?=a)a$", "(?m)(?=a)a$"),
    ],
)
def test_the_end_is_the_very_end(pattern: str, expected: str) -> None:
    """As in RE2: Python's ``$`` would also match before a last newline."""
    assert python_pattern(Regex("f", pattern)).pattern == expected


def test_lines_end_at_newlines_under_m() -> None:
    assert python_pattern(Regex("f", "(?=a)a$", multiline=True)).pattern == "(?=a)a$"
