from __future__ import annotations

from dataclasses import replace

import pytest

from rotator.domain.errors import LeaseLost
from rotator.domain.model import Cause, Phase, RotationId, SecretName, Trouble
from rotator.ledger.ledger import Lease, Ledger
from tests.integration.ledger.builders import MINUTE, NOW, TTL, a_rotation, a_token, begun, moved_to, with_new_token

LATER = NOW + TTL


def _waiting(ledger: Ledger, name: str, **changes: object) -> RotationId:
    """Make an open rotation that nobody holds."""
    rotation, lease = begun(ledger, a_rotation(name, secret=SecretName(f"secret-{name}")))
    ledger.record(lease, rotation, replace(rotation, **changes))  # type: ignore[arg-type]  any field, by name
    ledger.release(lease)
    return rotation.id


def _ids(claimed: list[tuple[object, Lease]]) -> list[str]:
    return [lease.rotation for _, lease in claimed]


def test_a_rotation_that_somebody_holds_is_not_given_away(ledger: Ledger) -> None:
    rotation, _ = begun(ledger, owner="here")
    assert ledger.claim(rotation.id, "there", LATER - MINUTE, TTL) is None


def test_an_overdue_lease_is_given_to_the_next_with_a_higher_fence(ledger: Ledger) -> None:
    rotation, lease = begun(ledger, owner="here")
    taken = ledger.claim(rotation.id, "there", LATER, TTL)
    assert taken == Lease(rotation.id, "there", lease.fence + 1, LATER + TTL)


def test_an_owner_may_claim_again_and_its_earlier_lease_is_stale(ledger: Ledger) -> None:
    rotation, first = begun(ledger, owner="here")
    second = ledger.claim(rotation.id, "here", NOW, TTL)
    assert second is not None
    with pytest.raises(LeaseLost):
        ledger.record(first, rotation, rotation)
    ledger.record(second, rotation, rotation)


def test_a_released_rotation_is_free_at_once(ledger: Ledger) -> None:
    rotation, lease = begun(ledger, owner="here")
    ledger.release(lease)
    assert ledger.claim(rotation.id, "there", NOW, TTL) is not None


def test_who_lets_go_until_a_time_is_first_when_it_has_come_and_others_wait_a_little_longer(ledger: Ledger) -> None:
    rotation, lease = begun(ledger, owner="here")
    ledger.record(lease, rotation, replace(rotation, retry_at=LATER))
    ledger.let_go(lease, NOW)
    assert ledger.claim_ready("here", NOW, TTL, 1) == ledger.claim_ready("there", NOW, TTL, 1) == []
    assert ledger.claim_ready("there", LATER, TTL, 1) == []
    assert _ids(ledger.claim_ready("here", LATER, TTL, 1)) == [rotation.id]


def test_somebody_else_goes_on_where_they_do_not_come(ledger: Ledger) -> None:
    rotation, lease = begun(ledger, owner="here")
    ledger.record(lease, rotation, replace(rotation, retry_at=LATER))
    ledger.let_go(lease, NOW)
    assert _ids(ledger.claim_ready("there", LATER + 5 * MINUTE, TTL, 1)) == [rotation.id]


def test_who_let_go_can_move_nothing_before_it_claims_again(ledger: Ledger) -> None:
    rotation, lease = begun(ledger, owner="here")
    ledger.let_go(lease, NOW)
    with pytest.raises(LeaseLost):
        ledger.record(lease, rotation, rotation)
    assert ledger.claim(rotation.id, "there", NOW, TTL) is not None


def test_a_released_lease_moves_nothing(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    ledger.release(lease)
    with pytest.raises(LeaseLost):
        ledger.record(lease, rotation, rotation)


def test_a_process_that_was_overtaken_moves_nothing(ledger: Ledger) -> None:
    rotation, stale = begun(ledger, owner="paused")
    fresh = ledger.claim(rotation.id, "awake", LATER, TTL)
    assert fresh is not None
    with pytest.raises(LeaseLost):
        ledger.record(stale, rotation, with_new_token(rotation, a_token()))
    assert ledger.rotation(rotation.id) == rotation
    with pytest.raises(LeaseLost):
        ledger.renew(stale, LATER, TTL)
    ledger.release(stale)  # nothing of its own to release …
    assert ledger.claim(rotation.id, "third", LATER, TTL) is None  # … and nothing of the other's


def test_a_move_from_a_state_that_is_no_longer_so_is_refused(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    moved = ledger.record(lease, rotation, rotation)
    with pytest.raises(LeaseLost):
        ledger.record(lease, rotation, with_new_token(rotation, a_token()))
    assert ledger.rotation(rotation.id) == moved


def test_an_overdue_lease_that_nobody_took_still_holds(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    renewed = ledger.renew(lease, LATER + MINUTE, TTL)
    assert renewed == replace(lease, until=LATER + MINUTE + TTL)
    assert ledger.claim(rotation.id, "there", LATER + 2 * MINUTE, TTL) is None


def test_a_closed_rotation_is_nobodys(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    moved_to(ledger, lease, rotation, Phase.WITHDRAWN)
    ledger.release(lease)
    with pytest.raises(LeaseLost):
        ledger.renew(lease, NOW, TTL)
    assert ledger.claim(rotation.id, "there", LATER, TTL) is None
    assert ledger.claim_ready("there", LATER, TTL, 10) == []


def test_an_unknown_rotation_cannot_be_claimed(ledger: Ledger) -> None:
    assert ledger.claim(RotationId("nothing"), "here", NOW, TTL) is None


def test_what_is_ready_comes_with_its_rotation(ledger: Ledger) -> None:
    rotation, lease = begun(ledger, owner="here")
    ledger.release(lease)
    assert ledger.claim_ready("there", NOW, TTL, 10) == [
        (rotation, Lease(rotation.id, "there", lease.fence + 1, NOW + TTL))
    ]
    assert ledger.claim_ready("there", NOW, TTL, 10) == []


def test_what_waits_for_its_time_is_not_ready_before(ledger: Ledger) -> None:
    waiting = _waiting(ledger, "waiting", retry_at=NOW + MINUTE, trouble=Trouble("temporary", "down"))
    assert _ids(ledger.claim_ready("there", NOW, TTL, 10)) == []
    assert _ids(ledger.claim_ready("there", NOW + MINUTE, TTL, 10)) == [waiting]


def test_compromised_ones_come_first_then_those_that_wait_longest(ledger: Ledger) -> None:
    second = _waiting(ledger, "b", retry_at=NOW - MINUTE)
    first = _waiting(ledger, "a", retry_at=NOW - 2 * MINUTE)
    urgent = _waiting(ledger, "c", cause=Cause.COMPROMISED, retry_at=NOW)
    assert _ids(ledger.claim_ready("there", NOW, TTL, 2)) == [urgent, first]
    assert _ids(ledger.claim_ready("there", NOW, TTL, 2)) == [second]


def test_what_waits_for_a_person_is_not_given_to_a_worker(ledger: Ledger) -> None:
    _waiting(ledger, "stuck", trouble=Trouble("operator", "the quota is full"))
    moving = _waiting(ledger, "moving", trouble=Trouble("temporary", "503"))
    assert _ids(ledger.claim_ready("here", NOW, TTL, 10)) == [moving]


def test_open_rotations_are_counted_by_what_they_wait_for(ledger: Ledger) -> None:
    _waiting(ledger, "stuck", trouble=Trouble("operator", "the quota is full"), retry_at=LATER)
    _waiting(ledger, "overlap", retry_at=LATER)
    _waiting(ledger, "again", retry_at=NOW - MINUTE)
    _waiting(ledger, "moving")
    assert ledger.open_by_state(NOW) == {"moving": 2, "waiting": 1, "stuck": 1}
