"""The subcommands of ``rotate``, and the options that all of them take."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import copy
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from rotator.cli import (
    adopt,
    audit,
    check,
    demo,
    history,
    init,
    moves,
    notify_test,
    now,
    plan,
    provide,
    providers,
    run,
    schema,
    status,
)
from rotator.cli.context import Context
from rotator.cli.version import version

app = typer.Typer(
    name="rotate",
    help="Replace API tokens before they grow old: issue, verify, publish, confirm, and only then revoke the old one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,  # in a pipe nobody sees colours, and rich takes its time
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    init.init,
    check.check,
    plan.plan,
    now.now,
    run.run,
    status.status,
    history.history,
    audit.audit,
    adopt.adopt,
    provide.provide,
    moves.resume,
    moves.withdraw,
    moves.retire,
    notify_test.notify_test,
    providers.providers,
    schema.schema,
    demo.demo,
):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rotate {version()}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    policies: Annotated[
        Path | None,
        typer.Option(
            help="Policy files: a directory or a file.  [default: ./policies]",
            show_default=False,
            readable=False,  # it is told, as of every other file, where it is read
        ),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(help="The ledger, as a URL (sqlite:///… or postgresql+psycopg://…).", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout; events on stderr.")] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.", show_default=False)] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour and no progress display.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that every command takes."""
    given: dict[str, Any] = {"policies": policies, "ledger": ledger, "log_level": log_level}
    session = Context(
        {key: value for key, value in given.items() if value is not None}, as_json=as_json, no_color=no_color
    )
    context.obj = session
    context.call_on_close(session.close)


_FLAGS: Final = frozenset({"--json", "--no-color"})
_OPTIONS: Final = frozenset({"--policies", "--ledger", "--log-level"})
UsageError: Final[Any] = typer.BadParameter.__base__
"""What a mistyped command line raises. It is click's, which Typer brings under a name of its own."""


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """Give ``app`` with the one command that is named, if one is: Typer makes all it has ready at every start.

    The global options stand first.
    """
    waiting = iter(arguments)
    for argument in waiting:
        if argument in _OPTIONS:
            next(waiting, None)
        elif argument not in _FLAGS and argument.partition("=")[0] not in _OPTIONS:
            alone = copy(app)
            alone.registered_commands = [each for each in app.registered_commands if _name(each.callback) == argument]
            return alone if alone.registered_commands else app
    return app


def _name(command: Any) -> str:
    return str(command.__name__).replace("_", "-")


def global_options_first(arguments: Sequence[str]) -> list[str]:
    """Let options that every command takes stand behind the command, too: ``rotate status --json``."""
    first: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            return [*first, *rest, argument, *waiting]
        if argument in _OPTIONS:
            value = [*islice(waiting, 1)]
            if not value:
                return [*first, argument]  # the command would be taken for its value
            first += [argument, *value]
        elif argument in _FLAGS or argument.partition("=")[0] in _OPTIONS:
            first.append(argument)
        else:
            rest.append(argument)
    return [*first, *rest]
