"""Raw columns through a profile: canonical columns of canonical type."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import reduce
from typing import assert_never

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.logs.issues import Issues
from tollwatch.logs.profile import Carrier
from tollwatch.logs.records import Raw
from tollwatch.logs.schema import FIELDS, FieldType
from tollwatch.logs.times import to_microseconds
from tollwatch.logs.values import Array, Mask, number_values, text_values

MICRO = 1_000_000
_INT64 = 2.0**63


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Applies carriers to one block; ``path`` names the file in what it reports.

    Columns are single arrays. Text goes through every step dictionary-encoded, so that each distinct value is
    handled once.
    """

    raw: Raw
    path: str
    issues: Issues

    def column(self, carrier: Carrier) -> pa.ChunkedArray:
        """The field of all records, in its canonical type; text is dictionary-encoded."""
        return pa.chunked_array([self._typed(carrier.field, self._carried(carrier))])

    def _source(self, path: str) -> pa.Array:
        """The raw column, with empty text as null; all null where no record has it."""
        column = self.raw.columns.get(path)
        if column is None:
            return pa.nulls(len(self.raw.lines), pa.string())
        single = whole(column)
        # One record with a list makes the column one of lists, most of which then hold a single value.
        return without_empty(encoded(text_values(single) if pa.types.is_list(single.type) else single))

    def _carried(self, carrier: Carrier) -> pa.Array:
        plain = self.raw.columns.get(carrier.paths[0]) if _is_plain(carrier) else None
        if plain is not None and FIELDS[carrier.field].type is FieldType.TIMESTAMP:
            return whole(plain)  # every time is distinct: no use to encode them
        if carrier.summed:
            column = self._sum(carrier)
        else:
            column = _first_present([self._source(path) for path in carrier.paths])
        for path, equals, then in carrier.when:
            holds = pc.fill_null(pc.equal(text_values(self._source(path)), equals), False)
            column = encoded(pc.if_else(holds, then, text_values(column)))
        if carrier.extract is not None:
            pattern = re.compile(carrier.extract)
            column = _on_distinct(column, lambda text: m.group(1) if (m := pattern.search(text)) else None)
        if carrier.map:
            mapped = dict(carrier.map)
            column = _on_distinct(column, lambda text: mapped.get(text, text))
        if carrier.factor is not None:
            column = self._scaled(carrier.field, column, carrier.factor)
        return column if carrier.default is None else pc.fill_null(text_values(column), carrier.default)

    def _sum(self, carrier: Carrier) -> pa.Array:
        """Nulls add nothing; a sum of nulls alone is null."""
        parts = [self._numbers(carrier.field, self._source(path)) for path in carrier.paths]
        total = np.sum(np.stack([np.where(valid, values, 0) for values, valid in parts]), axis=0)
        known = np.stack([valid for _, valid in parts]).any(axis=0)
        return pa.array(total, mask=~known)

    def _scaled(self, field: str, column: pa.Array, factor: Decimal) -> pa.Array:
        values, valid = self._numbers(field, column)
        return pa.array(_times(values, factor), mask=~valid)

    def _numbers(self, field: str, column: pa.Array) -> tuple[Array, Mask]:
        """The values as numbers, none negative; others are counted and null."""
        present = column.is_valid().to_numpy(zero_copy_only=False)
        values, valid = _distinct_numbers(column)
        self.issues.add("bad-number", self.path, self.raw.lines[present & ~valid], field)
        negative = valid & (values < 0)
        self.issues.add("negative-number", self.path, self.raw.lines[negative], field)
        return values, valid & ~negative

    def _typed(self, field: str, column: pa.Array) -> pa.Array:
        match FIELDS[field].type:
            case FieldType.TEXT | FieldType.IP:
                return column if pa.types.is_dictionary(column.type) else without_empty(encoded(text_values(column)))
            case FieldType.INTEGER:
                return self._integers(field, *self._numbers(field, column))
            case FieldType.NUMBER:
                values, valid = self._numbers(field, column)
                return pa.array(values.astype(np.float64), mask=~valid)
            case FieldType.MONEY:
                return self._money(field, *self._numbers(field, column))
            case FieldType.BOOLEAN:
                return _on_distinct_booleans(column)
            case FieldType.TIMESTAMP:
                time, valid = to_microseconds(pa.chunked_array([column]))
                return pa.array(time, mask=~valid).cast(pa.timestamp("us", "UTC"))
            case _:
                assert_never(FIELDS[field].type)

    def _integers(self, field: str, values: Array, valid: Mask) -> pa.Array:
        if values.dtype != np.int64:
            fitting = valid & (values == np.rint(values)) & (np.abs(values) < _INT64)
            self.issues.add("bad-number", self.path, self.raw.lines[valid & ~fitting], field)
            values, valid = np.where(fitting, values, 0).astype(np.int64), fitting
        return pa.array(values, mask=~valid)

    def _money(self, field: str, values: Array, valid: Mask) -> pa.Array:
        """Dollars as whole micro-dollars, rounded half to even as decimals are."""
        fitting = valid & (np.abs(values) < _INT64 / MICRO / 2)
        self.issues.add("bad-number", self.path, self.raw.lines[valid & ~fitting], field)
        safe = np.where(fitting, values, 0)
        if safe.dtype == np.int64:
            return pa.array(safe * MICRO, mask=~fitting)
        micro = safe * MICRO
        rounded = np.rint(micro)
        # Near a half, the product's own rounding may point the wrong way.
        unsure = np.abs(np.abs(micro - rounded) - 0.5) <= np.abs(micro) * 1e-14 + 1e-9
        rounded[unsure] = [_micro_dollars(value) for value in safe[unsure]]
        return pa.array(rounded.astype(np.int64), mask=~fitting)


def _times(values: Array, factor: Decimal) -> Array:
    """A whole factor keeps whole numbers whole; a millionth divides by a million, which rounds once and not twice."""
    if factor == factor.to_integral_value() and values.dtype == np.int64:
        return values * int(factor)
    inverse = 1 / factor if factor else Decimal(0)
    if 0 < abs(factor) < 1 and inverse == inverse.to_integral_value():
        return values.astype(np.float64) / float(inverse)
    return values.astype(np.float64) * float(factor)


def _is_plain(carrier: Carrier) -> bool:
    """Whether the field is the raw value alone."""
    return len(carrier.paths) == 1 and carrier == Carrier(carrier.field, carrier.paths)


def _micro_dollars(dollars: float) -> int:
    return int((Decimal(repr(float(dollars))) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of all chunks."""
    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.unify_dictionaries().chunks or [pa.nulls(0, column.type)])


def encoded(column: pa.Array) -> pa.Array:
    """Text as a dictionary and an index for each row; other types as they are."""
    return pc.dictionary_encode(column) if pa.types.is_string(column.type) else column


def without_empty(column: pa.Array) -> pa.Array:
    """Dictionary-encoded text with null for the empty one."""
    if not pa.types.is_dictionary(column.type):
        return column
    empty = pc.index(column.dictionary, pa.scalar("", column.dictionary.type)).as_py()
    if empty < 0:
        return column
    indices = pc.if_else(pc.equal(column.indices, empty), None, column.indices)
    return pa.DictionaryArray.from_arrays(indices, column.dictionary)


def _distinct_numbers(column: pa.Array) -> tuple[Array, Mask]:
    if not pa.types.is_dictionary(column.type):
        return number_values(column)
    values, valid = number_values(column.dictionary)
    if not len(values):
        return np.zeros(len(column), np.int64), np.zeros(len(column), np.bool_)
    present = column.is_valid().to_numpy(zero_copy_only=False)
    indices = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)
    return values[indices], valid[indices] & present


def _on_distinct_booleans(column: pa.Array) -> pa.Array:
    """Booleans, also as text; anything else is null."""
    if pa.types.is_boolean(column.type):
        return column
    lower = pc.ascii_lower(text_values(column))
    return pc.if_else(pc.is_in(lower, pa.array(["true", "false"])), pc.equal(lower, "true"), None)


def _first_present(sources: list[pa.Array]) -> pa.Array:
    """The first value of each record that is not null; sources of different types are compared by their text."""
    present = [source for source in sources if source.null_count < len(source)] or sources[:1]
    if present[0].null_count == 0 or len(present) == 1:
        return present[0]
    if len({source.type for source in present}) > 1 or pa.types.is_dictionary(present[0].type):
        return encoded(reduce(pc.coalesce, [text_values(source) for source in present]))
    return reduce(pc.coalesce, present)


def _on_distinct(column: pa.Array, change: Callable[[str], str | None]) -> pa.Array:
    """A change of texts, once for each distinct one."""
    coded = column if pa.types.is_dictionary(column.type) else encoded(text_values(column))
    changed = pa.array([change(text) for text in coded.dictionary.to_pylist()], pa.string())
    return without_empty(encoded(changed.take(coded.indices)))
