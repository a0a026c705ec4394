"""Each service with its own page, and the issuer that Rotator sees of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from rotator.domain.contracts import Issuer
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.contract.http_profiles import built_in, open_issuer
from tests.fakes.token_services.dashboards import Dashboard, Dojah, Meetzy, Podstack, Pogodoc
from tests.fakes.token_services.service import serving

SERVICES: dict[str, type[Dashboard]] = {"pogodoc": Pogodoc, "podstack": Podstack, "meetzy": Meetzy, "dojah": Dojah}
SETTINGS: dict[str, dict[str, Any]] = {"dojah": {"app_id": Dojah.app_id}}

OpenAt = Callable[..., tuple[Dashboard, Issuer]]


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Dashboard]]:
    clock = MovingClock()
    with ExitStack() as ending:
        yield {name: ending.enter_context(serving(service(clock))) for name, service in SERVICES.items()}


@pytest.fixture
def at(running: dict[str, Dashboard]) -> OpenAt:
    """Open one of the services: its page, empty, and the issuer."""

    def open_one(name: str, **settings: Any) -> tuple[Dashboard, Issuer]:
        page = running[name]
        page.tokens.clear()
        page.asked.clear()
        page.in_good_standing, page.trouble = True, None
        access = DictionaryAccess()
        access.clock = page.clock
        config = {"url": page.url, **SETTINGS.get(name, {}), **settings}
        return page, open_issuer(built_in(name), access, config=config, options={})

    return open_one
