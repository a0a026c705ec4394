"""What only a whole profile can show to be wrong, found when it is loaded. Pure: gives each problem with its place.

The checks exist because each mistake has a price: a revoke that does not name its token ends others, a verify that
cannot say "invalid" proves no death, a secret in a profile is a secret in git.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from providers.http.config import problem_with
from providers.issuers.http.operations import List, Verify
from providers.issuers.http.requests import CookieSession, Match, Part, Request, Rule
from providers.issuers.http.templates import BrokenTemplate, references
from rotator.domain.contracts import Config, Options

if TYPE_CHECKING:
    from providers.issuers.http.profile import HttpProfile

Place = tuple[str | int, ...]
Problem = tuple[Place, str]

_SERVER_FAULT: Final = 500
_GAVE_UP_WAITING: Final = frozenset({408, 499})
"""What a gateway may answer that has passed the request on."""
_TOO_MANY: Final = 429
_SECRET_HOLDERS: Final = re.compile(
    r"(proxy-)?authorization|cookie|passw(or)?d|(.*[-_])?(secret|token)|(.*[-_])?(api|application)[-_]?key",
    re.IGNORECASE,
)
_KNOWN_SHAPE: Final = re.compile(r"\b(gh[opsu]_|github_pat_|glpat-|hv[sb]\.|xox[abp]-|sk[-_]|AKIA|eyJ)[\w.-]{8,}")
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9_-]{20,}")
_BITS_OF_A_SECRET: Final = 3.5
_CHOSEN: Final = {"chosen.handle", "chosen.value"}
_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TAKEN: Final = {
    "options": frozenset({*dir(Options), "connection", "token_name", "expires_in"}),
    "settings": frozenset({*dir(Config), "credentials", "provider", "url", "ca_file", "allow_plain_http", "limits"}),
}


class _Text(NamedTuple):
    """A string of the profile that is sent, where it stands, and what it may refer to."""

    place: Place
    text: str
    variables: frozenset[str]


def problems(profile: HttpProfile) -> Iterator[Problem]:
    """Give every problem of a profile whose parts are valid by themselves."""
    if profile.url is not None and (problem := problem_with(profile.url, allow_plain_http=False)):
        yield ("url",), problem
    yield from names_that_are_taken(profile.options, profile.settings)
    texts = tuple(_texts(profile))
    yield from _template_problems(texts)
    yield from _literal_secrets(texts)
    yield from _rule_problems(profile)
    yield from _verify_problems(profile.operations.verify, ("operations", "verify"))
    yield from _chosen_problems(profile)
    yield from _revoke_problems(profile.operations.revoke.request)
    if profile.limits.expiry.required and profile.limits.expiry.format == "none":
        yield ("limits", "expiry", "format"), "an expiry is required, but `format` does not say how to write it"
    if profile.limits.name.min > profile.limits.name.max:
        yield ("limits", "name", "min"), "the shortest name is longer than the longest"


def problems_of_verify(verify: Verify, place: Place, account: set[str]) -> Iterator[Problem]:
    """Give every problem of a verify that stands alone. ``account``: the options and settings that it may refer to."""
    texts = tuple(_texts_of_verify(verify, place, account))
    yield from _template_problems(texts)
    yield from _literal_secrets(texts)
    yield from _verify_problems(verify, place)


def problems_of_texts(place: Place, template: str, account: set[str]) -> Iterator[Problem]:
    """Give every problem of one template that stands alone."""
    yield from _template_problems([_Text(place, template, frozenset(account))])


def names_that_are_taken(options: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Find options and settings that would hide keys that policies have already."""
    for kind, declared in (("options", options), ("settings", settings)):
        for name in declared:
            if not name.isidentifier() or name.startswith("_"):
                yield (kind, name), f"{name!r} cannot be a name here; write letters, digits and underscores"
            elif name in _TAKEN[kind]:
                yield (kind, name), f"{name!r} has a meaning already; choose another name"


# --- templates -------------------------------------------------------------------------------------------------------


def _texts(profile: HttpProfile) -> Iterator[_Text]:
    """Walk every string that is sent."""
    credentials = {f"credentials.{name}" for name in profile.credentials}
    settings = {f"settings.{name}" for name in profile.settings}
    account = settings | {f"options.{name}" for name in profile.options}
    yield from _management_texts(profile, credentials | settings)
    operations = profile.operations
    made = {"name", "expiry"} | (_CHOSEN if operations.create.chosen else set())
    yield from _strings(("operations", "create", "request"), operations.create.request, account | made)
    if isinstance(operations.list, List):
        yield from _strings(("operations", "list", "request"), operations.list.request, account)
        if operations.list.each is not None:
            place = ("operations", "list", "each", "request")
            yield from _strings(place, operations.list.each.request, account | {"item"})
    yield from _texts_of_verify(operations.verify, ("operations", "verify"), account)
    yield from _strings(("operations", "revoke", "request"), operations.revoke.request, account | {"token.handle"})


def _texts_of_verify(verify: Verify, place: Place, account: set[str]) -> Iterator[_Text]:
    yield from _strings((*place, "request"), verify.request, account | {"token.value"})
    yield from _strings((*place, "assert"), verify.assert_, account)


def _management_texts(profile: HttpProfile, variables: set[str]) -> Iterator[_Text]:
    management, place = profile.auth.management, ("auth", "management")
    if not isinstance(management, CookieSession):
        yield from _strings(place, management, variables)
        return
    captured: set[str] = set()
    for number, step in enumerate(management.steps):
        yield from _strings((*place, "steps", number, "request"), step.request, variables | captured)
        captured |= {f"session.{name}" for name in step.capture}
    yield from _strings((*place, "headers"), management.headers, variables | captured)


def _strings(place: Place, value: Any, variables: set[str]) -> Iterator[_Text]:
    if isinstance(value, str):
        yield _Text(place, value, frozenset(variables))
    elif isinstance(value, Part):
        for name, field in type(value).model_fields.items():
            if name not in ("method", "type"):
                yield from _strings((*place, field.alias or name), getattr(value, name), variables)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _strings((*place, name), member, variables)
    elif isinstance(value, list | tuple):
        for number, member in enumerate(value):
            yield from _strings((*place, number), member, variables)


def _template_problems(texts: Iterable[_Text]) -> Iterator[Problem]:
    for text in texts:
        try:
            unknown = {name for name in references(text.text) if not _is_known(name, text.variables)}
        except BrokenTemplate as error:
            yield text.place, str(error)
            continue
        for name in sorted(unknown):
            yield text.place, _why_unknown(name, text)


def _is_known(reference: str, variables: frozenset[str]) -> bool:
    return reference in variables or (reference.startswith("item.") and "item" in variables)


def _why_unknown(name: str, text: _Text) -> str:
    if name.startswith("credentials") and "verify" in text.place[:2]:
        return (
            "verify asks with the token itself: a management credential would answer for its own life, not the token's"
        )
    if name.startswith("credentials"):
        return f"`{name}` is not known here; credentials are declared in `credentials` and sent by `auth`"
    known = ", ".join(sorted(text.variables)) or "nothing"
    return f"`{name}` is not known here; this template may use {known}"


def _literal_secrets(texts: Iterable[_Text]) -> Iterator[Problem]:
    remedy = "a profile holds no secret: declare it in `credentials` and write {{ credentials.NAME }}"
    for text in texts:
        is_empty = not text.text.strip()
        expects_secret = text.place[0] == "auth" and text.place[-1] in ("value", "password")
        expects_secret |= text.place[-2:-1] == ("auth",) and text.place[-1] in ("value", "password")
        named_secret = _SECRET_HOLDERS.fullmatch(str(text.place[-1])) is not None
        if (expects_secret or named_secret) and not is_empty and not _TEMPLATE.search(text.text):
            yield text.place, f"this looks like a literal secret; {remedy}"
        elif any(_looks_secret(literal) for literal in _TEMPLATE.split(text.text)):
            yield text.place, f"this holds what looks like a literal secret; {remedy}"


def _looks_secret(literal: str) -> bool:
    """A known shape, or a long word of letters and digits that no person would make up."""
    if _KNOWN_SHAPE.search(literal):
        return True
    return any(
        any(letter.isdigit() for letter in word) and any(letter.isalpha() for letter in word) and _bits(word)
        for word in _LONG_WORD.findall(literal)
    )


def _bits(word: str) -> bool:
    shares = [count / len(word) for count in Counter(word).values()]
    return -sum(share * math.log2(share) for share in shares) >= _BITS_OF_A_SECRET


# --- outcomes --------------------------------------------------------------------------------------------------------


def _rule_problems(profile: HttpProfile) -> Iterator[Problem]:
    operations = profile.operations
    lists: list[tuple[Place, tuple[Rule, ...]]] = [
        (("operations", "create", "responses"), operations.create.responses),
        (("operations", "revoke", "responses"), operations.revoke.responses),
    ]
    if operations.list is not None:
        lists.append((("operations", "list", "responses"), operations.list.responses))
        if operations.list.each is not None:
            lists.append((("operations", "list", "each", "responses"), operations.list.each.responses))
    management = profile.auth.management
    if isinstance(management, CookieSession):
        for number, step in enumerate(management.steps):
            lists.append((("auth", "management", "steps", number, "responses"), step.responses))
    for place, rules in lists:
        if "ok" not in {rule.outcome for rule in rules}:
            yield place, "no rule has the outcome `ok`: nothing could ever succeed"
        yield from _unreachable(place, rules)
    for number, rule in enumerate(operations.create.responses):
        if rule.is_by_status_alone and rule.outcome not in ("ambiguous", "ok") and _tells_of_trouble(rule):
            what = "after a 5xx, 408 or 499 a token may live: say by `when` or `text` what proves that none was made"
            yield ("operations", "create", "responses", number), what


def _tells_of_trouble(rule: Match) -> bool:
    return any(status >= _SERVER_FAULT or status in _GAVE_UP_WAITING for status in rule.status)


def _unreachable(place: Place, rules: Iterable[Match]) -> Iterator[Problem]:
    earlier: list[Match] = []
    for number, rule in enumerate(rules):
        if any(_hides(first, rule) for first in earlier):
            yield (*place, number), "an earlier rule matches all of this one's answers; remove it or move it up"
        earlier.append(rule)


def _hides(first: Match, later: Match) -> bool:
    covers_status = not first.status or (bool(later.status) and set(later.status) <= set(first.status))
    return covers_status and first.when in (None, later.when) and first.text in (None, later.text)


def _verify_problems(verify: Verify, place: Place) -> Iterator[Problem]:
    yield from _unreachable((*place, "responses"), verify.responses)
    outcomes = {rule.outcome for rule in verify.responses}
    for needed in ("valid", "invalid"):
        if needed not in outcomes:
            yield (*place, "responses"), f"no rule has the outcome `{needed}`: it takes both to tell life from death"
    if not _uses(verify.request, "token.value"):
        yield (*place, "request"), "the request does not send {{ token.value }}: it would ask about nothing"
    for number, rule in enumerate(verify.responses):
        if rule.is_by_status_alone and rule.outcome == "valid" and verify.extract.handle is None:
            what = "a status alone proves no life (servers answer 200 to garbage): add `when`, or `extract: {handle}`"
            yield (*place, "responses", number), what
        is_trouble = _tells_of_trouble(rule) or _TOO_MANY in rule.status
        if rule.is_by_status_alone and rule.outcome == "invalid" and is_trouble:
            what = "a server in trouble says nothing about the token: add `when` or `text` for what proves it dead"
            yield (*place, "responses", number), what


def _chosen_problems(profile: HttpProfile) -> Iterator[Problem]:
    create, verify = profile.operations.create, profile.operations.verify
    if create.chosen is None:
        return
    place: Place = ("operations", "create", "chosen")
    if not all(_uses(create.request, reference) for reference in _CHOSEN):
        yield place, "the request must send both {{ chosen.handle }} and {{ chosen.value }}"
    if verify.extract.handle is None:
        yield place, "verify must extract the handle: it is what tells whether a token of a lost answer is ours"


def _revoke_problems(request: Request) -> Iterator[Problem]:
    place: Place = ("operations", "revoke", "request")
    segments = {segment.lower() for segment in request.path.split("/")}
    in_path = "token.handle" in _references(request.path)
    if segments & {"self", "current", "revoke-self"}:
        yield (*place, "path"), "this revokes the credential that asks; name the token by {{ token.handle }}"
    elif request.method == "DELETE" and not in_path:
        what = "a DELETE must name the token in its path: a server that ignores the rest would delete them all"
        yield (*place, "path"), f"{what}; use {{{{ token.handle }}}}"
    elif not _uses(request, "token.handle"):
        yield place, "the request does not name its token: {{ token.handle }} must stand in its path or body"


def _uses(part: Part, reference: str) -> bool:
    return any(reference in _references(text.text) for text in _strings((), part, set()))


def _references(template: str) -> frozenset[str]:
    try:
        return references(template)
    except BrokenTemplate:
        return frozenset()
