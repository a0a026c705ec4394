"""Which hosts are this machine itself: what is sent there goes over no network, so it may go unencrypted."""

from __future__ import annotations


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself: by its name, or by an address with or without brackets."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress  # noqa: PLC0415  hardly any policy needs it

    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
