"""What makes issuing another token impossible is found before anything is touched."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import Coexistence, IssuerTraits, TokenInfo
from rotator.domain.model import Handle, Mode, TokenName
from rotator.domain.plan import obstacle


def listed(count: int) -> list[TokenInfo]:
    return [TokenInfo(Handle(f"id-{number}"), TokenName(f"name-{number}")) for number in range(count)]


TWO_AT_MOST = IssuerTraits(max_active=2)
ONE_AT_A_TIME = IssuerTraits(coexistence=Coexistence.ONE)


@pytest.mark.parametrize(
    ("traits", "tokens", "mode", "says"),
    [
        pytest.param(IssuerTraits(), listed(500), Mode.ROTATE_FIRST, None, id="no quota"),
        pytest.param(TWO_AT_MOST, [], Mode.ROTATE_FIRST, None, id="none yet"),
        pytest.param(TWO_AT_MOST, listed(1), Mode.ROTATE_FIRST, None, id="room for one more"),
        pytest.param(
            TWO_AT_MOST, listed(2), Mode.ROTATE_FIRST, "the issuer allows 2 tokens and has 2 (name-0, name-1)",
            id="full",
        ),
        pytest.param(TWO_AT_MOST, listed(3), Mode.ROTATE_FIRST, "allows 2 tokens and has 3", id="more than full"),
        pytest.param(
            TWO_AT_MOST, [TokenInfo(Handle("id-1")), TokenInfo(Handle("id-2"))], Mode.ROTATE_FIRST,
            "(id-1, id-2)", id="full of tokens without names",
        ),
        pytest.param(TWO_AT_MOST, listed(2), Mode.REVOKE_FIRST, None, id="full, and the old one goes first"),
        pytest.param(ONE_AT_A_TIME, [], Mode.ROTATE_FIRST, "cannot have two tokens at a time", id="no overlap"),
        pytest.param(ONE_AT_A_TIME, listed(1), Mode.REVOKE_FIRST, None, id="no overlap, and none wanted"),
        pytest.param(
            IssuerTraits(coexistence=Coexistence.SHORTENS_OLD), listed(1), Mode.ROTATE_FIRST, None, id="a short overlap"
        ),
    ],
)  # fmt: skip
def test_an_obstacle_is_found_before_anything_is_touched(traits, tokens, mode, says):
    found = obstacle(traits, iter(tokens), mode)
    if says is None:
        assert found is None
    else:
        assert says in (found or "")


def test_an_obstacle_names_a_dozen_tokens_and_no_more():
    found = obstacle(IssuerTraits(max_active=50), listed(50), Mode.ROTATE_FIRST)
    assert found is not None
    assert "name-11" in found
    assert "name-12" not in found


def test_an_issuer_without_a_quota_is_not_asked_for_its_list():
    def ask():
        raise AssertionError("asked")
        yield

    assert obstacle(IssuerTraits(), ask(), Mode.ROTATE_FIRST) is None
