"""A value shows itself to nobody who does not ask for it by ``reveal``, and text is cleaned of it before it leaves."""

from __future__ import annotations

import base64
import copy
import dataclasses
import gc
import io
import json
import logging
import pickle
import pprint
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from rotator.domain import secret_value
from rotator.domain.contracts import Issued, Stored
from rotator.domain.model import Handle, Version
from rotator.domain.secret_value import MASK, SecretValue, redact

VALUE = "tok/3n+of=a tree"


@pytest.fixture
def secret():
    return SecretValue(VALUE)


def test_only_reveal_gives_the_value(secret):
    assert secret.reveal() == VALUE


def test_an_empty_value_is_refused():
    with pytest.raises(ValueError, match="cannot be empty"):
        SecretValue("")


# --- showing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "show",
    [
        pytest.param(str, id="str"),
        pytest.param(repr, id="repr"),
        pytest.param(ascii, id="ascii"),
        pytest.param(lambda secret: f"{secret}", id="f-string"),
        pytest.param(lambda secret: f"{secret!r}", id="f-string with !r"),
        pytest.param(lambda secret: f"{secret:>40}", id="f-string with a width"),
        pytest.param(lambda secret: f"{secret:anything}", id="f-string with nonsense"),
        pytest.param("{0} {0!r} {0!s:.3}".format, id="format"),
        pytest.param(lambda secret: "%s %r" % (secret, secret), id="percent"),  # noqa: UP031  the old way is the subject
        pytest.param(lambda secret: str([secret, (secret,), {secret: secret}]), id="inside containers"),
        pytest.param(pprint.pformat, id="pprint"),
        pytest.param(lambda secret: json.dumps({"token": secret}, default=str), id="json with default=str"),
        pytest.param(lambda secret: repr(Issued(Handle("7"), secret)), id="inside a dataclass"),
        pytest.param(lambda secret: repr(Stored(secret, Version("1"))), id="inside what a store gives"),
        pytest.param(lambda secret: repr(ValueError(secret)), id="inside an error"),
    ],
)
def test_whatever_shows_a_secret_shows_a_mask(secret, show):
    shown = show(secret)
    assert VALUE not in shown
    assert MASK in shown or "\\u2022" in shown


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(json.dumps, id="json"),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        *[
            pytest.param(lambda secret, p=protocol: pickle.dumps(secret, p), id=f"pickle {protocol}")
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ],
        pytest.param(lambda secret: pickle.dumps({"nested": [secret]}), id="pickle inside containers"),
        pytest.param(lambda secret: dataclasses.asdict(Issued(Handle("7"), secret)), id="asdict"),
        pytest.param(lambda secret: secret.__reduce_ex__(4), id="reduce"),
        pytest.param(lambda secret: secret.__getstate__(), id="getstate"),
        pytest.param(vars, id="vars"),
        pytest.param(list, id="iteration"),
        pytest.param(len, id="length"),
        pytest.param(bytes, id="bytes"),
        pytest.param(lambda secret: secret + "", id="addition"),
        pytest.param(lambda secret: "".join([secret]), id="join"),  # noqa: FLY002  joining is the subject
        pytest.param(lambda secret: "tok" in secret, id="in"),
        pytest.param(lambda secret: secret < SecretValue("other value"), id="order"),
        pytest.param(lambda secret: "%d" % secret, id="percent d"),  # noqa: UP031  the old way is the subject
    ],
)
def test_whatever_would_take_the_value_out_fails_and_does_not_say_it(secret, take):
    with pytest.raises(TypeError) as caught:
        take(secret)
    assert VALUE not in "".join(traceback.format_exception(caught.value))


def test_two_secrets_are_never_equal_so_that_comparing_teaches_nothing(secret):
    assert secret != SecretValue(VALUE)
    assert secret != VALUE
    assert secret == secret  # noqa: PLR0124  itself, and nothing else


def test_the_hash_tells_nothing_of_the_value(secret):
    other = SecretValue(VALUE)
    assert hash(secret) != hash(other)
    assert hash(secret) != hash(VALUE)
    assert len({secret, other}) == 2


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("one value", "one value", True),
        ("one value", "One value", False),
        ("one value", "one value ", False),
        ("größer", "größer", True),
        pytest.param("half \ud800", "half \ud800", True, id="what UTF-8 cannot encode"),
        pytest.param("half \ud800", "half \ud801", False, id="different ones that UTF-8 cannot encode"),
    ],
)
def test_same_as_compares_values(left, right, same):
    assert SecretValue(left).same_as(SecretValue(right)) is same


def test_no_secret_is_the_same_as_none(secret):
    assert not secret.same_as(None)


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(lambda logger, secret: logger.warning("got %s", secret), id="as an argument"),
        pytest.param(lambda logger, secret: logger.warning(secret), id="as the message"),
        pytest.param(lambda logger, secret: logger.warning({"token": secret}), id="inside a dict"),
        pytest.param(lambda logger, secret: logger.warning("got %(t)s", {"t": secret}), id="by name"),
    ],
)
def test_logging_a_secret_logs_a_mask(secret, log):
    written = io.StringIO()
    logger = logging.Logger("test")  # noqa: LOG001  one of its own, so that nothing else hears it
    logger.addHandler(logging.StreamHandler(written))
    log(logger, secret)
    assert MASK in written.getvalue()
    assert VALUE not in written.getvalue()


# --- redacting -----------------------------------------------------------------------------------------------------

DIFFICULT = 'line one\nline "two" \\ ünï/%'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(VALUE, VALUE, id="as it is"),
        pytest.param(VALUE, VALUE + VALUE, id="twice"),
        pytest.param(VALUE, quote(VALUE, safe=""), id="in a URL"),
        pytest.param(VALUE, base64.b64encode(VALUE.encode()).decode(), id="in base64"),
        pytest.param(DIFFICULT, DIFFICULT, id="with line breaks"),
        pytest.param(DIFFICULT, json.dumps(DIFFICULT), id="in JSON"),
        pytest.param(DIFFICULT, json.dumps(DIFFICULT, ensure_ascii=False), id="in JSON with umlauts"),
        pytest.param(DIFFICULT, repr(DIFFICULT), id="in repr"),
        pytest.param(DIFFICULT, quote(DIFFICULT, safe=""), id="with line breaks in a URL"),
        pytest.param("half \ud800 value", "half \ud800 value", id="what UTF-8 cannot encode"),
    ],
)
def test_a_living_value_is_redacted_in_every_shape_it_can_be_read_in(value, shown):
    secret = SecretValue(value)
    clean = redact(f"before {shown} after")
    assert clean.replace("'", "").replace('"', "").replace(MASK + MASK, MASK) == f"before {MASK} after"
    assert secret.reveal() == value


def test_the_longer_of_two_values_goes_first_so_that_no_tail_of_it_stays():
    secrets = [SecretValue("shared-beginning"), SecretValue("shared-beginning-and-more"), SecretValue("beginning")]
    for _ in range(20):
        assert redact("x shared-beginning-and-more y shared-beginning z") == f"x {MASK} y {MASK} z"
    assert len(secrets) == 3


def test_text_without_a_value_is_left_alone(secret):
    assert redact("nothing to see here") == "nothing to see here"
    assert redact("") == ""
    assert secret.reveal()


def test_a_short_value_is_not_redacted_because_it_would_tear_words_apart():
    short = SecretValue("event")
    just_long_enough = SecretValue("eventu")
    assert redact("an event eventually") == f"an event {MASK}ally"
    assert (len(short.reveal()), len(just_long_enough.reveal())) == (5, 6)


def test_a_value_that_nobody_holds_any_more_is_forgotten():
    gone = SecretValue("a value soon gone")
    assert redact("a value soon gone") == MASK
    del gone
    gc.collect()
    assert redact("a value soon gone") == "a value soon gone"


def test_many_threads_make_and_redact_values_at_once():
    def work(number: int) -> str:
        secrets = [SecretValue(f"value-{number}-{index}-of-many") for index in range(20)]
        return redact(" ".join(secret.reveal() for secret in secrets))

    with ThreadPoolExecutor(8) as pool:
        cleaned = list(pool.map(work, range(100)))
    assert cleaned == [" ".join([MASK] * 20)] * 100


def test_a_signal_handler_may_log_whatever_it_interrupts(secret):
    made, handling = [], False

    def interrupts(frame, _event, _argument):
        nonlocal handling
        if frame.f_code.co_filename != secret_value.__file__:
            return None
        frame.f_trace_opcodes = True
        if not handling:
            handling = True
            made.append(SecretValue(f"made by the handler {len(made)}"))
            assert redact(secret.reveal()) == MASK
            handling = False
        return interrupts

    sys.settrace(interrupts)
    try:
        cleaned = redact(f"{secret.reveal()} {SecretValue('made when interrupted').reveal()}")
    finally:
        sys.settrace(None)
    assert cleaned.startswith(MASK)
    assert len(made) > 100
    assert redact(" ".join(value.reveal() for value in made)) == " ".join([MASK] * len(made))
