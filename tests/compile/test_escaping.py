"""A rule's text cannot break out of its place in a query: read back from the query's literal, it is what it was."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from reference.canonical import plan_of
from tollwatch.compile.model import Mode, Options, Query
from tollwatch.compile.registry import compile_node, language
from tollwatch.logs.profile import load_profile

VALUES = [
    'a"b', "a'b", "a\\b", "a\\", '\\"', "a|b", "a[b]c", "a\nb", "a\r\nb", "a\tb", "//a", "/*a*/b", "```a", "#a", "--a",
    "$(a)", "${a}", "$a$", "`a`", "a;b", "a{b}", "(a)", "a,b", "%a", "a&b<c>d", "é", "日本", "\U0001f600", "a\u2028b",
    "a\x00b",    "a\x1fb", '"""', "' or 1=1 --", '" | delete', "@a", "~a", "^a$", "a.b+c", "a=b", "a:b", "a/b",
    "a\u202eb",
]  # fmt: skip
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def compiled(target: str, value: str, title: str) -> Query:
    """A rule that compares a field with the value, with case; what Sigma reads as a wildcard is escaped."""
    rule: dict[str, Any] = {
        "title": title,
        "logsource": {"category": "ai_api", "service": "gateway"},
        "detection": {"selection": {"user_id|cased": re.sub(r"([\\*?])", r"\\\1", value)}, "condition": "selection"},
    }
    (node,) = plan_of([rule]).detections
    return compile_node(node, language(target), load_profile("canonical"), Options(Mode.HUNT))


def line_with(query: Query, start: str) -> str:
    """What follows the start in the query: the comment is before it."""
    text = query.text or ""
    return text[text.index(start) + len(start) :]


def kusto(query: Query) -> str:
    return str(json.loads(first(line_with(query, "| where user_id == "))))


def esql(query: Query) -> str:
    return unescaped(first(line_with(query, "| WHERE user_id == ")))


def eql(query: Query) -> str:
    return unescaped(first(line_with(query, "any where user_id == ")))


def kuery(query: Query) -> str:
    return unescaped(first(line_with(query, "user_id: ")))


def lucene(query: Query) -> str:
    return re.sub(r"\\(.)", r"\1", first(line_with(query, "user_id:"))[1:-1], flags=re.DOTALL)


def logql(query: Query) -> str:
    return str(json.loads(first(line_with(query, "| user_id = "))))


def splunk(query: Query) -> str:
    rest = line_with(query, "| where ")
    if rest.startswith("user_id="):
        return first(rest[len("user_id=") :])[1:-1]
    found = re.match(r'match\(user_id, "\(\?s\)\^(.*)\\z"\)\n', rest)
    assert found is not None, rest
    codes = re.compile(r"\\x\{([0-9a-f]+)\}|\\x([0-9a-f]{2})")
    assert not set(codes.sub("", found[1])) & set('"\\`|[]$\n')
    return codes.sub(lambda code: chr(int(code[1] or code[2], 16)), found[1])


def first(text: str) -> str:
    """The literal at the beginning, which must be the whole of the line."""
    found = TEXT.match(text)
    assert found is not None, text
    assert text[found.end() :].startswith("\n"), text
    return found[0]


def unescaped(literal: str) -> str:
    letters = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\(.)", lambda found: letters.get(found[1], found[1]), literal[1:-1], flags=re.DOTALL)


READERS: dict[str, Callable[[Query], str]] = {
    "spl": splunk, "kql": kusto, "esql": esql, "eql": eql, "kuery": kuery, "lucene": lucene, "logql": logql,
}  # fmt: skip


@pytest.mark.parametrize("target", READERS)
@pytest.mark.parametrize("value", VALUES)
def test_a_value_stays_in_its_literal(target: str, value: str) -> None:
    assert READERS[target](compiled(target, value, "one")) == value


@pytest.mark.parametrize("target", [name for name in READERS if name not in ("kuery", "lucene")])
@pytest.mark.parametrize("title", [value for value in VALUES if value.strip("\x00\x1f")])
def test_a_title_stays_in_its_comment(target: str, title: str) -> None:
    """The query without its comment is that of any other title."""
    assert body(target, compiled(target, "v", title)) == body(target, compiled(target, "v", "one"))


def body(target: str, query: Query) -> str:
    text = query.text or ""
    if target == "spl":
        comment, _, rest = text.removeprefix("```").partition("```")
        assert "made by tollwatch" in comment
        return rest
    mark = "#" if target == "logql" else "//"
    return "\n".join(line for line in text.split("\n") if not line.startswith(mark))
