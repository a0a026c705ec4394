"""Addresses and refs of repositories, as settings name them: what git may be given, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rotator.config.inline_secrets import inline_secrets

_FORMS: Final = "write `https://HOST/PATH`, `ssh://USER@HOST/PATH`, `USER@HOST:PATH`, or a path on this machine"
_SCHEME: Final = r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)::?//|(?P<helper>[A-Za-z0-9]+)::"
_AS_FOR_SCP: Final = r"(?:[\w.-]+@)?[A-Za-z0-9][\w.-]+:[^/].*|[\w.-]+@[A-Za-z0-9][\w.-]*:.+"
_REF: Final = r"(?![-/.])[^\s~^:?*\[\\\x00-\x20\x7f]+(?<![/.])"


def repository_address(text: str) -> str:
    """Give the address as git is to get it: a path becomes a ``file://`` URL. ValueError says what is wrong.

    The text is not quoted: somebody may have written a token into it.
    """
    if not text or text.startswith("-") or not text.isprintable():
        raise ValueError(f"not the address of a repository; {_FORMS}")
    if any(inline_secrets(text, Path())):
        raise ValueError("this holds a password or a token; name it with `repository_token`, and replace it")
    match = re.match(_SCHEME, text)
    if match:
        return _checked_url(text, match["scheme"] or "")
    if re.fullmatch(_AS_FOR_SCP, text):
        return text
    return Path(text).expanduser().absolute().as_uri()


def _checked_url(text: str, scheme: str) -> str:
    if scheme == "http":
        raise ValueError("over http, anybody on the way could write your policies; use https")
    if scheme not in ("https", "ssh", "file"):
        raise ValueError(f"git is only used over https, ssh and from files; {_FORMS}")
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        raise ValueError(f"not a URL; {_FORMS}") from error
    if url.password is not None:
        raise ValueError("this holds a password; name it with `repository_token`, and replace it")
    if url.query or url.fragment or not url.path.strip("/") or (not url.hostname and scheme != "file"):
        raise ValueError(f"not the address of a repository; {_FORMS}")
    return text


def origin_of(address: str) -> str | None:
    """Give ``https://host:port``, which a token may be sent to; None where no token is used."""
    if not address.startswith("https://"):
        return None
    url = urlsplit(address)
    return f"https://{url.netloc.rpartition('@')[2]}"


def user_of(address: str) -> str | None:
    """Give the user that an https address names."""
    return urlsplit(address).username


def ref_name(text: str) -> str:
    """Give the name of a branch or tag, or a full ``refs/…``, if it can be one. ValueError says what is wrong."""
    if not re.fullmatch(_REF, text) or ".." in text or "@{" in text or "//" in text or text.endswith(".lock"):
        raise ValueError("not the name of a branch or tag; write one, such as `main`")
    return text
