"""The calls to Jenkins: signed in anew each time, with a crumb where Jenkins asks for one."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.stores.jenkins.document import Document, Unusable, parse
from providers.stores.jenkins.failures import Doing, refusal
from providers.stores.jenkins.plugin import GLOBAL_DOMAIN, JenkinsConfig, JenkinsPlace
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, Permanent

_CRUMB_HEADER: Final = re.compile(r"\.?[A-Za-z][A-Za-z-]{0,63}")


@dataclass(frozen=True)
class Shown:
    """What Jenkins shows of a credential."""

    document: Document
    fingerprint: str | None
    """Changes with the secret; there is none until a build has used it (``CredentialsProvider.getFingerprintOf``)."""


class Jenkins:
    """One connection. Safe to share between threads."""

    def __init__(self, config: JenkinsConfig, access: Access) -> None:
        self.server = f"Jenkins at {urlsplit(config.url).netloc}"
        self._config = config
        self._access = access
        self._client = HttpClient(config.url, ca_file=config.ca_file, access=access)

    def look(self, place: JenkinsPlace) -> Shown | None:
        """Give what is shown of a credential; None where there is none that we may see."""
        doing = Doing(f"show {named(place)}")
        told = self._get(f"{_path(place)}/api/json", doing, {"tree": "description,fingerprint[hash]"})
        shown = self._get(f"{_path(place)}/config.xml", doing) if told else None
        if told is None or shown is None:
            return None
        if not isinstance(told.document, dict):
            raise Permanent(
                f"{self.server} gave no JSON object when asked to {doing.what}.",
                remedy="Is there a login page or a proxy in front? Check the connection's `url`.",
            )
        description = told.document.get("description")
        try:
            document = parse(
                shown.body, _charset(shown), place.credential, description if isinstance(description, str) else None
            )
        except Unusable as unusable:
            raise self.unusable(place, unusable) from unusable
        fingerprint = told.document.get("fingerprint")
        return Shown(document, fingerprint.get("hash") if isinstance(fingerprint, dict) else None)

    def unusable(self, place: JenkinsPlace, unusable: Unusable) -> Permanent:
        return Permanent(f"{self.server}: {named(place)} cannot be written: {unusable.why}.", remedy=unusable.remedy)

    def update(self, place: JenkinsPlace, document: bytes) -> None:
        """Replace the credential. Jenkins says yes, too, when there is nothing to replace any more: look afterwards."""
        doing = Doing(f"update {named(place)}", changes=True)
        headers = {"Content-Type": "application/xml; charset=utf-8", **self.crumb()}
        answer = self._send("POST", f"{_path(place)}/config.xml", doing, headers=headers, body=document)
        if answer.status == HTTPStatus.OK and not answer.body.strip():
            return
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise Ambiguous(
                f"{self.server} answered {answer.status} with a page when asked to {doing.what}; Jenkins gives none.",
                remedy="The change may have been made. Is there a login page or a proxy in front?",
            )
        raise refusal(self.server, doing, answer, self._access.clock.now())

    def crumb(self) -> Mapping[str, str]:
        """Give the headers that a change needs: none with an API token, or where crumbs are switched off.

        A crumb is good for the session that it was given in, so that session's cookie goes with it.
        """
        if self._config.has_api_token:
            return {}
        doing = Doing("give a crumb")
        answer = self._get("/crumbIssuer/api/json", doing)
        if answer is None:
            return {}
        given = answer.document if isinstance(answer.document, dict) else {}
        header, crumb = given.get("crumbRequestField"), given.get("crumb")
        if not isinstance(header, str) or not _CRUMB_HEADER.fullmatch(header) or not isinstance(crumb, str):
            raise Permanent(
                f"{self.server} gave no crumb when asked to {doing.what}.",
                remedy="Use an API token, which needs none.",
            )
        cookies = "; ".join(f"{name}={value}" for name, value in answer.cookies)
        return {header: crumb, **({"Cookie": cookies} if cookies else {})}

    # --- sending ---

    def _get(self, path: str, doing: Doing, query: Mapping[str, str] | None = None) -> HttpAnswer | None:
        answer = self._send("GET", path, doing, query=query)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise refusal(self.server, doing, answer, self._access.clock.now())
        return answer

    def _send(
        self,
        method: str,
        path: str,
        doing: Doing,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        request = HttpRequest(
            label=f"The request to {doing.what}",
            method=method,
            path=path,
            query=query or {},
            headers={"Accept": "*/*", "Authorization": self._login(), **(headers or {})},
            body=body,
        )
        return self._client.send(request, changes=doing.changes)

    def _login(self) -> str:
        credential = self._access.credential("token" if self._config.has_api_token else "password")
        pair = f"{self._config.user}:{credential.reveal()}".encode(errors="surrogatepass")
        return f"Basic {b64encode(pair).decode()}"


def named(place: JenkinsPlace) -> str:
    """Name the credential in words, for people."""
    store = f"the folder `{place.folder}`" if place.folder else "the system"
    domain = "" if place.domain == GLOBAL_DOMAIN else f", domain `{place.domain}`"
    return f"the credential `{place.credential}` of {store}{domain}"


def _path(place: JenkinsPlace) -> str:
    folders = "".join(f"/job/{quote(part, safe='')}" for part in place.folder.split("/")) if place.folder else ""
    store = "folder" if place.folder else "system"
    domain, credential = quote(place.domain, safe=""), quote(place.credential, safe="")
    return f"{folders}/credentials/store/{store}/domain/{domain}/credential/{credential}"


def _charset(answer: HttpAnswer) -> str | None:
    header = Message()
    header["Content-Type"] = answer.headers.get("content-type", "")
    return header.get_content_charset()
