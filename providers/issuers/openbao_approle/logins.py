"""The tokens that were got with a secret id: they outlive it, so ending it ends nothing that it opened.

OpenBao does not tell which secret id a token came from, but it copies the secret id's metadata into the token, and ours
holds a name that no other has. A token of this role with a name of ours that no living secret id has came from a dead
one. What carries no such name (secret ids made by hand) is never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from providers.issuers.openbao_approle.calls import Asked, Server, data, says

NAME: Final = "rotator_name"
"""The key of a secret id's metadata that holds our name."""
_INVALID_ACCESSOR: Final = "invalid accessor"


@dataclass(frozen=True)
class Logins:
    """The tokens of one role's logins."""

    server: Server = field(repr=False)
    role: str

    def found(self) -> dict[str, str]:
        """Give the accessor of each living token of the role whose secret id had a name of ours, and that name."""
        asked = Asked("list the accessors of tokens", "auth/token/accessors", "list (and sudo)")
        answer = self.server.list(asked)
        accessors = data(answer, "keys")
        if not isinstance(accessors, list):
            raise self.server.refusal(asked, answer)
        names = {str(accessor): self._name(str(accessor)) for accessor in accessors}
        return {accessor: name for accessor, name in names.items() if name is not None}

    def end(self, found: Mapping[str, str], *, alive: Collection[str]) -> None:
        """End those tokens whose secret id is not among these names any more. Repeatable.

        It need not be told which one died: so a crash after a secret id's end leaves no token that cannot be found.
        """
        for accessor, name in found.items():
            if name in alive:
                continue
            asked = Asked(f"end the token {accessor}", "auth/token/revoke-accessor", changes=True)
            answer = self.server.post(asked, {"accessor": accessor})
            if answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT) and not says(answer, _INVALID_ACCESSOR):
                raise self.server.refusal(asked, answer)

    def _name(self, accessor: str) -> str | None:
        asked = Asked(f"look up the token {accessor}", "auth/token/lookup-accessor")
        answer = self.server.post(asked, {"accessor": accessor})
        if answer.status >= HTTPStatus.BAD_REQUEST and says(answer, _INVALID_ACCESSOR):
            return None  # it ended while the list was read
        if answer.status != HTTPStatus.OK:
            raise self.server.refusal(asked, answer)
        meta: Any = data(answer, "meta")
        if data(answer, "path") != f"auth/{self.server.mount}/login" or not isinstance(meta, dict):
            return None
        name, role = meta.get(NAME), str(meta.get("role_name"))
        return name if isinstance(name, str) and role.casefold() == self.role.casefold() else None
