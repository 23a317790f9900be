"""A Splunk search as frozen trees: search terms, and the commands of the pipeline, over expressions."""

from __future__ import annotations

from dataclasses import dataclass

from tollwatch.query.syntax import Expression, Place

# ---------------------------------------------------------------- search terms


@dataclass(frozen=True, slots=True)
class All:
    """Every term holds."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the terms holds."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold; true where a field is missing."""

    item: Term


@dataclass(frozen=True, slots=True)
class Compared:
    """A field beside a value, which may have wildcards; ``quoted`` as it was written."""

    field: str
    sign: str
    value: str
    quoted: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text to be found in the event."""

    text: str
    exact: bool
    place: Place


Term = All | AnyOf | Not | Compared | Phrase

# ---------------------------------------------------------------- commands


@dataclass(frozen=True, slots=True)
class Measure:
    """An aggregate under a name: of a field (None: of the rows) or of an expression. ``field`` may have wildcards."""

    name: str
    function: str
    percent: float | None
    value: Expression | None
    place: Place


@dataclass(frozen=True, slots=True)
class Search:
    """``search``: rows for which the term holds."""

    term: Term


@dataclass(frozen=True, slots=True)
class Where:
    """``where``: rows for which the expression is true."""

    condition: Expression


@dataclass(frozen=True, slots=True)
class Eval:
    """``eval``: fields computed one after the other."""

    assignments: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """``stats``; ``keep``: ``eventstats``, which adds its fields to every row."""

    measures: tuple[Measure, ...]
    by: tuple[str, ...]
    keep: bool


@dataclass(frozen=True, slots=True)
class StreamStats:
    """``streamstats``: aggregates over the rows so far, the last ``window`` of them (0: all)."""

    measures: tuple[Measure, ...]
    by: tuple[str, ...]
    window: int
    current: bool
    whole: bool
    reset_on_change: bool
    reset_before: Expression | None
    reset_after: Expression | None


@dataclass(frozen=True, slots=True)
class TStats:
    """``tstats`` over a data model or an index: a search over its fields, then ``stats``; ``spans``: bins of fields."""

    source: str | None
    term: Term | None
    stats: Stats
    spans: tuple[tuple[str, str], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Sort:
    """``sort``: (field, descending, how it is compared); ``limit`` 0 is all."""

    orders: tuple[tuple[str, bool, str], ...]
    limit: int


@dataclass(frozen=True, slots=True)
class Dedup:
    """``dedup``: the first ``count`` rows of each combination of fields."""

    fields: tuple[str, ...]
    count: int
    consecutive: bool
    keep_empty: bool


@dataclass(frozen=True, slots=True)
class Head:
    """``head`` and ``tail`` (from the end, in reverse)."""

    count: int
    tail: bool


@dataclass(frozen=True, slots=True)
class Reverse:
    """``reverse``."""


@dataclass(frozen=True, slots=True)
class Fields:
    """``fields`` (``remove``: without them) and, with ``only``, ``table``; names may have wildcards."""

    names: tuple[str, ...]
    remove: bool
    only: bool


@dataclass(frozen=True, slots=True)
class Rename:
    """``rename``: (old, new), with wildcards."""

    names: tuple[tuple[str, str], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class FillNull:
    """``fillnull``, and with ``down`` ``filldown``; without fields, all."""

    fields: tuple[str, ...]
    value: str
    down: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """``bin``: times or numbers down to a multiple of the span."""

    field: str
    target: str
    span: str
    place: Place


@dataclass(frozen=True, slots=True)
class Regex:
    """``regex``: rows in whose field the pattern is found, or (``negated``) is not."""

    field: str
    pattern: str
    negated: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Rex:
    """``rex``: the pattern's named groups as fields."""

    field: str
    pattern: str
    most: int
    place: Place


@dataclass(frozen=True, slots=True)
class Expand:
    """``mvexpand``: a row for each value of the field, at most ``limit`` (0: all)."""

    field: str
    limit: int


@dataclass(frozen=True, slots=True)
class MakeMany:
    """``makemv``: a text split into several values."""

    field: str
    delimiter: str


@dataclass(frozen=True, slots=True)
class Append:
    """``append``, ``multisearch`` and ``union``: the rows of other searches, after those that are there."""

    searches: tuple[Pipeline, ...]


@dataclass(frozen=True, slots=True)
class MakeResults:
    """``makeresults``: rows with nothing but the time."""

    count: int


@dataclass(frozen=True, slots=True)
class InputLookup:
    """``inputlookup``: a table's rows."""

    table: str
    place: Place


@dataclass(frozen=True, slots=True)
class Lookup:
    """``lookup``: fields of a table's rows that agree in the keys. ``keys`` and ``output``: (theirs, ours)."""

    table: str
    keys: tuple[tuple[str, str], ...]
    output: tuple[tuple[str, str], ...]
    fill_only: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Rank:
    """``top`` and ``rare``: the most or least frequent combinations of the fields."""

    fields: tuple[str, ...]
    by: tuple[str, ...]
    limit: int
    rare: bool


@dataclass(frozen=True, slots=True)
class Convert:
    """``convert``: (function, field, name) with a format of times."""

    conversions: tuple[tuple[str, str, str], ...]
    time_format: str
    place: Place


Stage = (
    Search | Where | Eval | Stats | StreamStats | TStats | Sort | Dedup | Head | Reverse | Fields | Rename | FillNull
    | Bin | Regex | Rex | Expand | MakeMany | Append | MakeResults | InputLookup | Lookup | Rank | Convert
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a search begins with is its first stage; ``generating``: it makes rows of its own."""

    stages: tuple[Stage, ...]
    generating: bool
