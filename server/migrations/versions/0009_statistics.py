"""What an exam session's figures were stays with it, and goes back to the items.

Revision 0009: `session_statistics`, `form_statistics`, `item_statistic`, `item_look`. Exam sessions that were marked before are
computed by the serving process's sweeper.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _run_key() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["exam_session_id", "run_no"], ["marking_run.exam_session_id", "marking_run.no"])


def upgrade() -> None:
    """Make the tables and their triggers."""
    op.create_table(
        "session_statistics",
        sa.Column("exam_session_id", sa.Integer(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("comparison", sa.JSON(), nullable=False),
        sa.Column("hints", sa.JSON(), nullable=False),
        sa.Column("computed_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("exam_session_id", "run_no"),
        _run_key(),
    )
    op.create_table(
        "form_statistics",
        sa.Column("exam_session_id", sa.Integer(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("form_id", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("computed_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("exam_session_id", "run_no", "form_id"),
        _run_key(),
    )
    op.create_table(
        "item_statistic",
        sa.Column("exam_session_id", sa.Integer(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("form_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("item_version_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("right", sa.Integer(), nullable=False),
        sa.Column("revise", sa.Boolean(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("exam_session_id", "run_no", "form_id", "slot"),
        _run_key(),
    )
    op.create_index("item_statistic_of_item", "item_statistic", ["item_id", "exam_session_id", "run_no"])
    op.create_index("item_statistic_revise", "item_statistic", ["bank_id", "revise"])
    op.create_index("item_statistic_of_version", "item_statistic", ["item_version_id"])
    op.create_table(
        "item_look",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("exam_session_id", sa.Integer(), nullable=False),
        sa.Column("run_no", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("by_name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("item_look_of_item", "item_look", ["item_id"])
    connection = op.get_bind()
    for table in ("session_statistics", "form_statistics", "item_statistic", "item_look"):
        triggers.create(connection, table, ())


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
