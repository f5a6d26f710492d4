"""A paper leaves the safe by two custodians' word.

Revision 0010: `release_approval`, `paper_release`. Exam sessions that are open or over were opened without; they stay as they are.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their triggers."""
    op.create_table(
        "release_approval",
        sa.Column("exam_session_id", sa.Integer(), sa.ForeignKey("exam_session.id"), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("paper_set_id", sa.Integer(), sa.ForeignKey("paper_set.id"), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("by", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("by_name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("exam_session_id", "no"),
    )
    op.create_table(
        "paper_release",
        sa.Column("exam_session_id", sa.Integer(), sa.ForeignKey("exam_session.id"), nullable=False),
        sa.Column("paper_set_id", sa.Integer(), sa.ForeignKey("paper_set.id"), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("first_by", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("second_by", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("second_name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("exam_session_id", "paper_set_id"),
    )
    connection = op.get_bind()
    triggers.create(connection, "release_approval", ())
    triggers.create(connection, "paper_release", ())


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
