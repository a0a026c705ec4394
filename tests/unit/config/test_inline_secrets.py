"""What looks like a token is refused in a policy file, and never quoted."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("line", "place", "what"),
    [
        ("# was ghp_0123456789abcdefghijABCDEFGHIJ012345", "1:7", "a GitHub token"),
        ("# hvs.CAESIJ0123456789abcdefghijklmnopqrstuv", "1:3", "a Vault or OpenBao token"),
        (
            "connections: {x: {provider: cabinet, url: 'https://bob:hunter2@shelf.example'}}",
            "1:49",
            "a password in a URL",
        ),
        (
            "connections: {x: {provider: cabinet, url: u, api_key: 5f4dcc3b5aa765d61d8327deb882cf99}}",
            "1:55",
            "a secret",
        ),
        ("# -----BEGIN RSA PRIVATE KEY-----", "1:3", "a private key"),
    ],
)
def test_what_looks_like_a_token_is_refused_wherever_it_stands_and_not_quoted(policy, line, place, what):
    found = policy().write("x.yaml", f"{line}\n").problems()
    assert any(problem.startswith(f"x.yaml:{place}: this looks like {what};") for problem in found)
    for value in ("0123456789", "hunter2", "5f4dcc3b"):
        assert value not in "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "secret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/documenso-AbCdEf",
        "token_name: production-api-2024-eu-west1",
        "secret: prod/customer2024/service-b2b-eu1",
        "token: env:ACME_TOKEN_2024_V2",
        "password: file:/run/secrets/documenso-password-2024",
        "url: https://bao.example:8200/v1/secret",
        "var: DOCUMENSO_API_TOKEN",
        "token_name: sk-production-payments-service",
        "name: api_productionpaymentsservice",
    ],
)
def test_names_and_references_are_not_taken_for_tokens(text):
    from rotator.config.inline_secrets import inline_secrets

    assert list(inline_secrets(f"{text}\n", Path("p.yaml"))) == []
