"""Providers that exist for tests of configuration only: nobody can open them."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rotator.config.plugins import Plugins
from rotator.domain.contracts import (
    Config,
    Credential,
    ExpiryRules,
    IssuerPlugin,
    IssuerTraits,
    NameRules,
    Options,
    Place,
    ProfileReader,
    StorePlugin,
    Where,
)
from rotator.domain.durations import Duration
from rotator.domain.errors import Permanent
from rotator.domain.limits import Limits, Rate


def _never_opened(*_: Any) -> Any:
    raise AssertionError("configuration opens nobody")


class SaasConfig(Config):
    url: str = "https://saas.example"
    team_id: int = 1


class SaasOptions(Options):
    user: str = "alice"
    scopes: tuple[str, ...] = ()


class CabinetConfig(Config):
    url: str
    verify_tls: bool = True


class CabinetPlace(Place):
    path: str
    field: str | None = None
    targets: tuple[Literal["production", "preview"], ...] = ()
    redeploy: bool = False
    create: bool = False
    grace: Duration = Duration()


SAAS = IssuerPlugin(
    name="saas",
    summary="an issuer",
    config=SaasConfig,
    options=SaasOptions,
    traits=lambda _config, _options: IssuerTraits(
        names=NameRules(max_length=40),
        expiry=ExpiryRules(choices=(Duration.parse("90 days"), Duration.parse("6 months"))),
        reports_last_use=True,
        max_active=5,
    ),
    open=_never_opened,
    limits=Limits(Rate.parse("100/min"), concurrency=4),
    credentials=(Credential("email", "who logs in"), Credential("password", "with what", required=False)),
)


def _where(config: CabinetConfig, place: CabinetPlace) -> Where:
    if place.path.startswith("../"):
        raise Permanent(f"The path {place.path} leads out of the cabinet.", remedy="Write one from its top.")
    return Where([config.url, place.path], place.field)


CABINET = StorePlugin(
    name="cabinet",
    summary="a store",
    config=CabinetConfig,
    place=CabinetPlace,
    where=_where,
    open=_never_opened,
    credentials=(Credential("token", "a token that may write", required=False),),
)

LETTERBOX = StorePlugin(
    name="letterbox",
    summary="a store that gives nothing back",
    config=CabinetConfig,
    place=CabinetPlace,
    open=_never_opened,
    write_only=True,
)


class Profile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["SmallIssuer"]
    name: str
    summary: str = ""
    longest_name: int = 40


SMALL_ISSUER = ProfileReader(
    kind="SmallIssuer",
    model=Profile,
    plugin=lambda profile: IssuerPlugin(
        name=profile.name,
        summary=profile.summary,
        config=SaasConfig,
        options=Options,
        traits=lambda _config, _options: IssuerTraits(names=NameRules(max_length=profile.longest_name)),
        open=_never_opened,
    ),
)


def entry(group: str, name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=f"tests.unit.config.small_plugins:{value}", group=f"rotator.{group}")


ENTRIES = (
    entry("issuers", "saas", "SAAS"),
    entry("stores", "cabinet", "CABINET"),
    entry("stores", "letterbox", "LETTERBOX"),
    entry("profile_readers", "SmallIssuer", "SMALL_ISSUER"),
)


def small_plugins(*more: EntryPoint) -> Plugins:
    return Plugins((*ENTRIES, *more))
