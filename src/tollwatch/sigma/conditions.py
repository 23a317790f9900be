"""Conditions of rules and extended conditions of correlations: one small parser, with the place of every word.

    or    := and ('or' and)*
    and   := not ('and' not)*
    not   := 'not' not | '(' or ')' | selector | name
    selector := ('1' | 'any' | 'all') 'of' ('them' | pattern)

Names consist of letters, digits, ``_`` and ``-``; patterns also of ``*``. pySigma reads the same grammar, but takes
the start of a name for an operator (``notes`` is read as ``not es``): see ``rewritten``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from tollwatch.errors import TollwatchError

LENGTH_LIMIT = 20_000
DEPTH_LIMIT = 30
WILDCARD_LIMIT = 4  # each multiplies the ways in which a name can be compared

_TOKEN = re.compile(r"[A-Za-z0-9_*-]+|[()]|\S")
_WORD = re.compile(r"[A-Za-z0-9_*-]+")
_OPERATORS = frozenset({"and", "or", "not"})
_QUANTIFIERS = frozenset({"1", "any", "all"})


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a bracket; ``earlier`` counts the same words before it, which finds it again in the file."""

    text: str
    earlier: int


@dataclass(frozen=True, slots=True)
class Name:
    """A selection, or in a correlation a rule."""

    token: Token


@dataclass(frozen=True, slots=True)
class Selector:
    """``1 of`` or ``all of`` the selections that match the pattern."""

    every: bool
    pattern: Token


@dataclass(frozen=True, slots=True)
class Every:
    """``and``."""

    items: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """``or``."""

    items: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """``not``."""

    item: Condition


Condition = Name | Selector | Every | Some | Negated


class ConditionError(TollwatchError):
    """A text that is no condition; ``token`` is where it goes wrong (None: at its end)."""

    def __init__(self, message: str, token: Token | None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.token, self.hint = message, token, hint


def parse_condition(text: str, *, selectors: bool = True) -> Condition:
    """The condition that a text states; without ``selectors`` only names can be combined.

    Raises:
        ConditionError: it states none.
    """
    if len(text) > LENGTH_LIMIT:
        raise ConditionError(f"the condition is longer than {LENGTH_LIMIT:,} characters", None)
    parser = _Parser(tuple(_tokens(text)), selectors)
    if not parser.tokens:
        raise ConditionError("the condition is empty", None)
    found = parser.some(0)
    if parser.peek() is not None:
        raise parser.unexpected()
    return found


def _tokens(text: str) -> Iterator[Token]:
    seen: dict[str, int] = {}
    for match in _TOKEN.finditer(text):
        word = match.group()
        yield Token(word, seen.get(word, 0))
        seen[word] = seen.get(word, 0) + 1


@dataclass(slots=True)
class _Parser:
    tokens: tuple[Token, ...]
    selectors: bool
    position: int = 0

    def peek(self, ahead: int = 0) -> str | None:
        at = self.position + ahead
        return self.tokens[at].text if at < len(self.tokens) else None

    def take(self) -> Token:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def some(self, depth: int) -> Condition:
        items = [self.every(depth)]
        while self.peek() == "or":
            self.take()
            items.append(self.every(depth))
        return items[0] if len(items) == 1 else Some(tuple(items))

    def every(self, depth: int) -> Condition:
        items = [self.single(depth)]
        while self.peek() == "and":
            self.take()
            items.append(self.single(depth))
        return items[0] if len(items) == 1 else Every(tuple(items))

    def single(self, depth: int) -> Condition:
        if depth > DEPTH_LIMIT:
            raise ConditionError(f"brackets and negations are nested more than {DEPTH_LIMIT} deep", None)
        match self.peek():
            case "not":
                self.take()
                return Negated(self.single(depth + 1))
            case "(":
                self.take()
                inner = self.some(depth + 1)
                if self.peek() != ")":
                    raise self.unexpected("a closing bracket is missing")
                self.take()
                return inner
            case word if self.selectors and self.peek(1) == "of":
                return self.selector(word)
            case word if word is None or word in _OPERATORS or not _WORD.fullmatch(word) or "*" in word:
                raise self.unexpected()
        return Name(self.take())

    def selector(self, quantifier: str | None) -> Condition:
        if quantifier not in _QUANTIFIERS:
            message = f"`{quantifier} of` is not defined"
            raise ConditionError(message, self.tokens[self.position], "use `1 of`, `any of` or `all of`")
        self.position += 2
        if not _WORD.fullmatch(self.peek() or ""):
            raise self.unexpected("`of` must be followed by a pattern or `them`")
        pattern = self.take()
        if "-" in pattern.text:
            raise ConditionError("a pattern cannot contain `-`", pattern, "name the selections with `_`")
        if pattern.text.count("*") > WILDCARD_LIMIT:
            raise ConditionError(f"a pattern can have at most {WILDCARD_LIMIT} wildcards", pattern)
        return Selector(quantifier == "all", pattern)

    def unexpected(self, message: str | None = None) -> ConditionError:
        word = self.peek()
        if word is None:
            last = self.tokens[-1]
            return ConditionError(message or f"the condition ends after `{last.text}`", last)
        return ConditionError(message or f"`{word}` is not expected here", self.tokens[self.position], _advice(word))


def _advice(word: str) -> str | None:
    if word.lower() in _OPERATORS:
        return f"operators are written in lower case: `{word.lower()}`" if word not in _OPERATORS else None
    if word == "|":
        return "counting (`| count()`) is written as a correlation"
    if "*" in word:
        return f"write `1 of {word}` or `all of {word}`"
    return None


def matching(pattern: str, names: Iterable[str]) -> tuple[str, ...]:
    """The selections that a selector takes: those starting with ``_`` only where the pattern does (``them``: never)."""
    found = re.compile(".*" if pattern == "them" else pattern.replace("*", ".*"), re.DOTALL)
    return tuple(n for n in names if found.fullmatch(n) and (pattern.startswith("_") or not n.startswith("_")))


def leaves(condition: Condition) -> Iterator[Name | Selector]:
    """Names and selectors, in the order they are written."""
    match condition:
        case Name() | Selector():
            yield condition
        case Negated(item):
            yield from leaves(item)
        case Every(items) | Some(items):
            for item in items:
                yield from leaves(item)
        case _:
            assert_never(condition)


def rewritten(condition: Condition, names: Iterable[str], rename: Callable[[str], str]) -> str:
    """The condition as a text without selectors, every name (of the selections ``names``) renamed, fully bracketed."""
    selections = tuple(names)

    def text(part: Condition) -> str:
        match part:
            case Name(token):
                return rename(token.text)
            case Selector(every, pattern):
                word = " and " if every else " or "
                return f"({word.join(rename(name) for name in matching(pattern.text, selections))})"
            case Negated(item):
                return f"(not {text(item)})"
            case Every(items):
                return f"({' and '.join(text(item) for item in items)})"
            case Some(items):
                return f"({' or '.join(text(item) for item in items)})"
            case _:
                assert_never(part)

    return text(condition)
