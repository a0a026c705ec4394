"""The life of a rotation: what may move where, who may be revoked, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.errors import WrongOrder
from rotator.domain.lifecycle import (
    ALLOWED_MOVES,
    back_off,
    look_again,
    might_be_held,
    moved,
    own_tokens_alive,
    retire_from,
    still_alive,
    untouched,
    waits_for_publishing,
    with_destinations,
    with_token,
)
from rotator.domain.model import Overlap, Phase, Placed, TokenId, TokenState, Trouble, Version
from tests.unit.domain.builders import NOON, a_destination, a_rotation, a_token

NEW = TokenId("new")

# --- moves -----------------------------------------------------------------------------------------------------------

MOVES = {
    Phase.PLANNED: {Phase.ISSUED, Phase.WITHDRAWN},
    Phase.ISSUED: {Phase.VERIFIED, Phase.PLANNED, Phase.WITHDRAWN},
    Phase.VERIFIED: {Phase.PUBLISHED, Phase.PLANNED, Phase.WITHDRAWN},
    Phase.PUBLISHED: {Phase.CONFIRMED, Phase.VERIFIED, Phase.PLANNED, Phase.WITHDRAWN},
    Phase.CONFIRMED: {Phase.RETIRED},
    Phase.RETIRED: set(),
    Phase.WITHDRAWN: set(),
}
EVERY_PAIR = [(before, after) for before in Phase for after in Phase]


@pytest.mark.parametrize(("before", "after"), EVERY_PAIR)
def test_a_rotation_moves_only_where_the_table_allows(before, after):
    rotation = a_rotation(before)
    if after in MOVES[before]:
        assert moved(rotation, after, NOON).phase is after
    else:
        with pytest.raises(WrongOrder, match=f"rotation-1 is {before} and cannot become {after}"):
            moved(rotation, after, NOON)


def test_the_table_holds_nothing_else():
    assert {(before, after) for before, allowed in MOVES.items() for after in allowed} == ALLOWED_MOVES


def test_every_open_phase_can_end_and_no_ended_one_goes_on():
    for phase in Phase:
        assert bool(MOVES[phase]) is phase.is_open


def test_nothing_is_given_up_once_every_consumer_has_the_new_token():
    assert MOVES[Phase.CONFIRMED] == {Phase.RETIRED}


def test_a_move_leaves_troubles_behind_and_keeps_the_rest():
    later = NOON + timedelta(minutes=5)
    troubled = a_rotation(
        Phase.ISSUED, tokens=(a_token(),), attempts=3, retry_at=later, trouble=Trouble("temporary", "Vault is sealed.")
    )
    after = moved(troubled, Phase.VERIFIED, later)
    assert after == replace(troubled, phase=Phase.VERIFIED, phase_at=later, attempts=0, retry_at=None, trouble=None)


# --- who may hold what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destinations", "held"),
    [
        pytest.param([], False, id="no destinations"),
        pytest.param([a_destination()], False, id="untouched"),
        pytest.param([a_destination(token=NEW, state=Placed.PENDING)], False, id="its turn has not come"),
        pytest.param([a_destination(token=NEW, state=Placed.WRITING)], True, id="about to be written: it might"),
        pytest.param([a_destination(token=NEW, state=Placed.WRITTEN)], True, id="written"),
        pytest.param([a_destination(token=NEW, state=Placed.CONFIRMED)], True, id="confirmed"),
        pytest.param([a_destination(token=TokenId("other"), state=Placed.WRITTEN)], False, id="it holds another one"),
        pytest.param(
            [a_destination(0), a_destination(1, token=NEW, state=Placed.WRITING)], True, id="one of two might"
        ),
    ],
)
def test_a_destination_might_hold_a_token_from_the_moment_of_writing(destinations, held):
    assert might_be_held(a_token("new"), destinations) is held


@pytest.mark.parametrize(
    ("states", "result"),
    [
        ([], True),
        ([Placed.PENDING], True),
        ([Placed.PENDING, Placed.PENDING], True),
        ([Placed.WRITING], False),
        ([Placed.PENDING, Placed.WRITING], False),
        ([Placed.WRITTEN], False),
        ([Placed.CONFIRMED], False),
    ],
)
def test_a_rotation_is_untouched_while_nothing_was_about_to_be_written(states, result):
    rotation = a_rotation(destinations=tuple(a_destination(number, state=state) for number, state in enumerate(states)))
    assert untouched(rotation) is result


@pytest.mark.parametrize(
    ("token", "state", "waits"),
    [
        (None, Placed.PENDING, True),
        ("new", Placed.PENDING, True),
        ("new", Placed.WRITING, True),
        ("new", Placed.WRITTEN, False),
        ("new", Placed.CONFIRMED, False),
        pytest.param("lost", Placed.WRITTEN, True, id="it holds a token that was overtaken"),
        pytest.param("lost", Placed.CONFIRMED, True, id="it is confirmed with a token that was overtaken"),
    ],
)
def test_a_destination_waits_until_it_holds_the_new_token_for_certain(token, state, waits):
    place = a_destination(token=token, state=state)
    rotation = a_rotation(Phase.VERIFIED, tokens=(a_token("lost"), a_token("new")), destinations=(place,))
    assert waits_for_publishing(rotation) == ((place,) if waits else ())


# --- who must be dead ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", TokenState)
def test_only_death_takes_a_token_off_the_list_of_those_to_end(state):
    old, stray, new = a_token("old", state), a_token("stray", state), a_token("new", state)
    rotation = a_rotation(Phase.CONFIRMED, old=old, tokens=(stray, new))
    dead = state is TokenState.DEAD
    assert still_alive(rotation) == (() if dead else (old, stray))
    assert own_tokens_alive(rotation) == (() if dead else (stray, new))


def test_the_new_token_does_not_die_when_a_rotation_retires():
    assert still_alive(a_rotation(Phase.CONFIRMED, tokens=(a_token("new"),))) == ()


def test_the_old_token_does_not_die_when_a_rotation_is_withdrawn():
    assert own_tokens_alive(a_rotation(Phase.ISSUED, old=a_token("old"))) == ()


@pytest.mark.parametrize(
    ("state", "may_live"),
    [
        (TokenState.INTENDED, True),
        (TokenState.ABSENT, False),
        (TokenState.LIVE, True),
        (TokenState.REVOKING, True),
        (TokenState.DEAD, False),
    ],
)
def test_a_token_may_live_from_the_intent_to_the_proof_of_its_death(state, may_live):
    assert state.may_live is may_live


# --- the overlap -----------------------------------------------------------------------------------------------------

A_DAY = timedelta(hours=24)
AN_HOUR = timedelta(hours=1)
A_WEEK = timedelta(days=7)


def confirmed(overlap: Overlap):
    return a_rotation(Phase.CONFIRMED, phase_at=NOON, overlap=overlap)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.CONFIRMED])
def test_there_is_no_overlap_before_everything_is_confirmed(phase):
    with pytest.raises(WrongOrder, match=f"is {phase}: an overlap begins when it is CONFIRMED"):
        retire_from(a_rotation(phase))
    with pytest.raises(WrongOrder):
        look_again(a_rotation(phase), None, NOON)


@pytest.mark.parametrize(
    ("overlap", "last_used", "now", "until"),
    [
        pytest.param(Overlap(A_DAY), None, timedelta(), A_DAY, id="it has just begun"),
        pytest.param(Overlap(A_DAY), None, A_DAY - timedelta(seconds=1), A_DAY, id="its last second"),
        pytest.param(Overlap(A_DAY), None, A_DAY, None, id="it is over"),
        pytest.param(Overlap(timedelta()), None, timedelta(), None, id="none is wanted"),
        pytest.param(Overlap(A_DAY), A_DAY, A_DAY, None, id="still used, and nobody asked to wait for that"),
        pytest.param(Overlap(A_DAY, AN_HOUR), None, A_DAY, None, id="never used"),
        pytest.param(Overlap(A_DAY, AN_HOUR), -A_DAY, A_DAY, None, id="unused since before"),
        pytest.param(Overlap(A_DAY, AN_HOUR), A_DAY - AN_HOUR, A_DAY, None, id="unused for exactly long enough"),
        pytest.param(
            Overlap(A_DAY, AN_HOUR), A_DAY - AN_HOUR / 2, A_DAY, A_DAY + AN_HOUR / 2, id="used half an hour ago"
        ),
        pytest.param(Overlap(A_DAY, AN_HOUR), A_DAY, A_DAY, A_DAY + AN_HOUR, id="used just now"),
        pytest.param(
            Overlap(A_DAY, AN_HOUR), timedelta(hours=2), timedelta(hours=2), A_DAY, id="used, and not over anyway"
        ),
        pytest.param(
            Overlap(A_DAY, AN_HOUR, A_WEEK), A_DAY, A_DAY, A_DAY + AN_HOUR, id="used, and the longest is far away"
        ),
        pytest.param(
            Overlap(A_DAY, AN_HOUR, A_WEEK), A_WEEK - AN_HOUR / 2, A_WEEK - AN_HOUR / 4, A_WEEK,
            id="used shortly before the longest is over",
        ),
        pytest.param(
            Overlap(A_DAY, AN_HOUR, A_WEEK), A_WEEK, A_WEEK, A_WEEK, id="used, and the longest is over: not after now"
        ),
        pytest.param(
            Overlap(A_DAY, AN_HOUR, A_WEEK), 2 * A_WEEK, 2 * A_WEEK, A_WEEK, id="used long after the longest was over"
        ),
        pytest.param(
            Overlap(A_DAY, AN_HOUR, A_WEEK), A_DAY, 2 * A_WEEK, None, id="the longest is over, and nobody uses it"
        ),
        pytest.param(
            Overlap(A_DAY, AN_HOUR), A_DAY + 3 * AN_HOUR, A_DAY, A_DAY + 4 * AN_HOUR, id="the issuer's clock is ahead"
        ),
    ],
)  # fmt: skip
def test_the_old_token_lives_until_its_overlap_is_over(overlap, last_used, now, until):
    """All times count from the confirmation."""
    used_at = NOON + last_used if last_used is not None else None
    again = look_again(confirmed(overlap), used_at, NOON + now)
    assert again == (NOON + until if until is not None else None)


# --- pauses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempts", "asked_for", "pause"),
    [
        (1, None, 2),
        (2, None, 4),
        (3, None, 8),
        (10, None, 1024),
        (11, None, 2048),
        pytest.param(12, None, 3600, id="no more than an hour"),
        pytest.param(10**9, None, 3600, id="for as long as it takes"),
        pytest.param(1, 30, 30, id="the server asked for more"),
        pytest.param(6, 30, 64, id="the server asked for less"),
        pytest.param(1, 86400, 3600, id="the server asked for a day"),
        pytest.param(1, 1_790_000_000, 3600, id="the server gave a moment where a length belongs"),
        pytest.param(1, 80_000_000_000_000, 3600, id="the server asked for longer than times can say"),
        pytest.param(1, 0, 2, id="the server asked for nothing"),
        pytest.param(1, -30, 2, id="the server asked for the past"),
    ],
)
def test_the_pause_doubles_to_an_hour_and_up_to_that_is_never_shorter_than_asked_for(attempts, asked_for, pause):
    wanted = timedelta(seconds=asked_for) if asked_for is not None else None
    assert timedelta(seconds=pause) <= back_off(attempts, wanted, "app") < timedelta(seconds=pause) * 1.25


def test_those_that_failed_together_do_not_come_back_together():
    pauses = {back_off(5, None, f"app-{number}") for number in range(100)}
    assert len(pauses) == 100
    assert back_off(5, None, "app-1") == back_off(5, None, "app-1")


# --- changing a part -------------------------------------------------------------------------------------------------


def revoking(token):
    return replace(token, state=TokenState.REVOKING)


@pytest.mark.parametrize("name", ["old", "stray", "new"])
def test_one_token_is_changed_and_the_others_stay(name):
    rotation = a_rotation(old=a_token("old"), tokens=(a_token("stray"), a_token("new")))
    after = with_token(rotation, name, revoking)
    changed = {token.id for token in (after.old, *after.tokens) if token.state is TokenState.REVOKING}
    assert changed == {name}
    assert [token.id for token in after.tokens] == ["stray", "new"]


def test_a_token_of_another_rotation_changes_nothing():
    rotation = a_rotation(tokens=(a_token("new"),))
    assert with_token(rotation, "other", revoking) == rotation


def test_destinations_are_replaced_by_their_ordinal_and_keep_their_order():
    rotation = a_rotation(destinations=tuple(a_destination(number) for number in range(3)))
    written = a_destination(1, state=Placed.WRITTEN, version=Version("7"))
    unknown = a_destination(9)
    after = with_destinations(rotation, [written, unknown])
    assert after.destinations == (rotation.destinations[0], written, rotation.destinations[2])
