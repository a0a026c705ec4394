"""How far many rotations are: counted from their events, for whoever draws it. Safe to use from several threads."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rotator.domain.model import ConnectionName, Event, Proof, SecretName

_IN_USE: Final = "confirmed"
_PROVEN: Final = str(Proof.REFUSED)
_STUCK: Final = frozenset({"trouble", "asked", "reminded", "withdrawn"})


@dataclass(frozen=True)
class Expected:
    """One secret that is to be rotated: whose its tokens are, and which old ones have to die, by handle or name."""

    secret: SecretName
    issuer: ConnectionName
    old: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Count:
    """How far the tokens of one issuer are."""

    issuer: ConnectionName
    total: int = 0
    replaced: int = 0
    """Consumers can only read the new one."""
    ended: int = 0
    """Nothing more is done for these now, whatever came of it."""
    in_trouble: int = 0
    alive: int = 0
    """Old tokens that are not proven dead."""


@dataclass
class _State:
    issuer: ConnectionName
    alive: set[str] = field(default_factory=set)
    replaced: bool = False
    ended: bool = False
    in_trouble: bool = False


class Progress:
    """Is told what happens, and says how far it is."""

    def __init__(self, expected: Iterable[Expected]) -> None:
        self._lock = threading.Lock()
        self._states = {each.secret: _State(each.issuer, set(each.old)) for each in expected}

    def saw(self, event: Event) -> None:
        """Take an event into account. One of a secret that was not expected changes nothing."""
        with self._lock:
            state = self._states.get(event.secret)
            if state is None:
                return
            state.in_trouble = event.kind in _STUCK
            state.replaced = state.replaced or event.kind == _IN_USE
            proofs = event.detail.get("proof")
            if isinstance(proofs, Mapping):
                state.alive -= {called for called, proof in proofs.items() if str(proof) == _PROVEN}

    def ended(self, secret: SecretName, *, well: bool) -> None:
        """Take into account that no more is done for a secret now."""
        with self._lock:
            state = self._states.get(secret)
            if state is not None:
                state.ended, state.in_trouble = True, not well

    def counts(self) -> list[Count]:
        """Give how far each issuer's tokens are, by the name of its connection."""
        with self._lock:
            by_issuer: dict[ConnectionName, list[_State]] = defaultdict(list)
            for state in self._states.values():
                by_issuer[state.issuer].append(state)
            return [_counted(name, states) for name, states in sorted(by_issuer.items())]

    def whole(self) -> Count:
        """Give how far all of them are together."""
        with self._lock:
            return _counted(ConnectionName("all"), self._states.values())


def _counted(issuer: ConnectionName, states: Collection[_State]) -> Count:
    return Count(
        issuer,
        total=len(states),
        replaced=sum(state.replaced for state in states),
        ended=sum(state.ended for state in states),
        in_trouble=sum(state.in_trouble for state in states),
        alive=sum(len(state.alive) for state in states),
    )
