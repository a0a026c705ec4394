"""One secret in every store at once, and each store failing in turn: no consumer anywhere reads a dead token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.stores.aws_secrets_manager.plugin import AwsPlace
from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.env_file.store import PLUGIN as ENV_FILE
from providers.stores.github_actions.plugin import GitHubPlace
from providers.stores.heroku.plugin import HerokuPlace
from providers.stores.vault.plugin import VaultPlace
from rotator.domain.contracts import Place
from rotator.domain.model import ConnectionName, IssuerRef, Overlap, Phase, SecretName, Target
from rotator.domain.policy import Policy, PolicySet, Source
from rotator.domain.secret_value import SecretValue
from rotator.flow import adoption, emergency, reconcile
from rotator.flow.opening import Order
from rotator.flow.runner import Runner
from rotator.flow.work import OpenDestination, Tools
from rotator.ledger.ledger import Ledger
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from rotator.testing.store_contract import publish
from tests.canary import CANARY
from tests.fakes.fault_proxy import FaultProxy, answer, fault_proxy
from tests.fakes.github_actions import github_service
from tests.fakes.gitlab import gitlab
from tests.fakes.heroku import running_heroku
from tests.fakes.jenkins import PREFIX, jenkins_service
from tests.fakes.kubernetes.server import serving
from tests.fakes.memory_issuer import MemoryIssuer
from tests.fakes.secrets_manager import Secret, secrets_manager
from tests.fakes.vercel import vercel
from tests.integration import github_actions_setting
from tests.integration.aws_secrets_manager.setting import store_at
from tests.integration.azure_key_vault.setting import running_azure
from tests.integration.gitlab import setting as gitlab_setting
from tests.integration.heroku import conftest as heroku_setting
from tests.integration.jenkins import setting as jenkins_setting
from tests.integration.kubernetes import setting as kubernetes_setting
from tests.integration.vault import setting as vault_setting
from tests.integration.vercel import setting as vercel_setting
from tests.servers.openbao import OpenBao

HTTP_STORES = ("aws", "azure", "github", "gitlab", "heroku", "jenkins", "kubernetes", "vault", "vercel")
ALL = ("env-file", *HTTP_STORES)


@dataclass
class Member:
    """One store with one place, what really stands there, and how it fails."""

    store: Any
    place: Place
    holds: Callable[[], str | None]
    proxy: FaultProxy | None = None


class Fleet:
    """Every store that there is, an issuer, and the engine: it implements ``rotator.flow.work.Connections``."""

    def __init__(self, members: dict[str, Member], folder: Path) -> None:
        self.members = members
        self.clock = MovingClock()
        self.maker = MemoryIssuer(self.clock)
        self.ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
        targets = tuple(Target(ConnectionName(name), {"store": name}) for name in members)
        self.policy = Policy(
            SecretName("everywhere"), IssuerRef(ConnectionName("issuer")), "everywhere", targets, Source(folder, 1),
            overlap=Overlap(for_=timedelta()),
        )  # fmt: skip
        self.runner = Runner(Tools(self.ledger, self.clock, self, "alice", "here"))

    def issuer(self, _ref: IssuerRef) -> MemoryIssuer:
        return self.maker

    def destination(self, target: Target) -> OpenDestination:
        member = self.members[target.connection]
        return OpenDestination(member.store, member.place)

    def adopt(self) -> None:
        first = self.maker.make_by_hand("by hand", foreign=False)
        for member in self.members.values():
            publish(member.store, member.place, SecretValue(first.value))
        adoption.adopt(self.runner.tools, self.policy, first.handle)

    def rotate(self) -> None:
        emergency.rotate(self.runner, Order(self.policy))

    def go_on(self) -> None:
        for _ in range(8):
            self.clock.move(hours=2)
            list(reconcile.one_pass(self.runner, PolicySet((), {})))

    def held(self) -> dict[str, str | None]:
        return {name: member.holds() for name, member in self.members.items()}

    def alive(self) -> set[str]:
        return {token.value for token in self.maker.alive()}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, openbao: OpenBao) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as running:
        members = {"env-file": _env_file(folder)}
        for make in (_aws, _github, _gitlab, _heroku, _jenkins, _kubernetes, _vercel):
            name = make.__name__.strip("_")
            members[name] = make(running)
        members["azure"] = _azure(running, folder)
        members["vault"] = _vault(running, openbao)
        assert set(members) == set(ALL)
        fleet = Fleet(members, folder)
        running.callback(fleet.ledger.close)
        fleet.adopt()
        yield fleet


def test_one_secret_is_rotated_in_every_store_at_once(fleet: Fleet) -> None:
    before = fleet.alive()
    fleet.rotate()
    is_whole(fleet, other_than=before)


@pytest.mark.parametrize("failing", HTTP_STORES)
@pytest.mark.parametrize("how", ["it is down", "its writes fail"])
def test_whichever_store_fails_every_consumer_reads_a_token_that_lives(fleet: Fleet, failing: str, how: str) -> None:
    before = fleet.alive()
    proxy = fleet.members[failing].proxy
    assert proxy is not None
    methods = ["*"] if how == "it is down" else ["POST", "PUT", "PATCH"]
    for method in methods:
        proxy.fail(method, ".", answer(503), times=None)
    fleet.rotate()
    proxy.heal()
    assert set(fleet.held().values()) <= fleet.alive(), "a consumer reads a dead token"
    if how == "it is down":
        assert fleet.alive() == before, "nothing was begun that could not be finished"
        return
    fleet.go_on()
    fleet.rotate()
    fleet.go_on()
    is_whole(fleet, other_than=before)


def is_whole(fleet: Fleet, other_than: set[str]) -> None:
    rotation = fleet.ledger.last_rotation(fleet.policy.name)
    assert rotation is not None
    assert rotation.phase is Phase.RETIRED, rotation.trouble
    assert set(fleet.held().values()) == fleet.alive()
    assert len(fleet.alive()) == 1
    assert fleet.alive() != other_than


# --- the stores ------------------------------------------------------------------------------------------------------


def _env_file(folder: Path) -> Member:
    file = CANARY.may_hold_values(folder / "app.env")
    file.write_text("PORT=8080\nAPI_TOKEN=start\n")
    store = ENV_FILE.open(ENV_FILE.config(), DictionaryAccess())

    def holds() -> str:
        lines = dict(line.partition("=")[::2] for line in file.read_text().splitlines())
        return lines["API_TOKEN"].strip("'\"")

    return Member(store, ENV_FILE.place(file=str(file), var="API_TOKEN"), holds)


def _aws(running: ExitStack) -> Member:
    service = running.enter_context(secrets_manager())
    service.secrets["prod/app"] = Secret("prod/app", {"v" * 36: {"SecretString": "{}"}}, {"AWSCURRENT": "v" * 36})
    proxy = running.enter_context(fault_proxy(service.url))

    def holds() -> str | None:
        secret = service.secrets["prod/app"]
        held: str | None = json.loads(secret.contents[secret.labels["AWSCURRENT"]]["SecretString"]).get("token")
        return held

    return Member(store_at(proxy.url), AwsPlace(secret="prod/app", field="token"), holds, proxy)


def _azure(running: ExitStack, folder: Path) -> Member:
    azure = running.enter_context(running_azure(folder))
    azure.client().set_secret("app-token", "start")
    client = azure.client()
    return Member(
        azure.store(), AzurePlace(secret="app-token"), lambda: client.get_secret("app-token").value, azure.proxy
    )


def _github(running: ExitStack) -> Member:
    service = running.enter_context(github_service())
    github_actions_setting.furnish(service)
    proxy = running.enter_context(fault_proxy(service.url))
    secrets = service.scopes["/repos/acme/web/actions"].secrets
    place = GitHubPlace(repository="acme/web", secret="API_TOKEN")
    return Member(github_actions_setting.opened(proxy.url), place, lambda: secrets["API_TOKEN"].value, proxy)


def _gitlab(running: ExitStack) -> Member:
    service = running.enter_context(gitlab())
    gitlab_setting.furnish(service)
    proxy, place = running.enter_context(fault_proxy(service.url)), gitlab_setting.place_of()
    return Member(gitlab_setting.opened(proxy.url), place, gitlab_setting.AtTheVariable(service, place).field, proxy)


def _heroku(running: ExitStack) -> Member:
    service = running.enter_context(running_heroku())
    service.tokens["HRKU-of-the-rotator"] = {"write-protected"}
    app = service.make_app("acme-web", {"API_TOKEN": "start"})
    proxy = running.enter_context(fault_proxy(service.url))
    store = heroku_setting.opened(proxy.url, "HRKU-of-the-rotator")
    place = HerokuPlace(app="acme-web", var="API_TOKEN")
    return Member(store, place, lambda: app.in_force.vars["API_TOKEN"], proxy)


def _jenkins(running: ExitStack) -> Member:
    service = running.enter_context(jenkins_service())
    jenkins_setting.furnish(service)
    proxy = running.enter_context(fault_proxy(service.url.removesuffix(PREFIX)))
    place = jenkins_setting.SECRET_TEXT
    store = jenkins_setting.opened(service, f"{proxy.url}{PREFIX}")
    return Member(store, place, jenkins_setting.AtTheCredential(service, place).field, proxy)


def _kubernetes(running: ExitStack) -> Member:
    cluster = kubernetes_setting.cluster_with_a_secret()
    proxy = running.enter_context(fault_proxy(running.enter_context(serving(cluster))))
    store = kubernetes_setting.opened(proxy.url)
    return Member(store, kubernetes_setting.PLACE, lambda: kubernetes_setting.token_in(cluster), proxy)


def _vault(running: ExitStack, openbao: OpenBao) -> Member:
    mount = openbao.mount_kv()
    document = vault_setting.Documents(openbao, mount, 2)
    document.replace({"token": "start"})
    proxy = running.enter_context(fault_proxy(openbao.url))
    store = vault_setting.opened(proxy.url, mount, vault_setting.Credentials(token=openbao.root_token))
    return Member(store, VaultPlace(path=document.path, field="token"), document.field, proxy)


def _vercel(running: ExitStack) -> Member:
    service = running.enter_context(vercel())
    project = service.account.add_project("site")
    env = service.account.add(project, vercel_setting.VAR, "start", ["production"])
    service.account.deployed(project)
    proxy = running.enter_context(fault_proxy(service.url))
    store = vercel_setting.opened(proxy.url, vercel_setting.access_to(proxy.url, project))
    return Member(store, vercel_setting.place_of(), lambda: env.value, proxy)
