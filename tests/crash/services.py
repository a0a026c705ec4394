"""Real issuers of tokens, one of each kind of overlap, as their administrators see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from importlib.resources import files
from typing import Any, ClassVar, Protocol

import yaml

from providers.issuers.aws_iam.forms import AccessKey, Form, read, written
from rotator.domain.secret_value import SecretValue
from tests.fakes.token_services.dashboards import Podstack
from tests.integration.aws_iam.setting import Account, least_privilege
from tests.integration.postgresql_login.setting import Database, login_in, request
from tests.servers.sandbox import SandboxIssuer

MADE_LONG_AGO = "made-long-ago"


class Service(Protocol):
    """What the policies say of an issuer, and the truth about its tokens."""

    connection: str
    issuer: str
    environment: Mapping[str, str]

    @property
    def profile(self) -> str:
        """Give a profile of the user's own that describes it; empty where none is needed."""
        ...

    def make_by_hand(self) -> str:
        """Make the first token; give its value."""
        ...

    def live(self) -> Collection[str]:
        """Give the handles of the tokens that work."""
        ...

    def accepts(self, value: str) -> bool: ...


class Sandbox:
    """As many tokens as one likes, each with a life of its own."""

    limits: ClassVar[dict[str, Any]] = {}
    """What its profile says else than the one that ships with it."""

    def __init__(self, server: SandboxIssuer) -> None:
        self.server = server
        self.environment = {"SANDBOX_ADMIN": server.admin_token}
        provider = "of-its-own-kind" if self.limits else "sandbox"
        self.connection = (
            f'issuer: {{provider: {provider}, url: "{server.url}", credentials: {{admin: "env:SANDBOX_ADMIN"}}}}'
        )
        self.issuer = "{connection: issuer, token_name: payments, expires_in: 90 days}"

    @property
    def profile(self) -> str:
        if not self.limits:
            return ""
        shipped = yaml.safe_load((files("providers.issuers.profiles") / "sandbox.yaml").read_text())
        del shipped["example"]
        return yaml.safe_dump({
            **shipped, "name": "of-its-own-kind", "limits": {**shipped["limits"], **self.limits},
        })  # fmt: skip

    def make_by_hand(self) -> str:
        return str(self.server.issue("made by hand")["token"])

    def live(self) -> Collection[str]:
        return self.server.live_values().keys()

    def accepts(self, value: str) -> bool:
        return value in self.server.live_values().values()


class OneAtATime(Sandbox):
    """Makes no other token while one is alive. Start it with ``Rules(max_active=1)``."""

    limits: ClassVar = {"coexistence": "one", "max_active": 1}


class ShortensTheOld(Sandbox):
    """Leaves all other tokens an hour to live whenever it makes one."""

    limits: ClassVar = {"coexistence": "shortens_old"}

    def __init__(self, server: SandboxIssuer) -> None:
        super().__init__(server)
        assert server.server is not None
        tokens, clock = server.server.tokens, server.server.clock
        issue = tokens.issue

        def issue_and_shorten(*arguments: Any) -> Any:
            for token in tokens.live():
                soon = clock.now() + timedelta(hours=1)
                token.expires_at = min(soon, token.expires_at or soon)
            return issue(*arguments)

        tokens.issue = issue_and_shorten  # type: ignore[method-assign]  # no rule of the sandbox's says this


class AccessKeys:
    """The access keys of one IAM user: two at most, without names. moto checks who asks, and whether they may."""

    profile = ""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._admin = account.client("iam", *account.manager(["*"]))
        self._user = account.new_user()
        key_id, secret = account.manager(least_privilege())
        self.environment = {"KEY_ID": key_id, "SECRET_KEY": secret}
        self.connection = (
            f'issuer: {{provider: aws-iam-access-key, region: eu-west-1, url: "{account.url}", propagation: 0s, '
            'credentials: {access_key_id: "env:KEY_ID", secret_access_key: "env:SECRET_KEY"}}'
        )
        self.issuer = f"{{connection: issuer, user: {self._user}}}"

    def make_by_hand(self) -> str:
        made = self._admin.create_access_key(UserName=self._user)["AccessKey"]
        return written(AccessKey(made["AccessKeyId"], SecretValue(made["SecretAccessKey"])), Form.JSON).reveal()

    def live(self) -> Collection[str]:
        return self._account.keys_of(self._user)

    def accepts(self, value: str) -> bool:
        from botocore.exceptions import ClientError

        key = read(SecretValue(value))
        assert key is not None
        try:
            self._account.client("sts", key.id, key.secret.reveal()).get_caller_identity()
        except ClientError:
            return False
        return True


class Logins:
    """Two logins of one owner role, used by turns."""

    profile = ""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.environment = {"DATABASE_PASSWORD": database.password}
        address = f"postgresql://127.0.0.1:{database.server.port}/postgres"
        self.connection = (
            f'issuer: {{provider: postgresql-login, url: "{address}", user: {database.rotator}, '
            'credentials: {password: "env:DATABASE_PASSWORD"}}'
        )
        self.issuer = f"{{connection: issuer, role: {database.owner}, token_name: payments, at_most: 2}}"

    def make_by_hand(self) -> str:
        return self._database.opened().issue(request()).value.reveal()

    def live(self) -> Collection[str]:
        return self._database.roles()

    def accepts(self, value: str) -> bool:
        import psycopg

        login = login_in(SecretValue(value))
        try:
            self._database.connected(login.user, login.password.reveal()).close()
        except psycopg.OperationalError:
            return False
        return True


class Page:
    """A page on which a person makes and deletes tokens; Rotator can only ask whether one works."""

    profile = ""
    environment: ClassVar[dict[str, str]] = {}

    def __init__(self, page: Podstack) -> None:
        self._page = page
        self.connection = f'issuer: {{provider: podstack, url: "{page.url}"}}'
        self.issuer = "{connection: issuer, token_name: payments, expires_in: 90 days}"

    def make_by_hand(self) -> str:
        return self.make(MADE_LONG_AGO)

    def make(self, name: str) -> str:
        """Make a token of this name; one that is there already goes."""
        self.delete(name)
        return self._page.make(name, days=90)

    def delete(self, name: str) -> None:
        if name in self.live():
            self._page.delete(name)

    def live(self) -> Collection[str]:
        return [token.name for token in self._page.tokens]

    def accepts(self, value: str) -> bool:
        return any(token.value == value for token in self._page.tokens)
