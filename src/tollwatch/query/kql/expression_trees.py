"""Kusto's expressions as trees: each method makes the tree of the grammar's rule of its name."""

# ruff: noqa: D102  (the grammar says what each is)

from __future__ import annotations

from typing import Any

from lark import Token, Transformer, v_args
from lark.tree import Meta

from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.literals import span_of_unit, text_of, type_named, value_of, whole
from tollwatch.query.table import Type

SIGNS = {"<>": "!="}


def place_of(meta: Meta) -> syntax.Place:
    """Where a tree begins."""
    return (1, 1) if meta.empty else (meta.line, meta.column)


def name_of(token: Token) -> str:
    """The name that a token stands for, in brackets and quotes or without."""
    text = str(token)
    return text_of(text[1:-1].strip()) if text.startswith("[") else text


@v_args(meta=True)
class Expressions(Transformer[Token, Any]):
    """The rules of expressions."""

    def number(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        text = str(children[0])
        if text.isdigit() or "x" in text.lower():
            value = whole(text)
            if value >= 2**63:
                raise QueryError(f"{text} is too large for a long", *place_of(meta))
            return syntax.Literal(Type.LONG, value, place_of(meta))
        return syntax.Literal(Type.REAL, float(text), place_of(meta))

    def span(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.TIMESPAN, span_of_unit(str(children[0]), place_of(meta)), place_of(meta))

    def string(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.STRING, "".join(text_of(str(child)) for child in children), place_of(meta))

    def true(self, meta: Meta, _children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.BOOL, True, place_of(meta))

    def false(self, meta: Meta, _children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.BOOL, False, place_of(meta))

    def star(self, meta: Meta, _children: list[Any]) -> syntax.Name:
        return syntax.Name("*", place_of(meta))

    def name(self, meta: Meta, children: list[Any]) -> syntax.Name:
        return syntax.Name(name_of(children[0]), place_of(meta))

    def literal(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        name, _, rest = str(children[0]).partition("(")
        place = place_of(meta)
        type_ = type_named(name.strip(), place)
        return syntax.Literal(type_, value_of(type_, rest.rstrip().removesuffix(")"), place), place)

    def type_literal(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        """A type as the name that it has."""
        type_named(str(children[1]), place_of(meta))
        return syntax.Literal(Type.STRING, str(children[1]), place_of(meta))

    # ------------------------------------------------------------ dynamic

    def dynamic(self, meta: Meta, children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.DYNAMIC, _plain(children[-1], place_of(meta)), place_of(meta))

    def json_list(self, meta: Meta, children: list[Any]) -> list[Any]:
        return [_plain(child, place_of(meta)) for child in children if child is not None]

    def json_record(self, _meta: Meta, children: list[Any]) -> dict[str, Any]:
        return dict(child for child in children if child is not None)

    def pair(self, meta: Meta, children: list[Any]) -> tuple[str, Any]:
        return str(children[0].value), _plain(children[1], place_of(meta))

    def json_null(self, meta: Meta, _children: list[Any]) -> syntax.Literal:
        return syntax.Literal(Type.DYNAMIC, None, place_of(meta))

    def json_negative(self, _meta: Meta, children: list[Any]) -> Any:
        text = str(children[1])
        return -int(text) if text.isdigit() else -float(text)

    # ------------------------------------------------------------ calls and elements

    def call(self, meta: Meta, children: list[Any]) -> syntax.Call:
        name, *arguments = children
        given = tuple(argument_of(one) for one in arguments if one is not None)
        return syntax.Call(str(name), given, place_of(meta))

    def named_argument(self, meta: Meta, children: list[Any]) -> syntax.NamedArgument:
        value = argument_of(children[1])
        return syntax.NamedArgument("", (value,), place_of(meta), str(children[0]))

    def inner(self, _meta: Meta, children: list[Any]) -> Any:
        return argument_of(children[0])

    def member(self, meta: Meta, children: list[Any]) -> syntax.Element:
        return syntax.Element(children[0], name_of(children[1]), place_of(meta))

    def element(self, meta: Meta, children: list[Any]) -> syntax.Expression:
        of, key = children
        if isinstance(key, syntax.Literal) and key.type in (Type.STRING, Type.LONG):
            return syntax.Element(of, key.value, place_of(meta))
        return syntax.Call("[]", (of, key), place_of(meta))

    # ------------------------------------------------------------ operators

    def negative(self, meta: Meta, children: list[Any]) -> syntax.Expression:
        one = children[1]
        if isinstance(one, syntax.Literal) and one.type in (Type.LONG, Type.REAL, Type.TIMESPAN):
            return syntax.Literal(one.type, -one.value, place_of(meta))
        return syntax.Call("negate", (one,), place_of(meta))

    def positive(self, _meta: Meta, children: list[Any]) -> syntax.Expression:
        found: syntax.Expression = children[1]
        return found

    def binary(self, meta: Meta, children: list[Any]) -> syntax.Call:
        left, sign, right = children
        return syntax.Call(SIGNS.get(str(sign), str(sign)), (left, right), place_of(meta))

    compare = binary

    def any_column(self, meta: Meta, children: list[Any]) -> syntax.Call:
        raise QueryError(f"a comparison of every column (* {children[1]}) is not known", *place_of(meta))

    def matches(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("matches regex", tuple(children), place_of(meta))

    def between(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("between", tuple(children), place_of(meta))

    def not_between(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("!between", tuple(children), place_of(meta))

    def in_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        left, sign, *items = children
        return syntax.Call(str(sign), (left, *(argument_of(one) for one in items if one is not None)), place_of(meta))

    def or_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("or", tuple(children), place_of(meta))

    def and_(self, meta: Meta, children: list[Any]) -> syntax.Call:
        return syntax.Call("and", tuple(children), place_of(meta))


def argument_of(one: Any) -> syntax.Expression:
    """What stands in parentheses: an expression, or a pipeline where it has stages or a source of rows."""
    if not isinstance(one, syntax.Pipeline):
        found: syntax.Expression = one
        return found
    if not one.stages and isinstance(one.source, syntax.Name | syntax.Literal | syntax.Call | syntax.Element):
        return one.source
    return syntax.Subquery("", (), one.place, one)


def _plain(child: Any, place: syntax.Place) -> Any:
    if isinstance(child, syntax.Literal) and child.type in (Type.DATETIME, Type.TIMESPAN):
        raise QueryError(f"a {child.type} in a dynamic literal is not known", *place)
    return child.value if isinstance(child, syntax.Literal) else child
