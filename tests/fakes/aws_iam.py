"""IAM's access keys and STS's GetCallerIdentity as AWS documents them, where moto differs.

What moto 5.2 does otherwise: an inactive key is accepted, a change is known everywhere at once, lists have one page,
nothing is throttled, and nothing goes wrong on the way. This one speaks AWS's query protocol on loopback, checks
signatures by itself (version 4, from AWS's description of it), and passes the contract of issuers.

``refuse``, ``lose_answer`` and ``cut_answer`` script what the next calls of an operation meet.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from rotator.domain.clock import Clock
from tests.canary import CANARY
from tests.fakes import loopback

_ACCOUNT = "123456789012"
_MANAGER = "rotator"
_NAMESPACES = {"iam": "https://iam.amazonaws.com/doc/2010-05-08/", "sts": "https://sts.amazonaws.com/doc/2011-06-15/"}
_MOST = 2


@dataclass
class _Refusal(Exception):
    status: int
    code: str
    message: str = ""


@dataclass
class Key:
    user: str
    created_at: datetime
    works_from: datetime
    works_until: datetime | None = None
    active: bool = True
    deleted: bool = False
    used_at: datetime | None = None
    id: str = field(default_factory=lambda: "AKIA" + secrets.token_hex(8).upper())
    secret: str = field(default_factory=lambda: CANARY.add(secrets.token_urlsafe(30)), repr=False)

    def works(self, now: datetime) -> bool:
        return self.works_from <= now and (self.works_until is None or now < self.works_until)


@dataclass(frozen=True, repr=False)
class Signed:
    """A request as it came, to be held against a secret."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def authorization(self) -> re.Match[str]:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/(?P<scope>\d{8}/[\w-]+/(?P<service>\w+)/aws4_request), "
            r"SignedHeaders=(?P<names>[\w;-]+), Signature=(?P<signature>[0-9a-f]{64})",
            self.headers["authorization"],
        )
        assert found is not None
        return found

    def is_by(self, secret: str) -> bool:
        said = self.authorization
        names = said["names"].split(";")
        headers = [f"{name}:{' '.join(self.headers[name].split())}" for name in names]
        body = hashlib.sha256(self.body).hexdigest()
        canonical = "\n".join(["POST", self.path, "", *headers, "", said["names"], body])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], said["scope"], digest])
        parts = [*said["scope"].split("/"), text]
        signature = reduce(lambda key, part: hmac.digest(key, part.encode(), "sha256"), parts, f"AWS4{secret}".encode())
        return hmac.compare_digest(signature.hex(), said["signature"])


class Iam:
    """One account, and the key of the user that manages it. ``calls`` names the operations that were asked for."""

    def __init__(self, clock: Clock) -> None:
        self.url = ""
        self.clock = clock
        self.manager = Key(_MANAGER, clock.now(), clock.now())
        self.reset()
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Empty the account, and forget what was scripted."""
        self.users: set[str] = {_MANAGER}
        self.keys: list[Key] = [self.manager]
        self.calls: list[str] = []
        self.denied: set[str] = set()
        """Operations that the manager may not use."""
        self.lag = timedelta()
        """How long the rest of AWS takes to know what IAM did."""
        self.page_size = 100
        self._script: dict[str, deque[_Refusal | int | None]] = defaultdict(deque)

    def new_user(self) -> str:
        name = f"app-{uuid4().hex[:8]}"
        self.users.add(name)
        return name

    def key_by_hand(self, user: str) -> Key:
        """Make a key as somebody at the console does, long enough ago to be known everywhere."""
        key = Key(user, self.clock.now(), self.clock.now())
        self.keys.append(key)
        return key

    def keys_of(self, user: str) -> list[Key]:
        return [key for key in self.keys if key.user == user and not key.deleted]

    def refuse(self, operation: str, status: int, code: str, message: str = "", *, times: int = 1) -> None:
        self._script[operation].extend([_Refusal(status, code, message)] * times)

    def lose_answer(self, operation: str, *, times: int = 1) -> None:
        """Do what is asked, and hang up before answering."""
        self._script[operation].extend([None] * times)

    def cut_answer(self, operation: str, length: int) -> None:
        """Do what is asked, and answer with so many bytes as if that were all."""
        self._script[operation].append(length)

    def answer(self, signed: Signed, asked: dict[str, str]) -> bytes | None:
        """Give the answer, or None when it is to be lost. Raises _Refusal."""
        operation, service = asked["Action"], signed.authorization["service"]
        with self._lock:
            self.calls.append(operation)
            script = self._script[operation]
            scripted = script.popleft() if script else -1
            if isinstance(scripted, _Refusal):
                raise scripted
            caller = self._caller(signed)
            if service == "iam" and (caller.user != _MANAGER or operation in self.denied):
                raise _denied(caller.user, operation, "because no identity-based policy allows the action")
            result = getattr(self, f"_{operation}")(asked, caller)
            document = _document(service, operation, result)
        return None if scripted is None else document if scripted < 0 else document[:scripted]

    def _caller(self, signed: Signed) -> Key:
        now = self.clock.now()
        key = next((key for key in self.keys if key.id == signed.authorization["key"] and key.works(now)), None)
        if key is None:
            raise _Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if not signed.is_by(key.secret):
            raise _Refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
        key.used_at = now
        return key

    def _of_user(self, asked: dict[str, str]) -> list[Key]:
        if asked["UserName"] not in self.users:
            raise _Refusal(404, "NoSuchEntity", f"The user with name {asked['UserName']} cannot be found.")
        return self.keys_of(asked["UserName"])

    def _found(self, asked: dict[str, str]) -> Key:
        found = next((key for key in self._of_user(asked) if key.id == asked["AccessKeyId"]), None)
        if found is None:
            raise _Refusal(404, "NoSuchEntity", f"The Access Key with id {asked['AccessKeyId']} cannot be found.")
        return found

    def _CreateAccessKey(self, asked: dict[str, str], _: Key) -> dict[str, Any]:
        if len(self._of_user(asked)) >= _MOST:
            raise _Refusal(409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {_MOST}")
        now = self.clock.now()
        key = Key(asked["UserName"], now, now + self.lag)
        self.keys.append(key)
        return {"AccessKey": {**_metadata(key), "SecretAccessKey": key.secret}}

    def _ListAccessKeys(self, asked: dict[str, str], _: Key) -> dict[str, Any]:
        keys, start = self._of_user(asked), int(asked.get("Marker", 0))
        end = start + self.page_size
        more = {"IsTruncated": "true", "Marker": str(end)} if end < len(keys) else {"IsTruncated": "false"}
        return {"AccessKeyMetadata": [_metadata(key) for key in keys[start:end]], **more}

    def _GetAccessKeyLastUsed(self, asked: dict[str, str], caller: Key) -> dict[str, Any]:
        key = next((key for key in self.keys if key.id == asked["AccessKeyId"] and not key.deleted), None)
        if key is None:  # not documented: as an account is answered that asks for another's key
            raise _denied(caller.user, "GetAccessKeyLastUsed", "")
        used = {"LastUsedDate": _moment(key.used_at)} if key.used_at else {}
        return {"UserName": key.user, "AccessKeyLastUsed": {**used, "Region": "N/A", "ServiceName": "N/A"}}

    def _UpdateAccessKey(self, asked: dict[str, str], _: Key) -> None:
        key = self._found(asked)
        key.active = asked["Status"] == "Active"
        key.works_until = None if key.active else self._no_longer(key)

    def _DeleteAccessKey(self, asked: dict[str, str], _: Key) -> None:
        key = self._found(asked)
        key.deleted, key.works_until = True, self._no_longer(key)

    def _no_longer(self, key: Key) -> datetime:
        return key.works_until or self.clock.now() + self.lag

    def _GetCallerIdentity(self, _: dict[str, str], caller: Key) -> dict[str, Any]:
        arn = f"arn:aws:iam::{_ACCOUNT}:user/{caller.user}"
        return {"UserId": "AIDAEXAMPLEEXAMPLE", "Account": _ACCOUNT, "Arn": arn}


def _metadata(key: Key) -> dict[str, str]:
    status = "Active" if key.active else "Inactive"
    created = _moment(key.created_at)
    return {"UserName": key.user, "AccessKeyId": key.id, "Status": status, "CreateDate": created}


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _denied(user: str, operation: str, why: str) -> _Refusal:
    arn = f"arn:aws:iam::{_ACCOUNT}:user/{user}"
    return _Refusal(403, "AccessDenied", f"User: {arn} is not authorized to perform: iam:{operation} {why}".strip())


def _document(service: str, operation: str, result: dict[str, Any] | None) -> bytes:
    inner = f"<{operation}Result>{_xml(result)}</{operation}Result>" if result is not None else ""
    about = f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
    outer = f'<{operation}Response xmlns="{_NAMESPACES[service]}">{inner}{about}</{operation}Response>'
    return outer.encode()


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(member)}</{name}>" for name, member in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(member)}</member>" for member in value)
    return str(value)


@contextmanager
def iam(clock: Clock) -> Iterator[Iam]:
    """Serve an empty account on a free loopback port."""
    service = Iam(clock)

    class Handling(loopback.Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = 200, None
            try:
                answer = service.answer(Signed(self.path, headers, body), dict(parse_qsl(body.decode())))
            except _Refusal as refusal:
                status = refusal.status
                said = {"Type": "Sender", "Code": refusal.code, "Message": refusal.message}
                answer = f"<ErrorResponse><Error>{_xml(said)}</Error><RequestId>1</RequestId></ErrorResponse>".encode()
            if answer is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    with loopback.serving(Handling) as service.url:
        yield service
