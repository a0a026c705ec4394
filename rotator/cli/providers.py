"""``rotate providers``: what there is, what each is like, what permissions it needs, and an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotator.cli.context import Context
from rotator.cli.output import document, line, table, warn
from rotator.domain.errors import InvalidInput

if TYPE_CHECKING:
    from rotator.config.plugins import Plugins


def providers(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Show one provider in full.", metavar="NAME")] = None,
) -> None:
    """List the installed issuers and stores and your own profiles, or show one."""
    session: Context = context.obj
    plugins = session.app.plugins
    problems = session.app.add_own_profiles()
    if name is None:
        for problem in problems:
            warn(f"not listed: {problem}")
        _list([_listed(plugins, known) for known in plugins.names()], session)
        return
    try:
        entry = _as_data(plugins, name)
    except InvalidInput as error:
        raise InvalidInput([*error.problems, *problems]) from error  # it may be the name of a profile with problems
    if session.as_json:
        document(entry)
    else:
        _show(entry)


def _list(found: list[dict[str, Any]], session: Context) -> None:
    if session.as_json:
        document({"providers": found})
        return
    rows = [(entry["name"], entry["kind"], _with_file(entry)) for entry in found]
    table(("PROVIDER", "KIND", "WHAT IT IS"), rows, no_color=session.no_color)


def _show(entry: dict[str, Any]) -> None:
    line(f"{entry['name']} ({entry['kind']}): {_with_file(entry)}")
    line(f"Tested against: {entry['tested'] or 'nothing yet'}")
    for title, items in (("Credentials", entry["credentials"]), ("Permissions", entry["permissions"])):
        if items:
            line(f"{title}:")
            for item in items:
                line(f"  {item}")
    for title, keys in entry["keys"].items():
        line(f"{title}: {', '.join(keys) or 'none'}")
    if entry["example"]:
        line("Example:")
        for text in entry["example"].strip().splitlines():
            line(f"  {text}")


def _listed(plugins: Plugins, name: str) -> dict[str, Any]:
    """Give what one provider is. One that cannot be used is listed too, and hides no other."""
    try:
        return _as_data(plugins, name)
    except InvalidInput as error:
        return {"name": name, "kind": "unusable", "summary": str(error), "profile": None}


def _with_file(entry: dict[str, Any]) -> str:
    summary: str = entry["summary"]
    return f"{summary} ({entry['profile']})" if entry["profile"] else summary


def _as_data(plugins: Plugins, name: str) -> dict[str, Any]:
    from rotator.domain.contracts import IssuerPlugin

    plugin: Any = plugins.find(name)
    file = plugins.file_of(name)
    is_issuer = isinstance(plugin, IssuerPlugin)
    keys = {"Keys of a connection": [*plugin.config.model_fields]}
    if is_issuer:
        keys["Keys of a policy's issuer"] = ["token_name", "expires_in", *plugin.options.model_fields]
    else:
        keys["Keys of a destination"] = [*plugin.place.model_fields]
    return {
        "name": plugin.name,
        "kind": "issuer" if is_issuer else "store",
        "summary": plugin.summary,
        "profile": None if file is None else str(file),
        "tested": plugin.tested,
        "credentials": [
            f"{credential.name}: {credential.what}{'' if credential.required else ' (optional)'}"
            for credential in plugin.credentials
        ],
        "permissions": list(plugin.permissions),
        "keys": keys,
        "example": plugin.example,
    }
