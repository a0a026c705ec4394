"""A Jenkins with credentials of ours and of others, somebody who looks into its memory, and the store before it."""

from __future__ import annotations

from providers.stores.jenkins.plugin import PLUGIN, JenkinsConfig, JenkinsPlace
from providers.stores.jenkins.store import JenkinsStore
from rotator.testing.access import DictionaryAccess
from tests.fakes.jenkins import JenkinsService
from tests.fakes.jenkins_credentials import STRING, USERNAME_PASSWORD, Credential
from tests.fakes.jenkins_users import User

USER = "rotator"
FOLDER = "team/web app"
DOMAIN = "example.com"

SECRET_TEXT = JenkinsPlace(credential="api-token")
PASSWORD = JenkinsPlace(credential="robot", folder=FOLDER, domain=DOMAIN)


def secret_text(name: str, value: str = "tok_first_of_all", description: str = "For the api") -> Credential:
    return Credential(STRING, {"scope": "GLOBAL", "id": name, "description": description, "secret": value})


def password(name: str, value: str = "tok_first_of_all", username: str = "robot") -> Credential:
    named = {
        "scope": "GLOBAL",
        "id": name,
        "description": "Grüße an <die> \"Technik\" & 'andere'\r\n",
        "username": username,
    }
    return Credential(USERNAME_PASSWORD, {**named, "password": value, "usernameSecret": "true"})


def furnish(jenkins: JenkinsService) -> None:
    """Make everything as on the first day."""
    jenkins.reset()
    allowed = {"Overall/Read", "Job/Read", "Credentials/View", "Credentials/Update"}
    jenkins.users[USER] = User(permissions={"": allowed})
    for folder, domain in (("", "_"), ("", DOMAIN), ("team", "_"), (FOLDER, "_"), (FOLDER, DOMAIN)):
        jenkins.put(secret_text("api-token"), folder, domain)
        jenkins.put(password("robot"), folder, domain)
        jenkins.put(secret_text("other", "tok_of_others"), folder, domain)


def opened(jenkins: JenkinsService, url: str | None = None, *, login: str = "token") -> JenkinsStore:
    """Open the store as a policy does: signed in by an API token, or by a password."""
    user = jenkins.users[USER]
    word = user.api_token if login == "token" else user.password
    config = JenkinsConfig(url=url or jenkins.url, user=USER, credentials={login: "env:JENKINS"})
    store = PLUGIN.open(config, DictionaryAccess({login: word}))
    assert isinstance(store, JenkinsStore)
    return store


class AtTheCredential:
    """Somebody who looks into Jenkins' own memory."""

    def __init__(self, jenkins: JenkinsService, place: JenkinsPlace) -> None:
        self._jenkins, self._place = jenkins, place

    @property
    def _domain(self) -> dict[str, Credential]:
        return self._jenkins.stores[self._place.folder or ""][self._place.domain]

    @property
    def credential(self) -> Credential:
        return self._domain[self._place.credential]

    def put(self, value: str) -> None:
        self._jenkins.put(self.credential.with_secret(value), self._place.folder or "", self._place.domain)

    def edit(self, **fields: str) -> None:
        """Change what is shown, as somebody does on the page."""
        edited = Credential(self.credential.kind, {**self.credential.fields, **fields})
        self._jenkins.put(edited, self._place.folder or "", self._place.domain)

    def remove(self) -> None:
        self._domain.pop(self._place.credential, None)

    def field(self) -> str | None:
        return self.credential.secret

    def siblings(self) -> object:
        """Give all that is shown of ours, in order, and every other credential of every store."""
        others = [
            (folder, domain, credential)
            for folder, domains in self._jenkins.stores.items()
            for domain, credentials in domains.items()
            for credential in credentials.values()
            if credential is not self.credential
        ]
        return list(self.credential.shown.items()), others

    def footprint(self) -> object:
        """Give what is kept. How often it was saved is not in it: the same secret is sent again where we repeat."""
        return self.siblings(), self.field()
