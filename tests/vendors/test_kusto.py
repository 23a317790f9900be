"""Microsoft's parser accepts the shapes that the compilers write, and refuses what Kusto would."""

from __future__ import annotations

import pytest

from vendors import kusto
from vendors.finding import Finding

pytestmark = pytest.mark.vendor

TABLES = {
    "Events": {
        "TimeGenerated": "datetime",
        "source_ip": "string",
        "response_code": "long",
        "cost": "real",
        "reply to": "dynamic",
    }
}

BURST = """
let W = 10m;
Events
| where response_code == 401 and isnotempty(source_ip)
| project t = TimeGenerated, source_ip
| mv-expand delta = dynamic([1, -1]) to typeof(long)
| extend t = iff(delta == 1, t, t + W)
| sort by source_ip asc, t asc, delta desc
| extend n = row_cumsum(delta, source_ip != prev(source_ip))
| where delta == 1 and n >= 10
| summarize first_hit = min(t), last_hit = max(t), peak = max(n) by source_ip
"""

RUNNING_MAXIMUM = """
Events
| extend step = iff(response_code == 200, 2, 1)
| sort by source_ip asc, TimeGenerated asc, step desc
| scan declare (start1: datetime = datetime(null), k: string = '') with (
    step s: true => start1 = iff(step == 1, TimeGenerated, iff(source_ip == s.k, s.start1, datetime(null))),
        k = source_ip;)
| where step == 2 and isnotnull(start1) and TimeGenerated - start1 <= 15m
| project source_ip, start1
"""

ACCEPTED = {
    "burst": (
        BURST,
        (("source_ip", "string"), ("first_hit", "datetime"), ("last_hit", "datetime"), ("peak", "long")),
    ),
    "running maximum": (RUNNING_MAXIMUM, (("source_ip", "string"), ("start1", "datetime"))),
    "a name with a space": ("Events | project ['reply to']", (("reply to", "dynamic"),)),
    "a watchlist of Sentinel's": ("_GetWatchlist('vips') | project SearchKey", (("SearchKey", "string"),)),
    "missed: prev of rows in no order": (
        "Events | project before = prev(response_code)",
        (("before", "long"),),
    ),
    "missed: a regular expression that is none": (
        "Events | where source_ip matches regex '(' | project source_ip",
        (("source_ip", "string"),),
    ),
    "missed: a percentile of text": ("Events | summarize p = percentile(source_ip, 50)", (("p", "string"),)),
    "missed: text compared with a number": ("Events | where source_ip == 1 | count", (("Count", "long"),)),
}

REFUSED = {
    "unknown column": (
        "Events\n| where nope == 1",
        Finding(
            2, 9, "error", "KS142: The name 'nope' does not refer to any known column, table, variable or function."
        ),
    ),
    "unknown table": (
        "Other | take 1",
        Finding(
            1, 1, "error", "KS204: The name 'Other' does not refer to any known table, tabular variable or function."
        ),
    ),
    "unknown function": (
        "Events | extend x = bogus(response_code)",
        Finding(1, 21, "error", "KS211: The name 'bogus' does not refer to any known function."),
    ),
    "syntax": ("Events | where response_code ==", Finding(1, 32, "error", "KS006: Missing expression")),
    "text in an aggregate of numbers": (
        "Events | summarize avg(source_ip)",
        Finding(1, 20, "error", "KS127: The function 'avg' is not compatible with arguments (string)"),
    ),
    "a number in an operator of text": (
        "Events\r\n| where response_code contains '4'",
        Finding(2, 23, "error", "KS106: The operator 'contains' is not defined for the operand types long and string."),
    ),
}


@pytest.mark.parametrize(("query", "columns"), ACCEPTED.values(), ids=ACCEPTED)
def test_kusto_accepts_and_tells_the_columns(query: str, columns: tuple[tuple[str, str], ...]) -> None:
    assert kusto.analyse(query, TABLES) == kusto.Analysis((), columns)


@pytest.mark.parametrize(("query", "finding"), REFUSED.values(), ids=REFUSED)
def test_kusto_refuses(query: str, finding: Finding) -> None:
    assert kusto.check(query, TABLES) == (finding,)


def test_kusto_sees_only_the_tables_of_the_question() -> None:
    assert kusto.check("Other | project a", {"Other": {"a": "long"}}) == ()
    assert kusto.check("Other | project a", {"Other": {"b": "long"}}) != ()


def test_a_type_that_kusto_has_not_is_no_finding() -> None:
    with pytest.raises(ValueError, match=r"Kusto has no column type keyword \(column a\)"):
        kusto.check("T", {"T": {"a": "keyword"}})
