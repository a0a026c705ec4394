"""What every test of the Vercel store starts from: one project, deployed once, with our variable and others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.stores.vercel.plugin import VercelPlace
from providers.stores.vercel.store import VercelStore
from rotator.testing.access import DictionaryAccess
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.vercel import Vercel, vercel
from tests.fakes.vercel_account import Project
from tests.integration.vercel.setting import HOOK, VAR, AtTheRecord, access_to, opened, place_of


@pytest.fixture(scope="session")
def running() -> Iterator[Vercel]:
    with vercel() as service:
        yield service


@pytest.fixture
def service(running: Vercel) -> Vercel:
    running.reset()
    return running


@pytest.fixture
def project(service: Vercel) -> Project:
    account = service.account
    project = account.add_project("site")
    project.hooks[HOOK] = "production"
    project.custom_environments["env_stage1"] = "staging"
    account.add(project, VAR, "tok_of_previews", ["preview"])
    account.add(project, VAR, "tok_of_one_branch", ["preview"], git_branch="feature-x")
    account.add(project, VAR, "tok_of_staging", [], custom_environments=["env_stage1"])
    account.add(project, "OTHER", "somebody_elses", ["production"], comment="not ours")
    account.deployed(project)
    return project


@pytest.fixture
def outside(service: Vercel, project: Project) -> AtTheRecord:
    env = service.account.add(project, VAR, "tok_first_of_all", ["production"], comment="set by hand")
    return AtTheRecord(service, project, env)


@pytest.fixture
def proxy(service: Vercel) -> Iterator[FaultProxy]:
    with fault_proxy(service.url) as running:
        yield running


@pytest.fixture
def access(proxy: FaultProxy, project: Project) -> DictionaryAccess:
    return access_to(proxy.url, project)


@pytest.fixture
def store(proxy: FaultProxy, access: DictionaryAccess) -> VercelStore:
    return opened(proxy.url, access)


@pytest.fixture
def place(outside: AtTheRecord) -> VercelPlace:
    return place_of()
