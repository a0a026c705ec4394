"""Vault's two key-value engines, as one shape: read a document, and write it back with one field changed.

KV v2 counts versions and compares before it sets; KV v1 does neither. Which one a mount is, is asked for, never
guessed: a KV v2 call on a KV v1 mount succeeds, and puts the document where nobody reads it (measured on
OpenBao 2.7.2).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

from providers.json_field import Unsuitable, texts_of
from providers.stores.vault.failures import Doing, Garbled, Refused, part
from providers.stores.vault.session import VaultSession
from rotator.domain.contracts import StoreTraits
from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

FieldT = TypeVar("FieldT")

V1_TRAITS: Final = StoreTraits(versioned=False, compares_and_sets=False)
V2_TRAITS: Final = StoreTraits(versioned=True, compares_and_sets=True)


class Life(Enum):
    ABSENT = "absent"
    LIVE = "live"
    DELETED = "deleted"
    """KV v2: the newest version was deleted or destroyed; consumers find nothing, and the count goes on."""


@dataclass(frozen=True)
class Document:
    """What a path holds. Its fields are other people's secrets too, so they stay out of the repr."""

    life: Life
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of KV v1 only: the same, as they are written there. It keeps ``1.10`` and every digit of a number."""
    version: Version | None = None
    """Only of a live one."""
    count: int = 0
    """KV v2's number of the newest version, deleted or not; 0 where there never was one."""
    created_at: str = ""
    ends_at: str = ""
    """When KV v2 will delete this version by itself; empty: never."""

    @property
    def is_live(self) -> bool:
        return self.life is Life.LIVE


class Overtaken(Exception):
    """KV v2 did not write, because the newest version is another one than we said."""


class KeyValue(Protocol):
    """One mount."""

    @property
    def traits(self) -> StoreTraits: ...

    def acl_path(self, path: str) -> str:
        """Give the path as an ACL policy names it."""
        ...

    def read(self, path: str, count: int | None = None) -> Document:
        """Give the newest version, or the one of that number."""
        ...

    def write(self, path: str, name: str, value: SecretValue | None, over: Document) -> Version:
        """Write ``over`` back with one field changed (None: without it). Overtaken when it is not the newest."""
        ...

    def destroy(self, path: str, counts: Sequence[int]) -> None:
        """Make earlier versions unreadable for good. Nothing to do where there are none."""
        ...


@dataclass(frozen=True)
class KeyValueV2:
    session: VaultSession
    mount: str
    traits: StoreTraits = V2_TRAITS

    def acl_path(self, path: str) -> str:
        return f"{self.mount}/data/{path}"

    def read(self, path: str, count: int | None = None) -> Document:
        with self.session.to(_reading(self, path)) as client:
            try:
                answer = client.secrets.kv.v2.read_secret_version(
                    path, version=count, mount_point=self.mount, raise_on_deleted_version=True
                )
            except Refused as refused:
                if refused.status == HTTPStatus.NOT_FOUND and isinstance(refused.deleted_version, int):
                    return Document(Life.DELETED, count=refused.deleted_version)
                return _absent(refused)
            number = part(answer, int, "data", "metadata", "version")
            return Document(
                Life.LIVE,
                part(answer, dict, "data", "data"),
                version=Version(str(number)),
                count=number,
                created_at=part(answer, str, "data", "metadata", "created_time"),
                ends_at=part(answer, str, "data", "metadata", "deletion_time"),
            )

    def write(self, path: str, name: str, value: SecretValue | None, over: Document) -> Version:
        with self.session.to(_writing(self, path)) as client:
            try:
                answer = client.secrets.kv.v2.create_or_update_secret(
                    path,
                    secret=_changed(over.fields, name, value.reveal() if value else None),
                    cas=over.count,
                    mount_point=self.mount,
                )
            except Refused as refused:
                if refused.status == HTTPStatus.BAD_REQUEST and any("check-and-set" in why for why in refused.reasons):
                    raise Overtaken from refused
                raise
            number = part(answer, int, "data", "version")
            if number != over.count + 1:
                raise Garbled(f"version {number} does not follow {over.count}")
            return Version(str(number))

    def destroy(self, path: str, counts: Sequence[int]) -> None:
        needs = f"`update` on `{self.mount}/destroy/{path}`"
        which = f"version{'s' if len(counts) > 1 else ''} {', '.join(str(count) for count in counts)}"
        with self.session.to(Doing(f"destroy {which} of `{self.mount}/{path}`", needs, changes=True)) as client:
            client.secrets.kv.v2.destroy_secret_versions(path, versions=list(counts), mount_point=self.mount)


@dataclass(frozen=True)
class KeyValueV1:
    session: VaultSession
    mount: str
    traits: StoreTraits = V1_TRAITS

    def acl_path(self, path: str) -> str:
        return f"{self.mount}/{path}"

    def read(self, path: str, count: int | None = None) -> Document:  # noqa: ARG002  # there are no earlier versions
        with self.session.to(_reading(self, path)) as client:
            try:
                texts = _texts(client.adapter.text(self._url(path)))
            except Refused as refused:
                return _absent(refused)
        return Document(Life.LIVE, _parsed(texts), texts, _digest(path, texts))

    def destroy(self, path: str, counts: Sequence[int]) -> None:
        """Nothing to do: there are no earlier versions."""

    def write(self, path: str, name: str, value: SecretValue | None, over: Document) -> Version:
        """Send the other fields as they are written there: made into Python's numbers, some would become others."""
        texts = _changed(over.texts, name, json.dumps(value.reveal()) if value else None)
        document = "{" + ", ".join(f"{json.dumps(each)}: {text}" for each, text in texts.items()) + "}"
        with self.session.to(_writing(self, path)) as client:
            client.adapter.put(self._url(path), data=document.encode())
        return _digest(path, texts)

    def _url(self, path: str) -> str:
        return f"/v1/{quote(self.mount)}/{quote(path)}"


def mounted(session: VaultSession, mount: str) -> KeyValue:
    """Ask which engine a mount is. Any token that may do something there is told."""
    doing = Doing(f"say what is mounted at `{mount}`", needs=f"something below `{mount}/`")
    with session.to(doing) as client:
        try:
            answer = client.adapter.get(f"/v1/sys/internal/ui/mounts/{quote(mount)}")
        except Refused as refused:
            if refused.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) or not refused.is_vaults:
                raise
            raise Permanent(
                f"{session.server} shows no mount `{mount}` ({refused.status}).",
                remedy=f"It does not exist, or the token may do nothing below `{mount}/`: check `mount` and "
                "`namespace`, and see deploy/permissions/vault.hcl.",
            ) from refused
        kind, where = part(answer, str, "data", "type"), part(answer, str, "data", "path")
        options = answer["data"].get("options")
    if where.strip("/") != mount or kind not in ("kv", "generic"):
        raise Permanent(
            f"`{mount}` at {session.server} is not a key-value mount: `{where}` is mounted there, of type `{kind}`.",
            remedy="Set `mount` to the key-value engine's own path, and `path` to what comes after it.",
        )
    is_versioned = isinstance(options, dict) and options.get("version") == "2"  # no options at all: made as KV v1
    return KeyValueV2(session, mount) if is_versioned else KeyValueV1(session, mount)


def _reading(engine: KeyValue, path: str) -> Doing:
    where = engine.acl_path(path)
    return Doing(f"read `{where}`", needs=f"`read` on `{where}`")


def _writing(engine: KeyValue, path: str) -> Doing:
    where = engine.acl_path(path)
    return Doing(f"write `{where}`", needs=f"`create` and `update` on `{where}`", changes=True)


def _absent(refused: Refused) -> Document:
    """Give an absent document if that is what the refusal says."""
    if refused.found_nothing:
        return Document(Life.ABSENT)
    raise refused


def _texts(answer: str) -> dict[str, str]:
    try:
        return texts_of(texts_of(answer)["data"])
    except (Unsuitable, KeyError) as error:
        raise Garbled("`data` is missing from the answer") from error


def _parsed(texts: Mapping[str, str]) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in texts.items()}


def _changed(fields: Mapping[str, FieldT], name: str, ours: FieldT | None) -> dict[str, FieldT]:
    """Give all fields, with ours as it shall be: about to be sent. A write replaces the whole document."""
    others = {other: theirs for other, theirs in fields.items() if other != name}
    return others if ours is None else {**others, name: ours}


def _digest(path: str, texts: Mapping[str, str]) -> Version:
    """Stand in for the version that KV v1 lacks. Slow on purpose: it is remembered, and must not help to guess."""
    text = json.dumps(_parsed(texts), sort_keys=True, separators=(",", ":"))
    return Version(hashlib.scrypt(text.encode(), salt=path.encode(), n=2**13, r=8, p=1, dklen=16).hex())
