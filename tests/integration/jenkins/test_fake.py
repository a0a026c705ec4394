"""The fake Jenkins is one that python-jenkins, which nobody here wrote, takes for Jenkins; and both meet in it."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

import jenkins as python_jenkins
import pytest
import requests

from providers.stores.jenkins.plugin import JenkinsPlace
from providers.stores.jenkins.store import JenkinsStore
from rotator.domain.errors import Conflict
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import fresh, publish, refusal_of, version_of
from tests.fakes.jenkins import JenkinsService
from tests.fakes.jenkins_credentials import STRING, USERNAME_PASSWORD
from tests.fakes.jenkins_users import PERMISSION_IDS, User
from tests.integration.jenkins.setting import DOMAIN, FOLDER, PASSWORD, SECRET_TEXT, AtTheCredential

EVERYTHING = set(PERMISSION_IDS)
IN_FOLDER = JenkinsPlace(credential="api-token", folder=FOLDER)


@pytest.fixture(params=["token"])
def client(jenkins: JenkinsService, request: pytest.FixtureRequest) -> Iterator[python_jenkins.Jenkins]:
    jenkins.users["admin"] = admin = User(permissions={"": set(EVERYTHING)})
    word = admin.api_token if request.param == "token" else admin.password
    client = python_jenkins.Jenkins(jenkins.url, "admin", word, timeout=10)
    yield client
    client._session.close()


def xml_of(value: str, name: str, description: str = "by python-jenkins") -> str:
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<{STRING}><scope>GLOBAL</scope><id>{name}</id>"
        f"<description>{description}</description><secret>{escape(value)}</secret></{STRING}>"
    )


# --- python-jenkins and our store -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["<secret-redacted/>", "a < b && 'c' > \"d\"", "schlüssel-鍵-🔑", " {blanks}\tround "])
def test_what_either_writes_is_stored_alike(
    client: python_jenkins.Jenkins, jenkins: JenkinsService, store: JenkinsStore, text: str
) -> None:
    outside = AtTheCredential(jenkins, IN_FOLDER)
    client.reconfig_credential(FOLDER, xml_of(text, "api-token", "For the api"))
    assert outside.field() == text
    by_client = outside.siblings()
    publish(store, IN_FOLDER, fresh())
    publish(store, IN_FOLDER, SecretValue(text))
    assert outside.field() == text
    assert outside.siblings() == by_client


@pytest.mark.parametrize(("folder", "domain"), [("team", "_"), (FOLDER, "_"), (FOLDER, DOMAIN)])
def test_what_the_client_makes_the_store_finds_and_what_the_store_writes_the_client_shows_unchanged(
    client: python_jenkins.Jenkins, jenkins: JenkinsService, store: JenkinsStore, folder: str, domain: str
) -> None:
    place = JenkinsPlace(credential="made", folder=folder, domain=domain)
    assert store.current(place) is None
    client.create_credential(folder, xml_of("tok_made_by_the_client", "made"), domain)
    assert version_of(store.preflight(place)) is not None
    before = client.get_credential_config("made", folder, domain), client.get_credential_info("made", folder, domain)
    value = fresh()
    publish(store, place, value)
    after = client.get_credential_config("made", folder, domain), client.get_credential_info("made", folder, domain)
    assert after == before
    assert AtTheCredential(jenkins, place).field() == value.reveal()
    assert {"id": "made"} in client.list_credentials(folder, domain)
    client.delete_credential("made", folder, domain)
    assert store.current(place) is None


def test_an_edit_of_the_client_is_seen_by_the_store(client: python_jenkins.Jenkins, store: JenkinsStore) -> None:
    stale = version_of(store.current(IN_FOLDER))
    client.reconfig_credential(FOLDER, xml_of("tok_of_somebody_else", "api-token", "Now for something else"))
    assert type(refusal_of(lambda: store.write(IN_FOLDER, fresh(), stale, "rotation-1"))) is Conflict


def test_a_placeholder_that_is_sent_back_becomes_the_secret_which_is_why_the_store_never_does(
    client: python_jenkins.Jenkins, jenkins: JenkinsService, store: JenkinsStore
) -> None:
    outside = AtTheCredential(jenkins, PASSWORD)
    shown = client.get_credential_config("robot", FOLDER, DOMAIN)
    assert "<secret-redacted/>" in shown
    client.reconfig_credential(FOLDER, shown, DOMAIN)
    assert (outside.field() or "").strip() == ""
    value = fresh()
    publish(store, PASSWORD, value)
    assert outside.field() == value.reveal()


@pytest.mark.parametrize("client", ["token", "password"], indirect=True)
def test_the_systems_own_store_speaks_the_same_way(
    client: python_jenkins.Jenkins, jenkins: JenkinsService, store: JenkinsStore
) -> None:
    """python-jenkins has calls for folders only; its login and its crumbs are the same."""
    url = f"{jenkins.url}/credentials/store/system/domain/_/credential/api-token/config.xml"
    headers = {"Content-Type": "text/xml; charset=utf-8"}
    xml = xml_of("tok_by_the_client", "api-token", "For the api").encode()
    client.jenkins_open(requests.Request("POST", url, data=xml, headers=headers))
    assert AtTheCredential(jenkins, SECRET_TEXT).field() == "tok_by_the_client"
    before = client.jenkins_open(requests.Request("GET", url))
    publish(store, SECRET_TEXT, fresh())
    assert client.jenkins_open(requests.Request("GET", url)) == before


# --- what python-jenkins expects of Jenkins ---------------------------------------------------------------------------


def test_the_client_meets_the_refusals_that_it_knows(client: python_jenkins.Jenkins, jenkins: JenkinsService) -> None:
    with pytest.raises(python_jenkins.JenkinsException, match="already exists"):
        client.create_credential(FOLDER, xml_of("x", "api-token"))
    with pytest.raises(python_jenkins.JenkinsException, match="does not exist"):
        client.get_credential_info("nowhere", FOLDER)
    with pytest.raises(python_jenkins.JenkinsException, match=r"\[500\]"):
        client.reconfig_credential(FOLDER, xml_of("x", "api-token").replace(STRING, f"{USERNAME_PASSWORD}Gone"))
    jenkins.users["admin"].permissions[""] -= {"Credentials/Update"}
    with pytest.raises(python_jenkins.JenkinsException, match=r"\[403\]"):
        client.reconfig_credential(FOLDER, xml_of("x", "api-token"))
    jenkins.users.clear()
    with pytest.raises(python_jenkins.JenkinsException, match=r"\[401\]"):
        client.get_credential_config("api-token", FOLDER)


def test_a_change_by_password_needs_a_crumb_of_the_same_session_and_one_by_token_needs_none(
    jenkins: JenkinsService,
) -> None:
    admin = jenkins.users["rotator"]
    url = f"{jenkins.url}/credentials/store/system/domain/_/credential/api-token/config.xml"
    crumb = requests.get(f"{jenkins.url}/crumbIssuer/api/json", auth=("rotator", admin.password), timeout=10)
    header = {"Content-Type": "application/xml", crumb.json()["crumbRequestField"]: crumb.json()["crumb"]}
    body = xml_of("tok_by_hand", "api-token")

    def status(word: str, **more: object) -> int:
        return requests.post(url, data=body, auth=("rotator", word), timeout=10, **more).status_code  # type: ignore[arg-type]

    assert status(admin.api_token) == 200
    assert status(admin.password) == 403
    assert status(admin.password, headers=header) == 403
    assert status(admin.password, headers=header, cookies=crumb.cookies) == 200
