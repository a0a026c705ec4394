"""What ``rotate demo`` does: starts a sandbox issuer (and moto, where it is installed), and rotates a token for real.

Every command it shows is run as shown, in a process of its own. It ends the servers it started, and leaves its folder
for a look around.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rotator.cli.output import line
from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue

_SECRET: Final = "demo/payments"  # noqa: S105  the name of a secret, not a secret
_VARIABLE: Final = "PAYMENTS_TOKEN"
_MOTO_KEYS: Final = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_EC2_METADATA_DISABLED": "true"}
_POLICY: Final = """\
connections:
  sandbox:
    provider: sandbox
    url: {issuer}
    credentials: {{admin: file:admin-token}}
  app-env: {{provider: env-file}}
{aws_connection}
policies:
  - name: payments-api
    owner: payments@example.com
    issuer: {{connection: sandbox, token_name: payments-api, expires_in: 90 days}}
    stores:
      - {{connection: app-env, file: {folder}/app.env, var: {variable}}}
{aws_store}
    schedule: {{every: 60 days, before_expiry: 14 days}}
    overlap: {{for: 24h}}
"""


class DemoFailed(Permanent):
    """The demonstration did not show what it promised."""


def demonstrate() -> None:
    """Adopt a hand-made token, rotate it, and prove that the old one is dead and the new one in use."""
    folder = Path(tempfile.mkdtemp(prefix="rotator-demo-"))
    with ExitStack() as servers:
        issuer = servers.enter_context(_sandbox(folder))
        aws = servers.enter_context(_moto()) if _has_moto() else None
        old = _hand_made_token(folder, issuer)
        _prepare(folder, issuer, aws, old)
        line(
            f"A sandbox issuer runs at {issuer}; a hand-made token is in {folder}/app.env"
            + (" and in AWS (moto)." if aws else ".")
        )
        for arguments in (
            ["check", "--online"],
            ["adopt", "payments-api"],
            ["plan"],
            ["now", "payments-api", "--overlap", "0", "--reason", "demonstration", "--yes"],
            ["history", "payments-api"],
        ):
            _rotate(folder, arguments)
        _prove(folder, issuer, aws, old)
    line()
    line(f"The policy, the ledger and the env file are in {folder}.")


def _prepare(folder: Path, issuer: str, aws: str | None, old: SecretValue) -> None:
    (folder / "app.env").write_text(f"# read by the payments service\nPORT=8080\n{_VARIABLE}={old.reveal()}\n")
    (folder / "app.env").chmod(0o600)
    connection = store = ""
    if aws is not None:
        connection = f"  aws: {{provider: aws-secrets-manager, region: eu-west-1, url: {aws}}}"
        store = f"      - {{connection: aws, secret: {_SECRET}, field: token}}"
        document = json.dumps({"user": "payments", "token": old.reveal()})
        _secrets_manager(aws).create_secret(Name=_SECRET, SecretString=document)
    policy = _POLICY.format(
        issuer=issuer, folder=folder, variable=_VARIABLE, aws_connection=connection, aws_store=store
    )
    (folder / "policies.yaml").write_text(policy)
    for text in policy.splitlines():
        line(text)
    line()


def _rotate(folder: Path, arguments: list[str]) -> None:
    line()
    line(f"$ rotate {' '.join(arguments)}")
    options = ["--policies", str(folder / "policies.yaml"), "--ledger", f"sqlite:///{folder}/ledger.db"]
    environment = {**os.environ, **_MOTO_KEYS}
    command = [sys.executable, "-m", "rotator", *options, *arguments]
    done = subprocess.run(command, env=environment, check=False, cwd=folder)  # noqa: S603  our own command
    if done.returncode:
        raise DemoFailed(f"`rotate {arguments[0]}` ended with {done.returncode}.", remedy=f"Its files are in {folder}.")


def _prove(folder: Path, issuer: str, aws: str | None, old: SecretValue) -> None:
    """Ask the issuer ourselves, with the values as consumers have them."""
    line()
    line("The proof, asked of the servers themselves:")
    assignment = next(text for text in (folder / "app.env").read_text().splitlines() if text.startswith(_VARIABLE))
    new = SecretValue(assignment.partition("=")[2].strip("'\""))
    answers = {"the old token": _status(issuer, old), "the new one, read from the env file": _status(issuer, new)}
    expected = [401, 200]
    if aws is not None:
        stored = json.loads(
            _secrets_manager(aws).get_secret_value(SecretId=_SECRET, VersionStage="AWSCURRENT")["SecretString"]
        )
        answers["the new one, read from AWS"] = _status(issuer, SecretValue(stored["token"]))
        expected.append(200)
    for what, status in answers.items():
        line(f"  GET /v1/self with {what}: {status} {'accepted' if status == 200 else 'refused'}")  # noqa: PLR2004
    if list(answers.values()) != expected:
        raise DemoFailed("The issuer does not answer as it should after a rotation.")


def _status(issuer: str, value: SecretValue) -> int:
    status, _ = _ask(issuer, "GET", "/v1/self", value)
    return status


def _hand_made_token(folder: Path, issuer: str) -> SecretValue:
    admin = SecretValue((folder / "admin-token").read_text().strip())
    status, made = _ask(issuer, "POST", "/v1/tokens", admin, json.dumps({"name": "made-by-hand"}))
    if status != 201:  # noqa: PLR2004  "Created"
        raise DemoFailed(f"The sandbox made no token ({status}).", remedy="Run the demo again.")
    return SecretValue(json.loads(made)["token"])


def _ask(issuer: str, method: str, path: str, value: SecretValue, body: str | None = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(urlsplit(issuer).netloc)) as connection:
        connection.request(method, path, body, {"Authorization": f"Bearer {value.reveal()}"})
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def _sandbox(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "providers.issuers.sandbox", "--admin-token-file", str(folder / "admin-token")]
    with _running(command) as server:
        assert server.stdout is not None
        yield str(json.loads(server.stdout.readline())["url"])


@contextmanager
def _moto() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]) as server:
        pause = threading.Event()
        while not _answers(port):
            if server.poll() is not None:
                raise DemoFailed("moto's server did not start.", remedy="Run the demo again.")
            pause.wait(0.05)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _has_moto() -> bool:
    return all(importlib.util.find_spec(module) for module in ("boto3", "moto", "flask"))


def _secrets_manager(url: str) -> Any:
    import boto3

    return boto3.client(
        "secretsmanager",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",  # noqa: S106  moto takes any
    )
