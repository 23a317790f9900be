"""Exact arithmetic: no threshold is met or missed by rounding."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from tollwatch.evaluate.numbers import Ratio, exact_numbers, meets, running, whole, widened
from tollwatch.sigma.model import Op, Threshold


def _threshold(*bounds: tuple[str, str]) -> Threshold:
    return Threshold(tuple((Op(op), Decimal(value)) for op, value in bounds))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((("lt", "12.75"),), [True, False, False]),
        ((("lte", "12.75"),), [True, True, False]),
        ((("gt", "12.75"),), [False, False, True]),
        ((("gte", "12.75"),), [False, True, True]),
        ((("eq", "12.75"),), [False, True, False]),
        ((("neq", "12.75"),), [True, False, True]),
        ((("gt", "12.749999"), ("lte", "12.75")), [False, True, False]),
    ],
)
def test_a_threshold_keeps_its_decimals(bounds: tuple[tuple[str, str], ...], expected: list[bool]) -> None:
    value = Ratio(np.array([12_749_999, 12_750_000, 12_750_001]), np.full(3, 1_000_000), np.ones(3, np.bool_))
    assert meets(value, _threshold(*bounds)).tolist() == expected


def test_an_undefined_value_meets_nothing() -> None:
    value = Ratio(np.array([0, 0]), np.array([1, 1]), np.array([True, False]))
    assert meets(value, _threshold(("neq", "5"))).tolist() == [True, False]
    assert [value.plain(0), value.plain(1)] == [0, None]


def test_comparison_is_exact_beyond_64_bits() -> None:
    value = whole(np.array([2**62 - 1, 2**62]))
    assert meets(value, _threshold(("gte", str(2**62) + ".000000001"))).tolist() == [False, False]
    assert meets(value, _threshold(("gte", str(2**62)))).tolist() == [False, True]


def test_decimals_in_doubles_sum_without_drift() -> None:
    numbers = exact_numbers(np.array([0.1, 0.2, np.nan, 0.7]), np.array([True, True, False, True]))
    assert (numbers.values.tolist(), numbers.scale) == ([1, 2, 0, 7], 10)


def test_doubles_that_are_no_decimals_stay_doubles() -> None:
    numbers = exact_numbers(np.array([1 / 3, 2.0]), np.array([True, True]))
    assert (numbers.values.tolist(), numbers.scale) == ([1 / 3, 2.0], 1)


def test_sums_that_could_leave_64_bits_become_python_integers() -> None:
    values = np.array([2**61, 2**61, 2**61])
    assert running(widened(values, 3)).tolist() == [0, 2**61, 2**62, 3 * 2**61]
    assert widened(np.array([1, 2]), 10**6).dtype == np.int64


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"), [(10, 2, 5), (1, 4, 0.25), (3.0, 1.0, 3), (0.5, 1.0, 0.5)]
)
def test_a_value_in_plain_numbers(numerator: float, denominator: float, expected: float) -> None:
    value = Ratio(np.array([numerator]), np.array([denominator]), np.array([True]))
    plain = value.plain(0)
    assert (plain, type(plain)) == (expected, type(expected))
