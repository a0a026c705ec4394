"""The format of a policy file, as pydantic models: what docs/policies.md promises and the JSON schema is made of.

Each part is validated by itself, so that one mistake hides no other. The keys of a provider are let through here and
validated by its plug-in.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from rotator.config.cron import check_cron
from rotator.config.windows import HOW_TO_WRITE_A_FREEZE, HOW_TO_WRITE_A_WINDOW, parse_freeze, parse_window
from rotator.domain.durations import Duration
from rotator.domain.limits import Rate
from rotator.domain.policy import Freeze, Window
from rotator.domain.terms import Mode
from rotator.domain.trial import MARK

QUARTERLY: Final = "0 3 1 */3 *"
_NOT_A_DURATION: Final = "not a duration; write for example '90 days', '24h' or '6 months'"
_LONGEST_TRIAL: Final = timedelta(minutes=1)
"""Well below a lease, which nobody renews meanwhile."""
_TOKEN: Final = re.compile(r"\{\{\s*token\.value\s*\}\}")
_HEADER_NAME: Final = r"^[A-Za-z0-9-]+$"
_HEADER_TEXT: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LONGEST_NAME: Final = 128
"""A database's index takes no name of any length, and no screen shows it."""


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            "not a name; use lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
        )
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"longer than {_LONGEST_NAME} characters; choose a shorter name")
    return name


def exact_duration(value: Any) -> timedelta:
    """Read a duration without calendar months, whose length everybody knows."""
    duration = _duration(value)
    if duration.months:
        raise ValueError("a length that differs from month to month; write it in days")
    return duration.exact


def _duration(value: Any) -> Duration:
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return Duration()
    if not isinstance(value, str):
        raise ValueError(_NOT_A_DURATION)  # noqa: TRY004  pydantic turns only a ValueError into a problem with its line
    try:
        return Duration.parse(value)
    except ValueError as error:
        raise ValueError(_NOT_A_DURATION) from error


def _longer_than_zero(value: Any) -> Duration:
    duration = _duration(value)
    if not duration:
        raise ValueError("must be longer than zero; write for example '90 days'")
    return duration


def _spelled_out(value: Any) -> Any:
    """Let ``schedule: never`` and ``schedule: quarterly`` stand for mappings."""
    if value in ("never", "quarterly"):
        return {value: True}
    if isinstance(value, dict | ScheduleBlock):
        return value
    raise ValueError("not a schedule; write `never`, `quarterly`, or a mapping such as {every: 90 days}")


def _by_the_issuer_at_least(value: Any) -> Any:
    """Let ``verify: issuer`` stand for a mapping that asks for nothing more."""
    if value == "issuer":
        return {}
    if isinstance(value, VerifyBlock) or (isinstance(value, dict) and value):
        return value
    raise ValueError("not a way to verify; write `issuer`, {http: {url: https://…}}, or {command: [/PROGRAM]}")


def _with_the_token(template: str) -> str:
    """Take a header's value with the token in it once, as a profile writes it, and give it with the mark."""
    text, found = _TOKEN.subn(MARK, template)
    if found != 1 or "{{" in text.replace(MARK, "") or not _HEADER_TEXT.fullmatch(text):
        raise ValueError(f"it must hold the token once, and no other template; write for example 'Token {MARK}'")
    return text


def _whole_program(command: tuple[str, ...]) -> tuple[str, ...]:
    if command and not command[0].startswith("/"):
        raise ValueError("its program is not found by a search; write its whole path, beginning with `/`")
    if any("{{" in argument or "\0" in argument for argument in command):
        raise ValueError("an argument holds no template; the token comes on the program's standard input")
    return command


def _a_minute_at_most(length: timedelta) -> timedelta:
    if not timedelta() < length <= _LONGEST_TRIAL:
        raise ValueError("must be longer than zero, and a minute at most; write for example `10s`")
    return length


FreezeDays = Annotated[Freeze, PlainValidator(parse_freeze, json_schema_input_type=str)]
Name = Annotated[str, AfterValidator(check_name)]
Length = Annotated[Duration, PlainValidator(_longer_than_zero, json_schema_input_type=str)]
Exact = Annotated[timedelta, PlainValidator(exact_duration, json_schema_input_type=str | Literal[0])]


class Block(BaseModel):
    """A part of the file whose keys are all known."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Open(BaseModel):
    """A part of the file that holds keys of a plug-in beside ours."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)


class ScheduleBlock(Block):
    """When the token is due. One of every, cron, quarterly, never; before_expiry beside it or alone."""

    every: Length | None = Field(None, description="Rotate when the token is this old: `90 days`, `3 months`.")
    cron: Annotated[str, AfterValidator(check_cron)] | None = Field(
        None,
        description="Rotate at these times: five fields as in crontab, in the window's zone or UTC.",
    )
    quarterly: Literal[True] | None = Field(None, description=f'The same as cron: "{QUARTERLY}".')
    never: Literal[True] | None = Field(None, description="Only `rotate now` rotates it.")
    before_expiry: Length | None = Field(None, description="Rotate this long before the token expires.")
    window: Annotated[Window, PlainValidator(parse_window, json_schema_input_type=str)] | None = Field(
        None, description=f"When rotations may begin; {HOW_TO_WRITE_A_WINDOW}."
    )
    splay: Exact | None = Field(None, description="Spread due times over this long: `6h`. Default: 0.")
    freeze: tuple[FreezeDays, ...] | None = Field(
        None, description=f"Days on which nothing is begun; {HOW_TO_WRITE_A_FREEZE}."
    )

    @model_validator(mode="after")
    def _say_one_thing(self) -> ScheduleBlock:
        chosen = self.choice()
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} contradict each other; keep one of them")
        if self.never and self.before_expiry:
            raise ValueError("never and before_expiry contradict each other; keep one of them")
        return self

    def choice(self) -> tuple[str, ...]:
        """Give which of the ways to say *when* are written here."""
        return tuple(key for key in ("every", "cron", "quarterly", "never") if getattr(self, key))


class OverlapBlock(Block):
    """How long the old token outlives the confirmation of the new one."""

    for_: Exact | None = Field(None, alias="for", description="The old token lives at least this long. Default: 24h.")
    until_unused_for: Exact | None = Field(
        None, description="And until it was not used for this long, where the issuer tells when a token was last used."
    )
    at_most: Exact | None = Field(None, description="But no longer than this, even if it is still used.")


Schedule_ = Annotated[
    ScheduleBlock,
    BeforeValidator(_spelled_out, json_schema_input_type=ScheduleBlock | Literal["never", "quarterly"]),
]


class Defaults(Block):
    """What holds for the policies of this file that do not say otherwise."""

    schedule: Schedule_ | None = None
    overlap: OverlapBlock | None = None
    owner: str | None = Field(None, description="Who answers for the token: a person or a team.")
    tags: tuple[str, ...] = Field((), description="Added to the tags of every policy.")
    compromise: Mode | None = Field(
        None,
        description="After a compromise: `rotate-first` (the default), or `revoke-first`: contain before availability.",
    )
    notify: tuple[Name, ...] = Field((), description="The channels that are told, besides those of the defaults.")


class IssuerBlock(Open):
    """Who makes the token. Keys beside these are the provider's options."""

    connection: str = Field(description="The name of an issuer's connection.")
    token_name: str | None = Field(
        None,
        min_length=1,
        description="The token's name at the issuer; a short mark is added. Default: the policy's name.",
    )
    expires_in: Length | None = Field(None, description="How long new tokens live: `6 months`. Default: the issuer's.")


class StoreBlock(Open):
    """One destination. Keys beside this one say where in the store."""

    connection: str = Field(description="The name of a store's connection.")


class TrialAuthBlock(Block):
    """How the token is shown, as in a profile: `{type: bearer}`, or in a header of another name."""

    type: Literal["bearer", "header"] = "bearer"
    name: str | None = Field(None, pattern=_HEADER_NAME, description="Which header; only with `type: header`.")
    value: Annotated[str, AfterValidator(_with_the_token)] = Field(
        MARK, description=f"What stands in it; `{MARK}` is the token."
    )

    @model_validator(mode="after")
    def _is_named_or_not(self) -> TrialAuthBlock:
        if self.type == "header" and self.name is None:
            raise ValueError("`type: header` needs the header's name; add `name:`")
        if self.type == "bearer" and self.name is not None:
            raise ValueError("`type: bearer` is the header Authorization; remove `name`, or write `type: header`")
        return self

    @property
    def header(self) -> str:
        return self.name or "Authorization"

    @property
    def template(self) -> str:
        return f"Bearer {self.value}" if self.type == "bearer" else self.value


class HttpTrialBlock(Block):
    """A request with the new token: to https (or to this machine), to a host that the settings allow."""

    url: str = Field(description="The address; the setting `verify_hosts` must list its host.")
    method: Literal["GET", "HEAD", "POST"] = "GET"
    auth: TrialAuthBlock = TrialAuthBlock.model_construct()
    expect: tuple[Annotated[int, Field(ge=200, le=299)], ...] = Field(
        (200,),
        min_length=1,
        description="The statuses that say that the token works. 401 and 403 say that it does not.",
    )


class VerifyBlock(Block):
    """What a new token must pass besides the issuer's own check: a request, or a command."""

    http: HttpTrialBlock | None = None
    command: Annotated[tuple[str, ...], AfterValidator(_whole_program)] | None = Field(
        None,
        min_length=1,
        description="A program with its arguments; it reads the token from its standard input and ends with 0 (works) "
        "or 1 (does not). Only where the setting `allow_commands` is true.",
    )
    timeout: Annotated[Exact, AfterValidator(_a_minute_at_most)] | None = Field(
        None, description="How long an answer may take: a minute at most. Default: 30s."
    )

    @model_validator(mode="after")
    def _say_one_thing(self) -> VerifyBlock:
        if self.http is not None and self.command is not None:
            raise ValueError("http and command contradict each other; keep one of them")
        if self.http is None and self.command is None and self.model_fields_set:
            raise ValueError("nothing says how to verify; add `http` or `command`, or write `verify: issuer`")
        return self


class PolicyBlock(Defaults):
    """One secret: who makes its token, where its consumers read it, when it is due."""

    name: Name = Field(description="The secret's name, unique over all files.")
    issuer: IssuerBlock
    stores: tuple[StoreBlock, ...] = Field(min_length=1)
    verify: Annotated[
        VerifyBlock,
        BeforeValidator(_by_the_issuer_at_least, json_schema_input_type=VerifyBlock | Literal["issuer"]),
    ] = Field(
        VerifyBlock.model_construct(),
        description="How a new token is proven to work: the issuer is asked, and what stands here, too.",
        json_schema_extra={"default": "issuer"},
    )


class LimitsBlock(Block):
    """How much the service is asked, over all threads and machines. Narrows what the provider itself respects."""

    rate: Rate | None = Field(None, description="Requests in a stretch of time: `100/min`, `5/s`, `4500/h`.")
    concurrency: int | None = Field(None, ge=1, description="Requests that are under way at a time.")


class ConnectionBlock(Open):
    """A configured provider. Keys beside these are the provider's."""

    provider: str = Field(description="An issuer or a store; `rotate providers` lists them.")
    limits: LimitsBlock = Field(default_factory=LimitsBlock.model_construct)
