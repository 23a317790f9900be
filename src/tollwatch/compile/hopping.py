"""A correlation as stages over hopping windows: for languages with grouping but no functions over rows (ES|QL).

``hopping`` makes stages from nodes, ``esql`` prints them, and a slow interpreter in tests/ runs them. A sliding window
of W is covered by windows [k·h, k·h + W), each event standing in W/h of them. A condition that more events can only
help and that holds in such a window held at the window's last event, so nothing is found that the rule does not mean;
and what fits in W − h lies in the window that ends first after it, so that it is found, less than a hop late.
Times are milliseconds of the epoch: what Elastic keeps of a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tollwatch.compile.model import Refused
from tollwatch.compile.outline import Correlation
from tollwatch.compile.steps import Constant, Scalar
from tollwatch.plan.nodes import Search

MILLI = 1_000  # µs
WINDOWS = 12
_MOST_WINDOWS = 240


@dataclass(frozen=True, slots=True)
class Part:
    """The rows that feed one correlation in one way: an event enters where it matches one of the searches.

    ``flag``: a name for that; the same for the same searches.
    ``columns``: (column, field) pairs of what is read off its events; ``keys`` are columns that must have a value.
    """

    name: str
    flag: str
    searches: tuple[Search, ...]
    columns: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Amount:
    """A column that is measured as a whole number of ``unit``-ths; a negative one is null."""

    name: str
    unit: int


@dataclass(frozen=True, slots=True)
class Copy:
    """Each row of the part becomes one of each of the names: a correlation that several others refer to."""

    part: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """In rows of the part, each column takes the value that another has."""

    part: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Present:
    """Rows of the part without a value in one of the columns go."""

    part: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slide:
    """Rows of the parts stand once in each of ``count`` windows: ``window`` is their time over ``hop``, and on.

    A window's number is that of its last hop; with a count of 1 it is a calendar window. Others have none.
    """

    parts: tuple[str, ...]
    hop: int
    count: int


class Function(StrEnum):
    """What is measured over the rows of a group; nulls are passed over."""

    COUNT = "count"
    SUM = "sum"
    DISTINCT = "distinct"
    MIN = "min"
    MAX = "max"
    MEDIAN = "median"
    PERCENTILE = "percentile"
    BELOW = "below"  # how many values are below ``than``
    UP_TO = "up to"  # how many values are at most ``than``
    SEEN = "seen"  # 1 where there is a row of the part, else 0


@dataclass(frozen=True, slots=True)
class Measured:
    """A function over columns of the rows (of one part alone). ``than``: a bound, or which percentile."""

    name: str
    function: Function
    columns: tuple[str, ...] = ()
    part: str | None = None
    than: str | None = None


@dataclass(frozen=True, slots=True)
class Passing:
    """What becomes of rows that wait for a later correlation: they stay, and equal ones are put together.

    ``columns`` are those they need; rows of the group lose them. ``weighs``: the column ``events`` then says how many
    events each stands for.
    """

    columns: tuple[str, ...] = ()
    weighs: bool = False


@dataclass(frozen=True, slots=True)
class Judge:
    """Rows of ``parts`` become one row of the part ``into`` for each window and ``by``, where the condition holds.

    Its time is that of the last row, or of the end of a calendar window of ``span`` ms. ``passing`` None: there are no
    other rows.
    """

    into: str
    parts: tuple[str, ...]
    by: tuple[str, ...]
    measured: tuple[Measured, ...]
    computed: tuple[tuple[str, Scalar], ...]
    constants: tuple[Constant, ...]
    condition: Scalar
    span: int | None
    passing: Passing | None


@dataclass(frozen=True, slots=True)
class Follow:
    """Of each window and ``by``, rows of ``parts`` after the first one stay where they are later than the first of it.

    ``into``: the last part becomes this one (None: there are more steps). ``carried``: the columns that its rows keep
    besides ``by``. ``unique``: what then stands in several windows becomes one row.
    """

    parts: tuple[str, ...]
    by: tuple[str, ...]
    carried: tuple[str, ...]
    into: str | None
    unique: bool
    passing: Passing | None


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence on the stages after it."""

    text: str


Stage = Copy | Assign | Present | Slide | Judge | Follow | Note


@dataclass(frozen=True, slots=True)
class Hopping:
    """A whole detection. ``entity``: (name in the result, column). ``peak``: a column and how many of it make one.

    ``grid`` (ms): every hop divides it, so that windows before a multiple of it are complete. ``missed`` (ms): the sum
    of the hops on the longest way.
    """

    parts: tuple[Part, ...]
    amounts: tuple[Amount, ...]
    stages: tuple[Stage, ...]
    entity: tuple[tuple[str, str], ...]
    peak: tuple[str, int] | None
    peak_is_least: bool
    grid: int
    missed: int
    calendar: bool
    limits: tuple[str, ...] = field(default=())


# ---------------------------------------------------------------- hops


def hops(spans: Mapping[Correlation, int], wanted: int | None) -> dict[Correlation, int]:
    """For each correlation its hop, ms: it divides the timespan, and the largest of the hops.

    ``spans`` and ``wanted`` are ms; without a wish a twelfth of the timespan, or the next smaller that divides.

    Raises:
        Refused: the timespans have no such hops.
    """
    if not spans:
        return {}
    grid = wanted if wanted is not None else _hop(longest := max(spans.values()), longest, WINDOWS)
    return {node: _hop(span, grid, _least(span, wanted)) for node, span in spans.items()}


def _least(span: int, wanted: int | None) -> int:
    """The least number of windows: as many as the wished hop makes, where it is shorter than the timespan."""
    return WINDOWS if wanted is None or span <= wanted else -(-span // wanted)


def _hop(span: int, grid: int, least: int) -> int:
    for count in range(least, _MOST_WINDOWS + 1):
        if span % count == 0 and grid % (span // count) == 0:
            return span // count
    raise Refused(
        f"timespan {span / MILLI:g} s", "no hop divides it and goes with those of the other timespans",
        "choose one with --hop, or a rounder timespan",
    )  # fmt: skip
