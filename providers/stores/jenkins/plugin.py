"""Jenkins credentials, as a store: what a policy file may say of them, and the plug-in.

The work is in ``store`` (the contract), ``document`` (a credential's XML), ``session`` (the calls) and ``failures``
(errors). There is no SDK: what is needed is a few plain requests.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from providers.http.config import HttpConfig
from rotator.domain.contracts import Access, Credential, Place, Store, StorePlugin

GLOBAL_DOMAIN: Final = "_"


def _name(name: str) -> str:
    """Refuse what an address cannot hold as one part of its path."""
    if name in ("", ".", "..") or not name.isprintable() or set(name) & set("/\\"):
        raise ValueError("this is no name in Jenkins: it is empty, or has slashes or control characters")
    return name


def _full_name(name: str) -> str:
    for part in name.split("/"):
        _name(part)
    return name


class JenkinsConfig(HttpConfig):
    """A connection to one Jenkins, as one user."""

    user: str = Field(min_length=1)
    """Who signs in. Jenkins needs the name beside the API token, too."""

    @field_validator("user")
    @classmethod
    def _fits_a_login(cls, user: str) -> str:
        if ":" in user or not user.isprintable():
            raise ValueError("a user name for basic authentication has no colon and no control characters")
        return user

    @model_validator(mode="after")
    def _has_one_credential(self) -> Self:
        if len(self.credentials) != 1 or not self.credentials.keys() <= {"token", "password"}:
            raise ValueError("give either `token`, the user's API token, or `password`; the token is the better one")
        return self

    @property
    def has_api_token(self) -> bool:
        return "token" in self.credentials


class JenkinsPlace(Place):
    """The secret of one credential. The credential is there already: its kind and scope are for people to choose."""

    credential: Annotated[str, AfterValidator(_name)]
    """Its id."""
    folder: Annotated[str, AfterValidator(_full_name)] | None = None
    """The full name of the folder whose store has it: ``team/app``. Without one it is in Jenkins' system store."""
    domain: Annotated[str, AfterValidator(_name)] = GLOBAL_DOMAIN
    """The credentials' domain. Jenkins calls the global one ``_`` in its addresses."""


def _open(config: Any, access: Access) -> Store[Any]:
    from providers.stores.jenkins.session import Jenkins
    from providers.stores.jenkins.store import JenkinsStore

    return JenkinsStore(access.shared("jenkins", lambda: Jenkins(config, access)))


_EXAMPLE: Final = """\
connections:
  hub: {provider: jupyterhub, url: "https://hub.example.com", credentials: {token: "env:JUPYTERHUB_ADMIN_TOKEN"}}
  ci:
    provider: jenkins
    url: https://ci.example.com/jenkins
    user: rotator
    credentials: {token: "file:/run/secrets/jenkins-token"}

policies:
  - name: hub-reports
    issuer: {connection: hub, user: reports, token_name: reports}
    stores:
      - {connection: ci, folder: data/reports, credential: hub-token}
    schedule: {every: 90 days}
    overlap: {for: 24h}
"""

PLUGIN: Final = StorePlugin(
    name="jenkins",
    summary="Jenkins: the secret of a credential (secret text, or user name with password) of the system or a folder",
    config=JenkinsConfig,
    place=JenkinsPlace,
    open=_open,
    write_only=True,
    credentials=(
        Credential("token", "the user's API token", required=False),
        Credential("password", "the user's password, instead of a token", required=False),
    ),
    permissions=(
        "Overall/Read",
        "Credentials/View and Credentials/Update: on each folder that is named, or on all of Jenkins for its own store",
        "Job/Read on each folder that is named, and on those around it",
    ),
    example=_EXAMPLE,
    tested="a fake written by the plug-ins' source, held to python-jenkins 1.8; never a running Jenkins",
)
