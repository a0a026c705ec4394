"""What a connection says under ``credentials``: which ones its plug-in takes, and how each is referred to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from rotator.config.plugins import Plugin
from rotator.config.problems import did_you_mean
from rotator.config.references import HOW_TO_REFER, Reference

HOW_TO_NAME_A_PLACE: Final = (
    "write the place as a mapping, with the keys that it has under `stores:`: "
    "`{connection: vault-prod, path: rotator/acme, field: password}`"
)
_OF_A_STORE: Final = ("vault:", "aws:")


def needs_a_store(credentials: Any) -> bool:
    """Tell whether one of them is to be read from a store."""
    return isinstance(credentials, dict) and any(isinstance(written, dict) for written in credentials.values())


def unknown_and_missing(plugin: Plugin, given: Collection[str]) -> Iterator[tuple[str | None, str, str]]:
    """Hold their names against what the plug-in takes: which one (None: one that is missing), what, what to do."""
    known = {credential.name for credential in plugin.credentials}
    for name in given:
        if name not in known:
            remedy = did_you_mean(name, known, "remove it")
            yield name, f"provider `{plugin.name}` takes no credential `{name}`", remedy
    for credential in plugin.credentials:
        if credential.required and credential.name not in given:
            what = f"credential `{credential.name}` is missing ({credential.what})"
            yield None, what, f"add `{credential.name}:` under `credentials`; {HOW_TO_REFER}"


def why_no_reference(written: Any) -> tuple[str, str] | None:
    """Say what is wrong with a reference, and what to write; None: nothing. What stands there is not quoted."""
    text = written if isinstance(written, str) else ""
    scheme = next((scheme for scheme in _OF_A_STORE if text.startswith(scheme)), None)
    if scheme is not None:
        return f"`{scheme}…` does not say which connection reads it", HOW_TO_NAME_A_PLACE
    try:
        Reference.parse(text)
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        return what, remedy
    return None
