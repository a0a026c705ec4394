"""How a policy file says who we are to Vault: one method, chosen by name, with what belongs to it.

No method is tried after another one, and nothing is taken from where the policy did not point. This module imports no
SDK; the calls are in ``login``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from rotator.domain.contracts import Credential


def _path_below_v1(text: str) -> str:
    """Give a mount or path without slashes around it. Refuses what an HTTP client would fold: ``//``, ``..``."""
    path = text.strip("/")
    if not path:
        raise ValueError("it is empty; name something below Vault's /v1/")
    if any(part in ("", ".", "..") or part != part.strip() for part in path.split("/")) or not path.isprintable():
        raise ValueError("it has an empty, dotted or blank part, or an unprintable character; write it plainly: a/b/c")
    return path


VaultPath = Annotated[str, AfterValidator(_path_below_v1)]


@dataclass(frozen=True)
class Method:
    """What one method takes: references in ``credentials`` and settings in ``auth``; and what to check when refused."""

    check: str
    credentials: tuple[Credential, ...] = ()
    needs: frozenset[str] = frozenset()
    may_have: frozenset[str] = frozenset()


_JWT: Final = Credential("jwt", "a signed JSON Web Token; for a service account, the one in its pod's own file")

METHODS: Final[Mapping[str, Method]] = {
    "token": Method(
        check="Put a living token where the connection's `token` is read from.",
        credentials=(Credential("token", "a token, made by somebody else"),),
    ),
    "approle": Method(
        check="The connection's `role_id` and `secret_id` are wrong, expired, used up, or bound to another address.",
        credentials=(
            Credential("role_id", "the AppRole's role-id"),
            Credential("secret_id", "a secret-id of the role that may be used more than once"),
        ),
    ),
    "kubernetes": Method(
        check="Check `role`, its service accounts, namespaces and audience, and that `jwt` is this pod's own token: "
        "a mount asks the cluster that it is configured for.",
        credentials=(_JWT,),
        needs=frozenset({"role"}),
    ),
    "jwt": Method(
        check="`jwt` has expired, is for another audience, is signed by another key than the mount trusts, or is not "
        "what `role` asks for.",
        credentials=(_JWT,),
        may_have=frozenset({"role"}),
    ),
    "aws": Method(
        check="Check that `role` is bound to our IAM identity, that `region` and `server_id` are what the mount "
        "expects, and this machine's clock.",
        credentials=(
            Credential("access_key_id", "access key of the IAM identity; unset: botocore's own chain", required=False),
            Credential("secret_access_key", "secret access key that belongs to it", required=False),
            Credential("session_token", "session token, for temporary credentials", required=False),
        ),
        may_have=frozenset({"role", "region", "server_id"}),
    ),
    "cert": Method(
        check="The mount does not trust `certificate_file`, it has expired, or it is not what `role` asks for.",
        needs=frozenset({"certificate_file"}),
        may_have=frozenset({"key_file", "role"}),
    ),
    "userpass": Method(
        check="`username` or `password` is wrong, or the user is locked out.",
        credentials=(Credential("password", "the user's password"),),
        needs=frozenset({"username"}),
    ),
}


class Auth(BaseModel):
    """How to sign in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = Field(default="token", json_schema_extra={"enum": [*METHODS]})
    mount: VaultPath | None = None
    """Where the method is mounted; by default, at its own name."""
    namespace: VaultPath | None = None
    """Where the method is, if not in the connection's namespace. ``root`` is the one above all."""
    role: str | None = Field(default=None, min_length=1)
    username: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")
    """With ``aws``: whose STS the mount asks. By default the global one, in us-east-1."""
    server_id: str | None = Field(default=None, pattern=r"^[\x21-\x7e]+$")
    """With ``aws``: what the mount expects in X-Vault-AWS-IAM-Server-ID."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    """With ``cert``: files in PEM. By default, the key is in the certificate's file."""

    @model_validator(mode="after")
    def _fits_its_method(self) -> Self:
        method = METHODS.get(self.method)
        if method is None:
            raise ValueError(f"unknown auth method; known are {', '.join(sorted(METHODS))}")
        given = self.model_fields_set - {"method", "mount", "namespace"}
        if missing := sorted(method.needs - given):
            raise ValueError(f"auth method {self.method} needs {', '.join(missing)}")
        if surplus := sorted(given - method.needs - method.may_have):
            raise ValueError(f"auth method {self.method} has no {', '.join(surplus)}; remove it")
        return self


def problems_with_credentials(method: str, names: frozenset[str]) -> Iterator[str]:
    """Say which references are missing for a method, and which are too many."""
    known = METHODS[method].credentials
    needed = {credential.name for credential in known if credential.required}
    if method == "aws" and names:
        needed = {"access_key_id", "secret_access_key"}
    if missing := sorted(needed - names):
        yield f"auth method {method} needs credentials: {', '.join(missing)}; add references"
    if surplus := sorted(names - {credential.name for credential in known}):
        yield f"auth method {method} has no credentials {', '.join(surplus)}; remove them"


def credentials_of_all_methods() -> tuple[Credential, ...]:
    """Give each credential once, with the methods that take it."""
    takers: dict[Credential, list[str]] = {}
    for name, method in METHODS.items():
        for credential in method.credentials:
            takers.setdefault(credential, []).append(name)
    return tuple(
        Credential(credential.name, f"{credential.what} (auth method {' or '.join(names)})", required=False)
        for credential, names in takers.items()
    )
