"""What a rotation needs next, for every phase it can be found in: also after a crash, which only takes the value."""

from __future__ import annotations

from itertools import product

import pytest

from rotator.domain.lifecycle import Step, next_step
from rotator.domain.model import Mode, Phase, Placed, TokenId, TokenState
from tests.unit.domain.builders import a_destination, a_rotation, a_token

HELD = (a_destination(token=TokenId("new"), state=Placed.WRITING),)
NOT_HELD = (a_destination(),)
DYING = [TokenState.INTENDED, TokenState.ABSENT, TokenState.REVOKING, TokenState.DEAD]


@pytest.mark.parametrize(
    ("phase", "holding", "step"),
    [
        (Phase.PLANNED, False, Step.ISSUE),
        (Phase.PLANNED, True, Step.ISSUE),
        (Phase.CONFIRMED, False, Step.RETIRE),
        (Phase.CONFIRMED, True, Step.RETIRE),
        (Phase.RETIRED, False, None),
        (Phase.RETIRED, True, None),
        (Phase.WITHDRAWN, False, None),
        (Phase.WITHDRAWN, True, None),
    ],
)
def test_a_phase_without_a_new_token_says_what_comes_next(phase, holding, step):
    assert next_step(a_rotation(phase), holding=holding) is step


@pytest.mark.parametrize(
    ("phase", "holding", "step"),
    [
        (Phase.ISSUED, True, Step.VERIFY),
        (Phase.VERIFIED, True, Step.PUBLISH),
        (Phase.PUBLISHED, True, Step.CONFIRM),
        (Phase.CONFIRMED, True, Step.RETIRE),
        pytest.param(Phase.ISSUED, False, Step.RECOVER, id="issued, and the value is lost"),
        pytest.param(Phase.VERIFIED, False, Step.RECOVER, id="verified, and the value is lost"),
        pytest.param(Phase.PUBLISHED, False, Step.CONFIRM, id="published: the destinations hold the value"),
        pytest.param(Phase.CONFIRMED, False, Step.RETIRE, id="confirmed: the value is not needed"),
        (Phase.RETIRED, True, None),
        (Phase.WITHDRAWN, True, None),
    ],
)
def test_a_live_new_token_goes_through_the_flow(phase, holding, step):
    rotation = a_rotation(phase, old=a_token("old"), tokens=(a_token("new"),), destinations=HELD)
    assert next_step(rotation, holding=holding) is step


@pytest.mark.parametrize(
    ("phase", "holding", "state"),
    list(product([Phase.ISSUED, Phase.VERIFIED, Phase.PUBLISHED], [True, False], DYING)),
)
def test_a_new_token_whose_end_was_begun_is_never_given_to_anybody(phase, holding, state):
    rotation = a_rotation(phase, tokens=(a_token("new", state),), destinations=HELD)
    assert next_step(rotation, holding=holding) is Step.WITHDRAW


@pytest.mark.parametrize(
    ("phase", "holding", "state"),
    list(product([Phase.CONFIRMED, Phase.RETIRED, Phase.WITHDRAWN], [True, False], DYING)),
)
def test_after_the_confirmation_nothing_is_given_up(phase, holding, state):
    step = next_step(a_rotation(phase, tokens=(a_token("new", state),)), holding=holding)
    assert step is (Step.RETIRE if phase is Phase.CONFIRMED else None)


@pytest.mark.parametrize(
    ("state", "destinations", "step"),
    [
        pytest.param(TokenState.INTENDED, NOT_HELD, Step.SEEK, id="asked for, and the answer was never read"),
        pytest.param(TokenState.INTENDED, HELD, Step.SEEK, id="asked for: it is looked for in any case"),
        pytest.param(TokenState.ABSENT, NOT_HELD, Step.ISSUE, id="looked for and not found"),
        pytest.param(TokenState.LIVE, NOT_HELD, Step.DISCARD, id="alive, its value lost, and nobody can hold it"),
        pytest.param(TokenState.LIVE, HELD, Step.ISSUE, id="alive, its value lost, and somebody might hold it"),
        pytest.param(TokenState.REVOKING, NOT_HELD, Step.DISCARD, id="its revoking was begun"),
        pytest.param(TokenState.REVOKING, HELD, Step.ISSUE, id="its revoking was begun, and somebody might hold it"),
        pytest.param(TokenState.DEAD, NOT_HELD, Step.ISSUE, id="dead"),
        pytest.param(TokenState.DEAD, HELD, Step.ISSUE, id="dead, and somebody might hold it"),
    ],
)
@pytest.mark.parametrize("holding", [True, False])
def test_before_another_token_is_issued_the_last_one_is_accounted_for(state, destinations, step, holding):
    rotation = a_rotation(tokens=(a_token("new", state),), destinations=destinations)
    assert next_step(rotation, holding=holding) is step


def test_only_the_last_token_decides_because_earlier_ones_were_accounted_for():
    strays = (a_token("first", TokenState.DEAD), a_token("second", TokenState.LIVE))
    rotation = a_rotation(tokens=(*strays, a_token("new", TokenState.ABSENT)), destinations=NOT_HELD)
    assert next_step(rotation, holding=False) is Step.ISSUE


# --- containment before availability ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "step"),
    [
        pytest.param(None, Step.ISSUE, id="there is no old one"),
        pytest.param(a_token("old", TokenState.LIVE), Step.CONTAIN, id="the old one lives"),
        pytest.param(a_token("old", TokenState.REVOKING), Step.CONTAIN, id="its death is not proven"),
        pytest.param(a_token("old", TokenState.DEAD), Step.ISSUE, id="the old one is dead"),
    ],
)
def test_revoke_first_ends_the_old_token_before_it_issues(old, step):
    assert next_step(a_rotation(mode=Mode.REVOKE_FIRST, old=old), holding=False) is step


def test_rotate_first_never_contains():
    assert next_step(a_rotation(mode=Mode.ROTATE_FIRST, old=a_token("old")), holding=False) is Step.ISSUE


def test_a_lost_token_is_ended_before_the_old_one_is_contained():
    rotation = a_rotation(mode=Mode.REVOKE_FIRST, old=a_token("old"), tokens=(a_token("new"),))
    assert next_step(rotation, holding=False) is Step.DISCARD


def test_the_old_token_is_contained_before_one_is_waited_for_that_a_person_was_asked_to_make():
    asked_for = a_token("new", TokenState.INTENDED)
    rotation = a_rotation(mode=Mode.REVOKE_FIRST, old=a_token("old"), tokens=(asked_for,))
    assert next_step(rotation, holding=False) is Step.CONTAIN
    contained = a_rotation(mode=Mode.REVOKE_FIRST, old=a_token("old", TokenState.DEAD), tokens=(asked_for,))
    assert next_step(contained, holding=False) is Step.SEEK


def test_a_lost_token_that_somebody_might_hold_does_not_hinder_containment():
    rotation = a_rotation(mode=Mode.REVOKE_FIRST, old=a_token("old"), tokens=(a_token("new"),), destinations=HELD)
    assert next_step(rotation, holding=False) is Step.CONTAIN


@pytest.mark.parametrize("phase", [Phase.ISSUED, Phase.VERIFIED, Phase.PUBLISHED, Phase.CONFIRMED])
def test_an_old_token_that_lives_on_does_not_stop_a_rotation_that_has_begun(phase):
    rotation = a_rotation(phase, mode=Mode.REVOKE_FIRST, old=a_token("old"), tokens=(a_token("new"),))
    assert next_step(rotation, holding=True) is not Step.CONTAIN
