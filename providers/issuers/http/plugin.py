"""The ``http`` issuer: an issuer described in YAML, without code. docs/issuers/http.md says how one is written.

This module makes a plug-in of a profile. What a profile may say is in ``profile``, the operations in
``issuer``, what an answer means in ``outcomes``, how a request is made in ``calls``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from providers.http.config import HttpConfig
from providers.issuers.http import expiry as expiries
from providers.issuers.http.profile import HttpProfile, Setting
from providers.issuers.http.requests import CookieSession
from rotator.domain.contracts import (
    Access,
    Config,
    Credential,
    Issuer,
    IssuerPlugin,
    IssuerTraits,
    NameRules,
    Options,
    ProfileReader,
)
from rotator.domain.limits import Limits
from rotator.domain.secret_value import SecretValue

if TYPE_CHECKING:
    from providers.issuers.http.templates import Named

_TYPES: dict[str, Any] = {"str": str, "int": int, "bool": bool, "list": list[Any]}


def plugin_of(profile: HttpProfile) -> IssuerPlugin:
    """Make a plug-in of a profile. Calls nobody and imports no HTTP library."""
    credentials = tuple(Credential(name, spec.what, spec.required) for name, spec in profile.credentials.items())
    return IssuerPlugin(
        name=profile.name,
        summary=profile.summary,
        config=_config_model(profile),
        options=create_model(f"{class_name(profile.name)}Options", __base__=Options, **fields_of(profile.options)),
        traits=lambda _config, _options: traits_of(profile),
        open=lambda config, options, access: _open(profile, config, options, access),
        limits=Limits(profile.limits.rate, profile.limits.concurrency),
        credentials=credentials,
        permissions=profile.permissions,
        example=profile.example,
        tested=profile.tested,
    )


def traits_of(profile: HttpProfile) -> IssuerTraits:
    """Say what the issuer is like, as its profile tells."""
    limits, listing = profile.limits, profile.operations.list
    return IssuerTraits(
        coexistence=limits.coexistence,
        max_active=limits.max_active,
        lists=listing is not None,
        names_tokens=listing is not None and listing.extract.name is not None,
        binds_value_to_handle=profile.operations.verify.extract.handle is not None,
        reports_last_use=listing is not None and listing.extract.last_used_at is not None,
        reuses_handles=limits.reuses_handles,
        names=NameRules(
            limits.name.min, limits.name.max, limits.name.pattern, limits.name.forbid, limits.name.separator
        ),
        expiry=expiries.rules(limits.expiry),
        issue_propagation=limits.propagation.create.roughly,
        revoke_propagation=limits.propagation.revoke.roughly,
    )


def class_name(name: str) -> str:
    """Give a profile's name as classes are named."""
    return "".join(word.capitalize() for word in name.split("-"))


def fields_of(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Give declared settings as a model's fields."""
    fields: dict[str, Any] = {}
    for name, setting in settings.items():
        kind = Literal[setting.choices] if setting.choices else _TYPES[setting.type]
        fields[name] = (kind, ...) if setting.required else (kind | None, setting.default)
    return fields


def _config_model(profile: HttpProfile) -> type[Config]:
    """Make the connection's settings: an address, references to the declared credentials, the profile's settings."""
    required = {name for name, spec in profile.credentials.items() if spec.required}

    class ProfileConfig(HttpConfig):
        @model_validator(mode="after")
        def _has_its_credentials(self) -> Self:
            problem = credential_problem(self.credentials, required, profile.credentials)
            if problem:
                raise ValueError(problem)
            return self

    fields = fields_of(profile.settings)
    if profile.url is not None:
        fields["url"] = (str, Field(default=profile.url, validate_default=True))
    return create_model(f"{class_name(profile.name)}Config", __base__=ProfileConfig, **fields)


def credential_problem(given: Mapping[str, object], required: set[str], known: Iterable[str]) -> str | None:
    """Say what is wrong with the references of a connection, or None."""
    if missing := sorted(required - set(given)):
        return f"`credentials` lacks {', '.join(missing)}; give a reference, for example `{missing[0]}: env:NAME`"
    if unknown := sorted(set(given) - set(known)):
        return f"`credentials` does not take {', '.join(unknown)}; it takes {', '.join(sorted(known)) or 'none'}"
    return None


def as_variables(model: Config | Options, declared: Iterable[str]) -> Named:
    """Give what a policy or a connection set, as templates see it."""
    from providers.issuers.http.templates import OMIT, Named

    values = {name: getattr(model, name) for name in declared}
    return Named({name: OMIT if value is None else value for name, value in values.items()})


def _open(profile: HttpProfile, config: HttpConfig, options: Options, access: Access) -> Issuer:
    from providers.issuers.http.client import ProfileClient
    from providers.issuers.http.issuer import HttpIssuer
    from providers.issuers.http.outcomes import Failures
    from providers.issuers.http.session import Login, Management, WithCredential, WithLogin
    from providers.issuers.http.templates import OMIT, Omitted, Secrets
    from providers.kept_login import KeptLogin

    def credential(name: str) -> SecretValue | Omitted:
        return access.credential(name) if name in config.credentials else OMIT

    def connect() -> ProfileClient:
        return ProfileClient(config.url, ca_file=config.ca_file, access=access, retry_after=profile.limits.retry_after)

    client = access.shared("http", connect)
    failures, settings = Failures(profile), as_variables(config, profile.settings)
    account = {"credentials": Secrets(credential), "settings": settings}
    auth = profile.auth.management
    management: Management
    if isinstance(auth, CookieSession):
        kept: KeptLogin[Login] = access.shared("login", KeptLogin)
        management = WithLogin(client, auth, account, kept, failures, access.clock)
    else:
        management = WithCredential(client, auth, account)
    variables = {"options": as_variables(options, profile.options), "settings": settings}
    return HttpIssuer(profile, traits_of(profile), client, management, variables, failures, access.clock)


PROFILE_READER = ProfileReader(kind="HttpIssuer", model=HttpProfile, plugin=plugin_of)
