"""Tables at a terminal, however narrow."""

from __future__ import annotations

import io

from rotator.cli.output import table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_narrow_terminal_nothing_is_cut_off(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout", screen := Terminal())
    rotation = "20260615-0123456789abcdef0123456789abcdef"
    table(("SECRET", "WAITS FOR"), [("api", rotation)], no_color=False)
    name, *pieces = screen.getvalue().rpartition("─")[2].split()
    assert (name, "".join(pieces)) == ("api", rotation)
