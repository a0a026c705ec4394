"""What a policy says under ``verify``, held against what the settings allow.

Whoever may change a policy file could have tokens sent to themselves. So there are no hosts and no commands by default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from urllib.parse import SplitResult, urlsplit

from rotator.config.allowed import Allowed, is_listed, place_of
from rotator.config.file_format import VerifyBlock
from rotator.config.merging import Located
from rotator.domain.loopback import is_loopback
from rotator.domain.trial import CommandTrial, HttpTrial, Trial

_TIMEOUT: Final = timedelta(seconds=30)
_SCHEMES: Final = ("http", "https")
_URL: Final = ("verify", "http", "url")
_PRINTABLE: Final = r"[\x21-\x7e]+"


def trial_of(block: VerifyBlock, allowed: Allowed) -> tuple[Trial | None, list[Located]]:
    """Give what a policy asks for beside the issuer's word, and what is wrong with it. None: nothing more."""
    timeout = block.timeout or _TIMEOUT
    if block.http is not None:
        http, auth = block.http, block.http.auth
        trial = HttpTrial(http.url, http.method, auth.header, auth.template, frozenset(http.expect), timeout)
        return trial, [(_URL, what, remedy) for what, remedy in _problems_with_url(http.url, allowed.verify_hosts)]
    if block.command:
        command = CommandTrial(block.command, timeout)
        if allowed.commands:
            return command, []
        what = "`command`: the settings do not let policies run commands"
        remedy = "set `allow_commands = true` in rotator.toml, if whoever writes policies may run programs here"
        return command, [(("verify", "command"), what, remedy)]
    return None, []


def _problems_with_url(url: str, hosts: frozenset[str]) -> Iterable[tuple[str, str]]:
    try:
        parts = urlsplit(url)
        place = _place(parts)
    except ValueError:
        place = None
    if place is None or not re.fullmatch(_PRINTABLE, url):
        yield "`url`: this is not a URL", "write for example https://api.example.com/v1/me"
    elif parts.username is not None or parts.password is not None or parts.fragment:
        yield "`url`: it has a user, a password or a fragment", "remove them; the token goes into a header"
    elif "{{" in url:
        yield (
            "`url`: a token is never put into an address, which servers log",
            "use `auth`, which puts it into a header",
        )
    elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield "`url`: plain http would send the token unencrypted", "use https"
    elif not is_listed(place, parts.scheme, hosts):
        what = f"`url`: the settings do not let tokens be sent to `{place}`"
        yield what, f'add it to `verify_hosts` in rotator.toml (verify_hosts = ["{place}"]), if it may see this token'


def _place(url: SplitResult) -> str | None:
    """Give the host and, unless it is the scheme's own, the port; None: this is no address by http."""
    host, port = url.hostname, url.port
    if url.scheme not in _SCHEMES or not host:
        return None
    return place_of(url.scheme, f"[{host}]" if ":" in host else host, port)
