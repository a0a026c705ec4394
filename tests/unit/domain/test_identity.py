"""Whose token a listed one is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.contracts import TokenInfo
from rotator.domain.identity import CLOCK_SKEW, means
from rotator.domain.model import Handle, SecretName, Token, TokenId, TokenName, TokenState

MADE = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = MADE + CLOCK_SKEW + timedelta(seconds=1)
OURS = Token(TokenId("1"), SecretName("app"), TokenState.LIVE, TokenName("app-1"), Handle("7"), created_at=MADE)
NAMELESS = replace(OURS, name=None)


@pytest.mark.parametrize(
    ("token", "info", "is_it"),
    [
        (OURS, TokenInfo(Handle("7"), TokenName("app-1"), MADE), True),
        (OURS, TokenInfo(Handle("8"), TokenName("app-1"), MADE), False),
        (OURS, TokenInfo(Handle("7"), TokenName("other"), MADE), False),
        (OURS, TokenInfo(Handle("7"), TokenName("app-1"), LATER), True),
        (OURS, TokenInfo(Handle("7"), None, LATER), False),
        (OURS, TokenInfo(Handle("7"), None, MADE + CLOCK_SKEW), True),
        (OURS, TokenInfo(Handle("7")), True),
        (NAMELESS, TokenInfo(Handle("7"), TokenName("any"), MADE - CLOCK_SKEW), True),
        (NAMELESS, TokenInfo(Handle("7"), TokenName("any"), LATER), False),
        (replace(NAMELESS, created_at=None), TokenInfo(Handle("7"), TokenName("any"), LATER), True),
    ],
)
def test_a_listed_token_is_ours_by_its_handle_with_its_name_or_else_its_time(token, info, is_it):
    assert means(info, token) is is_it
