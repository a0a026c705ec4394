"""A store: each secret is a folder, each version of it a JSON file there, and consumers read the highest number.

A version's number is its file's name, and only one writer can be first to make a file of that name: that is the
compare-and-set. Beside our field ``value`` a document may hold fields of other people; they are taken along.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from pydantic import Field

from rotator.domain.contracts import Access, Config, Place, Stored, StorePlugin, StoreTraits
from rotator.domain.errors import Ambiguous, Conflict, Permanent, Temporary
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue

_HOPELESS: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)


class FolderConfig(Config):
    root: Path
    """Where the secrets' folders are."""


class FolderPlace(Place):
    secret: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    create: bool = False
    """Make the secret's folder where there is none."""


class FolderStore:
    """The secrets below one folder of this machine."""

    def __init__(self, config: FolderConfig, access: Access) -> None:  # noqa: ARG002 -- it needs no clock, budget or login
        self._root = config.root

    def traits(self, place: FolderPlace) -> StoreTraits:  # noqa: ARG002 -- the same everywhere
        return StoreTraits(readable=True, versioned=True, compares_and_sets=True)

    def current(self, place: FolderPlace) -> Stored | None:
        numbers = self._numbers(place)
        return self.read(place, _version(max(numbers))) if numbers else None

    def preflight(self, place: FolderPlace) -> Stored | None:
        folder = self._folder(place)
        if not folder.is_dir() and not place.create:
            raise Permanent(f"There is no folder {folder}.", remedy="Make it, or let the policy: `create: true`.")
        nearest = folder if folder.is_dir() else self._root
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise Permanent(f"{nearest} cannot be written to.", remedy="Let the rotator's user write it.")
        return self.current(place)

    def write(self, place: FolderPlace, value: SecretValue, expected: Version | None, key: str) -> Version:  # noqa: ARG002 -- a repeated write is known by its value
        current = self.preflight(place)
        if current and value.same_as(current.value):
            return current.version
        if (current.version if current else None) != expected:
            raise self._overtaken(place)
        number = int(expected) + 1 if expected else 1
        document = self._document(place, int(expected)) if expected else {}
        with _explained(f"write version {number} of {place.secret}"):
            self._folder(place).mkdir(exist_ok=True)
            try:
                _make(self._file(place, number), json.dumps({**(document or {}), "value": value.reveal()}))
            except (FileExistsError, FileNotFoundError):  # somebody else was first, or is writing now
                raise self._overtaken(place) from None
        return _version(number)

    def promote(self, place: FolderPlace, version: Version, expected: Version | None) -> None:
        """Do nothing: what is written is seen at once."""

    def read(self, place: FolderPlace, version: Version) -> Stored | None:
        document = self._document(place, int(version)) if version.isdecimal() else None
        if document is None:
            return None
        value = document.get("value")
        return Stored(SecretValue(value) if isinstance(value, str) and value else None, version)

    def written(self, place: FolderPlace, key: str) -> Stored | None:  # noqa: ARG002 -- files keep no keys
        return self.current(place)

    def restore(self, place: FolderPlace, version: Version, expected: Version | None) -> Version:
        earlier = self.read(place, version)
        if earlier is None or earlier.value is None:
            raise Permanent(f"{place.secret} has no version {version} with a value: there is nothing to put back.")
        return self.write(place, earlier.value, expected, f"restore-{version}")

    def discard(self, place: FolderPlace, key: str) -> None:
        """Do nothing: nothing is ever staged."""

    def settle(self, place: FolderPlace, version: Version) -> None:
        """Do nothing: whoever reads the folder from now on reads the new version."""

    def put_away(self, place: FolderPlace, is_dead: Callable[[Stored], bool]) -> None:
        for number in sorted(self._numbers(place))[:-1]:
            earlier = self.read(place, _version(number))
            if earlier is not None and is_dead(earlier):
                with _explained(f"remove version {number} of {place.secret}"):
                    self._file(place, number).unlink(missing_ok=True)

    def _folder(self, place: FolderPlace) -> Path:
        return self._root / place.secret

    def _file(self, place: FolderPlace, number: int) -> Path:
        return self._folder(place) / f"{number}.json"

    def _numbers(self, place: FolderPlace) -> list[int]:
        with _explained(f"list the versions of {place.secret}"):
            return [int(file.stem) for file in self._folder(place).glob("*.json") if file.stem.isdecimal()]

    def _document(self, place: FolderPlace, number: int) -> dict[str, Any] | None:
        file = self._file(place, number)
        with _explained(f"read {file}"):
            try:
                document = json.loads(file.read_bytes())
            except FileNotFoundError:
                return None
            except ValueError:
                document = None  # its text would stand in the cause
        if not isinstance(document, dict):
            raise Permanent(f"{file} is not a JSON object.", remedy="Mend it, or remove it.")
        return document

    def _overtaken(self, place: FolderPlace) -> Conflict:
        return Conflict(
            f"{self._folder(place)} is not at the version that this rotation looked at; nothing was written.",
            remedy="See who else writes there.",
        )


def _version(number: int) -> Version:
    return Version(str(number))


def _make(file: Path, text: str) -> None:
    """Make a whole file at once, readable by its owner. FileExistsError when it is there already.

    Under its last name no reader ever sees half of it. What a kill left behind is no version, and is removed here.
    """
    for left_behind in file.parent.glob(".*.unfinished"):
        left_behind.unlink(missing_ok=True)
    unfinished = file.with_name(f".{uuid4().hex}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        os.link(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        raise Ambiguous(f"{file} was written, but may not outlive a power cut ({error.strerror}).") from error
    finally:
        os.close(folder)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Translate the errors of the disk into families: by whether trying again can help."""
    try:
        yield
    except OSError as error:
        said = f"Cannot {what}: {error.strerror}."
        if error.errno in _HOPELESS:
            raise Permanent(said, remedy="Let the rotator's user read and write the folder.") from error
        raise Temporary(said) from error


_EXAMPLE: Final = """\
connections:
  sandbox: {provider: sandbox, url: "http://127.0.0.1:8931", credentials: {admin: "env:SANDBOX_ADMIN"}}
  secrets: {provider: secret-folder, root: /srv/secrets}

policies:
  - name: web-production
    issuer: {connection: sandbox, token_name: web}
    stores: [{connection: secrets, secret: web}]
    schedule: {every: 30 days}
"""

PLUGIN: Final = StorePlugin(
    name="secret-folder",
    summary="A folder of this machine: each secret a folder in it, each version a JSON file.",
    config=FolderConfig,
    place=FolderPlace,
    open=FolderStore,
    permissions=("read, write and list the secret's folder; with `create`, make it",),
    example=_EXAMPLE,
    tested="ext4 and overlayfs on Linux",
)
