"""What every test of the heroku store starts from: one app with a web dyno, and somebody else who may change it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.stores.heroku import PLUGIN
from providers.stores.heroku.plugin import HerokuConfig, HerokuPlace
from providers.stores.heroku.store import HerokuStore
from rotator.testing.access import DictionaryAccess
from tests.canary import CANARY
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.heroku import App, Heroku, running_heroku

VAR = "DOCUMENSO_API_TOKEN"
FIRST = "tok_first_of_all"
SIBLINGS = {"RACK_ENV": "production", "DATABASE_URL": "postgres://hidden_in_plain_sight", "EMPTY": ""}


class AtTheDashboard:
    """Somebody else, who changes the app without asking the API's leave."""

    def __init__(self, app: App) -> None:
        self.app = app

    def put(self, value: str) -> None:
        self.app.set({VAR: CANARY.add(value) if value.startswith("tok_") else value})

    def field(self) -> str | None:
        return self.app.in_force.vars.get(VAR)

    def siblings(self) -> object:
        return [(name, value) for name, value in self.app.in_force.vars.items() if name != VAR]

    def footprint(self) -> object:
        return [(release.number, release.status, dict(release.vars)) for release in self.app.releases]


def opened(url: str, token: str, access: DictionaryAccess | None = None) -> HerokuStore:
    config = HerokuConfig(url=url, credentials={"token": "env:HEROKU_TOKEN"})
    store = PLUGIN.open(config, access or DictionaryAccess({"token": token}))
    assert isinstance(store, HerokuStore)
    return store


@pytest.fixture
def heroku() -> Iterator[Heroku]:
    with running_heroku() as running:
        running.tokens[CANARY.add("HRKU-0123-of-the-rotator")] = {"write-protected"}
        yield running


@pytest.fixture
def token(heroku: Heroku) -> str:
    return next(iter(heroku.tokens))


@pytest.fixture
def app(heroku: Heroku) -> App:
    CANARY.add(SIBLINGS["DATABASE_URL"])
    return heroku.make_app("acme-web", {**SIBLINGS, VAR: CANARY.add(FIRST)})


@pytest.fixture
def outside(app: App) -> AtTheDashboard:
    return AtTheDashboard(app)


@pytest.fixture
def proxy(heroku: Heroku) -> Iterator[FaultProxy]:
    with fault_proxy(heroku.url) as running:
        yield running


@pytest.fixture
def store(proxy: FaultProxy, token: str) -> HerokuStore:
    return opened(proxy.url, token)


@pytest.fixture
def place(app: App) -> HerokuPlace:
    return HerokuPlace(app=app.name, var=VAR)
