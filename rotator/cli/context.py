"""What every command starts with: settings, the application, and how to stop it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rotator.app import App
    from rotator.config.settings import Settings


class Context:
    """One run of ``rotate``. The application is made when a command first asks for it."""

    def __init__(self, given: Mapping[str, Any], *, as_json: bool, no_color: bool) -> None:
        self._given = given
        self.as_json = as_json
        self.no_color = no_color
        self.stop = threading.Event()

    @cached_property
    def settings(self) -> Settings:
        from rotator.config.settings import load_settings

        return load_settings(self._given)

    @cached_property
    def app(self) -> App:
        from rotator.app import App
        from rotator.domain.clock import SystemClock
        from rotator.observe import logs

        logs.configure(self.settings.log_level, as_json=self.as_json)
        return App(self.settings, SystemClock(self.stop))

    def stop_gently_on_signals(self) -> None:
        """On SIGINT and SIGTERM finish the call in flight, write its outcome down, and end. A second one ends at once.

        Both are safe: what is half done is in the ledger.
        """

        def on_signal(number: int, _frame: FrameType | None) -> None:
            if self.stop.is_set():
                os._exit(128 + number)
            self.stop.set()
            typer.echo("Stopping after the call in flight; a second signal stops at once.", err=True)

        signal.signal(signal.SIGINT, on_signal)
        signal.signal(signal.SIGTERM, on_signal)


def version() -> str:
    from importlib.metadata import version as installed

    return installed("secrets-rotator")
