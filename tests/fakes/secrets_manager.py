"""AWS Secrets Manager as AWS documents it, where moto differs: labels, replayed tokens, deletion, limits, refusals.

What moto 5.2 does otherwise: the same token with other contents is accepted, a secret marked for deletion is written, a
version without labels stays in the description, and nothing is ever throttled or denied. It passes the contract of
stores, so it may be trusted for these. Speaks AWS's JSON 1.1 protocol on loopback; knows no signatures.

``refuse`` and ``lose_answer`` script what the next calls of an operation meet.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import loopback

_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"


@dataclass
class _Refusal(Exception):
    code: str
    message: str = ""
    status: int = 400


@dataclass
class Secret:
    """One secret: its versions' contents, and where each label is. ``extra`` is added to its description."""

    name: str
    contents: dict[str, dict[str, str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def stages(self) -> dict[str, list[str]]:
        """Give the versions that have a label, as DescribeSecret does: the others are deprecated."""
        found: dict[str, list[str]] = defaultdict(list)
        for label, version in self.labels.items():
            found[version].append(label)
        return dict(found)

    def move(self, label: str, version: str) -> None:
        before = self.labels.get(label)
        if label == "AWSCURRENT" and before and before != version:
            self.labels["AWSPREVIOUS"] = before
            if self.labels.get("AWSPREVIOUS") == version:
                del self.labels["AWSPREVIOUS"]
        self.labels[label] = version


class SecretsManager:
    """The service. ``secrets`` is open to tests, ``calls`` names the operations that were asked for,
    ``user_agents`` who asked.
    """

    def __init__(self) -> None:
        self.url = ""
        self.secrets: dict[str, Secret] = {}
        self.calls: list[str] = []
        self.user_agents: set[str] = set()
        self._script: dict[str, deque[_Refusal | None]] = defaultdict(deque)
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Empty the account, and forget what was scripted."""
        self.secrets.clear()
        self.calls.clear()
        self.user_agents.clear()
        self._script.clear()

    def refuse(self, operation: str, code: str, message: str = "", *, status: int = 400, times: int = 1) -> None:
        self._script[operation].extend([_Refusal(code, message, status)] * times)

    def lose_answer(self, operation: str, *, times: int = 1) -> None:
        """Do what is asked, and hang up before answering."""
        self._script[operation].extend([None] * times)

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Give the answer, or None when it is to be lost. Raises _Refusal."""
        with self._lock:
            self.calls.append(operation)
            script = self._script[operation]
            lost = False
            if script:
                scripted = script.popleft()
                if scripted:
                    raise scripted
                lost = True
            answer: dict[str, Any] = getattr(self, f"_{operation}")(asked)
            return None if lost else answer

    def _find(self, asked: dict[str, Any], *, writes: bool = True) -> Secret:
        secret = self.secrets.get(asked["SecretId"].removeprefix(_ARN))
        if secret is None:
            raise _Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        if writes and "DeletedDate" in secret.extra:
            raise _Refusal("InvalidRequestException", "You can't perform this operation on the secret because it was "
                                                      "marked for deletion.")  # fmt: skip
        return secret

    def _DescribeSecret(self, asked: dict[str, Any]) -> dict[str, Any]:
        secret = self._find(asked, writes=False)
        return {"Name": secret.name, "ARN": _ARN + secret.name, "VersionIdsToStages": secret.stages(), **secret.extra}

    def _GetSecretValue(self, asked: dict[str, Any]) -> dict[str, Any]:
        secret = self._find(asked)
        version = asked.get("VersionId") or secret.labels.get(asked.get("VersionStage", "AWSCURRENT"))
        if version is None or version not in secret.contents:
            raise _Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret value.")
        return {"Name": secret.name, "VersionId": version, **secret.contents[version]}

    def _CreateSecret(self, asked: dict[str, Any]) -> dict[str, Any]:
        token, contents = asked["ClientRequestToken"], {"SecretString": asked["SecretString"]}
        found = self.secrets.get(asked["Name"])
        if found and found.contents.get(token) != contents:
            raise _Refusal("ResourceExistsException")
        self.secrets[asked["Name"]] = found or Secret(asked["Name"], {token: contents}, {"AWSCURRENT": token})
        return {"Name": asked["Name"], "VersionId": token}

    def _PutSecretValue(self, asked: dict[str, Any]) -> dict[str, Any]:
        secret, token = self._find(asked), asked["ClientRequestToken"]
        contents = {"SecretString": asked["SecretString"]}
        if token in secret.contents:
            if secret.contents[token] != contents:
                raise _Refusal("ResourceExistsException")
            return {"VersionId": token, "VersionStages": secret.stages().get(token, [])}
        first = not secret.contents
        secret.contents[token] = contents
        for label in {*asked.get("VersionStages", ["AWSCURRENT"]), *(["AWSCURRENT"] if first else [])}:
            secret.move(label, token)
        return {"VersionId": token, "VersionStages": secret.stages()[token]}

    def _UpdateSecretVersionStage(self, asked: dict[str, Any]) -> dict[str, Any]:
        secret, label = self._find(asked), asked["VersionStage"]
        holder, source, goal = secret.labels.get(label), asked.get("RemoveFromVersionId"), asked.get("MoveToVersionId")
        if (holder and holder not in (source, goal)) or (source and source != holder):
            raise _Refusal("InvalidParameterException", f"The label {label} is attached to another version.")
        if goal:
            secret.move(label, goal)
        elif label == "AWSCURRENT":
            raise _Refusal("InvalidParameterException", "AWSCURRENT can only be moved.")
        else:
            del secret.labels[label]
        return {"Name": secret.name}


@contextmanager
def secrets_manager() -> Iterator[SecretsManager]:
    """Serve an empty account on a free loopback port."""
    service = SecretsManager()

    class Handling(loopback.Handler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            service.user_agents.add(self.headers["User-Agent"])
            try:
                answer = service.answer(operation, asked)
            except _Refusal as refusal:
                self._send(refusal.status, {"__type": refusal.code, "Message": refusal.message})
                return
            if answer is None:
                self.close_connection = True
                return
            self._send(200, answer)

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with loopback.serving(Handling) as service.url:
        yield service
