"""One field and one of pySigma's values → a predicate: what each modifier means (specification, "Sigma modifiers")."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from sigma.modifiers import (
    SigmaCaseSensitiveModifier,
    SigmaEndswithModifier,
    SigmaModifier,
    SigmaStartswithModifier,
)
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
    TimestampPart,
)

from tollwatch.plan.faults import Faults
from tollwatch.plan.logic import any_of, negation
from tollwatch.plan.nodes import (
    Boolean,
    Cidr,
    Compare,
    Constant,
    FieldMatch,
    Null,
    Number,
    Pattern,
    Predicate,
    Regex,
    Relation,
    Text,
    TimePart,
    TimeUnit,
    Wildcard,
)
from tollwatch.plan.regex import fault
from tollwatch.sigma.model import Op

_WILDCARDS = {SpecialChars.WILDCARD_MULTI: Wildcard.ANY, SpecialChars.WILDCARD_SINGLE: Wildcard.ONE}
_OPS = {
    CompareOperators.LT: Op.LT,
    CompareOperators.LTE: Op.LTE,
    CompareOperators.GT: Op.GT,
    CompareOperators.GTE: Op.GTE,
    CompareOperators.NEQ: Op.NEQ,
}
_UNITS = {
    TimestampPart.MINUTE: TimeUnit.MINUTE,
    TimestampPart.HOUR: TimeUnit.HOUR,
    TimestampPart.DAY: TimeUnit.DAY,
    TimestampPart.WEEK: TimeUnit.WEEK,
    TimestampPart.MONTH: TimeUnit.MONTH,
    TimestampPart.YEAR: TimeUnit.YEAR,
}
_NEVER = Constant(False)  # stands for what was refused, so that the rest of the rule can still be looked at

Modifiers = Collection[type[SigmaModifier]]  # type: ignore[type-arg] # generic in types of no interest here


@dataclass(frozen=True, slots=True)
class ValueReader:
    """Lowers the values of one detection item: its ``field`` (None: keywords) and its modifiers."""

    field: str | None
    modifiers: Modifiers
    faults: Faults

    def lower(self, value: SigmaType) -> Predicate:
        """The predicate of one value; what cannot be lowered is noted in ``faults``."""
        match value:
            case SigmaExpansion():
                return any_of(self.lower(item) for item in value.values)
            case SigmaString():
                return self._text(value)
            case SigmaRegularExpression():
                return self._regex(value)
            case _ if self.field is None:
                return self._keyword(value)
            case _:
                return self._of_field(self.field, value)

    def _of_field(self, field: str, value: SigmaType) -> Predicate:
        match value:
            case SigmaTimestampPart():
                return self._time_part(field, value, Op.EQ)
            case SigmaNumber():
                return Number(field, self._number(value))
            case SigmaBool():
                return Boolean(field, value.boolean)
            case SigmaNull():
                return Null(field)
            case SigmaExists():
                return negation(Null(field)) if value.exists else Null(field)
            case SigmaCompareExpression():
                return self._compare(field, value)
            case SigmaCIDRExpression():
                return Cidr(field, str(value.network))
            case SigmaFieldReference():
                return FieldMatch(field, value.field, _relation(value))
            case _:
                return self._refuse(value)

    def _keyword(self, value: SigmaType) -> Predicate:
        """A value without a field: only what has a text can be looked for in every field."""
        match value:
            case SigmaNumber() if not isinstance(value, SigmaTimestampPart):
                return Text(None, _anywhere((str(value.number),)))
            case SigmaBool():
                return Text(None, _anywhere((str(value.boolean).lower(),)))
            case _:
                return self._refuse(value)

    def _refuse(self, value: SigmaType) -> Predicate:
        name = type(value).__name__.removeprefix("Sigma")
        where = f"field {self.field}" if self.field is not None else "a keyword"
        self.faults.add("PLN003", f"{where} cannot be compared with a value of the kind {name}")
        return _NEVER

    def _text(self, value: SigmaString) -> Predicate:
        # pySigma loses "cased" under windash, wide and the encodings, so that the modifier decides, not the type.
        cased = isinstance(value, SigmaCasedString) or SigmaCaseSensitiveModifier in self.modifiers
        pattern = self._pattern(value)
        return Text(self.field, pattern if self.field is not None else _anywhere(pattern), cased)

    def _pattern(self, value: SigmaString) -> Pattern:
        parts: list[str | Wildcard] = []
        for part in value.s:
            match part:
                case str():
                    parts.append(self._encodable(part))
                case SpecialChars():
                    parts.append(_WILDCARDS[part])
                case Placeholder():
                    self._unfilled(part)
                case _:
                    assert_never(part)
        return tidy(parts)

    def _encodable(self, text: str) -> str:
        """The text; one that no log can hold (half of a surrogate pair) is noted."""
        if text.isascii():
            return text
        try:
            text.encode()
        except UnicodeEncodeError:
            self.faults.add("PLN005", f"field {self.field}: the value holds half of a surrogate pair")
            return ""
        return text

    def _unfilled(self, placeholder: Placeholder) -> None:
        hint = f"give {placeholder.name} its values in rules.toml under [placeholders]"
        self.faults.add("PLN004", f"the placeholder %{placeholder.name}% has no value", hint)

    def _regex(self, value: SigmaRegularExpression) -> Predicate:
        for part in value.regexp.s:
            if isinstance(part, Placeholder):
                self._unfilled(part)
        flags = SigmaRegularExpressionFlag
        regex = Regex(
            self.field,
            self._anchored(self._encodable(str(value.regexp)), flags.MULTILINE in value.flags),
            ignore_case=flags.IGNORECASE in value.flags,
            multiline=flags.MULTILINE in value.flags,
            dotall=flags.DOTALL in value.flags,
        )
        if wrong := fault(regex):
            self.faults.add("PLN006", f"the regular expression {regex.pattern} is not valid: {wrong}")
            return _NEVER
        return regex

    def _anchored(self, pattern: str, multiline: bool) -> str:
        """A regex is found anywhere; pySigma's ``.*`` for startswith and endswith anchors it only in a whole match."""
        start, end = ("(?-m:^)", "(?-m:$)") if multiline else ("^", "$")
        before = start if SigmaStartswithModifier in self.modifiers else ""
        after = end if SigmaEndswithModifier in self.modifiers else ""
        return f"{before}(?:{pattern}){after}" if before or after else pattern

    def _compare(self, field: str, value: SigmaCompareExpression) -> Predicate:
        op = _OPS[value.op]
        if isinstance(value.number, SigmaTimestampPart):
            return self._time_part(field, value.number, op)
        number = self._number(value.number)
        return negation(Number(field, number)) if op is Op.NEQ else Compare(field, op, number)

    def _time_part(self, field: str, value: SigmaTimestampPart, op: Op) -> Predicate:
        number = int(value.number)
        unit = _UNITS[value.timestamp_part]
        return negation(TimePart(field, unit, number)) if op is Op.NEQ else TimePart(field, unit, number, op)

    def _number(self, value: SigmaNumber) -> Decimal:
        # pySigma keeps an integer as a whole float only where the float is not equal to it.
        if isinstance(value.number, float) and value.number.is_integer():
            hint = "write it as text, in quotes: text is compared with the number's digits"
            self.faults.add("PLN005", f"field {self.field}: the number is too large to be read exactly", hint)
        return Decimal(repr(value.number))


def _relation(value: SigmaFieldReference) -> Relation:
    match value.starts_with, value.ends_with:
        case True, True:
            return Relation.CONTAINS
        case True, False:
            return Relation.STARTS_WITH
        case False, True:
            return Relation.ENDS_WITH
        case _:
            return Relation.EQUALS


def _anywhere(pattern: Pattern) -> Pattern:
    return tidy((Wildcard.ANY, *pattern, Wildcard.ANY))


def tidy(parts: Collection[str | Wildcard]) -> Pattern:
    """The same pattern in its one simplest form: texts joined, a run of wildcards as its ``?`` and then one ``*``."""
    out: list[str | Wildcard] = []
    for part in parts:
        match part, out[-1] if out else None:
            case str(), str() as before:
                out[-1] = before + part
            case Wildcard.ANY, Wildcard.ANY:
                pass
            case Wildcard.ONE, Wildcard.ANY:
                out[-1:] = [Wildcard.ONE, Wildcard.ANY]
            case "", _:
                pass
            case _:
                out.append(part)
    return tuple(out)
