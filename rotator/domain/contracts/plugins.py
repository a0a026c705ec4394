"""What an entry point names: a provider, with all that is known of it before it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from rotator.domain.contracts.access import Access
from rotator.domain.contracts.issuing import Issuer, IssuerTraits
from rotator.domain.contracts.settings import Config, Options
from rotator.domain.contracts.storing import Place, Store
from rotator.domain.limits import NO_LIMITS, Limits


@dataclass(frozen=True)
class Credential:
    """A management credential that a plug-in takes."""

    name: str
    what: str
    required: bool = True


@dataclass(frozen=True)
class IssuerPlugin:
    """What an entry point in ``rotator.issuers`` names. Making one imports no SDK; ``open`` may."""

    name: str
    summary: str
    config: type[Config]
    options: type[Options]
    traits: Callable[[Any, Any], IssuerTraits]
    """(config, options) → traits, without a call to anybody."""
    open: Callable[[Any, Any, Access], Issuer]
    """(config, options, access) → an issuer. Makes no call to anybody yet."""
    needs: tuple[str, ...] = ()
    """SDK modules that its work imports. One that is missing is told when a policy names the plug-in."""
    limits: Limits = NO_LIMITS
    """What the service itself allows; a connection may narrow it."""
    credentials: tuple[Credential, ...] = ()
    permissions: tuple[str, ...] = ()
    example: str = ""
    """A policy file that works, as YAML."""
    tested: str = ""
    """Against what this was proven: the real server and its version, or a fake, or nothing yet."""


class Where(NamedTuple):
    """Where a value lies, as JSON takes it: equal for any two places at which one value would overwrite the other."""

    document: Any
    """What is read, versioned and put away as one."""
    part: Any = None
    """Which part of it is the value; None: all of it."""


def everything_but(*options: str, part: str | None = None) -> Callable[[Config, Place], Where]:
    """Give a ``where`` for a store plug-in: all settings of the connection but its credentials, and all options of the
    place but these, which say how a value is written. ``part``: the option that names a part of the document.
    """
    not_the_document = {*options, *([part] if part is not None else [])}

    def where(config: Config, place: Place) -> Where:
        settings = config.model_dump(mode="json", by_alias=True, exclude={"credentials"})
        document = place.model_dump(mode="json", by_alias=True, exclude=not_the_document)
        return Where([settings, document], getattr(place, part) if part is not None else None)

    return where


_EVERYTHING_BUT_CREATE: Final = everything_but("create")


@dataclass(frozen=True)
class StorePlugin:
    """What an entry point in ``rotator.stores`` names. Making one imports no SDK; ``open`` may."""

    name: str
    summary: str
    config: type[Config]
    place: type[Place]
    open: Callable[[Any, Access], Store[Any]]
    write_only: bool = False
    """Nothing that it holds is ever given back, whatever the place: no management credential can be kept there."""
    needs: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    credentials: tuple[Credential, ...] = ()
    permissions: tuple[str, ...] = ()
    example: str = ""
    tested: str = ""
    where: Callable[[Any, Any], Where] = _EVERYTHING_BUT_CREATE
    """(config, place) → where the value lies. No two policies may write to one place. Whose values share a document got
    out together, and a version of it is put away when none of them needs it. Permanent: with these settings there can
    be no such place. It asks nobody.
    """


@dataclass(frozen=True)
class ProfileReader:
    """How an issuer described in YAML becomes a plug-in: validated against ``model``, then handed to ``plugin``.

    An entry point in ``rotator.profile_readers`` names one; ``kind`` is what such a file says of itself.
    """

    kind: str
    model: type[BaseModel]
    plugin: Callable[[Any], IssuerPlugin]
