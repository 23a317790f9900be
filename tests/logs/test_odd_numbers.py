"""Numbers at the edges of their types: as times, and as texts."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tollwatch.logs.times import to_microseconds
from tollwatch.logs.values import text_values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([2**63 + 5, 1_772_359_200], pa.uint64()), [None, 1_772_359_200_000_000]),
        (pa.array([-(2**63), 1_772_359_200], pa.int64()), [None, 1_772_359_200_000_000]),
        (pa.array([-5, 2**62], pa.int64()), [-5_000_000, 2**62 // 1000]),
    ],
)
def test_a_number_that_cannot_be_a_time_is_none(values: pa.Array, expected: list[int | None]) -> None:
    times, valid = to_microseconds(pa.chunked_array([values]))
    assert [int(time) if known else None for time, known in zip(times, valid, strict=True)] == expected


def test_whole_doubles_are_the_integers_that_they_are() -> None:
    doubles = pa.array([1e10, 3.0, -2.0, 0.5, 2.0**53, None])
    assert text_values(doubles).to_pylist() == ["10000000000", "3", "-2", "0.5", "9.007199254740992e+15", None]
