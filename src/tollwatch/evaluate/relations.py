"""One field's text against another field's, event by event."""

from __future__ import annotations

from typing import assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.columns import Codes, Column, Values
from tollwatch.evaluate.numbers import Mask
from tollwatch.evaluate.windows import expand_ranges
from tollwatch.plan.nodes import FieldMatch, Relation


def match_fields(mine: Column, other: Column, predicate: FieldMatch) -> Mask:
    """bool[n]: the events some value of which stands to some value of the other field as the predicate says."""
    event, left, right = _pairs(mine, other)
    texts, others = (side.texts if predicate.cased else side.folded for side in (mine, other))
    if predicate.relation is Relation.EQUALS:
        held = _equal(texts, others, left, right)
    else:
        held = _held(texts, others, left, right, predicate.relation)
    out = np.zeros(mine.count, np.bool_)
    out[event[held]] = True
    return out


def _pairs(mine: Column, other: Column) -> tuple[Codes, Codes, Codes]:
    """(event, code of mine, code of other) for each pair of values of one event; lists give every pair."""
    event, left = mine.elements()
    other_event, right = other.elements()
    first = np.searchsorted(other_event, event)
    last = np.searchsorted(other_event, event, side="right")
    repeated = np.repeat(np.arange(len(event)), last - first)
    return event[repeated], left[repeated], right[expand_ranges(first, last)]


def _equal(mine: Values, other: Values, left: Codes, right: Codes) -> Mask:
    """Where two texts are equal: by their codes among all texts. A value without a text equals none."""
    joined = pa.chunked_array([*_chunks(mine), *_chunks(other)], pa.large_string())
    indices = pc.dictionary_encode(joined).combine_chunks().indices
    codes: npt.NDArray[np.int64] = pc.fill_null(indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    found: Mask = codes[left] == codes[len(mine) + right]
    return found & (codes[left] >= 0)


def _chunks(values: Values) -> list[pa.Array]:
    cast = values.cast(pa.large_string())
    return cast.chunks if isinstance(cast, pa.ChunkedArray) else [cast]


def _held(mine: Values, other: Values, left: Codes, right: Codes, relation: Relation) -> Mask:
    """Where two texts stand in a relation: computed for each distinct pair."""
    width = len(other) + 1
    distinct, position = np.unique(left.astype(np.int64) * width + right, return_inverse=True)
    texts = mine.take(pa.array(distinct // width)).to_pylist()
    others = other.take(pa.array(distinct % width)).to_pylist()
    held = (stands(text, against, relation) for text, against in zip(texts, others, strict=True))
    found: Mask = np.fromiter(held, np.bool_, len(distinct))[position]
    return found


def stands(text: str | None, other: str | None, relation: Relation) -> bool:
    """Whether one text stands to another as the relation says, as they are; never where one is missing."""
    if text is None or other is None:
        return False
    match relation:
        case Relation.EQUALS:
            return text == other
        case Relation.STARTS_WITH:
            return text.startswith(other)
        case Relation.ENDS_WITH:
            return text.endswith(other)
        case Relation.CONTAINS:
            return other in text
        case _:
            assert_never(relation)
