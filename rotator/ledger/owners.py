"""Who holds a lease: one process on one machine, named so that its neighbours can tell when it is gone.

A killed process cannot give its leases back. Another process on the same machine sees that it is gone, and need not
wait for them to end: after a crash, ``rotate now`` goes on at once. Across machines (and pid namespaces) nobody can
tell, and the lease's end is waited for.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from functools import cache
from pathlib import Path


def this_process() -> str:
    """Name this process, unlike any other on any machine at any time: ``host/where/pid/since/random``."""
    pid = os.getpid()
    return "/".join((socket.gethostname(), _where(), str(pid), _since(pid) or "-", secrets.token_hex(4)))


def is_gone(owner: str) -> bool:
    """Tell whether the process of that name certainly runs no more. False whenever it cannot be known from here."""
    parts = owner.split("/")
    if len(parts) != len(("host", "where", "pid", "since", "random")):
        return False
    host, where, pid, since, _ = parts
    if host != socket.gethostname() or where != _where() or where == "-" or since == "-" or not pid.isdecimal():
        return False
    return _since(int(pid)) != since


@cache
def _where() -> str:
    """Name this boot of this machine and this pid namespace; ``-`` where the system does not tell (not Linux)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return "-"
    return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:8]


def _since(pid: int) -> str | None:
    """Give when that process was started (in ticks since the boot), or None when there is none: pids are reused."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return None if state in ("Z", "X") else fields[18]
