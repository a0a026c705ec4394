"""Connections whose credentials lie in a store: opened with it, apart from it, and anew when it changes."""

from __future__ import annotations

import threading
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.domain.contracts import Access, Config, Credential, IssuerPlugin, IssuerTraits, Options, StorePlugin
from rotator.domain.errors import LeadsElsewhere, Temporary
from rotator.domain.limits import NO_LIMITS
from rotator.domain.model import ConnectionName, IssuerRef, Target
from rotator.flow.budget import ConnectionBudget
from rotator.open_connections import OpenConnections
from rotator.testing.moving_clock import MovingClock
from tests.fakes.memory_store import MemoryPlace, MemoryStore
from tests.unit.domain.builders import a_destination, a_rotation

PLACE = Target(ConnectionName("safe"), {"name": "rotator"})
POLICIES = """\
connections:
  saas: {provider: saas, credentials: {password: {connection: safe, name: rotator}}}
  safe: {provider: memory}
policies:
  - {name: a, issuer: {connection: saas}, stores: [{connection: safe, name: rotator}], schedule: never}
"""


class ServiceConfig(Config):
    url: str = "https://saas.example"


class ServiceOptions(Options):
    user: str = "alice"


class Service:
    """Shares a client with all users' issuers from the start, and logs in when it is first asked."""

    def __init__(self, access: Access) -> None:
        self._access = access
        access.shared("client", object)

    def log_in(self) -> str:
        return self._access.shared("login", lambda: self._access.credential("password")).reveal()

    def password(self) -> str:
        return self._access.credential("password").reveal()


STORE = MemoryStore()
SAAS = IssuerPlugin(
    "saas", "", ServiceConfig, ServiceOptions,
    traits=lambda _config, _options: IssuerTraits(),
    open=lambda _config, _options, access: Service(access),  # type: ignore[arg-type,return-value]  # no issuer is needed
    credentials=(Credential("password", "a password"),),
)  # fmt: skip
MEMORY = StorePlugin("memory", "", Config, MemoryPlace, open=lambda _config, _access: STORE)


@pytest.fixture
def plugins() -> Plugins:
    def entry(group: str, name: str, value: str) -> EntryPoint:
        return EntryPoint(name, f"{__name__}:{value}", f"rotator.{group}")

    return Plugins((entry("issuers", "saas", "SAAS"), entry("stores", "memory", "MEMORY")))


class Case:
    def __init__(self, folder: Path, plugins: Plugins) -> None:
        self._file, self._plugins = folder / "p.yaml", plugins
        self.policies = self._load(POLICIES)
        self.opened = OpenConnections(self.policies, plugins, MovingClock(), self._budget)

    def _load(self, text: str) -> Any:
        self._file.write_text(text)
        return load(self._file, self._plugins)

    def _budget(self, connection: Any) -> ConnectionBudget:
        def no_ledger() -> Any:
            raise AssertionError("nothing is limited")

        return ConnectionBudget(connection.name, NO_LIMITS, no_ledger, MovingClock(), "here")

    def service(self, user: str = "alice") -> Any:
        return self.opened.issuer(IssuerRef(ConnectionName("saas"), {"user": user}))

    def use(self, text: str) -> None:
        self.opened.use(self._load(text), self._plugins)


@pytest.fixture
def case(tmp_path: Path, plugins: Plugins) -> Case:
    STORE.put_by_hand("rotator", "the first one")
    return Case(tmp_path, plugins)


def test_a_place_that_is_opened_to_be_written_is_read_anew(case: Case) -> None:
    assert case.service().password() == "the first one"
    STORE.put_by_hand("rotator", "the second one")
    assert case.service().password() == "the first one"
    case.opened.destination(PLACE)
    assert case.service().password() == "the second one"


def test_another_place_of_the_same_store_is_no_reason_to_read_it_anew(case: Case) -> None:
    case.service().password()
    STORE.put_by_hand("rotator", "the second one")
    case.opened.destination(Target(ConnectionName("safe"), {"name": "other"}))
    assert case.service().password() == "the first one"


def test_a_change_of_the_store_opens_anew_who_reads_credentials_from_it(case: Case) -> None:
    before = case.service()
    case.use(POLICIES.replace("schedule: never", "schedule: quarterly"))
    assert case.service() is before
    case.use(POLICIES.replace("{provider: memory}", "{provider: memory, limits: {concurrency: 1}}"))
    assert case.service() is not before


def test_a_connection_that_changes_while_it_is_opened_is_not_kept_as_it_was(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_options, changed = ServiceOptions.model_validate, threading.Event()

    def change() -> None:
        case.use(POLICIES.replace("{connection: safe, name: rotator}}", "env:NEW_PASSWORD}"))
        changed.set()

    refreshing = threading.Thread(target=change, daemon=True)

    def slowly(options: object) -> ServiceOptions:
        if not refreshing.ident:
            refreshing.start()
            changed.wait(0.2)  # in vain: it has to wait itself
        return read_options(options)

    monkeypatch.setenv("NEW_PASSWORD", "the new one")
    monkeypatch.setattr(ServiceOptions, "model_validate", slowly)
    case.service()
    refreshing.join(10)
    assert case.service().password() == "the new one"


@pytest.mark.parametrize(
    ("issuer", "store", "known"), [("saas", "safe", True), ("other", "safe", False), ("saas", "other", False)]
)
def test_a_rotation_is_known_when_all_of_its_connections_are(case: Case, issuer: str, store: str, known: bool) -> None:
    place = a_destination(target=Target(ConnectionName(store), {"name": "rotator"}))
    rotation = a_rotation(issuer=IssuerRef(ConnectionName(issuer)), destinations=(a_destination(target=PLACE), place))
    assert case.opened.knows(rotation) is known


def test_an_issuer_is_not_opened_where_its_connection_leads_elsewhere_by_now(case: Case) -> None:
    at_first = case.policies.policies[0].issuer
    assert at_first.hosts == ("saas.example",)
    rotation = a_rotation(issuer=at_first, destinations=(a_destination(target=PLACE),))
    case.use(POLICIES.replace("provider: saas,", "provider: saas, url: 'https://other.example:8443/api',"))
    with pytest.raises(LeadsElsewhere, match=r"leads to other\.example:8443 now, and led to saas\.example"):
        case.opened.issuer(at_first)
    assert not case.opened.knows(rotation)
    case.service()  # of which nobody knows where it led
    case.use(POLICIES)
    case.opened.issuer(at_first)
    assert case.opened.knows(rotation)


def test_a_policy_waits_while_the_store_of_its_credentials_is_left_alone(case: Case) -> None:
    policy = case.policies.policies[0]
    elsewhere = replace(policy, targets=())
    case.service()
    assert case.opened.rests_until(elsewhere) is None
    for _ in range(10):
        with pytest.raises(Temporary), case.opened.budgets()[ConnectionName("safe")].request():
            raise Temporary("no answer came")
        if case.opened.rests_until(elsewhere) is not None:
            return
    raise AssertionError("it is begun all the same")


def test_a_slow_store_keeps_nobody_from_opening_the_connection_for_something_else(case: Case) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def slowly(moment: str) -> None:
        if moment == "before store.current":
            asked.set()
            may_answer.wait(10)

    service = case.service()
    STORE.script.hook = slowly
    try:
        logging_in = threading.Thread(target=service.log_in, daemon=True)
        logging_in.start()
        assert asked.wait(10)
        case.opened.destination(PLACE)  # waits for nobody
        opening = threading.Thread(target=case.service, args=("bob",), daemon=True)
        opening.start()
        may_answer.set()
        for thread in (logging_in, opening):
            thread.join(10)
            assert not thread.is_alive()
    finally:
        STORE.script.hook = lambda _moment: None


def test_all_credentials_in_stores_are_named_with_their_places(case: Case) -> None:
    assert [str(each) for each in case.opened.stored_credentials()] == [
        "credential `password` of connection saas (safe name=rotator)"
    ]
