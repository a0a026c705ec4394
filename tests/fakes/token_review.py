"""The one part of a Kubernetes API that Vault's ``kubernetes`` auth method asks: TokenReview.

It knows the tokens it was told of, answers for those audiences alone that it is asked about, and wants a reviewer's own
token, as a cluster does (Kubernetes API reference, authentication.k8s.io/v1).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import loopback

_PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
ISSUER = "https://kubernetes.default.svc"


@dataclass(frozen=True)
class ServiceAccount:
    namespace: str
    name: str
    uid: str = "5f6c1c5e-0d6e-4d53-9a5f-0b8f6b1f7f10"

    @property
    def claims(self) -> dict[str, Any]:
        """What a projected token says of it (Kubernetes 1.21 and later)."""
        about = {"namespace": self.namespace, "serviceaccount": {"name": self.name, "uid": self.uid}}
        return {"iss": ISSUER, "aud": [ISSUER], "sub": self.username, "kubernetes.io": about}

    @property
    def username(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"


@dataclass
class TokenReviews:
    reviewer: str
    url: str = ""
    accounts: dict[str, ServiceAccount] = field(default_factory=dict, repr=False)
    """By token."""

    def review(self, spec: dict[str, Any]) -> dict[str, Any]:
        account = self.accounts.get(spec["token"])
        audiences = [each for each in spec.get("audiences") or [ISSUER] if each == ISSUER]
        if account is None or not audiences:
            return {"authenticated": False, "error": "invalid bearer token"}
        user = {"username": account.username, "uid": account.uid, "groups": ["system:serviceaccounts"]}
        return {"authenticated": True, "user": user, "audiences": audiences}


@contextmanager
def token_reviews(reviewer: str) -> Iterator[TokenReviews]:
    """Serve reviews to whoever shows ``reviewer``, by plain HTTP on a free loopback port."""
    reviews = TokenReviews(reviewer)

    class Handling(loopback.Handler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != _PATH:
                self._send(404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
            elif self.headers.get("Authorization") != f"Bearer {reviews.reviewer}":
                self._send(401, {"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401})
            else:
                self._send(201, {**asked, "status": reviews.review(asked["spec"])})

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps({"apiVersion": "authentication.k8s.io/v1", **answer}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with loopback.serving(Handling) as reviews.url:
        yield reviews
