"""AWS as moto simulates it. Measured on moto 5.2.5; where it differs from AWS is noted in the tests that care."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.servers.process import free_ports, require, running

_BINARY = Path(sys.executable).parent / "moto_server"


@dataclass(frozen=True)
class Moto:
    url: str
    region: str = "eu-west-1"
    access_key_id: str = "AKIATESTTESTTESTTEST"
    secret_access_key: str = field(default="moto-takes-any-secret-access-key", repr=False)

    def reset(self) -> None:
        """Forget everything, in every service and account."""
        httpx.post(f"{self.url}/moto-api/reset", trust_env=False).raise_for_status()

    def client(self, service: str) -> Any:
        """Give a boto3 client that talks to this server, whatever the environment says, and never retries."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )


@contextmanager
def running_moto(directory: Path) -> Iterator[Moto]:
    require(_BINARY.exists(), "moto's server is missing: pip install 'moto[server]' (it is in the `dev` group)")
    [port] = free_ports()
    server = Moto(f"http://127.0.0.1:{port}")
    command: list[str | Path] = [_BINARY, "-H", "127.0.0.1", "-p", str(port)]
    with running("moto", command, log=directory / "moto.log", directory=directory) as process:
        # Its log says so once the port is its own; an answer alone could be somebody else's.
        process.wait_until_ready(lambda: f"Running on {server.url}" in process.log.read_text(), timeout=60)
        yield server
