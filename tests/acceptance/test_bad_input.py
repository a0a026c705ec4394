"""What is wrong is told: the words, the exit code, the JSON, no traceback; and nothing was touched.

A table. Each row spoils one thing (a line of the policy, a variable, a file, the world) and says what ``rotate`` must
say. Every row is asked twice, for people and for machines; before and after, issuer, stores and ledger are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import pytest

from tests.acceptance.bystander import Bystander, bystander
from tests.acceptance.command import Said, without_privileges
from tests.canary import Canary
from tests.servers.forked_rotate import ForkedRotate
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao

NOW = "now app --yes"
NO_TOKEN = "hvs.0000000000000000000000"

OUR_FAULT, BAD_INPUT, REFUSED, A_PERSON = 1, 2, 3, 4


@contextmanager
def a_full_quota(around: Bystander) -> Iterator[None]:
    others = [around.sandbox.issue(f"other-{number}")["id"] for number in range(10 - len(around.sandbox.tokens()))]
    yield
    for other in others:
        around.sandbox.request("DELETE", f"/v1/tokens/{other}")


@contextmanager
def a_secret_that_is_no_document(around: Bystander) -> Iterator[None]:
    client = around.moto.client("secretsmanager")
    client.create_secret(Name="plain", SecretString="a text")
    yield
    client.delete_secret(SecretId="plain", ForceDeleteWithoutRecovery=True)


@contextmanager
def a_closed_folder(around: Bystander) -> Iterator[None]:
    around.env_file.parent.chmod(0o500)
    yield
    around.env_file.parent.chmod(0o700)


@contextmanager
def a_folder_that_is_not_ours(around: Bystander) -> Iterator[None]:
    folder = around.desk.folder / "theirs"
    folder.mkdir(mode=0)
    yield
    folder.rmdir()


@contextmanager
def an_unreadable_policy(around: Bystander) -> Iterator[None]:
    file = around.desk.write_policy("policies: []", "closed.yaml")
    file.chmod(0)
    yield
    file.unlink()


@contextmanager
def policies_out_of_sight(around: Bystander) -> Iterator[None]:
    """A closed folder, and a link into it beside the good policies."""
    closed = around.desk.folder / "closed"
    closed.mkdir(mode=0)
    link = around.desk.policies / "linked.yaml"
    link.symlink_to(closed / "p.yaml")
    yield
    link.unlink()
    closed.rmdir()


@contextmanager
def an_unreadable_credential(around: Bystander) -> Iterator[None]:
    file = around.desk.folder / "policies" / "admin"
    file.write_text("it does not matter")
    file.chmod(0)
    yield
    file.unlink()


@contextmanager
def settings(text: str, around: Bystander) -> Iterator[None]:
    file = around.desk.folder / "rotator.toml"
    file.write_text(text)
    yield
    file.unlink()


def settings_of(text: str) -> Callable[[Bystander], AbstractContextManager[None]]:
    return lambda around: settings(text, around)


@dataclass(frozen=True)
class Bad:
    """One thing that is wrong: how it comes about, and what must be said."""

    code: int
    words: tuple[str, ...]
    command: str = NOW
    policy: dict[str, str] = field(default_factory=dict)
    """What is replaced in the policy file. Names in braces are of ``Bystander.places``, in the words, too."""
    environment: dict[str, str] = field(default_factory=dict)
    """An empty value takes the variable away."""
    spoilt: Callable[[Bystander], AbstractContextManager[None]] = lambda _around: nullcontext()


THE_ISSUER = {
    "at its quota": Bad(
        REFUSED, ("sandbox: the issuer allows 10 tokens and has 10 (", "Delete a token that nobody uses"),
        spoilt=a_full_quota,
    ),
    "down": Bad(
        REFUSED, ("no connection to 127.0.0.1:", "Check that it runs"), policy={"{issuer}": "{nobody}"},
    ),
    "refuses our credential": Bad(
        REFUSED, ("sandbox answered 401", "Check the management credential"), environment={"SANDBOX_ADMIN": "no-admin"},
    ),
    "has no credential: the variable is not set": Bad(
        REFUSED, ("The environment variable SANDBOX_ADMIN is not set; connection sandbox needs it.", "Set it"),
        environment={"SANDBOX_ADMIN": ""},
    ),
    "has no credential: the file is missing": Bad(
        REFUSED, ("The credential file {folder}/policies/nowhere", "cannot be read: No such file", "Put the value"),
        policy={"env:SANDBOX_ADMIN": "file:{folder}/policies/nowhere"},
    ),
    "has no credential: the file is not ours to read": Bad(
        REFUSED, ("The credential file {folder}/policies/admin", "cannot be read: Permission denied"),
        policy={"env:SANDBOX_ADMIN": "file:{folder}/policies/admin"}, spoilt=an_unreadable_credential,
    ),
    "is no issuer": Bad(
        REFUSED, ("sandbox answered 4",), policy={"{issuer}": "{bao}"},
    ),
}  # fmt: skip

A_STORE = {
    "down": Bad(
        REFUSED, ("bao path=app field=token: Vault at ", "cannot be reached", "Check that it runs"),
        policy={"{bao}": "{nobody}"},
    ),
    "a sealed Vault": Bad(
        REFUSED, ("bao path=app field=token: Vault at ", "answered 503", "It is sealed: unseal it."),
        policy={"{bao}": "{sealed}"},
    ),
    "a Vault that refuses our token": Bad(
        REFUSED, ("bao path=app field=token: Vault refuses the connection's token (403)", "Put a living token"),
        environment={"BAO_TOKEN": NO_TOKEN},
    ),
    "a Vault without our mount": Bad(
        REFUSED, ("bao path=app field=token: ", "shows no mount `nowhere`", "check `mount`"),
        policy={"{mount}": "nowhere"},
    ),
    "AWS that is down": Bad(
        REFUSED, ("aws secret={secret} field=token: ",), policy={"{aws}": "{nobody}"},
    ),
    "AWS without the secret": Bad(
        REFUSED, ("aws secret=nowhere field=token: ", "does not exist"),
        policy={'secret: "{secret}"': "secret: nowhere"},
    ),
    "AWS with a text where a document is needed": Bad(
        REFUSED, ("aws secret=plain field=token: ", "JSON"), policy={'secret: "{secret}"': "secret: plain"},
        spoilt=a_secret_that_is_no_document,
    ),
    "an env file in a folder that is not there": Bad(
        REFUSED, ("app-env file={folder}/nowhere/app.env var=APP_TOKEN: ", "{folder}/nowhere"),
        policy={"{env}": "{folder}/nowhere/app.env"},
    ),
    "an env file in a folder that is closed": Bad(
        REFUSED, ("app-env file={env} var=APP_TOKEN: ", "cannot be", "{folder}/env"), spoilt=a_closed_folder,
    ),
    "an env file that is a folder": Bad(
        REFUSED, ("app-env file={folder}/env var=APP_TOKEN: ",), policy={"{env}": "{folder}/env"},
    ),
}  # fmt: skip

WHAT_WAS_ASKED = {
    "a name that no policy has": Bad(BAD_INPUT, ("no policy is named `ap`; did you mean `app`?",), "now ap --yes"),
    "a glob that fits nothing": Bad(BAD_INPUT, ("no policy is named `x*`",), "now x* --yes"),
    "an issuer that no policy has": Bad(BAD_INPUT, ("--issuer: no policy has `hub`",), "now --issuer hub --yes"),
    "nothing at all": Bad(
        BAD_INPUT, ("nothing is selected; name what you mean",), "now --yes"
    ),
    "a rotation that is not known": Bad(
        BAD_INPUT, ("There is no rotation 20260101-abcd; `rotate status` shows the open ones",), "resume 20260101-abcd"
    ),
    "a secret without an open rotation": Bad(BAD_INPUT, ("app has no open rotation",), "withdraw app"),
    "the history of an unknown secret": Bad(BAD_INPUT, ("The ledger has no history of `nobody`",), "history nobody"),
    "the history of a mistyped one": Bad(BAD_INPUT, ("no history of `ap`; did you mean `app`?",), "history ap"),
    "an overlap that is no duration": Bad(BAD_INPUT, ("--overlap: 'soon' is not a duration",), f"{NOW} --overlap soon"),
    "an overlap where the old token is revoked first": Bad(
        BAD_INPUT, ("--overlap: there is none with --revoke-first; leave one of them away",),
        f"{NOW} --revoke-first --overlap 2h",
    ),
    "a report in a folder that is not ours": Bad(
        BAD_INPUT, ("--report {folder}/theirs/r.json: cannot be written: Permission denied; name a file that can be",),
        f"{NOW} --report {{folder}}/theirs/r.json", spoilt=a_folder_that_is_not_ours,
    ),
    "a report in a folder that is closed": Bad(
        BAD_INPUT, ("--report {folder}/env/r.md: cannot be written: Permission denied; name a file that can be",),
        f"{NOW} --compromised --report {{folder}}/env/r.md", spoilt=a_closed_folder,
    ),
    "a provider that is not installed": Bad(
        BAD_INPUT, ("unknown provider `valt`; did you mean `vault`?",), "providers valt"
    ),
    "to go on without being asked": Bad(BAD_INPUT, ("There is no terminal to ask", "add --yes"), "now app"),
    "an adoption of what the issuer says is another": Bad(
        A_PERSON, ("The issuer says that the token in use is ", "Leave --handle away"), "adopt app --handle tok-nobodys"
    ),
}  # fmt: skip

THE_POLICIES = {
    "a directory that is not there": Bad(
        BAD_INPUT, ("nowhere: there is no such file or directory", "`rotate init` writes a first policy file"),
        f"--policies nowhere {NOW}",
    ),
    "an empty directory": Bad(
        BAD_INPUT, ("env: no policy file (*.yaml) in this directory; `rotate init` writes one",),
        f"--policies env {NOW}",
    ),
    "a file that is not ours to read": Bad(
        BAD_INPUT, ("policies/closed.yaml: cannot be read: Permission denied; let the user that runs rotate read it",),
        spoilt=an_unreadable_policy,
    ),
    "a link to a file that is not ours to see": Bad(
        BAD_INPUT, ("policies/linked.yaml: cannot be read: Permission denied; let the user that runs rotate read it",),
        spoilt=policies_out_of_sight,
    ),
    "a path that is not ours to see": Bad(
        BAD_INPUT, ("closed/p.yaml: cannot be read: Permission denied; let the user that runs rotate read it",),
        f"--policies closed/p.yaml {NOW}", spoilt=policies_out_of_sight,
    ),
    "a path that is not ours to see, in a variable": Bad(
        BAD_INPUT, ("closed/p: cannot be read: Permission denied",),
        environment={"ROTATOR_POLICIES": "closed/p"}, spoilt=policies_out_of_sight,
    ),
    "a directory that is not ours to read": Bad(
        BAD_INPUT, ("closed: cannot be read: Permission denied; let the user that runs rotate read it",),
        f"--policies closed {NOW}", spoilt=policies_out_of_sight,
    ),
    "broken YAML": Bad(
        BAD_INPUT, ("policies/policies.yaml:8:1: a tab in the indentation; indent with spaces",),
        policy={"  - name: app\n": "  - name: app\n\t"},
    ),
}  # fmt: skip

THE_SETTINGS = {
    "a ledger that is no URL": Bad(
        BAD_INPUT, ("--ledger: not the URL of a ledger; write `sqlite:///PATH`",), f"--ledger db {NOW}"
    ),
    "a ledger of another kind": Bad(
        BAD_INPUT, ("ROTATOR_LEDGER: not the URL of a ledger",), environment={"ROTATOR_LEDGER": "mysql://db/rotator"}
    ),
    "a ledger in a folder that is closed": Bad(
        OUR_FAULT, ("{folder}/env/ledger.db cannot be used: Permission denied.", "writable"),
        f"--ledger sqlite:///{{folder}}/env/ledger.db {NOW}", spoilt=a_closed_folder,
    ),
    "a ledger that is something else": Bad(
        OUR_FAULT, ("The ledger {env} cannot be used: file is not a database", "Name a file that does not exist yet"),
        f"--ledger sqlite:///{{env}} {NOW}",
    ),
    "a PostgreSQL that is not there": Bad(
        OUR_FAULT, ("The ledger in PostgreSQL at 127.0.0.1:1/rotator cannot be used", "See that the server runs"),
        f"--ledger postgresql+psycopg://rotator:hunter2@127.0.0.1:1/rotator {NOW}",
    ),
    "an option without its value": Bad(BAD_INPUT, ("Option '--policies' requires an argument",), "status --policies"),
    "a log level": Bad(
        BAD_INPUT, ("ROTATOR_LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'",),
        environment={"ROTATOR_LOG_LEVEL": "loud"},
    ),
    "a configuration file that is not there": Bad(
        BAD_INPUT, ("nowhere.toml: cannot be read: No such file",), environment={"ROTATOR_CONFIG": "nowhere.toml"}
    ),
    "rotator.toml is no TOML": Bad(
        BAD_INPUT, ("rotator.toml:2:8: broken TOML: ",), spoilt=settings_of("# ours\nledger sqlite\n")
    ),
    "rotator.toml has an unknown setting": Bad(
        BAD_INPUT, ("rotator.toml:2:1: unknown setting `ledgr`; did you mean `ledger`?",),
        spoilt=settings_of('log_level = "info"\nledgr = "sqlite:///x.db"\n'),
    ),
    "rotator.toml has a wrong value": Bad(
        BAD_INPUT, ("rotator.toml:1:1: `log_level`: must be 'debug'",), spoilt=settings_of('log_level = "loud"\n'),
    ),
}  # fmt: skip

ROWS = {
    f"{subject}: {what}": row
    for subject, rows in {
        "the issuer": THE_ISSUER,
        "a store": A_STORE,
        "what was asked": WHAT_WAS_ASKED,
        "the policies": THE_POLICIES,
        "the settings": THE_SETTINGS,
    }.items()
    for what, row in rows.items()
}


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory, openbao: OpenBao, moto: Moto) -> Iterator[Bystander]:
    """One for all rows: none of them touches anything."""
    with bystander(tmp_path_factory.mktemp("bad-input"), openbao, moto) as made:
        yield made


@pytest.fixture(scope="module")
def forked() -> Iterator[ForkedRotate]:
    """What all these commands are forks of. It has not root's right to read and write everything."""
    process = ForkedRotate(without_privileges())
    yield process
    process.close()


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_it_is_told_and_nothing_is_touched(
    row: Bad, around: Bystander, forked: ForkedRotate, known_values: Canary
) -> None:
    known_values.watch(around.desk.folder)
    known_values.may_hold_values(around.env_file)
    places = around.places()

    def filled(text: str) -> str:
        for name, place in places.items():
            text = text.replace(f"{{{name}}}", place)
        return text

    policy = around.policy()
    for old, new in row.policy.items():
        assert filled(old) in policy
        policy = policy.replace(filled(old), filled(new))
    command = filled(row.command).split()
    desk = around.with_desk(forked=forked)
    with row.spoilt(around):
        around.desk.write_policy(policy)
        before = around.everything()
        told = desk.rotate(*command, code=row.code, **row.environment)
        as_json = desk.json(*command, code=row.code, **row.environment)
        after = around.everything()
    assert after == before
    words = [filled(word) for word in row.words]
    for said in (told.text, all_texts(as_json)):
        missing = [word for word in words if word not in said]
        assert not missing, f"{missing} is not in:\n{said}"
    assert as_json.document["exit_code"] == row.code
    assert "hunter2" not in told.text + as_json.text


def all_texts(said: Said) -> str:
    """Give what a document tells of problems, as people would read it: place, what, remedy."""
    lines = []
    for problem in said.document.get("problems", []):
        place = ":".join(str(problem[key]) for key in ("file", "line", "column") if problem.get(key) is not None)
        lines.append(f"{place}: {problem['what']}; {problem['remedy']}")
        lines.append(f"{problem['what']} {problem['remedy']}")
    refusals = [secret["refused"] for secret in said.document.get("secrets", [])]
    return "\n".join([*lines, *(f"{refused['what']} {refused['remedy']}" for refused in refusals)])
