"""Sigma files as documents of plain values, read quickly and safely, with a way back to every line and column.

libyaml composes the nodes of a file and they are turned into plain values at once; nothing remembers positions. Only
where a mistake must be shown is the document composed a second time and the place looked up by its path of keys.

Limits, each a diagnostic: a file of at most ``SIZE_LIMIT`` bytes, documents of at most ``DEPTH_LIMIT`` levels and
``NODE_LIMIT`` values with aliases expanded. What is broken costs its own document, never its neighbours.

Plain scalars are read as YAML 1.1 has them, as every other Sigma tool does, with these exceptions: times and
base-60 numbers stay texts (``10:00:00`` is no 36000), an integer that a float cannot hold stays a text (pySigma would
round it), and an octal number (``0401``) is refused, because YAML 1.1, YAML 1.2 and its author read it differently.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import yaml

from tollwatch.errors import TollwatchError
from tollwatch.sigma.places import Mark, Place, Source, offset_of, place

SIZE_LIMIT = 1 << 20  # 1 MiB: the largest of all public rules has 0.3 MB, and this much is still parsed in a second
DEPTH_LIMIT = 50  # the deepest public rule has 6 levels
NODE_LIMIT = 100_000
FLAW_LIMIT = 60  # flaws kept of one document, a few more than are told of
BROKEN_LIMIT = 20  # broken documents told of in one file; each costs reading the rest of the file again

_TAG = "tag:yaml.org,2002:"
_STRING, _INT, _FLOAT, _BOOL, _NULL = (_TAG + name for name in ("str", "int", "float", "bool", "null"))
_TIMESTAMP, _MERGE, _VALUE = (_TAG + name for name in ("timestamp", "merge", "value"))
_TEXTS = frozenset({_STRING, _TIMESTAMP, _VALUE})
_TRUE = frozenset({"yes", "true", "on"})
_FALSE = frozenset({"no", "false", "off"})
_EXACT_IN_FLOAT = 2**53

_UNREADABLE = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
_DOCUMENT_START = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_LINE_TEXT = re.compile(r"[^\n\r\x85\u2028\u2029]+")
_RUN = re.compile(r"[ \t\-?:]{100}")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with the YAML itself; the place is in the file."""

    code: str
    message: str
    place: Place
    hint: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One document of a file as plain values; ``segment`` and ``ordinal`` find it again in its source.

    ``value`` consists of dict (keys are texts, as written), list, str, int, bool and None, with float or, where the
    document is a correlation, Decimal for fractions. ``flaws`` make it unusable.
    """

    source: Source
    segment: int
    ordinal: int
    start: Place
    value: object
    flaws: tuple[Flaw, ...] = ()


class _RefusedError(TollwatchError):
    """The document cannot be read; carries why and where."""

    def __init__(self, code: str, message: str, mark: Mark | None, hint: str | None = None) -> None:
        super().__init__(message)
        self.flaw = Flaw(code, message, place(mark), hint)


def read_documents(source: Source) -> Iterator[Document | Flaw]:
    """The documents of a file that are not empty, and what stops others from being read, in file order."""
    flaw = _blank_unreadable(source)
    if flaw is not None:
        yield flaw
    whole = source.segments[-1]
    begin = 0
    for _ in range(BROKEN_LIMIT):
        broken = yield from _read_segment(source, len(source.segments) - 1)
        if broken is None:
            return
        yield broken
        start = _next_document(whole, broken.place, begin)
        if start is None:
            return
        begin = start
        source.segments.append(_LINE_TEXT.sub("", whole[:begin]) + whole[begin:])
    yield Flaw("SIG003", f"more than {BROKEN_LIMIT} documents are broken; the rest of the file is not read", Place())


def _read_segment(source: Source, segment: int) -> Generator[Document, None, Flaw | None]:
    """The documents up to the end or the first broken one, which is returned."""
    deep = _first_deep_document(source.segments[segment])
    if deep is not None:
        source.segments[segment] = source.segments[segment][: deep.before]
    text = source.segments[segment]
    try:
        loader = yaml.CSafeLoader(text)
        ordinal = 0
        while (node := loader.get_node() if loader.check_node() else None) is not None:
            document = _document(source, segment, ordinal, node, aliases="&" in text)
            ordinal += 1
            if document.value is not None or document.flaws:
                yield document
    except yaml.MarkedYAMLError as error:
        at = place(error.problem_mark or error.context_mark)
        return Flaw("SIG003", _broken(error), at, _broken_hint(error, source.line_text(at.line) or "", at.column))
    except yaml.YAMLError as error:
        return Flaw("SIG003", f"broken YAML: {error}", Place())
    return None if deep is None else deep.flaw


def _document(source: Source, segment: int, ordinal: int, node: yaml.Node, *, aliases: bool) -> Document:
    start = place(node.start_mark)
    reader = _Values(exact=_has_key(node, "correlation"))
    try:
        if aliases:
            _Measure().of(node)
        value = reader.of(node, 0)
    except _RefusedError as error:
        return Document(source, segment, ordinal, start, None, (error.flaw,))
    return Document(source, segment, ordinal, start, value, tuple(reader.flaws))


def _has_key(node: yaml.Node, key: str) -> bool:
    return isinstance(node, yaml.MappingNode) and any(name.value == key for name, _ in node.value)


# ---------------------------------------------------------------- what libyaml must not be given


def _blank_unreadable(source: Source) -> Flaw | None:
    """Empty the document that holds the first character YAML does not allow, and tell of it."""
    text = source.segments[-1]
    found = _UNREADABLE.search(text)
    if found is None:
        return None
    starts = [match.start() for match in _DOCUMENT_START.finditer(text)]
    before = max((start for start in starts if start <= found.start()), default=0)
    after = min((start for start in starts if start > found.start()), default=len(text))
    rest = text[after:]
    if _UNREADABLE.search(rest) is not None:  # a binary file: one diagnostic tells all there is to tell
        rest = ""
    source.segments[-1] = text[:before] + _LINE_TEXT.sub("", text[before:after]) + rest
    message = f"the character U+{ord(found.group()):04X} is not allowed in YAML"
    return Flaw("SIG002", message, source.place_of(found.start()), "is this a text file, saved as UTF-8?")


@dataclass(frozen=True, slots=True)
class _Deep:
    """A document that is nested too deep, and where it starts: what is before may be composed."""

    flaw: Flaw
    before: int


def _first_deep_document(text: str) -> _Deep | None:
    """Where nesting goes beyond the limit, found before libyaml's recursive composer meets it.

    A block collection needs an own column of indentation or an indicator in front (`- - -`), a flow collection an own
    bracket, so a text with few of either nests little, and only others are looked at event by event.
    """
    if text.count("[") + text.count("{") <= DEPTH_LIMIT and _RUN.search(text) is None:
        return None
    depth, start = 0, Place()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                start = place(event.start_mark)
            elif isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEPTH_LIMIT:
                    return _Deep(_too_deep(event.start_mark).flaw, offset_of(text, start.line))
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:  # the composer stops at the same place and tells of it
        return None
    return None


def _too_deep(mark: Mark | None) -> _RefusedError:
    return _RefusedError("SIG004", f"nested more than {DEPTH_LIMIT} levels deep", mark)


def _next_document(text: str, broken: Place, begin: int) -> int | None:
    """Where the next document after the broken one starts: its ``---``, which may be what libyaml stumbled over."""
    line = broken.line if broken.column == 1 else broken.line + 1
    found = _DOCUMENT_START.search(text, max(offset_of(text, line), begin + 1))
    return None if found is None or not broken.line else found.start()


def _broken(error: yaml.MarkedYAMLError) -> str:
    context = f" {error.context}" if error.context else ""
    where = f" that began in line {error.context_mark.line + 1}" if error.context and error.context_mark else ""
    return f"broken YAML: {error.problem or 'cannot be parsed'}{context}{where}"


def _broken_hint(error: yaml.MarkedYAMLError, line: str, column: int) -> str | None:
    problem = error.problem or ""
    if "undefined alias" in problem or "alphabetic or numeric" in problem:
        return "a value that starts with * or & must stand in quotes"
    if "mapping values are not allowed" in problem:
        return "a value that contains ': ' must stand in quotes; or is the indentation wrong?"
    if "cannot start any token" in problem:
        tab = line[column - 1 : column] == "\t"
        return "indent with spaces, not with tabs" if tab else "a value that starts with this character needs quotes"
    return None


# ---------------------------------------------------------------- nodes → plain values


@dataclass(slots=True)
class _Measure:
    """Raises where a document's aliases make it recursive, too large or too deep.

    An anchor stands before its aliases, so walking in document order meets it first and the memo holds its size: the
    walk never goes deeper than the text is indented, and never visits a node twice.
    """

    sizes: dict[int, tuple[int, int] | None] = field(default_factory=dict)

    def of(self, node: yaml.Node) -> tuple[int, int]:
        """(number of values, levels), aliases expanded."""
        if isinstance(node, yaml.ScalarNode):
            return 1, 0
        if id(node) in self.sizes:
            known = self.sizes[id(node)]
            if known is None:
                raise _RefusedError("SIG004", "an alias refers to what contains it", node.start_mark)
            return known
        self.sizes[id(node)] = None
        size, depth = 1, 0
        for child in node.value:
            for part in child if isinstance(child, tuple) else (child,):
                more, below = self.of(part)
                size, depth = size + more, max(depth, below + 1)
        if size > NODE_LIMIT:
            raise _RefusedError("SIG004", f"more than {NODE_LIMIT:,} values, aliases expanded", node.start_mark)
        if depth > DEPTH_LIMIT:
            raise _too_deep(node.start_mark)
        self.sizes[id(node)] = size, depth
        return size, depth


@dataclass(slots=True)
class _Values:
    """Plain values of nodes. ``exact``: fractions become Decimal, with all digits of the text."""

    exact: bool
    flaws: list[Flaw] = field(default_factory=list)

    def of(self, node: yaml.Node, depth: int) -> object:
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.tag == _STRING else self._scalar(node)
        if depth >= DEPTH_LIMIT:
            raise _too_deep(node.start_mark)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, depth + 1)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.of(item, depth + 1) for item in node.value]
        self._flaw("SIG004", f"the tag {_short(node.tag)} is not supported", node)
        return None

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._flaw("SIG004", "a key must be a single text", key)
            elif key.tag == _MERGE:
                self._flaw("SIG004", "merge keys (<<) are not supported", key, "write the keys out")
            elif key.value in found and len(self.flaws) < FLAW_LIMIT:
                first = next(name for name, _ in node.value if name.value == key.value)
                line = first.start_mark.line + 1
                self._flaw("SIG005", f"the key {key.value!r} is already in line {line}", key, "merge the two")
            elif key.value not in found:
                found[key.value] = self.of(value, depth)
        return found

    def _scalar(self, node: yaml.ScalarNode) -> object:
        text: str = node.value
        match node.tag:
            case tag if tag in _TEXTS or tag == _MERGE:
                return text
            case tag if tag == _NULL:
                return None
            case tag if tag == _BOOL and text.lower() in _TRUE | _FALSE:
                return text.lower() in _TRUE
            case tag if tag in {_INT, _FLOAT}:
                return self._number(node, text)
        self._flaw("SIG004", f"the tag {_short(node.tag)} is not supported here", node)
        return None

    def _number(self, node: yaml.ScalarNode, text: str) -> object:
        if _BASE_60.fullmatch(text):
            return text
        if _OCTAL.fullmatch(text):
            hint = "put it in quotes, or leave out the zero"
            self._flaw("SIG006", f"{text} is an octal number to some readers and a decimal to others", node, hint)
            return None
        digits = text.replace("_", "")
        try:
            if node.tag == _INT:
                number = int(digits, 0)
                return number if abs(number) <= _EXACT_IN_FLOAT else text
            plain = digits.lower().replace(".inf", "inf").replace(".nan", "nan")
            return Decimal(plain) if self.exact else float(plain)
        except (ValueError, ArithmeticError):  # `!!int x`, or thousands of digits
            self._flaw("SIG004", f"{text[:40]} is not a number", node)
            return None

    def _flaw(self, code: str, message: str, node: yaml.Node, hint: str | None = None) -> None:
        if len(self.flaws) < FLAW_LIMIT:
            self.flaws.append(Flaw(code, message, place(node.start_mark), hint))


def _short(tag: str) -> str:
    return tag.replace(_TAG, "!!")
