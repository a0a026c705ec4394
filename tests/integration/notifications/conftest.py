"""A webhook that takes messages, and knows a secret."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.canary import Canary
from tests.fakes.webhook import Webhook


@pytest.fixture
def webhook(known_values: Canary) -> Iterator[Webhook]:
    served = Webhook(known_values.add(f"hook{secrets.token_hex(12)}"))
    yield served
    served.close()
