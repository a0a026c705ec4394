"""What may go wrong at a provider: which calls fail, and how; or an issuer that deceives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st

from tests.fakes.scripted import (
    Fault,
    Script,
    denied,
    locked_by_somebody,
    lost_answer,
    lost_request,
    throttled,
    unavailable,
)
from tests.fakes.world import World

_CALLS_OF_AN_ISSUER: Final = ["issue", "tokens", "verify", "revoke"]
_CALLS_OF_A_STORE: Final = [
    "current", "preflight", "write", "promote", "read", "written", "restore", "discard", "settle",
]  # fmt: skip

_CHANGING_CALLS: Final = {"issue", "revoke", "write", "promote", "restore"}
"""Only where something may have been done is a lost answer ambiguous."""

_FAULTS: Final = {
    "answer lost": lost_answer,
    "request lost": lost_request,
    "unavailable": unavailable,
    "throttled": lambda: throttled(timedelta(seconds=30)),
    "denied": denied,
    "locked": locked_by_somebody,
}

_DECEITS: Final = ["revokes_in_vain", "makes_duds", "gives_back_the_newest"]


@dataclass(frozen=True)
class IssuerFails:
    call: str
    fault: str
    times: int

    def line_up(self, world: World) -> None:
        _line_up(world.issuer_fake.script, self.call, self.fault, self.times)


@dataclass(frozen=True)
class StoreFails:
    number: int
    call: str
    fault: str
    times: int

    def line_up(self, world: World) -> None:
        stores = list(world.stores.values())
        _line_up(stores[self.number % len(stores)].script, self.call, self.fault, self.times)


@dataclass(frozen=True)
class IssuerDeceives:
    deceit: str

    def line_up(self, world: World) -> None:
        setattr(world.issuer_fake, self.deceit, True)


@dataclass(frozen=True)
class CreateIsLate:
    """Its answer is lost; and it is done, and listed, just before the issuer says that it must be."""

    def line_up(self, world: World) -> None:
        issuer = world.issuer_fake
        late = issuer.traits.issue_propagation - issuer.issue_delay - timedelta(seconds=1)
        issuer.lose_the_next_create(arrives_after=late)


Accident = IssuerFails | StoreFails | IssuerDeceives | CreateIsLate

_ANY_FAULT = st.sampled_from(sorted(_FAULTS))
_TIMES = st.sampled_from([1, 2, 12])

ANY_ACCIDENT: st.SearchStrategy[Accident] = st.one_of(
    st.builds(IssuerFails, st.sampled_from(_CALLS_OF_AN_ISSUER), _ANY_FAULT, _TIMES),
    st.builds(StoreFails, st.integers(0, 2), st.sampled_from(_CALLS_OF_A_STORE), _ANY_FAULT, _TIMES),
    st.builds(IssuerDeceives, st.sampled_from(_DECEITS)),
    st.builds(CreateIsLate),
)


def _line_up(script: Script, call: str, fault: str, times: int) -> None:
    harmless = call not in _CHANGING_CALLS and fault.endswith("lost")
    made: Fault = unavailable() if harmless else _FAULTS[fault]()
    script.fail(call, *[made] * times)
