from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollwatch.cases.match import Differences, compare, describe_differences, differing
from tollwatch.cases.model import Expectation, Expected
from tollwatch.evaluate.alerts import Alert, Peak
from tollwatch.yaml_checked import Place

TEN = 1_772_359_200_000_000
PLACE = Place("cases.yml", 1, 1)


def alert(who: str = "a", at: int = TEN, hits: int = 1, peak: Peak = 10, level: str | None = "high") -> Alert:
    return Alert(
        "stuffing", None, "Stuffing", level, (), (("source_ip", who),), at - 1, at, at + 1, hits, peak, 31, (), ()
    )


def want(**given: Expected) -> Expectation:
    return Expectation(tuple(given.items()), PLACE)


def entity(who: str) -> tuple[tuple[str, str], ...]:
    return (("source_ip", who),)


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        pytest.param(want(), [], id="nothing given"),
        pytest.param(
            want(entity=entity("a"), first_seen=TEN - 1, triggered_at=TEN, last_seen=TEN + 1, hits=1, event_count=31),
            [],
            id="all met",
        ),
        pytest.param(want(peak=Decimal("10.0"), level="high"), [], id="a peak is a number"),
        pytest.param(want(peak=None), ["peak: expected null, got 10"], id="null is checked too"),
        pytest.param(want(level=None), ["level: expected null, got high"], id="no level"),
        pytest.param(want(entity=()), [], id="an entity's other names are free"),
        pytest.param(
            want(entity=(("source_ip", "a"), ("user_id", "u"))),
            ["entity: expected source_ip=a, user_id=u, got source_ip=a"],
            id="a name that the rule does not group by",
        ),
        pytest.param(
            want(entity=entity("b"), triggered_at=TEN + 1, hits=2, peak=Decimal(9), event_count=30),
            [
                "entity: expected source_ip=b, got source_ip=a",
                "triggered_at: expected 2026-03-01T10:00:00.000001Z, got 2026-03-01T10:00:00.000000Z",
                "hits: expected 2, got 1",
                "peak: expected 9, got 10",
                "event_count: expected 30, got 31",
            ],
            id="none met",
        ),
    ],
)
def test_what_differs(expectation: Expectation, expected: list[str]) -> None:
    assert list(differing(expectation, alert())) == expected


def test_a_statistic_is_met_by_its_decimals() -> None:
    assert not list(differing(want(peak=Decimal("33.3333333333")), alert(peak=100 / 3)))


def test_the_assignment_that_leaves_nothing_over_is_found() -> None:
    # Taken one by one, the first expectation would take the only alert that the second can have.
    assert compare([want(), want(hits=1)], [alert(hits=1), alert(hits=2)]) == Differences((), (), ())


@given(st.lists(st.integers(0, 3) | st.none(), max_size=5), st.lists(st.integers(0, 3), max_size=5))
def test_as_many_are_matched_as_can_be(wanted: list[int | None], came: list[int]) -> None:
    expected = [want() if hits is None else want(hits=hits) for hits in wanted]
    alerts = [alert(str(number), hits=hits) for number, hits in enumerate(came)]
    found = compare(expected, alerts)
    orders = permutations(range(max(len(came), len(wanted))), len(wanted))
    most = max(
        sum(j < len(came) and hits in {None, came[j]} for hits, j in zip(wanted, order, strict=True))
        for order in orders
    )
    assert len(wanted) - most == len(found.near) + len(found.missing)
    assert len(came) - most == len(found.near) + len(found.unexpected)


def test_the_rest_is_told_by_what_comes_nearest() -> None:
    close, far = alert("a", hits=3), alert("b")
    absent, other = want(entity=entity("c")), want(entity=entity("a"), hits=1)
    found = compare([absent, other], [far, close])
    assert found == Differences(((other, close, ("hits: expected 1, got 3",)),), (absent,), (far,))
    assert "\n".join(describe_differences(found, 2, 2)) == (
        "expected 2 alerts, got 2\n"
        "differs: stuffing for source_ip=a at 2026-03-01T10:00:00.000000Z (first seen 2026-03-01T09:59:59.999999Z, "
        "last seen 2026-03-01T10:00:00.000001Z, hits 3, peak 10, events 31)\n"
        "    hits: expected 1, got 3\n"
        "missing: an alert with entity source_ip=c\n"
        "not expected: stuffing for source_ip=b at 2026-03-01T10:00:00.000000Z (first seen "
        "2026-03-01T09:59:59.999999Z, last seen 2026-03-01T10:00:00.000001Z, hits 1, peak 10, events 31)"
    )


def test_a_flood_is_cut() -> None:
    lines = list(describe_differences(compare([], [alert(str(i)) for i in range(20)]), 0, 20))
    assert (lines[0], len(lines), lines[-1]) == ("expected no alert, got 20", 7, "    and 15 more")
