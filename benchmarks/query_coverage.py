"""How much of public detection content the engines can read: the share of queries, and what is missing most.

    python benchmarks/query_coverage.py FOLDER [FOLDER …] [--queries LANGUAGE] [--missing N]

A folder is a checkout of a repository of detections. Queries are taken from Splunk's YAML (``search``, with the
macros beside them), Elastic's TOML (``language = "esql"``, hunting queries), Sentinel's YAML and Markdown (``query``,
fenced blocks of KQL), and plain .spl, .kql and .esql files. Nothing is executed. docs/engines.md keeps the tables.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tollwatch.query.engines import check
from tollwatch.query.errors import QueryError

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FENCE = re.compile(r"^```+\s*(kql|kusto|spl|esql)[^\n]*\n(.*?)^```", re.IGNORECASE | re.MULTILINE | re.DOTALL)
LANGUAGES = {"kusto": "kql"}


def queries(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """(language, text, file) of every query below the folder."""
    for path in sorted(folder.rglob("*")):
        match path.suffix.lower():
            case ".spl" | ".esql":
                yield path.suffix[1:].lower(), path.read_text("utf-8", "replace"), path
            case ".kql":
                yield from (("kql", text, path) for text in apart(path.read_text("utf-8", "replace")))
            case ".md":
                for language, text in FENCE.findall(path.read_text("utf-8", "replace")):
                    yield LANGUAGES.get(language.lower(), language.lower()), text, path
            case ".yml" | ".yaml":
                yield from from_yaml(path)
            case ".toml":
                yield from from_toml(path)


def apart(text: str) -> list[str]:
    """The queries of a Kusto file, which its tools tell apart by blank lines where none goes on."""
    found: list[str] = []
    for block in re.split(r"\n[ \t]*\r?\n", text):
        code = "\n".join(line for line in block.splitlines() if line.strip() and not line.strip().startswith("//"))
        before = re.sub(r"//[^\n]*", "", found[-1]).rstrip() if found else ""
        if not found or not code or not before or before[-1:] in ";|,([{=" or re.match(r"[|)\]},]", code.strip()):
            found[-1:] = [f"{found[-1]}\n\n{block}" if found else block]
        else:
            found.append(block)
    return [one for one in found if re.sub(r"//[^\n]*", "", one).strip()]


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """The records in a YAML file; none in one that is broken."""
    try:
        found = list(yaml.load_all(path.read_text("utf-8", "replace"), Loader))
    except yaml.YAMLError:
        return
    yield from (one for one in found if isinstance(one, dict))


def from_yaml(path: Path) -> Iterator[tuple[str, str, Path]]:
    """Of Splunk's and Sentinel's detections."""
    for one in documents(path):
        if isinstance(one.get("search"), str) and "detections" in path.parts:
            yield "spl", one["search"], path
        if isinstance(one.get("query"), str) and ("tactics" in one or "queryFrequency" in one):
            yield "kql", one["query"], path


def from_toml(path: Path) -> Iterator[tuple[str, str, Path]]:
    """Of Elastic's rules and hunts."""
    try:
        found = tomllib.loads(path.read_text("utf-8", "replace"))
    except tomllib.TOMLDecodeError:
        return
    rule = found.get("rule", {})
    if rule.get("language") == "esql":
        yield "esql", rule["query"], path
    for text in found.get("hunt", {}).get("query", []):
        if re.match(r"\s*(//[^\n]*\n\s*)*(from|row)\b", text, re.IGNORECASE):
            yield "esql", text, path


def macros(folder: Path) -> dict[str, str]:
    """Splunk's macros: signature → definition. One of the CIM add-on's, which the content uses, is added."""
    found = {"drop_dm_object_name(object)": "rename $object$.* as *"}
    for path in sorted(folder.rglob("macros/*.yml")):
        for one in documents(path):
            arguments = one.get("arguments") or []
            name = one["name"].split("(")[0]
            found[f"{name}({', '.join(arguments)})" if arguments else name] = str(one.get("definition", ""))
    return found


def outcome(language: str, text: str, known: Mapping[str, str]) -> str | None:
    """None where the query can be read, else what is missing.

    Each detection's own filter macro lets everything through until a site fills it, and is made with the content.
    """
    filters = dict.fromkeys(re.findall(r"`(\w+_filter)`", text), "search *")
    try:
        check(language, text, {**known, **filters})
    except QueryError as error:
        return re.sub(r" \(near it: .*", "", error.message)
    return None


def main() -> None:
    """Prints a table for each language."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--queries", help="print the place of every query of this language that cannot be read")
    parser.add_argument("--missing", type=int, default=20, help="how many missing constructs to print")
    arguments = parser.parse_args()
    found: dict[str, list[tuple[Path, str | None]]] = {}
    for folder in arguments.folders:
        known = macros(folder)
        for language, text, path in queries(folder):
            found.setdefault(language, []).append((path, outcome(language, text, known)))
    for language, outcomes in sorted(found.items()):
        lost = [(path, why) for path, why in outcomes if why is not None]
        read = len(outcomes) - len(lost)
        print(f"\n{language}: {read} of {len(outcomes)} queries ({100 * read / len(outcomes):.1f} %)")
        for why, count in Counter(why for _, why in lost).most_common(arguments.missing):
            print(f"{count:>6}  {why}")
        if language == arguments.queries:
            for path, why in lost:
                print(f"{path}: {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
