"""Opens an issuer that a profile describes, as the configuration loader and the engine do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

import providers.issuers.profiles
from providers.issuers import by_hand, http
from rotator.domain.contracts import Access, Issuer, IssuerPlugin

PROFILES = Path(providers.issuers.profiles.__file__).parent
_READERS = {reader.kind: reader for reader in (http.PROFILE_READER, by_hand.PROFILE_READER)}


def plugin(profile: dict[str, Any]) -> IssuerPlugin:
    reader = _READERS[profile["kind"]]
    return reader.plugin(reader.model.model_validate(profile))


def built_in(name: str) -> IssuerPlugin:
    """Give the plug-in of a profile that ships with the product."""
    return plugin(yaml.safe_load((PROFILES / f"{name}.yaml").read_text()))


def open_issuer(plugin: IssuerPlugin, access: Access, *, config: dict[str, Any], options: dict[str, Any]) -> Issuer:
    """Open an issuer. Its credentials are given to ``access``; the connection refers to each by any reference."""
    references = {credential.name: f"env:{credential.name.upper()}" for credential in plugin.credentials}
    validated = plugin.config.model_validate({"credentials": references, **config})
    return plugin.open(validated, plugin.options.model_validate(options), access)
