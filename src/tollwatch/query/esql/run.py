"""Reads and executes an ES|QL query over tables, a command at a time over whole columns.

Elastic's reference, "ES|QL functions and operators", "Multivalued fields". A date keeps milliseconds.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from lark import Lark, Token, Tree, UnexpectedInput

from tollwatch.query.errors import QueryError
from tollwatch.query.table import (
    Column,
    Groups,
    Index,
    Mask,
    Table,
    Type,
    codes,
    column,
    constant,
    groups,
    nulls,
    order,
)

MILLI = 1_000
_UNITS = {"millisecond": 1, "second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_NUMBERS = (Type.LONG, Type.REAL)


@dataclass(frozen=True, slots=True)
class Many(Column):
    """Several values in a row: lists of values of the ``inner`` type, or single ones."""

    inner: Type

    def take(self, at: Index) -> Many:
        """The values at these rows."""
        return Many(self.type, self.values[at], self.valid[at], self.inner)

    def keep(self, chosen: Mask) -> Many:
        """The chosen rows."""
        return Many(self.type, self.values[chosen], self.valid[chosen], self.inner)


@cache
def _parser() -> Lark:
    grammar = (resources.files("tollwatch.query.esql") / "grammar.lark").read_text("utf-8")
    return Lark(grammar, start="query", parser="lalr", propagate_positions=True, maybe_placeholders=True)


def run_esql(text: str, tables: Mapping[str, Table], *, now: int) -> Table:
    """The rows of a query over these tables, by the name after FROM; ``now`` (µs) is what NOW() gives.

    Raises:
        QueryError: what is no ES|QL, what the engine lacks, and names that the tables lack.
    """
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        at = error.pos_in_stream
        found = "" if at is None else text[at:].split("\n", 1)[0][:30]
        raise QueryError(f"cannot be read here: {found!r}", max(error.line, 1), max(error.column, 1)) from None
    return _Engine(tables, now).query(tree)


def _fail(tree: Tree[Token], message: str) -> QueryError:
    return QueryError(message, getattr(tree.meta, "line", 1), getattr(tree.meta, "column", 1))


def _name(tree: Tree[Token]) -> str:
    return ".".join(part[1:-1].replace("``", "`") if part.startswith("`") else part for part in map(str, tree.children))


def _text(tree: Tree[Token]) -> str:
    letters = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\(.)", lambda found: letters.get(found[1], found[1]), str(tree.children[0])[1:-1], flags=re.DOTALL)


@dataclass(slots=True)
class _Engine:
    tables: Mapping[str, Table]
    now: int

    def query(self, tree: Tree[Token]) -> Table:
        source, *commands = tree.children
        name = str(source.children[0]).strip('"')  # type: ignore[union-attr]  # a tree
        if name not in self.tables:
            raise _fail(tree, f"there is no index {name}")
        table = self.tables[name]
        for command in commands:
            table = self.command(command.children[0], table)  # type: ignore[union-attr,arg-type]  # trees
        return table

    def command(self, tree: Tree[Token], table: Table) -> Table:
        handler: Callable[[Tree[Token], Table], Table] = getattr(self, f"_{tree.data}")
        return handler(tree, table)

    # ------------------------------------------------------------ commands

    def _where(self, tree: Tree[Token], table: Table) -> Table:
        return table.keep(self.holds(tree.children[0], table))

    def _eval(self, tree: Tree[Token], table: Table) -> Table:
        for assignment in tree.children[0].children:  # type: ignore[union-attr]  # each sees those before it
            name, value = assignment.children  # type: ignore[union-attr]  # a tree
            table = table.with_columns({_name(name): self.value(value, table)})  # type: ignore[arg-type]  # trees
        return table

    def _stats(self, tree: Tree[Token], table: Table) -> Table:
        found, of = self._aggregated(tree, table)
        by = {name: one.take(of.first) for name, one in self._by(tree, table).items()}
        return Table({**found, **by}, of.count)

    def _inline_stats(self, tree: Tree[Token], table: Table) -> Table:
        found, of = self._aggregated(tree, table)
        return table.with_columns({name: one.take(of.of) for name, one in found.items()})

    def _by(self, tree: Tree[Token], table: Table) -> dict[str, Column]:
        by: dict[str, Column] = {}
        for one in () if tree.children[1] is None else tree.children[1].children:  # type: ignore[union-attr]  # a tree
            *named, value = one.children  # type: ignore[union-attr]  # a tree
            name = _name(named[0] if named else value)  # type: ignore[arg-type]  # a tree
            by[name] = self.value(value, table)
        return by

    def _aggregated(self, tree: Tree[Token], table: Table) -> tuple[dict[str, Column], Groups]:
        of = groups(list(self._by(tree, table).values()), table.rows)
        found = {}
        for one in tree.children[0].children:  # type: ignore[union-attr]  # a tree
            name, call, only = one.children  # type: ignore[union-attr]  # a tree
            chosen = np.ones(table.rows, np.bool_) if only is None else self.holds(only, table)
            found[_name(name)] = self.aggregate(call, table, of, chosen)  # type: ignore[arg-type]  # trees
        return found, of

    def _keep(self, tree: Tree[Token], table: Table) -> Table:
        names = [_name(one) for one in tree.children[0].children]  # type: ignore[union-attr,arg-type]  # trees
        return Table({name: self._column(tree, name, table) for name in names}, table.rows)

    def _drop(self, tree: Tree[Token], table: Table) -> Table:
        names = {_name(one) for one in tree.children[0].children}  # type: ignore[union-attr,arg-type]  # trees
        return Table({name: one for name, one in table.columns.items() if name not in names}, table.rows)

    def _rename(self, tree: Tree[Token], table: Table) -> Table:
        pairs = {_name(one.children[0]): _name(one.children[1]) for one in tree.children[0].children}  # type: ignore[union-attr,arg-type]  # trees
        kept = {name: one for name, one in table.columns.items() if name not in pairs.values()}
        return Table({pairs.get(name, name): one for name, one in kept.items()}, table.rows)

    def _sort(self, tree: Tree[Token], table: Table) -> Table:
        keys = []
        for one in tree.children[0].children:  # type: ignore[union-attr]  # a tree
            value, direction, place = one.children  # type: ignore[union-attr]  # a tree
            descending = direction is not None and str(direction).upper() == "DESC"
            first = descending if place is None else str(place).upper() == "FIRST"
            keys.append((self.value(value, table), descending, first))
        return table.take(order(keys))

    def _limit(self, tree: Tree[Token], table: Table) -> Table:
        return table.take(np.arange(min(int(str(tree.children[0])), table.rows)))

    def _mv_expand(self, tree: Tree[Token], table: Table) -> Table:
        name = _name(tree.children[0])  # type: ignore[arg-type]  # a tree
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

    def _dissect(self, tree: Tree[Token], table: Table) -> Table:
        source = self.value(tree.children[0], table)
        pattern = _text(tree.children[1])  # type: ignore[arg-type]  # a tree
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

    def aggregate(self, tree: Tree[Token], table: Table, of: Groups, chosen: Mask) -> Column:
        if tree.data != "call":
            raise _fail(tree, "STATS wants an aggregate here")
        function, *arguments = tree.children
        name = str(function).upper()
        if name == "COUNT" and getattr(arguments[0], "data", "") == "star":
            return _counted(chosen, of)
        one = self.value(arguments[0], table)
        known = chosen & one.valid
        match name:
            case "COUNT":
                return _counted(known, of)
            case "COUNT_DISTINCT":
                return _counted(_first_sights(one, of, known), of)
            case "SUM":
                values = np.zeros(of.count, one.values.dtype)
                np.add.at(values, of.of[known], one.values[known])
                return Column(one.type, values, _counted(known, of).values > 0)
            case "MIN" | "MAX":
                return one.take(_best(one, of, known, largest=name == "MAX"))
            case "MEDIAN":
                return _statistic(one, of, known, 50)
            case "PERCENTILE":
                return _statistic(
                    one, of, known, float(self.value(arguments[1], table).values[0]) if table.rows else 50
                )
            case "VALUES":
                lists: list[dict[Any, None]] = [{} for _ in range(of.count)]
                for group, value in zip(of.of[known].tolist(), one.values[known].tolist(), strict=True):
                    lists[group][value] = None
                cells = np.empty(of.count, object)
                cells[:] = [list(found) for found in lists]
                return Many(Type.DYNAMIC, cells, np.array([bool(found) for found in lists], np.bool_), one.type)
            case _:
                raise _fail(tree, f"the aggregate {function} is not known")

    # ------------------------------------------------------------ expressions

    def holds(self, tree: Any, table: Table) -> Mask:
        found = self.value(tree, table)
        if found.type is not Type.BOOL:
            raise _fail(tree, f"a condition is a boolean, not a {found.type}")
        return np.asarray(found.values & found.valid, np.bool_)

    def _column(self, tree: Tree[Token], name: str, table: Table) -> Column:
        if name not in table.columns:
            raise _fail(tree, f"there is no column {name}")
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
                return _logic(tree.data, *(self.value(one, table) for one in tree.children))
            case "not_":
                (one,) = (self.value(child, table) for child in tree.children)
                return Column(Type.BOOL, ~one.values.astype(np.bool_), one.valid)
            case "negative":
                (one,) = (self.value(child, table) for child in tree.children)
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
                    found = _logic("or_", found, _binary(tree, "==", first, other))
                return found
            case _:
                raise _fail(tree, f"{tree.data} is not known")

    def call(self, tree: Tree[Token], table: Table) -> Column:
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
            raise _fail(tree, f"the function {function} is not known")
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


def _counted(chosen: Mask, of: Groups) -> Column:
    values = np.bincount(of.of[chosen], minlength=of.count).astype(np.int64)
    return Column(Type.LONG, values, np.ones(of.count, np.bool_))


def _first_sights(one: Column, of: Groups, known: Mask) -> Mask:
    """The first row of each known value of each group."""
    rows = np.flatnonzero(known)
    group = Column(Type.LONG, of.of[rows], np.ones(len(rows), np.bool_))
    found = np.zeros(len(known), np.bool_)
    found[rows[groups([group, one.take(rows)], len(rows)).first]] = True
    return found


def _best(one: Column, of: Groups, known: Mask, *, largest: bool) -> Index:
    rows = np.flatnonzero(known)
    ranks = codes(one)[rows]
    at = np.lexsort((-ranks if largest else ranks, of.of[rows]))
    found = np.full(of.count, -1, np.int64)
    which, first = np.unique(of.of[rows][at], return_index=True)
    found[which] = rows[at][first]
    return found


def _statistic(one: Column, of: Groups, known: Mask, percent: float) -> Column:
    values: list[float | None] = []
    for group in range(of.count):
        mine = one.values[known & (of.of == group)]
        values.append(float(np.percentile(mine.astype(np.float64), percent)) if len(mine) else None)
    return column(Type.REAL, values)


def _logic(word: str, left: Column, right: Column) -> Column:
    one, two = left.values.astype(np.bool_), right.values.astype(np.bool_)
    if word == "and_":
        decided = (left.valid & ~one) | (right.valid & ~two)
        return Column(Type.BOOL, one & two & left.valid & right.valid, decided | (left.valid & right.valid))
    decided = (left.valid & one) | (right.valid & two)
    return Column(Type.BOOL, decided, decided | (left.valid & right.valid))


def _binary(tree: Tree[Token], sign: str, left: Column, right: Column) -> Column:
    known = left.valid & right.valid
    pair = (left.type, right.type)
    numbers = set(pair) <= set(_NUMBERS)
    if sign in ("==", "!=", "<", "<=", ">", ">="):
        if not numbers and left.type is not right.type:
            raise _fail(tree, f"{left.type} {sign} {right.type} is not known")
        return Column(Type.BOOL, np.asarray(_COMPARE[sign](left.values, right.values), np.bool_), known)
    if numbers:
        whole = pair == (Type.LONG, Type.LONG)
        if sign in "/%":
            known = known & (right.values != 0)
            divisor = np.where(right.values == 0, 1, right.values)
            if whole:
                quotient = np.abs(left.values) // np.abs(divisor) * np.sign(left.values) * np.sign(divisor)
                return Column(Type.LONG, quotient if sign == "/" else left.values - quotient * divisor, known)
            return Column(Type.REAL, left.values / divisor if sign == "/" else np.fmod(left.values, divisor), known)
        return Column(Type.LONG if whole else Type.REAL, _ARITHMETIC[sign](left.values, right.values), known)
    if pair == (Type.DATETIME, Type.TIMESPAN) and sign in "+-":
        return Column(Type.DATETIME, _ARITHMETIC[sign](left.values, right.values), known)
    raise _fail(tree, f"{left.type} {sign} {right.type} is not known")


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
}  # fmt: skip


def _alike(tree: Tree[Token], values: Sequence[Column]) -> tuple[Type, Type | None]:
    """The type of a choice between the values, and of what is in it where some are several."""
    many = [one for one in values if isinstance(one, Many)]
    plain = {one.type for one in values if not isinstance(one, Many) and one.type is not Type.DYNAMIC}
    if many:
        return Type.DYNAMIC, many[0].inner
    if len(plain) > 1 and plain <= set(_NUMBERS):
        return Type.REAL, None
    if len(plain) > 1:
        raise _fail(tree, f"a choice between {' and '.join(sorted(plain))} is not known")
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


def _case(tree: Tree[Token], values: Sequence[Column], rows: int) -> Column:
    pairs = list(zip(values[::2], values[1::2], strict=False))
    results = [result for _, result in pairs] + ([values[-1]] if len(values) % 2 else [])
    type_, inner = _alike(tree, results)
    found = values[-1] if len(values) % 2 else nulls(type_, rows)
    for condition, result in reversed(pairs):
        found = _chosen(type_, inner, np.asarray(condition.values.astype(np.bool_) & condition.valid), result, found)
    return found


def _coalesce(tree: Tree[Token], values: Sequence[Column]) -> Column:
    type_, inner = _alike(tree, values)
    found = values[-1]
    for one in reversed(values[:-1]):
        found = _chosen(type_, inner, one.valid, one, found)
    return found


def _pattern(tree: Tree[Token], one: Column) -> Column:
    text = _text(tree.children[1])  # type: ignore[arg-type]  # a tree
    if tree.data == "like":
        pieces = re.findall(r"\\.|[*?]|[^\\*?]+", text, re.DOTALL)
        text = "".join({"*": ".*", "?": "."}.get(piece) or re.escape(piece.removeprefix("\\")) for piece in pieces)
    regex = re.compile(text, re.DOTALL)
    found = [
        regex.fullmatch(value) is not None if ok else None for value, ok in zip(one.values, one.valid, strict=True)
    ]
    return column(Type.BOOL, found)


# ---------------------------------------------------------------- functions of one row


def _to_string(types: Sequence[Type], value: Any) -> str:
    if types[0] is Type.BOOL:
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)


def _to_long(types: Sequence[Type], value: Any) -> int | None:
    if types[0] is Type.DATETIME:
        return int(value) // MILLI
    try:
        return round(float(value))
    except (ValueError, OverflowError):
        return None


def _to_double(_types: Sequence[Type], value: Any) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _to_datetime(types: Sequence[Type], value: Any) -> int | None:
    return int(value) // MILLI * MILLI if types[0] is Type.DATETIME else int(value) * MILLI


def _to_ip(_types: Sequence[Type], value: str) -> str | None:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return None


def _cidr_match(_types: Sequence[Type], value: str, *networks: str) -> bool:
    address = ipaddress.ip_address(value)
    mapped = getattr(address, "ipv4_mapped", None) or address
    found = [ipaddress.ip_network(network, strict=False) for network in networks]
    return any(mapped.version == network.version and mapped in network for network in found)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "year": lambda at: at.year,
    "month_of_year": lambda at: at.month,
    "day_of_month": lambda at: at.day,
    "hour_of_day": lambda at: at.hour,
    "minute_of_hour": lambda at: at.minute,
}


def _date_extract(_types: Sequence[Type], part: str, value: int) -> int | None:
    read = _PARTS.get(part.lower())
    return None if read is None else read(_EPOCH + timedelta(microseconds=value))


FUNCTIONS: Mapping[str, tuple[Type, Callable[..., Any]]] = {
    "DATE_EXTRACT": (Type.LONG, _date_extract),
    "TO_STRING": (Type.STRING, _to_string),
    "TO_LONG": (Type.LONG, _to_long),
    "TO_DOUBLE": (Type.REAL, _to_double),
    "TO_DATETIME": (Type.DATETIME, _to_datetime),
    "TO_BOOLEAN": (Type.BOOL, lambda _types, value: value if isinstance(value, bool) else str(value).lower() == "true"),
    "TO_IP": (Type.STRING, _to_ip),
    "TO_LOWER": (Type.STRING, lambda _types, value: value.lower()),
    "LENGTH": (Type.LONG, lambda _types, value: len(value)),
    "CONCAT": (Type.STRING, lambda _types, *values: "".join(values)),
    "STARTS_WITH": (Type.BOOL, lambda _types, value, start: value.startswith(start)),
    "ENDS_WITH": (Type.BOOL, lambda _types, value, end: value.endswith(end)),
    "LOCATE": (Type.LONG, lambda _types, value, part: value.find(part) + 1),
    "CIDR_MATCH": (Type.BOOL, _cidr_match),
    "ROUND": (Type.REAL, lambda _types, value: float(round(value))),
    "TO_BASE64": (Type.STRING, lambda _types, value: base64.b64encode(value.encode()).decode()),
    "FROM_BASE64": (Type.STRING, lambda _types, value: base64.b64decode(value).decode()),
}
