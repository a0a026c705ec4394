"""Messages through Apprise to a real HTTP server: what arrives, what does not, and what nobody may see."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.domain.clock import SystemClock
from rotator.domain.errors import LedgerUnavailable, NeedsOperator, Temporary
from rotator.domain.policy import PolicySet
from rotator.domain.secret_value import MASK, SecretValue
from rotator.flow.messenger import Messenger
from rotator.observe.sending import Channel, send, service_of
from tests.fakes.webhook import Webhook


def channel(url: str) -> Channel:
    return Channel("ops", lambda: SecretValue(url))


def test_a_message_arrives_as_it_is(webhook: Webhook) -> None:
    send(channel(webhook.apprise_url), "Rotator: app: x", "What: `a` <b> & *c*\nDo: `rotate now app`")
    [message] = webhook.taken
    assert message["title"] == "Rotator: app: x"
    assert message["message"] == "What: `a` <b> & *c*\nDo: `rotate now app`"


def test_a_value_in_a_message_is_masked(webhook: Webhook) -> None:
    value = SecretValue("tok-4711-secret")
    send(channel(webhook.apprise_url), f"app: {value.reveal()}", f"it was {value.reveal()}")
    assert (webhook.taken[0]["title"], webhook.taken[0]["message"]) == (f"app: {MASK}", f"it was {MASK}")


@pytest.mark.parametrize(("status", "said"), [(404, "answered 404"), (429, "answered 429"), (503, "answered 503")])
def test_a_refusal_is_told_with_its_status_and_nothing_else(
    webhook: Webhook, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], status: int, said: str
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="urllib3")  # as it is in every process of ours
    webhook.status = status
    with pytest.raises(Temporary, match=said) as caught:
        send(channel(webhook.apprise_url), "subject", "body")
    assert webhook.secret not in str(caught.value) + caplog.text + "".join(capsys.readouterr())


def test_a_server_that_is_not_there_is_told(webhook: Webhook) -> None:
    webhook.close()
    with pytest.raises(Temporary, match=r"Channel ops did not take a message: its service was not reached, or refused"):
        send(channel(webhook.apprise_url), "subject", "body")


@pytest.mark.parametrize("url", ["nonsense", "https+x://hook-4711-4711", "slack://", "file:///etc/passwd"])
def test_an_address_that_is_none_is_told_without_showing_it(
    url: str, caplog: pytest.LogCaptureFixture, known_values: Any
) -> None:
    known_values.add(url)
    for attempt in (service_of, lambda each: send(each, "subject", "body")):
        with pytest.raises(NeedsOperator, match="The address of channel ops is no URL that Apprise understands"):
            attempt(channel(url))
    assert url not in caplog.text


def test_a_service_is_named_without_asking_it(webhook: Webhook) -> None:
    assert service_of(channel(webhook.apprise_url)) == "JSON"
    assert service_of(channel("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops")) == "Slack"
    assert webhook.taken == []


# --- the thread ------------------------------------------------------------------------------------------------------


class Recorded:
    """A telling and a delivery that write down what they are asked, and do what the test says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.error: Exception | None = None

    def do(self, what: str) -> None:
        self.asked.append(what)
        self.goes_on.wait(30)
        if self.error is not None:
            raise self.error

    def messenger(self, **every: float) -> Messenger:
        telling = SimpleNamespace(
            use=lambda *_: self.do("use"), report=lambda _: self.do("report"), look=lambda: self.do("look")
        )
        delivery = SimpleNamespace(
            deliver=lambda: self.do("deliver"),
            ledger_gone=lambda _: self.do("gone"),
            ledger_back=lambda: self.do("back"),
        )
        return Messenger(cast(Any, telling), cast(Any, delivery), SystemClock(), timedelta(**every or {"hours": 1}))


def test_what_is_to_be_told_is_told_before_the_process_ends() -> None:
    recorded = Recorded()
    messenger = recorded.messenger()
    messenger.start()
    messenger.policies(PolicySet((), {}), ())
    messenger.ledger_gone("x")
    messenger.finish()
    assert recorded.asked == ["use", "gone", "look", "deliver"]


def test_nobody_waits_for_a_service_that_hangs(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = Recorded()
    recorded.goes_on.clear()
    messenger = recorded.messenger()
    messenger.start()
    for _ in range(1100):
        messenger.ledger_back()
    messenger.finish(timedelta(milliseconds=50))
    recorded.goes_on.set()
    said = "".join(capsys.readouterr())
    assert "too much is to be told at once" in said
    assert "not everything could be told in time; the next run tells it" in said


@pytest.mark.parametrize("error", [LedgerUnavailable("gone"), ValueError("a bug")])
def test_the_thread_survives_whatever_happens_in_it(error: Exception) -> None:
    recorded = Recorded()
    recorded.error = error
    messenger = recorded.messenger()
    messenger.start()
    messenger.ledger_gone("x")
    messenger.ledger_back()
    messenger.finish()
    assert recorded.asked == ["gone", "back", "look", "deliver"]


def test_it_looks_by_itself_now_and_then() -> None:
    recorded = Recorded()
    looked = threading.Event()
    messenger = recorded.messenger(milliseconds=5)
    recorded.do = lambda what: looked.set() if what == "deliver" else None  # type: ignore[method-assign]  to hear of it
    messenger.start()
    assert looked.wait(10)
    messenger.finish()


def test_the_addresses_in_the_documentation_are_understood() -> None:
    page = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text(encoding="utf-8")
    addresses = re.findall(r"`((?:https|mailtos|jsons)://[^`]{3,})`", page)
    assert [service_of(channel(address)) for address in addresses] == ["Slack", "E-Mail", "JSON"]
