"""From a correlation to a Program (semantics, "How exact sliding windows are reached").

The rows are the events, told apart by time, flags, keys and counted values; each correlation, children first, adds the
column that says which rows are its hits. At the end the root's hits become episodes.
"""

from __future__ import annotations

from typing import assert_never

from tollwatch.compile.calendars import calendar
from tollwatch.compile.draft import EVENTS, MICRO, ONE, TIME, ZERO, Draft, every
from tollwatch.compile.outline import Correlation, correlations, is_calendar, looks_down
from tollwatch.compile.sliding import ordered, sweep, together
from tollwatch.compile.steps import (
    Base,
    Binary,
    Bound,
    Choose,
    Collapse,
    Edge,
    Extend,
    Function,
    HasValue,
    IsSet,
    Keep,
    Kind,
    Missing,
    Note,
    Operation,
    Order,
    Program,
    Ref,
    Result,
    Running,
    Scalar,
    Take,
)
from tollwatch.plan.nodes import Aggregate, Measure, Search, Sequence


def program(root: Correlation, *, scheduled: bool) -> Program:
    """The program whose result is one row an episode: the entity, first_seen, triggered_at, last_seen, hits, peak.

    Raises:
        Refused: an event that would count twice, where group-by fields differ between the rules.
    """
    draft = Draft(root, scheduled)
    for node in correlations(root):
        _reserve(draft, node)
    if draft.same_keys():
        draft.keep(*(HasValue(key) for key in draft.keys(root)))
    for node in correlations(root):
        _correlation(draft, node)
    counted = _count_hits_once(draft)
    _episodes(draft)
    gives = ["first_seen", "last_seen", "hits", "peak"]
    if not draft.tells_first():
        gives.remove("first_seen")
        draft.limits.append("first_seen is that of the deciding hits; contributing events may be earlier")
    if not counted:
        gives.remove("hits")
        draft.limits.append("hits may count an event twice that is a hit of two rules")
    base = Base(tuple(draft.branch(group) for group in draft.groups), tuple(draft.columns))
    entity = tuple(zip(root.group_by, draft.keys(root), strict=True))
    result = Result(entity, *_peak(draft))
    return Program(
        base, tuple(draft.constants), tuple(draft.steps), result, root.timespan, tuple(gives), tuple(draft.limits)
    )


def _reserve(draft: Draft, node: Correlation) -> None:
    """Ask for the columns that tell rows apart, before anything rests on which rows are alike."""
    draft.keys(node)
    if isinstance(node, Aggregate):
        match node.measure:
            case Measure.DISTINCT:
                draft.values(node, Take.KEY)
            case Measure.MEDIAN | Measure.PERCENTILE:
                draft.values(node, Take.AMOUNT, MICRO)
            case _:
                pass


def _correlation(draft: Draft, node: Correlation) -> None:
    draft.steps.append(Note(f"{draft.called[node]}: {node.header.title}"))
    draft.span(node)
    match node:
        case Sequence():
            ordered(draft, node)
        case Aggregate() if is_calendar(node):
            calendar(draft, node)
        case Aggregate(measure=Measure.RULES):
            together(draft, node)
            _own_first(draft, node)
        case Aggregate():
            sweep(draft, node)
        case _:
            assert_never(node)


def _own_first(draft: Draft, node: Aggregate) -> None:
    """Below another correlation nobody can tell the first event of a temporal; then no first_seen is promised."""
    if node != draft.root and draft.tells_first():
        draft.steps.append(Extend(((draft.column(node, "first"), draft.row_first(node), Kind.TIME),)))


def _count_hits_once(draft: Draft) -> bool:
    """Whether each hit of the root counts once; sees to it where that can be told."""
    node = draft.root
    last = len(node.inputs) - 1 if isinstance(node, Sequence) else None
    if not draft.twice(node, last):
        return True
    told = last is None and all(isinstance(part.node, Search) for part in node.inputs)
    if told:
        draft.mark_repeats(node)
    return told


# ---------------------------------------------------------------- episodes


def _episodes(draft: Draft) -> None:
    """Hits of one group that follow each other by no more than the timespan are one episode."""
    node, by = draft.root, draft.keys(draft.root)
    hit, by_hit = IsSet(draft.flag(node)), (Order("next_hit"),)
    draft.steps.append(Note("episodes: hits of one group at most one timespan apart"))
    if isinstance(node, Sequence) or is_calendar(node):
        draft.keep(hit)
        draft.steps.append(Extend((("next_hit", Ref(TIME), Kind.TIME),)))
        first: Scalar = draft.first(node) if draft.tells_first() else _start(draft, node)
    else:
        first = _windows_of_hits(draft, node, hit)
    apart = Operation(Binary.MINUS, Ref("next_hit"), Ref("previous_hit"))
    near = Operation(Binary.LTE, apart, draft.span(node))
    draft.steps += [
        Running("previous_hit", Function.LATEST, Ref("next_hit"), by, by_hit, Kind.TIME, current=False, dense=True),
        Extend((("starts_episode", Choose(near, ZERO, ONE), Kind.WHOLE),)),
        Running("episode", Function.SUM, Ref("starts_episode"), by, by_hit, Kind.WHOLE),
        Collapse((*by, "episode"), _aggregates(draft, first, hit)),
    ]
    if draft.scheduled:
        fresh = Operation(Binary.GT, Ref("triggered_at"), Bound(Edge.FRESH))
        due = Operation(Binary.LTE, Ref("triggered_at"), Bound(Edge.END))
        draft.steps.append(Keep(every(fresh, due)))


def _start(draft: Draft, node: Correlation) -> Ref:
    """The nearest to a first event that is known without computing more."""
    return Ref(draft.column(node, f"start_{len(node.inputs)}")) if isinstance(node, Sequence) else Ref(TIME)


def _windows_of_hits(draft: Draft, node: Correlation, hit: Scalar) -> Scalar:
    """Keep the rows that stand in the window of some hit: those with a next hit within the timespan."""
    draft.keep(*draft.live(node))
    first = draft.row_first(node)
    is_hit = Choose(hit, Ref(TIME), Missing(Kind.TIME))
    back = (Order(TIME, descending=True),)
    draft.steps.append(Running("next_hit", Function.LATEST, is_hit, draft.keys(node), back, Kind.TIME))
    ahead = Operation(Binary.MINUS, Ref("next_hit"), Ref(TIME))
    draft.keep(Operation(Binary.LTE, ahead, draft.span(node)))
    return first


def _aggregates(draft: Draft, first: Scalar, hit: Scalar) -> tuple[tuple[str, Function, Scalar], ...]:
    node = draft.root
    found = [
        ("first_seen", Function.MIN, first),
        ("triggered_at", Function.MIN, Ref("next_hit")),
        ("last_seen", Function.MAX, Ref("next_hit")),
        ("hits", Function.SUM, Choose(hit, draft.once(node, Ref(EVENTS)), ZERO)),
    ]
    if isinstance(node, Aggregate):
        value: Scalar = Ref(draft.measured(node))
        if node.measure is Measure.AVERAGE:
            value = Operation(Binary.OVER, value, Ref(draft.column(node, "known")))
        kind = Kind.NUMBER if node.measure is Measure.AVERAGE else Kind.WHOLE
        best = Choose(hit, value, Missing(kind))
        found.append(("peak", Function.MIN if looks_down(node) else Function.MAX, best))
    return tuple(found)


def _peak(draft: Draft) -> tuple[str | None, int]:
    """The result's column of the peak, and how many of its units make one of the rule's."""
    node = draft.root
    if isinstance(node, Sequence):
        return None, 1
    match node.measure:
        case Measure.SUM | Measure.AVERAGE:
            return "peak", draft.unit(node)
        case Measure.MEDIAN | Measure.PERCENTILE:
            return "peak", 2 * MICRO
        case _:
            return "peak", 1
