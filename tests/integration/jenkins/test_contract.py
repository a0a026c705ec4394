"""The Jenkins store keeps the contract of a write-only store: in the system and in a folder, by token and password."""

from __future__ import annotations

from typing import ClassVar

import pytest

from providers.stores.jenkins.plugin import JenkinsPlace
from providers.stores.jenkins.store import JenkinsStore
from rotator.domain.errors import Conflict, Permanent
from rotator.testing.store_contract import KeepsNoVersions, StoreContract, fresh, publish, version_of
from tests.fakes.jenkins import JenkinsService
from tests.integration.jenkins.setting import (
    DOMAIN,
    FOLDER,
    PASSWORD,
    SECRET_TEXT,
    AtTheCredential,
    opened,
    secret_text,
)


class WriteOnly(KeepsNoVersions, StoreContract):
    """Nobody reads a value back: what the contract says of values is looked at from outside."""

    at: ClassVar[JenkinsPlace]
    login: ClassVar[str] = "token"

    @pytest.fixture
    def store(self, jenkins: JenkinsService) -> JenkinsStore:
        return opened(jenkins, login=self.login)

    @pytest.fixture
    def place(self) -> JenkinsPlace:
        return self.at

    @pytest.fixture
    def missing_place(self) -> JenkinsPlace:
        return self.at.model_copy(update={"credential": "nowhere"})

    @pytest.fixture
    def outside(self, jenkins: JenkinsService) -> AtTheCredential:
        return AtTheCredential(jenkins, self.at)

    def test_one_rotation_follows_another(  # type: ignore[override]
        self, store: JenkinsStore, place: JenkinsPlace, outside: AtTheCredential
    ) -> None:
        """A version is what is shown of the credential, and a secret is never shown: both have the same one."""
        first, second = fresh(), fresh()
        assert publish(store, place, first, "rotation-1") == publish(store, place, second, "rotation-2")
        assert outside.field() == second.reveal()

    def test_what_was_overwritten_cannot_be_read_or_put_back(  # type: ignore[override]
        self, store: JenkinsStore, place: JenkinsPlace, outside: AtTheCredential
    ) -> None:
        before = store.current(place)
        assert before is not None
        value = fresh()
        version = publish(store, place, value)
        read = store.read(place, before.version)
        assert read is not None
        assert read.value is None
        with pytest.raises(Permanent, match="keeps no earlier secret"):
            store.restore(place, before.version, version)
        assert outside.field() == value.reveal()

    def test_a_secret_is_sent_again_because_nobody_can_see_that_it_is_there(
        self, jenkins: JenkinsService, store: JenkinsStore, place: JenkinsPlace
    ) -> None:
        value, saved = fresh(), jenkins.saves
        publish(store, place, value)
        publish(store, place, value)
        assert jenkins.saves == saved + 2

    def test_looking_saves_nothing(self, jenkins: JenkinsService, store: JenkinsStore, place: JenkinsPlace) -> None:
        saved = jenkins.saves
        store.preflight(place)
        store.current(place)
        assert jenkins.saves == saved

    @pytest.mark.parametrize("field", ["description", "scope"])
    def test_a_credential_that_somebody_edited_since_we_looked_is_not_overwritten(
        self, store: JenkinsStore, place: JenkinsPlace, outside: AtTheCredential, field: str
    ) -> None:
        stale = version_of(store.current(place))
        outside.edit(**{field: "SYSTEM"})
        before = outside.footprint()
        for expected in (stale, None):
            with pytest.raises(Conflict, match="changed since it was looked at"):
                store.write(place, fresh(), expected, "rotation-1")
        assert outside.footprint() == before

    def test_a_secret_that_somebody_set_since_we_looked_is_overwritten_as_is_documented(
        self, store: JenkinsStore, place: JenkinsPlace, outside: AtTheCredential
    ) -> None:
        """Jenkins shows no trace of it. The page that documents the store says so."""
        version, value = version_of(store.current(place)), fresh()
        outside.put("set-by-hand")
        assert store.write(place, value, version, "rotation-1") == version
        assert outside.field() == value.reveal()


class TestASecretTextOfTheSystem(WriteOnly):
    at = SECRET_TEXT


class TestAPasswordInADomainOfAFolder(WriteOnly):
    at = PASSWORD
    login = "password"


@pytest.mark.parametrize(
    "elsewhere", [{"folder": "team/gone"}, {"domain": "gone.example"}, {"folder": FOLDER, "domain": "gone.example"}]
)
def test_a_folder_or_domain_that_does_not_exist_has_nothing_current_and_is_refused(
    store: JenkinsStore, elsewhere: dict[str, str]
) -> None:
    place = SECRET_TEXT.model_copy(update=elsewhere)
    assert store.current(place) is None
    with pytest.raises(Permanent, match=r"shows no such thing .* Check `folder`, `domain` and `credential`"):
        store.preflight(place)


def test_the_same_id_in_another_store_or_domain_is_another_credential(
    jenkins: JenkinsService, store: JenkinsStore
) -> None:
    value = fresh()
    publish(store, JenkinsPlace(credential="api-token", folder=FOLDER, domain=DOMAIN), value)
    holders = [
        (folder, domain)
        for folder, domains in jenkins.stores.items()
        for domain, credentials in domains.items()
        if credentials["api-token"].secret == value.reveal()
    ]
    assert holders == [(FOLDER, DOMAIN)]


def test_names_that_an_address_must_escape_are_found(jenkins: JenkinsService, store: JenkinsStore) -> None:
    odd, value = "50% of #1? & schlüssel", fresh()
    jenkins.put(secret_text(odd), odd, odd)
    publish(store, JenkinsPlace(credential=odd, folder=odd, domain=odd), value)
    assert jenkins.stores[odd][odd][odd].secret == value.reveal()
