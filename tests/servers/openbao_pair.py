"""Two nodes of OpenBao over one PostgreSQL: an active one, and a standby. Measured on OpenBao 2.7.2.

The standby answers reads itself and hands writes over. When the active node dies, it takes some 14 seconds until the
standby takes its place (the lock in the storage has to run out); until then it redirects writes to the dead one.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from tests.canary import CANARY
from tests.servers.openbao import OpenBao, openbao_binary
from tests.servers.process import Process, free_ports, poll, running

_CONFIGURATION = """\
storage "postgresql" {{
  ha_enabled = "true"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
"""


@dataclass(frozen=True)
class Node:
    url: str
    process: Process

    def health(self) -> int:
        return self.call("GET", "health").status_code

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(method, f"{self.url}/v1/sys/{path}", json=body, trust_env=False, verify=False)

    def is_listening(self) -> bool:
        try:
            return bool(self.health())
        except httpx.TransportError:
            return False


@dataclass(frozen=True)
class OpenBaoPair:
    active: OpenBao
    standby: OpenBao
    active_process: Process

    def kill_the_active_node(self) -> None:
        self.active_process.stop(signal.SIGKILL)


@contextmanager
def running_pair(directory: Path, database: str) -> Iterator[OpenBaoPair]:
    """Start both over an empty database (its address, as SQLAlchemy writes it)."""
    with ExitStack() as stack:
        first, second = (_started(stack, directory / name, database) for name in ("first", "second"))
        assert first.health() == HTTPStatus.NOT_IMPLEMENTED, "another server has taken the port"
        made = first.call("PUT", "init", {"secret_shares": 1, "secret_threshold": 1}).json()
        CANARY.add(made["root_token"])
        for node, becomes in ((first, HTTPStatus.OK), (second, HTTPStatus.TOO_MANY_REQUESTS)):
            node.call("PUT", "unseal", {"key": made["keys"][0]})
            poll(lambda node=node, becomes=becomes: node.health() == becomes, 30, what="OpenBao's election")  # type: ignore[misc]
        yield OpenBaoPair(
            OpenBao(first.url, made["root_token"]), OpenBao(second.url, made["root_token"]), first.process
        )


def _started(stack: ExitStack, directory: Path, database: str) -> Node:
    directory.mkdir()
    port, cluster_port = free_ports(2)
    configuration = directory / "openbao.hcl"
    configuration.write_text(_CONFIGURATION.format(port=port, cluster_port=cluster_port))
    address = database.replace("postgresql+psycopg:", "postgres:") + "?sslmode=disable"
    process = stack.enter_context(
        running(
            "OpenBao",
            [openbao_binary(), "server", f"-config={configuration}"],
            log=directory / "openbao.log",
            environment={"BAO_PG_CONNECTION_URL": address, "HOME": str(directory)},
            directory=directory,
            secrets=(database,),
        )
    )
    node = Node(f"http://127.0.0.1:{port}", process)
    process.wait_until_ready(node.is_listening, timeout=30)
    return node
