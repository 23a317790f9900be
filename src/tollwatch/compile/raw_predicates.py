"""Predicates over canonical fields as predicates over a source's own columns.

For languages that filter and cannot compute (Lucene, Kibana's KQL, EQL, LogQL): what a profile does to a value on its
way in (coalesce, when, map, factor, default) is undone in the predicate.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation

from tollwatch.compile.model import Refused
from tollwatch.compile.source import Carried, RawColumn, Source
from tollwatch.logs.profile import NONE
from tollwatch.plan.logic import all_of, any_of, negation
from tollwatch.plan.nodes import (
    And,
    Boolean,
    Cidr,
    Compare,
    Constant,
    FieldMatch,
    Not,
    Null,
    Number,
    Or,
    Predicate,
    Regex,
    Text,
    TimePart,
    Wildcard,
)
from tollwatch.plan.regex import python_pattern
from tollwatch.sigma.model import Op

EMPTY_LIMIT = "an empty text in the log counts as a value here, not as null"

Leaf = Text | Number | Boolean | Null | Compare | Regex | Cidr | FieldMatch | TimePart


@dataclass(slots=True)
class RawPredicates:
    """Undoes a source's carriers. ``columns``: what was read so far, by its name, with the canonical field."""

    source: Source
    columns: dict[str, tuple[RawColumn, str]] = field(default_factory=dict)

    def of(self, predicate: Predicate) -> Predicate:
        """The predicate over the source's columns; a leaf's field is then a column's name.

        Raises:
            Refused: a field that the source computes in a way that a predicate cannot undo.
        """
        match predicate:
            case Constant():
                return predicate
            case And():
                return all_of(self.of(item) for item in predicate.items)
            case Or():
                return any_of(self.of(item) for item in predicate.items)
            case Not():
                return negation(self.of(predicate.item))
            case _:
                return self._leaf(predicate)

    def column(self, name: str) -> RawColumn:
        """The one column that carries a field as it is: what can be grouped by and counted.

        Raises:
            Refused: the field is computed.
        """
        carried = self.source.carried(name)
        if carried.plain is None:
            raise Refused(
                f"field {name}", f"the profile {self.source.profile.name} computes it from its columns",
                "keep it in a column of its own, or target esql, spl or kql",
            )  # fmt: skip
        self.columns[carried.plain.name] = (carried.plain, name)
        return carried.plain

    def kind(self, name: str) -> str:
        """The kind of a column that was read."""
        return self.columns[name][0].kind

    def _leaf(self, leaf: Leaf) -> Predicate:
        if isinstance(leaf, FieldMatch):
            one, two = self.column(leaf.field), self.column(leaf.other)
            return replace(leaf, field=one.name, other=two.name)
        if isinstance(leaf, Text | Regex) and leaf.field is None:
            return any_of(self._leaf(replace(leaf, field=name)) for name in self.source.text_fields())
        name = leaf.field or ""
        if isinstance(leaf, Text) and not any(leaf.pattern) and self.source.profile.name != NONE:
            return Constant(False)  # an empty text is null
        if name == "timestamp" and self.source.profile.name != NONE:
            column = RawColumn(name, self.source.time, "timestamp")
            self.columns[column.name] = (column, name)
            return replace(leaf, field=column.name)
        carried = self.source.carried(name)
        if carried.carrier.summed or carried.carrier.extract is not None:
            how = "a sum of columns" if carried.carrier.summed else "cut out of a text by a pattern"
            raise Refused(
                f"field {name}", f"in the profile {self.source.profile.name} it is {how}",
                "keep it in a column of its own, or target esql, spl or kql",
            )  # fmt: skip
        return self._default(leaf, carried)

    def _default(self, leaf: Leaf, carried: Carried) -> Predicate:
        default = carried.carrier.default
        if default is None:
            return self._when(leaf, carried)
        if isinstance(leaf, Null):
            return Constant(False)
        nothing = self._when(Null(carried.field), carried)
        found = self._when(leaf, carried)
        return any_of((found, nothing)) if holds(leaf, default) else found

    def _when(self, leaf: Leaf, carried: Carried) -> Predicate:
        found = self._mapped(leaf, carried)
        for raw, equals, then in reversed(carried.when):
            self.columns[raw.name] = (raw, carried.field)
            told = Text(raw.name, (equals,), cased=True)
            otherwise = all_of((negation(told), found))
            found = any_of((told, otherwise)) if holds(leaf, then) else otherwise
        return found

    def _mapped(self, leaf: Leaf, carried: Carried) -> Predicate:
        if not carried.carrier.map or isinstance(leaf, Null):
            return self._coalesced(self._scaled(leaf, carried), carried)
        known = [Text(carried.field, (raw,), cased=True) for raw, _ in carried.carrier.map]
        meant = [one for one, (_, to) in zip(known, carried.carrier.map, strict=True) if holds(leaf, to)]
        unknown = all_of((*(negation(self._coalesced(one, carried)) for one in known), self._coalesced(leaf, carried)))
        return any_of((*(self._coalesced(one, carried) for one in meant), unknown))

    def _scaled(self, leaf: Leaf, carried: Carried) -> Leaf:
        factor = carried.carrier.factor
        if factor is None or isinstance(leaf, Null):
            return leaf
        if isinstance(leaf, Number | Compare) and factor > 0:
            value = leaf.value / factor
            if value * factor == leaf.value:
                return replace(leaf, value=value.normalize())
        raise Refused(f"field {carried.field}", f"its unit is another: the source has it times {1 / factor:g}")

    def _coalesced(self, leaf: Leaf, carried: Carried) -> Predicate:
        """The first column that is not null has it."""
        for column in carried.columns:
            self.columns[column.name] = (column, carried.field)
        own = [self._typed(replace(leaf, field=column.name), column) for column in carried.columns]
        if isinstance(leaf, Null):
            return all_of(own)
        found = own[-1]
        for column, one in zip(reversed(carried.columns[:-1]), reversed(own[:-1]), strict=True):
            found = any_of((one, all_of((Null(column.name), found))))
        return found

    def _typed(self, leaf: Leaf, column: RawColumn) -> Predicate:
        """A text looked for in a column of numbers is a number, or cannot be said."""
        if column.record is not None or column.text_of is not None:
            raise Refused(f"column {column.path}", "it is not a column of the same record", "target kql")
        if not isinstance(leaf, Text | Regex) or column.kind not in ("integer", "number", "boolean", "timestamp"):
            return leaf
        if isinstance(leaf, Text) and len(leaf.pattern) == 1 and isinstance(text := leaf.pattern[0], str):
            if column.kind == "boolean":
                return Boolean(leaf.field or "", text.lower() == "true") if text.lower() in _WORDS else Constant(False)
            if column.kind != "timestamp":
                value = _number(text)
                return Constant(False) if value is None else Number(leaf.field or "", value)
        if isinstance(leaf, Text) and all(part is Wildcard.ANY for part in leaf.pattern):
            return negation(Null(leaf.field or ""))
        raise Refused(f"a text pattern on {column.path}", f"it is a {column.kind}", "compare it with numbers")


_WORDS = ("true", "false")


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def holds(leaf: Leaf, value: str) -> bool:
    """Whether a leaf matches a value that a profile makes up. Raises Refused for one that cannot be told."""
    match leaf:
        case Text():
            flags = re.DOTALL if leaf.cased else re.DOTALL | re.IGNORECASE
            parts = {Wildcard.ANY: ".*", Wildcard.ONE: "."}
            pattern = "".join(re.escape(part) if isinstance(part, str) else parts[part] for part in leaf.pattern)
            return re.fullmatch(pattern, value, flags) is not None
        case Number():
            return _number(value) == leaf.value
        case Compare():
            number = _number(value)
            return number is not None and _COMPARED[leaf.op](number, leaf.value)
        case Boolean():
            return value.lower() == str(leaf.value).lower()
        case Regex():
            return python_pattern(leaf).search(value) is not None
        case Cidr():
            return _inside(value, leaf.network)
        case Null():
            return False
        case _:
            raise Refused(f"field {leaf.field}", "it has a value that the profile makes up")


_COMPARED: dict[Op, Callable[[Decimal, Decimal], bool]] = {
    Op.LT: lambda one, two: one < two,
    Op.LTE: lambda one, two: one <= two,
    Op.GT: lambda one, two: one > two,
    Op.GTE: lambda one, two: one >= two,
}


def _inside(value: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def number_forms(value: Decimal) -> str:
    """A regular expression of the texts that read as the number, without an exponent; every engine's."""
    sign, digits = ("-", -value) if value < 0 else ("\\+?", value)
    whole, _, rest = format(digits, "f").partition(".")
    rest = rest.rstrip("0")
    fraction = f"\\.{rest}0*" if rest else "(\\.0*)?"
    return f" *{sign}0*{whole.lstrip('0') or '0'}{fraction} *"
