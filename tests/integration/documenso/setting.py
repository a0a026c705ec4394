"""A team at a fake Documenso, and the issuer that a policy's connection opens there."""

from __future__ import annotations

import json
from typing import Any

from providers.issuers.documenso.plugin import PLUGIN
from rotator.domain.contracts import Issuer, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from tests.contract.http_profiles import open_issuer
from tests.fakes.documenso import Documenso
from tests.fakes.documenso_team import EMAIL, PASSWORD, TEAM

KEY = "JBSWY3DPEHPK3PXP"
"""Of an authenticator app: 80 bits, as Documenso makes them."""
LOGIN = "POST /api/auth/email-password/authorize"
CREATE = "POST /api/trpc/apiToken.create"
LIST = "GET /api/trpc/apiToken.getMany"
DELETE = "POST /api/trpc/apiToken.delete"
VERIFY = "GET /api/v2/envelope"


def access_to(service: Documenso, **credentials: str) -> DictionaryAccess:
    access = DictionaryAccess({"email": EMAIL, "password": PASSWORD, **credentials})
    access.clock = service.clock
    return access


def opened(url: str, access: DictionaryAccess, *, team_id: int = TEAM, second_factor: bool = False) -> Issuer:
    references = {"email": "env:EMAIL", "password": "env:PASSWORD"}
    if second_factor:
        references["totp_secret"] = "env:TOTP"
    config = {"url": url, "team_id": team_id, "credentials": references}
    return open_issuer(PLUGIN, access, config=config, options={})


def request(service: Documenso, name: str = "production-api-k7rm2qa", lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName(name), Duration.parse(lifetime) if lifetime else None, service.clock.now())


def trpc_error(code: str, message: str = "no") -> bytes:
    return json.dumps({"error": {"json": {"message": message, "code": -32603, "data": {"code": code}}}}).encode()


def public_error(code: str, message: str) -> bytes:
    """Give an error of the public API: the code at its top is the same for all."""
    document: dict[str, Any] = {"message": message, "code": "INTERNAL_SERVER_ERROR", "data": {"code": code}}
    return json.dumps(document).encode()
