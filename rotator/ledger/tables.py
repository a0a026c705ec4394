"""The ledger's tables, as the queries see them.

``migrations/`` makes them; a test holds the two equal. What only the schema can promise stands in both: which values
and moves there are, and that a secret has one open rotation. That closed rotations, dead tokens and events never
change is held by triggers, which stand in the migrations alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    JSON,
    TIMESTAMP,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from rotator.domain.lifecycle import ALLOWED_MOVES
from rotator.domain.model import Cause, Mode, Phase, Placed, Proof, TokenState
from rotator.domain.standing import STANDING
from rotator.ledger.plain_data import storable


class Moment(TypeDecorator[datetime]):
    """A zone-aware time in UTC: ``timestamptz`` on PostgreSQL, ISO text of one length (so that it sorts) on SQLite."""

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        postgresql = dialect.name == "postgresql"
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if postgresql else String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger takes times with a zone only")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


class Words(TypeDecorator[str]):
    """Free text, made storable on its way in: a known value in it is masked."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


PLAIN_JSON: Final = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def _one_of(column: str, kinds: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """Write down what a column may hold. Nothing (NULL) is for the column's own NOT NULL to forbid."""
    return CheckConstraint(f"{column} IN ({_quoted(kinds)})", name=f"{column}_is_known")


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


_CLOSED: Final = [phase.value for phase in Phase if not phase.is_open]
_STAYS: Final = [(phase, phase) for phase in Phase if phase.is_open]
MOVES: Final = frozenset([*ALLOWED_MOVES, *_STAYS])
"""What one record may do to a phase: a move of the life cycle, or staying in an open phase."""

metadata: Final = MetaData(
    naming_convention={
        "ck": "%(table_name)s_%(constraint_name)s",
        "fk": "%(table_name)s_%(column_0_name)s",
        "pk": "%(table_name)s_key",
        "uq": "%(table_name)s_unique_%(column_0_N_name)s",
    }
)

meta: Final = Table(
    "meta", metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)  # fmt: skip

secrets: Final = Table(
    "secrets", metadata,
    Column("name", Text, primary_key=True),
    Column("current_token", ForeignKey("tokens.id", use_alter=True)),
    Column("failures", Integer, nullable=False),
    Column("last_ended", Moment),
    Column("last_phase", Text),
    # The newest event: its number, and its digest, so that a cut tail is noticed.
    Column("events", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    _one_of("last_phase", _CLOSED),
)  # fmt: skip

rotations: Final = Table(
    "rotations", metadata,
    Column("id", Text, primary_key=True),
    Column("secret", ForeignKey("secrets.name"), nullable=False),
    Column("phase_before", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("issuer_connection", Text, nullable=False),
    Column("issuer_options", PLAIN_JSON, nullable=False),
    Column("token_name", Text, nullable=False),
    Column("lifetime", Text),
    Column("overlap", PLAIN_JSON, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("phase_at", Moment, nullable=False),
    Column("old_token", ForeignKey("tokens.id", use_alter=True)),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", Moment),
    Column("trouble_kind", Text),
    Column("trouble_what", Words),
    Column("trouble_remedy", Words),
    Column("reason", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("policy_commit", Text),
    Column("revision", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Moment),
    Column("trouble_since", Moment),
    Column("trouble_said", Integer),
    Column("given_up", Words),
    Column("issuer_hosts", PLAIN_JSON),
    _one_of("phase", Phase),
    _one_of("cause", Cause),
    _one_of("mode", Mode),
    _one_of("trouble_kind", ["temporary", "permanent", "operator", "person"]),
    CheckConstraint(
        f"phase_before || '>' || phase IN ({_quoted(sorted(f'{here}>{there}' for here, there in MOVES))})",
        name="move_is_allowed",
    ),
    CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease_is_whole"),
    CheckConstraint(f"lease_owner IS NULL OR phase NOT IN ({_quoted(_CLOSED)})", name="closed_is_not_leased"),
)  # fmt: skip

# Literals, not parameters: else neither database can tell that the partial index below serves a query.
IS_OPEN: Final = rotations.c.phase.not_in([literal_column(f"'{phase}'") for phase in _CLOSED])

ONE_OPEN: Final = Index(
    "rotations_one_open", rotations.c.secret, unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN
)
Index("rotations_of_secret", rotations.c.secret, rotations.c.opened_at)

tokens: Final = Table(
    "tokens", metadata,
    Column("id", Text, primary_key=True),
    Column("secret", ForeignKey("secrets.name"), nullable=False),
    Column("rotation", ForeignKey("rotations.id")),
    Column("ordinal", Integer),
    Column("state", Text, nullable=False),
    Column("name", Text),
    Column("handle", Text),
    Column("fingerprint", Text),
    Column("created_at", Moment),
    Column("expires_at", Moment),
    Column("handles_before", PLAIN_JSON, nullable=False),
    Column("proof", Text),
    Column("ended_at", Moment),
    # Of adopted ones: the issuer's connection, its options, and where it led. Of others, their rotation tells.
    Column("adopted_through", Text),
    Column("adopted_options", PLAIN_JSON),
    Column("adopted_hosts", PLAIN_JSON),
    UniqueConstraint("rotation", "ordinal"),
    _one_of("state", TokenState),
    _one_of("proof", Proof),
    CheckConstraint("(state = 'DEAD') = (proof IS NOT NULL)", name="death_is_proven"),
    CheckConstraint("(rotation IS NULL) = (ordinal IS NULL)", name="adopted_or_asked_for"),
)  # fmt: skip

Index("tokens_by_value", tokens.c.fingerprint)

destinations: Final = Table(
    "destinations", metadata,
    Column("rotation", ForeignKey("rotations.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("connection", Text, nullable=False),
    Column("place", PLAIN_JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("token", ForeignKey("tokens.id")),
    Column("before", Text),
    Column("before_fingerprint", Text),
    Column("version", Text),
    _one_of("state", Placed),
)  # fmt: skip

events: Final = Table(
    "events", metadata,
    Column("secret", ForeignKey("secrets.name"), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("rotation", ForeignKey("rotations.id")),
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", PLAIN_JSON, nullable=False),
    Column("digest", Text, nullable=False),
)  # fmt: skip

Index("events_by_time", events.c.at)

IS_STANDING: Final = events.c.kind.in_([literal_column(f"'{kind}'") for kind in STANDING])  # as IS_OPEN is written
Index("events_standing", events.c.secret, events.c.sequence, sqlite_where=IS_STANDING, postgresql_where=IS_STANDING)

budgets: Final = Table(
    "budgets", metadata,
    Column("connection", Text, primary_key=True),
    Column("spent_until", Moment, nullable=False),
    Column("urgent_until", Moment),
)  # fmt: skip

requests_under_way: Final = Table(
    "requests_under_way", metadata,
    Column("connection", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("until", Moment, nullable=False),
)  # fmt: skip

notices: Final = Table(
    "notices", metadata,
    Column("channel", Text, primary_key=True),
    Column("secret", Text, primary_key=True),
    Column("matter", Text, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("same_as", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("body", Words, nullable=False),
    Column("patience", Integer, nullable=False),
    Column("deadline", Moment),
    Column("since", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("first_told", Moment),
    Column("last_told", Moment),
    Column("times", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("is_over", Boolean, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("owner", Text),
    Column("claimed_until", Moment),
    CheckConstraint("(owner IS NULL) = (claimed_until IS NULL)", name="claim_is_whole"),
    CheckConstraint("(times = 0) = (last_told IS NULL)", name="telling_is_dated"),
)  # fmt: skip
