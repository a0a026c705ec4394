"""The door through which words enter the ledger: only plain data, no known value, nothing a database cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rotator.domain.secret_value import redact


def storable(text: str) -> str:
    """Give a text as it may be kept. Errors of foreign systems end up here, so nothing is trusted.

    A known value is masked. PostgreSQL holds no NUL, and UTF-8 no half of a surrogate pair; both are replaced, for
    the outcome of a call must be recorded whatever its message looked like.
    """
    return redact(text).encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def plain(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Give the detail of an event as it may be kept.

    Raises TypeError for anything but str, int, bool, None, and lists and dicts of those: so no SecretValue can enter.
    """
    return _plain_dict(detail, "detail")


def _plain_dict(value: Mapping[Any, Any], where: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"a key of {where} in an event is a {type(key).__name__}, not a text")
    return {storable(key): _plain(item, f"{where}.{key}") for key, item in value.items()}


def _plain(value: Any, where: str) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return storable(str(value))
        case int():
            return int(value)
        case list():
            return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
        case dict():
            return _plain_dict(value, where)
    raise TypeError(f"{where} in an event is a {type(value).__name__}, which the ledger does not take")
