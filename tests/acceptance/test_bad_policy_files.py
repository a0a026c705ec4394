"""Policy files with mistakes: each is told with its place and its remedy, all at once, and nothing is touched.

What can be said of a file depends on whether the others can be read at all: one that is broken might hold what
another one names. So there are two folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import Desk

GOOD = """\
connections:
  sandbox: {provider: sandbox, url: "http://127.0.0.1:1", credentials: {admin: "env:SANDBOX_ADMIN"}}
  app-env: {provider: env-file}
policies:
  - {name: app, issuer: {connection: sandbox}, stores: [{connection: app-env, file: /app.env, var: A}], schedule: never}
"""


def policy(name: str, *, issuer: str = "sandbox", more: str = "schedule: never") -> str:
    stores = f"stores: [{{connection: app-env, file: /{name}.env, var: A}}]"
    return f"policies:\n  - {{name: {name}, issuer: {{connection: {issuer}}}, {stores},\n     {more}}}\n"


BROKEN = {
    "broken.yaml": ("policies: [\n", "2:1: broken YAML"),
    "tab.yaml": ("policies:\n\t- name: b\n", "2:1: a tab in the indentation; indent with spaces"),
    "empty.yaml": ("", "1:1: the file is empty; write something in it, or delete it"),
    "latin.yaml": (b"# by J\xfcrgen\n", "1:7: not UTF-8 text; save the file as UTF-8"),
    "twice.yaml": ("policies: []\npolicies: []\n", "2:1: `policies` stands twice here, first on line 1; remove one"),
    "list.yaml": ("- name: b\n", "1:1: a policy file is a mapping; begin with `policies:`"),
}

WRONG = {
    "key.yaml": ("polices: []\n", "1:1: unknown key `polices`; did you mean `policies`?"),
    "provider.yaml": (
        "connections:\n  x: {provider: env-fil}\n",
        "2:17: unknown provider `env-fil`; did you mean `env-file`?",
    ),
    "reference.yaml": (policy("b", issuer="sandbx"), "2:36: unknown connection `sandbx`; did you mean `sandbox`?"),
    "name.yaml": (
        policy("app").replace("/app.env", "/k.env"),
        "2:12: policy `app` is already defined in policies/good.yaml:5; rename one of them",
    ),
    "secret.yaml": (
        "connections:\n  y: {provider: sandbox, credentials: {admin: hunter2}}\n",
        "2:47: `admin`: not a reference, and a policy file never holds a secret itself; write `env:NAME`",
    ),
    "type.yaml": (
        policy("d", more="schedule: never, owner: 5"),
        "3:30: `owner`: must be text, and YAML reads this as a number; write it in quotes",
    ),
    "no-schedule.yaml": (policy("e", more="tags: [a]"), "2:5: nothing says when this token is due; add `schedule: "),
    "window.yaml": (
        policy("f", more='schedule: {every: 9 days, window: "09:00-16:00 Europe/Berln"}'),
        "3:40: `window`: `Europe/Berln` is not a time zone; did you mean `Europe/Berlin`?",
    ),
    "store.yaml": (
        "connections:\n  z: {provider: sandbox, credentials: {admin: {connection: sandbox, file: a}}}\n",
        "2:60: `sandbox` is the connection of an issuer (sandbox), and stores nothing; name a store's connection",
    ),
    "host.yaml": (
        policy("h", more="schedule: never, verify: {http: {url: https://evil.example/}}"),
        "3:44: `url`: the settings do not let tokens be sent to `evil.example`; add it to `verify_hosts` in",
    ),
    "command.yaml": (
        policy("i", more="schedule: never, verify: {command: [/bin/true]}"),
        "3:41: `command`: the settings do not let policies run commands; set `allow_commands = true` in rotator.toml",
    ),
    "path.yaml": (
        policy("j").replace("/j.env", "j.env"),
        "2:55: the env file j.env has a relative path; write it from / on, or give the connection a `root`",
    ),
    "place.yaml": (
        policy("g").replace("/g.env, var: A", "/tmp/../app.env, var: A, dialect: shell"),
        "2:55: policy `g` writes to app-env file=/tmp/../app.env var=A dialect=shell, and so does `app`",
    ),
}


@pytest.fixture(params=[BROKEN, WRONG], ids=["cannot be read", "cannot be right"])
def mistakes(request: pytest.FixtureRequest) -> dict[str, tuple[str | bytes, str]]:
    found: dict[str, tuple[str | bytes, str]] = request.param
    return found


@pytest.fixture
def desk(tmp_path: Path, mistakes: dict[str, tuple[str | bytes, str]]) -> Iterator[Desk]:
    """A folder of files with one mistake each, and a good one; and no ledger, before and after."""
    desk = Desk(tmp_path)
    desk.write_policy(GOOD, "good.yaml")
    for name, (content, _) in mistakes.items():
        file = desk.write_policy("", name)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    yield desk
    assert not desk.ledger_file.exists()


def test_every_mistake_is_told_with_its_place_and_its_remedy(
    desk: Desk, mistakes: dict[str, tuple[str | bytes, str]]
) -> None:
    expected = [f"policies/{name}:{words}" for name, (_, words) in sorted(mistakes.items())]
    told = desk.rotate("check", code=2)
    assert told.out == ""
    assert [line[: len(words)] for line, words in zip(told.err.splitlines(), expected, strict=True)] == expected
    assert "hunter2" not in told.err

    problems = desk.json("check", code=2).document["problems"]
    shown = [f"{each['file']}:{each['line']}:{each['column']}: {each['what']}; {each['remedy']}" for each in problems]
    assert [line[: len(words)] for line, words in zip(shown, expected, strict=True)] == expected


@pytest.mark.parametrize("command", ["now --all --yes", "run --once", "adopt app", "status"])
def test_no_command_begins_with_such_files(desk: Desk, command: str) -> None:
    assert desk.rotate(*command.split(), code=2).err.startswith("policies/")
