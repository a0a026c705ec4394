"""Jenkins as its credentials are seen over HTTP: logins, crumbs, permissions, folders, domains, ``config.xml``.

By the source of Jenkins core and of its credentials plug-ins, and held to python-jenkins, which nobody here wrote.
Below a path prefix, as many run it. Plain HTTP on loopback.

What it does not know: everything else in Jenkins, and what a reverse proxy in front of it does.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes import loopback
from tests.fakes.jenkins_credentials import Credential, Oops, credential_of
from tests.fakes.jenkins_users import PERMISSION_IDS, User

PREFIX = "/jenkins"
_STORE = re.compile(
    r"(?P<folder>(?:/job/[^/]+)*)/credentials/store/(?P<store>system|folder)/domain/(?P<domain>[^/]+)"
    r"(?:/credential/(?P<id>[^/]+))?/(?P<what>config\.xml|api/json|createCredentials)"
)
_FOLDER = re.compile(r"(?P<folder>(?:/job/[^/]+)+)/api/json")


class Refusal(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, title: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.headers = status, title, dict(headers or {})


@dataclass
class Asked:
    """One request, and who sent it."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    login: str = "anonymous"
    by_token: bool = False


@dataclass
class Answered:
    body: str
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"


class JenkinsService:
    """The service. ``users`` and ``stores`` are open to tests, as is what its container does."""

    def __init__(self) -> None:
        self.url = ""
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything, and start anew at the same address."""
        self.users: dict[str, User] = {}
        self.stores: dict[str, dict[str, dict[str, Credential]]] = {"": {"_": {}}}
        """By folder (``""`` is the system), domain and id."""
        self.saves = 0
        self.asks_for_crumbs = True
        self.charset: str | None = None
        """What the container writes ``config.xml`` in, and says so; None: Latin-1, unsaid (servlet specification)."""
        self._crumbs: dict[str, str] = {}
        self._fingerprints: set[str] = set()

    def put(self, credential: Credential, folder: str = "", domain: str = "_") -> None:
        """Make or replace a credential as somebody does on the page."""
        with self._lock:
            self.stores.setdefault(folder, {}).setdefault(domain, {})[credential.id] = credential
            self.saves += 1

    def build(self, credential: Credential) -> str:
        """Run a build that uses the credential, and give the secret that it got."""
        self._fingerprints.add(credential.fingerprint)
        return credential.secret

    # --- what it answers ---

    def answer(self, asked: Asked) -> tuple[int, Answered]:
        with self._lock:
            try:
                return 200, self._answer(asked)
            except Refusal as refusal:
                return refusal.status, _page(refusal.title, refusal.headers)
            except (Oops, UnicodeDecodeError):
                return 500, _page("Oops! A problem occurred while processing the request.", {})

    def _answer(self, asked: Asked) -> Answered:
        if not asked.path.startswith(f"{PREFIX}/"):
            raise Refusal(404, "Not Found")
        path = asked.path.removeprefix(PREFIX)
        self._sign_in(asked)
        self._refuse_without_crumb(asked)
        self._demand(asked, "Overall/Read", "")
        if path == "/crumbIssuer/api/json":
            return self._crumb()
        if in_store := _STORE.fullmatch(path):
            return self._in_store(asked, in_store)
        if (folder := _FOLDER.fullmatch(path)) and _name(folder["folder"]) in self.stores:
            name = _name(folder["folder"])
            return _json({"_class": "com.cloudbees.hudson.plugins.folder.Folder", "fullName": name})
        raise Refusal(404, "Not Found")

    def _sign_in(self, asked: Asked) -> None:
        """Without a login, it is anonymous. A wrong one is refused, and not taken for none."""
        scheme, _, pair = asked.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return
        name, _, word = b64decode(pair).decode().partition(":")
        user = self.users.get(name)
        if user is None or word not in (user.password, user.api_token):
            raise Refusal(401, f"Invalid password/token for user: {name}")
        asked.login, asked.by_token = name, word == user.api_token

    def _refuse_without_crumb(self, asked: Asked) -> None:
        if asked.method != "POST" or not self.asks_for_crumbs or asked.by_token:
            return
        session = re.search(r"JSESSIONID\.1a2b3c4d=(\w+)", asked.headers.get("Cookie", ""))
        expected = self._crumbs.get(session[1]) if session else None
        if expected is None or asked.headers.get("Jenkins-Crumb") != expected:
            raise Refusal(403, "No valid crumb was included in the request")

    def _crumb(self) -> Answered:
        if not self.asks_for_crumbs:
            raise Refusal(404, "Not Found")
        session, crumb = secrets.token_hex(8), secrets.token_hex(32)
        self._crumbs[session] = crumb
        given = {"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": crumb}
        answered = _json({**given, "crumbRequestField": "Jenkins-Crumb"})
        answered.headers["Set-Cookie"] = f"JSESSIONID.1a2b3c4d={session}; Path={PREFIX}; HttpOnly; SameSite=Lax"
        return answered

    def _demand(self, asked: Asked, permission: str, folder: str) -> None:
        user = self.users.get(asked.login)
        if user is None or not user.may(permission, folder):
            title = f"{asked.login} is missing the {permission} permission"
            headers = {"X-You-Are-Authenticated-As": asked.login, "X-Required-Permission": PERMISSION_IDS[permission]}
            raise Refusal(403, title, headers)

    # --- credentials ---

    def _in_store(self, asked: Asked, where: re.Match[str]) -> Answered:
        folder = _name(where["folder"])
        domain = self.stores.get(folder, {}).get(unquote(where["domain"]))
        if (
            domain is None
            or bool(folder) != (where["store"] == "folder")
            or not self.users[asked.login].reaches(folder)
        ):
            raise Refusal(404, "Not Found")
        if where["id"] is None:
            return self._in_domain(asked, where["what"], folder, domain)
        # Who may not view a store sees no credentials in it, and not that they are hidden.
        viewed = domain if self.users[asked.login].may("Credentials/View", folder) else {}
        credential = viewed.get(unquote(where["id"]))
        if credential is None:
            raise Refusal(404, "Not Found")
        if where["what"] == "api/json":
            return self._told(asked, credential)
        return self._config(asked, folder, domain, credential)

    def _in_domain(self, asked: Asked, what: str, folder: str, domain: dict[str, Credential]) -> Answered:
        if what == "api/json":
            self._demand(asked, "Credentials/View", folder)
            return _json(
                {"_class": "CredentialsStoreAction$DomainWrapper", "credentials": [{"id": key} for key in domain]}
            )
        if what != "createCredentials" or asked.method != "POST":
            raise Refusal(404, "Not Found")
        self._demand(asked, "Credentials/Create", folder)
        credential = credential_of(_text(asked))
        if credential.id in domain:
            raise Refusal(409, "Conflict")
        self._save(domain, credential)
        return Answered("", "text/html")

    def _told(self, asked: Asked, credential: Credential) -> Answered:
        known = credential.fingerprint in self._fingerprints
        told = {
            "description": credential.fields.get("description"),
            "displayName": credential.id,
            "fingerprint": {"hash": credential.fingerprint} if known else None,
            "id": credential.id,
            "typeName": credential.type_name,
        }
        names = re.findall(r"(\w+)(?:\[[^]]*\])?,?", asked.query.get("tree", "")) or list(told)
        return _json({"_class": "CredentialsStoreAction$CredentialsWrapper", **{name: told[name] for name in names}})

    def _config(self, asked: Asked, folder: str, domain: dict[str, Credential], credential: Credential) -> Answered:
        if asked.method == "GET":
            content_type = f"application/xml;charset={self.charset}" if self.charset else "application/xml"
            return Answered(credential.xml(), content_type, encoding=self.charset or "iso-8859-1")
        if asked.method == "DELETE":
            self._demand(asked, "Credentials/Delete", folder)
            del domain[credential.id]
            self.saves += 1
            return Answered("", "text/html")
        self._demand(asked, "Credentials/Update", folder)
        replacement = credential_of(_text(asked))
        if replacement.id != credential.id:
            raise Oops("java.lang.IllegalArgumentException: Credentials' IDs do not match, will not update.")
        self._save(domain, replacement)
        return Answered("", "text/html")

    def _save(self, domain: dict[str, Credential], credential: Credential) -> None:
        domain[credential.id] = credential
        self.saves += 1


def _name(path: str) -> str:
    """Give the full name of the folder at ``/job/a/job/b``."""
    return "/".join(unquote(part) for part in path.removeprefix("/job/").split("/job/")) if path else ""


def _text(asked: Asked) -> str:
    """Decode as a servlet's reader does: Latin-1, unless the request says otherwise."""
    header = Message()
    header["Content-Type"] = asked.headers.get("Content-Type", "")
    text = asked.body.decode(header.get_content_charset() or "iso-8859-1")
    return re.sub(r"^<\?xml[^>]*\?>", "", text)  # a reader's text is decoded already


def _json(document: Any) -> Answered:
    return Answered(json.dumps(document), "application/json;charset=utf-8", {"X-Jenkins": "2.492.3"})


def _page(title: str, headers: dict[str, str]) -> Answered:
    return Answered(f"<html><head><title>{title}</title></head></html>", "text/html;charset=utf-8", headers)


@contextmanager
def jenkins_service() -> Iterator[JenkinsService]:
    """Run the service for as long as the block lasts."""
    service = JenkinsService()
    with loopback.serving(_Handler, service=service) as url:
        service.url = f"{url}{PREFIX}"
        yield service


class _Handler(loopback.Handler):
    service: Any

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(target.query).items()}
        status, answered = self.service.answer(Asked(self.command, target.path, query, self.headers, body))
        sent = answered.body.encode(answered.encoding, errors="replace")
        self.send_response_only(status)
        for name, value in {"Content-Type": answered.content_type, **answered.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815  # how the server finds them
