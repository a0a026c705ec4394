"""What the Jenkins store refuses, and what it says then: kinds, documents, letters, logins and missing permissions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.stores.jenkins.plugin import JenkinsPlace
from providers.stores.jenkins.store import JenkinsStore
from rotator.domain.errors import NeedsOperator, Permanent, RotatorError
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import fresh, publish, refusal_of, version_of
from tests.fakes.fault_proxy import FaultProxy, answer
from tests.fakes.jenkins import PREFIX, JenkinsService
from tests.fakes.jenkins_credentials import SSH_KEY, Credential
from tests.integration.jenkins.setting import DOMAIN, FOLDER, PASSWORD, SECRET_TEXT, USER, AtTheCredential, opened

ROOT = Path(__file__).parents[3]
ODD = "tok_of_somebody_else"


# --- kinds and documents ----------------------------------------------------------------------------------------------


def test_a_credential_of_another_kind_is_refused_before_anything_is_touched(
    jenkins: JenkinsService, store: JenkinsStore
) -> None:
    fields = {"scope": "GLOBAL", "id": "deploy-key", "username": "git", "passphrase": "a passphrase"}
    jenkins.put(Credential(SSH_KEY, fields))
    place, saved = JenkinsPlace(credential="deploy-key"), jenkins.saves
    for refused in (lambda: store.preflight(place), lambda: store.write(place, fresh(), None, "rotation-1")):
        refusal = refusal_of(refused)
        assert type(refusal) is Permanent
        assert "another kind (BasicSSHUserPrivateKey)" in str(refusal)
    assert jenkins.saves == saved


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<a>&undeclared;</a>",
        "<a" * 10 + "/>" * 10,
        "<a>" * 100_000,
    ],
    ids=["a bomb", "another file", "an entity", "no XML", "depths"],
)
def test_a_document_that_plays_tricks_is_refused(store: JenkinsStore, proxy: FaultProxy, document: str) -> None:
    proxy.fail("GET", "config.xml", answer(200, {"Content-Type": "application/xml"}, document.encode()))
    refusal = refusal_of(lambda: store.preflight(SECRET_TEXT))
    assert type(refusal) is Permanent
    assert "cannot be written" in str(refusal)


@pytest.mark.parametrize("text", ["carriage\r\nreturn", "nul\x00byte", "a bell\a", "half a pair \ud83d", "\uffff"])
def test_a_value_that_xml_cannot_carry_is_refused_before_anything_is_asked(
    store: JenkinsStore, proxy: FaultProxy, text: str
) -> None:
    refusal = refusal_of(lambda: store.write(SECRET_TEXT, SecretValue(text), None, "rotation-1"))
    assert type(refusal) is Permanent
    assert "does not travel in XML" in str(refusal)
    assert proxy.seen == []


# --- letters that Jenkins cannot show ---------------------------------------------------------------------------------


@pytest.mark.parametrize("charset", [None, "utf-8"])
@pytest.mark.parametrize("description", ["鍵 for the api?", "Schlüssel", "Really?", "\U0001f511", ""])
def test_a_description_is_kept_in_whatever_letters_it_is(
    jenkins: JenkinsService, store: JenkinsStore, outside: AtTheCredential, description: str, charset: str | None
) -> None:
    """Its container writes Latin-1, and ``?`` for the rest, into the XML that we send back; its JSON has it right."""
    jenkins.charset = charset
    outside.edit(description=description)
    publish(store, SECRET_TEXT, fresh())
    assert outside.credential.fields["description"] == description


def test_a_user_name_that_may_have_been_mangled_is_refused_and_one_that_was_not_is_kept(
    jenkins: JenkinsService, store: JenkinsStore
) -> None:
    outside = AtTheCredential(jenkins, PASSWORD)
    outside.edit(username="ロボット")
    refusal = refusal_of(lambda: store.preflight(PASSWORD))
    assert type(refusal) is Permanent
    assert "`username` has a question mark" in str(refusal)
    jenkins.charset = "utf-8"
    publish(store, PASSWORD, fresh())
    assert outside.credential.fields["username"] == "ロボット"


# --- logins and permissions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [SECRET_TEXT, PASSWORD], ids=["system", "folder"])
@pytest.mark.parametrize("login", ["token", "password"])
def test_the_permissions_we_ship_are_enough_and_each_that_lacks_is_named(
    jenkins: JenkinsService, place: JenkinsPlace, login: str
) -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "permissions" / "jenkins.yaml").read_text())
    [entry] = shipped["jenkins"]["authorizationStrategy"]["projectMatrix"]["entries"]
    granted = set(entry["user"]["permissions"])
    jenkins.users[USER].permissions = {"": granted}
    store = opened(jenkins, login=login)
    publish(store, place, fresh())
    expected = version_of(store.current(place))
    for missing in sorted(granted - (set() if place.folder else {"Job/Read"})):
        jenkins.users[USER].permissions = {"": granted - {missing}}
        refusal = refusal_of(lambda: store.write(place, fresh(), expected, "rotation-2"))
        assert type(refusal) is Permanent
        assert missing in str(refusal)


def test_permissions_on_the_folder_alone_are_enough_for_its_store_and_for_no_other(
    jenkins: JenkinsService, store: JenkinsStore
) -> None:
    on_the_folder = {"Job/Read", "Credentials/View", "Credentials/Update"}
    jenkins.users[USER].permissions = {"": {"Overall/Read"}, "team": {"Job/Read"}, FOLDER: on_the_folder}
    publish(store, PASSWORD, fresh())
    assert "needs Credentials/View there" in str(refusal_of(lambda: store.preflight(SECRET_TEXT)))
    assert store.current(JenkinsPlace(credential="robot", folder="team", domain="_")) is None


def test_crumbs_that_are_switched_off_are_not_asked_for(jenkins: JenkinsService) -> None:
    jenkins.asks_for_crumbs = False
    value = fresh()
    publish(opened(jenkins, login="password"), SECRET_TEXT, value)
    assert AtTheCredential(jenkins, SECRET_TEXT).field() == value.reveal()


def test_a_token_that_died_waits_for_a_person(jenkins: JenkinsService, store: JenkinsStore) -> None:
    jenkins.users[USER].api_token = "another-one"
    refusal = refusal_of(lambda: store.preflight(SECRET_TEXT))
    assert type(refusal) is NeedsOperator
    assert "`user` with this token" in str(refusal)


DENIED = "com.cloudbees.plugins.credentials.CredentialsProvider.Update"


@pytest.mark.parametrize(
    ("fault", "family", "said"),
    [
        (answer(403, {"X-Required-Permission": DENIED}), Permanent, "lacks Credentials/Update"),
        (answer(403, {"X-Required-Permission": "hudson.model.Item.Read"}), Permanent, "lacks Job/Read"),
        (answer(403, {"X-Required-Permission": f"<{ODD}>"}), Permanent, "names no permission"),
        (answer(403, {"X-You-Are-Authenticated-As": "anonymous"}), NeedsOperator, "takes us for nobody"),
        (answer(403, {}, b"<title>No valid crumb was included in the request</title>"), Permanent, "an API token"),
        (answer(403, {}, ODD.encode()), Permanent, "check the connection's `url`"),
        (answer(404, {}, ODD.encode()), Permanent, "Check `folder`, `domain` and `credential`"),
        (answer(400, {}, ODD.encode()), Permanent, "check the connection's `url`"),
    ],
)
def test_each_refusal_of_a_write_has_its_family_and_its_words(
    store: JenkinsStore,
    outside: AtTheCredential,
    proxy: FaultProxy,
    fault: Any,
    family: type[RotatorError],
    said: str,
) -> None:
    expected = version_of(store.current(SECRET_TEXT))
    proxy.fail("POST", "config.xml", fault)
    refusal = refusal_of(lambda: store.write(SECRET_TEXT, fresh(), expected, "rotation-1"))
    assert type(refusal) is family
    assert said in str(refusal)
    assert ODD not in str(refusal)
    assert outside.field() == "tok_first_of_all"


@pytest.mark.parametrize(
    "crumb",
    [
        b"no crumb at all",
        b'{"crumb": "1", "crumbRequestField": "Host: elsewhere"}',
        b'{"crumbRequestField": "Jenkins-Crumb"}',
        b'{"crumb": "two\\nlines", "crumbRequestField": "Jenkins-Crumb"}',
    ],
)
def test_a_crumb_that_is_none_stops_before_anything_is_written(
    jenkins: JenkinsService, outside: AtTheCredential, proxy: FaultProxy, crumb: bytes
) -> None:
    store = opened(jenkins, f"{proxy.url}{PREFIX}", login="password")
    expected = version_of(store.current(SECRET_TEXT))
    proxy.fail("GET", "crumbIssuer", answer(200, {}, crumb))
    assert type(refusal_of(lambda: store.write(SECRET_TEXT, fresh(), expected, "rotation-1"))) is Permanent
    assert outside.field() == "tok_first_of_all"


def test_a_place_says_where_it_is(store: JenkinsStore) -> None:
    place = JenkinsPlace(credential="gone", folder=FOLDER, domain=DOMAIN)
    assert f"`gone` of the folder `{FOLDER}`, domain `{DOMAIN}`" in str(refusal_of(lambda: store.preflight(place)))
