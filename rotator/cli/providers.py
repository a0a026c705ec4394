"""``rotate providers``: what is installed, what each is like, what permissions it needs, and an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotator.cli.context import Context
from rotator.cli.output import document, line, table
from rotator.domain.errors import InvalidInput

if TYPE_CHECKING:
    from rotator.config.plugins import Plugins


def providers(
    context: typer.Context, name: Annotated[str | None, typer.Argument(help="Show one provider in full.")] = None
) -> None:
    """List the installed issuers and stores, or show one."""
    session: Context = context.obj
    plugins = session.app.plugins
    if name is None:
        found = [_listed(plugins, known) for known in plugins.names()]
        if session.as_json:
            document({"providers": found})
        else:
            table(
                ("PROVIDER", "KIND", "WHAT IT IS"),
                [(entry["name"], entry["kind"], entry["summary"]) for entry in found],
                no_color=session.no_color,
            )
        return
    entry = _as_data(plugins.find(name))
    if session.as_json:
        document(entry)
        return
    line(f"{entry['name']} ({entry['kind']}): {entry['summary']}")
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
        line("\n".join(f"  {text}" for text in entry["example"].strip().splitlines()))


def _listed(plugins: Plugins, name: str) -> dict[str, Any]:
    """Give what one provider is. One that cannot be used is listed too, and hides no other."""
    try:
        return _as_data(plugins.find(name))
    except InvalidInput as error:
        return {"name": name, "kind": "unusable", "summary": str(error)}


def _as_data(plugin: Any) -> dict[str, Any]:
    from rotator.domain.contracts import IssuerPlugin

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
        "tested": plugin.tested,
        "credentials": [
            f"{credential.name}: {credential.what}{'' if credential.required else ' (optional)'}"
            for credential in plugin.credentials
        ],
        "permissions": list(plugin.permissions),
        "keys": keys,
        "example": plugin.example,
    }
