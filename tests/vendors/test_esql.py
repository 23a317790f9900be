"""Elastic's ES|QL parser accepts the shapes that the compilers write, and refuses what the stack would."""

from __future__ import annotations

import pytest

from vendors import esql
from vendors.finding import Finding

pytestmark = pytest.mark.vendor

COLUMNS = {
    "@timestamp": "date",
    "code": "long",
    "source.ip": "ip",
    "user": "keyword",
    # Names that mean something in a mapping, and one that the query must quote.
    "type": "keyword",
    "properties": "keyword",
    "reply-to": "keyword",
}

OVERLAPPING_WINDOWS = """FROM logs-*
| WHERE code == 401 AND source.ip IS NOT NULL
| EVAL slot = TO_LONG(@timestamp) / 300000, k = [0,1,2,3,4,5,6,7,8,9,10,11]
| MV_EXPAND k
| EVAL w = slot + k
| STATS n = COUNT(*), first_seen = MIN(@timestamp), last_seen = MAX(@timestamp) BY source.ip, w
| WHERE n >= 10
"""

NTH_BEFORE_LAST = """FROM logs-*
| STATS fails = COUNT(*) WHERE code == 401, firsts = TOP(@timestamp, 10, "asc") WHERE code == 401,
    ok = MAX(@timestamp) WHERE code == 200 BY source.ip
| EVAL tenth = MV_MAX(firsts)
| WHERE fails >= 10 AND tenth < ok
"""

ACCEPTED = {
    "overlapping windows": OVERLAPPING_WINDOWS,
    "the tenth before the last": NTH_BEFORE_LAST,
    "names of a mapping's own": 'FROM logs | WHERE type == "a" AND properties == "b" AND `reply-to` == "c"',
    "missed: a sum of text": "FROM logs | STATS a = SUM(user)",
    "missed: an average of text": "FROM logs | STATS a = AVG(user)",
    "missed: an aggregate in EVAL": "FROM logs | EVAL n = COUNT(*)",
}

REFUSED = {
    "unknown column": ("FROM logs\n| WHERE nope == 1", Finding(2, 9, "error", "Unknown field 'nope'")),
    "column lost in STATS": (
        "FROM logs | STATS n = COUNT(*) BY user | WHERE code == 1",
        Finding(1, 48, "error", "Unknown column 'code'"),
    ),
    "unknown function": ("FROM logs | EVAL x = bogus(code)", Finding(1, 22, "error", "Unknown function BOGUS()")),
    "syntax": ("FROM logs | WHERE code ==", Finding(1, 26, "error", "no viable alternative at input 'code =='")),
    "a number compared with text": (
        'FROM logs | WHERE code == "x"',
        Finding(1, 19, "error", "Cannot compare types 'number' and 'string' with '=='"),
    ),
    "a number in a function of text": (
        "FROM logs | EVAL x = LENGTH(code)",
        Finding(1, 29, "error", "Function LENGTH() argument 1 has type 'number', expected one of ['string']"),
    ),
}


@pytest.mark.parametrize("version", esql.VERSIONS)
@pytest.mark.parametrize("query", ACCEPTED.values(), ids=ACCEPTED)
def test_esql_accepts(query: str, version: str) -> None:
    assert esql.check(query, version, COLUMNS) == ()


@pytest.mark.parametrize("version", esql.VERSIONS)
@pytest.mark.parametrize(("query", "finding"), REFUSED.values(), ids=REFUSED)
def test_esql_refuses(query: str, finding: Finding, version: str) -> None:
    assert esql.check(query, version, COLUMNS) == (finding,)


@pytest.mark.parametrize(("version", "accepted"), [("8.19", False), ("9.3", True), ("9.4", True), ("9.5", True)])
def test_esql_knows_what_a_version_has(version: str, accepted: bool) -> None:
    query = "FROM logs | INLINE STATS n = COUNT(*) BY user | WHERE n > 3"
    assert (esql.check(query, version, COLUMNS) == ()) is accepted


def test_esql_takes_no_version_without_a_grammar() -> None:
    with pytest.raises(ValueError, match=r"no ES\|QL grammar 9\.1: 8\.19, 9\.3, 9\.4, 9\.5"):
        esql.check("FROM logs", "9.1", COLUMNS)
