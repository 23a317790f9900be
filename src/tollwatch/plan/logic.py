"""And, Or and Not in their simplest form, so that conditions which say the same in the same order compare equal."""

from __future__ import annotations

from collections.abc import Iterable

from tollwatch.plan.nodes import And, Constant, Not, Or, Predicate


def all_of(items: Iterable[Predicate]) -> Predicate:
    """Every item holds: nested Ands opened, each item once; true without items."""
    kept: dict[Predicate, None] = {}
    for item in items:
        kept.update(dict.fromkeys(item.items if isinstance(item, And) else (item,)))
    if Constant(False) in kept:
        return Constant(False)
    kept.pop(Constant(True), None)
    return _single(tuple(kept), And) if kept else Constant(True)


def any_of(items: Iterable[Predicate]) -> Predicate:
    """At least one item holds: nested Ors opened, each item once; false without items."""
    kept: dict[Predicate, None] = {}
    for item in items:
        kept.update(dict.fromkeys(item.items if isinstance(item, Or) else (item,)))
    if Constant(True) in kept:
        return Constant(True)
    kept.pop(Constant(False), None)
    return _single(tuple(kept), Or) if kept else Constant(False)


def negation(item: Predicate) -> Predicate:
    """The item does not hold: a double negation falls away."""
    match item:
        case Not():
            return item.item
        case Constant():
            return Constant(not item.value)
        case _:
            return Not(item)


def _single(items: tuple[Predicate, ...], link: type[And | Or]) -> Predicate:
    return items[0] if len(items) == 1 else link(items)
