"""Vault's ``aws`` auth method (type iam) in front of a server that does not have it: OpenBao.

It does what HashiCorp's reference says of the method: it refuses what is no GetCallerIdentity to STS, wants its own
name in X-Vault-AWS-IAM-Server-ID and among the signed headers, hands the request to STS as it is (moto here, which
checks the signature), and gives a token to the identity that STS names, if the role is bound to it. All other requests
pass through.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes import loopback


@dataclass
class AwsLogin:
    """How the method is configured, and where the rest is."""

    upstream: str
    sts: str
    server_id: str
    sts_host: str = "sts.amazonaws.com"
    mount: str = "aws-of-ours"
    bound: dict[str, str] = field(default_factory=dict)
    """The identity (an ARN) of each role."""
    make_token: Callable[[], dict[str, Any]] = dict
    """Gives the ``auth`` part of a login's answer."""
    url: str = ""

    def log_in(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        url = urlsplit(base64.b64decode(asked["iam_request_url"]).decode())
        body = base64.b64decode(asked["iam_request_body"]).decode()
        headers = {
            name: values[0] for name, values in json.loads(base64.b64decode(asked["iam_request_headers"])).items()
        }
        signed = re.search(r"SignedHeaders=([^,]+)", headers["Authorization"])
        if asked["iam_http_request_method"] != "POST" or parse_qs(body).get("Action") != ["GetCallerIdentity"]:
            return _refused("iam_request_body must be a GetCallerIdentity")
        if (url.netloc, headers.get("Host")) != (self.sts_host, self.sts_host):
            return _refused("the request is for another STS than ours")
        given = {name.lower(): value for name, value in headers.items()}.get("x-vault-aws-iam-server-id")
        if given != self.server_id or not signed or "x-vault-aws-iam-server-id" not in signed[1].split(";"):
            return _refused("error validating X-Vault-AWS-IAM-Server-ID header")
        arn = self._caller(body, headers)
        if arn is None or self.bound.get(asked["role"]) != arn:
            return _refused("IAM Principal does not belong to the role")
        return 200, {"auth": self.make_token()}

    def _caller(self, body: str, headers: dict[str, str]) -> str | None:
        """Ask STS with the request as it was signed. None when STS does not accept it."""
        connection = http.client.HTTPConnection(urlsplit(self.sts).netloc, timeout=30)
        try:
            connection.request("POST", "/", body=body, headers=headers)
            answer = connection.getresponse()
            found = re.search(r"<Arn>([^<]+)</Arn>", answer.read().decode())
            return found[1] if found and answer.status == 200 else None
        finally:
            connection.close()


def _refused(reason: str) -> tuple[int, dict[str, Any]]:
    return 400, {"errors": [reason]}


@contextmanager
def aws_login(login: AwsLogin) -> Iterator[AwsLogin]:
    """Serve it on a free loopback port."""

    class Handling(loopback.Handler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == f"/v1/auth/{login.mount}/login":
                status, answer = login.log_in(json.loads(body))
                self._send(status, json.dumps(answer).encode())
            else:
                self._send(*self._passed_on(body))

        do_GET = do_POST = do_PUT = _handle  # noqa: N815  http.server's names

        def _passed_on(self, body: bytes) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(urlsplit(login.upstream).netloc, timeout=30)
            try:
                connection.request(self.command, self.path, body=body or None, headers=dict(self.headers))
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with loopback.serving(Handling) as login.url:
        yield login
