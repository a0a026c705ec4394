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


Keep = Callable[[str], str]


def keeping(*parts: Any) -> Keep:
    """Give what makes each text in these parts storable.

    Looking for known values takes the most time, and hardly ever finds one: so there is one look at all texts together.
    """
    everything = "\n".join(text for part in parts for text in _texts(part))
    return _encodable if redact(everything) == everything else storable


def plain(detail: Mapping[str, Any], keep: Keep = storable) -> dict[str, Any]:
    """Give the detail of an event as it may be kept; ``keep`` makes its texts storable.

    Raises TypeError for anything but str, int, bool, None, and lists and dicts of those: so no SecretValue can enter.
    """
    return _plain_dict(detail, "detail", keep)


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


def _plain_dict(value: Mapping[Any, Any], where: str, keep: Keep) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"a key of {where} in an event is a {type(key).__name__}, not a text")
    return {keep(key): _plain(item, f"{where}.{key}", keep) for key, item in value.items()}


def _plain(value: Any, where: str, keep: Keep) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return keep(str(value))
        case int():
            return int(value)
        case list():
            return [_plain(item, f"{where}[{index}]", keep) for index, item in enumerate(value)]
        case dict():
            return _plain_dict(value, where, keep)
    raise TypeError(f"{where} in an event is a {type(value).__name__}, which the ledger does not take")
