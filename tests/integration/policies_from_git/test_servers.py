"""Over https and ssh: where a token goes and where it does not, redirects, servers that do not answer."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rotator.config.policy_source import git as the_git_command
from rotator.config.policy_source.git import Git, GitFailed
from rotator.domain.errors import InvalidInput, NeedsOperator
from rotator.domain.secret_value import SecretValue
from tests.fakes.own_authority import own_authority
from tests.fakes.tls_gateway import tls_gateway
from tests.integration.policies_from_git.upstream import follow, names, told
from tests.servers.process import poll

TOKEN = "git_token_0a1b2c3d4e5f"


@dataclass
class GitServer:
    """A server for repositories below ``root``: ``git http-backend`` behind TLS, which asks for the token."""

    root: Path
    url: str = ""
    redirect_to: str | None = None
    seen: list[str | None] = field(default_factory=list)
    """The Authorization header of each request."""
    processes: list[bytes] = field(default_factory=list)
    """Arguments and environment of each git that ran on this machine while a request was answered."""


@contextmanager
def running(root: Path, folder: Path) -> Iterator[GitServer]:
    server = GitServer(root)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _answer(self, body: bytes) -> None:
            server.seen.append(self.headers.get("Authorization"))
            server.processes += _gits()
            if server.redirect_to:
                self._send(302, [("Location", server.redirect_to + self.path)])
            elif self.headers.get("Authorization") != _basic("x-access-token", TOKEN):
                self._send(401, [("WWW-Authenticate", 'Basic realm="git"')])
            else:
                self._backend(body)

        def _backend(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            said = subprocess.run(
                ["git", "http-backend"], input=body, env=environment, capture_output=True, check=True
            ).stdout
            head, _, content = said.partition(b"\r\n\r\n")
            headers = [tuple(line.split(": ", 1)) for line in head.decode().splitlines()]
            self._send(200, headers, content)

        def _send(self, status: int, headers: list, content: bytes = b"") -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    plain = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=plain.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    authority = own_authority(folder)
    with tls_gateway(f"http://127.0.0.1:{plain.server_port}", authority.server) as url:
        server.url = url
        yield server
    plain.shutdown()
    serving.join()
    plain.server_close()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _gits() -> list[bytes]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
            if b"git" in arguments:
                found.append(arguments + (process / "environ").read_bytes())
        except OSError:  # it has ended, or is another user's
            continue
    return found


@pytest.fixture
def server(upstream, tmp_path, monkeypatch, may_hold_values):
    folder = may_hold_values(tmp_path / "authority")
    folder.mkdir()
    monkeypatch.setenv("GIT_SSL_CAINFO", str(folder / "ca.crt"))
    with running(upstream.folder.parent, folder) as server:
        yield server


def token() -> SecretValue:
    return SecretValue(TOKEN)


def refused(source) -> str:
    with pytest.raises(InvalidInput) as caught:
        source.load()
    return told(caught.value.problems)


def test_a_token_is_given_to_the_server_that_asks_and_is_seen_nowhere_else(upstream, state, server):
    source = follow(upstream, state, address=f"{server.url}/upstream", token=token)
    assert names(source.load()) == ["web"]
    assert _basic("x-access-token", TOKEN) in server.seen
    assert any(b"remote-https" in each for each in server.processes)
    assert not any(TOKEN.encode() in each for each in server.processes)


def test_without_a_token_the_refusal_says_how_to_name_one(upstream, state, server):
    said = refused(follow(upstream, state, address=f"{server.url}/upstream"))
    assert said.endswith("name a token that may read it with `repository_token`")


def test_a_token_that_is_not_accepted_is_told_and_not_shown(upstream, state, server):
    wrong = SecretValue("git_token_that_has_ended")
    said = refused(follow(upstream, state, address=f"{server.url}/upstream", token=lambda: wrong))
    assert "renew the token that `repository_token` names" in said


def test_a_redirect_is_not_followed(upstream, state, server):
    server.redirect_to = "https://elsewhere.example"
    said = refused(follow(upstream, state, address=f"{server.url}/upstream", token=token))
    assert "redirects are not followed" in said


def test_a_token_that_is_missing_is_told_and_the_last_good_commit_stays_in_force(upstream, state, server):
    def missing() -> SecretValue:
        raise NeedsOperator("The environment variable GIT_TOKEN is not set.", remedy="Set it.")

    address = f"{server.url}/upstream"
    good = follow(upstream, state, address=address, token=token).load()
    source = follow(upstream, state, address=address, token=missing)
    assert source.load().policies == good.policies
    assert "GIT_TOKEN is not set; Set it." in told(source.problems)


def test_a_certificate_that_nobody_vouches_for_is_refused(upstream, state, server, monkeypatch):
    monkeypatch.delenv("GIT_SSL_CAINFO")
    assert "certificate" in refused(follow(upstream, state, address=f"{server.url}/upstream", token=token))
    assert server.seen == []


def test_a_server_that_never_answers_is_given_up_with_all_that_was_started_for_it(tmp_path, monkeypatch):
    waiting, never = tmp_path / "waiting", tmp_path / "never"
    os.mkfifo(never)
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {waiting}\nexec 3>&1\nexec cat {never} >/dev/null\n")
    ssh.chmod(0o700)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    with pytest.raises(GitFailed, match=r"`git ls-remote` was not done within 0\.4 seconds"):
        Git(tmp_path / "clone.git", seconds=0.4).run("ls-remote", "--", "git@git.example:policies.git")
    process = Path("/proc", waiting.read_text().strip(), "cmdline")
    poll(lambda: not process.exists() or not process.read_bytes(), 5, what="the end of the ssh that git started")


def test_other_protocols_than_https_ssh_and_files_are_not_spoken(tmp_path):
    git = Git(tmp_path / "clone.git")
    for address in ("http://git.example/x", "git://git.example/x", "ext::sh -c id"):
        with pytest.raises(GitFailed, match="not allowed"):
            git.run("ls-remote", "--", address)


def test_what_git_complains_of_is_shown_without_credentials_and_without_control_characters():
    said = the_git_command._readably(
        b"hint: try\nremote: \x1b[31mhello\x07\nfatal: unable to access 'https://ada:pass_word_1@git.example/x/': no\n"
    )
    assert said == "remote: [31mhello / fatal: unable to access 'https://git.example/x/': no"
