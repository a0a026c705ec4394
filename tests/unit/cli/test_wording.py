"""What people are told of a rotation: its state, the reason, and the next command. As a table of named cases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.cli.wording import can_be_done_now, outcome, urgency, waits_for
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.model import Cause, Handle, Phase, Proof, Rotation, Secret, SecretName, TokenState, Trouble
from rotator.domain.plan import decide
from rotator.flow.report import Report
from rotator.flow.still_out import StillOut
from tests.unit.domain.builders import NOON, a_policy, a_rotation, a_secret, a_token

TOMORROW = NOON + timedelta(days=1)
OLD = a_token("old", handle=Handle("a2"))
DEAD = a_token("old", TokenState.DEAD, handle=Handle("a2"), proof=Proof.REFUSED)
UNTRIED = a_token("old", TokenState.DEAD, handle=Handle("a2"), proof=Proof.UNLISTED)


def report(rotation: Rotation | None = None, **more) -> Report:
    return Report(SecretName("api"), rotation, **more)


def stuck(kind: str, what: str, remedy: str = "", phase: Phase = Phase.VERIFIED, **more) -> Rotation:
    return a_rotation(phase, trouble=Trouble(kind, what, remedy), old=OLD, **more)


OUTCOMES = {
    "rotated": (
        report(a_rotation(Phase.RETIRED, old=DEAD)),
        "rotated; the old token a2 is dead (proof: refused).",
    ),
    "rotated, with no old token known": (
        report(a_rotation(Phase.RETIRED)),
        "rotated; there was no old token that we know of (nothing was revoked).",
    ),
    "compromised, and the old value could not be tried": (
        report(a_rotation(Phase.RETIRED, cause=Cause.COMPROMISED, old=UNTRIED)),
        "rotated, BUT a2 was revoked and is not listed any more, but its value could not be tried.",
    ),
    "in its overlap": (
        report(a_rotation(Phase.CONFIRMED, old=OLD, retry_at=TOMORROW)),
        (
            "rotated; the old token a2 lives until 2026-06-16 12:00 UTC. `rotate run --once` revokes it then, "
            "`rotate retire rotation-1` does it now."
        ),
    ),
    "withdrawn": (
        report(a_rotation(Phase.WITHDRAWN, old=OLD)),
        (
            "WITHDRAWN, the old token is in force everywhere. Why: the issuer is away. "
            "See `rotate history api`."
        ),
    ),
    "refused": (
        report(refused=Permanent("hub: the quota is full.", remedy="Delete a token.")),
        "REFUSED, nothing was touched. hub: the quota is full. Delete a token.",
    ),
    "interrupted": (
        report(a_rotation(Phase.VERIFIED)),
        (
            "UNFINISHED (VERIFIED), rotation rotation-1. It was interrupted. The next run goes on; "
            "`rotate resume rotation-1` does at once."
        ),
    ),
    "held by another process": (
        report(a_rotation(Phase.ISSUED), refused=NeedsOperator("Another process has it.", remedy="Wait.")),
        "UNFINISHED (ISSUED), rotation rotation-1. Another process has it. Wait.",
    ),
    "stuck until a later run": (
        report(stuck("temporary", "Vault is sealed.", "Unseal it.", retry_at=TOMORROW)),
        (
            "UNFINISHED (VERIFIED), rotation rotation-1. Vault is sealed. Unseal it. The next run after "
            "2026-06-16 12:00 UTC tries again; `rotate resume rotation-1` does at once."
        ),
    ),
    "stuck until a person mends it": (
        report(stuck("operator", "Vault said no.", "Grant update")),
        (
            "UNFINISHED (VERIFIED), rotation rotation-1. Vault said no. Grant update. "
            "Then run `rotate resume rotation-1`, or `rotate withdraw rotation-1` to go back."
        ),
    ),
    "stuck where there is no way back": (
        report(stuck("operator", "hub said no.", phase=Phase.CONFIRMED)),
        "UNFINISHED (CONFIRMED), rotation rotation-1. hub said no. Then run `rotate resume rotation-1`.",
    ),
    "stuck, and the remedy is a command already": (
        report(stuck("operator", "Somebody wrote there.", "Run `rotate resume rotation-1`.")),
        "UNFINISHED (VERIFIED), rotation rotation-1. Somebody wrote there. Run `rotate resume rotation-1`.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "words"), OUTCOMES.values(), ids=OUTCOMES)
def test_an_outcome_tells_its_state_the_reason_and_what_to_do(told: Report, words: str) -> None:
    assert outcome(told, "the issuer is away") == words


def test_a_withdrawal_whose_reason_is_not_known_says_where_to_look() -> None:
    told = outcome(report(a_rotation(Phase.WITHDRAWN)), None)
    assert told == "WITHDRAWN, the old token is in force everywhere. See `rotate history api`."


def test_a_secret_that_was_never_adopted_says_so_and_not_that_it_rotated() -> None:
    decision = decide(a_policy(), a_secret(current=None), NOON)
    assert outcome(report(blocked=decision), None).startswith("WAITS: the token in use is not known.")


WAITING = {
    "the end of its overlap": (
        a_rotation(Phase.CONFIRMED, old=OLD, retry_at=TOMORROW),
        "the old token a2 lives until 2026-06-16 12:00 UTC; `rotate retire rotation-1` ends it now",
        False,
    ),
    "the end of an overlap that is over": (
        a_rotation(Phase.CONFIRMED, old=OLD, retry_at=NOON),
        "the old token a2 lives until 2026-06-15 12:00 UTC; `rotate retire rotation-1` ends it now",
        True,
    ),
    "the next run, after an interruption": (
        a_rotation(Phase.ISSUED),
        "It was interrupted. The next run goes on; `rotate resume rotation-1` does at once.",
        True,
    ),
    "a person": (
        stuck("operator", "Vault said no.", "Grant update."),
        (
            "Vault said no. Grant update. Then run `rotate resume rotation-1`, "
            "or `rotate withdraw rotation-1` to go back."
        ),
        False,
    ),
}


@pytest.mark.parametrize(("rotation", "words", "now"), WAITING.values(), ids=WAITING)
def test_an_open_rotation_tells_what_it_waits_for(rotation: Rotation, words: str, now: bool) -> None:
    secret = Secret(SecretName("api"), current=OLD, open=rotation)
    decision = decide(a_policy(), secret, NOON)
    assert waits_for(secret, decision, NOON) == words
    assert can_be_done_now(decision, NOON) is now


def test_what_got_out_and_was_not_ended_comes_first_and_does_not_hide_what_else_is_waited_for() -> None:
    out = StillOut(SecretName("api"), "20260615-1000-ab12", NOON - timedelta(hours=2), "a leak", (OLD,))
    urgent = (
        "URGENT: Declared compromised (a leak), and not ended: a2. Since 2026-06-15 10:00 UTC. "
        "`rotate now api --compromised --reason 'a leak'` goes on."
    )
    quiet, opened = a_secret(), Secret(SecretName("api"), current=OLD, open=a_rotation(Phase.ISSUED))
    assert waits_for(quiet, decide(a_policy(), quiet, NOON), NOON, out) == urgent
    said = waits_for(opened, decide(a_policy(), opened, NOON), NOON, out)
    assert said.startswith(f"{urgent} It was interrupted.")


ASKED = Trouble("person", "Somebody has to make it.", "Make it.", since=NOON - timedelta(days=3), said=3)
LOUDNESS = {
    "long before": (timedelta(days=30), "The token in use expires at 2026-07-15 12:00 UTC."),
    "in its last week": (timedelta(days=3), "SOON: the token in use expires in 3 days."),
    "on its last day": (timedelta(hours=5), "URGENT: the token in use expires TODAY, at 2026-06-15 17:00 UTC."),
    "too late": (timedelta(hours=-1), "URGENT: the token in use EXPIRED at 2026-06-15 11:00 UTC."),
    "never": (None, ""),
}


@pytest.mark.parametrize(("left", "words"), LOUDNESS.values(), ids=LOUDNESS)
def test_what_a_person_is_asked_for_grows_louder_as_the_old_token_nears_its_end(left, words) -> None:
    old = a_token("old", expires_at=NOON + left if left is not None else None)
    said = urgency(a_rotation(Phase.PLANNED, old=old, trouble=ASKED), NOON)
    assert said == f"Asked for since 2026-06-12 12:00 UTC. {words}".rstrip()


@pytest.mark.parametrize("phase", [Phase.PLANNED, Phase.CONFIRMED])
def test_a_token_that_got_out_is_urgent_until_another_one_is_made_and_it_is_deleted(phase: Phase) -> None:
    rotation = a_rotation(phase, cause=Cause.COMPROMISED, old=OLD, trouble=ASKED)
    assert "URGENT: the token that got out may work until then." in urgency(rotation, NOON)


def test_other_troubles_have_no_deadline() -> None:
    assert urgency(stuck("operator", "Vault said no."), NOON) == ""


def test_after_an_overlap_by_hand_somebody_is_asked_and_nothing_is_revoked() -> None:
    told = outcome(report(a_rotation(Phase.CONFIRMED, old=OLD, retry_at=TOMORROW)), None, by_hand=True)
    assert told.endswith("Somebody is asked to delete it then; `rotate retire rotation-1` asks now.")
