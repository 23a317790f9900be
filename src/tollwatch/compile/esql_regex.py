r"""Regular expressions for Lucene's engine (ES|QL's RLIKE), which matches the whole text.

A pattern is taken apart by Python's own parser and written anew; what is not surely the same in both is refused.
Elastic's reference, "Regular expression syntax": the marks ``. ? + * | { } [ ] ( ) " \ # @ & < > ~`` have a meaning,
there are no anchors, no classes and no flags.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

# Python's parser of patterns has no public name.
from re import _constants as code
from re import _parser as parser
from typing import Any

from tollwatch.compile.model import Refused
from tollwatch.plan.nodes import Regex

_USE = "write it with contains, startswith and endswith, or target spl or kql"
_CLASSES = {
    code.CATEGORY_DIGIT: "0-9",
    code.CATEGORY_WORD: "A-Za-z0-9_",
    code.CATEGORY_SPACE: "\t\n\f\r ",
}
_NOT_CLASSES = {
    code.CATEGORY_NOT_DIGIT: code.CATEGORY_DIGIT,
    code.CATEGORY_NOT_WORD: code.CATEGORY_WORD,
    code.CATEGORY_NOT_SPACE: code.CATEGORY_SPACE,
}
_MOST = 1_000


def lucene_regex(regex: Regex) -> str:
    """The pattern so that Lucene's engine finds it anywhere in a text.

    Raises:
        Refused: what Lucene has no form for.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of a bracket inside a set, which may change its meaning
            tree = parser.parse(regex.pattern, re.ASCII)
    except (re.error, OverflowError, RecursionError):
        raise _refused(regex, "it is not surely the same in every engine") from None
    flags = tree.state.flags
    ignore_case = regex.ignore_case or bool(flags & re.IGNORECASE)
    dotall = regex.dotall or bool(flags & re.DOTALL)
    if regex.multiline or flags & re.MULTILINE:
        raise _refused(regex, "Lucene has no lines")
    if flags & re.VERBOSE:
        raise _refused(regex, "Lucene has no flags")
    return _Writer(regex, ignore_case, dotall).whole(list(tree))


def _refused(regex: Regex, reason: str) -> Refused:
    return Refused(f"re: {regex.pattern}", reason, _USE)


class _Writer:
    def __init__(self, regex: Regex, ignore_case: bool, dotall: bool) -> None:
        self.regex = regex
        self.ignore_case = ignore_case
        self.any = "." if dotall else "[^\n]"  # Lucene's point is any letter

    def whole(self, items: list[Any]) -> str:
        """The pattern with what may stand before and after it."""
        if len(items) == 1 and items[0][0] is code.BRANCH:
            _, ways = items[0][1]
            return "|".join(self.whole(list(way)) for way in ways)
        start = bool(items) and items[0] in _STARTS
        end = len(items) > int(start) and items[-1] in _ENDS
        inner = items[int(start) : len(items) - int(end)]
        before, after = ("" if start else ".*"), ("" if end else ".*")
        return before + self.sequence(inner) + after

    def sequence(self, items: Sequence[Any]) -> str:
        return "".join(self.item(operator, argument) for operator, argument in items)

    def item(self, operator: Any, argument: Any) -> str:
        if operator is code.LITERAL:
            return self.letter(argument)
        if operator is code.NOT_LITERAL:
            return f"[^{self.ranged(argument, argument)}]"
        if operator is code.ANY:
            return self.any
        if operator is code.IN:
            return self.set(argument)
        if operator is code.BRANCH:
            return "(" + "|".join(self.sequence(way) or "()" for way in argument[1]) + ")"
        if operator is code.SUBPATTERN:
            _, added, removed, inner = argument
            if added or removed:
                raise _refused(self.regex, "Lucene has no flags inside a pattern")
            return f"({self.sequence(inner)})"
        if operator in (code.MAX_REPEAT, code.MIN_REPEAT):
            return self.repeat(*argument)
        raise _refused(self.regex, "Lucene has no form for a part of it")

    def repeat(self, least: int, most: int, inner: Any) -> str:
        if least > _MOST or (most is not code.MAXREPEAT and most > _MOST):
            raise _refused(self.regex, "it repeats more than 1,000 times")
        marks = {(0, code.MAXREPEAT): "*", (1, code.MAXREPEAT): "+", (0, 1): "?"}
        counted = f"{{{least},{'' if most is code.MAXREPEAT else most}}}"
        return f"({self.sequence(inner)}){marks.get((least, most), counted)}"

    def letter(self, number: int) -> str:
        letter = chr(number)
        if self.ignore_case and letter.swapcase() != letter:
            if not letter.isascii() or letter in "kKsS":
                # K and s have relatives outside ASCII (the Kelvin sign, the long s), which folding knows.
                return f"[{self.ranged(number, number)}]"
            return f"[{letter.lower()}{letter.upper()}]"
        return _plain(letter)

    def ranged(self, low: int, high: int) -> str:
        """A range of a set; without case every letter in it in both forms."""
        if not self.ignore_case:
            return _plain(chr(low)) if low == high else f"{_plain(chr(low))}-{_plain(chr(high))}"
        found = f"{_plain(chr(low))}-{_plain(chr(high))}" if low != high else _plain(chr(low))
        others = {other for number in range(low, min(high, 0x250) + 1) for other in _forms(chr(number))}
        if high >= 0x80 and low != high:
            raise _refused(self.regex, "a range of letters beyond ASCII without case")
        if low == high and low >= 0x80 and chr(low).isalpha() and len(_forms(chr(low))) != 2:
            raise _refused(self.regex, "a letter whose case is not simple")
        outside = sorted(other for other in others if not low <= ord(other) <= high)
        return found + "".join(_plain(other) for other in outside)

    def set(self, items: Sequence[Any]) -> str:
        negated = bool(items) and items[0][0] is code.NEGATE
        parts = []
        for operator, argument in items[int(negated) :]:
            if operator is code.LITERAL:
                parts.append(self.ranged(argument, argument))
            elif operator is code.RANGE:
                parts.append(self.ranged(*argument))
            elif operator is code.CATEGORY and argument in _CLASSES:
                parts.append(_CLASSES[argument])
            elif operator is code.CATEGORY and len(items) == 1:
                return f"[^{_CLASSES[_NOT_CLASSES[argument]]}]"
            else:
                raise _refused(self.regex, "Lucene has no form for one of its sets")
        return f"[{'^' if negated else ''}{''.join(parts)}]"


_STARTS = ((code.AT, code.AT_BEGINNING), (code.AT, code.AT_BEGINNING_STRING))
_ENDS = ((code.AT, code.AT_END), (code.AT, code.AT_END_STRING))
_FOLDED = {"k": "\u212a", "s": "\u017f"}


def _forms(letter: str) -> set[str]:
    """The letter in both cases, and the relatives that simple folding gives k and s."""
    forms = {form for form in (letter, letter.lower(), letter.upper()) if len(form) == 1}
    relative = _FOLDED.get(letter.lower())
    return forms | ({relative} if relative else set())


def _plain(letter: str) -> str:
    return letter if letter.isalnum() or letter in "_ \n\t\r" or not letter.isascii() else f"\\{letter}"
