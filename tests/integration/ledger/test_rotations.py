from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from rotator.domain.errors import InvalidInput, WrongOrder
from rotator.domain.model import (
    Fingerprint,
    Handle,
    Mode,
    Overlap,
    Phase,
    Placed,
    RotationId,
    Secret,
    SecretName,
    TokenId,
    TokenState,
    Trouble,
    Version,
)
from rotator.domain.secret_value import SecretValue
from rotator.ledger.ledger import AlreadyOpen, Ledger, OutOfDate
from tests.integration.ledger.builders import (
    HAPPY_PATH,
    MINUTE,
    NAME,
    NOW,
    TTL,
    a_rotation,
    a_token,
    an_event,
    begun,
    buried,
    finished,
    moved_to,
    with_new_token,
)


def test_an_unknown_secret_is_known_by_name_only(ledger: Ledger) -> None:
    assert ledger.secret(NAME) == Secret(NAME)
    assert ledger.secrets() == []
    assert ledger.history(NAME) == []
    assert ledger.last_rotation(NAME) is None
    assert ledger.rotation("20260105-1111aaaa") is None


def test_an_adopted_token_is_the_one_in_force(ledger: Ledger) -> None:
    token = a_token(fingerprint=Fingerprint("f00d"), expires_at=NOW + timedelta(days=90))
    ledger.adopt(token, an_event("adopted"))
    assert ledger.secret(NAME) == Secret(NAME, current=token, adopted=True)
    assert [event.kind for event in ledger.history(NAME)] == ["adopted"]


def test_nothing_is_adopted_while_a_rotation_is_open(ledger: Ledger) -> None:
    rotation, _ = begun(ledger)
    with pytest.raises(AlreadyOpen) as refused:
        ledger.adopt(a_token(), an_event("adopted"))
    assert refused.value.rotation_id == rotation.id
    assert ledger.secret(NAME).current is None


def test_no_adoption_forgets_a_token_that_may_live(ledger: Ledger) -> None:
    first, second = a_token("first"), a_token("second", handle=Handle("a5"))
    ledger.adopt(first, an_event("adopted"))
    with pytest.raises(OutOfDate):
        ledger.adopt(second, an_event("adopted"))
    with pytest.raises(WrongOrder):
        ledger.adopt(second, an_event("adopted"), a_rotation(old=first))
    assert ledger.secret(NAME) == Secret(NAME, current=first, adopted=True)

    ended_by = a_rotation(phase=Phase.CONFIRMED, old=first, tokens=(second,))
    ledger.adopt(second, an_event("adopted", rotation=ended_by.id), ended_by)
    assert ledger.secret(NAME) == Secret(NAME, current=second, open=ended_by)
    [(claimed, lease)] = ledger.claim_ready("here", NOW, TTL, 1)
    over = replace(claimed, old=buried(first), phase=Phase.RETIRED)
    assert ledger.record(lease, claimed, over) == replace(over, revision=1)
    assert ledger.broken_links() == []


def test_a_token_adopted_once_more_is_the_same_one_known_better(ledger: Ledger) -> None:
    ledger.adopt(a_token(), an_event("adopted"))
    better = a_token(handle=Handle("a5"), expires_at=NOW + timedelta(days=9))
    ledger.adopt(better, an_event("adopted"))
    assert ledger.secret(NAME) == Secret(NAME, current=better, adopted=True)
    assert [known.token for known in ledger.picture().tokens] == [better]


def test_a_rotation_is_read_back_as_it_was_begun(ledger: Ledger) -> None:
    overlap = Overlap(timedelta(hours=1), timedelta(seconds=0.5), timedelta(days=7))
    rotation, lease = begun(ledger, a_rotation(overlap=overlap, mode=Mode.REVOKE_FIRST, lifetime=None, commit=None))
    assert ledger.rotation(rotation.id) == rotation
    assert ledger.secret(NAME).open == rotation
    assert ledger.open_rotations() == [rotation]
    assert (lease.rotation, lease.owner, lease.until) == (rotation.id, "here", NOW + TTL)


def test_everything_that_a_move_changes_is_read_back(ledger: Ledger) -> None:
    ledger.adopt(a_token("old"), an_event("adopted"))
    rotation, lease = begun(ledger, a_rotation(old=a_token("old")))
    token = a_token("new", state=TokenState.INTENDED, handle=None, handles_before=(Handle("a1"), Handle("a2")))
    first = ledger.record(lease, rotation, with_new_token(rotation, token), an_event("issuing"))
    written = replace(
        first.destinations[1],
        state=Placed.WRITTEN, token=TokenId("new"), before=Version("1"), before_fingerprint=Fingerprint("ab"),
        version=Version("2"),
    )  # fmt: skip
    after = replace(
        first,
        phase=Phase.ISSUED,
        phase_at=NOW + MINUTE,
        old=replace(a_token("old"), state=TokenState.REVOKING),
        tokens=(replace(token, state=TokenState.LIVE, handle=Handle("a9"), fingerprint=Fingerprint("cd")),),
        destinations=(first.destinations[0], written),
        attempts=3,
        retry_at=NOW + 2 * MINUTE,
        trouble=Trouble("temporary", "the issuer is down", "wait"),
    )
    recorded = ledger.record(lease, first, after, an_event("issued"), an_event("failed"))
    assert recorded == replace(after, revision=2)
    assert ledger.rotation(rotation.id) == recorded
    kinds = [event.kind for event in ledger.history(NAME)]
    assert kinds == ["adopted", "opened", "issuing", "issued", "failed"]


def test_trouble_that_is_over_is_forgotten(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    troubled = replace(rotation, attempts=1, retry_at=NOW, trouble=Trouble("operator", "a person is needed"))
    recorded = ledger.record(lease, rotation, troubled)
    ledger.record(lease, recorded, replace(recorded, attempts=0, retry_at=None, trouble=None))
    found = ledger.rotation(rotation.id)
    assert found is not None
    assert (found.attempts, found.retry_at, found.trouble, found.revision) == (0, None, None, 2)


def test_confirmation_puts_the_new_token_in_force(ledger: Ledger) -> None:
    ledger.adopt(a_token("old"), an_event("adopted"))
    rotation, lease = begun(ledger, a_rotation(old=a_token("old")))
    issued = ledger.record(lease, rotation, with_new_token(rotation, a_token("new")))
    published = moved_to(ledger, lease, issued, Phase.ISSUED, Phase.VERIFIED, Phase.PUBLISHED)
    before = ledger.secret(NAME)
    moved_to(ledger, lease, published, Phase.CONFIRMED)
    after = ledger.secret(NAME)
    assert (before.current, before.adopted) == (a_token("old"), True)
    assert (after.current, after.adopted) == (a_token("new"), False)


def test_a_retired_rotation_is_closed_and_clears_the_count_of_failures(ledger: Ledger) -> None:
    for number in range(2):
        rotation, lease = begun(ledger, a_rotation(f"failing-{number}"))
        moved_to(ledger, lease, rotation, Phase.WITHDRAWN)
    failing = ledger.secret(NAME)
    assert (failing.failures, failing.last_phase, failing.last_ended) == (2, Phase.WITHDRAWN, NOW + MINUTE)

    done = finished(ledger, a_rotation(), a_token("new"))
    secret = ledger.secret(NAME)
    assert (secret.open, secret.failures, secret.last_phase) == (None, 0, Phase.RETIRED)
    assert secret.last_ended == NOW + len(HAPPY_PATH) * MINUTE
    assert ledger.rotation(done.id) == done
    assert ledger.open_rotations() == []


def test_a_token_is_known_by_its_value_dead_or_alive(ledger: Ledger) -> None:
    value = SecretValue("the value of the old one")
    old = replace(a_token("old"), fingerprint=ledger.fingerprint(value))
    ledger.adopt(old, an_event("adopted"))
    assert ledger.token_of_value(value) == old
    rotation, lease = begun(ledger, a_rotation(old=old))
    ledger.record(lease, rotation, replace(rotation, old=buried(old)))
    assert ledger.token_of_value(value) == buried(old)
    assert ledger.token_of_value(SecretValue("of nobody")) is None


def test_the_death_of_the_old_token_is_remembered(ledger: Ledger) -> None:
    ledger.adopt(a_token("old"), an_event("adopted"))
    rotation, lease = begun(ledger, a_rotation(old=a_token("old")))
    ledger.record(lease, rotation, replace(rotation, old=buried(a_token("old"))))
    assert ledger.secret(NAME).current == buried(a_token("old"))


def test_a_secret_has_one_open_rotation(ledger: Ledger) -> None:
    first, lease = begun(ledger)
    with pytest.raises(AlreadyOpen) as refused:
        begun(ledger, a_rotation("20260105-2222bbbb"))
    assert refused.value.rotation_id == first.id
    assert ledger.open_rotations() == [first]
    assert len(ledger.history(NAME)) == 1

    moved_to(ledger, lease, first, Phase.WITHDRAWN)
    second, _ = begun(ledger, a_rotation("20260105-2222bbbb"))
    assert ledger.open_rotations() == [second]


def test_a_rotation_planned_before_another_one_ended_does_not_begin(ledger: Ledger) -> None:
    ledger.adopt(a_token("first"), an_event("adopted"))
    planned = a_rotation("late", old=ledger.secret(NAME).current)
    finished(ledger, a_rotation(old=a_token("first")), a_token("second"))
    with pytest.raises(OutOfDate):
        begun(ledger, planned)
    assert ledger.open_rotations() == []
    assert ledger.rotation("late") is None


def test_a_rotation_begins_at_its_beginning(ledger: Ledger) -> None:
    with pytest.raises(WrongOrder):
        begun(ledger, a_rotation(phase=Phase.ISSUED))


def test_a_move_that_the_life_cycle_does_not_know_is_refused(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    with pytest.raises(WrongOrder):
        ledger.record(lease, rotation, replace(rotation, phase=Phase.PUBLISHED))
    assert ledger.rotation(rotation.id) == rotation


def test_a_move_cannot_forget_a_token_or_a_destination(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    issued = ledger.record(lease, rotation, with_new_token(rotation, a_token()))
    for forgetful in (replace(issued, tokens=()), replace(issued, destinations=issued.destinations[:1])):
        with pytest.raises(WrongOrder):
            ledger.record(lease, issued, forgetful)
    assert ledger.rotation(rotation.id) == issued


def test_the_last_rotation_of_a_secret_may_be_closed(ledger: Ledger) -> None:
    finished(ledger, a_rotation("earlier"), a_token("one"))
    last = finished(
        ledger, a_rotation("later", opened_at=NOW + MINUTE, old=ledger.secret(NAME).current), a_token("two")
    )
    assert ledger.last_rotation(NAME) == last


def test_a_rotation_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    one, _ = begun(ledger, a_rotation("2026-aaaa-1", secret=SecretName("one")))
    two, _ = begun(ledger, a_rotation("2026-aaaa-2", secret=SecretName("two")))
    begun(ledger, a_rotation("2026_aaaa", secret=SecretName("three")))
    assert ledger.rotation("2026-aaaa-1") == one
    assert ledger.rotation("2026-aaaa-2") == two
    assert ledger.rotation("2026-a%") is None
    assert ledger.rotation("202") is None
    with pytest.raises(InvalidInput, match="Several rotations begin with 2026-"):
        ledger.rotation("2026-")


def test_all_secrets_are_listed_by_name_with_their_open_rotations(ledger: Ledger) -> None:
    names = [SecretName(name) for name in ("a", "b", "c")]
    ledger.adopt(a_token("of-b", secret=names[1]), an_event(secret=names[1]))
    under_way, _ = begun(ledger, a_rotation(secret=names[2]))
    finished(ledger, a_rotation("done", secret=names[0]), a_token("of-a", secret=names[0]))
    listed = ledger.secrets()
    assert listed == [ledger.secret(name) for name in names]
    assert [secret.open for secret in listed] == [None, None, under_way]


def test_times_are_given_back_in_utc(ledger: Ledger) -> None:
    berlin = timezone(timedelta(hours=1))
    rotation, _ = begun(ledger, a_rotation(opened_at=NOW.astimezone(berlin)))
    found = ledger.rotation(rotation.id)
    assert found is not None
    assert (found.opened_at, found.opened_at.utcoffset()) == (NOW, timedelta())


def test_whatever_a_foreign_error_contains_can_be_recorded(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    awful = "NUL \0, half a pair \udc80, emoji \N{SNAKE}, " + "long " * 10_000
    troubled = replace(rotation, trouble=Trouble("temporary", awful, awful), reason=awful)
    ledger.record(lease, rotation, troubled, an_event(detail={awful: [awful]}, actor=awful))
    found = ledger.rotation(rotation.id)
    assert found is not None
    assert found.trouble is not None
    assert found.trouble.what.startswith("NUL \N{REPLACEMENT CHARACTER}, half a pair ?, emoji \N{SNAKE}, long ")
    assert ledger.broken_links() == []


def test_a_value_in_an_event_stops_the_whole_move(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    with pytest.raises(TypeError, match=r"detail.told\[0\] in an event is a SecretValue"):
        ledger.record(
            lease, rotation, with_new_token(rotation, a_token()), an_event(detail={"told": [SecretValue("hunter2!")]})
        )
    assert ledger.rotation(rotation.id) == rotation
    assert len(ledger.history(NAME)) == 1


def test_a_known_value_in_a_text_is_masked(ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    value = SecretValue("tok-8fj2k1l9")
    rotation, lease = begun(ledger)
    said = f"the server echoed {value.reveal()}"
    ledger.record(
        lease, rotation, replace(rotation, trouble=Trouble("temporary", said, said)), an_event(detail={"why": said})
    )
    found = open_ledger().rotation(rotation.id)
    assert found is not None
    assert found.trouble == Trouble("temporary", "the server echoed •••", "the server echoed •••")
    assert ledger.history(NAME)[-1].detail == {"why": "the server echoed •••"}


def test_an_event_of_another_secret_is_refused(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    with pytest.raises(WrongOrder):
        ledger.record(lease, rotation, rotation, an_event(secret=SecretName("another")))


def test_a_lease_on_another_rotation_moves_nothing(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    with pytest.raises(WrongOrder):
        ledger.record(replace(lease, rotation=RotationId("another")), rotation, rotation)
