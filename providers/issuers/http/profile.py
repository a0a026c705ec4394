"""What an issuer's profile may say: the schema of a YAML file with ``kind: HttpIssuer``.

docs/issuers/http.md describes it for people. A field is checked by itself, here and in the modules of its parts; what
only the whole profile can show (a revoke that does not name its token, an unknown reference, a literal secret) is
checked in ``checks``. Both are reported as pydantic errors whose ``loc`` is the place in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from providers.issuers.http.operations import Operations
from providers.issuers.http.requests import Expression, ManagementAuth, Part, Pattern
from rotator.domain.contracts import Coexistence
from rotator.domain.durations import Duration
from rotator.domain.limits import Rate


class CredentialSpec(Part):
    """A management credential that a connection must give (by reference)."""

    what: str
    required: bool = True


class Setting(Part):
    """One value that a policy (``options``) or a connection (``settings``) may give."""

    type: Literal["str", "int", "bool", "list"] = "str"
    what: str
    choices: tuple[str | int, ...] = ()
    """The only values that it takes. Empty: any of its type."""
    required: bool = False
    default: Any = None
    """Unset and without a default, it is left out of every request: see ``Request``."""

    @model_validator(mode="after")
    def _choices_are_of_its_type(self) -> Setting:
        kinds: dict[str, type] = {"str": str, "int": int}
        if self.choices and not all(type(choice) is kinds.get(self.type) for choice in self.choices):
            raise ValueError(f"`choices` are for `str` and `int`, and these are not of type {self.type}")
        if self.choices and self.default is not None and self.default not in self.choices:
            raise ValueError(f"the default {self.default!r} is not one of the choices")
        return self

    @model_validator(mode="after")
    def _default_is_of_its_type(self) -> Setting:
        kinds: dict[str, type] = {"str": str, "int": int, "bool": bool, "list": list}
        if self.default is None:
            return self
        if self.required:
            raise ValueError("a required setting has no default")
        is_bool = isinstance(self.default, bool)
        if not isinstance(self.default, kinds[self.type]) or (is_bool and self.type != "bool"):
            raise ValueError(f"the default {self.default!r} is not of type {self.type}")
        return self


class NameSpec(Part):
    """What the issuer accepts as a token's name."""

    min: int = Field(default=1, ge=0)
    max: int = Field(default=255, ge=1)
    pattern: Pattern | None = None
    """Must match the whole name."""
    forbid: Pattern | None = None
    """Must match nowhere in it."""
    separator: str = "-"


ExpiryFormat = Literal[
    "none", "rfc3339", "iso_date", "epoch_s", "epoch_ms", "ttl_seconds", "ttl_hours", "ttl_days", "go_duration", "enum"
]


class ExpirySpec(Part):
    """How the issuer wants to be told a token's life: what ``{{ expiry }}`` is."""

    format: ExpiryFormat = "none"
    required: bool = False
    """There is no token without an expiry."""
    choices: tuple[Duration, ...] = ()
    """The only lifetimes on offer. Empty: any."""
    values: Mapping[str, Duration] = {}
    """For ``enum``: the issuer's word for each lifetime. They are the choices."""
    maximum: Duration | None = None
    never: str | int | None = "omit"
    """What ``{{ expiry }}`` is when no lifetime is asked for. ``omit`` leaves its key out of the request."""
    never_means: Duration | None = None
    """How long a token without expiry really lives there, where that is not for ever."""

    @model_validator(mode="after")
    def _values_are_for_enums(self) -> ExpirySpec:
        if (self.format == "enum") != bool(self.values):
            raise ValueError("`values` names the lifetimes of `format: enum`, which needs them")
        if self.values and self.choices:
            raise ValueError("the `values` of an enum are its choices already")
        return self


class RetryAfter(Part):
    """Where an answer of 429 says how long to wait, when that is not the usual ``Retry-After``."""

    header: str = "Retry-After"
    format: Literal["standard", "epoch_s"] = "standard"
    """``standard`` is seconds or an HTTP date; Docker Hub's ``X-Retry-After`` is the moment itself (``epoch_s``)."""


class Propagation(Part):
    create: Duration = Field(default_factory=lambda: Duration.parse("10s"))
    """How long a new token may still be refused, or be missing from the list."""
    revoke: Duration = Field(default_factory=lambda: Duration.parse("60s"))
    """How long a revoked token may still be accepted."""


class Limits(Part):
    coexistence: Coexistence = Coexistence.MANY
    max_active: int | None = Field(default=None, ge=1)
    rate: Rate | None = None
    """How many requests the service allows, as ``100/min``: a connection may narrow it."""
    concurrency: int | None = Field(default=None, ge=1)
    """How many requests it takes at a time."""
    name: NameSpec = NameSpec.model_construct()
    expiry: ExpirySpec = ExpirySpec.model_construct()
    retry_after: RetryAfter = RetryAfter.model_construct()
    propagation: Propagation = Propagation.model_construct()
    reuses_handles: bool = False
    """A dead token's handle may be given to another token."""


class Auth(Part):
    management: ManagementAuth
    """How create, list and revoke prove who we are. Never sent by verify."""


class TokenSpec(Part):
    pattern: Pattern | None = None
    """What a whole value looks like; a created value that does not is never published."""


class HttpProfile(Part):
    """An issuer, described."""

    kind: Literal["HttpIssuer"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    summary: str
    tested: str = ""
    permissions: tuple[str, ...] = ()
    """What the management credential must be allowed to do, in the issuer's own words."""
    example: str = ""
    """A policy file that works."""
    url: str | None = None
    """The default of the connection's ``url``. Absent: every connection must give one."""
    credentials: Mapping[str, CredentialSpec] = {}
    settings: Mapping[str, Setting] = {}
    """What a connection may set beside ``url``: ``{{ settings.NAME }}``."""
    options: Mapping[str, Setting] = {}
    """What a policy's ``issuer:`` block may set: ``{{ options.NAME }}``."""
    auth: Auth
    token: TokenSpec = TokenSpec.model_construct()
    error_code: Expression | None = None
    """Finds a short machine-readable code in an error's JSON, to be named in messages. Never its text."""
    limits: Limits = Limits.model_construct()
    operations: Operations

    @model_validator(mode="after")
    def _is_sound(self) -> HttpProfile:
        from providers.issuers.http.checks import problems

        details = [
            InitErrorDetails(type="value_error", loc=place, input=None, ctx={"error": ValueError(what)})
            for place, what in problems(self)
        ]
        if details:
            raise ValidationError.from_exception_data(type(self).__name__, details)
        return self
