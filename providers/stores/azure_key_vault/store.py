"""A secret in Azure Key Vault, as a store: its whole value, or one field of the JSON object in it.

Key Vault shows a new version to consumers at once: nothing stages. Every version of ours carries the write's key as a
tag, so one whose answer was lost is found again. An old version stays enabled for as long as its token lives: a
disabled one could not be read, and the way back is to set its value anew. Once the token is dead, it is disabled.

Semantics from Key Vault's REST reference and the Azure SDK; proven on a fake that the SDK takes for a vault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from providers.stores.azure_key_vault.key_vault import KeyVault
from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.azure_key_vault.versions import KEY_TAG, mark_of, stored, stored_then
from providers.stores.azure_key_vault.writing import Write, Writer, age
from rotator.domain.clock import Clock
from rotator.domain.contracts import Stored, StoreTraits
from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_VERSION: Final = re.compile(r"[0-9a-fA-F]{32}")
"""Nothing else is asked for: an empty version would be the newest."""

_TRAITS: Final = StoreTraits(readable=True, versioned=True, stages=False, compares_and_sets=False, puts_away=True)


class KeyVaultStore:
    """Fulfils ``contracts.Store``."""

    def __init__(self, vault: KeyVault, clock: Clock) -> None:
        self._vault = vault
        self._writer = Writer(vault, clock)

    def traits(self, place: AzurePlace) -> StoreTraits:  # noqa: ARG002  # the same everywhere
        return _TRAITS

    def current(self, place: AzurePlace) -> Stored | None:
        newest = self._vault.newest(place.secret)
        return stored(place, newest) if newest else None

    def preflight(self, place: AzurePlace) -> Stored | None:
        """Reads and lists, so those permissions are proven; whether we may set, Key Vault tells only when we do."""
        newest = self._writer.look(place).newest
        self._writer.refuse_unwritable(place, newest)
        return stored(place, newest) if newest else None

    def write(self, place: AzurePlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        return self._writer.put(Write(place, value, mark_of(place, key)), expected)

    def promote(self, place: AzurePlace, version: Version, expected: Version | None) -> None:
        """Nothing to do: nothing stages."""

    def read(self, place: AzurePlace, version: Version) -> Stored | None:
        """Give one version; None where there is none, or it was disabled."""
        found = self._vault.version(place.secret, version) if _VERSION.fullmatch(version) else None
        return stored(place, found) if found else None

    def written(self, place: AzurePlace, key: str) -> Stored | None:
        """Give the first version with our tag: a later one may be somebody's copy. Without any, what is current."""
        mark = mark_of(place, key)
        ours = (each for each in self._vault.versions(place.secret) if each.tags.get(KEY_TAG) == mark)
        found = (self.read(place, each.version) for each in sorted(ours, key=age))
        return next((each for each in found if each is not None), None) or self.current(place)

    def restore(self, place: AzurePlace, version: Version, expected: Version | None) -> Version:
        """Set our earlier value as a new version. Other fields, and attributes, stay as they are now."""
        earlier = self.read(place, version)
        if earlier is None or earlier.value is None:
            raise Permanent(
                f"Version {version} of the secret `{place.secret}` is not there, is disabled, or has no value of ours.",
                remedy="If it was disabled, enable it.",
            )
        return self._writer.put(Write(place, earlier.value, f"restored {version}"), expected)

    def discard(self, place: AzurePlace, key: str) -> None:
        """Nothing to do: nothing stages."""

    def put_away(self, place: AzurePlace, is_dead: Callable[[Stored], bool]) -> None:
        """Disable them: they cannot be read any more, and whoever needs another field of one enables it again."""
        listed = self._vault.versions(place.secret)
        newest = self._vault.newest(place.secret)  # asked for after the list: none of that is newer
        for each in listed:
            if each.enabled and newest is not None and each.version != newest.version:
                held = self._vault.version(place.secret, each.version)
                if held is not None and (earlier := stored_then(place, held)) is not None and is_dead(earlier):
                    self._vault.disable(place.secret, each.version)

    def settle(self, place: AzurePlace, version: Version) -> None:
        """Nothing to do: whoever asks the vault from now on gets the new version. Caches are for the overlap."""
