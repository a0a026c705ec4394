"""Several vars of one app that change together make one release; one that changes alone waits for nobody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from providers.stores.heroku import PLUGIN
from providers.stores.heroku.api import Api
from providers.stores.heroku.plugin import HerokuConfig, HerokuPlace
from providers.stores.heroku.together import Together
from rotator.domain.clock import SystemClock
from rotator.domain.errors import Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from rotator.testing.store_contract import fresh, held, version_of
from tests.fakes.fault_proxy import FaultProxy
from tests.fakes.heroku import App
from tests.integration.heroku.conftest import VAR


def test_secrets_that_change_together_make_one_release(app: App, proxy: FaultProxy, token: str) -> None:
    access = DictionaryAccess({"token": token})
    access.clock = SystemClock()
    store = PLUGIN.open(HerokuConfig(url=proxy.url, credentials={"token": "env:HEROKU_TOKEN"}), access)
    places = [HerokuPlace(app="acme-web", var=var) for var in (VAR, "STRIPE_KEY", "SENTRY_TOKEN")]
    expected = [version_of(store.preflight(place)) for place in places]
    values = [fresh() for _ in places]
    ready = threading.Barrier(len(places))

    def write(number: int) -> str:
        ready.wait()
        return store.write(places[number], values[number], expected[number], f"rotation-{number}")

    with ThreadPoolExecutor(len(places)) as pool:
        versions = set(pool.map(write, range(len(places))))
    assert len(versions) == len(proxy.sent("PATCH", ".")) == 1
    assert [held(store.current(place)) for place in places] == [value.reveal() for value in values]
    assert app.in_force.vars["RACK_ENV"] == "production"


class Sent:
    def __init__(self, error: Exception | None = None) -> None:
        self.changes: list[set[str]] = []
        self._error = error

    def __call__(self, app: str, values: dict[str, SecretValue | None]) -> None:
        self.changes.append({f"{app} {var}" for var in values})
        if self._error:
            raise self._error


def test_one_that_changes_alone_waits_for_nobody() -> None:
    clock, sent = MovingClock(), Sent()
    together = Together(sent, clock)
    together.expect("web", "A")
    together.expect("other", "B")
    together.set("web", "A", None)
    assert (sent.changes, clock.waited) == ([{"web A"}], timedelta())


def test_who_never_comes_is_waited_for_once_and_not_long() -> None:
    clock, sent = MovingClock(), Sent()
    together = Together(sent, clock)
    together.expect("web", "A")
    together.expect("web", "B")
    together.set("web", "A", None)
    assert clock.waited == timedelta(seconds=5)
    together.set("web", "A", None)
    assert clock.waited == timedelta(seconds=5)
    assert sent.changes == [{"web A"}, {"web A"}]


def test_who_was_looked_at_long_ago_is_not_waited_for() -> None:
    clock, sent = MovingClock(), Sent()
    together = Together(sent, clock)
    together.expect("web", "B")
    clock.move(minutes=2)
    together.set("web", "A", None)
    assert clock.waited == timedelta()


def test_all_of_them_learn_what_went_wrong() -> None:
    class Gate(MovingClock):
        """Waits for the other thread, for real."""

        def wait(self, duration: timedelta) -> bool:
            both_wait.wait(5)
            return super().wait(duration)

    both_wait = threading.Event()
    together = Together(Sent(Temporary("503")), Gate())
    for var in ("A", "B", "C"):
        together.expect("web", var)
    caught = []

    def change(var: str) -> None:
        with pytest.raises(Temporary, match="503"):
            together.set("web", var, None)
        caught.append(var)

    leader = threading.Thread(target=change, args=("A",))
    leader.start()
    follower = threading.Thread(target=change, args=("B",))
    follower.start()
    both_wait.set()
    leader.join(10)
    follower.join(10)
    assert sorted(caught) == ["A", "B"]


def test_one_that_heroku_refuses_does_not_keep_the_others_from_being_set(
    app: App, proxy: FaultProxy, token: str
) -> None:
    app.addons["somebodys-database"] = ["STRIPE_KEY"]
    access = DictionaryAccess({"token": token})
    access.clock = SystemClock()
    config = HerokuConfig(url=proxy.url, credentials={"token": "env:HEROKU_TOKEN"})
    together = Together(Api(config, access).set, access.clock)
    for var in (VAR, "STRIPE_KEY"):
        together.expect("acme-web", var)
    value, ready = fresh(), threading.Barrier(2)

    def change(var: str) -> None:
        ready.wait()
        together.set("acme-web", var, value)

    with ThreadPoolExecutor(2) as pool:
        ours, theirs = pool.submit(change, VAR), pool.submit(change, "STRIPE_KEY")
        assert ours.exception() is None
        assert type(theirs.exception()) is Permanent
    assert app.in_force.vars[VAR] == value.reveal()
    assert len(proxy.sent("PATCH", ".")) == 3
