"""One record of an environment variable: what Vercel tells of it, and which of several a place means.

Several records of one name are normal: for each target, for each branch of previews, for each custom environment. A
place is the record that is for exactly what the place names. Any other that shares one of its targets is refused: to
write it would change somebody else's environment too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from providers.stores.vercel.plugin import NewType, VercelPlace
from rotator.domain.contracts import Stored
from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_WRITE_ONLY_TYPES: Final = frozenset({"sensitive", "secret"})
_SYSTEM: Final = "system"


@dataclass(frozen=True)
class Reach:
    """What a record is for: with its name, all that tells it from others."""

    targets: frozenset[str]
    git_branch: str | None = None
    custom_environments: frozenset[str] = frozenset()
    """By id."""

    def overlaps(self, other: Reach) -> bool:
        """A record for one branch's previews stands beside the one for all previews; that is no overlap."""
        shared = self.targets & other.targets or self.custom_environments & other.custom_environments
        return bool(shared) and self.git_branch == other.git_branch

    def __str__(self) -> str:
        parts = sorted(self.targets) + sorted(self.custom_environments)
        return ", ".join(parts) + (f"; branch `{self.git_branch}`" if self.git_branch else "")


@dataclass(frozen=True)
class Record:
    """A record at one moment."""

    id: str
    key: str
    type: str
    reach: Reach
    updated_at: int
    """In milliseconds since the epoch, by Vercel's clock."""
    is_secret: bool = False
    """What the newer field ``visibility`` says."""
    integration: str | None = None
    """The integration that keeps it, where one does."""
    text: str | None = field(default=None, repr=False)
    """What Vercel gave as its value, which is no value where it did not decrypt it."""

    @property
    def version(self) -> Version:
        return Version(f"{self.id}@{self.updated_at}")

    @property
    def is_readable(self) -> bool:
        return self.type not in _WRITE_ONLY_TYPES and not self.is_secret

    def stored(self) -> Stored:
        value = SecretValue(self.text) if self.is_readable and self.text else None
        return Stored(value, self.version, {"type": self.type})

    def refuse_unwritable(self, place: VercelPlace) -> None:
        """Raise what would make a write useless or wrong."""
        if self.type == _SYSTEM:
            raise Permanent(f"{named(place)} is one of Vercel's own variables.", remedy="Nobody sets it: check `var`.")
        if self.integration:
            raise Permanent(
                f"{named(place)} is kept by an integration, which would put its own value back.",
                remedy="Rotate it there, or give your token a variable of its own.",
            )

    def __str__(self) -> str:
        return f"record {self.id} ({self.reach})"


def updated_at(version: Version) -> int | None:
    """Give when a version was written; None where this is no version of ours."""
    moment = version.rpartition("@")[2]
    return int(moment) if moment.isascii() and moment.isdecimal() else None


def record_of(document: Mapping[str, Any], *, decrypted: bool = False) -> Record:
    """Read what Vercel tells of a record. Raises ValueError or TypeError where it is none.

    ``decrypted`` says that its value was asked for; a list holds what it is encrypted as.
    """
    identity, key, kind = document.get("id"), document.get("key"), document.get("type")
    moment = document.get("updatedAt")
    if not (isinstance(identity, str) and identity and isinstance(key, str) and isinstance(kind, str)):
        raise TypeError("it has no id, key or type")
    if not isinstance(moment, int) or isinstance(moment, bool):
        raise TypeError("it has no time")
    text = document.get("value")
    return Record(
        id=identity,
        key=key,
        type=kind,
        reach=Reach(
            _texts(document.get("target")),
            document.get("gitBranch") or None,
            _texts(document.get("customEnvironmentIds")),
        ),
        updated_at=moment,
        is_secret=document.get("visibility") == "secret",
        integration=document.get("configurationId"),
        text=text if decrypted and isinstance(text, str) and document.get("decrypted") is not False else None,
    )


def reach_of(place: VercelPlace, custom_environment: str | None) -> Reach:
    """Say what a place is for. A custom environment is meant by its id here."""
    return Reach(
        frozenset(place.targets), place.git_branch, frozenset([custom_environment] if custom_environment else [])
    )


def the_record(place: VercelPlace, reach: Reach, records: Iterable[Record]) -> Record | None:
    """Give the record that a place means; None where there is none. Permanent where it is not clear."""
    same_name = [record for record in records if record.key == place.var]
    exact = [record for record in same_name if record.reach == reach]
    rivals = [record for record in same_name if record.reach != reach and record.reach.overlaps(reach)]
    if rivals or len(exact) > 1:
        found = " and ".join(str(record) for record in exact + rivals)
        raise Permanent(
            f"{named(place)} is not one record: there is {found}.",
            remedy="Write into the policy exactly what a record is for, all of it, and one place for each record.",
        )
    return exact[0] if exact else None


def new_record(place: VercelPlace, reach: Reach, value: SecretValue) -> dict[str, Any]:
    """Give what makes the record. About to be sent."""
    return {
        "key": place.var,
        "value": value.reveal(),
        "type": str(place.type),
        "target": sorted(reach.targets),
        **({"gitBranch": reach.git_branch} if reach.git_branch else {}),
        **({"customEnvironmentIds": sorted(reach.custom_environments)} if reach.custom_environments else {}),
    }


def named(place: VercelPlace) -> str:
    """Name a place in errors."""
    environment = [place.custom_environment] if place.custom_environment else []
    branch = f"; branch `{place.git_branch}`" if place.git_branch else ""
    return f"`{place.var}` of project `{place.project}` ({', '.join([*place.targets, *environment])}{branch})"


def will_be_readable(place: VercelPlace) -> bool:
    """Tell of a record that is not there yet. A team's policy may make it sensitive all the same."""
    return place.type is NewType.ENCRYPTED


def _texts(found: Any) -> frozenset[str]:
    """Vercel gives one text, or a list, or nothing."""
    if found is None:
        return frozenset()
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise TypeError("not a list of texts")
    return frozenset(texts)
