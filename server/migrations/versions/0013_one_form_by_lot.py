"""One form by lot: committed to when the exam session is scheduled, drawn when its paper is released.

Revision 0013: `form_draw`.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its triggers."""
    op.create_table(
        "form_draw",
        sa.Column("exam_session_id", sa.Integer(), sa.ForeignKey("exam_session.id"), nullable=False),
        sa.Column("paper_set_id", sa.Integer(), sa.ForeignKey("paper_set.id"), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary(), nullable=False),
        sa.Column("committed_at", UTCDateTime(), nullable=False),
        sa.Column("drawn_at", UTCDateTime(), nullable=True),
        sa.Column("seed", sa.String(), nullable=True),
        sa.Column("line", sa.String(), nullable=True),
        sa.Column("label", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("exam_session_id", "paper_set_id"),
    )
    triggers.create(op.get_bind(), "form_draw", ("drawn_at", "label", "line", "seed"))


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
