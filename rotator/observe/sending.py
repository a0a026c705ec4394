"""Sends a message to a channel, through Apprise: chat, e-mail, pagers, webhooks, by one kind of URL.

Apprise (some 0.3 s to import) is imported when something is sent. Its own log lines may quote URLs, which hold
passwords and keys: of them only the status codes of answers are kept.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from rotator.domain.errors import NeedsOperator, Temporary
from rotator.domain.secret_value import SecretValue, redact

_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_BETWEEN_PARTS: Final = re.compile(r"[/:@?&=]+")
_SHORTEST_PART: Final = 8


@dataclass(frozen=True)
class Channel:
    """Where people are told. ``address`` looks its Apprise URL up, and raises NeedsOperator when it is not there."""

    name: str
    address: Callable[[], SecretValue]
    hears_successes: bool = False


def send(channel: Channel, subject: str, body: str) -> None:
    """Send one message. Temporary: it was not taken, or nobody knows; NeedsOperator: the channel is not set up."""
    service, apprise, _kept = _opened(channel)
    service.overflow_mode = apprise.OverflowMode.SPLIT  # else a long message is refused by services with a limit
    sender = apprise.Apprise(service)
    with _status_codes() as codes:
        taken = sender.notify(title=redact(subject), body=redact(body), body_format=apprise.NotifyFormat.TEXT)
    if not taken:
        answer = f"its service answered {codes[-1]}" if codes else "its service was not reached, or refused it"
        raise Temporary(f"Channel {channel.name} did not take a message: {answer}.")


def service_of(channel: Channel) -> str:
    """Name the service that a channel's address belongs to. NeedsOperator when it is none. Sends nothing."""
    service, _apprise, _kept = _opened(channel)
    return str(service.service_name)


def _opened(channel: Channel) -> tuple[Any, Any, list[SecretValue]]:
    """Give the service, the library, and what must stay alive meanwhile for its parts to be redacted everywhere."""
    address = channel.address()
    kept = [address, *_parts(address)]
    try:
        import apprise  # noqa: PLC0415  see above
    except ModuleNotFoundError as error:
        remedy = "Run `pip install 'secrets-rotator[notify]'`."
        raise NeedsOperator("What sends notifications is not installed.", remedy=remedy) from error
    asset = apprise.AppriseAsset(app_id="Rotator", app_desc="Rotator", app_url="", storage_mode="memory")
    with _status_codes():
        service = apprise.Apprise.instantiate(address.reveal().strip(), asset=asset)
    if service is None:
        what = f"The address of channel {channel.name} is no URL that Apprise understands."
        raise NeedsOperator(what, remedy="See docs/notifications.md for how such URLs are written.")
    return service, apprise, kept


def _parts(address: SecretValue) -> Iterator[SecretValue]:
    """Give the parts of an address that may be keys, since libraries quote parts. The name of a host is none."""
    text = address.reveal().strip()
    host = re.search(r"(?:[/@])([\w-]+(?:\.[\w-]+)+)(?=[:/?]|$)", text)
    for part in _BETWEEN_PARTS.split(text):
        if len(part) >= _SHORTEST_PART and (host is None or part != host[1]):
            yield SecretValue(part)


@contextmanager
def _status_codes() -> Iterator[list[str]]:
    """Keep Apprise's words to ourselves, but for the status codes in them."""
    codes: list[str] = []

    def keep_the_code(record: logging.LogRecord) -> bool:
        codes.extend(_STATUS.findall(record.getMessage()))
        return False

    speaker = logging.getLogger("apprise")
    speaker.addFilter(keep_the_code)
    try:
        yield codes
    finally:
        speaker.removeFilter(keep_the_code)
