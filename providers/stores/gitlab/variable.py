"""One variable as GitLab tells of it, what it can hold, and how it is named in errors.

GitLab tells neither an id nor a time. So the version of a variable is a digest of its value, keyed with the
connection's token: whoever reads the ledger learns nothing of the value from it. It is another one once the token was
replaced; the engine then compares fingerprints. Of a hidden variable nothing is told that changes with its value: all
its versions are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from providers.stores.gitlab.plugin import GitLabPlace, NewVisibility
from rotator.domain.contracts import Stored
from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

EVERYWHERE: Final = "*"
"""The scope for all environments."""
HIDDEN: Final = Version("hidden")

_FLAGS: Final = ("protected", "masked", "raw")
_REFERENCE: Final = re.compile(r"\$|%[A-Za-z_][A-Za-z0-9_]*%")
"""What jobs replace in a variable that is not raw: ``$NAME``, ``${NAME}``, ``%NAME%`` (lib/expand_variables.rb)."""


@dataclass(frozen=True)
class Variable:
    """A variable at one moment."""

    key: str
    scope: str
    version: Version
    value: SecretValue | None
    """None where it is hidden, or empty."""
    hidden: bool
    attributes: Mapping[str, str]

    @property
    def is_raw(self) -> bool:
        return self.attributes["raw"] == "true"

    def stored(self) -> Stored:
        return Stored(self.value, self.version, self.attributes)


def variable_of(document: Mapping[str, Any], digest: Callable[[str], str]) -> Variable:
    """Read what GitLab tells of a variable. Raises TypeError where it is none.

    An old instance does not tell ``raw`` or, before 17.4, ``hidden``: its variables are neither.
    """
    key, kind, scope = document.get("key"), document.get("variable_type"), document.get("environment_scope", EVERYWHERE)
    if not (isinstance(key, str) and isinstance(kind, str) and isinstance(scope, str)):
        raise TypeError("it has no key, type or scope")
    hidden, text = document.get("hidden") is True, document.get("value")
    if not hidden and not isinstance(text, str):
        raise TypeError("it has no value")
    flags = {name: str(document.get(name) is True).lower() for name in _FLAGS}
    shown = text if isinstance(text, str) and not hidden else None
    return Variable(
        key=key,
        scope=scope,
        version=HIDDEN if shown is None else Version(digest(shown)[:32]),
        value=SecretValue(shown) if shown else None,
        hidden=hidden,
        attributes={"environment_scope": scope, "variable_type": kind, **flags},
    )


def new_variable(place: GitLabPlace, value: SecretValue) -> dict[str, Any]:
    """Give what makes the variable. About to be sent."""
    visibility = place.visibility or NewVisibility.MASKED
    return {
        "key": place.var,
        "value": value.reveal(),
        "environment_scope": place.environment_scope or EVERYWHERE,
        "protected": place.protected is not False,
        "raw": True,
        "masked": visibility is not NewVisibility.VISIBLE,
        **({"masked_and_hidden": True} if visibility is NewVisibility.HIDDEN else {}),
    }


def refuse_what_jobs_would_not_get(place: GitLabPlace, variable: Variable | None, value: SecretValue) -> None:
    """Raise where GitLab would store a value that its jobs then see changed."""
    text = value.reveal()
    if "\0" in text:
        raise Permanent(f"The value for {named(place)} has a NUL byte, which no variable can hold.")
    if variable and not variable.is_raw and _REFERENCE.search(text):
        raise Permanent(
            f"The value for {named(place)} has a `$` or `%NAME%`, and jobs would take it for a reference.",
            remedy='Take "Expand variable reference" off the variable in GitLab (`raw: true` in its API).',
        )


def named(place: GitLabPlace) -> str:
    """Name a place in errors."""
    owner = f"project `{place.project}`" if place.project else f"group `{place.group}`"
    scope = f" ({place.environment_scope})" if place.environment_scope else ""
    return f"`{place.var}` of {owner}{scope}"
