"""What every command starts with: settings, the application, and how to stop it."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from _thread import start_new_thread
from collections.abc import Callable, Mapping
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rotator.app import App
    from rotator.config.settings import Settings


class Context:
    """One run of ``rotate``. The application is made when a command first asks for it."""

    def __init__(self, given: Mapping[str, Any], *, as_json: bool, no_color: bool) -> None:
        self._given = given
        self.as_json = as_json
        self._no_color = no_color
        self.stop = threading.Event()

    @cached_property
    def settings(self) -> Settings:
        from rotator.config.settings import load_settings

        return load_settings(self._given)

    @property
    def no_color(self) -> bool:
        return self._no_color or self.settings.no_color

    @cached_property
    def app(self) -> App:
        from rotator.app import App
        from rotator.domain.clock import SystemClock
        from rotator.observe import logs

        logs.configure(self.settings.log_level, as_json=self.as_json)
        return App(self.settings, SystemClock(self.stop))

    def close(self) -> None:
        """Close what this run opened."""
        if "app" in self.__dict__:
            self.app.close()

    def stop_gently_on_signals(self) -> None:
        """On SIGINT and SIGTERM finish the call in flight, write its outcome down, and end. A second one ends at once.

        Both are safe: what is half done is in the ledger.
        """
        text = "Stopping after the call in flight; a second signal stops at once."
        said = (json.dumps({"event": "stopping", "text": text}) if self.as_json else text).encode() + b"\n"

        signals: list[int] = []

        def on_signal(number: int, _frame: FrameType | None) -> None:
            # Whatever was interrupted may hold the event's lock, or be printing: neither can be waited for in here.
            signals.append(number)
            if len(signals) > 1:
                os._exit(128 + number)
            start_new_thread(self.stop.set, ())
            os.write(sys.stderr.fileno(), said)

        signal.signal(signal.SIGINT, on_signal)
        signal.signal(signal.SIGTERM, on_signal)

    def reload_on_hangup(self, reload: Callable[[], None]) -> None:
        """On SIGHUP have new policies looked for at once."""
        signal.signal(signal.SIGHUP, lambda _number, _frame: start_new_thread(reload, ()) and None)
