"""One-time codes: right by the RFC's own examples, given once each, and never shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from providers.issuers.documenso.one_time_codes import OneTimeCodes
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue
from rotator.testing.moving_clock import MovingClock
from rotator.testing.store_contract import refusal_of

KEY_OF_THE_RFC = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
SHORT_KEY = "JBSWY3DPEHPK3PXP"


def code(seconds: float, key: str = KEY_OF_THE_RFC) -> str:
    clock = MovingClock(datetime.fromtimestamp(seconds, UTC))
    return OneTimeCodes(clock).next(SecretValue(key)).reveal()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(45, "287082"), (1111111105, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_a_code_is_that_of_rfc_6238(seconds: int, expected: str) -> None:
    """Appendix B, SHA-1: the last six of its eight digits. 45 and 1111111105 are in the half minutes of 59 and …109."""
    assert code(seconds) == expected


@pytest.mark.parametrize(
    "written", ["JBSWY3DPEHPK3PXP", "jbswy3dpehpk3pxp", "JBSW Y3DP EHPK 3PXP", "JBSW-Y3DP-EHPK-3PXP\n"]
)
def test_a_key_may_be_written_as_apps_show_it(written: str) -> None:
    assert code(1111111111, written) == code(1111111111, SHORT_KEY)


@pytest.mark.parametrize("written", ["123456", "not base32!", "JBSWY3DPEHPK3PX1", "ключ-ключ", "otpauth://totp/x"])
def test_what_is_no_key_is_told_without_quoting_it(written: str) -> None:
    error = refusal_of(lambda: code(0, written))
    assert type(error) is NeedsOperator
    assert written not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_no_code_is_given_twice() -> None:
    clock = MovingClock()
    codes = OneTimeCodes(clock)
    given = [codes.next(SecretValue(SHORT_KEY)).reveal() for _ in range(4)]
    assert len(set(given)) == 4
    assert clock.waited == timedelta(seconds=90)


def test_a_code_that_would_come_too_late_is_not_sent() -> None:
    clock = MovingClock(datetime(2026, 11, 22, 12, 0, 29, tzinfo=UTC))
    OneTimeCodes(clock).next(SecretValue(SHORT_KEY))
    assert clock.now() == datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


def test_a_clock_that_was_set_back_does_not_make_us_wait_for_it() -> None:
    clock = MovingClock()
    codes = OneTimeCodes(clock)
    codes.next(SecretValue(SHORT_KEY))
    clock.move(hours=-3)
    codes.next(SecretValue(SHORT_KEY))
    assert clock.waited == timedelta()


def test_a_code_is_wrapped_as_every_credential() -> None:
    clock = MovingClock()
    assert repr(OneTimeCodes(clock).next(SecretValue(SHORT_KEY))) == "SecretValue(•••)"
