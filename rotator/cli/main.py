"""The command ``rotate``: its options, its subcommands, and how every error becomes a message and an exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from rotator.cli import adopt, check, demo, history, init, moves, now, plan, providers, run, schema, status
from rotator.cli.context import Context, version
from rotator.cli.output import fail
from rotator.domain.errors import InvalidInput, LedgerUnavailable, NeedsOperator, RotatorError

OUR_FAULT: Final = 1
BAD_INPUT: Final = 2
WITHDRAWN: Final = 3
UNFINISHED: Final = 4
INTERRUPTED: Final = 130

app = typer.Typer(
    name="rotate",
    help="Replace API tokens before they grow old: issue, verify, publish, confirm, and only then revoke the old one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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
    adopt.adopt,
    moves.resume,
    moves.withdraw,
    moves.retire,
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
        typer.Option(help="Policy files: a directory or a file.  [default: ./policies]", show_default=False),
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
    context.obj = Context(
        {key: value for key, value in given.items() if value is not None}, as_json=as_json, no_color=no_color
    )


def main() -> None:
    """Run the command line. Never a traceback for a user's mistake."""
    as_json = "--json" in sys.argv
    try:
        app()
    except InvalidInput as error:
        fail(error, BAD_INPUT, as_json=as_json)
    except LedgerUnavailable as error:
        fail(error, OUR_FAULT, as_json=as_json)
    except NeedsOperator as error:
        fail(error, UNFINISHED, as_json=as_json)
    except RotatorError as error:
        fail(error, WITHDRAWN, as_json=as_json)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as bug:  # noqa: BLE001  the last door: what gets here is our bug, told without a traceback
        fail(bug, OUR_FAULT, as_json=as_json)
