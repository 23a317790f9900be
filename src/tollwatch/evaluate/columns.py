"""A field of a block of events, as predicates see it: distinct values, and which event has which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.numbers import Mask
from tollwatch.logs.values import double_texts, text_values

Codes = npt.NDArray[np.integer]
Values: TypeAlias = "pa.Array | pa.ChunkedArray"
_MICRO_DIGITS = 6
_SAMPLE = 4096


# Not slotted: what is derived from the values is computed once, when it is first asked for.
@dataclass(frozen=True, eq=False)
class Column:
    """A field of ``count`` events, as k elements that are codes into m values.

    ``codes`` None: the values are the elements themselves (m = k), in a column whose values seldom repeat. Code −1
    and a null value are null. ``owner``: of a column of lists, each element's event. ``null``: the events whose field
    is null. ``money``: the values are micro-dollars.
    """

    count: int
    values: Values
    codes: Codes | None
    owner: npt.NDArray[np.int64] | None
    null: Mask
    money: bool = False

    def where(self, hits: Mask) -> Mask:
        """bool[count]: the events of which some value is among ``hits`` (bool[m])."""
        # Code −1 finds the extra last element.
        found = hits if self.codes is None else np.append(hits, False).take(self.codes)
        if self.owner is None:
            return found
        out = np.zeros(self.count, np.bool_)
        out[self.owner[found]] = True
        return out

    def elements(self) -> tuple[Codes, Codes]:
        """(event, code) of each element that is not null, in the order of events."""
        valid = np.append(to_mask(pc.is_valid(self.values)), False)
        codes = np.arange(len(self.values)) if self.codes is None else self.codes
        known = np.flatnonzero(valid.take(codes))
        return (known if self.owner is None else self.owner[known]), codes[known]

    @property
    def type(self) -> pa.DataType:
        """The type of the values."""
        return self.values.type

    @property
    def is_text(self) -> bool:
        """Whether the values are texts, in which keywords are looked for."""
        return is_text(self.type)

    @cached_property
    def texts(self) -> Values:
        """string[m]: each value's text; null where it has none."""
        if self.is_text:
            return self.values
        if self.money and pa.types.is_integer(self.type):
            return by_distinct(self.values, _dollar_texts)
        if pa.types.is_floating(self.type):
            return double_texts(self.values)
        try:
            return text_values(self.values)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # a kind of value that has no text
            return pa.nulls(len(self.values), pa.string())

    @cached_property
    def folded(self) -> Values:
        """The texts without regard to case (see ``text.fold``)."""
        return pc.utf8_lower(self.texts)


def is_text(type_: pa.DataType) -> bool:
    """Whether it is one of Arrow's types of text."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def to_mask(found: Values) -> Mask:
    """Arrow's booleans for numpy; null is false."""
    filled = pc.fill_null(found, False)
    whole = filled.to_numpy() if isinstance(filled, pa.ChunkedArray) else filled.to_numpy(zero_copy_only=False)
    return np.asarray(whole, np.bool_)


def by_distinct(values: Values, function: Callable[[pa.Array], pa.Array]) -> Values:
    """A function of each value, computed on the distinct ones; null is null. For what runs in Python."""
    coded = pc.dictionary_encode(values)
    if isinstance(coded, pa.Array):
        return function(coded.dictionary).take(coded.indices)
    results = function(coded.chunk(0).dictionary if coded.num_chunks else pa.array([], values.type))
    return pa.chunked_array([results.take(chunk.indices) for chunk in coded.chunks], results.type)


def read_column(column: pa.ChunkedArray, *, money: bool = False) -> Column:
    """Encode a column of any of the types that ``Events`` names."""
    count, null = len(column), to_mask(column.is_null())
    owner = None
    if pa.types.is_fixed_size_list(column.type):
        column = column.cast(pa.list_(column.type.value_type))
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        owner = _owners(column)
        column = pa.chunked_array([pc.list_flatten(chunk) for chunk in column.chunks], column.type.value_type)
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())  # few kernels know views
    if pa.types.is_dictionary(column.type) or _repeats(column):
        values, codes = _encoded(column)
        return Column(count, values, codes, owner, null, money)
    return Column(count, column, None, owner, null, money)


def _owners(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Each flattened element's row; a null list has none."""
    parts, offset = [np.zeros(0, np.int64)], 0
    for chunk in column.chunks:
        parts.append(pc.list_parent_indices(chunk).to_numpy(zero_copy_only=False).astype(np.int64) + offset)
        offset += len(chunk)
    return np.concatenate(parts)


def _repeats(column: pa.ChunkedArray) -> bool:
    """Whether a plain column is a text whose values repeat, as far as a sample tells."""
    if not is_text(column.type):
        return False  # comparing numbers is quicker than encoding them
    step = max(len(column) // _SAMPLE, 1)
    sample = column.take(pa.array(np.arange(0, len(column), step)))
    return bool(pc.count_distinct(sample).as_py() * 2 <= len(sample))


def _encoded(column: pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    coded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    coded = coded.unify_dictionaries()
    values = coded.chunk(0).dictionary if coded.num_chunks else pa.array([], coded.type.value_type)
    chunks = [pc.fill_null(chunk.indices.cast(pa.int32()), -1).to_numpy() for chunk in coded.chunks]
    return values, np.concatenate([np.zeros(0, np.int32), *chunks])


def _dollar_texts(values: pa.Array) -> pa.Array:
    return pa.array([_dollars(micro) for micro in values.to_pylist()], pa.string())


def _dollars(micro: int | None) -> str | None:
    """The shortest decimal text of micro-dollars in dollars."""
    if micro is None:
        return None
    digits = f"{abs(micro):0{_MICRO_DIGITS + 1}d}"
    text = f"{digits[:-_MICRO_DIGITS]}.{digits[-_MICRO_DIGITS:]}".rstrip("0").rstrip(".")
    return f"-{text}" if micro < 0 else text
