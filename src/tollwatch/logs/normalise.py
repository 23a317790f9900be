"""Raw columns through a profile: canonical columns of canonical type."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
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


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Applies carriers to one block; ``path`` names the file in what it reports."""

    raw: Raw
    path: str
    issues: Issues

    def column(self, carrier: Carrier) -> pa.ChunkedArray:
        """The field of all records, in its canonical type; text is dictionary-encoded."""
        return self._typed(carrier.field, self._carried(carrier))

    def _source(self, path: str) -> pa.ChunkedArray:
        """The raw column, with empty text as null; all null where no record has it."""
        column = self.raw.columns.get(path)
        if column is None:
            return pa.chunked_array([pa.nulls(len(self.raw.lines), pa.string())])
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string(column.type):
            return pc.if_else(pc.equal(column, ""), None, column)
        return column

    def _carried(self, carrier: Carrier) -> pa.ChunkedArray:
        sources = [self._source(path) for path in carrier.paths]
        column = self._sum(sources) if carrier.summed else _first_present(sources)
        for path, equals, then in carrier.when:
            holds = pc.fill_null(pc.equal(text_values(self._source(path)), equals), False)
            column = pc.if_else(holds, then, text_values(column))
        if carrier.extract is not None:
            pattern = re.compile(carrier.extract)
            column = _on_distinct(column, lambda text: m.group(1) if (m := pattern.search(text)) else None)
        if carrier.map:
            mapped = dict(carrier.map)
            column = _on_distinct(column, lambda text: mapped.get(text, text))
        if carrier.factor is not None:
            column = self._scaled(carrier.field, column, carrier.factor)
        return column if carrier.default is None else pc.fill_null(text_values(column), carrier.default)

    def _sum(self, sources: list[pa.ChunkedArray]) -> pa.ChunkedArray:
        """Nulls add nothing; a sum of nulls alone is null."""
        parts = [number_values(_whole(source)) for source in sources]
        total = np.sum(np.stack([np.where(valid, values, 0) for values, valid in parts]), axis=0)
        known = np.stack([valid for _, valid in parts]).any(axis=0)
        return pa.chunked_array([pa.array(total, mask=~known)])

    def _scaled(self, field: str, column: pa.ChunkedArray, factor: Decimal) -> pa.ChunkedArray:
        values, valid = self._numbers(field, column)
        exact = factor == factor.to_integral_value() and values.dtype == np.int64
        scaled = values * int(factor) if exact else values.astype(np.float64) * float(factor)
        return pa.chunked_array([pa.array(scaled, mask=~valid)])

    def _numbers(self, field: str, column: pa.ChunkedArray) -> tuple[Array, Mask]:
        """The values as numbers, none negative; others are counted and null."""
        present = column.is_valid().to_numpy()
        values, valid = number_values(_whole(column))
        self.issues.add("bad-number", self.path, self.raw.lines[present & ~valid], field)
        negative = valid & (values < 0)
        self.issues.add("negative-number", self.path, self.raw.lines[negative], field)
        return values, valid & ~negative

    def _typed(self, field: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        match FIELDS[field].type:
            case FieldType.TEXT | FieldType.IP:
                texts = text_values(column)
                return pc.dictionary_encode(pc.if_else(pc.equal(texts, ""), None, texts))
            case FieldType.INTEGER:
                return self._integers(field, column)
            case FieldType.NUMBER:
                values, valid = self._numbers(field, column)
                return pa.chunked_array([pa.array(values.astype(np.float64), mask=~valid)])
            case FieldType.MONEY:
                values, valid = self._numbers(field, column)
                micro = values * MICRO if values.dtype == np.int64 else np.rint(np.where(valid, values, 0) * MICRO)
                return pa.chunked_array([pa.array(micro.astype(np.int64), mask=~valid)])
            case FieldType.BOOLEAN:
                lower = pc.ascii_lower(text_values(column))
                known = pc.is_in(lower, pa.array(["true", "false"]))
                return pc.if_else(known, pc.equal(lower, "true"), None)
            case FieldType.TIMESTAMP:
                time, valid = to_microseconds(column)
                return pa.chunked_array([pa.array(time, mask=~valid).cast(pa.timestamp("us", "UTC"))])
            case _:
                assert_never(FIELDS[field].type)

    def _integers(self, field: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        values, valid = self._numbers(field, column)
        if values.dtype != np.int64:
            whole = valid & (values == np.rint(values)) & (np.abs(values) < 2**63)
            self.issues.add("bad-number", self.path, self.raw.lines[valid & ~whole], field)
            values, valid = np.where(whole, values, 0).astype(np.int64), whole
        return pa.chunked_array([pa.array(values, mask=~valid)])


def _first_present(sources: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """The first value of each record that is not null; sources of different types are compared by their text."""
    present = [source for source in sources if source.null_count < len(source)] or sources[:1]
    if len({source.type for source in present}) > 1:
        present = [text_values(source) for source in present]
    return reduce(pc.coalesce, present)


def _on_distinct(column: pa.ChunkedArray, change: Callable[[str], str | None]) -> pa.ChunkedArray:
    """A change of texts, once for each distinct one."""
    coded = pc.dictionary_encode(_whole(text_values(column)))
    changed = pa.array([change(text) for text in coded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([changed.take(coded.indices)])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return (
        combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks or [pa.nulls(0, column.type)])
    )
