"""ES|QL's text as a query (grammar.lark). Whatever the engine lacks is refused here, by name and place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from lark import Token, Transformer, v_args
from lark.exceptions import VisitError
from lark.tree import Meta

from tollwatch.query.entries import Aggregate, Function, arity, unknown
from tollwatch.query.errors import QueryError
from tollwatch.query.esql import syntax, times
from tollwatch.query.esql.conversions import CASTS
from tollwatch.query.esql.dates import BUCKETS
from tollwatch.query.esql.extract import dissection, grok
from tollwatch.query.esql.functions import ALL_AGGREGATES, FUNCTIONS, canonical
from tollwatch.query.esql.operators import INT_LEAST, INT_MOST
from tollwatch.query.reading import read
from tollwatch.query.table import Type

METADATA = (
    "_id", "_ignored", "_index", "_index_mode", "_score", "_size", "_source", "_tier", "_version",
)  # fmt: skip
_FIRST = re.compile(r"(?>(?:\s|//[^\n]*|/\*(?:.|\n)*?\*/)*)([A-Za-z_]+)")
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}
_PARTS = re.compile(r"`(?:[^`]|``)+`|[^`.\s]+")
_MEASURES: Mapping[str, Function | Aggregate] = {**FUNCTIONS, **ALL_AGGREGATES}


def parse(
    text: str, _macros: Mapping[str, str] | None = None, parameters: Mapping[str, Any] | None = None
) -> syntax.Query:
    """The query. ES|QL has no macros; ``parameters`` are the values of ?name and ?1.

    Raises:
        QueryError: what is no ES|QL, or a construct that the engine lacks.
    """
    return _parsed(text, tuple((parameters or {}).items()))


@lru_cache(256)
def _parsed(text: str, parameters: tuple[tuple[str, Any], ...]) -> syntax.Query:
    """A scheduled query is run again and again: it is read once."""
    first = _FIRST.match(text)
    if first is not None and first[1].upper() not in ("FROM", "ROW"):
        before = text[: first.start(1)]
        place = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise QueryError(f"the command {first[1]} is not known", *place)
    try:
        result: syntax.Query = _Builder(text, dict(parameters)).transform(read("esql", text))
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    return result


def _place(meta: Meta) -> syntax.Place:
    return (meta.line, meta.column) if not meta.empty else (1, 1)


def text_of(token: str) -> str:
    """The text of a string literal; between three quotes a backslash is one."""
    if token.startswith('"""') and len(token) >= 6:
        return token[3:-3]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token[1:-1], flags=re.DOTALL)


def name_of(token: str) -> str:
    """The column's name: parts between dots, some in backquotes."""
    return ".".join(_unquoted(part) for part in _PARTS.findall(token))


def _unquoted(part: str) -> str:
    return part[1:-1].replace("``", "`") if part.startswith("`") else part


def pattern_of(token: str, place: syntax.Place) -> syntax.Pattern:
    """Names by a pattern: a star between backquotes is a star."""
    pieces: list[tuple[str, bool]] = []
    for number, part in enumerate(_PARTS.findall(token)):
        if number:
            pieces.append((".", False))
        split = [part] if part.startswith("`") else re.findall(r"\*|[^*]+", part)
        pieces += [(_unquoted(piece), piece == "*") for piece in split]
    return syntax.Pattern(tuple(pieces), place)


def calls(expression: syntax.Expression) -> Iterable[syntax.Call]:
    """The calls in an expression, itself first."""
    if isinstance(expression, syntax.Call):
        yield expression
        for one in expression.arguments:
            yield from calls(one)


def _scalar(*expressions: syntax.Expression, buckets: bool = False) -> None:
    """Refuses aggregates and grouping functions where there are no groups."""
    for expression in expressions:
        for call in calls(expression):
            if call.name in ALL_AGGREGATES:
                raise QueryError(f"the aggregate {call.name} stands only in STATS", *call.place)
            if call.name in BUCKETS and not buckets:
                raise QueryError(f"{call.name} stands only after BY", *call.place)


def _measure(expression: syntax.Expression) -> None:
    """Refuses an aggregate inside one, and what has none."""
    found = [call for call in calls(expression) if call.name in ALL_AGGREGATES]
    if not found:
        raise QueryError("STATS wants an aggregate here", *expression.place)
    for call in found:
        _scalar(*call.arguments)


@v_args(meta=True)
class _Builder(Transformer[Token, Any]):
    """Each method makes the tree of the rule of its name."""

    def __init__(self, text: str, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        self.text = text
        self.parameters = parameters

    def _name(self, meta: Meta, value: syntax.Expression) -> str:
        """What an expression without a name is called: a column by its own, all else as it is written."""
        return value.name if isinstance(value, syntax.Name) else self.text[meta.start_pos : meta.end_pos]

    # ------------------------------------------------------------ expressions

    def integer(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        value = int(str(children[0]))
        if value >= 2**63:
            raise QueryError("an unsigned_long is not known", *_place(meta))
        return syntax.Literal(Type.INT if value <= INT_MOST else Type.LONG, value, _place(meta))

    def decimal(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.REAL, float(str(children[0])), _place(meta))

    def string(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.STRING, text_of(str(children[0])), _place(meta))

    def true(self, meta: Meta, _children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.BOOL, True, _place(meta))

    def false(self, meta: Meta, _children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.BOOL, False, _place(meta))

    def null(self, meta: Meta, _children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.DYNAMIC, None, _place(meta))

    def span(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.TIMESPAN, times.amount(str(children[0])), _place(meta))

    def parameter(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        name = str(children[0]).lstrip("?")
        if str(children[0]).startswith("??") or name not in self.parameters:
            raise QueryError(f"the parameter {children[0]} is not given", *_place(meta))
        value = self.parameters[name]
        kinds = {bool: Type.BOOL, int: Type.LONG, float: Type.REAL, str: Type.STRING, type(None): Type.DYNAMIC}
        if type(value) not in kinds:
            raise QueryError(f"the parameter {children[0]} is no single value", *_place(meta))
        kind = kinds[type(value)]
        small = kind is Type.LONG and INT_LEAST <= value <= INT_MOST
        return syntax.Literal(Type.INT if small else kind, value, _place(meta))

    def many(self, meta: Meta, children: list[Any]) -> syntax.Call:
        wrong = next((one for one in children if not isinstance(one, syntax.Literal) or one.value is None), None)
        if wrong is not None:
            raise QueryError("a list holds constants", *wrong.place)
        return syntax.Call("[]", tuple(children), _place(meta))

    def name(self, meta: Meta, children: list[Any]) -> syntax.Name:
        return syntax.Name(name_of(str(children[0])), _place(meta))

    def star(self, meta: Meta, _children: list[Any]) -> syntax.Name:
        return syntax.Name("*", _place(meta))

    def options(self, meta: Meta, _children: list[Any]) -> Any:
        raise QueryError("options of a function are not known", *_place(meta))

    def call(self, meta: Meta, children: list[Any]) -> syntax.Call:
        name, *arguments = children
        return self._called(str(name), [one for one in arguments if one is not None], _place(meta))

    def _called(self, written: str, arguments: list[Any], place: syntax.Place) -> syntax.Call:
        name = canonical(written)
        if name not in _MEASURES:
            raise unknown("function", written.upper(), _MEASURES, place)
        if any(isinstance(one, syntax.Name) and one.name == "*" for one in arguments):
            if name != "COUNT" or len(arguments) > 1:
                raise QueryError(f"{name}(*) is not known", *place)
            arguments = []
        arity(_MEASURES[name], name, len(arguments), place)
        return syntax.Call(name, tuple(arguments), place)

    def cast(self, meta: Meta, children: list[Any]) -> syntax.Call:
        kind = str(children[1]).lower()
        if kind not in CASTS:
            raise unknown("type", str(children[1]), CASTS, _place(meta))
        return self._called(CASTS[kind], [children[0]], _place(meta))

    def negative(self, meta: Meta, children: list[Any]) -> syntax.Expression:
        (one,) = children
        if isinstance(one, syntax.Literal) and one.type in (Type.INT, Type.LONG, Type.REAL):
            value = -one.value
            small = one.type is Type.LONG and value == INT_LEAST
            return syntax.Literal(Type.INT if small else one.type, value, _place(meta))
        if isinstance(one, syntax.Literal) and one.type is Type.TIMESPAN:
            less = replace(one.value, months=-one.value.months, micros=-one.value.micros)
            return syntax.Literal(Type.TIMESPAN, less, _place(meta))
        return syntax.Call("negative", (one,), _place(meta))

    def positive(self, _meta: Meta, children: list[Any]) -> Any:
        return children[0]

    def binary(self, meta: Meta, children: list[Any]) -> syntax.Call:
        left, sign, right = children
        return syntax.Call(str(sign), (left, right), _place(meta))

    def match(self, meta: Meta, _children: list[Any]) -> Any:
        raise QueryError("the operator : (match) is not known", *_place(meta))

    def is_null(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("is null", (children[0],), _place(meta))

    def is_not_null(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("is not null", (children[0],), _place(meta))

    def like(self, meta: Meta, children: list[Any]) -> syntax.Call:
        first, negated, sign, *texts = children
        return self._perhaps_not(negated, syntax.Call(str(sign).lower(), (first, *texts), _place(meta)))

    def in_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        first, negated, *items = children
        return self._perhaps_not(negated, syntax.Call("in", (first, *items), _place(meta)))

    def _perhaps_not(self, negated: Any, call: syntax.Call) -> syntax.Call:
        return call if negated is None else syntax.Call("not", (call,), call.place)

    def not_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("not", (children[1],), _place(meta))

    def and_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("and", tuple(children), _place(meta))

    def or_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("or", tuple(children), _place(meta))

    # ------------------------------------------------------------ parts of commands

    def named_value(self, _meta: Meta, children: list[Any]) -> syntax.Assignment:
        return syntax.Assignment(children[0].name, children[1])

    def value(self, meta: Meta, children: list[Any]) -> syntax.Assignment:
        return syntax.Assignment(self._name(meta, children[0]), children[0])

    def named_aggregate(self, _meta: Meta, children: list[Any]) -> syntax.Measured:
        return syntax.Measured(children[0].name, children[1], children[2])

    def unnamed_aggregate(self, meta: Meta, children: list[Any]) -> syntax.Measured:
        return syntax.Measured(self._name(meta, children[0]), children[0], children[1])

    def items(self, _meta: Meta, children: list[Any]) -> tuple[Any, ...]:
        return tuple(children)

    assignments = aggregates = names = renames = orders = items

    def patterns(self, _meta: Meta, children: list[Token]) -> tuple[syntax.Pattern, ...]:
        return tuple(pattern_of(str(one), (one.line or 1, one.column or 1)) for one in children)

    def renamed(self, _meta: Meta, children: list[Any]) -> tuple[syntax.Name, str]:
        return children[0], children[1].name

    def renamed_backwards(self, _meta: Meta, children: list[Any]) -> tuple[syntax.Name, str]:
        return children[1], children[0].name

    def order(self, _meta: Meta, children: list[Any]) -> syntax.OrderBy:
        value, direction, place = children
        _scalar(value)
        descending = direction is not None and str(direction).upper() == "DESC"
        first = descending if place is None else str(place).upper() == "FIRST"
        return syntax.OrderBy(value, descending, first)

    # ------------------------------------------------------------ commands

    def from_(self, meta: Meta, children: list[Any]) -> syntax.From:
        *patterns, metadata = children
        for one in metadata or ():
            if one.name not in METADATA:
                raise unknown("metadata field", one.name, METADATA, one.place)
        written = [str(one).strip('"') for one in patterns]
        return syntax.From(
            tuple(one.strip() for text in written for one in text.split(",")), metadata or (), _place(meta)
        )

    def row(self, _meta: Meta, children: list[Any]) -> syntax.Row:
        _scalar(*(one.value for one in children[0]))
        return syntax.Row(children[0])

    def where(self, _meta: Meta, children: list[Any]) -> syntax.Where:
        _scalar(children[0])
        return syntax.Where(children[0])

    def eval(self, _meta: Meta, children: list[Any]) -> syntax.Eval:
        _scalar(*(one.value for one in children[0]))
        return syntax.Eval(children[0])

    def stats(self, meta: Meta, children: list[Any]) -> syntax.Stats:
        return self._grouped(meta, children[0] or (), children[-1] or (), inline=False)

    def inline_stats(self, meta: Meta, children: list[Any]) -> syntax.Stats:
        return self._grouped(meta, children[0], children[-1] or (), inline=True)

    def _grouped(self, meta: Meta, aggregates: Any, by: Any, *, inline: bool) -> syntax.Stats:
        if not aggregates and not by:
            raise QueryError("STATS wants an aggregate, or BY", *_place(meta))
        for one in aggregates:
            _measure(one.value)
            if one.only is not None:
                _scalar(one.only)
        for assignment in by:
            _scalar(assignment.value, buckets=True)
        return syntax.Stats(aggregates, by, inline)

    def keep(self, _meta: Meta, children: list[Any]) -> syntax.Keep:
        return syntax.Keep(children[0])

    def drop(self, _meta: Meta, children: list[Any]) -> syntax.Drop:
        return syntax.Drop(children[0])

    def rename(self, _meta: Meta, children: list[Any]) -> syntax.Rename:
        return syntax.Rename(children[0])

    def sort(self, _meta: Meta, children: list[Any]) -> syntax.Sort:
        return syntax.Sort(children[0])

    def limit(self, _meta: Meta, children: list[Any]) -> syntax.Limit:
        return syntax.Limit(int(str(children[0])))

    def mv_expand(self, _meta: Meta, children: list[Any]) -> syntax.Expand:
        return syntax.Expand(children[0])

    def dissect(self, meta: Meta, children: list[Any]) -> syntax.Dissect:
        source, pattern, separator = children
        _scalar(source)
        found = syntax.Dissect(source, pattern.value, "" if separator is None else separator.value, _place(meta))
        dissection(found.pattern, found.place)
        return found

    def grok(self, meta: Meta, children: list[Any]) -> syntax.Grok:
        source, *patterns = children
        _scalar(source)
        found = syntax.Grok(source, tuple(one.value for one in patterns), _place(meta))
        for one in found.patterns:
            grok(one, found.place)
        return found

    def lookup_join(self, meta: Meta, children: list[Any]) -> syntax.Join:
        return syntax.Join(str(children[0]).strip('"'), children[1], _place(meta))

    def command(self, _meta: Meta, children: list[Any]) -> Any:
        return children[0]

    def query(self, _meta: Meta, children: list[Any]) -> syntax.Query:
        source, *commands = children
        return syntax.Query(source, tuple(commands))
