"""Every entry of SPL's tables has a case out of Splunk's documentation; what is not known is refused by its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tollwatch.errors import UsageError
from tollwatch.query.engines import check
from tollwatch.query.errors import QueryError
from tollwatch.query.spl.aggregates import AGGREGATES
from tollwatch.query.spl.functions import FUNCTIONS
from tollwatch.query.spl.macros import read_macros
from tollwatch.query.spl.parse import COMMANDS

CASES: list[dict[str, Any]] = [
    case
    for path in sorted((Path(__file__).parent / "documented" / "spl").glob("*.yml"))
    for case in yaml.safe_load(path.read_text("utf-8"))
]
GIVEN = "\n".join(case["query"] for case in CASES if "rows" in case)
NAMES = [name for name in (*FUNCTIONS, *AGGREGATES, *COMMANDS) if name.isalnum() and name != "negate"]


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_a_documented_case(name: str) -> None:
    number = r"\d+" if name in ("perc", "exactperc", "upperperc") else ""
    assert re.search(rf"\b{name}{number}\b", GIVEN, re.IGNORECASE)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("search x\n| where nosuch(a)=1", "2:9: the function nosuch is not known"),
        ("search x | stats nosuch(a)", "1:18: the aggregate nosuch is not known"),
        ("search x | chart count by a", "1:12: the command chart is not known"),
        ("search x |", "1:10: a pipe without a command"),
        ('search "x | head', "1:8: a quote that does not end"),
        ("search x | append [search y", "1:27: a bracket that does not end"),
        ("search x | eval a=", "1:18: ends too early"),
        ("search x | streamstats time_window=1h count", "1:24: the option time_window is not known here"),
        ("search x | eval a=b c", "1:21: cannot be read here: 'c'"),
        ("search x `m(1)`", "1:10: the macro m is not known: give its definition in a file of macros"),
    ],
)
def test_what_is_not_known_is_refused_where_it_stands(query: str, message: str) -> None:
    with pytest.raises(QueryError) as raised:
        check("spl", query, {})
    assert str(raised.value).split(" (near it")[0] == message


def test_a_macro_may_use_another() -> None:
    check("spl", "`one(5)` | head 1", {"one(n)": "`two` a=$n$", "two": "index=x"})
    with pytest.raises(QueryError, match="refers to itself"):
        check("spl", "`one`", {"one": "`one`"})


def test_macros_conf() -> None:
    text = "[web]\ndefinition = host=www* \\\n  status=200\n\n[code(2)]\nargs = a, b\ndefinition = x=$a$ y=$b$\n"
    assert read_macros(text) == {"web": "host=www*\nstatus=200", "code(a, b)": "x=$a$ y=$b$"}
    with pytest.raises(UsageError, match="does not name its arguments"):
        read_macros("[code(2)]\nargs = a\ndefinition = x\n")
