"""A query's text as a tree, by the grammar of its language: what every engine does first."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from lark import Lark, UnexpectedInput

from tollwatch.query.errors import QueryError

_COMMAND = re.compile(r"[A-Za-z][\w-]*")
Tree = Any
"""A tree of lark's, whose children it does not type."""


@cache
def _parser(language: str) -> Lark:
    grammar = (resources.files(f"tollwatch.query.{language}") / "grammar.lark").read_text("utf-8")
    return Lark(grammar, start="query", parser="lalr", propagate_positions=True, maybe_placeholders=True)


@lru_cache(256)
def read(language: str, text: str) -> Tree:
    """The tree of a query, not to be changed; ``language`` is the engine's package, which holds the grammar.

    A scheduled query is run again and again: it is read once.

    Raises:
        QueryError: what the grammar cannot read.
    """
    try:
        return _parser(language).parse(text)
    except UnexpectedInput as error:
        raise _refused(text, error) from None


def _refused(text: str, error: UnexpectedInput) -> QueryError:
    """The mistake; a stage that no rule of the grammar begins with is refused by its name."""
    at = len(text) if ends_there(error) or (error.pos_in_stream or 0) < 0 else error.pos_in_stream or 0
    line, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
    command = _COMMAND.match(text, at)
    if command and text[:at].rstrip().endswith("|"):
        return QueryError(f"the command {command[0]} is not known", line, column)
    found = text[at:].split("\n", 1)[0][:30]
    return QueryError(f"cannot be read here: {found!r}" if found else "ends too early", line, column)


def ends_there(error: UnexpectedInput) -> bool:
    """Whether the text ended where more was expected."""
    return getattr(getattr(error, "token", None), "type", "") == "$END"


def failed(tree: Tree, message: str) -> QueryError:
    """A mistake at the tree's place."""
    return QueryError(message, getattr(tree.meta, "line", 1), getattr(tree.meta, "column", 1))
