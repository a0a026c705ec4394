"""What somebody would write who wants one token rotated and thinks of nothing going wrong: the calls, and no more.

It is what Rotator is measured against. It keeps no ledger, survives no crash, and checks only what it cannot do
without; ``NECESSARY`` names its requests in order.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

import httpx

NECESSARY: Final = (
    ("issue", "POST /v1/tokens"),
    ("verify the new token", "GET /v1/self"),
    ("read the document whose field is to change", "GetSecretValue"),
    ("write it, staged", "PutSecretValue"),
    ("read what was staged", "GetSecretValue"),
    ("promote it", "UpdateSecretVersionStage"),
    ("take the pending label off", "UpdateSecretVersionStage"),
    ("read back what consumers read", "GetSecretValue"),
    ("verify the value as stored", "GET /v1/self"),
    ("revoke the old token", "DELETE /v1/tokens/{id}"),
    ("see the old token refused", "GET /v1/self"),
)


def open_client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, trust_env=False, timeout=30)


def rotate(issuer: httpx.Client, admin: str, aws: Any, name: str, old: Mapping[str, str]) -> None:
    """Replace the token ``old`` (its ``id`` and ``token``) of one secret by a new one."""
    as_admin = {"Authorization": f"Bearer {admin}"}
    asked_for = {"name": f"{name}-{uuid.uuid4().hex[:7]}", "expires_in": 90 * 86_400}
    new = issuer.post("/v1/tokens", headers=as_admin, json=asked_for).raise_for_status().json()
    assert _accepts(issuer, new["token"])
    current = aws.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")
    document = json.loads(current["SecretString"])
    document["token"] = new["token"]
    text, version = json.dumps(document), str(uuid.uuid4())
    aws.put_secret_value(SecretId=name, ClientRequestToken=version, SecretString=text, VersionStages=["AWSPENDING"])
    assert aws.get_secret_value(SecretId=name, VersionId=version)["SecretString"] == text
    aws.update_secret_version_stage(
        SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=version, RemoveFromVersionId=current["VersionId"]
    )
    aws.update_secret_version_stage(SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=version)
    stored = json.loads(aws.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"])
    assert _accepts(issuer, stored["token"])
    issuer.delete(f"/v1/tokens/{old['id']}", headers=as_admin).raise_for_status()
    assert not _accepts(issuer, old["token"])


def rotate_with_the_same_calls(issuer: httpx.Client, admin: str, aws: Any, name: str, old: Mapping[str, str]) -> None:
    """Rotate with each call that Rotator makes: it looks first whether the secret may be written at all."""
    assert "DeletedDate" not in aws.describe_secret(SecretId=name)
    rotate(issuer, admin, aws, name, old)


def _accepts(issuer: httpx.Client, value: str) -> bool:
    answer = issuer.get("/v1/self", headers={"Authorization": f"Bearer {value}"})
    assert answer.status_code in (200, 401)
    return answer.status_code == 200
