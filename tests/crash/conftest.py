"""What all crash tests share: one forking process and one mount for each worker of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.forked_rotate import ForkedRotate
from tests.servers.openbao import OpenBao


@pytest.fixture(scope="session")
def forked() -> Iterator[ForkedRotate]:
    process = ForkedRotate()
    yield process
    process.close()


@pytest.fixture(scope="session")
def mount(openbao: OpenBao) -> str:
    return openbao.mount_kv()
