"""A Plan over events: hits, groups, episodes and what contributes to them, computed by hand."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tollwatch.evaluate.alerts import Alert, EventReference, Step, to_record
from tollwatch.evaluate.explain import explain
from tollwatch.evaluate.run import run
from tollwatch.logs.model import Events
from tollwatch.plan.nodes import (
    Aggregate,
    And,
    Column,
    GroupValue,
    Input,
    Measure,
    Node,
    Number,
    Plan,
    Reading,
    Search,
    Sequence,
    Window,
)
from tollwatch.sigma.model import AllOf, Expression, Header, LogSource, NoneOf, Op, Present, Threshold

SECOND = 1_000_000
W = 10 * SECOND
TYPES = {"code": pa.int64(), "ip": pa.string(), "user": pa.string(), "cost": pa.float64()}
Row = tuple[int, int, str | None, str | None, float | None]


def _events(rows: list[Row], file: str = "log.jsonl") -> Events:
    """Rows of (time in µs, code, ip, user, cost); the line numbers count from 1."""
    columns = zip(*[row[1:] for row in rows], strict=True) if rows else [[]] * 4
    frame = pd.DataFrame(
        {
            name: pd.Series(pa.array(list(column), type_), dtype=pd.ArrowDtype(type_))
            for (name, type_), column in zip(TYPES.items(), columns, strict=True)
        }
    )
    time = np.array([row[0] for row in rows], np.int64)
    return Events(frame, time, np.zeros(len(rows), np.int32), np.arange(1, len(rows) + 1), (file,))


def _header(key: str) -> Header:
    return Header(key, key, "rule.yml", 1, 1)


def _code(code: int) -> Search:
    return Search(_header(f"code_{code}"), Number("code", Decimal(code)), LogSource())


def _aggregate(
    measure: Measure,
    *nodes: Node,
    by: dict[str, Reading] | None = None,
    value: str | None = None,
    bounds: str = "gte 2",
    window: Window = Window.SLIDING,
    condition: Expression | None = None,
    percentile: str | None = None,
) -> Aggregate:
    """A correlation named after its measure; ``by`` maps group-by names to readings shared by all inputs."""
    keys = {"ip": Column("ip")} if by is None else by
    values = (Column(value),) if value else ()
    op, bound = bounds.split()
    return Aggregate(
        _header(measure),
        tuple(Input(node, tuple(keys.values()), values) for node in nodes),
        tuple(keys),
        W,
        measure,
        condition or Threshold(((Op(op), Decimal(bound)),)),
        window,
        Decimal(percentile) if percentile else None,
    )


def _seconds(alert: Alert) -> tuple[float, float, float, int, object, int]:
    """(first_seen, triggered_at, last_seen) in seconds, hits, peak, number of contributing events."""
    times = (alert.first_seen, alert.triggered_at, alert.last_seen)
    first, triggered, last = (time / SECOND for time in times)
    return first, triggered, last, alert.hits, alert.peak, alert.event_count


def _found(node: Node, rows: list[Row]) -> list[tuple[float, float, float, int, object, int]]:
    return [_seconds(alert) for alert in run(Plan((node,)), [_events(rows)]).alerts]


def _at(
    *times: float, code: int = 401, ip: str | None = "a", user: str | None = "u", cost: float | None = None
) -> list[Row]:
    return [(int(time * SECOND), code, ip, user, cost) for time in times]


COUNT = _aggregate(Measure.EVENTS, _code(401))
SUM = _aggregate(Measure.SUM, _code(401), value="cost", bounds="gte 0.3")


@pytest.mark.parametrize(
    ("node", "rows", "expected"),
    [
        pytest.param(COUNT, _at(0, 10), [(0, 10, 10, 1, 2, 2)], id="exactly W apart"),
        pytest.param(COUNT, _at(0, 10.000001), [], id="a microsecond more"),
        pytest.param(COUNT, _at(5, 5), [(5, 5, 5, 2, 2, 2)], id="at one time every hit sees all"),
        pytest.param(COUNT, _at(9, 0, 4), [(0, 4, 9, 2, 3, 3)], id="out of order"),
        pytest.param(COUNT, _at(0, 1, 30, 31), [(0, 1, 1, 1, 2, 2), (30, 31, 31, 1, 2, 2)], id="two episodes"),
        pytest.param(COUNT, _at(0, 1, 11, 21), [(0, 1, 21, 3, 2, 4)], id="hits W apart are one episode"),
        pytest.param(COUNT, _at(0, ip=None) + _at(1, ip=None), [], id="null keys belong to no group"),
        pytest.param(SUM, _at(0, 1, 2, cost=0.1), [(0, 2, 2, 1, 0.3, 3)], id="a sum of tenths does not drift"),
        pytest.param(
            _aggregate(Measure.SUM, _code(401), value="cost", bounds="gte 0"),
            _at(0, 1),
            [],
            id="nulls alone have no sum",
        ),
        pytest.param(
            _aggregate(Measure.DISTINCT, _code(401), value="user"),
            _at(0, user="x") + _at(1, user="x") + _at(2, user=None) + _at(3, user="y") + _at(4, user=None),
            [(0, 3, 4, 2, 2, 5)],
            id="distinct values, and a null is looked at too",
        ),
        pytest.param(
            _aggregate(Measure.EVENTS, _code(401), _code(401), bounds="gte 3"), _at(0, 1), [], id="an event counts once"
        ),
        pytest.param(
            _aggregate(Measure.EVENTS, _code(401), bounds="lt 2", window=Window.CALENDAR),
            _at(1, 2, 11, 25),
            [(11, 20, 30, 2, 1, 2)],
            id="calendar windows, neighbours in one episode",
        ),
        pytest.param(
            _aggregate(Measure.MEDIAN, _code(401), value="cost", bounds="gt 1", window=Window.CALENDAR),
            _at(1, cost=1) + _at(2, cost=1.5) + _at(3, cost=None) + _at(4, cost=9) + _at(5, cost=1),
            [(1, 10, 10, 1, 1.25, 5)],
            id="the median of four is the mean of the middle two",
        ),
        pytest.param(
            _aggregate(
                Measure.PERCENTILE, _code(401), value="cost", bounds="gte 9", window=Window.CALENDAR, percentile="75"
            ),
            _at(1, cost=1) + _at(2, cost=2) + _at(3, cost=9) + _at(4, cost=10),
            [(1, 10, 10, 1, 9, 4)],
            id="nearest rank",
        ),
        pytest.param(
            _aggregate(Measure.AVERAGE, _code(401), value="cost", bounds="eq 2", window=Window.CALENDAR),
            _at(1, 1, cost=1) + _at(9.5, 9.5, cost=3),
            [(1, 10, 10, 2, 2, 4)],
            id="a calendar hit is carried by every event at the last time",
        ),
        pytest.param(
            _aggregate(
                Measure.RULES,
                _code(401),
                _code(200),
                window=Window.CALENDAR,
                condition=AllOf((Present(0), NoneOf(Present(1)))),
            ),
            _at(1) + _at(11) + _at(12, code=200) + _at(21),
            [(1, 10, 10, 1, 1, 1), (21, 30, 30, 1, 1, 1)],
            id="a boolean condition with not",
        ),
    ],
)
def test_alerts(node: Node, rows: list[Row], expected: list[tuple[float, float, float, int, object, int]]) -> None:
    assert _found(node, rows) == expected


def _ordered(*nodes: Node, keys: tuple[Reading, ...] | None = None) -> Sequence:
    readings = keys or (Column("ip"),) * len(nodes)
    inputs = tuple(Input(node, (reading,)) for node, reading in zip(nodes, readings, strict=True))
    return Sequence(_header("ordered"), inputs, ("ip",), W)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(_at(0) + _at(10, code=200), [(0, 10, 10, 1, None, 2)], id="exactly W"),
        pytest.param(_at(0) + _at(10.000001, code=200), [], id="a microsecond too late"),
        pytest.param(_at(5) + _at(5, code=200), [], id="equal times have no order"),
        pytest.param(_at(5) + _at(4, code=200), [], id="the wrong order"),
        pytest.param(_at(0, 4, 4) + _at(6, code=200), [(4, 6, 6, 1, None, 3)], id="the latest start, all of its ties"),
        pytest.param(_at(0) + _at(6, code=200, ip="b"), [], id="another group"),
    ],
)
def test_ordered(rows: list[Row], expected: list[tuple[float, float, float, int, object, int]]) -> None:
    assert _found(_ordered(_code(401), _code(200)), rows) == expected


def test_three_steps_take_every_witness_of_the_latest_start() -> None:
    rows = _at(0) + _at(1, 2, code=403) + _at(3, code=200) + _at(4, code=403)
    alerts = run(Plan((_ordered(_code(401), _code(403), _code(200)),)), [_events(rows)]).alerts
    assert [[event.line for event in alert.events] for alert in alerts] == [[1, 2, 3, 4]]


def test_a_chain_tells_each_step() -> None:
    chain = _ordered(COUNT, _code(200), keys=(GroupValue(0), Column("ip")))
    rows = _at(0, 1, 2) + _at(5, code=200)
    (alert,) = run(Plan((chain,)), [_events(rows)]).alerts
    single = Step("code_401", 0, 0, 2 * SECOND, 3, None, 3)
    assert alert == Alert(
        rule="ordered",
        rule_id=None,
        title="ordered",
        level=None,
        tags=(),
        entity=(("ip", "a"),),
        first_seen=0,
        triggered_at=5 * SECOND,
        last_seen=5 * SECOND,
        hits=1,
        peak=None,
        event_count=4,
        events=tuple(EventReference("log.jsonl", line) for line in (1, 2, 3, 4)),
        steps=(
            Step("events", 0, 2 * SECOND, 2 * SECOND, 1, 3, 3, (single,)),
            Step("code_200", 5 * SECOND, 5 * SECOND, 5 * SECOND, 1, None, 1),
        ),
    )


def test_blocks_and_their_order_change_nothing() -> None:
    rows = _at(0, 3, 4, 20, 21) + _at(5, ip="b")
    whole = run(Plan((COUNT,)), [_events(rows)])
    parts = run(Plan((COUNT,)), [_events(rows[3:]), _events([]), _events(rows[:3])])
    times = [(alert.triggered_at, alert.last_seen, alert.hits) for alert in whole.alerts]
    assert [(alert.triggered_at, alert.last_seen, alert.hits) for alert in parts.alerts] == times
    assert (whole.events, parts.events, whole.left_out) == (6, 6, ())


def test_hits_without_a_group_are_counted() -> None:
    outcome = run(Plan((COUNT,)), [_events(_at(0, 1) + _at(2, ip=None))])
    assert (len(outcome.alerts), outcome.left_out) == (1, (("events", 1),))


def test_without_group_by_there_is_one_group() -> None:
    (alert,) = run(Plan((_aggregate(Measure.EVENTS, _code(401), by={}),)), [_events(_at(0) + _at(1, ip=None))]).alerts
    assert (alert.entity, alert.event_count) == ((), 2)


def test_events_of_another_log_source_are_not_searched() -> None:
    search = Search(_header("x"), Number("code", Decimal(401)), LogSource("ai_api", None, "gateway"))
    block = _events(_at(0))
    mine = Events(block.frame, block.time, block.file, block.line, block.files, sources=(("ai_api", None, "gateway"),))
    other = Events(block.frame, block.time, block.file, block.line, block.files, sources=(("ai_api", None, "control"),))
    assert [len(run(Plan((search,)), [events]).alerts) for events in (block, mine, other)] == [1, 1, 0]


def test_an_alert_as_the_record_that_is_printed() -> None:
    (alert,) = run(Plan((COUNT,)), [_events(_at(0, 1.5))]).alerts
    assert to_record(alert) == {
        "rule": "events",
        "rule_id": None,
        "title": "events",
        "level": None,
        "entity": {"ip": "a"},
        "first_seen": "1970-01-01T00:00:00.000000Z",
        "triggered_at": "1970-01-01T00:00:01.500000Z",
        "last_seen": "1970-01-01T00:00:01.500000Z",
        "hits": 1,
        "peak": 2,
        "event_count": 2,
        "events": [{"file": "log.jsonl", "line": 1}, {"file": "log.jsonl", "line": 2}],
        "tags": [],
    }


EARLIER = " (those there are came before it, or at the same time)"
TEN = _aggregate(Measure.EVENTS, _code(401), bounds="gte 10")


@pytest.mark.parametrize(
    ("node", "rows", "expected"),
    [
        pytest.param(
            TEN,
            _at(*range(9), 22) + _at(3, 4, 5, ip=None),
            [
                "events: no alert",
                "  events: a reached 9 of 10 at 00:00:08; the tenth came 12 s late; 3 events had no ip",
            ],
            id="one short, one late, some without a key",
        ),
        pytest.param(
            TEN,
            _at(0, code=200),
            ["events: no alert", "  events: no hit of code_401", "    code_401 matches 0 of 1 event"],
            id="nothing matches",
        ),
        pytest.param(
            _ordered(_code(401), _code(200)),
            _at(0) + _at(70, code=200),
            ["ordered: no alert", "  ordered: a took 1 m 10 s from code_401 to code_200, 1 m too long"],
            id="too slow",
        ),
        pytest.param(
            _ordered(_code(401), _code(200)),
            _at(5) + _at(5, code=200),
            [
                "ordered: no alert",
                "  ordered: step 1 of 2 (code_401) held at 00:00:05, but no hit of code_200 came after it" + EARLIER,
                "    code_200 matches 1 of 2 events",
            ],
            id="the wrong order",
        ),
        pytest.param(
            Search(_header("x"), And((_code(401).predicate, _code(200).predicate)), LogSource()),
            _at(0, 1) + _at(0, code=200),
            ["x: no alert", "  x matches 0 of 3 events; 2 events failed only at code: 200"],
            id="an item that events fail at alone",
        ),
        pytest.param(
            Search(_header("x"), And((_code(5).predicate, _code(6).predicate)), LogSource()),
            _at(0),
            ["x: no alert", "  x matches 0 of 1 event; none has code: 5; none has code: 6"],
            id="items that no event meets",
        ),
        pytest.param(
            COUNT,
            _at(0, 1),
            [
                "events: alert for a at 00:00:01 (1 hit until 00:00:01, peak 2; 2 events since 00:00:00)",
                "  code_401: 2 hits from 00:00:00 to 00:00:01",
            ],
            id="it fired",
        ),
    ],
)
def test_explanations(node: Node, rows: list[Row], expected: list[str]) -> None:
    assert list(explain(node, [_events(rows)]).lines) == expected


def test_an_explanation_of_one_entity() -> None:
    rows = _at(0, 1) + _at(0, ip="b")
    assert explain(COUNT, [_events(rows)], {"ip": "b"}).lines == (
        "events: no alert",
        "  events: b reached 1 of 2 at 00:00:00",
    )
