"""docs/commands.md, made from the program itself: ``python -m tests.unit.cli.commands_page > docs/commands.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from rotator.cli.commands import app

INTRODUCTION = """\
# Commands

```
rotate [OPTIONS] COMMAND [ARGUMENTS]
```

Options that every command takes may stand before or behind it. With `--json`, standard output is one JSON document
and standard error is JSON lines, one for each event. Without a terminal nothing is asked: `now` needs `--yes`.

NAME… is names of secrets, or globs such as `'payments-*'`. Several add up; `--issuer`, `--store`, `--tag` and `--owner`
narrow them down. What fits nothing is an error; where a command takes one NAME, a glob must fit just one. ROTATION is a
rotation's id, the first characters of one, or the name of a secret whose rotation is open.

| exit code | what it means |
|---|---|
| 0 | all that was asked is done, or nothing was due. An old token may live on, in its policy's overlap |
| 1 | our own fault: a bug, or the ledger cannot be used. Or all is done, and the disk that its output goes to is full |
| 2 | bad usage, or invalid policies: nothing was touched |
| 3 | refused or withdrawn: the old token is in force everywhere. Of `check --online`: something would not work |
| 4 | something still needs doing: by a person, or by a later run |
| 10 | only `plan --exit-code`: something is due |
| 128 + a signal's number | a second signal ended it at once. What was begun is in the ledger; the next run goes on |
| 141 | all is done, though whoever read its output went away (`rotate now app --yes \\| head`): that stops nothing |
"""


def page() -> str:
    return "\n".join([INTRODUCTION, *_sections()])


def commands() -> Mapping[str, Any]:
    group: Any = typer.main.get_command(app)
    found: Mapping[str, Any] = group.commands
    return found


def global_options() -> list[Any]:
    return [parameter for parameter in typer.main.get_command(app).params if "--help" not in parameter.opts]


def _sections() -> Iterator[str]:
    yield from ("## Options of every command", "", *_table(global_options()))
    for name, command in commands().items():
        arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
        shown = " ".join(_shown(argument) for argument in arguments)
        yield from (f"## `{f'rotate {name} {shown}'.rstrip()}`", "", command.help, "", *_table(options))


def _shown(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"


def _table(options: list[Any]) -> Iterator[str]:
    documented = [option for option in options if "--help" not in option.opts]
    if not documented:
        return
    yield from ("| option | |", "|---|---|")
    for option in documented:
        names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
        yield f"| {names} | {' '.join(option.help.split())} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page().rstrip() + "\n")
