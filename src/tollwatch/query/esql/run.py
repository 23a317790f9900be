"""Reads and executes an ES|QL query over tables, a command at a time over whole columns.

Elastic's reference, "ES|QL functions and operators", "Multivalued fields". A date keeps milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tollwatch.query.columns import (
    ARITHMETIC,
    COMPARE,
    both,
    contrary,
    either,
    true_rows,
)
from tollwatch.query.engines import Request
from tollwatch.query.esql.functions import FUNCTIONS, MILLI
from tollwatch.query.measures import best_rows, between_ranks, counted, first_sights, ranked, summed
from tollwatch.query.reading import Tree, failed, read
from tollwatch.query.table import (
    Column,
    Groups,
    Many,
    Mask,
    Table,
    Type,
    column,
    constant,
    groups,
    nulls,
    order,
)

_UNITS = {"millisecond": 1, "second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_NUMBERS = (Type.LONG, Type.REAL)


def run(request: Request) -> Table:
    """The rows of a query over the request's tables, by the name after FROM.

    Raises:
        QueryError: what is no ES|QL, what the engine lacks, and names that the tables lack.
    """
    return _Engine(request, request.range.now).query(read("esql", request.text))


def _name(tree: Tree) -> str:
    return ".".join(part[1:-1].replace("``", "`") if part.startswith("`") else part for part in map(str, tree.children))


def _text(tree: Tree) -> str:
    letters = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\(.)", lambda found: letters.get(found[1], found[1]), str(tree.children[0])[1:-1], flags=re.DOTALL)


@dataclass(slots=True)
class _Engine:
    request: Request
    now: int

    def query(self, tree: Tree) -> Table:
        source, *commands = tree.children
        name = str(source.children[0]).strip('"')
        table = self.request.table(name)
        if table is None:
            raise failed(tree, f"there is no index {name}")
        for command in commands:
            table = self.command(command.children[0], table)
        return table

    def command(self, tree: Tree, table: Table) -> Table:
        handler: Callable[[Tree, Table], Table] = getattr(self, f"_{tree.data}")
        return handler(tree, table)

    # ------------------------------------------------------------ commands

    def _where(self, tree: Tree, table: Table) -> Table:
        return table.keep(self.holds(tree.children[0], table))

    def _eval(self, tree: Tree, table: Table) -> Table:
        for assignment in tree.children[0].children:  # each sees those before it
            name, value = assignment.children
            table = table.with_columns({_name(name): self.value(value, table)})
        return table

    def _stats(self, tree: Tree, table: Table) -> Table:
        found, of = self._aggregated(tree, table)
        by = {name: one.take(of.first) for name, one in self._by(tree, table).items()}
        return Table({**found, **by}, of.count)

    def _inline_stats(self, tree: Tree, table: Table) -> Table:
        found, of = self._aggregated(tree, table)
        return table.with_columns({name: one.take(of.of) for name, one in found.items()})

    def _by(self, tree: Tree, table: Table) -> dict[str, Column]:
        by: dict[str, Column] = {}
        for one in () if tree.children[1] is None else tree.children[1].children:
            *named, value = one.children
            name = _name(named[0] if named else value)
            by[name] = self.value(value, table)
        return by

    def _aggregated(self, tree: Tree, table: Table) -> tuple[dict[str, Column], Groups]:
        of = groups(list(self._by(tree, table).values()), table.rows)
        found = {}
        for one in tree.children[0].children:
            name, call, only = one.children
            chosen = np.ones(table.rows, np.bool_) if only is None else self.holds(only, table)
            found[_name(name)] = self.aggregate(call, table, of, chosen)
        return found, of

    def _keep(self, tree: Tree, table: Table) -> Table:
        names = [_name(one) for one in tree.children[0].children]
        return Table({name: self._column(tree, name, table) for name in names}, table.rows)

    def _drop(self, tree: Tree, table: Table) -> Table:
        names = {_name(one) for one in tree.children[0].children}
        return Table({name: one for name, one in table.columns.items() if name not in names}, table.rows)

    def _rename(self, tree: Tree, table: Table) -> Table:
        return table.renamed(
            {_name(old): _name(new) for old, new in (one.children for one in tree.children[0].children)}
        )

    def _sort(self, tree: Tree, table: Table) -> Table:
        keys = []
        for one in tree.children[0].children:
            value, direction, place = one.children
            descending = direction is not None and str(direction).upper() == "DESC"
            first = descending if place is None else str(place).upper() == "FIRST"
            keys.append((self.value(value, table), descending, first))
        return table.take(order(keys))

    def _limit(self, tree: Tree, table: Table) -> Table:
        return table.take(np.arange(min(int(str(tree.children[0])), table.rows)))

    def _mv_expand(self, tree: Tree, table: Table) -> Table:
        name = _name(tree.children[0])
        many = self._column(tree, name, table)
        if not isinstance(many, Many):
            return table
        items = [
            (value if isinstance(value, list) else [value]) if known else [None]
            for value, known in zip(many.values, many.valid, strict=True)
        ]
        at = np.repeat(np.arange(table.rows), [len(one) for one in items])
        flat = column(many.inner, [item for one in items for item in one])
        return table.take(at).with_columns({name: flat})

    def _dissect(self, tree: Tree, table: Table) -> Table:
        source = self.value(tree.children[0], table)
        pattern = _text(tree.children[1])
        keys = re.findall(r"%\{(\w+)\}", pattern)
        parts = re.split(r"%\{\w+\}", pattern)
        regex = re.compile(
            "(.*?)".join(re.escape(part) for part in parts[:-1]) + "(.*)" + re.escape(parts[-1]), re.DOTALL
        )
        rows = [
            regex.fullmatch(value) if known else None for value, known in zip(source.values, source.valid, strict=True)
        ]
        return table.with_columns(
            {
                key: column(Type.STRING, [None if found is None else found[number] for found in rows])
                for number, key in enumerate(keys, 1)
            }
        )

    # ------------------------------------------------------------ aggregates

    def aggregate(self, tree: Tree, table: Table, of: Groups, chosen: Mask) -> Column:
        if tree.data != "call":
            raise failed(tree, "STATS wants an aggregate here")
        function, *arguments = tree.children
        name = str(function).upper()
        if name == "COUNT" and getattr(arguments[0], "data", "") == "star":
            return counted(chosen, of)
        one = self.value(arguments[0], table)
        known = chosen & one.valid
        match name:
            case "COUNT":
                return counted(known, of)
            case "COUNT_DISTINCT":
                return counted(first_sights(one, of, known), of)
            case "SUM":
                return summed(one, of, known)
            case "MIN" | "MAX":
                return one.take(best_rows(one, of, known, largest=name == "MAX"))
            case "MEDIAN":
                return ranked(one, of, known, 0.5, between_ranks)
            case "PERCENTILE":
                percent = float(self.value(arguments[1], table).values[0]) if table.rows else 50
                return ranked(one, of, known, percent / 100, between_ranks)
            case "VALUES":
                lists: list[dict[Any, None]] = [{} for _ in range(of.count)]
                for group, value in zip(of.of[known].tolist(), one.values[known].tolist(), strict=True):
                    lists[group][value] = None
                cells = np.empty(of.count, object)
                cells[:] = [list(found) for found in lists]
                return Many(Type.DYNAMIC, cells, np.array([bool(found) for found in lists], np.bool_), one.type)
            case _:
                raise failed(tree, f"the aggregate {function} is not known")

    # ------------------------------------------------------------ expressions

    def holds(self, tree: Any, table: Table) -> Mask:
        found = self.value(tree, table)
        if found.type is not Type.BOOL:
            raise failed(tree, f"a condition is a boolean, not a {found.type}")
        return true_rows(found)

    def _column(self, tree: Tree, name: str, table: Table) -> Column:
        if name not in table.columns:
            raise failed(tree, f"there is no column {name}")
        return table.columns[name]

    def value(self, tree: Any, table: Table) -> Column:  # one branch for each form
        rows = table.rows
        match tree.data:
            case "name":
                return self._column(tree, _name(tree), table)
            case "integer":
                return constant(Type.LONG, int(str(tree.children[0])), rows)
            case "decimal":
                return constant(Type.REAL, float(str(tree.children[0])), rows)
            case "string":
                return constant(Type.STRING, _text(tree), rows)
            case "true" | "false":
                return constant(Type.BOOL, tree.data == "true", rows)
            case "null":
                return nulls(Type.DYNAMIC, rows)
            case "span":
                number, unit = str(tree.children[0]).split()
                return constant(Type.TIMESPAN, int(number) * _UNITS[unit.lower().rstrip("s")] * MILLI, rows)
            case "many":
                items = [self.value(one, Table({}, 1)) for one in tree.children]
                cells = np.empty(rows, object)
                cells[:] = [[one.values.tolist()[0] for one in items] for _ in range(rows)]
                return Many(Type.DYNAMIC, cells, np.ones(rows, np.bool_), items[0].type)
            case "call":
                return self.call(tree, table)
            case "and_" | "or_":
                join = both if tree.data == "and_" else either
                return join(*(self.value(one, table) for one in tree.children))
            case "not_":
                return contrary(self.value(tree.children[0], table))
            case "negative":
                one = self.value(tree.children[0], table)
                return Column(one.type, -one.values, one.valid)
            case "binary":
                left, sign, right = tree.children
                return _binary(tree, str(sign), self.value(left, table), self.value(right, table))
            case "is_null" | "is_not_null":
                one = self.value(tree.children[0], table)
                return Column(Type.BOOL, one.valid == (tree.data == "is_not_null"), np.ones(rows, np.bool_))
            case "like" | "rlike":
                return _pattern(tree, self.value(tree.children[0], table))
            case "in_":
                first, *others = (self.value(one, table) for one in tree.children)
                found = _binary(tree, "==", first, others[0])
                for other in others[1:]:
                    found = either(found, _binary(tree, "==", first, other))
                return found
            case _:
                raise failed(tree, f"{tree.data} is not known")

    def call(self, tree: Tree, table: Table) -> Column:
        function, *arguments = tree.children
        name = str(function).upper()
        if name == "NOW":
            return constant(Type.DATETIME, self.now // MILLI * MILLI, table.rows)
        values = [self.value(one, table) for one in arguments if one is not None]
        if name == "CASE":
            return _case(tree, values, table.rows)
        if name == "COALESCE":
            return _coalesce(tree, values)
        if name not in FUNCTIONS:
            raise failed(tree, f"the function {function} is not known")
        type_, convert = FUNCTIONS[name]
        known = np.logical_and.reduce([one.valid for one in values])
        lists = [one.values.tolist() for one in values]
        types = [one.type for one in values]
        found = [
            convert(types, *row) if ok else None
            for ok, row in zip(known.tolist(), zip(*lists, strict=True), strict=True)
        ]
        return column(type_, found)


# ---------------------------------------------------------------- columns


def _binary(tree: Tree, sign: str, left: Column, right: Column) -> Column:
    known = left.valid & right.valid
    pair = (left.type, right.type)
    numbers = set(pair) <= set(_NUMBERS)
    if sign in COMPARE:
        if not numbers and left.type is not right.type:
            raise failed(tree, f"{left.type} {sign} {right.type} is not known")
        return Column(Type.BOOL, np.asarray(COMPARE[sign](left.values, right.values), np.bool_), known)
    if numbers:
        whole = pair == (Type.LONG, Type.LONG)
        if sign in "/%":
            known = known & (right.values != 0)
            divisor = np.where(right.values == 0, 1, right.values)
            if whole:
                quotient = np.abs(left.values) // np.abs(divisor) * np.sign(left.values) * np.sign(divisor)
                return Column(Type.LONG, quotient if sign == "/" else left.values - quotient * divisor, known)
            return Column(Type.REAL, left.values / divisor if sign == "/" else np.fmod(left.values, divisor), known)
        return Column(Type.LONG if whole else Type.REAL, ARITHMETIC[sign](left.values, right.values), known)
    if pair == (Type.DATETIME, Type.TIMESPAN) and sign in "+-":
        return Column(Type.DATETIME, ARITHMETIC[sign](left.values, right.values), known)
    raise failed(tree, f"{left.type} {sign} {right.type} is not known")


def _alike(tree: Tree, values: Sequence[Column]) -> tuple[Type, Type | None]:
    """The type of a choice between the values, and of what is in it where some are several."""
    many = [one for one in values if isinstance(one, Many)]
    plain = {one.type for one in values if not isinstance(one, Many) and one.type is not Type.DYNAMIC}
    if many:
        return Type.DYNAMIC, many[0].inner
    if len(plain) > 1 and plain <= set(_NUMBERS):
        return Type.REAL, None
    if len(plain) > 1:
        raise failed(tree, f"a choice between {' and '.join(sorted(plain))} is not known")
    return (plain.pop() if plain else Type.DYNAMIC), None


def _chosen(type_: Type, inner: Type | None, chosen: Mask, one: Column, other: Column) -> Column:
    values = np.empty(len(chosen), object)
    for at, first in enumerate(chosen.tolist()):
        value = (one if first else other).values[at]
        values[at] = value.item() if isinstance(value, np.generic) else value
    valid = np.where(chosen, one.valid, other.valid)
    if inner is not None:
        return Many(type_, values, valid, inner)
    return column(type_, [value if ok else None for value, ok in zip(values, valid, strict=True)])


def _case(tree: Tree, values: Sequence[Column], rows: int) -> Column:
    pairs = list(zip(values[::2], values[1::2], strict=False))
    results = [result for _, result in pairs] + ([values[-1]] if len(values) % 2 else [])
    type_, inner = _alike(tree, results)
    found = values[-1] if len(values) % 2 else nulls(type_, rows)
    for condition, result in reversed(pairs):
        found = _chosen(type_, inner, condition.values.astype(np.bool_) & condition.valid, result, found)
    return found


def _coalesce(tree: Tree, values: Sequence[Column]) -> Column:
    type_, inner = _alike(tree, values)
    found = values[-1]
    for one in reversed(values[:-1]):
        found = _chosen(type_, inner, one.valid, one, found)
    return found


def _pattern(tree: Tree, one: Column) -> Column:
    text = _text(tree.children[1])
    if tree.data == "like":
        pieces = re.findall(r"\\.|[*?]|[^\\*?]+", text, re.DOTALL)
        text = "".join({"*": ".*", "?": "."}.get(piece) or re.escape(piece.removeprefix("\\")) for piece in pieces)
    regex = re.compile(text, re.DOTALL)
    found = [
        regex.fullmatch(value) is not None if ok else None for value, ok in zip(one.values, one.valid, strict=True)
    ]
    return column(Type.BOOL, found)
