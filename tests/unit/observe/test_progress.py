"""How far many rotations are, counted from their events."""

from __future__ import annotations

from rotator.domain.model import ConnectionName, Event, SecretName
from rotator.observe.progress import Expected, Progress
from tests.unit.domain.builders import NOON

HUB, IAM = ConnectionName("hub"), ConnectionName("iam")


def expected(name: str, issuer: ConnectionName = HUB, old: str = "t1") -> Expected:
    return Expected(SecretName(name), issuer, frozenset(old.split()))


def event(kind: str, name: str = "app", **detail: object) -> Event:
    return Event(kind, SecretName(name), NOON, "alice", detail=detail)


def test_at_first_everything_lives():
    [hub, iam] = Progress([expected("app", old="t1 t2"), expected("ci", IAM)]).counts()
    assert (hub.issuer, hub.total, hub.alive, hub.replaced, hub.ended) == (HUB, 1, 2, 0, 0)
    assert (iam.issuer, iam.alive) == (IAM, 1)


def test_only_a_refusal_counts_as_a_death():
    progress = Progress([expected("app", old="t1 t2")])
    progress.saw(event("retired", proof={"t1": "unlisted", "t2": "refused"}))
    assert progress.whole().alive == 1
    progress.saw(event("contained", proof={"t1": "refused"}))
    assert progress.whole().alive == 0


def test_a_confirmed_token_has_replaced_the_old_one():
    progress = Progress([expected("app"), expected("web")])
    progress.saw(event("confirmed"))
    assert (progress.whole().replaced, progress.whole().alive) == (1, 2)


def test_trouble_that_passes_is_no_trouble_any_more():
    progress = Progress([expected("app")])
    progress.saw(event("trouble"))
    assert progress.whole().in_trouble == 1
    progress.saw(event("written"))
    assert progress.whole().in_trouble == 0


def test_what_ended_badly_stays_in_trouble_and_what_ended_well_does_not():
    progress = Progress([expected("app"), expected("web")])
    progress.saw(event("trouble", "app"))
    progress.ended(SecretName("app"), well=True)
    progress.ended(SecretName("web"), well=False)
    assert (progress.whole().ended, progress.whole().in_trouble) == (2, 1)


def test_events_of_others_change_nothing():
    progress = Progress([expected("app")])
    progress.saw(event("confirmed", "stranger"))
    progress.ended(SecretName("stranger"), well=False)
    assert progress.whole().replaced == progress.whole().ended == 0
