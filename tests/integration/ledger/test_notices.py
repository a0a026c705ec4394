"""What people were told, remembered over processes, machines and restarts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from rotator.domain.model import SecretName
from rotator.domain.notice import Notice, Topic
from rotator.domain.secret_value import MASK, SecretValue
from rotator.ledger.ledger import Ledger
from rotator.ledger.notices import CLAIM
from tests.integration.ledger.builders import MINUTE, NOW, a_token, an_event

DAY = timedelta(days=1)
STUCK = Notice(Topic.NEEDS_PERSON, SecretName("app"), "app: needs a person", "What: denied.", "r1 denied")
DONE = Notice(Topic.ROTATED, SecretName("app"), "app: rotated", "What: rotated.", "r1")


def tell(ledger: Ledger, now: datetime, owner: str = "here") -> list[str]:
    """Send everything that is to be told now; give the subjects."""
    subjects = []
    while (claim := ledger.notices.claim(owner, now)) is not None:
        subjects += [told.notice.subject for told in claim.tellings]
        ledger.notices.told(claim, now)
    return subjects


def the_only(ledger: Ledger):
    [told] = ledger.notices.remembered()
    return told


def test_a_matter_is_told_once_by_one_of_two_machines(open_ledger: Callable[[], Ledger]) -> None:
    here, there = open_ledger(), open_ledger()
    for ledger in (here, there, here):
        ledger.notices.see("ops", STUCK, NOW)
    assert tell(here, NOW) + tell(there, NOW, "there") == ["app: needs a person"]
    there.notices.see("ops", STUCK, NOW + MINUTE)
    assert tell(there, NOW + MINUTE) == []


def test_of_many_who_ask_at_once_one_has_it(open_ledger: Callable[[], Ledger]) -> None:
    ledgers = [open_ledger(), open_ledger()]
    ledgers[0].notices.see("ops", STUCK, NOW)
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda number: ledgers[number % 2].notices.claim(f"p{number}", NOW), range(8)))
    assert sum(claim is not None for claim in claims) == 1


def test_a_restart_tells_nothing_twice_and_reminders_come_after_one_three_and_seven_days(
    open_ledger: Callable[[], Ledger],
) -> None:
    days = []
    for day in (0, 1, 2, 3, 6, 7, 8, 14, 20, 21):
        ledger = open_ledger()
        ledger.notices.see("ops", STUCK, NOW + day * DAY)
        days += [day for _ in tell(ledger, NOW + day * DAY)]
    assert days == [0, 1, 3, 7, 14, 21]


def test_in_the_week_before_it_is_too_late_it_is_every_day(ledger: Ledger) -> None:
    expiring = replace(STUCK, deadline=NOW + 20 * DAY)
    days = []
    for day in (0, 1, 3, 7, 12, 13, 14, 19, 20, 21):
        ledger.notices.see("ops", expiring, NOW + day * DAY)
        days += [day for _ in tell(ledger, NOW + day * DAY)]
    assert days == [0, 1, 3, 7, 13, 14, 19, 20, 21]


def test_a_patient_matter_is_told_when_it_has_stood_for_long_enough(ledger: Ledger) -> None:
    patient = replace(STUCK, patience=timedelta(hours=1))
    ledger.notices.see("ops", patient, NOW)
    assert tell(ledger, NOW + 59 * MINUTE) == []
    ledger.notices.see("ops", patient, NOW + 59 * MINUTE)
    assert tell(ledger, NOW + 60 * MINUTE) == ["app: needs a person"]
    assert the_only(ledger).since == NOW


def test_something_else_in_the_same_matter_is_told_at_once(ledger: Ledger) -> None:
    ledger.notices.see("ops", STUCK, NOW)
    tell(ledger, NOW)
    ledger.notices.see("ops", replace(STUCK, body="What: sealed.", same_as="r1 sealed"), NOW + MINUTE)
    assert tell(ledger, NOW + MINUTE) == ["app: needs a person"]
    assert (the_only(ledger).times, the_only(ledger).notice.body) == (2, "What: sealed.")


def test_what_was_told_is_told_again_when_it_is_over_and_then_forgotten(ledger: Ledger) -> None:
    ledger.notices.see("ops", STUCK, NOW)
    tell(ledger, NOW)
    ledger.notices.end(the_only(ledger), NOW + MINUTE, ("app: healed", "It is over."))
    assert tell(ledger, NOW + MINUTE) == ["app: healed"]
    assert ledger.notices.remembered() == []


def test_what_nobody_heard_of_is_forgotten_without_a_word(ledger: Ledger) -> None:
    ledger.notices.see("ops", replace(STUCK, patience=DAY), NOW)
    ledger.notices.end(the_only(ledger), NOW + MINUTE, ("app: healed", "It is over."))
    assert tell(ledger, NOW + DAY) == []
    assert ledger.notices.remembered() == []


def test_what_is_back_before_anybody_heard_that_it_was_over_is_new(ledger: Ledger) -> None:
    ledger.notices.see("ops", STUCK, NOW)
    tell(ledger, NOW)
    ledger.notices.end(the_only(ledger), NOW + MINUTE, ("app: healed", "It is over."))
    late = ledger.notices.claim("here", NOW + MINUTE)
    ledger.notices.see("ops", STUCK, NOW + MINUTE)
    assert late is not None
    ledger.notices.told(late, NOW + MINUTE)
    assert tell(ledger, NOW + MINUTE) == ["app: needs a person"]
    assert the_only(ledger).since == NOW + MINUTE


def test_a_channel_that_is_not_reached_is_tried_again_later(ledger: Ledger) -> None:
    ledger.notices.see("ops", STUCK, NOW)
    claim = ledger.notices.claim("here", NOW)
    assert claim is not None
    ledger.notices.not_told(claim, NOW + 2 * MINUTE)
    ledger.notices.see("ops", STUCK, NOW + MINUTE)
    assert tell(ledger, NOW + MINUTE) == []
    assert the_only(ledger).failures == 1
    assert tell(ledger, NOW + 2 * MINUTE) == ["app: needs a person"]
    assert (the_only(ledger).failures, the_only(ledger).times) == (0, 1)


def test_who_dies_while_it_sends_leaves_it_to_another(open_ledger: Callable[[], Ledger]) -> None:
    here, there = open_ledger(), open_ledger()
    here.notices.see("ops", STUCK, NOW)
    late = here.notices.claim("here", NOW)
    assert there.notices.claim("there", NOW + CLAIM - MINUTE) is None
    assert tell(there, NOW + CLAIM, "there") == ["app: needs a person"]
    assert late is not None
    here.notices.told(late, NOW + CLAIM)
    assert the_only(there).times == 1


def test_what_changes_while_it_is_sent_is_still_told(ledger: Ledger) -> None:
    ledger.notices.see("ops", STUCK, NOW)
    claim = ledger.notices.claim("here", NOW)
    ledger.notices.see("ops", replace(STUCK, body="What: sealed.", same_as="r1 sealed"), NOW)
    ledger.notices.end(the_only(ledger), NOW)
    assert claim is not None
    ledger.notices.told(claim, NOW)
    assert tell(ledger, NOW) == ["app: needs a person"]
    assert the_only(ledger).notice.body == "What: sealed."


def test_an_event_is_told_once_and_each_channel_for_itself(ledger: Ledger) -> None:
    for channel in ("audit", "ops", "ops"):
        ledger.notices.see(channel, DONE, NOW)
    claims = [ledger.notices.claim("here", NOW), ledger.notices.claim("here", NOW)]
    assert [claim.channel for claim in claims if claim] == ["audit", "ops"]
    ledger.notices.told(claims[0], NOW)
    ledger.notices.not_told(claims[1], NOW + MINUTE)
    assert tell(ledger, NOW + MINUTE) == ["app: rotated"]
    assert ledger.notices.remembered() == []


def test_no_value_is_remembered(ledger: Ledger) -> None:
    value = SecretValue("tok-4711-secret")
    ledger.notices.see("ops", replace(STUCK, body=f"refused {value.reveal()}", same_as=value.reveal()), NOW)
    assert the_only(ledger).notice.body == f"refused {MASK}"


def test_tokens_that_expire_before_a_day_are_found(ledger: Ledger) -> None:
    for name, expires_at in (("soon", NOW + DAY), ("later", NOW + 9 * DAY), ("never", None)):
        token = a_token(name, secret=SecretName(name), expires_at=expires_at)
        ledger.adopt(token, an_event(secret=SecretName(name), rotation=None))
    assert [secret.name for secret in ledger.expiring(NOW + 7 * DAY)] == ["soon"]
