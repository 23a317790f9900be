"""An ES|QL query's text as a tree (grammar.lark)."""

from __future__ import annotations

from collections.abc import Mapping

from tollwatch.query.reading import Tree, read


def parse(text: str, _macros: Mapping[str, str] | None = None) -> Tree:
    """The query.

    Raises:
        QueryError: what is not of the language, or a construct that the engine lacks.
    """
    return read("esql", text)
