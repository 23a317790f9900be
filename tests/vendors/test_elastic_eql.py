"""Elastic's EQL parser and engine: what they accept, refuse and find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vendors import elastic_eql
from vendors.elastic_eql import Row
from vendors.finding import Finding
from vendors.tools import python_parser

pytestmark = pytest.mark.vendor

COLUMNS = {"@timestamp": "date", "code": "long", "source.ip": "ip", "user": "keyword", "event.category": "keyword"}

ACCEPTED = {
    "sequence": "sequence by source.ip with maxspan=10m [any where code == 401] [any where code == 200]",
    "runs": "sequence by source.ip with maxspan=10m [any where code == 401] with runs=9 [any where code == 200]",
    "absence": "sequence by user with maxspan=1m [any where code == 401] ![any where code == 200]",
    "sample": "sample by user [any where code == 401] [any where code == 200]",
    "wildcards": 'network where user : "a*" or user like~ ("b?", "c")',
}

REFUSED = {
    "unknown column": ("any where true and\n  nope == 1", Finding(2, 3, "error", "Field not recognized")),
    "unknown key": (
        "sequence by nope [any where true] [any where true]",
        Finding(1, 13, "error", "Field not recognized"),
    ),
    "unknown function": ("any where bogus(user)", Finding(1, 11, "error", "Unknown function bogus")),
    "syntax": ("any where user ==", Finding(1, 16, "error", "Invalid syntax")),
    "nothing": ("", Finding(1, 1, "error", "No text specified")),
    "text compared with a number": (
        "any where user == 1",
        Finding(1, 11, "error", "Invalid comparison of string to number"),
    ),
    "a number in an operator of text": ('any where code : "4"', Finding(1, 11, "error", "Expected string not number")),
    "two fields compared": (
        "any where user == source.ip",
        Finding(
            1,
            11,
            "error",
            "Comparisons against fields are not (currently) supported; offender [source.ip] in [==]",
        ),
    ),
    "missed: a name between backticks": (
        "any where `@timestamp` == 1",
        Finding(1, 11, "error", "Field not recognized"),
    ),
}


@pytest.mark.parametrize("query", ACCEPTED.values(), ids=ACCEPTED)
def test_eql_accepts(query: str) -> None:
    assert elastic_eql.check(query, COLUMNS) == ()


@pytest.mark.parametrize(("query", "finding"), REFUSED.values(), ids=REFUSED)
def test_eql_refuses(query: str, finding: Finding) -> None:
    assert elastic_eql.check(query, COLUMNS) == (finding,)


def row(seconds: float, ip: str, code: int, user: str = "Ann") -> Row:
    moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return {"@timestamp": moment, "source.ip": ip, "code": code, "user": user, "event.category": "api"}


FAIL, PASS = row(0, "a", 401), row(600, "a", 200)
LATE = (row(700, "b", 401), row(1300.000001, "b", 200))
ROWS = (PASS, FAIL, *LATE)
THEN = "[any where code == 401] [any where code == 200]"

RUNS = {
    "both ends of maxspan": (f"sequence by source.ip with maxspan=10m {THEN}", ROWS, [(FAIL, PASS)]),
    "one event": ("api where code == 200", ROWS, [(PASS,), (LATE[1],)]),
    "another category": ("network where code == 200", ROWS, []),
    "an event ends one run and begins the next": (
        "sequence by source.ip with maxspan=1m [any where code == 401] with runs=2",
        (row(0, "a", 401), row(1, "b", 401), row(2, "a", 401), row(3, "a", 401)),
        [(row(0, "a", 401), row(2, "a", 401)), (row(2, "a", 401), row(3, "a", 401))],
    ),
    "two steps take the last start": (
        f"sequence by user with maxspan=1m {THEN}",
        (row(0, "a", 401), row(1, "a", 401), row(2, "a", 200), row(3, "a", 200)),
        [(row(1, "a", 401), row(2, "a", 200))],
    ),
    "missed: == and keys tell no case": (
        'sequence by user with maxspan=10m [any where user == "ANN"] [any where code == 200]',
        (row(0, "a", 401, "Ann"), row(1, "a", 200, "aNN")),
        [(row(0, "a", 401, "Ann"), row(1, "a", 200, "aNN"))],
    ),
}


@pytest.mark.parametrize(("query", "rows", "found"), RUNS.values(), ids=RUNS)
def test_eql_finds(query: str, rows: tuple[Row, ...], found: list[tuple[Row, ...]]) -> None:
    assert elastic_eql.run(query, rows) == found


def test_eql_engine_refuses_a_fraction_of_a_second() -> None:
    with pytest.raises(ValueError, match="the engine counts a maxspan in whole seconds: 1500ms"):
        elastic_eql.run(f"sequence by user with maxspan=1500ms {THEN}", ROWS)


@pytest.mark.parametrize("name", ["absence", "sample"])
def test_eql_engine_refuses_what_it_computes_wrongly(name: str) -> None:
    with pytest.raises(eql_error(), match=r"not supported|Negative subquery"):
        elastic_eql.run(ACCEPTED[name], ROWS)


def eql_error() -> type[Exception]:
    error: type[Exception] = python_parser("eql").EqlSemanticError
    return error
