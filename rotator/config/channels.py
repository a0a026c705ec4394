"""Channels: where people are told, by name. The address is a secret, so it stands behind a reference."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from importlib.util import find_spec
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rotator.config.problems import did_you_mean
from rotator.config.references import Lookup, Reference
from rotator.domain.errors import InvalidInput
from rotator.domain.secret_value import SecretValue

Location = tuple[str | int, ...]

_LIBRARY: Final = "apprise"


class ChannelSetting(BaseModel):
    """One channel: ``ops = "env:OPS_WEBHOOK"``, or a table with more to say."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = Field(repr=False)
    """A reference to an Apprise URL, which holds passwords and keys."""
    successes: bool = False
    """Ordinary successes are told here, too."""

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, channel: Any) -> Any:
        return {"url": channel} if isinstance(channel, str) else channel

    @field_validator("url")
    @classmethod
    def _is_a_reference(cls, text: str) -> str:
        return str(Reference.parse(text))


def address_of(name: str, channel: ChannelSetting) -> Callable[[], SecretValue]:
    """Give what looks a channel's address up, each time: it may be exchanged. It may raise NeedsOperator."""
    return Lookup(Reference.parse(channel.url), f"channel {name}")


def unknown_channels(
    named: Collection[str], known: Collection[str] | None, at: Location
) -> Iterator[tuple[Location, str, str]]:
    """Find the channels that no setting names: where, what, what to do. ``known`` None: nobody can tell."""
    for place, name in enumerate(named):
        if known is not None and name not in known:
            remedy = did_you_mean(name, known, "add it under `[notify]` in rotator.toml")
            yield (*at, "notify", place), f"unknown channel `{name}`", remedy


def refuse_without_library() -> None:
    """Raise InvalidInput when what sends is not installed. Imports nothing."""
    if find_spec(_LIBRARY) is None:
        what = "the settings name channels under `notify`, and the library that sends is not installed"
        raise InvalidInput.of(what, "run `pip install 'secrets-rotator[notify]'`")
