"""Makes the source of policies that the settings ask for."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from rotator.config.allowed import Allowed
from rotator.config.policy_source.in_force import PolicySource
from rotator.config.references import Lookup, Reference
from rotator.config.settings import Settings


def open_policy_source(settings: Settings) -> PolicySource:
    """Give the source. Nothing is read, and nobody asked, before its ``load``."""
    allowed = Allowed(settings.verify_hosts, settings.allow_commands, settings.connection_hosts)
    if settings.repository is None:
        from rotator.config.policy_source.directory import DirectorySource  # noqa: PLC0415  only what is needed

        return DirectorySource(settings.policies, channels=settings.notify, allowed=allowed)
    from rotator.config.policy_source.repository import RepositorySource  # noqa: PLC0415  as above

    folder = PurePosixPath(settings.policies)
    reference = settings.repository_token
    return RepositorySource(
        settings.repository,
        settings.ref,
        folder,
        _state_folder(settings.repository, settings.ref, folder),
        channels=settings.notify,
        allowed=allowed,
        signed_by=settings.signed_by,
        token=None if reference is None else Lookup(Reference.parse(reference), "the setting repository_token"),
    )


def _state_folder(address: str, ref: str, folder: PurePosixPath) -> Path:
    """Give a folder of its own to each thing that can be followed, with a name that tells a person which it is."""
    from platformdirs import user_state_path  # noqa: PLC0415  a directory of this machine has none

    digest = blake2b(f"{address}\0{ref}\0{folder}".encode(), digest_size=6).hexdigest()
    name = re.sub(r"[^A-Za-z0-9]+", "-", address.removesuffix(".git").rstrip("/").rpartition("/")[2]).strip("-")
    return user_state_path("rotator", appauthor=False) / "policies" / f"{name[:40]}-{digest}"
