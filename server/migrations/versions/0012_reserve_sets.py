"""A reserve set stands by; two people abort an exam session and its candidates sit again.

Revision 0012: `exam_abort`, `exam_session.reserve_paper_set_id`, `exam_session.replaces_id`.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its triggers; plain ADD COLUMN: exam sessions are not rebuilt on SQLite."""
    op.add_column("exam_session", sa.Column("reserve_paper_set_id", sa.Integer(), nullable=True))
    op.add_column("exam_session", sa.Column("replaces_id", sa.Integer(), nullable=True))
    op.create_table(
        "exam_abort",
        sa.Column("exam_session_id", sa.Integer(), sa.ForeignKey("exam_session.id"), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("reserve", sa.Boolean(), nullable=False),
        sa.Column("starts_at", UTCDateTime(), nullable=True),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("asked_by", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("asked_name", sa.String(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("decided_by", sa.Integer(), sa.ForeignKey("person.id"), nullable=True),
        sa.Column("decided_name", sa.String(), nullable=True),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.Column("decision_note", sa.String(), nullable=True),
        sa.Column("successor_id", sa.Integer(), sa.ForeignKey("exam_session.id"), nullable=True),
        sa.PrimaryKeyConstraint("exam_session_id", "no"),
    )
    waiting = sa.text("decided_at IS NULL")
    op.create_index(
        "uq_exam_abort_waiting", "exam_abort", ["exam_session_id"], unique=True, sqlite_where=waiting, postgresql_where=waiting
    )
    once = ("agreed", "decided_at", "decided_by", "decided_name", "decision_note", "successor_id")
    triggers.create(op.get_bind(), "exam_abort", once)


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
