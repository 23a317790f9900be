"""Kusto's stages as trees: each method makes the tree of the grammar's rule of its name."""

# ruff: noqa: D102  (the grammar says what each is)

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from lark import Token, v_args
from lark.tree import Meta

from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.expression_trees import Expressions, argument_of, name_of, place_of
from tollwatch.query.kql.literals import text_of, type_named
from tollwatch.query.table import Type

JOINS = {
    "innerunique", "inner", "leftouter", "rightouter", "fullouter", "leftanti", "anti", "leftantisemi", "rightanti",
    "rightantisemi", "leftsemi", "rightsemi",
}  # fmt: skip


@v_args(meta=True)
class Stages(Expressions):
    """The rules of stages."""

    # ------------------------------------------------------------ options and lists

    def hint(self, _meta: Meta, _children: list[Any]) -> None:
        return None

    def option(self, meta: Meta, children: list[Any]) -> tuple[str, str, syntax.Place]:
        return str(children[0]), str(children[1]), place_of(meta)

    property = name_list = hint

    def options(self, stage: str, known: set[str], given: list[Any]) -> dict[str, str]:
        """The stage's options; hints change no meaning."""
        found = {}
        for name, value, place in given:
            if name not in known and not name.startswith("hint."):
                raise QueryError(f"{stage}: the option {name} is not known", *place)
            found[name] = value
        return found

    def named_value(self, _meta: Meta, children: list[Any]) -> syntax.Assignment:
        return syntax.Assignment(children[0].name, children[1])

    def value(self, _meta: Meta, children: list[Any]) -> syntax.Assignment:
        return syntax.Assignment(None, children[0])

    assigned = named_value

    def assignments(self, _meta: Meta, children: list[Any]) -> tuple[Any, ...]:
        return tuple(children)

    patterns = renames = orders = join_keys = reorders = inner_stages = assignments

    def pattern(self, meta: Meta, children: list[Any]) -> syntax.Pattern:
        token = str(children[0])
        return syntax.Pattern(name_of(children[0]), place_of(meta), token.startswith("["))

    def reorder(self, meta: Meta, children: list[Any]) -> tuple[syntax.Pattern, bool | None]:
        pattern, direction = children
        if str(direction).startswith("granny"):
            raise QueryError(f"project-reorder: {direction} is not known", *place_of(meta))
        return pattern, None if direction is None else str(direction) == "desc"

    def rename(self, _meta: Meta, children: list[Any]) -> tuple[str, syntax.Name]:
        return children[0].name, children[1]

    def order(self, meta: Meta, children: list[Any]) -> syntax.OrderBy:
        value, direction, place = children
        if str(direction).startswith("granny"):
            raise QueryError(f"sort: {direction} is not known", *place_of(meta))
        descending = direction is None or str(direction) == "desc"
        first = str(place) == "first" if place is not None else not descending
        return syntax.OrderBy(value, descending, first)

    # ------------------------------------------------------------ rows and columns

    def stage(self, _meta: Meta, children: list[Any]) -> Any:
        return children[0]

    def where(self, _meta: Meta, children: list[Any]) -> syntax.Where:
        return syntax.Where(children[-1])

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

    def project_reorder(self, _meta: Meta, children: list[Any]) -> syntax.Reorder:
        return syntax.Reorder(children[0])

    def project_rename(self, meta: Meta, children: list[Any]) -> syntax.Rename:
        return syntax.Rename(children[0], place_of(meta))

    def summarize(self, _meta: Meta, children: list[Any]) -> syntax.Summarize:
        aggregates, by = children[-2:]
        return syntax.Summarize(aggregates or (), by or ())

    def sort(self, _meta: Meta, children: list[Any]) -> syntax.Sort:
        return syntax.Sort(children[-1])

    def top(self, _meta: Meta, children: list[Any]) -> syntax.Sort:
        return syntax.Sort((children[-1],), children[-2])

    def take(self, _meta: Meta, children: list[Any]) -> syntax.Take:
        return syntax.Take(children[0])

    def distinct(self, meta: Meta, children: list[Any]) -> syntax.Distinct:
        return syntax.Distinct(children[-1], place_of(meta))

    def distinct_all(self, meta: Meta, _children: list[Any]) -> syntax.Distinct:
        return syntax.Distinct(None, place_of(meta))

    def count(self, _meta: Meta, _children: list[Any]) -> syntax.Count:
        return syntax.Count()

    def render(self, _meta: Meta, _children: list[Any]) -> syntax.Render:
        return syntax.Render()

    def as_(self, _meta: Meta, children: list[Any]) -> syntax.As:
        return syntax.As(str(children[-1]))

    def invoke(self, meta: Meta, children: list[Any]) -> syntax.Invoke:
        return syntax.Invoke(self.call(meta, children))

    def evaluate(self, meta: Meta, children: list[Any]) -> Any:
        name = next(child for child in children if isinstance(child, Token))
        raise QueryError(f"the plugin {name} is not known", *place_of(meta))

    # ------------------------------------------------------------ lists in rows

    def expanded(self, meta: Meta, children: list[Any]) -> syntax.Expanded:
        assignment, _, type_ = children if len(children) == 3 else (*children, None)
        return syntax.Expanded(assignment, None if type_ is None else type_named(str(type_), place_of(meta)))

    def mv_expand(self, meta: Meta, children: list[Any]) -> syntax.Expand:
        said = dict(re.split(r"\s*=\s*", str(one), maxsplit=1) for one in children if isinstance(one, Token))
        columns = tuple(one for one in children if isinstance(one, syntax.Expanded))
        kind = said.get("kind", said.get("bagexpansion", "bag"))
        if kind not in ("bag", "array"):
            raise QueryError(f"mv-expand: the kind {kind} is not known", *place_of(meta))
        limit = None if isinstance(children[-1], syntax.Expanded) else children[-1]
        return syntax.Expand(columns, place_of(meta), said.get("with_itemindex"), kind == "array", limit)

    def mvexpand(self, meta: Meta, children: list[Any]) -> syntax.Expand:
        """The old form, which gives at most 128 rows for a row."""
        found = self.mv_expand(meta, children)
        return replace(found, limit=found.limit or syntax.Literal(Type.LONG, 128, place_of(meta)))

    def mv_apply(self, meta: Meta, children: list[Any]) -> syntax.Apply:
        return syntax.Apply(self.mv_expand(meta, children[:-1]), children[-1])

    def partition(self, meta: Meta, children: list[Any]) -> syntax.Partition:
        *given, by, stages = children
        self.options("partition", set(), given)
        return syntax.Partition(by, stages, place_of(meta))

    # ------------------------------------------------------------ several tables

    def same_key(self, _meta: Meta, children: list[Any]) -> tuple[syntax.Name, syntax.Name]:
        return children[0], children[0]

    def two_keys(self, meta: Meta, children: list[Any]) -> tuple[syntax.Name, syntax.Name]:
        if str(children[1]) != "==":
            raise QueryError(f"a join by {children[1]} is not known", *place_of(meta))
        return children[0], children[2]

    def keys_two(self, meta: Meta, children: list[Any]) -> tuple[syntax.Name, syntax.Name]:
        right, left = self.two_keys(meta, children)
        return left, right

    def join(self, meta: Meta, children: list[Any]) -> syntax.Join:
        *given, right, keys = children
        kind = self.options("join", {"kind"}, given).get("kind", "innerunique")
        if kind not in JOINS:
            raise QueryError(f"a join of kind {kind} is not known", *place_of(meta))
        return syntax.Join(kind, item_of(right), keys, place_of(meta))

    def lookup(self, meta: Meta, children: list[Any]) -> syntax.Join:
        *given, right, keys = children
        kind = self.options("lookup", {"kind"}, given).get("kind", "leftouter")
        if kind not in ("leftouter", "inner"):
            raise QueryError(f"a lookup of kind {kind} is not known", *place_of(meta))
        return syntax.Join(kind, item_of(right), keys, place_of(meta), lookup=True)

    def union(self, meta: Meta, children: list[Any]) -> syntax.Union:
        given = [one for one in children if isinstance(one, tuple)]
        said = self.options("union", {"kind", "withsource", "isfuzzy"}, given)
        if said.get("kind", "outer") not in ("inner", "outer"):
            raise QueryError(f"a union of kind {said['kind']} is not known", *place_of(meta))
        sources = tuple(item_of(one) for one in children if not isinstance(one, tuple))
        if "withsource" in said and any(isinstance(one, syntax.Pipeline) for one in sources):
            raise QueryError("union: what withsource says of what is no table is not known", *place_of(meta))
        fuzzy = said.get("isfuzzy", "false") == "true"
        return syntax.Union(sources, place_of(meta), said.get("kind") == "inner", fuzzy, said.get("withsource"))

    # ------------------------------------------------------------ parse and scan

    def parse_skip(self, _meta: Meta, _children: list[Any]) -> syntax.Part:
        return syntax.Part()

    def parse_text(self, _meta: Meta, children: list[Any]) -> syntax.Part:
        return syntax.Part(text=text_of(str(children[0])))

    def parse_column(self, meta: Meta, children: list[Any]) -> syntax.Part:
        name, type_ = children
        return syntax.Part(name=name.name, type=Type.STRING if type_ is None else type_named(type_, place_of(meta)))

    def parse(self, meta: Meta, children: list[Any], *, strict: bool = False) -> syntax.Parse:
        options = [str(one) for one in children if isinstance(one, Token)]
        for option in options:
            if not re.fullmatch(r"kind\s*=\s*simple", option):
                raise QueryError(f"parse: {option} is not known", *place_of(meta))
        value, *parts = children[len(options) :]
        return syntax.Parse(value, tuple(parts), strict, place_of(meta))

    def parse_where(self, meta: Meta, children: list[Any]) -> syntax.Parse:
        return self.parse(meta, children, strict=True)

    def declared(self, meta: Meta, children: list[Any]) -> tuple[str, Type, Any]:
        name, type_, first = children
        return name_of(name), type_named(str(type_), place_of(meta)), first

    def step_output(self, meta: Meta, children: list[Any]) -> None:
        if str(children[0]) != "all":
            raise QueryError(f"scan: output={children[0]} is not known", *place_of(meta))

    def step(self, _meta: Meta, children: list[Any]) -> syntax.Step:
        name, _, condition, *assigned = children
        return syntax.Step(str(name), condition, tuple(one for one in assigned if one is not None))

    def scan(self, meta: Meta, children: list[Any]) -> syntax.Scan:
        steps = [one for one in children if isinstance(one, syntax.Step)]
        self.options("scan", set(), [one for one in children if isinstance(one, tuple) and isinstance(one[1], str)
                                     and not isinstance(one[1], Type)])  # fmt: skip
        declared = tuple(one for one in children if isinstance(one, tuple) and isinstance(one[1], Type))
        if len(steps) > 1:
            raise QueryError("a scan of several steps is not known", *place_of(meta))
        return syntax.Scan(declared, steps[0], place_of(meta))


def item_of(one: Any) -> syntax.Item:
    """A table in a list: a name or a pattern of names, or a pipeline."""
    if isinstance(one, syntax.Pattern | syntax.Pipeline):
        return one
    expression = argument_of(one)
    if isinstance(expression, syntax.Subquery):
        return expression.pipeline
    if isinstance(expression, syntax.Name):
        return syntax.Pattern(expression.name, expression.place, quoted=True)
    return syntax.Pipeline(expression, (), expression.place)
