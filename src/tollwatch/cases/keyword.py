"""The expression of ``-k``, as pytest has it, and so that several words stand for a phrase.

    expression ::= term ("or" term)*
    term       ::= factor ("and" factor)*
    factor     ::= "not" factor | "(" expression ")" | word+

A phrase holds where it occurs, in any case of letters. An empty expression always holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tollwatch.errors import UsageError

_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_RESERVED = frozenset({"and", "or", "not", "(", ")"})
_LIMIT = 200

Chooser = Callable[[str], bool]


def compile_keyword(expression: str | None) -> Chooser:
    """Whether a text is chosen.

    Raises:
        UsageError: the expression cannot be read.
    """
    tokens = _TOKEN.findall(expression or "")
    if not tokens:
        return lambda _: True
    if len(tokens) > _LIMIT:
        raise UsageError(f"-k: more than {_LIMIT} words")
    parser = _Parser(tokens, expression or "")
    chooser = parser.expression()
    if parser.rest:
        raise parser.wrong("an operator (and, or)")
    return lambda text: chooser(text.lower())


class _Parser:
    def __init__(self, tokens: list[str], source: str) -> None:
        self.rest = tokens
        self.source = source

    def expression(self) -> Chooser:
        terms = [self.term()]
        while self.take("or"):
            terms.append(self.term())
        return lambda text: any(term(text) for term in terms)

    def term(self) -> Chooser:
        factors = [self.factor()]
        while self.take("and"):
            factors.append(self.factor())
        return lambda text: all(factor(text) for factor in factors)

    def factor(self) -> Chooser:
        if self.take("not"):
            inner = self.factor()
            return lambda text: not inner(text)
        if self.take("("):
            inner = self.expression()
            if not self.take(")"):
                raise self.wrong(")")
            return inner
        words = []
        while self.rest and self.rest[0] not in _RESERVED:
            words.append(self.rest.pop(0).lower())
        if not words:
            raise self.wrong("a word")
        phrase = " ".join(words)
        return lambda text: phrase in text

    def take(self, token: str) -> bool:
        if self.rest and self.rest[0] == token:
            del self.rest[0]
            return True
        return False

    def wrong(self, wanted: str) -> UsageError:
        found = f"{self.rest[0]!r} stands there" if self.rest else "it ends"
        return UsageError(
            f"-k {self.source!r}: {found} where {wanted} is needed", "for example -k 'stuffing and not nat'"
        )
