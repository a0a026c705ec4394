"""One secret with a real issuer and real stores, runs of ``rotate`` that are killed, and what must be true after."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rotator.domain.model import Phase, RotationId, SecretName, TokenState
from rotator.domain.secret_value import SecretValue
from rotator.ledger.ledger import Ledger
from tests.crash.places import Destination
from tests.crash.services import Service
from tests.servers.forked_rotate import ForkedRotate

KILLED = -9
_SHOWN = 2000

Kill = tuple[int, str]
"""The number of a point, and ``before`` or ``after``."""


@dataclass
class Rehearsal:
    """One secret, adopted. It lives through many rotations: each begins where the one before it ended."""

    name: SecretName
    folder: Path
    ledger_url: str
    key_file: Path
    forked: ForkedRotate
    service: Service
    destinations: Sequence[Destination]
    rules: str = "overlap: {for: 0s}"
    """What else the policy says."""
    in_force: str = field(default="", init=False, repr=False)
    """The value that consumers read when the last rotation had ended."""
    _ended: RotationId | None = field(default=None, init=False)

    def prepare(self, *adopting: str) -> None:
        """Make a token by hand, put it everywhere beside values of others, and adopt it."""
        self.folder.mkdir(parents=True)
        self.in_force = self.service.make_by_hand()
        for destination in self.destinations:
            destination.put_by_hand(self.in_force)
        connections = {each.connection for each in (self.service, *self.destinations)}
        lines = ["connections:", *(f"  {connection}" for connection in sorted(connections))]
        lines += ["policies:", f"  - name: {self.name}", f"    issuer: {self.service.issuer}", "    stores:"]
        lines += [f"      - {destination.place}" for destination in self.destinations]
        lines += ["    schedule: never", f"    {self.rules}"]
        (self.folder / "policy.yaml").write_text("\n".join(lines) + "\n")
        if self.service.profile:
            (self.folder / "issuer.yaml").write_text(self.service.profile)
        assert self.rotate("adopt", self.name, *adopting, output="adopt") == 0, self.said("adopt")

    def rotate(self, *arguments: str, output: str, kill: Kill | None = None, given: str = "") -> int:
        """Run ``rotate`` to its end, or to the point where it is to die; give its exit status."""
        options = ["--policies", str(self.folder), "--ledger", self.ledger_url]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ROTATOR_FINGERPRINT_KEY": str(self.key_file),
            "SSL_CERT_FILE": os.devnull,  # no server here has a certificate, and reading all authorities takes its time
        }
        for each in (self.service, *self.destinations):
            environment |= each.environment
        written = self.folder / output
        points = ("tests.crash.points", {"names": str(written / "points"), "kill": kill})
        return self.forked.run([*options, *arguments], environment, written, given=given, first=points)

    def open_ledger(self) -> Ledger:
        return Ledger.open(self.ledger_url, key_file=self.key_file)

    def points(self, output: str) -> list[str]:
        """Name the points that the last run with this output has passed."""
        return (self.folder / output / "points").read_text().splitlines()

    def before(self, point: str, output: str) -> Kill:
        """Give the kill before the first point of this name that the last run with this output has passed."""
        return self.points(output).index(point), "before"

    def said(self, output: str) -> str:
        """Give the end of what runs with this output have said."""
        return "".join((self.folder / output / name).read_text()[-_SHOWN:] for name in ("stdout", "stderr"))

    # --- what must be true -----------------------------------------------------------------------------------------

    def has_begun(self) -> bool:
        """Tell whether the ledger knows of a rotation that was not there when the last one had ended."""
        return self._last_rotation() != self._ended

    def _last_rotation(self) -> RotationId | None:
        with self.open_ledger() as ledger:
            last = ledger.last_rotation(self.name)
            return last.id if last is not None else None

    def no_consumer_reads_a_dead_token(self) -> None:
        read = [(destination.place, destination.read()) for destination in self.destinations]
        dead = [place for place, value in read if not self.service.accepts(value)]
        assert not dead, f"dead tokens at: {dead}"

    def is_whole(self, *, rotated: bool) -> None:
        """Check all that is promised once the trouble is over. ``rotated``: a new token must be in force."""
        held = {destination.read() for destination in self.destinations}
        with self.open_ledger() as ledger:
            secret, last = ledger.secret(self.name), ledger.last_rotation(self.name)
            assert ledger.broken_links(self.name) == []
            assert secret.open is None, f"still open: {secret.open.phase} {secret.open.trouble}"
            assert secret.current is not None
            assert {*self.service.live()} == {secret.current.handle}, "live tokens are not exactly those in the ledger"
            assert {_handle_of(ledger, value) for value in held} == {secret.current.handle}, "it holds another token"
        [value] = held
        assert self.service.accepts(value)
        assert (value != self.in_force) == rotated
        assert self.service.accepts(self.in_force) == (not rotated)
        if rotated:
            assert last is not None
            assert last.phase is Phase.RETIRED
            assert all(token.state is TokenState.DEAD for token in last.strays)
        assert all(destination.is_tidy() for destination in self.destinations), "something is left half done"
        self.in_force, self._ended = value, last.id if last is not None else None


def _handle_of(ledger: Ledger, value: str) -> str | None:
    known = ledger.token_of_value(SecretValue(value))
    return known.handle if known is not None else None
