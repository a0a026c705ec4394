"""What is sent to this machine itself goes over no network."""

from __future__ import annotations

from rotator.domain.loopback import is_loopback


def test_loopback_is_this_machine_itself() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "::1", "[::1]", "localhost", "db.localhost"))
    assert not any(is_loopback(host) for host in ("db.example.org", "10.0.0.1", "127.0.0.1.example.org"))
