"""The durable memory of the engine: what it knows of secrets, rotations and tokens, and the log of what it did.

Every writing method is one transaction, and durable when it returns. None can hold a value: only fingerprints are
kept. Everything raises LedgerUnavailable when the database cannot be used; where a commit's answer was lost, its
message says that the outcome is unknown, and ``rotation(id).revision`` then tells whether the move was made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from rotator.domain.limits import Rate
from rotator.domain.model import (
    ConnectionName,
    Event,
    Fingerprint,
    IssuerRef,
    Rotation,
    RotationId,
    Secret,
    SecretName,
    Token,
    TokenId,
)
from rotator.domain.secret_value import SecretValue
from rotator.ledger import budgets, leases, moves, queries, solitude, verification
from rotator.ledger.budgets import Turn
from rotator.ledger.database import Database
from rotator.ledger.engines import open_engine, sqlite_file
from rotator.ledger.errors import AlreadyOpen, OutOfDate
from rotator.ledger.fingerprints import LedgerKey, key_of
from rotator.ledger.leases import Lease
from rotator.ledger.notices import Notices
from rotator.ledger.picture import NOTHING_SOUGHT, KnownToken, Picture, Sought, dead_without_refusal, picture
from rotator.ledger.schema import bring_up_to_date

__all__ = ["AlreadyOpen", "Lease", "Ledger", "OutOfDate"]


class Ledger:
    """An open ledger. One serves all threads of a process; any number of processes may share the database."""

    def __init__(self, database: Database, key: LedgerKey) -> None:
        self._database = database
        self._key = key
        self.notices = Notices(database)
        """What people were told."""

    @classmethod
    def open(cls, url: str, *, key_file: Path | None = None) -> Self:
        """Open the ledger at ``url``, making or migrating it as needed; safe when several processes do so at once.

        ``key_file`` holds the key of fingerprints and events; by default it lies beside a SQLite file, or else
        in the user's state folder. A ledger opens only with the key that it was made with.
        """
        database = Database(open_engine(url))
        try:
            bring_up_to_date(database)
            key = key_of(database, key_file)
        except BaseException:
            database.close()
            raise
        return cls(database, key)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.close()

    def alone(self) -> AbstractContextManager[None]:
        """Be the only daemon, where the ledger serves one: on SQLite. LedgerUnavailable when another one is."""
        file = sqlite_file(self._database.engine.url)
        return nullcontext() if file is None else solitude.alone(file)

    def fingerprint(self, value: SecretValue) -> Fingerprint:
        """Give what may be remembered of a value: equal for equal values in this ledger, and meaningless elsewhere."""
        return self._key.fingerprint(value)

    # --- reading -------------------------------------------------------------------------------------------------

    def secret(self, name: SecretName) -> Secret:
        """Give what is known of a secret: a bare ``Secret(name)`` when that is nothing."""
        with self._database.reading() as connection:
            return queries.secret(connection, name)

    def secrets(self) -> list[Secret]:
        """Give all secrets that were ever adopted or rotated, by name. A fixed number of queries."""
        with self._database.reading() as connection:
            return queries.secrets_known(connection)

    def secrets_named(self, names: Iterable[SecretName]) -> list[Secret]:
        """Give those of these secrets that were ever adopted or rotated."""
        with self._database.reading() as connection:
            return queries.secrets_named(connection, sorted(names))

    def rotation(self, rotation_id: str) -> Rotation | None:
        """Give a rotation by its id, or by the beginning of one (four characters or more).

        Raises InvalidInput when several rotations begin so.
        """
        with self._database.reading() as connection:
            return queries.rotation(connection, rotation_id)

    def open_rotations(self) -> list[Rotation]:
        """Give every open rotation, oldest first."""
        with self._database.reading() as connection:
            return queries.open_rotations(connection)

    def open_ids(self) -> set[RotationId]:
        """Give the id of every open rotation."""
        with self._database.reading() as connection:
            return queries.open_ids(connection)

    def changed_since(self, moment: datetime) -> list[SecretName]:
        """Give the secrets that have events since then, by the clocks of those who wrote them."""
        with self._database.reading() as connection:
            return queries.changed_since(connection, moment)

    def open_by_state(self, now: datetime) -> dict[str, int]:
        """Count open rotations: ``moving``, ``waiting`` for their time, ``stuck`` until a person comes."""
        with self._database.reading() as connection:
            return queries.open_by_state(connection, now)

    def expiring(self, before: datetime) -> list[Secret]:
        """Give the secrets whose token in force expires before then, or has."""
        with self._database.reading() as connection:
            return queries.expiring(connection, before)

    def last_rotation(self, name: SecretName) -> Rotation | None:
        """Give the rotation of this secret that was opened last, open or closed."""
        with self._database.reading() as connection:
            return queries.last_rotation(connection, name)

    def made_through(self, token: TokenId) -> IssuerRef | None:
        """Give the issuer through which a rotation made this token, or at which it was adopted.

        None for one that was adopted by a release that did not write it down.
        """
        with self._database.reading() as connection:
            return queries.made_through(connection, token)

    def tokens_of_issuer(self, issuer: ConnectionName) -> list[Token]:
        """Give the tokens that are not dead, of those that this connection made, or at which they were adopted.

        Of those that nobody wrote that down of, the ones that its rotations replaced.
        """
        with self._database.reading() as connection:
            return queries.tokens_of_issuer(connection, issuer)

    def token_of_value(self, value: SecretValue) -> Token | None:
        """Give the token that has this value, of whichever secret, dead or alive; None when there never was one."""
        with self._database.reading() as connection:
            return queries.token_of_value(connection, self.fingerprint(value))

    def picture(self, sought: Sought = NOTHING_SOUGHT) -> Picture:
        """Give all that is known now, as of one moment, and those of the dead tokens that are sought."""
        with self._database.reading() as connection:
            return picture(connection, sought)

    def history(self, name: SecretName) -> list[Event]:
        """Give a secret's events, oldest first, as they stand; ``broken_links`` tells whether to believe them."""
        with self._database.reading() as connection:
            return queries.history(connection, name)

    def standing_events(self, *kinds: str) -> list[Event]:
        """Give the events of these kinds, of those in ``domain.standing``: by secret, each secret's oldest first."""
        with self._database.reading() as connection:
            return queries.standing_events(connection, kinds)

    def dead_without_refusal(self) -> list[KnownToken]:
        """Give the tokens that are taken for dead, though no issuer ever refused their value."""
        with self._database.reading() as connection:
            return dead_without_refusal(connection)

    def broken_links(self, *names: SecretName) -> list[str]:
        """Check the chains of events of these secrets, or of all: a sentence for each thing wrong, none when intact.

        Finds events that were changed, removed, exchanged or added without the ledger's key. It cannot find that
        the whole database was put back to an earlier state.
        """
        with self._database.reading() as connection:
            return verification.broken_links(connection, self._key, names)

    # --- writing -------------------------------------------------------------------------------------------------

    def adopt(
        self, token: Token, event: Event, ended_by: Rotation | None = None, issuer: IssuerRef | None = None
    ) -> None:
        """Make ``token`` the one in force for its secret, or what is known of that one better. ``issuer`` knows it.

        Where another one is in force and may live, ``ended_by`` is the open rotation that ends it: without that,
        OutOfDate. AlreadyOpen while a rotation is under way.
        """
        self._database.write(lambda connection: moves.adopt(connection, self._key, token, event, ended_by, issuer))

    def note(self, *said: Event) -> None:
        """Write down what belongs to no move of a rotation: what a person declared, or what was seen."""
        self._database.write(lambda connection: moves.note(connection, self._key, said))

    def begin(
        self, rotation: Rotation, owner: str, now: datetime, ttl: timedelta, event: Event
    ) -> tuple[Rotation, Lease]:
        """Open a rotation, and hold it.

        Raises AlreadyOpen when the secret has an open one, and OutOfDate when ``rotation.old`` is no longer the
        token in force.
        """
        return self._database.write(
            lambda connection: moves.begin(connection, self._key, rotation, owner, now + ttl, event)
        )

    def record(self, lease: Lease, before: Rotation, after: Rotation, *events: Event) -> Rotation:
        """Make one move, if the lease still holds and nothing moved since ``before`` was read; else LeaseLost.

        Writes what differs: the rotation, its old token, its tokens, its destinations; and the events. A move to
        CONFIRMED makes ``after.new`` the token in force. A closing move ends the lease and counts failures.
        """
        return self._database.write(
            lambda connection: moves.record(connection, self._key, lease, before, after, events)
        )

    # --- leases --------------------------------------------------------------------------------------------------

    def claim(self, rotation_id: RotationId, owner: str, now: datetime, ttl: timedelta) -> Lease | None:
        """Take an open rotation over. None while somebody else's lease is valid, or when it is closed or unknown.

        An owner may claim what it holds already; the earlier lease is then stale. The lease of a process of this
        machine that is gone holds nobody up.
        """
        return self._database.write(lambda connection: leases.claim(connection, rotation_id, owner, now, ttl))

    def claim_ready(
        self, owner: str, now: datetime, ttl: timedelta, limit: int, *, in_hand: Collection[RotationId] = ()
    ) -> list[tuple[Rotation, Lease]]:
        """Take up to ``limit`` open rotations that nobody holds, that no person must mend, whose ``retry_at`` has come.

        Compromised ones come first, then those that wait longest. Two callers never get the same one. Those ``in_hand``
        are passed over: the caller is at them yet, however long ago their lease has ended.
        """
        with self._database.writing() as connection:
            taken = leases.claim_ready(connection, owner, now, ttl, limit, in_hand)
            found = queries.rotations_by_id(connection, [lease.rotation for lease in taken])
            return [(found[lease.rotation], lease) for lease in taken]

    def renew(self, lease: Lease, now: datetime, ttl: timedelta) -> Lease:
        """Hold on for ``ttl`` from now. LeaseLost when somebody else took over, or the rotation was closed."""
        return self._database.write(lambda connection: leases.renew(connection, lease, now, ttl))

    def release(self, lease: Lease) -> None:
        """Let go. Nothing to do when the lease was lost."""
        self._database.write(lambda connection: leases.release(connection, lease))

    def let_go(self, lease: Lease, now: datetime) -> None:
        """Let go until ``retry_at``, and be first in line for ``claim_ready`` then: others wait five minutes longer.

        For a process that holds a value which nobody else may have. If it does not come, somebody else goes on.
        """
        self._database.write(lambda connection: leases.let_go(connection, lease, now))

    # --- budgets -------------------------------------------------------------------------------------------------

    def take_turn(self, connection: str, rate: Rate, now: datetime, *, longest: timedelta, urgent: bool) -> Turn:
        """Spend one request of a connection's rate; nothing is spent when its turn is more than ``longest`` away."""
        return self._database.write(
            lambda database: budgets.take_turn(database, connection, rate, now, longest=longest, urgent=urgent)
        )

    def pause_budget(self, connection: str, rate: Rate, until: datetime, now: datetime) -> None:
        """Let nobody send a request of this connection before ``until``."""
        self._database.write(lambda database: budgets.pause(database, connection, rate, until, now))

    def begin_request(self, connection: str, limit: int, owner: str, now: datetime) -> bool:
        """Count one more request of ``owner`` as under way. False when ``limit`` are, over all processes."""
        return self._database.write(lambda database: budgets.begin_request(database, connection, limit, owner, now))

    def end_requests(self, connection: str, owner: str, ended: int) -> None:
        """Count so many less."""
        self._database.write(lambda database: budgets.end_requests(database, connection, owner, ended))
