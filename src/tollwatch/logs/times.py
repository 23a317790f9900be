"""Timestamps of any usual form as microseconds since the epoch, UTC; vectorised."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.logs.values import NUMBER, text_values

Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_UTC = pa.timestamp("us", "UTC")
# Seconds reach 10^11 in the year 5138, so that each unit's plausible times lie apart by three orders of magnitude.
_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (np.inf, 1e-3))
_ZONE = r"([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)$"


def to_microseconds(values: pa.ChunkedArray) -> tuple[Index, Mask]:
    """µs since the epoch, and which values are times.

    Accepted: ISO 8601 (``T`` or a space, any offset, none is UTC, digits beyond µs are cut), and epoch seconds,
    milli-, micro- and nanoseconds, told apart by their size, as numbers or text.
    """
    type_ = values.type
    if pa.types.is_dictionary(type_):
        return to_microseconds(values.cast(type_.value_type))
    if pa.types.is_list(type_):  # one record with a list makes the column one of lists
        return to_microseconds(text_values(values))
    if pa.types.is_timestamp(type_):
        return _numpy(values.cast(pa.timestamp("us", type_.tz), safe=False).cast(pa.int64()))
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return _epoch(values)
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return _texts(values)
    return np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)


def _numpy(values: pa.ChunkedArray) -> tuple[Index, Mask]:
    return pc.fill_null(values, 0).to_numpy(), values.is_valid().to_numpy()


def _epoch(values: pa.ChunkedArray) -> tuple[Index, Mask]:
    if pa.types.is_integer(values.type):
        whole, valid = _numpy(values.cast(pa.int64(), safe=False))
        # An unsigned number beyond int64 wraps, and the least int64 has no absolute value: neither is a time.
        return _scaled_integers(whole), valid & (np.abs(whole) >= 0) & ((whole >= 0) | (values.type != pa.uint64()))
    numbers = pc.fill_null(values.cast(pa.float64()), np.nan).to_numpy()
    valid = np.isfinite(numbers) & (np.abs(np.nan_to_num(numbers)) < 9e18)
    safe = np.where(valid, numbers, 0.0)
    factor = np.select([np.abs(safe) < limit for limit, _ in _UNITS], [scale for _, scale in _UNITS])
    return np.rint(safe * factor).astype(np.int64), valid


def _scaled_integers(whole: Index) -> Index:
    """Integer arithmetic, so that no microsecond is rounded."""
    size = np.abs(whole)
    scaled = [whole * 1_000_000, whole * 1_000, whole, whole // 1_000]
    with np.errstate(over="ignore"):
        return np.select([size < limit for limit, _ in _UNITS[:-1]], scaled[:-1], scaled[-1])


def _texts(texts: pa.ChunkedArray) -> tuple[Index, Mask]:
    try:
        return _numpy(texts.cast(_UTC).cast(pa.int64()))
    except pa.ArrowInvalid:
        pass  # not all in the form that Arrow reads at once
    plain = pc.replace_substring(texts, ",", ".")
    plain = pc.replace_substring_regex(plain, r"(\.[0-9]{6})[0-9]+", r"\1")
    zoned = pc.fill_null(pc.match_substring_regex(plain, _ZONE), False)
    numeric = pc.fill_null(pc.match_substring_regex(plain, NUMBER), False)
    return _merged(
        [
            _read(plain, pc.and_(zoned, pc.invert(numeric)), _UTC),
            _read(plain, pc.invert(pc.or_(zoned, numeric)), pa.timestamp("us")),
            _epoch(pc.if_else(numeric, plain, None).cast(pa.float64())) if pc.any(numeric).as_py() else None,
        ],
        len(texts),
    )


def _merged(parts: list[tuple[Index, Mask] | None], count: int) -> tuple[Index, Mask]:
    time, valid = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    for part in parts:
        if part is not None:
            time[part[1]] = part[0][part[1]]
            valid |= part[1]
    return time, valid


def _read(texts: pa.ChunkedArray, chosen: pa.ChunkedArray, type_: pa.DataType) -> tuple[Index, Mask] | None:
    """The chosen texts as times; those that Arrow cannot read are tried one distinct value at a time."""
    if not pc.any(chosen).as_py():
        return None
    mine = pc.if_else(chosen, texts, None)
    try:
        return _numpy(mine.cast(type_).cast(pa.int64()))
    except pa.ArrowInvalid:
        coded = pc.dictionary_encode(mine).combine_chunks()
        coded = coded if isinstance(coded, pa.DictionaryArray) else coded.chunk(0)
        read = pa.array([_one(text) for text in coded.dictionary.to_pylist()], pa.int64())
        return _numpy(pa.chunked_array([read.take(coded.indices)]))


def _one(text: str) -> int | None:
    try:
        read = datetime.fromisoformat(text.removesuffix(" UTC"))
        aware = read if read.tzinfo else read.replace(tzinfo=UTC)
        since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
