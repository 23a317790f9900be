"""Search terms over rows. Splunk's "Search Reference", "search"; "Search Manual", "Boolean expressions"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from tollwatch.query.columns import COMPARE
from tollwatch.query.entries import Here
from tollwatch.query.spl import syntax
from tollwatch.query.spl.times import relative_time
from tollwatch.query.spl.values import lists, number_of
from tollwatch.query.table import Column, Mask, Table, Type

PLACES = ("index", "sourcetype", "source", "host", "splunk_server", "eventtype", "tag")
"""Where an event came from: a table that does not say has events of the place that is asked for."""


@dataclass(frozen=True, slots=True)
class Searching:
    """Terms over a table's rows; ``now`` in µs."""

    table: Table
    now: int

    def holds(self, term: syntax.Term) -> Mask:
        """The rows for which the term holds."""
        match term:
            case syntax.All():
                found = np.ones(self.table.rows, np.bool_)
                for item in term.items:
                    found &= self.holds(item)
                return found
            case syntax.AnyOf():
                found = np.zeros(self.table.rows, np.bool_)
                for item in term.items:
                    found |= self.holds(item)
                return found
            case syntax.Not():
                return ~self.holds(term.item)
            case syntax.Compared():
                return self.compared(term)
            case syntax.Phrase():
                return self.found(term)
            case _:
                assert_never(term)

    def compared(self, term: syntax.Compared) -> Mask:
        """A field beside a value; one that is missing is neither equal nor unequal."""
        here = Here(term.place, self.table.rows, self.now)
        if term.field in ("earliest", "latest"):
            return self.ranged(term, here)
        one = self.table.columns.get(term.field)
        if one is None:
            return np.full(self.table.rows, term.field in PLACES)
        if term.value == "*" and term.sign in ("=", "!="):
            return one.valid.copy() if term.sign == "=" else np.zeros(self.table.rows, np.bool_)
        if term.sign in ("=", "!="):
            equal = _equal(one, term.value)
            return equal if term.sign == "=" else one.valid & ~equal
        return _ordered(one, term, here)

    def ranged(self, term: syntax.Compared, here: Here) -> Mask:
        """The earliest time is in the range, and the latest is not."""
        at = relative_time(self.now / 1_000_000, term.value, here)
        time = self.table.columns.get("_time")
        if time is None:
            raise here.failed("there is no _time to search by")
        return time.valid & np.asarray(time.values >= at if term.field == "earliest" else time.values < at, np.bool_)

    def found(self, term: syntax.Phrase) -> Mask:
        """In ``_raw`` where there is one, else in any field: a word, or a phrase, between breaks, in any case."""
        regex = _wildcards(term.text)
        whole = re.compile(rf"(?<![A-Za-z0-9_]){regex}(?![A-Za-z0-9_])", 0 if term.exact else re.IGNORECASE)
        raw = self.table.columns.get("_raw")
        columns = self.table.columns.values() if raw is None else [raw]
        found = np.zeros(self.table.rows, np.bool_)
        if term.text == "*":
            return ~found
        for one in columns:
            if one.type in (Type.STRING, Type.DYNAMIC):
                found |= _any(one, lambda text: whole.search(text) is not None)
        return found


def states(term: syntax.Term, field: str) -> bool:
    """Whether a search states its ``earliest`` or ``latest`` outside of any OR or NOT."""
    items = term.items if isinstance(term, syntax.All) else (term,)
    return any(isinstance(one, syntax.Compared) and one.field == field for one in items)


def _any(one: Column, test: Callable[[str], bool]) -> Mask:
    """Where one of the row's values passes; computed once for each distinct text."""
    known: dict[str, bool] = {}
    found = np.zeros(len(one), np.bool_)
    for at, items in enumerate(lists(one)):
        for item in items:
            if item not in known:
                known[item] = test(item)
            if known[item]:
                found[at] = True
                break
    return found


def _equal(one: Column, value: str) -> Mask:
    number = number_of(value)
    if one.type is Type.REAL and number is not None:
        return one.valid & np.asarray(one.values == number, np.bool_)
    regex = re.compile(_wildcards(value), re.IGNORECASE | re.DOTALL)
    if number is None:
        return _any(one, lambda text: regex.fullmatch(text) is not None)
    return _any(one, lambda text: regex.fullmatch(text) is not None or number_of(text) == number)


def _wildcards(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*")


def _ordered(one: Column, term: syntax.Compared, here: Here) -> Mask:
    """Numbers by size, texts by their letters."""
    compare, wanted = COMPARE[term.sign], number_of(term.value)
    if one.type is Type.REAL and wanted is not None:
        return one.valid & np.asarray(compare(one.values, wanted), np.bool_)
    if wanted is None:
        raise here.failed(f"a search with {term.sign} and a text is not known: use where")

    def holds(text: str) -> bool:
        number = number_of(text)
        return number is not None and bool(compare(number, wanted))

    return _any(one, holds)
