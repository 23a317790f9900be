from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollwatch.cases.expand import expand
from tollwatch.cases.model import Cycle, Items, Ramp, Record, Step, Template
from tollwatch.yaml_checked import Place

SECOND = 1_000_000
TEN = int(datetime(2026, 3, 1, 10, tzinfo=UTC).timestamp()) * SECOND


def step(template: Template = None, repeat: int = 1, every: int = 0, jitter: int = 0, index: int = 0) -> Step:
    return Step(index, TEN, every, repeat, jitter, Record((("x", template),)), Place("cases.yml", 1, 1))


def values(template: Template, repeat: int) -> list[object]:
    return [record["x"] for record in expand(step(template, repeat), "a case")]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param(401, [401] * 5, id="number"),
        pytest.param(None, [None] * 5, id="null"),
        pytest.param("u-{i}", ["u-0", "u-1", "u-2", "u-3", "u-4"], id="i counts from 0"),
        pytest.param("{i}/{i} {j}", ["0/0 {j}", "1/1 {j}", "2/2 {j}", "3/3 {j}", "4/4 {j}"], id="only {i} is replaced"),
        pytest.param(Cycle(("a", 2, "c{i}")), ["a", 2, "c2", "a", 2], id="a list cycles"),
        pytest.param(Cycle((Items(("a", "b{i}")),)), [["a", f"b{i}"] for i in range(5)], id="a list in a list"),
        pytest.param(Ramp(10, 20), [10, 13, 15, 18, 20], id="whole ramp, halves go up"),
        pytest.param(Ramp(20, 10), [20, 18, 15, 13, 10], id="falling ramp"),
        pytest.param(Ramp(0, 1.0), [0, 0.25, 0.5, 0.75, 1.0], id="ramp of decimals"),
        pytest.param(Record((("y", "{i}"),)), [{"y": str(i)} for i in range(5)], id="nested record"),
    ],
)
def test_values(template: Template, expected: list[object]) -> None:
    assert values(template, 5) == expected


def test_a_ramp_of_one_event_starts() -> None:
    assert values(Ramp(3, 9), 1) == [3]


def test_times() -> None:
    times = [record["timestamp"] for record in expand(step(repeat=3, every=40 * SECOND), "a case")]
    assert times == [TEN, TEN + 40 * SECOND, TEN + 80 * SECOND]


def test_jitter_is_the_same_on_every_machine() -> None:
    jittered = [record["timestamp"] for record in expand(step(repeat=4, jitter=SECOND), "a case")]
    assert jittered == [TEN + moved for moved in (-739_248, 104_276, -469_535, 145_315)]


@given(st.text(), st.integers(0, 9), st.integers(1, 10**9), st.integers(1, 20))
def test_jitter_stays_within_its_span_and_depends_on_name_step_and_i(
    case: str, index: int, jitter: int, repeat: int
) -> None:
    def moved(case: str, index: int) -> list[object]:
        return [record["timestamp"] for record in expand(step(None, repeat, 0, jitter, index), case)]

    found = moved(case, index)
    assert found == moved(case, index)
    assert all(isinstance(time, int) and abs(time - TEN) <= jitter for time in found)
    if jitter > 10**6 and repeat > 3:
        assert found != moved(case, index + 1)
        assert found != moved(case + "x", index)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12), st.integers(2, 50))
def test_a_whole_ramp_meets_both_ends_and_never_turns(first: int, last: int, count: int) -> None:
    found = values(Ramp(first, last), count)
    assert (found[0], found[-1]) == (first, last)
    assert found == sorted(found, reverse=first > last)  # type: ignore[type-var]  # all are numbers
