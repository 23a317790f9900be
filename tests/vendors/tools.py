"""Where the vendors' parsers are installed, and what happens where one is not.

They stand in the folder that TOLLWATCH_VENDOR_TOOLS names, else in ``.vendor-tools`` at the repository's root. A test
whose parser is missing is skipped; where the variable is set somebody meant to have it, and the test fails.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest

VARIABLE = "TOLLWATCH_VENDOR_TOOLS"
HERE = Path(__file__).parent


def tools_folder() -> Path:
    """The folder in which .ci/vendors installed the parsers and engines; it need not exist."""
    return Path(os.environ.get(VARIABLE) or HERE.parents[1] / ".vendor-tools").resolve()


def absent(what: str) -> NoReturn:
    """End the running test: skipped, or failed where TOLLWATCH_VENDOR_TOOLS is set."""
    reason = f"{what} is not installed: .ci/vendors installs it"
    if os.environ.get(VARIABLE):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def python_parser(module: str) -> Any:
    """The module of that name, from the Python environment in use. Ends the test where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A parser that is installed, but lacks a package itself, is broken and not absent.
        if error.name != module:
            raise
        absent(f"the Python package {module}")


class Answering:
    """A command that answers each line of JSON on its input with one line of JSON, until its input ends."""

    def __init__(self, *command: str | Path) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def ask(self, question: Mapping[str, Any]) -> Any:
        """The command's answer to ``question``.

        Raises:
            ValueError: it refused the question, for instance a column type that it does not know.
            RuntimeError: it has ended; its own message stands on stderr.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise RuntimeError("the command has ended") from error
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the command has ended")
        answer = json.loads(line)
        if "refused" in answer:
            raise ValueError(answer["refused"])
        return answer["answer"]

    def close(self) -> None:
        """End the process, which ends by itself when its input does."""
        self._process.communicate()


@cache  # a parser takes up to half a second to load: one process serves all tests of a session
def _started(*command: str | Path) -> Answering:
    parser = Answering(*command)
    atexit.register(parser.close)
    return parser


def node_parser(script: str, package: str) -> Answering:
    """The running script of that name beside this file. Ends the test where Node or the npm package is missing."""
    node, folder = shutil.which("node"), tools_folder()
    if node is None:
        absent("Node")
    if not (folder / "node_modules" / package / "package.json").is_file():
        absent(f"the npm package {package}")
    return _started(node, HERE / script, folder)


def java_engine(source: str, jars: str) -> Answering:
    """The running Java program of that name beside this file. Ends the test where Java or its libraries are missing."""
    java, folder = shutil.which("java"), tools_folder() / jars
    if java is None:
        absent("Java")
    if not any(folder.glob("*.jar")):
        absent(f"the Java library {jars}")
    return _started(java, "-Xmx512m", "-cp", f"{folder}/*", HERE / source)
