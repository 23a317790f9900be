"""Kusto's text as a syntax tree (grammar.lark)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lark import Token, Transformer, v_args
from lark.exceptions import VisitError
from lark.tree import Meta

from tollwatch.query.columns import EPOCH
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.reading import read
from tollwatch.query.table import Type

_UNITS = {
    "microsecond": 1, "microseconds": 1, "ms": 1_000, "millisecond": 1_000, "milliseconds": 1_000, "s": 1_000_000,
    "second": 1_000_000, "seconds": 1_000_000, "m": 60_000_000, "minute": 60_000_000, "minutes": 60_000_000,
    "h": 3_600_000_000, "hour": 3_600_000_000, "hours": 3_600_000_000, "d": 86_400_000_000, "day": 86_400_000_000,
    "days": 86_400_000_000,
}  # fmt: skip
TYPES = {
    "bool": Type.BOOL, "long": Type.LONG, "int": Type.LONG, "real": Type.REAL, "double": Type.REAL,
    "string": Type.STRING, "datetime": Type.DATETIME, "timespan": Type.TIMESPAN, "time": Type.TIMESPAN,
    "dynamic": Type.DYNAMIC,
}  # fmt: skip


def parse(text: str, _macros: Mapping[str, str] | None = None) -> syntax.Query:
    """The query. Kusto has no macros.

    Raises:
        QueryError: what is no Kusto, or a construct that the engine lacks.
    """
    try:
        result: syntax.Query = _Builder().transform(read("kql", text))
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    return result


def _place(meta: Meta) -> syntax.Place:
    return (meta.line, meta.column) if not meta.empty else (1, 1)


def text_of(token: str) -> str:
    """The text of a string literal."""
    token = token.lstrip("hH")
    if token.startswith("@"):
        return token[2:-1].replace(token[1] * 2, token[1])
    body = token[1:-1] if token[0] == '"' else token[1:-1].replace('"', '\\"').replace("\\'", "'")
    body = re.sub(r"\\U([0-9a-fA-F]{8})", lambda found: json.dumps(chr(int(found[1], 16)))[1:-1], body)
    try:
        return str(json.loads(f'"{body}"', strict=False))
    except json.JSONDecodeError:
        return re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL)


@v_args(meta=True)
class _Builder(Transformer[Token, Any]):
    """Each method makes the tree of the rule of its name."""

    # ------------------------------------------------------------ expressions

    def number(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        text = str(children[0])
        whole = text.isdigit()
        return syntax.Literal(Type.LONG if whole else Type.REAL, int(text) if whole else float(text), _place(meta))

    def span(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        found = re.fullmatch(r"([\d.]+)([a-z]+)", str(children[0]))
        if found is None or found[2] not in _UNITS:
            raise QueryError(f"the timespan {children[0]} is not known", *_place(meta))
        return syntax.Literal(Type.TIMESPAN, round(float(found[1]) * _UNITS[found[2]]), _place(meta))

    def string(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.STRING, text_of(str(children[0])), _place(meta))

    def true(self, meta: Meta, _children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.BOOL, True, _place(meta))

    def false(self, meta: Meta, _children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.BOOL, False, _place(meta))

    def star(self, meta: Meta, _children: list[Any]) -> syntax.Name:
        return syntax.Name("*", _place(meta))

    def name(self, meta: Meta, children: list[Any]) -> syntax.Name:
        token = str(children[0])
        return syntax.Name(text_of(token[1:-1]) if token.startswith("[") else token, _place(meta))

    def literal(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        found = re.fullmatch(r"(\w+)\s*\((.*)\)", str(children[0]), re.DOTALL)
        if found is None or found[1] not in TYPES:
            raise QueryError(f"the literal {children[0]} is not known", *_place(meta))
        type_, text = TYPES[found[1]], found[2].strip()
        return syntax.Literal(type_, None if text == "null" else _value(type_, text, _place(meta)), _place(meta))

    def dynamic(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.DYNAMIC, _plain(children[0]), _place(meta))

    def json_list(self, _meta: Meta, children: list[Any]) -> list[Any]:
        return [_plain(child) for child in children if child is not None]

    def json_record(self, _meta: Meta, children: list[Any]) -> dict[str, Any]:
        return dict(child for child in children if child is not None)

    def pair(self, _meta: Meta, children: list[Any]) -> tuple[str, Any]:
        return str(_plain(children[0])), _plain(children[1])

    def json_null(self, _meta: Meta, _children: list[Any]) -> None:
        return None

    def json_negative(self, _meta: Meta, children: list[Any]) -> Any:
        text = str(children[0])
        return -int(text) if text.isdigit() else -float(text)

    def call(self, meta: Meta, children: list[Any]) -> syntax.Call:
        name, *arguments = children
        return syntax.Call(str(name), tuple(one for one in arguments if one is not None), _place(meta))

    def member(self, meta: Meta, children: list[Any]) -> syntax.Element:
        return syntax.Element(children[0], str(children[1]), _place(meta))

    def element(self, meta: Meta, children: list[Any]) -> syntax.Element:
        key = children[1]
        if not isinstance(key, syntax.Literal) or key.type not in (Type.STRING, Type.LONG):
            raise QueryError("an index that is no constant is not known here", *_place(meta))
        return syntax.Element(children[0], key.value, _place(meta))

    def negative(self, meta: Meta, children: list[Any]) -> syntax.Expression:
        one = children[0]
        if isinstance(one, syntax.Literal) and one.type in (Type.LONG, Type.REAL, Type.TIMESPAN):
            return syntax.Literal(one.type, -one.value, _place(meta))
        return syntax.Call("negate", (one,), _place(meta))

    def binary(self, meta: Meta, children: list[Any]) -> syntax.Call:
        left, sign, right = children
        return syntax.Call(str(sign), (left, right), _place(meta))

    compare = binary

    def matches(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("matches regex", tuple(children), _place(meta))

    def between(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("between", tuple(children), _place(meta))

    def not_between(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("not", (self.between(meta, children),), _place(meta))

    def in_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        left, sign, *items = children
        return syntax.Call(str(sign), (left, *(item for item in items if item is not None)), _place(meta))

    def or_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("or", tuple(children), _place(meta))

    def and_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("and", tuple(children), _place(meta))

    # ------------------------------------------------------------ stages

    def named_value(self, _meta: Meta, children: list[Any]) -> syntax.Assignment:
        return syntax.Assignment(children[0].name, children[1])

    def value(self, _meta: Meta, children: list[Any]) -> syntax.Assignment:
        return syntax.Assignment(None, children[0])

    def assigned(self, _meta: Meta, children: list[Any]) -> syntax.Assignment:
        return syntax.Assignment(children[0].name, children[1])

    def assignments(self, _meta: Meta, children: list[Any]) -> tuple[Any, ...]:
        return tuple(children)

    names = renames = orders = join_keys = assignments

    def rename(self, _meta: Meta, children: list[Any]) -> tuple[str, syntax.Name]:
        return children[0].name, children[1]

    def order(self, _meta: Meta, children: list[Any]) -> syntax.OrderBy:
        value, direction, place = children
        descending = direction is None or str(direction) == "desc"
        first = str(place) == "first" if place is not None else not descending
        return syntax.OrderBy(value, descending, first)

    def where(self, _meta: Meta, children: list[Any]) -> syntax.Where:
        return syntax.Where(children[0])

    def extend(self, _meta: Meta, children: list[Any]) -> syntax.Extend:
        return syntax.Extend(children[0])

    def serialize(self, _meta: Meta, children: list[Any]) -> syntax.Extend:
        return syntax.Extend(children[0] or ())

    def project(self, _meta: Meta, children: list[Any]) -> syntax.Extend:
        return syntax.Extend(children[0], only=True)

    def project_away(self, _meta: Meta, children: list[Any]) -> syntax.Choose:
        return syntax.Choose(children[0], away=True)

    def project_keep(self, _meta: Meta, children: list[Any]) -> syntax.Choose:
        return syntax.Choose(children[0], away=False)

    def project_rename(self, _meta: Meta, children: list[Any]) -> syntax.Rename:
        return syntax.Rename(children[0])

    def summarize(self, _meta: Meta, children: list[Any]) -> syntax.Summarize:
        return syntax.Summarize(children[0] or (), children[1] or ())

    def sort(self, _meta: Meta, children: list[Any]) -> syntax.Sort:
        return syntax.Sort(children[0])

    def top(self, _meta: Meta, children: list[Any]) -> syntax.Sort:
        return syntax.Sort((children[1],), children[0])

    def take(self, _meta: Meta, children: list[Any]) -> syntax.Take:
        return syntax.Take(children[0])

    def distinct(self, _meta: Meta, children: list[Any]) -> syntax.Distinct:
        return syntax.Distinct(children[0])

    def count(self, _meta: Meta, _children: list[Any]) -> syntax.Count:
        return syntax.Count()

    def mv_expand(self, meta: Meta, children: list[Any]) -> syntax.Expand:
        assignment, type_ = children
        if type_ is not None and str(type_) not in TYPES:
            raise QueryError(f"the type {type_} is not known", *_place(meta))
        return syntax.Expand(assignment, None if type_ is None else TYPES[str(type_)])

    def same_key(self, _meta: Meta, children: list[Any]) -> tuple[syntax.Name, syntax.Name]:
        return children[0], children[0]

    def two_keys(self, _meta: Meta, children: list[Any]) -> tuple[syntax.Name, syntax.Name]:
        return children[0], children[1]

    def option(self, _meta: Meta, children: list[Any]) -> tuple[str, str]:
        return str(children[0]), str(children[1])

    def join(self, meta: Meta, children: list[Any]) -> syntax.Join:
        *options, right, keys = children
        said = dict(options)
        unknown = set(said) - {"kind", "hint.strategy"}
        if unknown:
            raise QueryError(f"join: the option {min(unknown)} is not known", *_place(meta))
        return syntax.Join(said.get("kind", "innerunique"), right, keys, _place(meta))

    def union(self, _meta: Meta, children: list[Any]) -> syntax.Union:
        return syntax.Union(tuple(child for child in children if not isinstance(child, tuple)))

    def union_source(self, _meta: Meta, children: list[Any]) -> tuple[Any, ...]:
        return tuple(child for child in children if not isinstance(child, tuple))

    def declared(self, meta: Meta, children: list[Any]) -> tuple[str, Type, Any]:
        name, type_, first = children
        if str(type_) not in TYPES:
            raise QueryError(f"the type {type_} is not known", *_place(meta))
        return str(name), TYPES[str(type_)], first

    def step(self, _meta: Meta, children: list[Any]) -> tuple[str, Any, tuple[Any, ...]]:
        name, condition, *assigned = children
        return str(name), condition, tuple(assigned)

    def scan(self, meta: Meta, children: list[Any]) -> syntax.Scan:
        *declared, (name, condition, assigned) = children
        return syntax.Scan(tuple(declared), name, condition, assigned, _place(meta))

    # ------------------------------------------------------------ the whole

    def stage(self, _meta: Meta, children: list[Any]) -> Any:
        return children[0]

    def table_name(self, meta: Meta, children: list[Any]) -> syntax.Name:
        return self.name(meta, children)

    def named(self, _meta: Meta, children: list[Any]) -> Any:
        return children[0]

    inner = named

    def pipeline(self, _meta: Meta, children: list[Any]) -> syntax.Pipeline:
        source, *stages = children
        sources = source if isinstance(source, tuple) else (source,)
        return syntax.Pipeline(sources, tuple(stages))

    def statement(self, _meta: Meta, children: list[Any]) -> tuple[str, Any]:
        return str(children[0]), children[1]

    def let_table(self, _meta: Meta, children: list[Any]) -> Any:
        name, table, *stages = children
        return str(name), syntax.Pipeline((table,), tuple(stages))

    def query(self, _meta: Meta, children: list[Any]) -> syntax.Query:
        *lets, pipeline = children
        return syntax.Query(tuple(lets), pipeline)


def _plain(child: Any) -> Any:
    return child.value if isinstance(child, syntax.Literal) else child


def _value(type_: Type, text: str, place: syntax.Place) -> Any:
    match type_:
        case Type.LONG:
            return int(text)
        case Type.REAL:
            return float(text)
        case Type.BOOL:
            return text == "true"
        case Type.DATETIME:
            return moment(text, place)
        case _:
            raise QueryError(f"a {type_} cannot be written as {text}", *place)


def moment(text: str, place: syntax.Place) -> int:
    """µs since the epoch of a time in ISO 8601."""
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise QueryError(f"{text!r} is no time", *place) from None
    aware = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)
