"""The stages of a Kusto pipeline, as frozen trees over expressions."""

from __future__ import annotations

from dataclasses import dataclass, field

from tollwatch.query.syntax import Assignment, Call, Element, Expression, Literal, Name, Place
from tollwatch.query.table import Type

__all__ = ["Assignment", "Call", "Element", "Expression", "Literal", "Name", "Place"]


@dataclass(frozen=True, slots=True)
class Subquery(Call):
    """A pipeline where an expression stands: ``in (T | project x)``, toscalar(…), the body of a function."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class NamedArgument(Call):
    """An argument with a name: ``arg_max(a, b = c)``; the one argument is its value."""

    label: str


@dataclass(frozen=True, slots=True)
class Lambda:
    """A function that a query makes. ``parameters``: name, type (None: a table), and the value where none is given.

    ``view``: a pattern of table names may stand for it.
    """

    parameters: tuple[tuple[str, Type | None, Expression | None], ...]
    lets: tuple[Let, ...]
    body: Pipeline
    place: Place
    view: bool = False


@dataclass(frozen=True, slots=True)
class Let:
    """A name for a value, a table or a function."""

    name: str
    value: Lambda | Pipeline


@dataclass(frozen=True, slots=True)
class Pattern:
    """Columns or tables by name; ``*`` stands for any characters."""

    name: str
    place: Place
    quoted: bool = False

    @property
    def wild(self) -> bool:
        """Whether it may be of several names."""
        return "*" in self.name and not self.quoted


# ---------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class Datatable:
    """A table written out: its columns, and its cells row by row."""

    columns: tuple[tuple[str, Type], ...]
    cells: tuple[Expression, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Print:
    """One row of expressions."""

    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """A column of evenly spaced values, both ends included."""

    name: str
    start: Expression
    stop: Expression
    step: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of several tables, one after the other (``sources`` may be name patterns)."""

    sources: tuple[Item, ...]
    place: Place
    inner: bool = False
    fuzzy: bool = False
    source_name: str | None = None


# ---------------------------------------------------------------- stages


@dataclass(frozen=True, slots=True)
class OrderBy:
    """A key to sort by."""

    value: Expression
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Where:
    """Rows where the condition is true."""

    condition: Expression


@dataclass(frozen=True, slots=True)
class Extend:
    """More columns, computed side by side; ``only``: and no others (project)."""

    assignments: tuple[Assignment, ...]
    only: bool = False


@dataclass(frozen=True, slots=True)
class Choose:
    """Only these columns, or all but these."""

    patterns: tuple[Pattern, ...]
    away: bool


@dataclass(frozen=True, slots=True)
class Reorder:
    """These columns first; True: a pattern's columns in descending order, False: ascending, None: as they stand."""

    patterns: tuple[tuple[Pattern, bool | None], ...]


@dataclass(frozen=True, slots=True)
class Rename:
    """(new, old) names."""

    names: tuple[tuple[str, Name], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Summarize:
    """One row for each combination of ``by``."""

    aggregates: tuple[Assignment, ...]
    by: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    """Rows in order; ``limit`` of them."""

    orders: tuple[OrderBy, ...]
    limit: Expression | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """So many rows."""

    limit: Expression


@dataclass(frozen=True, slots=True)
class Distinct:
    """Each combination of these columns once; None: of all."""

    assignments: tuple[Assignment, ...] | None
    place: Place


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows there are."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """Values that hold others, their own name, and the type that the others get."""

    assignment: Assignment
    type: Type | None


@dataclass(frozen=True, slots=True)
class Expand:
    """One row for each element, of several columns side by side. ``index``: the name of the element's number."""

    columns: tuple[Expanded, ...]
    place: Place
    index: str | None = None
    pairs: bool = False
    limit: Expression | None = None


@dataclass(frozen=True, slots=True)
class Apply:
    """Stages over the elements of each row."""

    expand: Expand
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """Rows of two tables with equal keys: (left, right) names. ``lookup``: the right keys are left out."""

    kind: str
    right: Item
    keys: tuple[tuple[Name, Name], ...]
    place: Place
    lookup: bool = False


@dataclass(frozen=True, slots=True)
class Partition:
    """Stages over the rows of each value of a column."""

    by: Name
    stages: tuple[Stage, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text to parse: a constant, a column with its type, or (neither) anything."""

    text: str | None = None
    name: str | None = None
    type: Type = Type.STRING


@dataclass(frozen=True, slots=True)
class Parse:
    """Columns from the pieces of a text; ``strict``: only rows of that form."""

    value: Expression
    parts: tuple[Part, ...]
    strict: bool
    place: Place


@dataclass(frozen=True, slots=True)
class As:
    """A name for the table so far."""

    name: str


@dataclass(frozen=True, slots=True)
class Invoke:
    """A function of the query, the table so far as its first argument."""

    call: Call


@dataclass(frozen=True, slots=True)
class Render:
    """How to draw the rows: nothing to compute."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a scan: its condition, and the values of the state's columns."""

    name: str
    condition: Expression
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """One step that matches every row, or where its condition holds, and carries a state along.

    ``declared``: name, type and first value of the state's columns.
    """

    declared: tuple[tuple[str, Type, Expression | None], ...]
    step: Step
    place: Place


Stage = (
    Where | Extend | Choose | Reorder | Rename | Summarize | Sort | Take | Distinct | Count | Expand | Apply | Join
    | Union | Partition | Parse | As | Invoke | Render | Scan
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Where rows come from, and stages. An expression is the name of a table, a call or a pipeline in parentheses."""

    source: Expression | Union | Datatable | Print | Range
    stages: tuple[Stage, ...] = ()
    place: Place = field(default=(1, 1))


Item = Pipeline | Pattern


@dataclass(frozen=True, slots=True)
class Query:
    """``let`` statements, and the pipeline that gives the rows."""

    lets: tuple[Let, ...]
    pipeline: Pipeline
