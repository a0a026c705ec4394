"""Documenso's API tokens, as an issuer: what a policy file may say of them, and the plug-in.

Documenso has no API for its tokens: they are made by the calls of its own pages, as a user who is logged in. The work
is in ``issuer`` (the contract), ``session`` (the login), ``one_time_codes`` (its second factor) and ``answers`` (what
comes back, and what it means). What is said of Documenso was seen on a real server of version 2.17.0, or where it says
"source" read in its source code of that version.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from providers.http.config import HttpConfig
from rotator.domain.contracts import (
    Access,
    Credential,
    ExpiryRules,
    Issuer,
    IssuerPlugin,
    IssuerTraits,
    NameRules,
    Options,
)
from rotator.domain.durations import Duration
from rotator.domain.limits import Limits, Rate

URL: Final = "https://app.documenso.com"

LIFETIMES: Final = {
    Duration(months=1): "ONE_MONTH",
    Duration(months=3): "THREE_MONTHS",
    Duration(months=6): "SIX_MONTHS",
    Duration(months=12): "ONE_YEAR",
}
"""Calendar months. No lifetime: the token never expires. Any other word is answered with a 500."""

TRAITS: Final = IssuerTraits(
    names=NameRules(
        # The guide says 3, the server takes 2. It refuses URLs, invisible characters, blank letters, and escapes of
        # either; it trims.
        min_length=3,
        max_length=100,
        pattern=r"[\w\x20-\x7e]+",
        forbid=r"(?i)https?://|www\.|\\u|[\u115f\u1160\u3164\uffa0]|^ | $",
    ),
    expiry=ExpiryRules(choices=tuple(LIFETIMES)),
    # A token counts, and ends, at once. The margin is for what may stand in front of an instance.
    issue_propagation=timedelta(seconds=5),
    revoke_propagation=timedelta(seconds=30),
)


class DocumensoConfig(HttpConfig):
    """A connection to one team, as one user of an instance of Documenso."""

    url: str = URL
    team_id: Annotated[int, Field(gt=0)]
    """The team whose tokens these are. Its number stands in no page; docs/issuers/documenso.md says how to find it."""


def _open(config: Any, _options: Any, access: Access) -> Issuer:
    from providers.issuers.documenso.issuer import DocumensoIssuer
    from providers.issuers.documenso.session import Session

    session = access.shared("documenso", lambda: Session(config, access))
    return DocumensoIssuer(TRAITS, session, config.team_id, access.clock)


_EXAMPLE: Final = """\
connections:
  documenso-acme:
    provider: documenso
    team_id: 1
    credentials: {email: env:DOCUMENSO_EMAIL, password: file:/run/secrets/documenso-password}
  app-env: {provider: env-file}

policies:
  - name: documenso-production
    issuer: {connection: documenso-acme, token_name: production-api, expires_in: 6 months}
    stores:
      - {connection: app-env, file: /srv/app/.env, var: DOCUMENSO_API_TOKEN}
    schedule: {every: 90 days, before_expiry: 14 days}
    overlap: {for: 24h}
"""

PLUGIN: Final = IssuerPlugin(
    name="documenso",
    summary="API tokens of a Documenso team, made through a login",
    config=DocumensoConfig,
    options=Options,
    traits=lambda _config, _options: TRAITS,
    open=_open,
    limits=Limits(rate=Rate(100, timedelta(minutes=1))),
    credentials=(
        Credential("email", "the email address of a user who is ADMIN or MANAGER of the team"),
        Credential("password", "that user's password"),
        Credential("totp_secret", "the key of its authenticator app (base32), if it has one", required=False),
    ),
    permissions=(
        "the role ADMIN or MANAGER in the team, and in no other team",
        "sign-in by email and password, without a captcha",
    ),
    example=_EXAMPLE,
    tested="a fake with the answers of a real Documenso 2.17.0; not the real server itself",
)
