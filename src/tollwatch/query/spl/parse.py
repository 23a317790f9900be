"""A search's text as a pipeline: split.py takes it apart, grammar.lark reads each command, this makes the stages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Token, UnexpectedInput

from tollwatch.query.entries import found as found_entry
from tollwatch.query.errors import QueryError
from tollwatch.query.reading import Tree, ends_there
from tollwatch.query.spl import syntax
from tollwatch.query.spl.aggregates import AGGREGATES
from tollwatch.query.spl.functions import FUNCTIONS, SPECIAL
from tollwatch.query.spl.split import Command, Text, commands, split, subsearches
from tollwatch.query.spl.values import unquoted
from tollwatch.query.syntax import Call, Expression, Literal, Name, Place
from tollwatch.query.table import Type

_STARTS = [
    "searching", "condition", "assignments", "measuring", "tstats", "spans", "fields", "renames", "sorting", "binning",
    "optioned", "patterned",
]  # fmt: skip
_PERCENT = re.compile(r"(perc|p|exactperc|upperperc)(\d+(?:\.\d+)?)")
_TRUE = ("t", "true", "1", "y", "yes")


def parse(text: str, macros: Mapping[str, str] | None = None) -> syntax.Pipeline:
    """The search. ``macros``: definitions by signature, ``name`` or ``name(first, second)``.

    Raises:
        QueryError: what is no SPL, or a construct that the engine lacks.
    """
    return _parsed(text, tuple(sorted((macros or {}).items())))


@lru_cache(256)
def _parsed(text: str, macros: tuple[tuple[str, str], ...]) -> syntax.Pipeline:
    return _pipeline(commands(text, dict(macros)))


@cache
def _parser() -> Lark:
    grammar = (resources.files("tollwatch.query.spl") / "grammar.lark").read_text("utf-8")
    return Lark(grammar, start=_STARTS, parser="lalr", propagate_positions=True, maybe_placeholders=True)


def _pipeline(found: Iterable[Command]) -> syntax.Pipeline:
    parts = list(found)
    if not parts:
        raise QueryError("there is no search here", 1, 1)
    return syntax.Pipeline(tuple(_stage(one) for one in parts), parts[0].name in _GENERATING)


def _stage(command: Command) -> syntax.Stage:
    if command.name not in COMMANDS:
        raise QueryError(f"the command {command.name} is not known", *command.place)
    return COMMANDS[command.name](_Reader(command.arguments, command.place))


class _Reader:
    """Reads the arguments of one command."""

    def __init__(self, arguments: Text, place: Place) -> None:
        self.arguments = arguments
        self.command = place

    def read(self, start: str) -> Tree:
        """The arguments' tree, by a rule of the grammar."""
        try:
            return _parser().parse(self.arguments.text, start=start)
        except UnexpectedInput as error:
            at = error.pos_in_stream or 0
            if ends_there(error) or at < 0:
                raise self.arguments.failed(max(len(self.arguments.text.rstrip()) - 1, 0), "ends too early") from None
            rest = self.arguments.text[at:].split("\n", 1)[0][:30]
            raise self.arguments.failed(at, f"cannot be read here: {rest!r}") from None

    def place(self, tree: Any) -> Place:
        at = tree.start_pos if isinstance(tree, Token) else getattr(tree.meta, "start_pos", 0)
        return self.arguments.place(at or 0)

    def failed(self, message: str, tree: Any = None) -> QueryError:
        return QueryError(message, *(self.command if tree is None else self.place(tree)))

    # ------------------------------------------------------------ search terms

    def term(self, tree: Tree) -> syntax.Term:
        match tree.data:
            case "searching":
                items = tuple(self.term(one) for one in tree.children if one is not None)
                return items[0] if len(items) == 1 else syntax.All(items)
            case "any_of":
                return syntax.AnyOf(tuple(self.term(one) for one in tree.children))
            case "not_term":
                return syntax.Not(self.term(tree.children[0]))
            case "compared":
                field, sign, value = tree.children
                return self.compared(field, "=" if str(sign) == "==" else str(sign), value)
            case "one_of":
                field, *values = tree.children
                return syntax.AnyOf(tuple(self.compared(field, "=", value) for value in values))
            case _:
                token = tree.children[0]
                text = unquoted(str(token)) if token.type == "STRING" else str(token)
                return syntax.Phrase(text, tree.data == "exact_word", self.place(tree))

    def compared(self, field: Token, sign: str, value: Tree) -> syntax.Compared:
        quoted = value.data == "quoted_value"
        text = str(value.children[0])
        name = str(field).strip("\"'")
        return syntax.Compared(name, sign, unquoted(text) if quoted else text, quoted, self.place(field))

    # ------------------------------------------------------------ expressions

    def value(self, tree: Tree) -> Expression:
        place = self.place(tree)
        match tree.data:
            case "name":
                return Name(str(tree.children[0]), place)
            case "quoted_name":
                return Name(str(tree.children[0])[1:-1], place)
            case "number":
                return Literal(Type.REAL, float(str(tree.children[0])), place)
            case "string":
                return Literal(Type.STRING, unquoted(str(tree.children[0])), place)
            case "call":
                return self.call(tree, place)
            case "binary":
                left, sign, right = tree.children
                name = {"=": "=="}.get(str(sign), str(sign))
                return Call(name, (self.value(left), self.value(right)), self.place(sign))
            case "not_in":
                return Call("not", (self.named_call("in", tree, place),), place)
            case _:
                name = {"negative": "negate"}.get(tree.data, tree.data.rstrip("_"))
                return self.named_call(name, tree, place)

    def named_call(self, name: str, tree: Tree, place: Place) -> Call:
        return Call(name, tuple(self.value(one) for one in tree.children), place)

    def call(self, tree: Tree, place: Place) -> Call:
        function, *arguments = tree.children
        name = str(function).lower()
        if name not in SPECIAL:
            found_entry(FUNCTIONS, name, place)
        return Call(name, tuple(self.value(one) for one in arguments if one is not None), place)

    # ------------------------------------------------------------ parts

    def name(self, tree: Tree) -> str:
        text = str(tree.children[0])
        return text if tree.data == "name" else text[1:-1]

    def options(self, tree: Tree, known: Iterable[str]) -> dict[str, Any]:
        """The options by name; the value is a text, or a tree where it stands in parentheses."""
        found: dict[str, Any] = {}
        for one in tree.children:
            if not isinstance(one, Token) and one is not None and one.data == "option":
                name, (value,) = str(one.children[0]).lower(), one.children[1].children
                if name not in known:
                    raise self.failed(f"the option {name} is not known here", one)
                found[name] = str(value).strip('"') if isinstance(value, Token) else value
        return found

    def parts(self, tree: Tree, *kinds: str) -> list[Tree]:
        return [one for one in tree.children if not isinstance(one, Token) and one is not None and one.data in kinds]

    def fields(self, tree: Tree) -> tuple[str, ...]:
        return tuple(self.name(one) for one in self.parts(tree, "name", "quoted_name", "string_name"))

    def measures(self, tree: Tree) -> tuple[syntax.Measure, ...]:
        return tuple(self.measure(one) for one in self.parts(tree, "aggregate", "bare"))

    def measure(self, tree: Tree) -> syntax.Measure:
        place = self.place(tree)
        function, *rest = tree.children
        named = rest[-1] if rest else None
        of = rest[0] if tree.data == "aggregate" else None
        written = str(function)
        name, percent = written.lower(), None
        match = _PERCENT.fullmatch(name)
        if match is not None:
            name, percent = match[1], float(match[2])
            name = "perc" if name == "p" else name
        found_entry(AGGREGATES, name, place, "aggregate")
        value: Expression | None = None
        shown = ""
        if of is not None and of.data == "measured_value":
            value = self.value(of.children[0])
            shown = f"eval({self.arguments.text[of.children[0].meta.start_pos : of.children[0].meta.end_pos]})"
        elif of is not None:
            shown = self.name(of.children[0])
            value = Name(shown, place)
        if value is None and name not in ("count", "c"):
            raise QueryError(f"{written} wants a field", *place)
        given = f"{written}({shown})" if of is not None else written
        return syntax.Measure(given if named is None else self.name(named), name, percent, value, place)


# ---------------------------------------------------------------- commands


def _search(reader: _Reader) -> syntax.Search:
    return syntax.Search(reader.term(reader.read("searching")))


def _where(reader: _Reader) -> syntax.Stage:
    return syntax.Where(reader.value(reader.read("condition").children[0]))


def _eval(reader: _Reader) -> syntax.Stage:
    tree = reader.read("assignments")
    pairs = ((one.children[0].children[0], one.children[1]) for one in tree.children)
    return syntax.Eval(tuple((reader.name(target), reader.value(value)) for target, value in pairs))


def _stats(reader: _Reader) -> syntax.Stage:
    tree = reader.read("measuring")
    reader.options(tree, ("allnum", "delim", "partitions", "dedup_splitvals"))
    return syntax.Stats(reader.measures(tree), reader.fields(tree), keep=False)


def _eventstats(reader: _Reader) -> syntax.Stage:
    tree = reader.read("measuring")
    reader.options(tree, ())
    return syntax.Stats(reader.measures(tree), reader.fields(tree), keep=True)


def _streamstats(reader: _Reader) -> syntax.Stage:
    tree = reader.read("measuring")
    said = reader.options(tree, ("window", "current", "global", "reset_on_change", "reset_before", "reset_after"))
    before, after = (said.get(name) for name in ("reset_before", "reset_after"))
    return syntax.StreamStats(
        reader.measures(tree), reader.fields(tree), int(said.get("window", "0")),
        str(said.get("current", "t")).lower() in _TRUE, str(said.get("global", "t")).lower() in _TRUE,
        str(said.get("reset_on_change", "f")).lower() in _TRUE,
        None if before is None else reader.value(before), None if after is None else reader.value(after),
    )  # fmt: skip


_TSTATS_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|\b(where|by)\b', re.IGNORECASE)


def _tstats(reader: _Reader) -> syntax.Stage:
    head, where, by = _tstats_parts(reader.arguments)
    inner = _Reader(head, reader.command)
    tree = inner.read("tstats")
    inner.options(tree, ("summariesonly", "allow_old_summaries", "fillnull_value", "prestats", "chunk_size"))
    source = next((one for one in tree.children if isinstance(one, Token)), None)
    term = None if where is None else _search(_Reader(where, reader.command)).term
    spanned: list[tuple[str, str | None]] = []
    if by is not None:
        inner_by = _Reader(by, reader.command)
        spanned = [
            (inner_by.name(one.children[0]), inner_by.options(one, ("span",)).get("span"))
            for one in inner_by.read("spans").children
        ]
    stats = syntax.Stats(inner.measures(tree), tuple(name for name, _ in spanned), keep=False)
    spans = tuple((name, span) for name, span in spanned if span is not None)
    named = None if source is None else re.split(r"\s+|[=:]", str(source).replace('"', ""))[-1]
    return syntax.TStats(named, term, stats, spans, reader.command)


def _tstats_parts(arguments: Text) -> tuple[Text, Text | None, Text | None]:
    """What stands before WHERE, behind it, and behind BY; quotes are passed over."""
    marks = [(found[1].lower(), found) for found in _TSTATS_PARTS.finditer(arguments.text) if found[1]]
    where = next((found for word, found in marks if word == "where"), None)
    by = next((found for word, found in reversed(marks) if word == "by"), None)
    end = len(arguments.text)
    by_start = by.start() if by else end
    head = arguments[: where.start() if where else by_start]
    return head, arguments[where.end() : by_start] if where else None, arguments[by.end() :] if by else None


def _sort(reader: _Reader) -> syntax.Stage:
    limit, *orders = reader.read("sorting").children
    found = []
    for one in orders:
        sign, *how, field = one.children
        kind = str(how[0]).lower() if how else "auto"
        found.append((reader.name(field), sign is not None and str(sign) == "-", kind))
    if len(found) > 1 and found[-1][0].lower() in ("d", "desc"):
        found = [(name, not descending, how) for name, descending, how in found[:-1]]
    return syntax.Sort(tuple(found), 10_000 if limit is None else int(str(limit)))


def _fields(*, only: bool) -> Callable[[_Reader], syntax.Stage]:
    def read(reader: _Reader) -> syntax.Stage:
        tree = reader.read("fields")
        sign = tree.children[0]
        return syntax.Fields(reader.fields(tree), sign is not None and str(sign) == "-", only)

    return read


def _rename(reader: _Reader) -> syntax.Stage:
    pairs = (one.children for one in reader.read("renames").children)
    return syntax.Rename(tuple((reader.name(old), reader.name(new)) for old, new in pairs), reader.command)


def _fillnull(reader: _Reader) -> syntax.Stage:
    tree = reader.read("optioned")
    said = reader.options(tree, ("value",))
    return syntax.FillNull(reader.fields(tree), str(said.get("value", "0")), down=False)


def _filldown(reader: _Reader) -> syntax.Stage:
    return syntax.FillNull(reader.fields(reader.read("optioned")), "", down=True)


def _dedup(reader: _Reader) -> syntax.Stage:
    found = re.match(r"\s*(\d+)\s", reader.arguments.text)
    if found:
        reader.arguments = reader.arguments[found.end() :]
    tree = reader.read("optioned")
    said = reader.options(tree, ("consecutive", "keepempty"))
    flags = {name: str(said.get(name, "f")).lower() in _TRUE for name in ("consecutive", "keepempty")}
    names = reader.fields(tree)
    if not names or any(name.lower() == "sortby" for name in names):
        raise reader.failed("dedup without fields, and its sortby, are not known: sort before it")
    return syntax.Dedup(names, int(found[1]) if found else 1, flags["consecutive"], flags["keepempty"])


def _head(*, tail: bool) -> Callable[[_Reader], syntax.Stage]:
    def read(reader: _Reader) -> syntax.Stage:
        found = re.fullmatch(r"\s*(?:limit\s*=\s*)?(\d*)\s*", reader.arguments.text)
        if found is None:
            raise reader.failed("head and tail with more than a number are not known")
        return syntax.Head(int(found[1] or 10), tail)

    return read


def _bin(reader: _Reader) -> syntax.Stage:
    tree = reader.read("binning")
    said = reader.options(tree, ("span",))
    if "span" not in said:
        raise reader.failed("bin without a span is not known")
    names = reader.fields(tree)
    return syntax.Bin(names[0], names[-1], said["span"], reader.command)


def _regex(reader: _Reader) -> syntax.Stage:
    found = re.fullmatch(r'\s*(?:(\S+?)\s*(!?=)\s*)?("(?:[^"\\]|\\.)*")\s*', reader.arguments.text, re.DOTALL)
    if found is None:
        raise reader.failed('regex wants field="pattern"')
    pattern = found[3][1:-1].replace('\\"', '"')
    return syntax.Regex((found[1] or "_raw").strip("'\""), pattern, found[2] == "!=", reader.command)


def _rex(reader: _Reader) -> syntax.Stage:
    tree = reader.read("patterned")
    said = reader.options(tree, ("field", "max_match"))
    token = next((one for one in tree.children if isinstance(one, Token) and one.type == "STRING"), None)
    if token is None:
        raise reader.failed("rex wants a pattern")
    pattern = str(token)[1:-1].replace('\\"', '"')
    return syntax.Rex(str(said.get("field", "_raw")), pattern, int(said.get("max_match", 1)), reader.command)


def _mvexpand(reader: _Reader) -> syntax.Stage:
    tree = reader.read("optioned")
    return syntax.Expand(reader.fields(tree)[0], int(reader.options(tree, ("limit",)).get("limit", 0)))


def _makemv(reader: _Reader) -> syntax.Stage:
    tree = reader.read("optioned")
    said = reader.options(tree, ("delim",))
    return syntax.MakeMany(reader.fields(tree)[0], str(said.get("delim", " ")))


def _append(reader: _Reader) -> syntax.Stage:
    inner = subsearches(reader.arguments)
    if not inner:
        raise reader.failed("a search in brackets is expected here")
    return syntax.Append(tuple(_pipeline(_begun(one)) for one in inner))


def _begun(inner: Text) -> Iterable[Command]:
    """The commands of a subsearch; one that begins with a pipe makes its own rows."""
    blank = len(inner.text) - len(inner.text.lstrip())
    return [one for one in split(inner) if one.name or one.arguments.text.strip() or blank == len(inner.text)]


def _makeresults(reader: _Reader) -> syntax.Stage:
    return syntax.MakeResults(int(reader.options(reader.read("optioned"), ("count",)).get("count", 1)))


def _inputlookup(reader: _Reader) -> syntax.Stage:
    names = reader.fields(reader.read("optioned"))
    if len(names) != 1:
        raise reader.failed("inputlookup with more than a name is not known")
    return syntax.InputLookup(names[0], reader.command)


def _lookup(reader: _Reader) -> syntax.Stage:
    found = re.findall(r'"([^"]*)"|([^\s,"]+)', reader.arguments.text)
    table, *words = [quoted or plain for quoted, plain in found if not re.match(r"(local|update)=", plain)] or [""]
    at = next((number for number, word in enumerate(words) if word.upper() in ("OUTPUT", "OUTPUTNEW")), len(words))
    if not table or not words[:at]:
        raise reader.failed("lookup wants the name of a table and a field")
    fill = at < len(words) and words[at].upper() == "OUTPUTNEW"
    return syntax.Lookup(table, _renamed(words[:at]), _renamed(words[at + 1 :]), fill, reader.command)


def _renamed(words: list[str]) -> tuple[tuple[str, str], ...]:
    """``a AS b c`` as (a, b), (c, c)."""
    found: list[tuple[str, str]] = []
    rest = list(words)
    while rest:
        one = rest.pop(0)
        renamed = len(rest) > 1 and rest[0].lower() == "as"
        found.append((one, rest[1] if renamed else one))
        rest = rest[2:] if renamed else rest
    return tuple(found)


def _rank(*, rare: bool) -> Callable[[_Reader], syntax.Stage]:
    def read(reader: _Reader) -> syntax.Stage:
        found = re.match(r"\s*(\d+)\s", reader.arguments.text)
        if found:
            reader.arguments = reader.arguments[found.end() :]
        head, _, by = re.sub(r"\s+by\s+", "\0", reader.arguments.text, count=1, flags=re.IGNORECASE).partition("\0")
        reader.arguments = reader.arguments[: len(head)]
        tree = reader.read("optioned")
        limit = int(reader.options(tree, ("limit",)).get("limit") or (found[1] if found else 10))
        return syntax.Rank(reader.fields(tree), tuple(re.findall(r"[^\s,]+", by)), limit, rare)

    return read


def _convert(reader: _Reader) -> syntax.Stage:
    form = re.search(r'timeformat\s*=\s*"([^"]*)"', reader.arguments.text)
    found = re.findall(r"(\w+)\(\s*\"?([\w.*]+)\"?\s*\)(?:\s+as\s+([\w.]+))?", reader.arguments.text, re.IGNORECASE)
    rest = re.sub(r"timeformat\s*=\s*\"[^\"]*\"|(\w+)\([^)]*\)(?:\s+as\s+[\w.]+)?|[\s,]", "", reader.arguments.text,
                  flags=re.IGNORECASE)  # fmt: skip
    if rest or not found or any(name.lower() not in ("ctime", "num", "none") for name, _, _ in found):
        raise reader.failed("convert knows ctime(), num() and none() here")
    return syntax.Convert(
        tuple((name.lower(), field, new or field) for name, field, new in found),
        form[1] if form else "%m/%d/%Y %H:%M:%S", reader.command,
    )  # fmt: skip


_GENERATING = ("makeresults", "inputlookup", "tstats", "multisearch", "union")
COMMANDS: Mapping[str, Callable[[_Reader], syntax.Stage]] = {
    "": _search, "search": _search, "where": _where, "eval": _eval, "stats": _stats, "eventstats": _eventstats,
    "streamstats": _streamstats, "tstats": _tstats, "sort": _sort, "dedup": _dedup, "head": _head(tail=False),
    "tail": _head(tail=True), "reverse": lambda _reader: syntax.Reverse(), "fields": _fields(only=False),
    "table": _fields(only=True), "rename": _rename, "fillnull": _fillnull, "filldown": _filldown, "bin": _bin,
    "bucket": _bin, "regex": _regex, "rex": _rex, "mvexpand": _mvexpand, "makemv": _makemv, "append": _append,
    "multisearch": _append, "union": _append, "makeresults": _makeresults, "inputlookup": _inputlookup,
    "lookup": _lookup, "top": _rank(rare=False), "rare": _rank(rare=True), "convert": _convert,
}  # fmt: skip
