"""Grafana's LogQL parser accepts the shapes that the compilers write, and refuses what it cannot read."""

from __future__ import annotations

import pytest

from vendors import logql
from vendors.finding import Finding

pytestmark = pytest.mark.vendor

ACCEPTED = {
    "count in a window": 'sum by (ip) (count_over_time({app="x"} | json | code = `401` [600001ms])) > 9',
    "order": """max_over_time({app="x"} | json | code=`200` | unwrap ts [5m]) by (ip)
> on (ip) min_over_time({app="x"} | json | code=`401` | unwrap ts [5m]) by (ip)""",
    "missed: a sum of nothing": 'sum_over_time({app="x"}[5m])',
}

REFUSED = {
    "nothing": ("", (Finding(1, 1, "error", "cannot be read: ''"),)),
    "unknown parser": ('{app="é😀"} | jsn x', (Finding(1, 18, "error", "cannot be read: 'x'"),)),
    "no field": ('{app="x"}\n| json\n| = 3', (Finding(3, 3, "error", "cannot be read: ''"),)),
    "open bracket": ('sum(count_over_time({a="b"}[5m])', (Finding(1, 33, "error", "cannot be read: ''"),)),
    "unknown function": (
        'foo_over_time({a="b"}[5m])',
        (
            Finding(1, 1, "error", "cannot be read: 'foo_over_time'"),
            Finding(1, 22, "error", "cannot be read: '['"),
            Finding(1, 23, "error", "cannot be read: '5m]'"),
        ),
    ),
}


@pytest.mark.parametrize("query", ACCEPTED.values(), ids=ACCEPTED)
def test_logql_accepts(query: str) -> None:
    assert logql.check(query) == ()


@pytest.mark.parametrize(("query", "findings"), REFUSED.values(), ids=REFUSED)
def test_logql_refuses(query: str, findings: tuple[Finding, ...]) -> None:
    assert logql.check(query) == findings
