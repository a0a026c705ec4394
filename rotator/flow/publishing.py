"""The verb *publish*: the new token goes to every destination that does not have it.

A value in a store that can be read back survives a crash of ours; so readable and versioned stores come first, and
write-only ones last. Within such a wave, destinations are written side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from rotator.domain import lifecycle
from rotator.domain.contracts import Stored
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError, Temporary, WrongOrder
from rotator.domain.lifecycle import moved, with_destinations
from rotator.domain.model import Destination, Phase, Placed, TokenState, Version
from rotator.domain.secret_value import SecretValue
from rotator.flow.values import keep_old_value
from rotator.flow.work import OpenDestination, Work, side_by_side

_TRIES_AGAINST_SIBLINGS: Final = 4
"""How often a write is tried at once, when somebody changes *another* field of the same document each time."""

_OVERTAKEN: Final = "another field of the same document was changed meanwhile"


def publish(work: Work) -> None:
    """Write the new token to every destination that does not have it yet."""
    if work.rotation.phase is not Phase.VERIFIED:
        raise WrongOrder(f"rotation {work.rotation.id} is {work.rotation.phase}: publish needs a verified token.")
    value = work.held.new
    if value is None or not work.matches(work.new, value):
        raise WrongOrder(f"rotation {work.rotation.id} cannot publish {work.new.id}: the value in hand is another's.")
    old, failures = work.rotation.old, list[_Failure]()
    for wave in _waves(work, lifecycle.waits_for_publishing(work.rotation)):
        failures += _publish_wave(work, wave, value)
        if failures and (old is None or old.state is not TokenState.DEAD):
            break  # the old token serves until this is mended; once it is dead, no consumer waits for another's store
    if failures:
        raise gravest(failures)
    work.record(moved(work.rotation, Phase.PUBLISHED, work.now), "published")


def _waves(work: Work, destinations: Iterable[Destination]) -> Iterator[list[Destination]]:
    ranked: dict[int, list[Destination]] = {0: [], 1: [], 2: []}
    for destination in destinations:
        traits = work.open(destination).traits
        ranked[2 if not traits.readable else 0 if traits.versioned else 1].append(destination)
    return (wave for _, wave in sorted(ranked.items()) if wave)


_Failure = tuple[Destination, Exception]


@dataclass(frozen=True)
class _Write:
    """One destination that is to be written, and the version that must still be there."""

    destination: Destination
    over: Version | None


def _publish_wave(work: Work, wave: list[Destination], value: SecretValue) -> list[_Failure]:
    """Write, show to consumers, and give what failed. Somebody's change to another field of a document stops nobody.

    A Temporary where such changes come too thick and fast, as when all tokens of one document are replaced at once.
    """
    waiting = [_Write(place, place.version or place.before) for place in wave]
    failures = list[_Failure]()
    for _ in range(_TRIES_AGAINST_SIBLINGS):
        waiting, failed = _write_side_by_side(work, waiting, value)
        failures += failed
        if not waiting:
            break
    too_many = Temporary("Others change the same document again and again: it could not be written yet.")
    return failures + [(write.destination, too_many) for write in waiting]


def _write_side_by_side(work: Work, writes: list[_Write], value: SecretValue) -> tuple[list[_Write], list[_Failure]]:
    """Try each of these once. Gives those that are to be tried over another version, and those that failed.

    Which version is written over is durable before it is: the old value in it may have to prove a death.
    """
    key = work.write_key(work.new)
    of = {write.destination.ordinal: write for write in writes}
    wave = [write.destination for write in writes]
    intents = [replace(place, state=Placed.WRITING, token=work.new.id, version=None) for place in wave]
    names = [str(place.target) for place in wave]
    work.record(with_destinations(work.rotation, intents), "publishing", destinations=names)
    work.keep_lease()
    results = side_by_side(lambda place: _write(work, of[place.ordinal], value, key), wave)
    outcomes = [_outcome(work, of[place.ordinal].destination, intent, result)
                for (place, result), intent in zip(results, intents, strict=True)]  # fmt: skip
    overtaken = [result for _, result in results if isinstance(result, _Write)]
    failures = [(place, result) for place, result in results if isinstance(result, Exception)]
    written = [str(place.target) for place, result in results if isinstance(result, str)]
    work.note(
        with_destinations(work.rotation, outcomes),
        "written",
        destinations=written,
        failed={str(write.destination.target): _OVERTAKEN for write in overtaken}
        | {str(place.target): _said(error) for place, error in failures},
    )
    return overtaken, failures


def _write(work: Work, write: _Write, value: SecretValue, key: str) -> Version | _Write:
    """Write, and show to consumers; or give what is to be done instead, where another field was changed meanwhile."""
    opened = work.open(write.destination)
    keep_old_value(work, write.destination)
    try:
        return _write_once(work, opened, value, write.over, key)
    except Conflict:
        stored = opened.store.current(opened.place)
        if not _is_ours_to_write_over(work, write.destination, opened, stored):
            raise
        return _Write(_now_over(work, write.destination, stored), stored.version if stored else None)


def _now_over(work: Work, destination: Destination, stored: Stored | None) -> Destination:
    """Give the destination with the version that holds what there was before: a neighbour's change carried it on.

    Or with the old token, where nobody could look before.
    """
    if stored is None or stored.value is None:
        return destination
    fingerprint = work.fingerprint(stored.value)
    if fingerprint == destination.before_fingerprint or work.matches(work.rotation.old, stored.value):
        return replace(destination, before=stored.version, before_fingerprint=fingerprint)
    return destination


def _is_ours_to_write_over(
    work: Work, destination: Destination, opened: OpenDestination, stored: Stored | None
) -> bool:
    """Tell whether a place holds what we knew it held: what it had when we began, or a token that we write over.

    Where nothing can be read, only a write of ours whose answer was lost explains another version.
    """
    if not opened.traits.readable:
        return destination.state is Placed.WRITING
    if stored is None or stored.value is None:
        return True
    fingerprint = work.fingerprint(stored.value)
    ours = {token.fingerprint for token in (work.rotation.old, *work.rotation.tokens) if token is not None}
    return fingerprint == destination.before_fingerprint or fingerprint in ours


def _write_once(work: Work, opened: OpenDestination, value: SecretValue, expected: Version | None, key: str) -> Version:
    store, place = opened.store, opened.place
    work.keep_lease()
    version = store.write(place, value, expected, key)
    if opened.traits.stages:
        staged = store.read(place, version)
        if staged is None or not value.same_as(staged.value):
            raise Permanent(
                f"{type(store).__name__} stored something else than it was given, and shows it to nobody yet."
            )
        work.keep_lease()
        store.promote(place, version, expected)
    return version


def _outcome(work: Work, before: Destination, intent: Destination, result: Version | _Write | Exception) -> Destination:
    if isinstance(result, str):
        return replace(intent, state=Placed.WRITTEN, version=result)
    if isinstance(result, _Write):
        before, intent = result.destination, replace(intent, before=result.destination.before)
    changed_nothing = isinstance(result, _Write | RotatorError) and not isinstance(result, Ambiguous)
    if changed_nothing and not work.open(before).traits.stages:
        return before
    return intent  # it might hold the token, or has it staged: what it holds is found out before anything is decided


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, RotatorError) else type(error).__name__


def gravest(failures: list[_Failure]) -> Exception:
    """Choose the error to act on: a bug, then what needs a person, then what is final, then what may pass."""
    order: tuple[type[Exception], ...] = (NeedsOperator, Permanent, Temporary)

    def rank(failure: _Failure) -> int:
        return next((rank for rank, family in enumerate(order, 1) if isinstance(failure[1], family)), 0)

    place, error = min(failures, key=rank)
    if isinstance(error, RotatorError):
        error.what = f"{place.target}: {error.what}"
    return error
