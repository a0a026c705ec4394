"""Only signed commits: with a key that may, made with ssh, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rotator.domain.errors import InvalidInput
from tests.canary import CANARY
from tests.integration.policies_from_git.upstream import follow, names, policy, told
from tests.servers.process import require


def new_key(folder: Path, name: str) -> Path:
    require(shutil.which("ssh-keygen") is not None, "ssh-keygen is missing (openssh-client)")
    key = CANARY.may_hold_values(folder / name)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
    return key


@pytest.fixture
def key(tmp_path):
    return new_key(tmp_path, "ada")


@pytest.fixture
def allowed(tmp_path, key):
    """The file that allows ``key``."""
    file = tmp_path / "allowed_signers"
    file.write_text(f'ada@acme.example namespaces="git" {key.with_suffix(".pub").read_text()}')
    return file


def signing(key: Path) -> dict[str, str]:
    return {"gpg.format": "ssh", "user.signingKey": str(key)}


def refused(source) -> str:
    with pytest.raises(InvalidInput) as caught:
        source.load()
    return told(caught.value.problems)


def test_a_signed_commit_comes_into_force_and_an_unsigned_one_is_refused_as_a_whole(upstream, state, key, allowed):
    upstream.sign_with = signing(key)
    signed = upstream.commit({})
    source = follow(upstream, state, signed_by=allowed)
    assert source.load().policies.commit == signed
    upstream.sign_with = {}
    unsigned = upstream.commit({"policies/web.yaml": policy("intruder")})
    assert f"commit {unsigned[:10]} is not signed; sign it" in told(source.refresh().problems)
    assert names(source.in_force) == ["web"]
    restarted = follow(upstream, state, signed_by=allowed)
    assert restarted.load().policies.commit == signed


def test_the_key_of_somebody_else_is_refused(upstream, state, tmp_path, allowed):
    upstream.sign_with = signing(new_key(tmp_path, "mallory"))
    commit = upstream.commit({})
    assert f"commit {commit[:10]} is not signed with a key in {allowed}" in refused(
        follow(upstream, state, signed_by=allowed)
    )


def test_a_commit_that_was_changed_after_it_was_signed_is_refused(upstream, state, key, allowed):
    upstream.sign_with = signing(key)
    upstream.commit({})
    tree = upstream.git("rev-parse", "HEAD~:policies")
    forged = upstream.git("cat-file", "commit", "HEAD").replace(upstream.git("rev-parse", "HEAD^{tree}"), tree)
    (upstream.folder.parent / "forged").write_text(forged + "\n")
    commit = upstream.git("hash-object", "-w", "-t", "commit", str(upstream.folder.parent / "forged"))
    upstream.git("update-ref", "refs/heads/main", commit)
    assert "is not signed with a key in" in refused(follow(upstream, state, signed_by=allowed))


def test_a_signature_that_the_users_own_gpg_calls_good_does_not_count(upstream, state, tmp_path, allowed, monkeypatch):
    """Git goes by the signature's form, and would ask this user's OpenPGP keyring."""
    programs = tmp_path / "bin"
    programs.mkdir()
    gpg = programs / "gpg"
    gpg.write_text(
        "#!/bin/sh\n"
        "cat >/dev/null\n"
        'case "$*" in *--verify*)\n'
        "  printf '[GNUPG:] NEWSIG\\n[GNUPG:] GOODSIG AAAABBBBCCCCDDDD Ada\\n'\n"
        "  printf '[GNUPG:] VALIDSIG AAAABBBBCCCCDDDD\\n[GNUPG:] TRUST_ULTIMATE 0 pgp\\n' ;;\n"
        "*) echo '[GNUPG:] SIG_CREATED ' >&2\n"
        "  printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nAAAA\\n-----END PGP SIGNATURE-----\\n' ;;\n"
        "esac\n"
    )
    gpg.chmod(0o700)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    upstream.sign_with = {"gpg.format": "openpgp", "user.signingKey": "Ada"}
    upstream.commit({})
    upstream.git("verify-commit", "HEAD")  # git itself is content
    assert "is not signed with a key in" in refused(follow(upstream, state, signed_by=allowed))


def test_a_key_that_is_allowed_later_brings_the_same_commit_into_force(upstream, state, key, allowed):
    line = allowed.read_text()
    allowed.write_text("# nobody yet\n")
    upstream.sign_with = signing(key)
    commit = upstream.commit({})
    source = follow(upstream, state, signed_by=allowed)
    assert source.refresh().problems
    allowed.write_text(line)
    refreshed = source.refresh()
    assert refreshed.in_force.policies.commit == commit
    assert refreshed.healed


def test_a_file_of_signers_that_cannot_be_read_is_told_by_its_path(upstream, state, tmp_path):
    said = refused(follow(upstream, state, signed_by=tmp_path / "nowhere"))
    assert said.startswith(f"{tmp_path / 'nowhere'}: the allowed signers cannot be read: No such file or directory")
