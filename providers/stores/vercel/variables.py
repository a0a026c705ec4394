"""The calls that deal with a project's environment variables.

Paths and shapes are those of Vercel's own SDK 1.28.35 and CLI 64.0.2.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from providers.stores.vercel.failures import ALREADY_THERE, Asked, Refused, code_of, explained
from providers.stores.vercel.plugin import NewType, Target, VercelPlace
from providers.stores.vercel.record import Reach, Record, named, new_record, record_of
from providers.stores.vercel.session import Document, Session
from rotator.domain.errors import Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue

_MOST_PAGES: Final = 100
_MAY_BE_POLICY: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN})


class Overtaken(Exception):
    """The record is gone, or there is one already where we wanted to make it."""


@dataclass(frozen=True)
class Policies:
    """What a team demands of its variables."""

    sensitive_only: bool = False
    """``sensitiveEnvironmentVariablePolicy``: production's and preview's are made sensitive."""
    production_apart: bool = False
    """``disjunctiveProductionSecretPolicy``: production's secrets have records, and values, of their own."""


class Variables:
    """The environment variables of every project of the connection."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all_of(self, place: VercelPlace) -> list[Record]:
        """List every record of every variable of the place's project, without values."""
        asked = self._asked(f"list the variables of project `{place.project}`", f"{permission(place)}: list")
        with self._session.told(asked):
            found: list[Record] = []
            query: dict[str, str] = {}
            for _ in range(_MOST_PAGES):
                page = self._session.send(asked, "GET", _path(place), query=query)
                found += [record_of(each) for each in page["envs"]]
                following = (page.get("pagination") or {}).get("next")
                if following is None:
                    return found
                query = {"until": str(following)}
        raise Permanent(f"{self._session.server} gave no end {asked.in_vain}.")

    def opened(self, place: VercelPlace, record: Record) -> Record:
        """Give a readable record with its value, as it is now."""
        asked = self._asked(f"read {named(place)}", f"{permission(place)}: read")
        with self._session.told(asked):
            try:
                opened = record_of(self._session.send(asked, "GET", _path(place, record, "/v1")), decrypted=True)
            except Refused as refused:
                if refused.status == HTTPStatus.NOT_FOUND and refused.is_vercels:
                    raise Temporary(f"{named(place)} was there a moment ago, and is gone.") from refused
                raise
        if opened.is_readable and opened.text is None:
            raise Permanent(
                f"{self._session.server} gave {named(place)} without its value.",
                remedy="It cannot be decrypted: set it anew by hand, or make it sensitive.",
            )
        return opened

    def edit(self, place: VercelPlace, record: Record, value: SecretValue) -> Record:
        """Set the value, and nothing else. Gives the record as it is then; Overtaken when it is gone."""
        asked = self._asked(f"set {named(place)}", f"{permission(place)}: update", changes=True)
        try:
            with self._session.told(asked):
                try:
                    body = {"value": value.reveal()}
                    return record_of(self._session.send(asked, "PATCH", _path(place, record, "/v9"), body))
                except Refused as refused:
                    if refused.is_vercels and (refused.status == HTTPStatus.NOT_FOUND or refused.code in ALREADY_THERE):
                        raise Overtaken from refused
                    raise
        except Permanent as error:
            self._add_policy(error, place)
            raise

    def create(self, place: VercelPlace, reach: Reach, value: SecretValue) -> Record:
        """Make the record. Overtaken when there is one already; what a 201 names under ``failed`` was not made."""
        asked = self._asked(f"create {named(place)}", f"{permission(place)}: create", changes=True)
        try:
            with self._session.told(asked):
                try:
                    answer = self._session.send(asked, "POST", _path(place), new_record(place, reach, value))
                except Refused as refused:
                    if refused.code in ALREADY_THERE:
                        raise Overtaken from refused
                    raise
                self._raise_failures(answer, asked)
                created = answer["created"]
                return record_of(created[0] if isinstance(created, list) else created)
        except Permanent as error:
            self._add_policy(error, place)
            raise

    def custom_environment(self, place: VercelPlace) -> str | None:
        """Give the id of the place's custom environment. Permanent where the project has none of that name."""
        if place.custom_environment is None:
            return None
        asked = self._asked(f"list the custom environments of project `{place.project}`", "project: read")
        with self._session.told(asked):
            found = self._session.send(asked, "GET", f"/v9/projects/{place.project}/custom-environments")
            known = {each["id"]: each["slug"] for each in found["environments"]}
        for identity, slug in known.items():
            if place.custom_environment in (identity, slug):
                return str(identity)
        raise Permanent(
            f"Project `{place.project}` has no custom environment `{place.custom_environment}`.",
            remedy=f"It has {', '.join(f'`{slug}`' for slug in known.values()) or 'none'}: correct the policy.",
        )

    def policies(self) -> Policies:
        """Ask what the team demands. A token that may not know is told that it demands nothing."""
        team = self._session.team
        if team is None:
            return Policies()
        asked = self._asked(f"describe team `{team}`", "team: read")
        with self._session.told(asked):
            try:
                found = self._session.send(asked, "GET", f"/v2/teams/{team}")
            except Refused as refused:
                if refused.status == HTTPStatus.FORBIDDEN:
                    return Policies()
                raise
        return Policies(
            found.get("sensitiveEnvironmentVariablePolicy") == "on",
            found.get("disjunctiveProductionSecretPolicy") == "on",
        )

    # --- what is said of it ---

    def _asked(self, what: str, needs: str, *, changes: bool = False) -> Asked:
        return Asked(self._session.server, what, needs, changes)

    def _raise_failures(self, answer: Document, asked: Asked) -> None:
        for failure in answer.get("failed") or ():
            code = code_of(failure["error"])
            if code in ALREADY_THERE:
                raise Overtaken
            raise Permanent(
                f"{self._session.server} said 201, and that it failed{f' ({code})' if code else ''} {asked.in_vain}.",
                remedy=explained(code) or "Vercel's answer tells no more.",
            )

    def _add_policy(self, error: Permanent, place: VercelPlace) -> None:
        """Name the team's policy in a refusal that it may explain: Vercel's codes do not."""
        if isinstance(error.__cause__, Refused) and error.__cause__.status not in _MAY_BE_POLICY:
            return
        with suppress(RotatorError):  # the refusal is what matters
            error.remedy = f"{error.remedy} {policy_against(place, self.policies())}".rstrip()


def policy_against(place: VercelPlace, policies: Policies) -> str:
    """Say which of the team's policies may stand against a write; nothing where none does."""
    if policies.production_apart:
        return (
            "The team's policy `disjunctiveProductionSecretPolicy` is on: a secret of production has a record and a "
            "value of its own. Give production a policy of its own, so that it gets another token than the rest."
        )
    if policies.sensitive_only and place.type is NewType.ENCRYPTED and place.targets != (Target.DEVELOPMENT,):
        return (
            "The team's policy `sensitiveEnvironmentVariablePolicy` is on: variables of production and preview are "
            "sensitive. Leave `type` out, and give development a record of its own."
        )
    return ""


def permission(place: VercelPlace) -> str:
    """Name what a role must allow, as Vercel's API does under a project's ``permissions``."""
    return "projectEnvVarsProduction" if Target.PRODUCTION in place.targets else "projectEnvVars"


def _path(place: VercelPlace, record: Record | None = None, version: str = "/v10") -> str:
    one = f"/{quote(record.id, safe='')}" if record else ""
    return f"{version}/projects/{place.project}/env{one}"
