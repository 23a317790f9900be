"""Sliding windows as steps: counts, sums and distinct values by the sweep line, rules together and rules in order.

A sweep sees each event twice: as it enters its window, and in a copy, one timespan later, as it leaves.
"""

from __future__ import annotations

from tollwatch.compile.draft import (
    AT,
    CHANGE,
    EVENTS,
    LEAVING,
    ONE,
    SIGHTS,
    TIME,
    ZERO,
    Draft,
    as_flag,
    equals,
    every,
    expression,
    leaves,
    weighs,
)
from tollwatch.compile.outline import exclusive, searches_of
from tollwatch.compile.steps import (
    Binary,
    Choose,
    Extend,
    Function,
    HasRole,
    HasValue,
    Int,
    Kind,
    Missing,
    Never,
    Operation,
    Order,
    OrElse,
    Ref,
    Running,
    Scalar,
    Take,
    Ties,
    Unless,
)
from tollwatch.plan.nodes import Aggregate, Measure, Sequence
from tollwatch.sigma.model import Op, Threshold

_SWEEP = (Order(AT), Order(LEAVING))  # what enters at a moment does so before anything leaves: both ends are included
_BACK = (Order(AT, descending=True), Order(LEAVING, descending=True))


def sweep(draft: Draft, node: Aggregate) -> None:
    """event_count, value_sum and value_count that more events can only help."""
    draft.count_once(node)
    moved = Operation(Binary.PLUS, Ref(TIME), draft.span(node))
    draft.steps += [
        Extend(((LEAVING, as_flag(HasRole(draft.role(node))), Kind.WHOLE),)),
        Extend(((AT, Choose(leaves(), moved, Ref(TIME)), Kind.TIME),)),
    ]
    known = _measure(draft, node)
    if node != draft.root and draft.tells_first():
        _first_in_window(draft, node)
    draft.keep(Unless(leaves()))
    unit = draft.unit(node) if node.measure is Measure.SUM else 1
    total = draft.measured(node)
    _share(draft, node, total)
    if known is not None:
        _share(draft, node, known)
    some = () if known is None else (Operation(Binary.GT, Ref(known), ZERO),)
    draft.hit(node, (*draft.live(node), *some, draft.meets(node, Ref(total), unit)))


def _share(draft: Draft, node: Aggregate, name: str) -> None:
    """All rows of one moment have what the last of them to enter has."""
    if not draft.single(node):
        draft.steps.append(Ties(name, Function.MAX, Ref(name), (*draft.keys(node), TIME), Kind.WHOLE))


def _measure(draft: Draft, node: Aggregate) -> str | None:
    """Sweeps the measure; of a sum that 0 would meet, also how many values there are, and gives that column."""
    if node.measure is Measure.DISTINCT:
        _presence(draft, node)
        return None
    if node.measure is Measure.EVENTS:
        _total(draft, node, draft.measured(node), Ref(EVENTS))
        return None
    unit = draft.unit(node)
    (amount,) = draft.values(node, Take.TOTAL, unit)
    _total(draft, node, draft.measured(node), Ref(amount))
    if not zero_meets(node):
        return None
    (count,) = draft.values(node, Take.KNOWN, unit)
    known = draft.column(node, "known")
    _total(draft, node, known, Ref(count))
    return known


def _total(draft: Draft, node: Aggregate, name: str, amount: Scalar) -> None:
    weighed = _weighed(draft, node, draft.once(node, amount))
    draft.steps.append(Running(name, Function.SUM, weighed, draft.keys(node), _SWEEP, Kind.WHOLE))


def _weighed(draft: Draft, node: Aggregate, amount: Scalar) -> Scalar:
    """The amount as the row enters, less it as it leaves, nothing for a row that only looks on."""
    entering = Choose(weighs(), amount, ZERO) if draft.looked_on(node) else amount
    negative = Int(-1) if amount == ONE else Operation(Binary.MINUS, ZERO, amount)
    weighed = Choose(leaves(), negative, entering)
    live = draft.live(node)
    return Choose(every(*live), weighed, ZERO) if live else weighed


def _presence(draft: Draft, node: Aggregate) -> None:
    """A value is there from its first sight until all sights of it have left; only those moments change the count."""
    by, values = draft.keys(node), draft.values(node, Take.KEY)
    valued = every(*(HasValue(value) for value in values))
    weighed = Choose(valued, _weighed(draft, node, ONE), ZERO)
    appears = every(equals(CHANGE, 1), equals(SIGHTS, 1))
    vanishes = every(equals(CHANGE, -1), equals(SIGHTS, 0))
    change = Choose(appears, ONE, Choose(vanishes, Int(-1), ZERO))
    pair = tuple(dict.fromkeys((*by, *values)))
    draft.steps += [
        Extend(((CHANGE, weighed, Kind.WHOLE),)),
        Running(SIGHTS, Function.SUM, Ref(CHANGE), pair, _SWEEP, Kind.WHOLE),
        Running(draft.measured(node), Function.SUM, change, by, _SWEEP, Kind.WHOLE),
    ]


def _first_in_window(draft: Draft, node: Aggregate) -> None:
    """The earliest row of a window is the next one to leave it."""
    first = draft.row_first(node)
    value = Choose(every(leaves(), *draft.live(node)), first, Missing(Kind.TIME))
    draft.steps.append(Running(draft.column(node, "first"), Function.LATEST, value, draft.keys(node), _BACK, Kind.TIME))


def zero_meets(node: Aggregate) -> bool:
    """Whether a sum of 0 meets the condition, so that it must be told from a sum of nulls alone."""
    bounds = node.condition.bounds if isinstance(node.condition, Threshold) else ()
    return all((op is Op.GTE and bound <= 0) or (op is Op.GT and bound < 0) for op, bound in bounds)


# ---------------------------------------------------------------- rules together


def together(draft: Draft, node: Aggregate) -> None:
    """temporal: which rules have a hit in the timespan up to the row."""
    present: list[Scalar] = []
    for number in range(len(node.inputs)):
        last = draft.column(node, f"seen_{number + 1}")
        _last_hit(draft, node, number, last)
        since = Operation(Binary.MINUS, Ref(TIME), Ref(last))
        present.append(Operation(Binary.LTE, since, draft.span(node)))
    flags = [draft.column(node, f"has_{number + 1}") for number in range(len(node.inputs))]
    columns = tuple((name, as_flag(holds), Kind.WHOLE) for name, holds in zip(flags, present, strict=True))
    draft.steps += [
        Extend(columns),
        Extend(((draft.measured(node), added([Ref(name) for name in flags]), Kind.WHOLE),)),
    ]
    if isinstance(node.condition, Threshold):
        condition = draft.meets(node, Ref(draft.measured(node)), 1)
    else:
        condition = expression(node.condition, flags)
    draft.hit(node, (*draft.live(node), condition))


def _last_hit(draft: Draft, node: Aggregate, number: int, last: str) -> None:
    """The time of the rule's last hit up to the row, rows of the same time included."""
    by, flag = draft.keys(node), draft.flag(node.inputs[number].node)
    seen = Choose(draft.fed_by(node, number), Ref(TIME), Missing(Kind.TIME))
    everywhere = not draft.within(node, number)
    # Of one time the rule's hits come first, so that all rows of that time see them.
    order = (Order(TIME), Order(flag, descending=True)) if everywhere else (Order(TIME),)
    draft.steps.append(Running(last, Function.LATEST, seen, by, order, Kind.TIME))
    if not everywhere:
        draft.steps.append(Ties(last, Function.MAX, Ref(last), (*by, TIME), Kind.TIME))


def added(terms: list[Scalar]) -> Scalar:
    """The sum of the terms."""
    total = terms[0]
    for term in terms[1:]:
        total = Operation(Binary.PLUS, total, term)
    return total


# ---------------------------------------------------------------- rules in order


def ordered(draft: Draft, node: Sequence) -> None:
    """temporal_ordered: for each rule the latest start that a strictly earlier hit of the rule before it carries."""
    fed = [draft.fed_by(node, number) for number in range(len(node.inputs))]
    count = len(fed)
    starts = tuple(draft.column(node, f"start_{number + 1}") for number in range(count))
    # Where the first rule is a correlation, the earliest event of its hit is carried beside the start.
    begins = draft.first(node.inputs[0].node)
    apart = tuple(draft.column(node, f"first_{number + 1}") for number in range(count))
    firsts = starts if begins == Ref(TIME) else apart
    columns = [(starts[0], Choose(fed[0], Ref(TIME), Missing(Kind.TIME)), Kind.TIME)]
    if firsts != starts:
        columns.append((firsts[0], Choose(fed[0], begins, Missing(Kind.TIME)), Kind.TIME))
    draft.steps.append(Extend(tuple(columns)))
    for number in range(1, count):
        for names in dict.fromkeys((starts, firsts)):
            _carry(draft, node, number, names[number], names[number - 1])
        _reach(draft, starts[number], firsts[number], fed[number])
    took = Operation(Binary.MINUS, Ref(TIME), Ref(starts[-1]))
    draft.hit(node, (Operation(Binary.LTE, took, draft.span(node)),))
    if draft.tells_first():
        own = draft.first(node.inputs[-1].node)
        earliest: Scalar = Ref(firsts[-1])
        if own != Ref(TIME):
            earliest = Choose(Operation(Binary.LT, own, earliest), own, earliest)
        draft.steps.append(Extend(((draft.column(node, "first"), earliest, Kind.TIME),)))


def _reach(draft: Draft, start: str, first: str, fed: Scalar) -> None:
    """Only hits of the rule carry on what reached them."""
    reached = every(fed, Operation(Binary.GT, Ref(start), Never()))
    names = dict.fromkeys((first, start))  # the start last: the condition reads it
    for name in names:
        draft.steps.append(Extend(((name, Choose(reached, Ref(name), Missing(Kind.TIME)), Kind.TIME),)))


def _carry(draft: Draft, node: Sequence, number: int, name: str, of: str) -> None:
    """The last value of an earlier time: rows of one time do not see each other."""
    by = draft.keys(node)
    before, step = node.inputs[number - 1].node, node.inputs[number].node
    apart = exclusive(
        [search.predicate for search in searches_of(before)], [search.predicate for search in searches_of(step)]
    )
    # Of one time, those that are no hit of the rule before come first. Where no event is a hit of both rules, these
    # are all the hits of this rule, so that none sees another row of its time.
    order = (Order(TIME), Order(draft.flag(before))) if apart else (Order(TIME),)
    draft.steps.append(Running(name, Function.LATEST, Ref(of), by, order, Kind.TIME, current=False))
    if not apart:
        draft.steps.append(Ties(name, Function.MIN, OrElse(Ref(name), Never()), (*by, TIME), Kind.TIME))
