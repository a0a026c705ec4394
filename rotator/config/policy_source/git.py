"""The command ``git``, run so that nothing but the repository's objects and refs has a say in what it does.

No configuration of the system or the user, no hooks, no prompts, no redirects, only https, ssh and files; an
environment of its own. ssh works as it does for the user: its configuration, keys and agent.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from rotator.config.policy_source.address import origin_of, user_of
from rotator.domain.errors import RotatorError
from rotator.domain.secret_value import SecretValue, redact

_OLDEST: Final = (2, 34)
"""The first that verifies ssh signatures; 2.31 and 2.32 brought ``GIT_CONFIG_COUNT`` and ``GIT_CONFIG_GLOBAL``."""

_SECONDS: Final = 60
_KEPT: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR"),
    *("SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"),
)
_FIXED: Final = {
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "SSH_ASKPASS_REQUIRE": "never",
}
_NEVER_ASKS: Final = {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20"}
_CONFIGURATION: Final = {
    "core.fsync": "all",  # what stays in force over a restart must be there after a power cut, too
    "core.hooksPath": os.devnull,
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    "gc.autoDetach": "false",
    "gc.pruneExpire": "now",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "20",
    "maintenance.autoDetach": "false",
}
_REMEDIES: Final = (
    (r"could not read (Username|Password)", "name a token that may read it with `repository_token`"),
    (r"Authentication failed", "renew the token that `repository_token` names; it must be allowed to read this"),
    (r"Permission denied \(|Host key verification", "let this user's ssh log in there without a question"),
    (r"returned error: 30\d", "redirects are not followed: name the address that it leads to (often with `.git`)"),
    (r"dubious ownership", "let the repository belong to this user, or name it by ssh"),
    (r"No space left", "free some space in the state folder"),
)
_USUAL_REMEDY: Final = "check the address, and whether this machine and user reach it; it is tried again"
_PLATITUDES: Final = ("Please make sure you have", "and the repository exists", "hint:", "warning:")
_MOST_LINES: Final = 4
_LONGEST: Final = 400
_LONGEST_TOKEN: Final = 4000
"""A pipe holds at least 4,096 bytes before anybody reads."""


class GitFailed(RotatorError):
    """Git could not do what it was asked for: the server, the network, the disk. Not the policies' fault."""


class Git:
    """Runs git on one repository folder."""

    def __init__(self, repository: Path, *, seconds: float = _SECONDS) -> None:
        self.repository = repository
        self._seconds = seconds
        found = shutil.which("git")
        if found is None:
            raise GitFailed("the command `git` is missing", remedy="install git, or use a directory of policies")
        self._command = found
        self._refuse_if_old()

    def run(self, *arguments: str, given: bytes = b"", configuration: Mapping[str, str] | None = None) -> bytes:
        """Give what git prints. GitFailed when it fails, or takes too long."""
        return self._run(arguments, given, configuration or {}, ())

    def run_at(self, address: str, token: SecretValue | None, *arguments: str) -> bytes:
        """Run what speaks to the server at this address, with a token for it if it is one over https.

        The token goes through a pipe that git reads only when that very server asks: it is in no argument, no
        environment and no file.
        """
        origin = origin_of(address)
        if token is None or origin is None:
            return self._run(arguments, b"", {}, ())
        with _readable(token) as pipe:
            helper = {f"credential.{origin}.helper": f"!cat /dev/fd/{pipe} #"}
            if user_of(address) is None:
                # Hosts look at the token alone. This name is the one that GitHub documents for its apps' tokens.
                helper[f"credential.{origin}.username"] = "x-access-token"
            return self._run(arguments, b"", helper, (pipe,))

    def _run(
        self, arguments: tuple[str, ...], given: bytes, configuration: Mapping[str, str], pipes: tuple[int, ...]
    ) -> bytes:
        with subprocess.Popen(  # noqa: S603  git itself, with arguments of ours
            [self._command, *arguments],
            env=_environment(self.repository, {**_CONFIGURATION, **configuration}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pipes,
            start_new_session=True,  # no terminal to ask at, and one signal ends its children, too
        ) as child:
            try:
                printed, complained = child.communicate(given, timeout=self._seconds)
            except subprocess.TimeoutExpired as error:
                _end(child)
                what = f"`git {arguments[0]}` was not done within {self._seconds:g} seconds"
                raise GitFailed(what, remedy=_USUAL_REMEDY) from error
            except BaseException:
                _end(child)
                raise
        if child.returncode:
            raise _failure(arguments[0], complained)
        return printed

    def _refuse_if_old(self) -> None:
        said = self.run("version").decode(errors="replace")
        match = re.search(r"(\d+)\.(\d+)", said)
        if match is None or (int(match[1]), int(match[2])) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise GitFailed(f"this git is too old ({said.strip()})", remedy=f"install git {oldest} or later")


@contextmanager
def _readable(token: SecretValue) -> Iterator[int]:
    """Give a file descriptor that the token can be read from, once, in the words of git's credential helpers."""
    length = len(token.reveal().encode())
    if length > _LONGEST_TOKEN or not token.reveal().isprintable():
        what = "the token that `repository_token` names cannot be one: it is too long, or has line breaks in it"
        raise GitFailed(what, remedy="put the token alone there")
    reader, writer = os.pipe()
    try:
        try:
            os.write(writer, f"password={token.reveal()}\n".encode())
        finally:
            os.close(writer)
        yield reader
    finally:
        os.close(reader)


def _environment(repository: Path, configuration: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    ssh = {} if kept.keys() & {"GIT_SSH", "GIT_SSH_COMMAND"} else _NEVER_ASKS
    settings = {"GIT_CONFIG_COUNT": str(len(configuration))}
    for number, (key, value) in enumerate(configuration.items()):
        settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**kept, **ssh, **_FIXED, **settings, "GIT_DIR": str(repository)}


def _end(child: subprocess.Popen[bytes]) -> None:
    """End git with the ssh and the like that it started, which would go on, and hold our pipes open."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _failure(verb: str, complained: bytes) -> GitFailed:
    said = _readably(complained)
    remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, said)), _USUAL_REMEDY)
    return GitFailed(f"`git {verb}` failed: {said}" if said else f"`git {verb}` failed", remedy=remedy)


def _readably(complained: bytes) -> str:
    """Give the end of what git said, on one line, without credentials and without what could drive a terminal."""
    text = re.sub(r"(?<=://)[^/\s@]+@", "", complained.decode(errors="replace"))
    lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
    telling = [line for line in lines if line and not line.startswith(_PLATITUDES)][-_MOST_LINES:]
    return redact("".join(each for each in " / ".join(telling) if each.isprintable()))[-_LONGEST:].rstrip(".")
