"""Whoever signs JSON Web Tokens (RFC 7519, ES256): a cluster for its service accounts, a CI system for its jobs."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


class JwtSigner:
    """``public_key`` is what whoever checks the tokens has to know."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = (
            self._key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def sign(self, **claims: Any) -> str:
        """Sign these claims, for ten minutes from now unless they say otherwise."""
        now = int(time.time())
        parts = ({"alg": "ES256", "typ": "JWT"}, {"iat": now, "exp": now + 600, **claims})
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
