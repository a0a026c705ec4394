"""A real repository that somebody else pushes policies to, and the source that follows it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from rotator.config.policy_source.in_force import InForce
from rotator.config.policy_source.repository import RepositorySource
from tests.servers.process import require
from tests.unit.config.small_plugins import small_plugins

CONNECTIONS = """\
connections:
  acme: {provider: saas, credentials: {email: env:ACME_EMAIL}}
  shelf: {provider: cabinet, url: https://shelf.example}
"""


def policy(name: str) -> str:
    """A policy file with one policy, as ``Upstream.commit`` takes it."""
    return (
        f"policies:\n  - name: {name}\n    issuer: {{connection: acme}}\n"
        f"    stores: [{{connection: shelf, path: prod/{name}}}]\n    schedule: never\n"
    )


class Upstream:
    """The repository, with a work tree. ``files`` of a commit are written over what is there; None removes one."""

    def __init__(self, folder: Path) -> None:
        require(shutil.which("git") is not None, "git is missing")
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.sign_with: Mapping[str, str] = {}

    @property
    def address(self) -> str:
        return self.folder.as_uri()

    def commit(self, files: Mapping[str, str | None], *options: str) -> str:
        for name, text in files.items():
            file = self.folder / name
            file.unlink(missing_ok=True)
            if text is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        self.git("add", "--all")
        signing = ("-S",) if self.sign_with else ()
        self.git("commit", "--quiet", "--allow-empty", "--message=change", *signing, *options)
        return self.git("rev-parse", "HEAD")

    def link(self, name: str, leads_to: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).symlink_to(leads_to)

    def git(self, *arguments: str) -> str:
        settings = {"user.name": "Ada", "user.email": "ada@acme.example", **getattr(self, "sign_with", {})}
        given = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        done = subprocess.run(
            ["git", "-C", str(self.folder), *given, *arguments],
            env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def follow(upstream: Upstream, state: Path, folder: str = "policies", **more: Any) -> RepositorySource:
    """A source as a process has it when it has just begun. The same ``state`` is the same machine."""
    address, ref = more.pop("address", upstream.address), more.pop("ref", "main")
    return RepositorySource(address, ref, PurePosixPath(folder), state, small_plugins, **more)


def names(in_force: InForce | None) -> list[str]:
    assert in_force is not None
    return [each.name for each in in_force.policies.policies]


def told(problems: tuple[object, ...]) -> str:
    return "\n".join(map(str, problems))
