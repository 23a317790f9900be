"""Calendar windows as steps: what more events can make false again, and the statistics.

Semantics, "Sliding and calendar".
"""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

from tollwatch.compile.draft import (
    EVENTS,
    MICRO,
    ONE,
    SIGHTS,
    TIME,
    ZERO,
    Draft,
    as_flag,
    equals,
    every,
    expression,
    weighs,
    where,
)
from tollwatch.compile.sliding import added
from tollwatch.compile.steps import (
    Binary,
    Bound,
    Choose,
    Edge,
    Extend,
    Function,
    HasValue,
    Int,
    Kind,
    Missing,
    Operation,
    Order,
    Ref,
    Running,
    Scalar,
    Take,
    Ties,
    WindowStart,
)
from tollwatch.plan.nodes import Aggregate, Measure
from tollwatch.sigma.model import Threshold


def calendar(draft: Draft, node: Aggregate) -> None:
    """Judges each window as a whole. Its hit is at the window's end, carried by every event of its last time."""
    window, last = draft.column(node, "window"), draft.column(node, "last")
    by = (*draft.keys(node), window)
    live = draft.live(node)
    counted = every(*live, weighs()) if draft.looked_on(node) else every(*live)
    draft.steps += [
        Extend(((window, WindowStart(Ref(TIME), node.timespan), Kind.TIME),)),
        Ties(last, Function.MAX, _present(counted, Ref(TIME)), by, Kind.TIME),
    ]
    conditions = _measure(draft, node, by, counted)
    end = Operation(Binary.PLUS, Ref(window), draft.span(node))
    first = draft.row_first(node)
    if draft.tells_first():
        draft.steps.append(Ties(draft.column(node, "first"), Function.MIN, _present(counted, first), by, Kind.TIME))
    at_last = Operation(Binary.EQ, Ref(TIME), Ref(last))
    draft.hit(node, (*live, at_last, *conditions, *_complete(draft, window, end)))
    within = draft.within(node)
    moved = Choose(every(*within), end, Ref(TIME)) if within else end
    draft.steps.append(Extend(((TIME, moved, Kind.TIME),)))


def _complete(draft: Draft, window: str, end: Scalar) -> tuple[Scalar, ...]:
    """In a scheduled run, only windows that lie wholly in what is looked at."""
    if not draft.scheduled:
        return ()
    return (
        Operation(Binary.GTE, Ref(window), Bound(Edge.START)),
        Operation(Binary.LTE, end, Bound(Edge.END)),
    )


def _present(counted: Scalar, value: Scalar) -> Scalar:
    return Choose(counted, value, Missing(Kind.TIME))


def _measure(draft: Draft, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> tuple[Scalar, ...]:
    """Measures each window; the conditions on it."""
    name = draft.measured(node)
    match node.measure:
        case Measure.RULES:
            return _rules(draft, node, by, counted)
        case Measure.EVENTS:
            draft.count_once(node)
            _total(draft, name, where(counted, draft.once(node, Ref(EVENTS))), by)
            return (draft.meets(node, Ref(name), 1),)
        case Measure.DISTINCT:
            _distinct(draft, node, by, counted)
            return (draft.meets(node, Ref(name), 1),)
        case Measure.SUM | Measure.AVERAGE:
            return _sum(draft, node, by, counted)
        case Measure.MEDIAN | Measure.PERCENTILE:
            return _ranked(draft, node, by, counted)
        case _:
            assert_never(node.measure)


def _total(draft: Draft, name: str, of: Scalar, by: tuple[str, ...]) -> None:
    draft.steps.append(Ties(name, Function.SUM, of, by, Kind.WHOLE))


def _rules(draft: Draft, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> tuple[Scalar, ...]:
    flags = [draft.column(node, f"has_{number + 1}") for number in range(len(node.inputs))]
    for number, flag in enumerate(flags):
        seen = as_flag(every(counted, draft.fed_by(node, number)))
        draft.steps.append(Ties(flag, Function.MAX, seen, by, Kind.WHOLE))
    name = draft.measured(node)
    draft.steps.append(Extend(((name, added([Ref(flag) for flag in flags]), Kind.WHOLE),)))
    if isinstance(node.condition, Threshold):
        return (draft.meets(node, Ref(name), 1),)
    return (expression(node.condition, flags),)


def _distinct(draft: Draft, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> None:
    """Counts the first sight of each value in the window."""
    values = draft.values(node, Take.KEY)
    valued = every(counted, *(HasValue(value) for value in values))
    pair = tuple(dict.fromkeys((*by, *values)))
    draft.steps.append(Running(SIGHTS, Function.SUM, as_flag(valued), pair, (Order(TIME),), Kind.WHOLE))
    _total(draft, draft.measured(node), as_flag(every(valued, equals(SIGHTS, 1))), by)


def _sum(draft: Draft, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> tuple[Scalar, ...]:
    draft.count_once(node)
    unit = draft.unit(node)
    (amount,), (count,) = draft.values(node, Take.TOTAL, unit), draft.values(node, Take.KNOWN, unit)
    total, known = draft.measured(node), draft.column(node, "known")
    _total(draft, total, where(counted, draft.once(node, Ref(amount))), by)
    _total(draft, known, where(counted, draft.once(node, Ref(count))), by)
    some = Operation(Binary.GT, Ref(known), ZERO)
    times = known if node.measure is Measure.AVERAGE else None
    return (some, draft.meets(node, Ref(total), unit, times))


def _ranked(draft: Draft, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> tuple[Scalar, ...]:
    """Twice the value at a rank (of a median, the middle two added): the least value whose rank reaches it."""
    draft.count_once(node)
    (value,) = draft.values(node, Take.AMOUNT, MICRO)
    rank, known = draft.column(node, "rank"), draft.column(node, "known")
    valued = every(counted, HasValue(value))
    weight = where(valued, draft.once(node, Ref(EVENTS)))
    _total(draft, known, weight, by)
    draft.steps.append(Running(rank, Function.SUM, weight, by, (Order(value),), Kind.WHOLE))
    middle = [draft.column(node, "lower"), draft.column(node, "upper")]
    reached = _reached(node, rank, known)
    for name, reaches in zip(middle, reached, strict=False):
        least = Choose(every(valued, reaches), Ref(value), Missing(Kind.WHOLE))
        draft.steps.append(Ties(name, Function.MIN, least, by, Kind.WHOLE))
    total = Operation(Binary.PLUS, Ref(middle[0]), Ref(middle[len(reached) - 1]))
    draft.steps.append(Extend(((draft.measured(node), total, Kind.WHOLE),)))
    some = Operation(Binary.GT, Ref(known), ZERO)
    return (some, draft.meets(node, Ref(draft.measured(node)), 2 * MICRO))


def _reached(node: Aggregate, rank: str, known: str) -> tuple[Scalar, ...]:
    """Whether the rank reaches ⌈p·n/100⌉; for the median, ⌈n/2⌉ and ⌊n/2⌋ + 1. All in whole numbers."""
    if node.measure is Measure.MEDIAN:
        double = Operation(Binary.TIMES, Int(2), Ref(rank))
        return (Operation(Binary.GTE, double, Ref(known)), Operation(Binary.GT, double, Ref(known)))
    share = Decimal(50) if node.percentile is None else node.percentile
    top, bottom = (share / 100).as_integer_ratio()
    far = Operation(Binary.TIMES, Int(bottom), Ref(rank))
    wanted = Operation(Binary.TIMES, Int(top), Ref(known))
    return (every(Operation(Binary.GTE, far, wanted), Operation(Binary.GTE, Ref(rank), ONE)),)
