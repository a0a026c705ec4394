"""Sends what people are to be told: what the ledger remembers, and that the ledger itself is gone.

Marked as told only after it was sent. What does not arrive is tried again, later and later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.clock import Clock
from rotator.domain.errors import RotatorError
from rotator.domain.lifecycle import back_off
from rotator.domain.notice import Told, next_telling
from rotator.ledger.ledger import Ledger
from rotator.observe import notices, sending
from rotator.observe.logs import logger
from rotator.observe.sending import Channel

_FIRST_PAUSE: Final = 5
"""A channel that is not reached is tried again after a minute, then two, …, then every hour."""


class Delivery:
    """One process's part in sending. Not safe for several threads: its owner has one of its own."""

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        clock: Clock,
        channels: Iterable[Channel],
        owner: str,
        send: Callable[[Channel, str, str], None] = sending.send,
    ) -> None:
        """``owner`` names this process, unlike any other."""
        self._ledger = ledger
        self._clock = clock
        self._channels = {channel.name: channel for channel in channels}
        self._owner = owner
        self._send = send
        self._outages: dict[str, Told] = {}
        """Of each channel, what it is told of the ledger: that cannot be remembered there."""
        self._is_gone = False

    def ledger_gone(self, trouble: str) -> None:
        """Tell every channel that the ledger cannot be used, if that lasts."""
        now, notice = self._clock.now(), notices.ledger_unreachable(trouble)
        self._is_gone = True
        for name in self._channels:
            if name not in self._outages or self._outages[name].is_over:
                self._outages[name] = Told(name, notice, notice.matter, now, now)

    def ledger_back(self) -> None:
        """Tell those who were told that it is over."""
        now = self._clock.now()
        self._is_gone = False
        for name, told in list(self._outages.items()):
            if not told.times:
                del self._outages[name]
            elif not told.is_over:
                subject, body = notices.healed(told, now)
                closed = replace(told.notice, subject=subject, body=body)
                self._outages[name] = replace(told, notice=closed, is_over=True, seen_at=now, failures=0)

    def deliver(self) -> None:
        """Send what is to be told now. Raises LedgerUnavailable."""
        now = self._clock.now()
        for told in list(self._outages.values()):
            if next_telling(told) <= now and (not told.failures or told.seen_at + _pause(told) <= now):
                self._tell_of_ledger(told, now)
        if self._is_gone:
            return
        while (claim := self._ledger().notices.claim(self._owner, now)) is not None:
            if self._is_sent(claim.channel, claim.tellings):
                self._ledger().notices.told(claim, now)
            else:
                again_at = now + max(map(_pause, claim.tellings))
                self._ledger().notices.not_told(claim, again_at)

    def _tell_of_ledger(self, told: Told, now: datetime) -> None:
        if not self._is_sent(told.channel, (told,)):
            self._outages[told.channel] = replace(told, failures=told.failures + 1, seen_at=now)
        elif told.is_over:
            del self._outages[told.channel]
        else:
            first = told.first_told or now
            after = replace(told, first_told=first, last_told=now, times=told.times + 1, failures=0)
            self._outages[told.channel] = after

    def _is_sent(self, name: str, tellings: Sequence[Told]) -> bool:
        channel = self._channels.get(name)
        if channel is None:
            return False
        try:
            self._send(channel, *notices.message(tellings))
        except RotatorError as error:
            logger().warning(f"people could not be told, which is tried again: {error}")
            return False
        except Exception as bug:  # noqa: BLE001  of a service's plug-in; what it says may quote an address
            logger().warning(f"channel {name} failed in a way nobody foresaw", error=type(bug).__name__, exc_info=bug)
            return False
        return True


def _pause(told: Told) -> timedelta:
    return back_off(told.failures + _FIRST_PAUSE, None, told.channel)
