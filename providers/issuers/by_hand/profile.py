"""What the profile of a dashboard says: the schema of a YAML file with ``kind: AssistedIssuer``.

docs/issuers/by-hand.md describes it for people. It shares its parts with the profiles of HTTP issuers; what it has of
its own are the words in which a person is told what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from providers.issuers.http.operations import Verify
from providers.issuers.http.profile import NameSpec, Propagation, Setting, TokenSpec
from providers.issuers.http.requests import Part, Template
from rotator.domain.durations import Duration
from rotator.domain.limits import Rate


class Page(Part):
    """Where people make and delete tokens, in the page's own words. Parts of sentences, without a full stop."""

    link: str = Field(pattern=r"^https?://")
    make: Template
    """Where to click: ``Account Settings → API Tokens → New Token``. May use ``options`` and ``settings``."""
    delete: str
    recognise: str = ""
    """How a token is told from the others in the list: by its name, its first characters …"""
    compromised: str = ""
    """What the service advises when a token got out."""


class PageExpiry(Part):
    """The choices of the page. A page without a choice has no ``expiry``: its tokens live until they are deleted."""

    choices: Mapping[str, Duration] = Field(min_length=1)
    """What the page calls each lifetime."""
    never: str | None = None
    """What it calls a token without expiry. Absent: there is none."""
    never_means: Duration | None = None
    """How long such a token really lives, where that is not for ever."""

    @model_validator(mode="after")
    def _never_is_a_choice(self) -> PageExpiry:
        if self.never_means is not None and self.never is None:
            raise ValueError("`never_means` says what `never` is: name that, too")
        return self


class PageLimits(Part):
    max_active: int | None = Field(default=None, ge=1)
    """How many tokens may live at a time. They cannot be counted: people are told which ones we know."""
    rate: Rate | None = None
    concurrency: int | None = Field(default=None, ge=1)
    name: NameSpec = NameSpec()
    expiry: PageExpiry | None = None
    propagation: Propagation = Propagation(create=Duration.parse("5s"))


class AssistedProfile(Part):
    """A service whose tokens only people can make, described."""

    kind: Literal["AssistedIssuer"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    summary: str
    tested: str = ""
    example: str = ""
    """A policy file that works."""
    url: str | None = None
    """The default of the connection's ``url``: where ``verify`` asks. Absent: every connection must give one."""
    settings: Mapping[str, Setting] = {}
    options: Mapping[str, Setting] = {}
    page: Page
    token: TokenSpec = TokenSpec()
    limits: PageLimits = PageLimits()
    refuses_accounts: bool = False
    """The service refuses every token of an account whose bill is not paid: a refusal alone proves no death."""
    verify: Verify

    @model_validator(mode="after")
    def _is_sound(self) -> AssistedProfile:
        details = [
            InitErrorDetails(type="value_error", loc=place, input=None, ctx={"error": ValueError(what)})
            for place, what in self._problems()
        ]
        if details:
            raise ValidationError.from_exception_data(type(self).__name__, details)
        return self

    def _problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        from providers.http.config import problem_with
        from providers.issuers.http.checks import names_that_are_taken, problems_of_texts, problems_of_verify

        account = {f"settings.{name}" for name in self.settings} | {f"options.{name}" for name in self.options}
        if self.url is not None and (problem := problem_with(self.url, allow_plain_http=False)):
            yield ("url",), problem
        yield from names_that_are_taken(self.options, self.settings)
        yield from problems_of_texts(("page", "make"), self.page.make, account)
        yield from problems_of_verify(self.verify, ("verify",), account)
        if self.limits.name.min > self.limits.name.max:
            yield ("limits", "name", "min"), "the shortest name is longer than the longest"
