"""The calls that deal with variables: look at one, change its value, make one.

Only the variable in question is asked for. A list would bring every other secret of the project into this process.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from providers.stores.gitlab.failures import (
    PERMISSIONS,
    Asked,
    garbled,
    is_missing_variable,
    is_several,
    is_taken,
)
from providers.stores.gitlab.plugin import GitLabPlace
from providers.stores.gitlab.session import Answered, Session
from providers.stores.gitlab.variable import Variable, named, new_variable, variable_of
from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue

_NOBODYS: Final = "rotator-asks-whether-scopes-count"
"""A scope that no variable has."""


class Overtaken(Exception):
    """Somebody made or removed the variable between our look and our write."""


class Variables:
    """The variables of every project and group of the connection."""

    def __init__(self, session: Session) -> None:
        self.server = session.server
        self._session = session
        self._scopes_count_in_groups = False

    def find(self, place: GitLabPlace) -> Variable | None:
        """Give the one variable that a place means; None where there is none. Permanent where it may be several."""
        asked = self._asked(place, f"look at {named(place)}")
        answer = self._session.send(asked, "GET", _path(place), query=_only(place.environment_scope))
        if is_missing_variable(answer.http):
            return None
        if is_several(answer.http):
            raise Permanent(
                f"{named(place)} is not one variable: the key is there for several environment scopes.",
                remedy="Write the `environment_scope` of the one that is meant into the policy, as GitLab shows it.",
            )
        found = _read(answer)
        if found.key != place.var:
            raise garbled(asked)
        if place.environment_scope not in (None, found.scope):
            raise _scopes_do_not_count(place, self.server)
        return found

    def edit(self, place: GitLabPlace, variable: Variable, value: SecretValue) -> Variable:
        """Set the value and nothing else. Overtaken where the variable is gone."""
        self.refuse_where_scopes_do_not_count(place)
        asked = self._asked(place, f"set {named(place)}", changes=True)
        answer = self._session.send(
            asked, "PUT", _path(place), query=_only(variable.scope), body={"value": value.reveal()}
        )
        if is_missing_variable(answer.http):
            raise Overtaken
        return _read(answer)

    def create(self, place: GitLabPlace, value: SecretValue) -> Variable:
        """Make the variable. Overtaken where it is there already."""
        asked = self._asked(place, f"create {named(place)}", changes=True)
        answer = self._session.send(asked, "POST", _all(place), body=new_variable(place, value))
        if is_taken(answer.http):
            raise Overtaken
        return _read(answer)

    def refuse_where_scopes_do_not_count(self, place: GitLabPlace) -> None:
        """Raise where a write to a group's variable would go to any one of its key.

        Before 16.9 GitLab ignored the filter for groups, and took the first variable of the key. So it is asked for
        one of a scope that nobody has: whoever finds one does not filter.
        """
        if place.group is None or self._scopes_count_in_groups:
            return
        asked = self._asked(place, f"look at {named(place)} for a scope that nobody has")
        answer = self._session.send(asked, "GET", _path(place), query=_only(_NOBODYS))
        if not is_missing_variable(answer.http):
            _read(answer)
            raise _scopes_do_not_count(place, self.server)
        self._scopes_count_in_groups = True

    def refuse_a_token_that_only_reads(self, place: GitLabPlace) -> None:
        """Raise where GitLab tells the token's scopes, and they are not enough. Of OAuth's tokens it tells nothing."""
        asked = self._asked(place, "describe the token")
        answer = self._session.send(asked, "GET", "/personal_access_tokens/self")
        scopes = answer.document.get("scopes") if answer.is_success else None
        if isinstance(scopes, list) and "read_api" in scopes and "api" not in scopes:
            raise Permanent(
                f"{self.server}: the token may read {named(place)}, and not set it: it has the scope `read_api`.",
                remedy=f"Make one with the scope `api`; {PERMISSIONS} does.",
            )

    def _asked(self, place: GitLabPlace, what: str, *, changes: bool = False) -> Asked:
        role = "Maintainer in the project" if place.project else "Owner of the group"
        return Asked(self.server, what, role, changes)


def _read(answer: Answered) -> Variable:
    document = answer.document
    try:
        return variable_of(document, answer.digest)
    except TypeError as error:
        raise garbled(answer.asked) from error


def _only(scope: str | None) -> dict[str, str]:
    return {"filter[environment_scope]": scope} if scope else {}


def _all(place: GitLabPlace) -> str:
    kind, owner = ("projects", place.project) if place.project else ("groups", place.group)
    return f"/{kind}/{quote(owner or '', safe='')}/variables"


def _path(place: GitLabPlace) -> str:
    return f"{_all(place)}/{place.var}"


def _scopes_do_not_count(place: GitLabPlace, server: str) -> Permanent:
    return Permanent(
        f"{server} takes any variable of the key for {named(place)}, whatever its environment scope.",
        remedy="GitLab tells the variables of a group apart from 16.9 on, those of a project from 13.2 on: upgrade it.",
    )
