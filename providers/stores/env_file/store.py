"""The env file: one assignment in a file on this machine, replaced while everything else in it stays as it is.

``dialects`` knows how values are written down, ``disk`` how a file is replaced without a moment in
which it is not whole. Beside ``NAME`` stands a sidecar, ``.NAME.rotator``: the lock, with a random key in it.

A version is an HMAC of our value under that key. So it changes when *our* value does and not when a neighbour's does
(many tokens share one file, and a time stamp would make every one of them a conflict for the others), it cannot be
fooled by a coarse or a restored time stamp, and the ledger, which remembers versions, learns nothing from it. Whoever
can read the key can read the env file itself. A lost sidecar costs a Conflict in a rotation that is under way. Looking
makes no sidecar: only who writes leaves anything beside the file.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field

from providers.stores.env_file import disk
from providers.stores.env_file.dialects import Assignment, Dialect, Unwritable, assignments, quote, with_value
from rotator.domain.contracts import Access, Config, Place, Stored, StorePlugin, StoreTraits, Where
from rotator.domain.errors import Ambiguous, Conflict, Permanent, RotatorError
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_ABSENT: Final = Version("absent")
"""The version of a file that does not hold our variable yet."""


class EnvFileConfig(Config):
    root: Path | None = None
    """Where relative paths begin. Set, it is a fence too: a file outside of it is refused."""


class EnvFilePlace(Place):
    file: Path
    var: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    dialect: Dialect = Dialect.DOTENV
    create: bool = True
    """Make the file where there is none. Its directory must exist."""


@dataclass(frozen=True, repr=False)
class _Document:
    """A file as it was read, and where our variable stands in it: once, one hopes."""

    text: str
    status: os.stat_result
    found: tuple[Assignment, ...]
    salt: bytes

    @property
    def last(self) -> Assignment | None:
        """The one that counts: readers take the last."""
        return self.found[-1] if self.found else None

    def stored(self) -> Stored:
        text = self.last.value if self.last else None
        return Stored(SecretValue(text) if text else None, self._version())

    def _version(self) -> Version:
        if self.last is None:
            return _ABSENT
        held = self.text[self.last.start : self.last.end] if self.last.value is None else self.last.value
        digest = hmac.new(self.salt, f"{self.last.name}={held}".encode(errors="surrogateescape"), hashlib.sha256)
        return Version(digest.hexdigest()[:32])


class EnvFileStore:
    """Env files of this machine. Other writers are kept out only if they take the sidecar's flock too."""

    def __init__(self, config: EnvFileConfig, access: Access) -> None:
        self._config = config
        self._clock = access.clock
        self._new_keys: dict[Path, bytes] = {}
        """For files that were looked at and have no key yet: looking makes none, and the first write the same one."""

    def traits(self, place: EnvFilePlace) -> StoreTraits:  # noqa: ARG002 -- the same everywhere
        return StoreTraits(readable=True, versioned=False, stages=False, compares_and_sets=True, settles=False)

    def current(self, place: EnvFilePlace) -> Stored | None:
        path = self._path(place)
        if not os.path.lexists(path):
            return None
        document = self._looked_at(path, place)
        return document.stored() if document else None

    def preflight(self, place: EnvFilePlace) -> Stored | None:
        path = self._path(place)
        _refuse_missing(path, place)
        disk.refuse_what_cannot_be_replaced(path)
        if not os.path.lexists(path):
            return None
        document = self._looked_at(path, place)
        _refuse_unclear(document, path)
        return document.stored() if document else None

    def write(self, place: EnvFilePlace, value: SecretValue, expected: Version | None, key: str) -> Version:  # noqa: ARG002 -- a repeated write is known by its value
        path = self._path(place)
        _refuse_missing(path, place)
        with disk.locked(path, self._clock, self._new_key(path)) as salt:
            before = _read(path, place, salt)
            stored = before.stored() if before else None
            if stored and value.same_as(stored.value):
                return stored.version
            if (stored.version if stored else None) != expected:
                raise Conflict(
                    f"{place.var} in {path} is not what it was when this rotation looked at it; nothing was written.",
                    remedy=f"See who else writes it, and that {disk.sidecar(path)} was not deleted.",
                )
            _refuse_unclear(before, path)
            text = with_value(
                before.text if before else "", place.var, before.last if before else None,
                _quoted(value, place, path), place.dialect,
            )  # fmt: skip
            disk.replace(path, text.encode(errors="surrogateescape"), before.status if before else None)
            after = _read_back(path, place, salt)
        if after is None or after.text != text or not value.same_as(after.stored().value):
            raise Ambiguous(f"{path} does not hold what was just written to it: somebody else writes it too.")
        return after.stored().version

    def promote(self, place: EnvFilePlace, version: Version, expected: Version | None) -> None:
        """Do nothing: what is written is seen at once."""

    def read(self, place: EnvFilePlace, version: Version) -> Stored | None:
        stored = self.current(place)
        return stored if stored and stored.version == version else None

    def written(self, place: EnvFilePlace, key: str) -> Stored | None:  # noqa: ARG002 -- a file keeps no keys
        return self.current(place)

    def restore(self, place: EnvFilePlace, version: Version, expected: Version | None) -> Version:  # noqa: ARG002 -- never
        raise Permanent(f"{self._path(place)} keeps no earlier values: there is nothing to put back.")

    def discard(self, place: EnvFilePlace, key: str) -> None:
        """Do nothing: nothing is ever staged."""

    def settle(self, place: EnvFilePlace, version: Version) -> None:
        """Do nothing: whoever reads the file from now on reads the new value."""

    def _looked_at(self, path: Path, place: EnvFilePlace) -> _Document | None:
        with disk.locked_if_ever_written(path, self._clock, self._new_key(path)) as salt:
            return _read(path, place, salt)

    def _new_key(self, path: Path) -> bytes:
        return self._new_keys.setdefault(path, disk.new_key())

    def _path(self, place: EnvFilePlace) -> Path:
        return Path(_real_path(self._config, place))


def _real_path(config: EnvFileConfig, place: EnvFilePlace) -> str:
    """Follow links: the file at their end is replaced, never a link."""
    if config.root is None and not place.file.is_absolute():
        raise Permanent(
            f"The env file {place.file} has a relative path.",
            remedy="Write it from / on, or give the connection a `root`.",
        )
    try:
        path = os.path.realpath(place.file if config.root is None else config.root / place.file)
    except ValueError as error:  # a null character
        raise Permanent("No file can have such a name.", remedy="Write its path.") from error
    if config.root and not Path(path).is_relative_to(os.path.realpath(config.root)):
        raise Permanent(f"The env file {path} lies outside of the connection's root, {config.root}.")
    return path


def _where(config: EnvFileConfig, place: EnvFilePlace) -> Where:
    """One variable of one file, in whatever dialect and by whatever way it is named."""
    return Where(_real_path(config, place), place.var)


def _read(path: Path, place: EnvFilePlace, salt: bytes) -> _Document | None:
    found = disk.contents(path)
    if found is None:
        return None
    text = found[0].decode(errors="surrogateescape")
    ours = tuple(each for each in assignments(text, place.dialect) if each.name == place.var)
    return _Document(text, found[1], ours, salt)


def _read_back(path: Path, place: EnvFilePlace, salt: bytes) -> _Document | None:
    """Read what was just written: whatever fails now, the write was made."""
    try:
        return _read(path, place, salt)
    except RotatorError as error:
        raise Ambiguous(f"{path} was written, and then: {error.what}", remedy=error.remedy) from error


def _quoted(value: SecretValue, place: EnvFilePlace, path: Path) -> str:
    try:
        return quote(value.reveal(), place.dialect)
    except Unwritable as reason:
        raise Permanent(
            f"The value of {place.var} cannot stand in {path}, a {place.dialect} file: {reason}.",
            remedy="Choose another dialect or another store.",
        ) from reason


def _refuse_missing(path: Path, place: EnvFilePlace) -> None:
    if not place.create and not os.path.lexists(path):
        raise Permanent(f"{path} does not exist.", remedy="Create it, or let the policy: `create: true`.")


def _refuse_unclear(document: _Document | None, path: Path) -> None:
    """Refuse a file in which one replaced assignment may not be what readers see."""
    if document is None or document.last is None:
        return
    name, lines = document.last.name, [str(each.line) for each in document.found]
    if len(lines) > 1:
        raise Permanent(
            f"{name} is defined more than once in {path}, at lines {' and '.join(lines)}.",
            remedy="Keep one of them.",
        )
    if document.last.value is None:
        raise Permanent(
            f"{name} in {path} is computed by the shell (line {lines[0]}), so nobody can say what it holds.",
            remedy="Write the value there as it is, between single quotes.",
        )


_EXAMPLE: Final = """\
connections:
  sandbox: {provider: sandbox, url: "http://127.0.0.1:8931", credentials: {admin: "env:SANDBOX_ADMIN"}}
  this-machine: {provider: env-file}

policies:
  - name: web-production
    issuer: {connection: sandbox, token_name: web}
    stores:
      - {connection: this-machine, file: /srv/web/.env, var: API_TOKEN}
    schedule: {every: 30 days}
"""

PLUGIN: Final = StorePlugin(
    name="env-file",
    summary="One variable of an env file on this machine (dotenv, docker, systemd or shell).",
    config=EnvFileConfig,
    place=EnvFilePlace,
    open=EnvFileStore,
    permissions=(
        "read and write the file, as its owner or as root",
        "write the file's directory: the new file is made there, and a lock beside it",
    ),
    example=_EXAMPLE,
    tested="ext4 on Linux; read back with python-dotenv 1.2, node's dotenv 18, dash, docker's CLI 28.2 and systemd 252",
    where=_where,
)
