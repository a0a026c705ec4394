"""What an answer means: a profile's ordered rules, safe defaults for what no rule matches, and errors by family."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from providers.http.client import HttpAnswer
from providers.issuers.http.requests import Match, Rule
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import redact

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

    from providers.issuers.http.profile import HttpProfile

Operation = Literal["create", "list", "verify", "revoke", "login"]

_REFUSED: Final = {"429": "rate_limited", "401": "denied", "403": "denied", "3xx": "redirect"}
_MAYBE_DONE: Final = dict.fromkeys(
    # 302 and 303 may come after what a POST asked was done (RFC 9110, 15.4); the other redirects come instead of it.
    # 408 and 499 may come from a gateway that has passed the request on, and waited for the answer in vain.
    ("302", "303", "408", "499"),
    "ambiguous",
)
_IN_TROUBLE: Final = dict.fromkeys(("5xx", "408", "499"), "transient")
_DEFAULTS: Final[Mapping[Operation, Mapping[str, str]]] = {
    "create": {**_REFUSED, **_MAYBE_DONE, "4xx": "invalid_request", "else": "ambiguous"},
    "list": {**_REFUSED, **_IN_TROUBLE, "else": "unexpected"},
    "verify": {"else": "indeterminate"},
    "revoke": {**_REFUSED, "else": "ambiguous"},
    "login": {**_REFUSED, **_IN_TROUBLE, "4xx": "denied", "else": "unexpected"},
}
"""What is safe to take an answer for that no rule matches: by status, then by its hundred."""
_MACHINE_CODE: Final = re.compile(r"[A-Za-z][A-Za-z_.-]{0,39}|[0-9]{1,6}")
"""Words and numbers; nothing that mixes them as a token's value does."""


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> ParsedResult:
    import jmespath

    return jmespath.compile(expression)


def search(expression: str | None, document: Any) -> Any:
    """Find what an expression names; None where the answer has another shape than it expects."""
    if expression is None:
        return None
    try:
        return _compiled(expression).search(document)
    except ValueError:  # jmespath's errors are of this kind
        return None


def text(expression: str | None, document: Any) -> str | None:
    """Find a text or a whole number, as text; None for anything else, and for an empty text."""
    found = search(expression, document)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return str(found) or None


def matches(match: Match, answer: HttpAnswer) -> bool:
    """Ask whether a rule is about this answer. ``when`` holds as in JMESPath: not for null, false or empty."""
    if match.status and answer.status not in match.status:
        return False
    if match.text is not None and not re.fullmatch(match.text, answer.body.decode(errors="replace").strip()):
        return False
    if match.when is None:
        return True
    if answer.document is None:
        return False
    found = search(match.when, answer.document)
    return found is not None and found is not False and found not in ("", [], {})


def outcome_of(rules: Iterable[Rule], answer: HttpAnswer, operation: Operation) -> str:
    """Give the first matching rule's outcome, or what is safe to take an answer for that no rule knows."""
    for rule in rules:
        if matches(rule, answer):
            return rule.outcome
    return _default(operation, answer)


def _default(operation: Operation, answer: HttpAnswer) -> str:
    kind, by_operation = f"{answer.status // 100}xx", _DEFAULTS[operation]
    return by_operation.get(str(answer.status)) or by_operation.get(kind) or by_operation["else"]


_FINAL: Final[Mapping[str, tuple[str, str]]] = {
    "redirect": ("a redirect, and none is followed", "Correct the connection's `url`."),
    "quota_exceeded": ("no more tokens are allowed", "Revoke one that nobody needs."),
    "invalid_request": ("the request was refused", "Check the policy's `issuer:` options."),
    "unexpected": ("not an answer that we know", "Check the connection's `url` and its profile."),
}


@dataclass(frozen=True)
class Failures:
    """Makes the error for an answer that is no success. Names method, path template, status and code; no body."""

    profile: HttpProfile

    def of(self, operation: Operation, outcome: str, label: str, answer: HttpAnswer, now: datetime) -> RotatorError:
        """Give the error of the family that says what should happen next."""
        said = f"{self.profile.name} answered {answer.status}{self._code(answer)} to {label}"
        match outcome:
            case "rate_limited":
                spec = self.profile.limits.retry_after
                wait = answer.retry_after(now, header=spec.header, form=spec.format)
                return Temporary(f"{said}: too many requests.", retry_after=wait)
            case "transient":
                return Temporary(f"{said}: it cannot do this now.", retry_after=answer.retry_after(now))
            case "ambiguous":
                return Ambiguous(f"{said}: it may have been done, or not.")
            case "name_conflict":
                # No other request asks for this name: its mark is this one's.
                return Ambiguous(
                    f"{said}: a token of this name exists, so something on the way may have sent the request twice.",
                    remedy="It is looked for. If this goes on, see whether a gateway repeats requests.",
                )
            case "denied":
                # A create that was refused left nothing behind: withdraw. Elsewhere a token waits for a person.
                family = Permanent if operation == "create" else NeedsOperator
                return family(f"{said}: denied.", remedy=self._permissions())
        meaning, remedy = _FINAL.get(outcome, _FINAL["unexpected"])
        return Permanent(f"{said}: {meaning}.", remedy=remedy)

    def _code(self, answer: HttpAnswer) -> str:
        code = text(self.profile.error_code, answer.document)
        return f" ({redact(code)})" if code and _MACHINE_CODE.fullmatch(code) else ""

    def _permissions(self) -> str:
        needed = "; ".join(self.profile.permissions)
        return "Check the management credential" + (f"; it needs {needed}." if needed else " and its permissions.")
