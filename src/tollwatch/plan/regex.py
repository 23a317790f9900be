r"""Regular expressions: RE2 where RE2 can express them, else Python's backtracking engine held to RE2's meaning.

RE2's meaning: ``\d``, ``\w``, ``\s`` and ``\b`` are ASCII, ``$`` without ``m`` is the very end of the text, ``.``
without ``s`` does not match a newline, ``i`` is Unicode's simple case folding. What only Python's engine can run
(look-around, back references, possessive quantifiers, more than 1,000 repetitions) has the same meaning, but that
``i`` folds ASCII letters only; such a pattern can take exponential time on hostile text.
"""

from __future__ import annotations

import re
import warnings

from tollwatch.plan.nodes import Regex


def is_portable(regex: Regex) -> bool:
    """Whether RE2 can run it: in linear time, and as every SIEM with an RE2-like engine does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), re2_text(regex))
    except pa.ArrowInvalid:
        return False
    return True


def re2_text(regex: Regex) -> str:
    """The pattern with its flags in front, as RE2 reads it."""
    flags = [("i", regex.ignore_case), ("m", regex.multiline), ("s", regex.dotall)]
    chosen = "".join(letter for letter, on in flags if on)
    return f"(?{chosen}){regex.pattern}" if chosen else regex.pattern


def python_pattern(regex: Regex) -> re.Pattern[str]:
    """The pattern for Python's engine. Raises ``re.error`` (or OverflowError) where Python cannot read it either."""
    flags = re.ASCII
    flags |= re.IGNORECASE if regex.ignore_case else re.NOFLAG
    flags |= re.MULTILINE if regex.multiline else re.NOFLAG
    flags |= re.DOTALL if regex.dotall else re.NOFLAG
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of a bracket inside a set, which may change its meaning
        compiled = re.compile(regex.pattern, flags)
        return compiled if compiled.flags & re.MULTILINE else re.compile(strict_end(regex.pattern, r"\Z"), flags)


def finds_nothing(regex: Regex) -> bool:
    """Whether the pattern is found in an empty text, so that a language without null must tell the two apart."""
    return python_pattern(regex).search("") is not None


_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$|[^\\$\[]+|.", re.DOTALL)


def strict_end(pattern: str, end: str) -> str:
    r"""``$`` as the mark of the very end (``\Z`` in Python, ``\z`` in PCRE).

    Theirs matches before a last newline too, and RE2's does not.
    """
    return "".join(end if part == "$" else part for part in _PART.findall(pattern))


def fault(regex: Regex) -> str | None:
    """None where one of the two engines can read the pattern, else what is wrong with it."""
    if is_portable(regex):
        return None
    try:
        python_pattern(regex)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error) or "nested too deeply"
    return None
