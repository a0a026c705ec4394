"""Asking a person at the terminal, before anything is begun."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer


def agreed(question: str, *, as_json: bool) -> bool:
    """Ask. Only a yes is a yes; with ``as_json``, the question does not stand among the JSON."""
    with _signals_as_anywhere():
        try:
            return typer.confirm(question, err=as_json)
        except typer.Abort:
            return False


@contextmanager
def _signals_as_anywhere() -> Iterator[None]:
    """Let a signal end the asking, whatever it is to do at other times: there is no call in flight to finish."""
    descriptor = signal.set_wakeup_fd(-1)
    interrupted = signal.signal(signal.SIGINT, signal.default_int_handler)
    terminated = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, interrupted)
        signal.signal(signal.SIGTERM, terminated)
        signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
