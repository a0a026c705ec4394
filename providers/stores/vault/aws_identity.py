"""Who we are to AWS, as Vault's ``aws`` auth method wants it told: a signed request that Vault sends in our place.

AWS says who signed it (sts:GetCallerIdentity), and Vault sees from that who we are. Whoever else got the request could
sign in with it for a quarter of an hour: it goes to Vault alone. Its form is that of HashiCorp's API reference for the
method (``iam_http_request_method`` …).
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from providers.aws.client import AwsConfig, call, make_session
from providers.stores.vault.plugin import VaultConfig
from rotator.domain.contracts import NO_BUDGET, Access
from rotator.domain.errors import NeedsOperator

_GLOBAL: Final = "us-east-1"
_BODY: Final = "Action=GetCallerIdentity&Version=2011-06-15"


def signed_caller_identity(config: VaultConfig, access: Access) -> dict[str, str]:
    """Give the part of the login's body that proves our identity. AWS itself is not called, but by botocore's chain."""
    try:
        import boto3  # noqa: F401  only to see whether it is there
    except ImportError as error:
        raise NeedsOperator(
            "Auth method aws needs boto3, which is not installed.",
            remedy="Install it: pip install 'secrets-rotator[aws,vault]'.",
        ) from error
    return call(lambda: _signed(config, access), "the Vault login", budget=NO_BUDGET, changes=False)


def _signed(config: VaultConfig, access: Access) -> dict[str, Any]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import NoCredentialsError

    region = config.auth.region or _GLOBAL
    identity = AwsConfig(region=region, credentials=config.credentials)
    credentials = make_session(identity, access).get_credentials()
    if credentials is None:
        raise NoCredentialsError
    headers = {"Host": _sts(region), "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    if config.auth.server_id:
        headers["X-Vault-AWS-IAM-Server-ID"] = config.auth.server_id
    request = AWSRequest(method="POST", url=f"https://{_sts(region)}/", headers=headers, data=_BODY)
    SigV4Auth(credentials.get_frozen_credentials(), "sts", region).add_auth(request)
    return {
        "iam_http_request_method": "POST",
        "iam_request_url": _encoded(request.url),
        "iam_request_body": _encoded(_BODY),
        "iam_request_headers": _encoded(json.dumps({name: [value] for name, value in request.headers.items()})),
    }


def _sts(region: str) -> str:
    """Name the STS of a region; us-east-1 stands for the global one, as in Vault's own client."""
    if region == _GLOBAL:
        return "sts.amazonaws.com"
    return f"sts.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
