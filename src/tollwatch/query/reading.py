"""A query's text as a tree, by the grammar of its language: what every engine does first."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, UnexpectedInput

from tollwatch.query.errors import QueryError

Tree = Any
"""A tree of lark's, whose children it does not type."""


@cache
def _parser(language: str) -> Lark:
    grammar = (resources.files(f"tollwatch.query.{language}") / "grammar.lark").read_text("utf-8")
    return Lark(grammar, start="query", parser="lalr", propagate_positions=True, maybe_placeholders=True)


def read(language: str, text: str) -> Tree:
    """The tree of a query; ``language`` is the engine's package, which holds the grammar.

    Raises:
        QueryError: what the grammar cannot read.
    """
    try:
        return _parser(language).parse(text)
    except UnexpectedInput as error:
        at = error.pos_in_stream
        found = "" if at is None else text[at:].split("\n", 1)[0][:30]
        raise QueryError(f"cannot be read here: {found!r}", max(error.line, 1), max(error.column, 1)) from None


def failed(tree: Tree, message: str) -> QueryError:
    """A mistake at the tree's place."""
    return QueryError(message, getattr(tree.meta, "line", 1), getattr(tree.meta, "column", 1))
