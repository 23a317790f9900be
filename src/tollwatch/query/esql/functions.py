"""ES|QL's functions, by how they see several values in a row."""

from __future__ import annotations

from collections.abc import Mapping

from tollwatch.query.entries import Aggregate, Function, found
from tollwatch.query.esql.aggregates import AGGREGATES, ROW_AGGREGATES
from tollwatch.query.esql.conditions import CONDITIONS
from tollwatch.query.esql.conversions import ALIASES, CONVERSIONS
from tollwatch.query.esql.dates import BUCKETS, DATE_FUNCTIONS
from tollwatch.query.esql.maths import MATHS
from tollwatch.query.esql.multi import MULTI
from tollwatch.query.esql.operators import OPERATORS
from tollwatch.query.esql.texts import TEXT_FUNCTIONS
from tollwatch.query.syntax import Place

# They see one value, and give null for several.
SINGLE: Mapping[str, Function] = {**OPERATORS, **TEXT_FUNCTIONS, **MATHS, **DATE_FUNCTIONS, **BUCKETS}
# They give a value for each.
EACH: Mapping[str, Function] = CONVERSIONS
# They see all.
WHOLE: Mapping[str, Function] = {**MULTI, **CONDITIONS}
FUNCTIONS: Mapping[str, Function] = {**SINGLE, **EACH, **WHOLE}
ALL_AGGREGATES: Mapping[str, Aggregate] = {**AGGREGATES, **ROW_AGGREGATES}


def function(name: str, place: Place) -> Function:
    """The function of that name.

    Raises:
        QueryError: there is none.
    """
    entry: Function = found(FUNCTIONS, name, place)
    return entry


def canonical(name: str) -> str:
    """The name in the tables of a function as it is written."""
    upper = name.upper()
    return ALIASES.get(upper, upper)
