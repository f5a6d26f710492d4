"""Outages, what they meant for exam sessions, and decisions about clocks; what sittings need for them.

Revision 0003.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "outage": (),
    "outage_effect": (
        "affected",
        "applied_at",
        "decided_at",
        "decided_by",
        "decided_name",
        "decision",
        "most_ms",
        "reason",
        "second_by",
        "second_name",
    ),
    "clock_decision": (),
}
"""Table -> columns that may change once."""


def upgrade() -> None:
    """Plain ADD COLUMN: the table is not rebuilt on SQLite."""
    op.add_column("sitting", sa.Column("held", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("sitting", sa.Column("judged_n", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("sitting", sa.Column("outages", sa.String(), nullable=True))
    op.create_table(
        "outage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("since"),
    )
    op.create_table(
        "outage_effect",
        sa.Column("outage_id", sa.Integer(), nullable=False),
        sa.Column("exam_session_id", sa.Integer(), nullable=False),
        sa.Column("limit_ms", sa.Integer(), nullable=False),
        sa.Column("applied_at", UTCDateTime(), nullable=True),
        sa.Column("affected", sa.Integer(), nullable=True),
        sa.Column("most_ms", sa.Integer(), nullable=True),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_name", sa.String(), nullable=True),
        sa.Column("second_by", sa.Integer(), nullable=True),
        sa.Column("second_name", sa.String(), nullable=True),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"]),
        sa.ForeignKeyConstraint(["exam_session_id"], ["exam_session.id"]),
        sa.ForeignKeyConstraint(["outage_id"], ["outage.id"]),
        sa.ForeignKeyConstraint(["second_by"], ["person.id"]),
        sa.PrimaryKeyConstraint("outage_id", "exam_session_id"),
    )
    op.create_table(
        "clock_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("database_ms", sa.BigInteger(), nullable=False),
        sa.Column("chosen", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=False),
        sa.Column("decided_name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for table, may_change in APPEND_ONLY.items():
        triggers.create(op.get_bind(), table, may_change)


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
