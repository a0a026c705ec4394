"""The door through which words enter the ledger: only plain data, no known value, nothing a database cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rotator.domain.secret_value import redact


def storable(text: str) -> str:
    """Give a text as it may be kept. Errors of foreign systems end up here, so nothing is trusted.

    A known value is masked. PostgreSQL holds no NUL, and UTF-8 no half of a surrogate pair; both are replaced, for
    the outcome of a call must be recorded whatever its message looked like.
    """
    return _encodable(redact(text))


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def plain(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Give the detail of an event as it may be kept.

    Raises TypeError for anything but str, int, bool, None, and lists and dicts of those: so no SecretValue can enter.
    """
    # Looking for known values takes the most time here, and hardly ever finds one: one look at all texts, not one each.
    everything = "\n".join(_texts(detail))
    return _plain_dict(detail, "detail", _encodable if redact(everything) == everything else storable)


def _texts(value: Any) -> Iterator[str]:
    """Give every text in a detail, keys too, as it is."""
    match value:
        case str():
            yield str(value)
        case Mapping():
            for key, item in value.items():
                yield from (*_texts(key), *_texts(item))
        case list():
            for item in value:
                yield from _texts(item)


def _plain_dict(value: Mapping[Any, Any], where: str, kept: Callable[[str], str]) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"a key of {where} in an event is a {type(key).__name__}, not a text")
    return {kept(key): _plain(item, f"{where}.{key}", kept) for key, item in value.items()}


def _plain(value: Any, where: str, kept: Callable[[str], str]) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return kept(str(value))
        case int():
            return int(value)
        case list():
            return [_plain(item, f"{where}[{index}]", kept) for index, item in enumerate(value)]
        case dict():
            return _plain_dict(value, where, kept)
    raise TypeError(f"{where} in an event is a {type(value).__name__}, which the ledger does not take")
