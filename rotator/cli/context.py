"""What every command starts with: settings, the application, and how to stop it."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
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
    def typed(self) -> list[str]:
        """The options for every command that this run was given: for a command that goes on with it. No password."""
        from urllib.parse import urlsplit

        policies, ledger = self._given.get("policies"), self._given.get("ledger")
        named = ["--policies", str(policies)] if policies is not None else []
        return [*named, *(["--ledger", ledger] if ledger is not None and urlsplit(ledger).password is None else [])]

    @property
    def no_color(self) -> bool:
        return self._no_color or self.settings.no_color

    @cached_property
    def app(self) -> App:
        from rotator.app import App
        from rotator.domain.clock import SystemClock
        from rotator.observe import logs

        logs.configure(self.settings.log_level, as_json=self.as_json)
        gc.freeze()  # what was imported stays, and need not be looked at again
        gc.enable()  # `main` had put it off
        return App(self.settings, SystemClock(self.stop))

    def close(self) -> None:
        """Close what this run opened."""
        if "app" in self.__dict__:
            self.app.close()

    def stop_gently_on_signals(self, reload: Callable[[], None] | None = None) -> None:
        """On SIGINT and SIGTERM finish the call in flight, write its outcome down, and end. A second one ends at once.

        Both are safe: what is half done is in the ledger. On SIGHUP call ``reload``, if one is given.
        """
        text = "Stopping after the call in flight; a second signal stops at once."
        said = (json.dumps({"event": "stopping", "text": text}) if self.as_json else text).encode() + b"\n"

        def stop(number: int) -> None:
            if self.stop.is_set():
                os._exit(128 + number)
            self.stop.set()
            os.write(sys.stderr.fileno(), said)

        actions: dict[int, Callable[[int], object]] = {signal.SIGINT: stop, signal.SIGTERM: stop}
        if reload is not None:
            actions[signal.SIGHUP] = lambda _number: reload()
        _act_on_signals(actions)


def _act_on_signals(actions: Mapping[int, Callable[[int], object]]) -> None:
    """Have a thread act on signals, each at once.

    Python runs handlers in the main thread only, once that wakes up: when the kernel gives a signal to another thread,
    a main thread that waits for a lock learns of it too late. The descriptor is written to wherever it arrives.
    """
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    signal.set_wakeup_fd(pythons.detach(), warn_on_full_buffer=False)
    for number in actions:
        signal.signal(number, lambda _number, _frame: None)

    def act() -> None:
        while numbers := ours.recv(64):
            for number in numbers:
                try:
                    if number in actions:
                        actions[number](number)
                except Exception as error:  # noqa: BLE001  this thread must live on: without it no signal is obeyed
                    from rotator.observe.logs import logger

                    logger().error(f"something went wrong on signal {number}", exc_info=error)

    threading.Thread(target=act, name="signals", daemon=True).start()
