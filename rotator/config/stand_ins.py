"""Blocks with mistakes in their form, without what is wrong in them: so that those mistakes hide no others.

A policy gets stand-ins for what it cannot be without. They are never looked at, and it never comes into force.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from rotator.config.file_format import PolicyBlock
from rotator.config.problems import nearest

Part = tuple[str | int, ...]
"""What is wrong in a block, and left out of it: a key, one of the stores, or a key of the issuer's."""

_UNNAMED: Final = "unnamed"
_NOWHERE: Final = {"connection": ""}


def wrong_parts(error: ValidationError, model: type[BaseModel]) -> frozenset[Part]:
    """Give the parts that an error is about. A key that is mistyped stands for the one that was meant."""
    return frozenset(_part(details["loc"], model) for details in error.errors(include_url=False))


def _part(location: Part, model: type[BaseModel]) -> Part:
    match location:
        case ("stores", int(), *_) | ("issuer", "token_name" | "expires_in", *_):
            return location[:2]
        case (str(key), *_) if key not in model.model_fields:
            return (nearest(key, model.model_fields) or key,)
        case _:
            return location[:1]


def unfounded(content: dict[str, Any], wrong: Collection[Part]) -> frozenset[Part]:
    """Give the parts of a policy that cannot be judged without one that is wrong."""
    found: set[Part] = set()
    if ("issuer", "expires_in") in wrong:
        found.add(("schedule",))
    if ("name",) in wrong and "token_name" not in content.get("issuer", {}):
        found.add(("issuer", "token_name"))
    return frozenset(found)


def known_and_right(content: dict[str, Any], wrong: Collection[Part], model: type[BaseModel]) -> dict[str, Any]:
    """Give what stands under the keys of ``model`` that are not wrong."""
    return {key: value for key, value in content.items() if key in model.model_fields and (key,) not in wrong}


def with_stand_ins(content: dict[str, Any], wrong: Collection[Part]) -> dict[str, Any]:
    """Give a policy that is valid, without its wrong parts."""
    left = {"name": _UNNAMED, "issuer": _NOWHERE, "stores": [_NOWHERE]} | known_and_right(content, wrong, PolicyBlock)
    issuer = {key: value for key, value in left["issuer"].items() if ("issuer", key) not in wrong}
    stores = [_NOWHERE if ("stores", place) in wrong else store for place, store in enumerate(left["stores"])]
    return left | {"issuer": issuer, "stores": stores}
