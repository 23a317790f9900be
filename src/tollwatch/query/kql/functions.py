"""Kusto's scalar functions and operators by name; each stands in the module of its topic."""

from __future__ import annotations

from collections.abc import Mapping

from tollwatch.query.entries import Function
from tollwatch.query.kql.casts import CASTS
from tollwatch.query.kql.dynamics import DYNAMIC_FUNCTIONS
from tollwatch.query.kql.logic import LOGIC
from tollwatch.query.kql.networks import NETWORK_FUNCTIONS
from tollwatch.query.kql.numbers import NUMBER_FUNCTIONS
from tollwatch.query.kql.strings import STRING_FUNCTIONS
from tollwatch.query.kql.texts import TEXT_OPERATORS
from tollwatch.query.kql.times import TIME_FUNCTIONS
from tollwatch.query.kql.windows import WINDOW_FUNCTIONS

FUNCTIONS: Mapping[str, Function] = {
    **LOGIC, **TEXT_OPERATORS, **STRING_FUNCTIONS, **NUMBER_FUNCTIONS, **TIME_FUNCTIONS, **DYNAMIC_FUNCTIONS,
    **NETWORK_FUNCTIONS, **WINDOW_FUNCTIONS, **CASTS,
}  # fmt: skip
# What the engine itself computes, by the least and the largest number of arguments (evaluate.py).
SPECIAL: Mapping[str, tuple[int, int]] = {
    "toscalar": (1, 1), "materialize": (1, 1), "column_ifexists": (2, 2), "columnifexists": (2, 2), "pack_all": (0, 1),
}  # fmt: skip
