"""The command ``rules``: assembles the commands, and turns what goes wrong into a message and an exit code.

Exit codes: 0 fine; 1 findings; 2 a rule that cannot be read or compiled; 3 wrong use or configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tollwatch.cli import (
    check,
    compile_rules,
    explain,
    init,
    list_rules,
    new,
    profiles,
    query,
    render,
    run,
    run_cases,
    schema,
)
from tollwatch.errors import ConfigurationError, DiagnosticsError, RuleError, TollwatchError, UsageError

FINDINGS, BAD_RULE, WRONG_USE, INTERRUPTED = 1, 2, 3, 130

# Typer carries its own copy of click, or uses click itself, by its version: its own names lead to the right classes.
_PARSING_ERROR: type[BaseException] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="rules",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from tollwatch import __version__

        render.out(f"tollwatch {__version__}")
        raise typer.Exit


@app.callback()
def rules(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Detection-as-code for the abuse of AI APIs: write Sigma rules, test them with cases, run them on logs."""


app.command("init")(init.init)
app.command("new")(new.new)
app.command("list")(list_rules.list_rules)
app.command("check")(check.check)
app.command("test")(run_cases.run_cases)
app.command("compile")(compile_rules.compile_rules)
app.command("run")(run.run)
app.command("query")(query.query)
app.command("explain")(explain.explain)
app.command("schema")(schema.schema)
app.add_typer(profiles.app, name="profile")


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    command = typer.main.get_command(app)
    try:
        return int(command.main(args=list(arguments), prog_name="rules", standalone_mode=False) or 0)
    except ConfigurationError as error:
        render.diagnostics(error.diagnostics)
        return WRONG_USE
    except RuleError as error:
        render.diagnostics(error.diagnostics)
        return BAD_RULE
    except DiagnosticsError as error:
        render.diagnostics(error.diagnostics)
        return FINDINGS
    except UsageError as error:
        render.problem(str(error), error.hint)
        return WRONG_USE
    except TollwatchError as error:
        render.problem(str(error), None)
        return FINDINGS
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.Abort:
        return INTERRUPTED
    except _PARSING_ERROR as error:
        render.wrong_use(error)
        return WRONG_USE


def main() -> None:
    """The entry point of the command ``rules``."""
    try:
        code = invoke(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    main()
