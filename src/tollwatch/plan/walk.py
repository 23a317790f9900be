"""Walks over a Plan: which searches it holds, and which fields each part reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from tollwatch.plan.nodes import (
    Aggregate,
    And,
    Boolean,
    Cidr,
    Column,
    Compare,
    Constant,
    FieldMatch,
    Node,
    Not,
    Null,
    Number,
    Or,
    Predicate,
    Regex,
    Search,
    Sequence,
    Text,
    TimePart,
)


def nodes(node: Node) -> Iterator[Node]:
    """The node and all below it, children first; a shared child comes as often as it is referenced."""
    match node:
        case Search():
            pass
        case Aggregate() | Sequence():
            for child in node.inputs:
                yield from nodes(child.node)
        case _:
            assert_never(node)
    yield node


def searches(node: Node) -> tuple[Search, ...]:
    """The distinct searches below (or at) a node, in the order they are first met."""
    return tuple(dict.fromkeys(found for found in nodes(node) if isinstance(found, Search)))


def leaves(predicate: Predicate) -> Iterator[Predicate]:
    """The predicates without And, Or and Not around them."""
    match predicate:
        case And() | Or():
            for item in predicate.items:
                yield from leaves(item)
        case Not():
            yield from leaves(predicate.item)
        case _:
            yield predicate


def predicate_fields(predicate: Predicate) -> tuple[str, ...]:
    """The fields that a predicate reads, each once; a keyword reads none by name (see ``has_keyword``)."""
    found: dict[str, None] = {}
    for leaf in leaves(predicate):
        match leaf:
            case FieldMatch():
                found.update({leaf.field: None, leaf.other: None})
            case Text() | Regex():
                if leaf.field is not None:
                    found[leaf.field] = None
            case Number() | Boolean() | Null() | Compare() | Cidr() | TimePart():
                found[leaf.field] = None
            case Constant() | And() | Or() | Not():
                pass
            case _:
                assert_never(leaf)
    return tuple(found)


def has_keyword(predicate: Predicate) -> bool:
    """Whether some leaf looks at every text field."""
    return any(isinstance(leaf, Text | Regex) and leaf.field is None for leaf in leaves(predicate))


def carried_fields(node: Node) -> tuple[str, ...]:
    """The fields that correlations at or below this node read off events (keys and measured values), each once."""
    found: dict[str, None] = {}
    for part in nodes(node):
        if isinstance(part, Search):
            continue
        for child in part.inputs:
            found.update({reading.field: None for reading in child.keys + child.values if isinstance(reading, Column)})
    return tuple(found)


def fields(node: Node) -> tuple[str, ...]:
    """Every field that a node needs, from predicates, keys and measured values, each once."""
    found = {name: None for search in searches(node) for name in predicate_fields(search.predicate)}
    found.update(dict.fromkeys(carried_fields(node)))
    return tuple(found)
