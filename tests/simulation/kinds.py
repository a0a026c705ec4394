"""Two hundred secrets: which kinds of issuers make them, where they are read, and when they are to be rotated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rotator.config.windows import parse_freeze, parse_window
from rotator.domain.contracts import Coexistence, ExpiryRules, Issued, IssueRequest, IssuerTraits, StoreTraits
from rotator.domain.durations import Duration
from rotator.domain.model import ConnectionName, Handle, IssuerRef, Overlap, SecretName, Target
from rotator.domain.policy import Policy, Schedule, Source
from tests.fakes.memory_issuer import MemoryIssuer
from tests.fakes.world import A_DAY, ENV_FILE, HEROKU, NO_OVERLAP, RESTARTED, SECRETS_MANAGER, VAULT

BEGINNING: Final = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
END: Final = BEGINNING + timedelta(days=365)

STORES: Final = {
    "vault": VAULT,
    "aws": SECRETS_MANAGER,
    "file": ENV_FILE,
    "heroku": HEROKU,
    "restarted": RESTARTED,
    "kv1": StoreTraits(versioned=False, compares_and_sets=False),
}
_PLACES: Final = [
    ["vault"], ["aws"], ["file"], ["heroku"], ["restarted"], ["kv1"], ["vault", "heroku"], ["aws", "file"],
    ["vault", "restarted", "heroku"],
]  # fmt: skip
"""Each combination of destinations that a secret may have."""


def _schedule(window: str | None = None, freeze: tuple[str, ...] = (), **when: Any) -> Schedule:
    lengths = {key: Duration.parse(when.pop(key)) for key in ("every", "before_expiry") if key in when}
    return Schedule(
        window=parse_window(window) if window else None, freezes=tuple(map(parse_freeze, freeze)), **lengths, **when
    )


BY_AGE: Final = (
    _schedule("Mon-Thu 09:00-16:00 Europe/Berlin", every="180 days", splay=timedelta(days=5)),
    _schedule("Mon-Fri 22:00-04:00 America/New_York", ("12-18 to 01-03",), every="120 days"),
    _schedule(None, ("07-01 to 07-14",), every="4 months", splay=timedelta(hours=6)),
    _schedule("Sat-Sun 02:00-03:00 Europe/Berlin", every="120 days"),  # no such hour on 29 March, two on 25 October
    _schedule("Mon-Fri 08:00-18:00 Australia/Sydney", ("2026-11-23 to 2026-12-02",), every="150 days"),
    _schedule(cron="0 0 1 1,4,7,10 *", splay=timedelta(hours=12)),
    _schedule("Mon-Sun 01:00-05:00 Europe/Berlin", cron="30 2 29 3,6,9,12 *"),  # 02:30 on 29 March never comes
    _schedule("Tue-Thu 10:00-12:00 America/Sao_Paulo", ("12-20 to 01-02",), cron="15 6 1 2,8 *"),
)
BY_EXPIRY: Final = (
    _schedule("Mon-Thu 09:00-16:00 Europe/Berlin", before_expiry="21 days"),
    _schedule("Mon-Fri 22:00-04:00 America/New_York", ("12-18 to 12-28",), before_expiry="14 days"),
    _schedule(None, every="120 days", before_expiry="10 days", splay=timedelta(days=2)),
    # Closed from Wednesday to Monday, and frozen until Wednesday: together longer than what is left of a token then.
    _schedule("Mon-Wed 09:00-16:00 Europe/Berlin", ("03-02 to 03-04",), before_expiry="6 days"),
)
ONLY_BY_PEOPLE: Final = (Schedule(),)


@dataclass(frozen=True)
class Kind:
    """One kind of issuer, and how many secrets it makes: all in one account, or each in an account of its own."""

    name: str
    secrets: int
    traits: IssuerTraits
    schedules: tuple[Schedule, ...] = BY_AGE
    overlaps: tuple[Overlap, ...] = (A_DAY, NO_OVERLAP, Overlap(for_=timedelta(days=7)))
    lifetimes: tuple[str | None, ...] = (None,)
    account_each: bool = False
    issuer: type[MemoryIssuer] = field(default=MemoryIssuer)
    adopted_live: str | None = None
    """How long those tokens live that were made by hand."""

    def accounts(self) -> list[str]:
        return [f"{self.name}-{number}" for number in range(self.secrets)] if self.account_each else [self.name]

    def end_of_adopted(self, made_at: datetime) -> datetime | None:
        return Duration.parse(self.adopted_live).after(made_at) if self.adopted_live else None

    def policies_of(self, account: str, folder: Path) -> Iterator[Policy]:
        own = int(account.rpartition("-")[2]) if self.account_each else 0
        for number in range(own, own + 1 if self.account_each else self.secrets):
            name = f"{self.name}-{number:03}"
            lifetime = self.lifetimes[number % len(self.lifetimes)]
            yield Policy(
                name=SecretName(name),
                issuer=IssuerRef(ConnectionName(account)),
                token_name=name,
                targets=tuple(
                    Target(ConnectionName(store), {"name": name}) for store in _PLACES[number % len(_PLACES)]
                ),
                source=Source(folder / "policies.yaml", 1),
                lifetime=Duration.parse(lifetime) if lifetime else None,
                schedule=self.schedules[number % len(self.schedules)],
                overlap=self.overlaps[number % len(self.overlaps)],
            )


class NeverMeansFourYears(MemoryIssuer):
    """Whoever asks for a token without an end gets one that ends after four years all the same."""

    def _make(self, name: Any, request: IssueRequest | None, *rest: Any, **more: Any) -> Any:
        token = super()._make(name, request, *rest, **more)
        never_means = self.traits.expiry.never_means
        if token.expires_at is None and never_means is not None:
            token.expires_at = never_means.after(token.created_at)
        return token


class ShortensTheOld(MemoryIssuer):
    """Leaves a token two days to live once another one of the same user is made."""

    def _issue(self, request: IssueRequest) -> Issued:
        earlier = [token for token in self.alive() if token.name[:14] == request.name[:14]]
        issued = super()._issue(request)
        for token in earlier:
            end = self._now() + timedelta(days=2)
            token.expires_at = min(end, token.expires_at or end)
        return issued


class OnAPage(MemoryIssuer):
    """Its tokens are made and deleted on a page, which shows nothing of them but their names."""

    def _make(self, name: Any, *rest: Any, **more: Any) -> Any:
        token = super()._make(name, *rest, **more)
        token.handle = Handle(name)
        return token

    def _free_handle(self) -> Handle:
        return Handle("")


_EXPIRING = ExpiryRules(required=True, choices=(Duration.parse("90 days"), Duration.parse("180 days")))

KINDS: Final = (
    Kind("plain", 32, IssuerTraits()),
    Kind("bound", 16, IssuerTraits(binds_value_to_handle=True)),
    Kind(
        "watched", 16, IssuerTraits(reports_last_use=True),
        overlaps=(Overlap(timedelta(hours=2), until_unused_for=timedelta(hours=6), at_most=timedelta(days=7)),),
    ),
    Kind("nameless", 18, IssuerTraits(names_tokens=False)),
    Kind("reusing", 18, IssuerTraits(reuses_handles=True)),
    Kind("unlisted", 10, IssuerTraits(lists=False, binds_value_to_handle=True)),
    Kind("expiring", 32, IssuerTraits(expiry=_EXPIRING), BY_EXPIRY, lifetimes=("180 days", "90 days"),
         adopted_live="100 days"),
    Kind("four-years", 8, IssuerTraits(expiry=ExpiryRules(never_means=Duration.parse("4 years"))),
         (_schedule("Mon-Thu 09:00-16:00 Europe/Berlin", before_expiry="30 days"),),
         issuer=NeverMeansFourYears, adopted_live="5 months"),
    Kind("shortening", 12, IssuerTraits(coexistence=Coexistence.SHORTENS_OLD), issuer=ShortensTheOld,
         overlaps=(A_DAY, NO_OVERLAP)),
    Kind("two", 20, IssuerTraits(coexistence=Coexistence.TWO, max_active=2), account_each=True),
    Kind("one", 5, IssuerTraits(coexistence=Coexistence.ONE, max_active=1), ONLY_BY_PEOPLE, (NO_OVERLAP,),
         account_each=True),
    Kind("by-hand", 8, IssuerTraits(by_hand=True, lists=False), issuer=OnAPage),
    Kind("idle", 5, IssuerTraits(), ONLY_BY_PEOPLE),
)  # fmt: skip
"""Two hundred secrets. Another kind of issuer is one more line."""
