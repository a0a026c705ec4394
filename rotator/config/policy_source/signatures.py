"""Whether a commit was signed by somebody who may: with a key in OpenSSH's ``allowed_signers`` format."""

from __future__ import annotations

import shutil
from hashlib import blake2b
from pathlib import Path

from rotator.config.policy_source.git import Git, GitFailed
from rotator.domain.errors import InvalidInput, Problem


class Signers:
    """The file that says who may sign. It is read each time: a key that is taken out of it counts no more."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def state(self) -> str:
        """Digest the file. InvalidInput when it cannot be read, and so nobody may sign."""
        try:
            return blake2b(self._file.read_bytes()).hexdigest()
        except OSError as error:
            what = f"the allowed signers cannot be read: {error.strerror}"
            remedy = "let this user read it: `NAME ssh-ed25519 KEY` lines; or name another one with `signed_by`"
            raise InvalidInput([Problem(what, remedy, self._file)]) from error

    def verify(self, commit: str, git: Git) -> None:
        """Raise InvalidInput unless the commit bears a good signature of an allowed key.

        ssh keys alone count. Git goes by the signature, not by ``gpg.format``: to one made with OpenPGP or X.509 it
        would apply the user's own keyring, so the programs for those are ones that always refuse.
        """
        if shutil.which("ssh-keygen") is None:
            raise GitFailed("`ssh-keygen` is missing, which verifies signatures", remedy="install OpenSSH's client")
        configuration = {
            "gpg.format": "ssh",
            "gpg.minTrustLevel": "fully",
            "gpg.openpgp.program": "false",
            "gpg.ssh.allowedSignersFile": str(self._file),
            "gpg.x509.program": "false",
        }
        try:
            git.run("verify-commit", commit, configuration=configuration)
        except GitFailed as error:
            signed = b"\ngpgsig " in git.run("cat-file", "commit", commit).partition(b"\n\n")[0]
            what = f"is not signed with a key in {self._file}" if signed else "is not signed"
            remedy = "sign it (`git commit -S` with `gpg.format=ssh`), with a key that may; nothing of it is taken"
            raise InvalidInput.of(f"commit {commit[:10]} {what}", remedy) from error
