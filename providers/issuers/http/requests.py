"""The schema of a profile's requests: what is sent, what an answer is matched by, and how a request proves who we are.

Unions put no tags of their own into a problem's ``loc``, so that it is the place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from rotator.domain.durations import Duration


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put the docstrings of a part's attributes into its JSON schema.

    pydantic can, too, but would read the source of every model at every start (a tenth of ``rotate check``).
    """
    import ast
    import inspect
    from itertools import pairwise

    for part in model.__mro__[: model.__mro__.index(Part)]:
        [definition] = ast.parse(inspect.getsource(part)).body
        for statement, following in pairwise(definition.body if isinstance(definition, ast.ClassDef) else ()):
            match statement, following:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    known_as = model.model_fields[name].alias or name
                    described = schema["properties"][known_as] | {"description": inspect.cleandoc(text)}
                    schema["properties"][known_as] = dict(sorted(described.items()))


class Part(BaseModel):
    """One part of a profile. Unknown keys are errors.

    Defaults are made by ``model_construct``: a part that is made and checked alone is built once more than its profile.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, json_schema_extra=_describe)


_NAMES_ALONE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
"""``error.code``: what most expressions are. It is JMESPath, and takes no parser to be seen as such."""


def _is_jmespath(expression: str) -> str:
    if _NAMES_ALONE.fullmatch(expression):
        return expression
    from jmespath import compile as compile_expression
    from jmespath.exceptions import ParseError

    try:
        compile_expression(expression)
    except ParseError as error:
        problem = str(error).splitlines()[0].removeprefix("Invalid jmespath expression: ").rstrip(":")
        raise ValueError(f"{expression!r} is not a JMESPath expression ({problem}); see jmespath.org") from error
    return expression


def _is_regular_expression(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    return pattern


def _as_many(value: Any) -> Any:
    return (value,) if isinstance(value, int) else value


def by_type(models: Mapping[str, type[Part]], value: Any, _handler: ValidatorFunctionWrapHandler) -> Part:
    """Choose a union's member by its ``type`` key, so that a problem's place is the place in the file."""
    if isinstance(value, Part):
        return value
    kind = value.get("type") if isinstance(value, dict) else None
    model = models.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise ValueError(f"`type` is {kind!r}; write one of {', '.join(sorted(models))}")
    return model.model_validate(value)


Expression = Annotated[str, Field(min_length=1), AfterValidator(_is_jmespath)]
"""A JMESPath expression over the JSON of an answer."""
Pattern = Annotated[str, AfterValidator(_is_regular_expression)]
Template = str
"""A Jinja2 template. ``checks`` compiles it and checks what it refers to."""
JsonTemplate = Any
"""JSON whose strings are templates."""
Scalar = str | int | float | bool
Statuses = Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], BeforeValidator(_as_many)]


class Request(Part):
    """One HTTP request. Every string is a template; a lone ``{{ x }}`` keeps the type of x.

    A query parameter, header or JSON member whose template uses something that is not set is left out.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Template = Field(pattern="^/")
    """Joined to the connection's ``url``. What a template puts in is URL-encoded."""
    query: Mapping[str, Scalar] = {}
    headers: Mapping[str, Template] = {}
    json_body: JsonTemplate = Field(default=None, alias="json")
    form: Mapping[str, Scalar] = {}

    @model_validator(mode="after")
    def _has_one_body(self) -> Request:
        if self.form and self.json_body is not None:
            raise ValueError("a request has one body: `json` or `form`")
        return self


class Match(Part):
    """An answer matches when its status is one of these (or none are given), and ``when`` and ``text`` hold for it.

    ``when`` never holds for an answer that is not JSON.
    """

    status: Statuses = ()
    when: Expression | None = None
    text: Pattern | None = None
    """Must match the whole body, but for blanks around it: for services that answer errors in plain text."""

    @model_validator(mode="after")
    def _says_something(self) -> Match:
        if not self.status and self.is_by_status_alone:
            what = "a rule needs `status`, `when` or `text`; what no rule matches has a safe default already"
            raise ValueError(what)
        return self

    @property
    def is_by_status_alone(self) -> bool:
        return self.when is None and self.text is None


class Rule(Match):
    """What an answer that matches means. Each operation has its own outcomes."""

    outcome: str


class LoginRule(Rule):
    outcome: Literal["ok", "denied", "rate_limited", "transient"]


class BearerAuth(Part):
    """``Authorization: Bearer VALUE``."""

    type: Literal["bearer"]
    value: Template


class HeaderAuth(Part):
    """A header of any name, and any text around the value."""

    type: Literal["header"]
    name: str
    value: Template


class HeadersAuth(Part):
    """Several headers at once, where one credential alone is not enough (Datadog's API and application keys)."""

    type: Literal["headers"]
    headers: Mapping[str, Template] = Field(min_length=1)


class BasicAuth(Part):
    type: Literal["basic"]
    username: Template
    password: Template


class QueryAuth(Part):
    """A query parameter. Servers and proxies log it: only where there is no other way."""

    type: Literal["query"]
    name: str
    value: Template


class LoginStep(Part):
    """One request of a login. Cookies are kept; ``capture`` keeps parts of the answer as ``{{ session.NAME }}``."""

    request: Request
    responses: tuple[LoginRule, ...]
    capture: Mapping[str, Expression] = {}


class CookieSession(Part):
    """A login that gives cookies, kept for the connection and shared by all its calls."""

    type: Literal["cookie_session"]
    steps: tuple[LoginStep, ...] = Field(min_length=1)
    relogin_when: tuple[Match, ...] = Field(min_length=1)
    """Answers that say that the session has ended, and that nothing was done."""
    headers: Mapping[str, Template] = {}
    """Sent beside the cookies, e.g. ``x-csrf-token: "{{ session.csrf }}"``."""
    lifetime: Duration | None = None
    """How long a login is used, where the service says how long it lasts. A little less, so that none ends on the way.

    A create that meets an ended login has to wait for the next try; with this, it meets a fresh one.
    """


_SIMPLE_AUTH: dict[str, type[Part]] = {
    "bearer": BearerAuth,
    "header": HeaderAuth,
    "headers": HeadersAuth,
    "basic": BasicAuth,
    "query": QueryAuth,
}
SimpleAuth = Annotated[
    BearerAuth | HeaderAuth | HeadersAuth | BasicAuth | QueryAuth,
    WrapValidator(partial(by_type, _SIMPLE_AUTH)),
]
ManagementAuth = Annotated[
    BearerAuth | HeaderAuth | HeadersAuth | BasicAuth | QueryAuth | CookieSession,
    WrapValidator(partial(by_type, {**_SIMPLE_AUTH, "cookie_session": CookieSession})),
]
