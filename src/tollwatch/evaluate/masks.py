"""Predicates over a block of events, as boolean arrays (semantics, "One event").

Each distinct predicate is computed once and shared by all rules, on a column's distinct values where they repeat. No
loop over events: only over predicates, and over distinct values for what Arrow has no kernel for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import assert_never

import numpy as np
import pyarrow as pa

from tollwatch.evaluate.addresses import Addresses, read_addresses
from tollwatch.evaluate.columns import Column, Values, read_column
from tollwatch.evaluate.numbers import Mask
from tollwatch.evaluate.quantities import Quantities, match_number, read_quantities
from tollwatch.evaluate.relations import match_fields
from tollwatch.evaluate.text import match_any, match_boolean, match_regex, match_text
from tollwatch.evaluate.time_parts import match_part, read_times
from tollwatch.logs.model import Events
from tollwatch.logs.values import native
from tollwatch.plan.nodes import (
    And,
    Boolean,
    Cidr,
    Compare,
    Constant,
    FieldMatch,
    Not,
    Null,
    Number,
    Or,
    Predicate,
    Regex,
    Text,
    TimePart,
)
from tollwatch.sigma.model import Op

# With fewer values each predicate is computed by itself, so that rules can share it.
_MANY = 20_000

_OfValues = Text | Regex | Number | Compare | Boolean | Cidr | TimePart


@dataclass(slots=True)
class _Field:
    """A column with what predicates of a kind need of it, read once."""

    column: Column
    _quantities: Quantities | None = None
    _addresses: Addresses | None = None
    _times: Values | None = None
    _hits: dict[Predicate, Mask] = field(default_factory=dict)

    def hits(self, leaf: _OfValues) -> Mask:
        """bool[m]: the column's values for which a predicate holds."""
        if leaf not in self._hits:
            self._hits[leaf] = self._compute(leaf)
        return self._hits[leaf]

    def hits_of_any(self, leaves: list[_OfValues]) -> Mask:
        """bool[m]: the column's values for which one of the predicates holds."""
        texts = [leaf for leaf in leaves if isinstance(leaf, Text)]
        if len(texts) < 2 or len(self.column.values) < _MANY:
            return reduce(np.logical_or, map(self.hits, leaves))
        others = (self.hits(leaf) for leaf in leaves if not isinstance(leaf, Text))
        return reduce(np.logical_or, others, match_any(self.column, texts))

    def _compute(self, leaf: _OfValues) -> Mask:
        match leaf:
            case Text():
                return match_text(self.column, leaf)
            case Regex():
                return match_regex(self.column, leaf)
            case Number():
                return match_number(self.column, self.quantities, Op.EQ, leaf.value)
            case Compare():
                return match_number(self.column, self.quantities, leaf.op, leaf.value)
            case Boolean():
                return match_boolean(self.column, leaf.value)
            case Cidr():
                if self._addresses is None:
                    self._addresses = read_addresses(self.column)
                return self._addresses.where(leaf.network)
            case TimePart():
                if self._times is None:
                    self._times = read_times(self.column)
                return match_part(self._times, leaf)
            case _:
                assert_never(leaf)

    @property
    def quantities(self) -> Quantities:
        """The numbers among the column's values."""
        if self._quantities is None:
            self._quantities = read_quantities(self.column)
        return self._quantities


@dataclass(slots=True)
class Masks:
    """Where predicates hold, over one block of n events."""

    events: Events
    _done: dict[Predicate, Mask] = field(default_factory=dict)
    _fields: dict[str, _Field | None] = field(default_factory=dict)
    _none: Mask = field(init=False)
    _all: Mask = field(init=False)

    def __post_init__(self) -> None:
        # Most predicates of a large pack hold nowhere (or everywhere) in a block: these two are shared by all.
        self._none = _frozen(np.zeros(len(self.events), np.bool_))
        self._all = _frozen(np.ones(len(self.events), np.bool_))

    def of(self, predicate: Predicate) -> Mask:
        """bool[n], not to be written on: the events for which the predicate holds."""
        if predicate not in self._done:
            self._done[predicate] = self._shared(self._compute(predicate))
        return self._done[predicate]

    def _shared(self, mask: Mask) -> Mask:
        if not mask.any():
            return self._none
        return self._all if mask.all() else _frozen(mask)

    def _compute(self, predicate: Predicate) -> Mask:
        match predicate:
            case Constant():
                return self._all if predicate.value else self._none
            case And():
                return self._every(predicate)
            case Or():
                return self._some(predicate)
            case Not():
                return ~self.of(predicate.item)
            case Null():
                found = self._field(predicate.field)
                return self._all if found is None else found.column.null
            case FieldMatch():
                return self._related(predicate)
            case Text() | Regex() | Number() | Compare() | Boolean() | Cidr() | TimePart():
                return self._of_values([predicate])
            case _:
                assert_never(predicate)

    def _every(self, predicate: And) -> Mask:
        found = self._all
        for item in predicate.items:
            found = found & self.of(item)
            if not found.any():
                return self._none
        return found

    def _some(self, predicate: Or) -> Mask:
        """Alternatives on one field are joined on its values, so that a long list costs one pass over the events."""
        of_field: dict[str | None, list[_OfValues]] = {}
        found = self._none
        for item in predicate.items:
            match item:
                case And() | Or() | Not() | Constant() | Null() | FieldMatch():
                    found = found | self.of(item)
                case _:
                    of_field.setdefault(item.field, []).append(item)
        return reduce(np.logical_or, (self._of_values(items) for items in of_field.values()), found)

    def _of_values(self, leaves: list[_OfValues]) -> Mask:
        """Where one of the predicates holds; all are of one field, or all are keywords."""
        name = leaves[0].field
        found = self._none
        for at in self._texts() if name is None else self._named(name):
            hits = at.hits_of_any(leaves)
            found = (found | at.column.where(hits)) if hits.any() else found
        return found

    def _named(self, name: str) -> Iterable[_Field]:
        found = self._field(name)
        return () if found is None else (found,)

    def _texts(self) -> Iterable[_Field]:
        """The fields that keywords are looked for in: texts and lists of texts."""
        every = (self._field(str(name)) for name in self.events.frame.columns)
        return (found for found in every if found is not None and found.column.is_text)

    def _field(self, name: str) -> _Field | None:
        """None where the field is missing, which means null in every event."""
        if name not in self._fields:
            frame = self.events.frame
            self._fields[name] = self._read(native(frame[name]), name) if name in frame.columns else None
        return self._fields[name]

    def _read(self, column: pa.ChunkedArray, name: str) -> _Field:
        return _Field(read_column(column, money=name in self.events.money))

    def _related(self, predicate: FieldMatch) -> Mask:
        mine, other = self._field(predicate.field), self._field(predicate.other)
        return self._none if mine is None or other is None else match_fields(mine.column, other.column, predicate)


def _frozen(mask: Mask) -> Mask:
    mask.flags.writeable = False
    return mask
