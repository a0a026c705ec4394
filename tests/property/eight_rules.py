"""The rules that no step may break, checked against the truth: what the issuer accepts, what consumers read.

Each check raises an AssertionError that says which rule is broken, where, and what had happened before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from rotator.domain.model import Event, Mode, Phase, Secret, SecretName, TokenState
from rotator.domain.policy import Policy
from rotator.ledger.ledger import Ledger
from rotator.ledger.tables import tokens
from rotator.observe.events import sentence
from tests.fakes.memory_issuer import MadeToken, MemoryIssuer
from tests.fakes.memory_store import MemoryStore

_MAY_EXIST = {TokenState.INTENDED, TokenState.ABSENT, TokenState.REVOKING}
_MAY_LIVE = {TokenState.LIVE, TokenState.REVOKING}


class World(Protocol):
    """What the rules are checked against: the truth of one issuer, its secrets and their stores, and the ledger."""

    folder: Path
    issuer_fake: MemoryIssuer
    stores: Mapping[str, MemoryStore]
    policies: Mapping[str, Policy]
    ledger: Ledger
    events: list[Event]

    def secret(self, name: str) -> Secret: ...


def check_all(world: World) -> None:
    consumers_read_living_tokens(world)
    the_ledger_knows_every_living_token(world)
    nothing_foreign_was_revoked(world)
    each_secret_has_one_open_rotation(world)
    no_value_got_out(world)
    no_step_met_a_bug(world)


def consumers_read_living_tokens(world: World) -> None:
    """Rules 1 and 2. A place that somebody filled with something of their own is theirs; revoke-first is excepted."""
    alive = {token.value for token in world.issuer_fake.alive()}
    for secret in world.policies:
        for store, value in _read(world, secret):
            token = None if value in alive else world.issuer_fake.token_of(value)
            if token is not None and not _is_revoke_first(world, secret):
                broken(world, f"rule 1: {store} gives consumers of {secret} token {token.handle}, which is dead")


def _is_revoke_first(world: World, secret: str) -> bool:
    opened = world.secret(secret).open
    return opened is not None and opened.mode is Mode.REVOKE_FIRST


def _read(world: World, secret: str) -> Iterator[tuple[str, str]]:
    for name, store in world.stores.items():
        for value in {store.holds(secret), store.consumers_read(secret)}:
            if value is not None:
                yield name, value


def the_ledger_knows_every_living_token(world: World) -> None:
    """Rule 3. A token whose revoke was accepted, and which only takes its time to die, is known to be dying."""
    known = select(tokens).where(tokens.c.secret.in_(world.policies), tokens.c.state != TokenState.DEAD)
    with world.ledger._database.reading() as connection:
        rows = connection.execute(known).all()
    for token in world.issuer_fake.alive():
        if token.foreign or token.dies_at is not None:
            continue
        if not any(_is_about(row, token, names=world.issuer_fake.traits.names_tokens) for row in rows):
            broken(world, f"rule 3: token {token.handle} ({token.name}) lives, and the ledger does not know it")


def _is_about(row, token: MadeToken, *, names: bool) -> bool:  # type: ignore[no-untyped-def]  # a row of ``tokens``
    state = TokenState(row.state)
    if row.handle is not None:
        return row.handle == token.handle and state in _MAY_LIVE and row.name in (None, token.name)
    if names:
        return row.name == token.name and state in _MAY_EXIST
    return token.handle not in row.handles_before and state in _MAY_EXIST


def nothing_foreign_was_revoked(world: World) -> None:
    """Rule 4."""
    for token in world.issuer_fake.made():
        if token.foreign and token.times_revoked:
            broken(world, f"rule 4: token {token.handle} ({token.name}) is somebody else's, and was revoked")


def each_secret_has_one_open_rotation(world: World) -> None:
    """Rule 5."""
    secrets = [rotation.secret for rotation in world.ledger.open_rotations()]
    if len(secrets) != len(set(secrets)):
        broken(world, f"rule 5: open rotations of {sorted(secrets)}")


def no_value_got_out(world: World) -> None:
    """Rule 7: not into the ledger's files, not into what observers are told."""
    said = "\n".join(f"{event!r} {sentence(event)}" for event in world.events[-20:])
    written = b"".join(file.read_bytes() for file in _files(world.folder))
    for token in world.issuer_fake.made():
        if token.value in said or token.value.encode() in written:
            broken(world, f"rule 7: the value of token {token.handle} got out")


def _files(folder: Path) -> Iterator[Path]:
    yield from (file for file in folder.iterdir() if file.name.startswith("ledger.db"))


def compromised_means_dead(world: World, secret: str) -> None:
    """Rule 8, after a command that reported success."""
    current = world.secret(secret).current
    assert current is not None
    for token in _ours(world, secret):
        if token.handle != current.handle:
            broken(world, f"rule 8: success was reported, and token {token.handle} ({token.name}) lives")


def no_step_met_a_bug(world: World) -> None:
    for event in world.events[-20:]:
        if "which is a bug" in str(event.detail.get("what")):
            broken(world, f"a step failed in a way nobody foresaw: {event.detail['what']}")


def everything_came_to_an_end(world: World) -> None:
    """After the faults are over: no rotation is open, and of ours exactly the tokens in force are alive."""
    for rotation in world.ledger.open_rotations():
        broken(world, f"rotation {rotation.id} of {rotation.secret} stays {rotation.phase}: {rotation.trouble}")
    for secret in world.policies:
        current = world.secret(secret).current
        expected = {str(current.handle)} if current is not None else set()
        alive = {str(token.handle) for token in _ours(world, secret)}
        if alive != expected:
            broken(world, f"of {secret}, tokens {sorted(alive)} live at the end, and {sorted(expected)} should")
    links = world.ledger.broken_links()
    if links:
        broken(world, f"the chain of events is broken: {links}")


def waits_for_nobody(world: World) -> bool:
    """Tell whether every rotation has ended or lives through its overlap."""
    return all(
        rotation.phase is Phase.CONFIRMED and rotation.trouble is None and rotation.retry_at is not None
        for rotation in world.ledger.open_rotations()
    )


def any_overlap(world: World) -> bool:
    """Tell whether an old token lives beside the new one, by plan or because its end takes long."""
    return any(rotation.phase is Phase.CONFIRMED for rotation in world.ledger.open_rotations())


def _ours(world: World, secret: str) -> list[MadeToken]:
    return [token for token in world.issuer_fake.alive() if not token.foreign and token.name.startswith(secret)]


def broken(world: World, what: str) -> None:
    story = [f"  {event.at:%j %H:%M:%S} {event.secret} {sentence(event)}" for event in world.events[-40:]]
    state = [f"  {world.ledger.last_rotation(SecretName(name))}" for name in world.policies]
    raise AssertionError("\n".join([what, "what had happened:", *story, "rotations:", *state]))
