"""What every source of policies promises: good policies stay in force until better ones are whole.

A new state is judged as a whole. A bad one is told once, with its files and lines, and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from rotator.domain.errors import InvalidInput, Problem
from rotator.domain.policy import PolicySet

if TYPE_CHECKING:
    from rotator.config.plugins import Plugins


class InForce(NamedTuple):
    """Policies that are valid as a whole, and the plug-ins they were read with: those know the user's own profiles."""

    policies: PolicySet
    plugins: Plugins


class Refreshed(NamedTuple):
    """What one look at a source found. All empty: nothing has changed since the last one."""

    in_force: InForce | None = None
    """New policies, which are in force from now on."""
    problems: tuple[Problem, ...] = ()
    """Why the newest state is not in force. Told once; again when that state changes and is bad still."""
    healed: bool = False
    """The problems that were told last are over."""


class PolicySource(Protocol):
    """One process's view of a source. Not to be shared between threads without a lock of theirs."""

    @property
    def in_force(self) -> InForce | None:
        """What was last found good; None before the first ``load``."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why what is in force is not the newest state; empty when it is."""

    def load(self) -> InForce:
        """Look, and give what is in force then. InvalidInput holds every problem where nothing good is known."""

    def refresh(self) -> Refreshed:
        """Look whether anything has changed: cheap when nothing has. Never raises for what stands in the source."""


def load_newest(source: PolicySource) -> InForce:
    """Load, and raise InvalidInput also where older policies stay in force: for whoever asks about the newest."""
    in_force = source.load()
    if source.problems:
        raise InvalidInput(source.problems)
    return in_force
