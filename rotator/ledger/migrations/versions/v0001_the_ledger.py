"""The ledger as it was first: what ``tables`` describes, and the triggers.

Frozen: it says what was made then, in full, and borrows nothing from code that will go on changing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
PLAIN_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    _make_meta_and_secrets()
    _make_rotations()
    _make_tokens()
    _make_destinations()
    _make_events()
    if op.get_bind().dialect.name == "postgresql":
        # SQLite has these inside its tables; PostgreSQL needs both tables first.
        op.create_foreign_key("secrets_current_token", "secrets", "tokens", ["current_token"], ["id"])
        op.create_foreign_key("rotations_old_token", "rotations", "tokens", ["old_token"], ["id"])
        _guard_postgresql()
    else:
        _guard_sqlite()


def _text(name: str, *references: str, nullable: bool = False, **more: Any) -> sa.Column[str]:
    keys = [sa.ForeignKey(reference, name=more.pop("key")) for reference in references]
    return sa.Column(name, sa.Text, *keys, nullable=nullable, **more)


def _make_meta_and_secrets() -> None:
    op.create_table(
        "meta",
        _text("name"),
        _text("value"),
        sa.PrimaryKeyConstraint("name", name="meta_key"),
    )
    op.create_table(
        "secrets",
        _text("name"),
        _text("current_token", nullable=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_ended", MOMENT),
        _text("last_phase", nullable=True),
        sa.Column("events", sa.Integer, nullable=False),
        _text("digest"),
        sa.PrimaryKeyConstraint("name", name="secrets_key"),
        sa.ForeignKeyConstraint(["current_token"], ["tokens.id"], name="secrets_current_token", use_alter=True),
        sa.CheckConstraint("last_phase IN ('RETIRED', 'WITHDRAWN')", name="secrets_last_phase_is_known"),
    )


def _make_rotations() -> None:
    op.create_table(
        "rotations",
        _text("id"),
        _text("secret", "secrets.name", key="rotations_secret"),
        _text("phase_before"),
        _text("phase"),
        _text("cause"),
        _text("mode"),
        _text("issuer_connection"),
        sa.Column("issuer_options", PLAIN_JSON, nullable=False),
        _text("token_name"),
        _text("lifetime", nullable=True),
        sa.Column("overlap", PLAIN_JSON, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("phase_at", MOMENT, nullable=False),
        _text("old_token", nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", MOMENT),
        _text("trouble_kind", nullable=True),
        _text("trouble_what", nullable=True),
        _text("trouble_remedy", nullable=True),
        _text("reason"),
        _text("actor"),
        _text("policy_commit", nullable=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        _text("lease_owner", nullable=True),
        sa.Column("lease_until", MOMENT),
        sa.PrimaryKeyConstraint("id", name="rotations_key"),
        sa.ForeignKeyConstraint(["old_token"], ["tokens.id"], name="rotations_old_token", use_alter=True),
        *_rules_of_rotations(),
    )
    is_open = sa.text("(phase NOT IN ('RETIRED', 'WITHDRAWN'))")
    op.create_index(
        "rotations_one_open", "rotations", ["secret"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("rotations_of_secret", "rotations", ["secret", "opened_at"])


def _rules_of_rotations() -> list[sa.CheckConstraint]:
    rules = {
        "phase_is_known": "phase IN "
        "('PLANNED', 'ISSUED', 'VERIFIED', 'PUBLISHED', 'CONFIRMED', 'RETIRED', 'WITHDRAWN')",
        "cause_is_known": "cause IN ('due', 'asked', 'compromised')",
        "mode_is_known": "mode IN ('rotate-first', 'revoke-first')",
        "trouble_kind_is_known": "trouble_kind IN ('temporary', 'permanent', 'operator')",
        "move_is_allowed": "phase_before || '>' || phase IN ("
        "'CONFIRMED>CONFIRMED', 'CONFIRMED>RETIRED', "
        "'ISSUED>ISSUED', 'ISSUED>PLANNED', 'ISSUED>VERIFIED', 'ISSUED>WITHDRAWN', "
        "'PLANNED>ISSUED', 'PLANNED>PLANNED', 'PLANNED>WITHDRAWN', "
        "'PUBLISHED>CONFIRMED', 'PUBLISHED>PLANNED', 'PUBLISHED>PUBLISHED', 'PUBLISHED>VERIFIED', "
        "'PUBLISHED>WITHDRAWN', "
        "'VERIFIED>PLANNED', 'VERIFIED>PUBLISHED', 'VERIFIED>VERIFIED', 'VERIFIED>WITHDRAWN')",
        "lease_is_whole": "(lease_owner IS NULL) = (lease_until IS NULL)",
        "closed_is_not_leased": "lease_owner IS NULL OR phase NOT IN ('RETIRED', 'WITHDRAWN')",
    }
    return [sa.CheckConstraint(rule, name=f"rotations_{name}") for name, rule in rules.items()]


def _make_tokens() -> None:
    op.create_table(
        "tokens",
        _text("id"),
        _text("secret", "secrets.name", key="tokens_secret"),
        _text("rotation", "rotations.id", key="tokens_rotation", nullable=True),
        sa.Column("ordinal", sa.Integer),
        _text("state"),
        _text("name", nullable=True),
        _text("handle", nullable=True),
        _text("fingerprint", nullable=True),
        sa.Column("created_at", MOMENT),
        sa.Column("expires_at", MOMENT),
        sa.Column("handles_before", PLAIN_JSON, nullable=False),
        _text("proof", nullable=True),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="tokens_key"),
        sa.UniqueConstraint("rotation", "ordinal", name="tokens_unique_rotation_ordinal"),
        sa.CheckConstraint("state IN ('INTENDED', 'ABSENT', 'LIVE', 'REVOKING', 'DEAD')", name="tokens_state_is_known"),
        sa.CheckConstraint("proof IN ('refused', 'unlisted', 'never made')", name="tokens_proof_is_known"),
        sa.CheckConstraint("(state = 'DEAD') = (proof IS NOT NULL)", name="tokens_death_is_proven"),
        sa.CheckConstraint("(rotation IS NULL) = (ordinal IS NULL)", name="tokens_adopted_or_asked_for"),
    )


def _make_destinations() -> None:
    op.create_table(
        "destinations",
        _text("rotation", "rotations.id", key="destinations_rotation"),
        sa.Column("ordinal", sa.Integer, nullable=False, autoincrement=False),
        _text("connection"),
        sa.Column("place", PLAIN_JSON, nullable=False),
        _text("state"),
        _text("token", "tokens.id", key="destinations_token", nullable=True),
        _text("before", nullable=True),
        _text("before_fingerprint", nullable=True),
        _text("version", nullable=True),
        sa.PrimaryKeyConstraint("rotation", "ordinal", name="destinations_key"),
        sa.CheckConstraint(
            "state IN ('PENDING', 'WRITING', 'WRITTEN', 'CONFIRMED')", name="destinations_state_is_known"
        ),
    )


def _make_events() -> None:
    op.create_table(
        "events",
        _text("secret", "secrets.name", key="events_secret"),
        sa.Column("sequence", sa.Integer, nullable=False, autoincrement=False),
        _text("rotation", "rotations.id", key="events_rotation", nullable=True),
        _text("kind"),
        sa.Column("at", MOMENT, nullable=False),
        _text("actor"),
        sa.Column("detail", PLAIN_JSON, nullable=False),
        _text("digest"),
        sa.PrimaryKeyConstraint("secret", "sequence", name="events_key"),
    )


class Guard(NamedTuple):
    """A trigger that refuses a change of a row."""

    name: str
    change: str
    when: str | None
    says: str


GUARDS = (
    Guard(
        "rotations_closed_stay_closed", "UPDATE ON rotations",
        "OLD.phase IN ('RETIRED', 'WITHDRAWN')", "a closed rotation never moves again",
    ),
    Guard(
        "rotations_move_from_where_they_are", "UPDATE OF phase, phase_before ON rotations",
        "NEW.phase_before <> OLD.phase", "a rotation moves from the phase that it is in",
    ),
    Guard(
        "tokens_dead_stay_dead", "UPDATE OF state ON tokens",
        "OLD.state = 'DEAD' AND NEW.state <> 'DEAD'", "a dead token stays dead",
    ),
    Guard("events_never_change", "UPDATE ON events", None, "events never change"),
    Guard("events_never_go", "DELETE ON events", None, "events are never deleted"),
)  # fmt: skip


def _guard_sqlite() -> None:
    for guard in GUARDS:
        when = f"WHEN {guard.when}" if guard.when else ""
        op.execute(
            f"CREATE TRIGGER {guard.name} BEFORE {guard.change} {when} BEGIN SELECT RAISE(ABORT, '{guard.says}'); END"
        )


def _guard_postgresql() -> None:
    op.execute("""
        CREATE FUNCTION ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
        END $$
    """)
    for guard in GUARDS:
        when = f"WHEN ({guard.when})" if guard.when else ""
        op.execute(
            f"CREATE TRIGGER {guard.name} BEFORE {guard.change} FOR EACH ROW {when} "
            f"EXECUTE FUNCTION ledger_refuses('{guard.says}')"
        )
    op.execute(
        "CREATE TRIGGER events_never_emptied BEFORE TRUNCATE ON events FOR EACH STATEMENT "
        "EXECUTE FUNCTION ledger_refuses('events are never deleted')"
    )
