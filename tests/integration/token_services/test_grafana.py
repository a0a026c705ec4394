"""What is particular to Grafana: seconds to live, names of the whole organisation, anonymous access, three versions."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.fakes.token_services.grafana import ACCOUNT, OTHER_ACCOUNT, Grafana
from tests.fakes.token_services.service import serving
from tests.integration.token_services.setting import opened, request

SERVICE = Grafana
NAME = "grafana"


@pytest.fixture(params=[9, 10, 11])
def any_version(request, clock) -> Iterator[Grafana]:
    with serving(Grafana(clock, request.param)) as running:
        yield running


def test_life_and_death_are_told_apart_in_every_versions_words(any_version, clock):
    issuer = opened(NAME, any_version)
    revoked, expired = issuer.issue(request(any_version, "a")), issuer.issue(request(any_version, "b", "1 hour"))
    assert issuer.verify(revoked.value).verdict is Verdict.VALID
    issuer.revoke(revoked.handle)
    assert issuer.verify(revoked.value).verdict is Verdict.INVALID
    clock.move(hours=1)
    assert issuer.verify(expired.value).verdict is Verdict.INVALID
    assert issuer.verify(SecretValue("glsa_of-another-service")).verdict is Verdict.INVALID


def test_a_dead_token_is_refused_where_everybody_else_may_look(any_version):
    any_version.anonymous = True
    issuer = opened(NAME, any_version)
    issued = issuer.issue(request(any_version))
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    issuer.revoke(issued.handle)
    greeted = httpx.get(f"{any_version.url}/api/org", headers={"Authorization": f"Bearer {issued.value.reveal()}"})
    assert greeted.status_code == 200, "what /api/org would have told"
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_a_name_that_is_taken_in_the_organisation_is_told(any_version):
    opened(NAME, any_version, service_account=int(OTHER_ACCOUNT)).issue(request(any_version, "taken"))
    with pytest.raises(Ambiguous, match="a token of this name exists"):
        opened(NAME, any_version).issue(request(any_version, "taken"))


def test_a_revoked_token_is_gone_and_an_unknown_account_is_no_word_about_it(any_version):
    issuer = opened(NAME, any_version)
    issued = issuer.issue(request(any_version))
    with pytest.raises(NeedsOperator):
        opened(NAME, any_version, service_account=99).revoke(issued.handle)
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert issuer.revoke(issued.handle) is Revocation.ALREADY_GONE


def test_a_token_of_another_account_is_not_ended(service):
    other = opened(NAME, service, service_account=int(OTHER_ACCOUNT)).issue(request(service))
    opened(NAME, service).revoke(Handle(other.handle))
    assert opened(NAME, service).verify(other.value).verdict is Verdict.VALID


def test_a_disabled_accounts_tokens_come_back_and_are_not_dead(service):
    issuer = opened(NAME, service)
    issued = issuer.issue(request(service))
    service.disabled_accounts.add(ACCOUNT)
    assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE


def test_zero_seconds_are_for_ever_and_a_limit_forbids_that(service):
    issuer = opened(NAME, service)
    assert service.by_id(issuer.issue(request(service, "for-ever")).handle).expires_at is None
    service.longest_life = 86400
    with pytest.raises(Permanent, match="answered 400"):
        issuer.issue(request(service, "for-ever-again"))
    with pytest.raises(Permanent, match="answered 400"):
        issuer.issue(request(service, "two-days", "2 days"))
    issued = issuer.issue(request(service, "a-day", "1 day"))
    assert service.by_id(issued.handle).expires_at == issued.expires_at


def test_an_expired_token_stays_in_grafanas_list_and_not_in_ours(service, clock):
    issuer = opened(NAME, service)
    issuer.issue(request(service, lifetime="1 hour"))
    clock.move(hours=2)
    assert list(issuer.tokens()) == []
    assert len([token for token in service.tokens if token.owner == ACCOUNT]) == 1


def test_a_service_account_that_may_not_write_makes_no_tokens(service):
    weak = opened(NAME, service).issue(request(service))
    with pytest.raises(Permanent, match=r"answered 403 .*serviceaccounts:write"):
        opened(NAME, service, credentials={"token": weak.value.reveal()}).issue(request(service, "another"))
