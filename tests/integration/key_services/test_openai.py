"""What is particular about OpenAI's keys: those of projects, each in a service account of its own, and admin keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.fakes.token_services.openai import ARCHIVED, OpenAI
from tests.fakes.token_services.service import serving
from tests.integration.key_services.setting import opened, request


@pytest.fixture
def service(clock) -> Iterator[OpenAI]:
    with serving(OpenAI(clock)) as running:
        yield running


@pytest.fixture
def project(service):
    return opened("openai project", service)


@pytest.fixture
def admin(service):
    return opened("openai admin", service)


# --- keys of a project ---


def test_each_key_has_a_service_account_of_its_own_that_ends_with_it(service, project):
    first, second = project.issue(request(service, "one")), project.issue(request(service, "two"))
    assert {first.handle, second.handle} == set(service.accounts)
    project.revoke(first.handle)
    assert set(service.accounts) == {second.handle}
    assert project.verify(second.value).verdict is Verdict.VALID


def test_the_keys_of_people_are_not_listed_and_can_not_be_revoked(service, project):
    theirs = service.make("ada's", "")
    assert list(project.tokens()) == []
    assert project.revoke(Handle(theirs.id)) is Revocation.ALREADY_GONE
    assert project.verify(SecretValue(theirs.value)).verdict is Verdict.VALID


def test_keys_whose_owner_the_list_would_leave_out_are_listed(service, project):
    """Without ``owner_project_access=any``, OpenAI may leave enabled keys out of the list."""
    issued = project.issue(request(service))
    assert [info.handle for info in project.tokens()] == [issued.handle]


def test_every_page_is_read_also_where_a_page_has_none_of_ours(service, project):
    service.longest_page = 2
    issued = [project.issue(request(service, "first")), *[service.make(f"p{number}", "") for number in range(4)]]
    last = project.issue(request(service, "last"))
    assert [info.handle for info in project.tokens()] == [issued[0].handle, last.handle]


def test_an_archived_or_unknown_project_makes_nothing(service):
    for project_id in (ARCHIVED, "proj_unknown"):
        elsewhere = opened("openai project", service, project=project_id)
        with pytest.raises(Permanent, match="the request was refused"):
            elsewhere.issue(request(service))
    assert service.accounts == {}


def test_a_key_that_may_not_list_models_is_not_taken_for_dead(service, project):
    restricted = service.make("restricted", "", scopes=("responses",))
    assert project.verify(SecretValue(restricted.value)).verdict is Verdict.INDETERMINATE


# --- admin keys ---


def test_an_admin_key_lives_as_long_as_it_was_asked_to(service, admin, clock):
    issued = admin.issue(request(service, lifetime="90 days"))
    assert issued.expires_at == service.now + timedelta(days=90)
    clock.wait(timedelta(days=90))
    assert admin.verify(issued.value).verdict is Verdict.INVALID


def test_a_life_of_more_than_a_year_is_refused_by_the_rules(admin):
    assert admin.traits.expiry.maximum.exact == timedelta(days=365)


def test_a_project_key_is_no_admin_key_and_no_dead_one(service, admin, project):
    issued = project.issue(request(service))
    assert admin.verify(issued.value).verdict is Verdict.INDETERMINATE
    by_project_key = opened("openai admin", service, credentials={"admin_key": issued.value.reveal()})
    with pytest.raises(NeedsOperator):
        list(by_project_key.tokens())


def test_admin_keys_are_read_to_the_last_page(service, admin):
    service.longest_page = 2
    for number in range(4):
        admin.issue(request(service, f"k{number}"))
    assert [info.name for info in admin.tokens()] == ["main", "k0", "k1", "k2", "k3"]


# --- both ---


@pytest.mark.parametrize("kind", ["openai project", "openai admin"])
def test_a_deactivated_organization_is_no_proof_of_a_death(service, kind):
    issuer = opened(kind, service)
    issued = issuer.issue(request(service))
    service.deactivated = True
    assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize("kind", ["openai project", "openai admin"])
def test_an_error_that_quotes_a_key_is_not_passed_on(service, kind):
    wrong = opened(kind, service, credentials={"admin_key": "sk-admin-never-issued-5c1d"})
    with pytest.raises(Permanent, match=r"401 \(invalid_api_key\)") as refused:
        wrong.issue(request(service))
    assert "sk-admin" not in str(refused.value)
    assert "5c1d" not in str(refused.value)
