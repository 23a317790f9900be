"""Arrow values as text and as numbers."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from tollwatch.evaluate.collect import encode
from tollwatch.logs.values import native, number_values, text_values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["A", None]), ["A", None]),
        (pa.array(["A", None]).dictionary_encode(), ["A", None]),
        (pa.array([401, None]), ["401", None]),
        (pa.array([1.0, 0.5]), ["1", "0.5"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([1_772_359_200_000_001], pa.timestamp("us", "UTC")), ["2026-03-01T10:00:00.000001Z"]),
        (pa.array([["a", "b"], [], None, ["a", None]]), ["a,b", "", None, None]),
    ],
)
def test_text(values: pa.Array, expected: list[str | None]) -> None:
    assert text_values(values).to_pylist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([3, None]), [3, None]),
        (pa.array([0.5, float("nan"), float("inf")]), [0.5, None, None]),
        (pa.array(["12", "-3", "x", "", None]), [12, -3, None, None, None]),
        (pa.array(["12", "+1.5", "2e3", ".5", "1.", "0x10", " 1"]), [12.0, 1.5, 2000.0, 0.5, 1.0, None, None]),
        (pa.array([True]), [None]),
    ],
)
def test_numbers(values: pa.Array, expected: list[float | None]) -> None:
    numbers, valid = number_values(values)
    assert [
        number if known else None for number, known in zip(numbers.tolist(), valid.tolist(), strict=True)
    ] == expected


def test_a_column_whose_type_changes_is_compared_by_text() -> None:
    parts = [(2, pa.chunked_array([[401, None]])), (1, None), (2, pa.chunked_array([["401", "x"]]))]
    values, codes = encode(parts)
    assert (values.to_pylist(), codes.tolist()) == (["401", "x"], [0, -1, -1, 0, 1])


def test_an_empty_column() -> None:
    values, codes = encode([])
    assert (values.to_pylist(), codes.tolist()) == ([], [])


def test_the_arrow_column_of_a_series() -> None:
    series = pd.Series([1, None], dtype=pd.ArrowDtype(pa.int64()))
    assert native(series).to_pylist() == [1, None]
