"""Makes a plug-in of a dashboard's profile. What one may say is in ``profile``, what it does then in ``issuer``."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, create_model, model_validator

from providers.http.config import HttpConfig
from providers.issuers.by_hand.profile import AssistedProfile
from providers.issuers.http.plugin import as_variables, class_name, credential_problem, fields_of
from rotator.domain.contracts import (
    Access,
    Config,
    ExpiryRules,
    Issuer,
    IssuerPlugin,
    IssuerTraits,
    NameRules,
    Options,
    ProfileReader,
)
from rotator.domain.durations import Duration
from rotator.domain.limits import Limits


def plugin_of(profile: AssistedProfile) -> IssuerPlugin:
    """Make a plug-in of a profile. Calls nobody and imports no HTTP library."""
    return IssuerPlugin(
        name=profile.name,
        summary=profile.summary,
        config=_config_model(profile),
        options=create_model(f"{class_name(profile.name)}Options", __base__=Options, **fields_of(profile.options)),
        traits=lambda _config, _options: traits_of(profile),
        open=lambda config, options, access: _open(profile, config, options, access),
        limits=Limits(profile.limits.rate, profile.limits.concurrency),
        permissions=(f"a person who can sign in at {profile.page.link}",),
        example=profile.example,
        tested=profile.tested,
    )


def traits_of(profile: AssistedProfile) -> IssuerTraits:
    """Say what the service is like, as its profile tells."""
    limits, name = profile.limits, profile.limits.name
    return IssuerTraits(
        max_active=limits.max_active,
        by_hand=True,
        lists=False,
        binds_value_to_handle=profile.verify.extract.handle is not None,
        names=NameRules(name.min, name.max, name.pattern, name.forbid, name.separator),
        expiry=_expiry_rules(profile),
        issue_propagation=limits.propagation.create.roughly,
        revoke_propagation=limits.propagation.revoke.roughly,
        value_pattern=profile.token.pattern,
        refuses_accounts=profile.refuses_accounts,
    )


def _expiry_rules(profile: AssistedProfile) -> ExpiryRules:
    """Give the rules the planner knows. A page without a choice offers no lifetime longer than none at all."""
    expiry = profile.limits.expiry
    if expiry is None:
        return ExpiryRules(maximum=Duration())
    return ExpiryRules(expiry.never is None, tuple(expiry.choices.values()), None, expiry.never_means)


def _config_model(profile: AssistedProfile) -> type[Config]:
    """Make the connection's settings. It takes no credentials: nothing is done in anybody's name."""

    class AssistedConfig(HttpConfig):
        page: str = Field(default=profile.page.link, pattern=r"^https?://")
        """Where people make and delete the tokens, if not at the service's usual page."""

        @model_validator(mode="after")
        def _takes_no_credentials(self) -> Self:
            problem = credential_problem(self.credentials, set(), ())
            if problem:
                raise ValueError(problem)
            return self

    fields: dict[str, Any] = fields_of(profile.settings)
    if profile.url is not None:
        fields["url"] = (str, Field(default=profile.url, validate_default=True))
    return create_model(f"{class_name(profile.name)}Config", __base__=AssistedConfig, **fields)


def _open(profile: AssistedProfile, config: HttpConfig, options: Options, access: Access) -> Issuer:
    from providers.http.client import HttpClient
    from providers.issuers.by_hand.issuer import AssistedIssuer
    from providers.issuers.http.verifying import Verifier

    client = access.shared("http", lambda: HttpClient(config.url, ca_file=config.ca_file, access=access))
    variables = {
        "options": as_variables(options, profile.options),
        "settings": as_variables(config, profile.settings),
    }
    verifier = Verifier(profile.name, profile.verify, client, variables)
    page = profile.page.model_copy(update={"link": getattr(config, "page", profile.page.link)})
    return AssistedIssuer(profile.name, page, profile.limits.expiry, traits_of(profile), verifier, variables)


PROFILE_READER = ProfileReader(kind="AssistedIssuer", model=AssistedProfile, plugin=plugin_of)
