"""SPL: the predicates of one event, as eval expressions; and as terms of a search, where these say the same.

An expression with a null is null, and what ``NOT`` makes of it is not to be relied on: a negation is written
``if(…, 0, 1)=1``, as ``if`` takes its third value whenever the condition is not true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from tollwatch.compile import spl_values as spl
from tollwatch.compile.model import Refused
from tollwatch.compile.source import Source
from tollwatch.logs.profile import NONE
from tollwatch.logs.schema import FIELDS, FieldType
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
    Pattern,
    Predicate,
    Regex,
    Relation,
    Text,
    TimePart,
    TimeUnit,
    Wildcard,
)
from tollwatch.plan.regex import finds_nothing, is_portable, strict_end
from tollwatch.sigma.model import Op

_OPERATORS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">=", Op.EQ: "=", Op.NEQ: "!="}
_UTC_PARTS = {TimeUnit.MINUTE: "floor(_time/60)%60", TimeUnit.HOUR: "floor(_time/3600)%24"}


@dataclass(frozen=True, slots=True)
class Predicates:
    """Prints predicates; fields stand under their own names (``eval`` has made those that the source lacks)."""

    source: Source

    def text(self, predicate: Predicate) -> str:
        """The predicate as an eval expression, true where it holds.

        Raises:
            Refused: what SPL cannot say.
        """
        match predicate:
            case Constant():
                return "1=1" if predicate.value else "1=0"
            case And() | Or():
                return self._joined(predicate)
            case Not():
                return f"if({self.text(predicate.item)}, 0, 1)=1"
            case Text():
                return self._text(predicate)
            case Number() | Compare():
                return self._number(predicate)
            case Boolean():
                return f'lower({self._field(predicate.field)})="{str(predicate.value).lower()}"'
            case Null():
                field = self._field(predicate.field)
                return f"isnull({field})" if self._is_number(predicate.field) else self._empty(field)
            case Regex():
                return self._regex(predicate)
            case Cidr():
                return f"cidrmatch({spl.string(predicate.network)}, {self._field(predicate.field)})"
            case FieldMatch():
                return self._related(predicate)
            case TimePart():
                return self._time_part(predicate)
            case _:
                assert_never(predicate)

    def _joined(self, predicate: And | Or) -> str:
        if not predicate.items:
            return "1=1" if isinstance(predicate, And) else "1=0"
        word, other = (" AND ", Or) if isinstance(predicate, And) else (" OR ", And)
        parts = [(item, self.text(item)) for item in predicate.items]
        return word.join(
            f"({text})" if isinstance(item, other) and len(item.items) > 1 else text for item, text in parts
        )

    def _field(self, field: str) -> str:
        return spl.name(field)

    def _is_number(self, field: str) -> bool:
        return self.source.profile.name != NONE and field in FIELDS and FIELDS[field].type in spl.NUMERIC

    def _empty(self, field: str) -> str:
        return f'(isnull({field}) OR {field}="")' if self.source.profile.name != NONE else f"isnull({field})"

    def _text(self, predicate: Text) -> str:
        if predicate.field is None:
            return self._any_text(lambda field: Text(field, predicate.pattern, predicate.cased))
        if self.source.profile.name != NONE and not any(part for part in predicate.pattern):
            return "1=0"  # an empty text is null
        return _matches(self._field(predicate.field), predicate.pattern, cased=predicate.cased)

    def _any_text(self, leaf: Callable[[str], Predicate]) -> str:
        # Beside an AND, the alternatives must stay together.
        return f"({self.text(Or(tuple(leaf(field) for field in self.source.text_fields())))})"

    def _number(self, predicate: Number | Compare) -> str:
        operator = "=" if isinstance(predicate, Number) else _OPERATORS[predicate.op]
        field = self._field(predicate.field)
        value = field if self._is_number(predicate.field) else f"tonumber({field})"
        return f"{value}{operator}{spl.number(predicate.value)}"

    def _regex(self, predicate: Regex) -> str:
        if predicate.field is None:
            return self._any_text(
                lambda field: Regex(
                    field, predicate.pattern, predicate.ignore_case, predicate.multiline, predicate.dotall
                )
            )
        flags = "".join(
            letter
            for letter, on in (("i", predicate.ignore_case), ("m", predicate.multiline), ("s", predicate.dotall))
            if on
        )
        pattern = predicate.pattern
        if not is_portable(predicate):
            raise Refused(f"re: {pattern}", "it is not surely the same in every engine", "write it without look-around")
        if not predicate.multiline:
            pattern = strict_end(pattern, r"\z")  # PCRE's $ also stands before a last newline
        quoted = spl.regex_string((f"(?{flags})" if flags else "") + pattern)
        field = self._field(predicate.field)
        found = f"match({field}, {quoted})"
        empty = finds_nothing(predicate) and self.source.profile.name != NONE
        return f'({field}!="" AND {found})' if empty else found  # an empty text is null

    def _related(self, predicate: FieldMatch) -> str:
        one, two = self._field(predicate.field), self._field(predicate.other)
        if not predicate.cased:
            one, two = f"lower({one})", f"lower({two})"
        present = f'{one}!="" AND {two}!=""'
        match predicate.relation:
            case Relation.EQUALS:
                return f"({present} AND {one}={two})"
            case Relation.STARTS_WITH:
                return f"({present} AND substr({one}, 1, len({two}))={two})"
            case Relation.ENDS_WITH:
                tail = f"substr({one}, len({one})-len({two})+1)"
                return f"({present} AND len({one})>=len({two}) AND {tail}={two})"
            case Relation.CONTAINS:
                return f"({present} AND mvcount(split({one}, {two}))>1)"
            case _:
                assert_never(predicate.relation)

    def _time_part(self, predicate: TimePart) -> str:
        part = _UTC_PARTS.get(predicate.unit)
        if part is None or predicate.field != "timestamp":
            raise Refused(
                f"{predicate.field}|{predicate.unit}", "Splunk's strftime follows the user's time zone, not UTC",
                "use the hour or the minute of timestamp",
            )  # fmt: skip
        return f"{part}{_OPERATORS[predicate.op]}{predicate.value}"

    # ------------------------------------------------------------ search terms

    def term(self, predicate: Predicate) -> tuple[str | None, bool]:
        """Terms of a search that no match is without (None: there are none), and whether they say all of it.

        Terms make a search quick; only fields that the source itself has can be in them.
        """
        match predicate:
            case And():
                parts = [self.term(item) for item in predicate.items]
                known = [text for text, _ in parts if text is not None]
                whole = bool(known) and all(text is not None and exact for text, exact in parts)
                return (" ".join(known) or None), whole
            case Or():
                parts = [self.term(item) for item in predicate.items]
                texts = [text for text, _ in parts if text is not None]
                if len(texts) < len(parts) or not texts:
                    return None, False
                return f"({' OR '.join(f'({text})' if ' ' in text else text for text in texts)})", all(
                    e for _, e in parts
                )
            case Number():
                return self._term(predicate.field, "=", spl.number(predicate.value), numeric=True)
            case Compare() if predicate.op in (Op.GT, Op.GTE):
                return self._term(predicate.field, _OPERATORS[predicate.op], spl.number(predicate.value), numeric=True)
            case Text() if len(predicate.pattern) == 1 and isinstance(predicate.pattern[0], str) and predicate.field:
                found, _ = self._term(predicate.field, "=", predicate.pattern[0], numeric=False)
                return found, not predicate.cased
            case _:
                return None, False

    def _term(self, field: str, operator: str, value: str, *, numeric: bool) -> tuple[str | None, bool]:
        if self.source.profile.name == NONE or not spl.is_term(value) or numeric is not self._is_number(field):
            return None, False
        plain = self.source.carried(field).plain
        if plain is None or plain.name != field or (numeric and FIELDS[field].type is not FieldType.INTEGER):
            return None, False
        return f"{field}{operator}{value}", True


def _matches(field: str, pattern: Pattern, *, cased: bool) -> str:
    """The whole text matches. Plain texts are compared or given to ``like``; all others become a regex."""
    body = tuple(part for part in pattern if part != "")
    literals = [part for part in body if isinstance(part, str)]
    if not body:
        return f'{field}=""'
    if not literals and all(part is Wildcard.ANY for part in body):
        return f"isnotnull({field})"
    likeable = len(literals) == 1 and Wildcard.ONE not in body and spl.is_plain(literals[0]) and "_" not in literals[0]
    value = field if cased else f"lower({field})"
    wanted = literals[0] if len(literals) == 1 else ""
    wanted = wanted if cased else folded(wanted)
    if len(body) == 1 and spl.is_plain(wanted):
        return f'{value}="{wanted}"'
    if likeable:
        start = "%" if body[0] is Wildcard.ANY else ""
        end = "%" if body[-1] is Wildcard.ANY else ""
        return f'like({value}, "{start}{wanted}{end}")'
    parts = {Wildcard.ANY: ".*", Wildcard.ONE: "."}
    regex = "".join(spl.regex_literal(part) if isinstance(part, str) else parts[part] for part in body)
    return f'match({field}, "(?{"s" if cased else "is"})^{regex}\\z")'


def folded(text: str) -> str:
    """The text in lower case, letter by letter."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
