"""Reads and executes a Splunk search over tables, a command at a time over whole columns.

Splunk's "Search Reference". Numbers are doubles; what is compared with null is null; a row without a value in a field
of BY is in no group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lark import Token

from tollwatch.query.columns import ARITHMETIC, COMPARE, both, contrary, either, number_text, true_rows
from tollwatch.query.engines import Request
from tollwatch.query.measures import counted, running
from tollwatch.query.reading import Tree, failed, read
from tollwatch.query.spl.functions import FUNCTIONS
from tollwatch.query.table import Column, Groups, Mask, Table, Type, column, constant, groups, nulls, order

_PLACES = ("index", "sourcetype", "source", "host")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def run(request: Request) -> Table:
    """The rows of a search over all events of the request's tables; ``_time`` is in seconds.

    Raises:
        QueryError: what is no SPL, what the engine lacks, and names that the events lack.
    """
    return _Engine(_appended([*request.tables.values()]), request.range.now).query(read("spl", request.text))


def _name(tree: Tree) -> str:
    text = str(tree.children[0])
    return text if tree.data == "name" else text[1:-1]


def _string(token: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", token[1:-1])


@dataclass(slots=True)
class _Engine:
    events: Table
    now: int

    def query(self, tree: Tree) -> Table:
        if tree.data == "multisearch":
            inner = [one for one in tree.children if one.data == "inner"]
            table = _appended([self.piped(one.children) for one in inner])
            return self.commands([one for one in tree.children if one.data == "command"], table)
        return self.piped(tree.children)

    def piped(self, parts: Sequence[Any]) -> Table:
        search, *commands = parts
        return self.commands(commands, self.events.keep(self.terms(search.children, self.events)))

    def commands(self, commands: Sequence[Any], table: Table) -> Table:
        for command in commands:
            tree = command.children[0]
            handler: Callable[[Tree, Table], Table] = getattr(self, f"_{tree.data}")
            table = handler(tree, table)
        return table

    # ------------------------------------------------------------ searching

    def terms(self, terms: Sequence[Any], table: Table) -> Mask:
        found = np.ones(table.rows, np.bool_)
        for term in terms:
            if term is not None and not isinstance(term, Token):
                found &= self.term(term, table)
        return found

    def term(self, tree: Tree, table: Table) -> Mask:
        match tree.data:
            case "ored":
                found = np.zeros(table.rows, np.bool_)
                for one in tree.children:
                    found |= self.term(one, table)
                return found
            case "all_terms":
                return self.terms(tree.children, table)
            case "not_term":
                return ~self.term(tree.children[0], table)
            case _:
                return self.compared(tree, table)

    def compared(self, tree: Tree, table: Table) -> Mask:
        field, sign, value = str(tree.children[0]), str(tree.children[1]), tree.children[2]
        text = _string(str(value.children[0])) if value.data == "string_value" else str(value.children[0])
        if field in _PLACES:
            return np.ones(table.rows, np.bool_)
        if field in ("earliest", "latest"):
            return self.ranged(tree, field, text, table)
        one = table.columns.get(field)
        if one is None:
            return np.zeros(table.rows, np.bool_)
        if one.type is Type.REAL:
            wanted = _binary(tree, sign, one, constant(Type.REAL, float(text), table.rows))
            return true_rows(wanted)
        if sign not in ("=", "!="):
            raise failed(tree, f"a search with {sign} over texts is not known")
        regex = re.compile(re.escape(text).replace(r"\*", ".*"), re.IGNORECASE | re.DOTALL)
        equal = [ok and regex.fullmatch(one_) is not None for one_, ok in zip(one.values, one.valid, strict=True)]
        found = np.array(equal, np.bool_)
        return found if sign == "=" else one.valid & ~found

    def ranged(self, tree: Tree, field: str, text: str, table: Table) -> Mask:
        """Relative times; the latest is not itself in the range."""
        found = re.fullmatch(r"-(\d+)([smhd])", text)
        if found is None and text != "now":
            raise failed(tree, f"the time {text} is not known")
        at = self.now / 1_000_000 - (0 if found is None else int(found[1]) * _UNITS[found[2]])
        time = table.columns["_time"].values
        return np.asarray(time >= at if field == "earliest" else time < at, np.bool_)

    # ------------------------------------------------------------ commands

    def _search(self, tree: Tree, table: Table) -> Table:
        return table.keep(self.terms(tree.children, table))

    def _where(self, tree: Tree, table: Table) -> Table:
        return table.keep(self.holds(tree.children[0], table))

    def _eval(self, tree: Tree, table: Table) -> Table:
        for assignment in tree.children:
            name, value = assignment.children
            table = table.with_columns({_name(name): self.value(value, table)})
        return table

    def _stats(self, tree: Tree, table: Table) -> Table:
        by = self.by(tree.children[1], table)
        kept = table.keep(_present(by, table.rows))
        by = self.by(tree.children[1], kept)
        of = groups(list(by.values()), kept.rows)
        found = {name: one.take(of.first) for name, one in by.items()}
        for name, function, value in self.aggregates(tree.children[0], kept):
            found[name] = _aggregate(function, value, of)
        return Table(found, of.count)

    def _eventstats(self, tree: Tree, table: Table) -> Table:
        by = self.by(tree.children[1], table)
        present, of = _present(by, table.rows), groups(list(by.values()), table.rows)
        found = {}
        for name, function, value in self.aggregates(tree.children[0], table):
            found[name] = _aggregate(function, value, of).take(np.where(present, of.of, -1))
        return table.with_columns(found)

    def _streamstats(self, tree: Tree, table: Table) -> Table:
        *options, aggregates, fields = tree.children
        said = {str(one.children[0]).lower(): str(one.children[1]).lower() for one in options if one is not None}
        if set(said) - {"current"}:
            raise failed(tree, f"streamstats: {', '.join(sorted(set(said) - {'current'}))} is not known")
        by = self.by(fields, table)
        present, of = _present(by, table.rows), groups(list(by.values()), table.rows)
        current = said.get("current", "t") not in ("f", "false", "0")
        found = {}
        for name, function, value in self.aggregates(aggregates, table):
            found[name] = _running(tree, function, value, of, present, current=current)
        return table.with_columns(found)

    def by(self, fields: Any, table: Table) -> dict[str, Column]:
        return {_name(one): self.named(_name(one), table) for one in (fields.children if fields is not None else ())}

    def aggregates(self, tree: Tree, table: Table) -> list[tuple[str, str, Column | None]]:
        found: list[tuple[str, str, Column | None]] = []
        for one in tree.children:
            if one.data == "counted":
                found.append((_name(one.children[0]) if one.children[0] is not None else "count", "count", None))
                continue
            function, value, name = one.children
            given = _name(name) if name is not None else f"{function}({_name(value) if value is not None else ''})"
            found.append((given, str(function).lower(), None if value is None else self.value(value, table)))
        return found

    def _sort(self, tree: Tree, table: Table) -> Table:
        count, *orders = tree.children
        keys = []
        for one in orders:
            sign, *function, field = one.children
            value = self.named(_name(field), table)
            if function and str(function[0]).lower() == "num":
                value = _number(value)
            keys.append((value, sign is not None and str(sign) == "-", False))
        at = order(keys)
        limit = 10_000 if count is None else int(str(count))
        return table.take(at[:limit] if limit else at)

    def _head(self, tree: Tree, table: Table) -> Table:
        count = tree.children[0]
        return table.take(np.arange(min(10 if count is None else int(str(count)), table.rows)))

    def _fields_sign(self, tree: Tree, table: Table) -> Table:
        names = {_name(one) for one in tree.children[1].children}
        away = str(tree.children[0]) == "-"
        return Table({name: one for name, one in table.columns.items() if (name in names) is not away}, table.rows)

    def _fields_only(self, tree: Tree, table: Table) -> Table:
        names = {_name(one) for one in tree.children[0].children}
        return Table({name: one for name, one in table.columns.items() if name in names}, table.rows)

    def _table(self, tree: Tree, table: Table) -> Table:
        names = [_name(one) for one in tree.children[0].children]
        return Table({name: self.named(name, table) for name in names}, table.rows)

    def _rename(self, tree: Tree, table: Table) -> Table:
        return table.renamed({_name(old): _name(new) for old, new in (one.children for one in tree.children)})

    # ------------------------------------------------------------ expressions

    def holds(self, tree: Tree, table: Table) -> Mask:
        found = self.value(tree, table)
        if found.type is not Type.BOOL:
            raise failed(tree, "where wants a condition")
        return true_rows(found)

    def named(self, name: str, table: Table) -> Column:
        return table.columns.get(name, nulls(Type.STRING, table.rows))

    def value(self, tree: Tree, table: Table) -> Column:
        rows = table.rows
        match tree.data:
            case "name" | "quoted_name":
                return self.named(_name(tree), table)
            case "number":
                return constant(Type.REAL, float(str(tree.children[0])), rows)
            case "string":
                return constant(Type.STRING, _string(str(tree.children[0])), rows)
            case "and_" | "or_":
                join = both if tree.data == "and_" else either
                return join(*(self.value(one, table) for one in tree.children))
            case "not_":
                return contrary(self.value(tree.children[0], table))
            case "negative":
                one = _number(self.value(tree.children[0], table))
                return Column(Type.REAL, -one.values, one.valid)
            case "binary":
                left, sign, right = tree.children
                return _binary(tree, str(sign), self.value(left, table), self.value(right, table))
            case "call":
                return self.call(tree, table)
            case _:
                raise failed(tree, f"{tree.data} is not known")

    def call(self, tree: Tree, table: Table) -> Column:
        name = str(tree.children[0]).lower()
        values = [self.value(one, table) for one in tree.children[1:] if one is not None]
        rows = table.rows
        match name:
            case "now":
                return constant(Type.REAL, float(self.now // 1_000_000), rows)
            case "null":
                return nulls(Type.STRING, rows)
            case "true" | "false":
                return constant(Type.BOOL, name == "true", rows)
            case "if":
                return _choice(true_rows(values[0]), values[1], values[2])
            case "case":
                found = nulls(Type.STRING, rows)
                for condition, result in zip(values[-2::-2], values[-1::-2], strict=True):
                    found = _choice(true_rows(condition), result, found)
                return found
            case "coalesce":
                found = values[-1]
                for one in reversed(values[:-1]):
                    found = _choice(one.valid, one, found)
                return found
            case "isnull" | "isnotnull":
                return Column(Type.BOOL, values[0].valid == (name == "isnotnull"), np.ones(rows, np.bool_))
            case "tonumber":
                return _number(values[0])
        if name not in FUNCTIONS:
            raise failed(tree, f"the function {name} is not known")
        type_, convert = FUNCTIONS[name]
        known = np.logical_and.reduce([one.valid for one in values])
        cells = zip(known.tolist(), zip(*(one.values.tolist() for one in values), strict=True), strict=True)
        return column(type_, [convert(*row) if ok else None for ok, row in cells])


# ---------------------------------------------------------------- columns


def _present(by: Mapping[str, Column], rows: int) -> Mask:
    found = np.ones(rows, np.bool_)
    for one in by.values():
        found &= one.valid
    return found


def _appended(tables: Sequence[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    names = dict.fromkeys(name for table in tables for name in table.columns)
    found = {}
    for name in names:
        parts = [table.columns.get(name) for table in tables]
        known = [part.type for part in parts if part is not None and part.valid.any()]
        type_ = known[0] if known else Type.STRING
        same = [
            part if part is not None and part.type is type_ else nulls(type_, table.rows)
            for part, table in zip(parts, tables, strict=True)
        ]
        values = np.concatenate([part.values for part in same])
        found[name] = Column(type_, values, np.concatenate([part.valid for part in same]))
    return Table(found, sum(table.rows for table in tables))


def _number(one: Column) -> Column:
    """A text that reads as a number is one; any other is null."""
    if one.type in (Type.REAL, Type.LONG):
        return Column(Type.REAL, one.values.astype(np.float64), one.valid)
    found = []
    for value, ok in zip(one.values, one.valid, strict=True):
        try:
            found.append(float(str(value).strip()) if ok else None)
        except ValueError:
            found.append(None)
    return column(Type.REAL, found)


def _choice(chosen: Mask, then: Column, otherwise: Column) -> Column:
    """Where both have values of one type that is the result's; texts and numbers meet as texts."""
    types = {one.type for one in (then, otherwise) if one.valid.any()}
    type_ = types.pop() if len(types) == 1 else then.type if not types else Type.STRING
    values = [
        (then if first else otherwise).values[at] if (then if first else otherwise).valid[at] else None
        for at, first in enumerate(chosen.tolist())
    ]
    texts = type_ is Type.STRING
    return column(type_, [_text(value) if texts and value is not None else value for value in values])


def _text(value: Any) -> str:
    return number_text(float(value)) if isinstance(value, float | np.floating) else str(value)


def _binary(tree: Tree, sign: str, left: Column, right: Column) -> Column:
    sign = "==" if sign == "=" else sign
    if sign in COMPARE:
        if left.type is not right.type:
            left, right = _number(left), _number(right)
        known = left.valid & right.valid
        return Column(Type.BOOL, np.asarray(COMPARE[sign](left.values, right.values), np.bool_), known)
    left, right = _number(left), _number(right)
    known = left.valid & right.valid
    if sign in "/%":
        known = known & (right.values != 0)
        divisor = np.where(right.values == 0, 1, right.values)
        return Column(Type.REAL, left.values / divisor if sign == "/" else np.fmod(left.values, divisor), known)
    if sign not in ARITHMETIC:
        raise failed(tree, f"{sign} is not known")
    return Column(Type.REAL, ARITHMETIC[sign](left.values, right.values), known)


def _aggregate(function: str, value: Column | None, of: Groups) -> Column:
    if function == "count":
        chosen = np.ones(len(of.of), np.bool_) if value is None else value.valid
        return _number(counted(chosen, of))
    one = _number(value) if value is not None else nulls(Type.REAL, len(of.of))
    mine, group = one.values[one.valid], of.of[one.valid]
    known = np.bincount(group, minlength=of.count) > 0
    start = {"sum": 0.0, "min": np.inf, "max": -np.inf}[function]
    values = np.full(of.count, start)
    {"sum": np.add, "min": np.minimum, "max": np.maximum}[function].at(values, group, mine)
    return Column(Type.REAL, np.where(known, values, 0.0), known)


def _running(tree: Tree, function: str, value: Column | None, of: Groups, present: Mask, *, current: bool) -> Column:
    """The aggregate over the rows of the group up to each row."""
    if function not in ("sum", "min", "max"):
        raise failed(tree, f"streamstats {function} is not known")
    one = _number(value) if value is not None else nulls(Type.REAL, len(of.of))
    neutral = {"sum": 0.0, "min": np.inf, "max": -np.inf}[function]
    operate = {"sum": np.add, "min": np.minimum, "max": np.maximum}[function]
    found = running(one, of, operate, neutral, current=current)
    valid = found.valid & present
    return Column(Type.REAL, np.where(valid, found.values, 0.0), valid)
