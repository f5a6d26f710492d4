"""Papers travel before the bell.

Revision 0002: `paper_package`, append-only.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its triggers."""
    op.create_table(
        "paper_package",
        sa.Column("exam_session_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("form_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("release", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("exam_session_id", "form_id"),
        sa.UniqueConstraint("exam_session_id", "digest"),
    )
    triggers.create(op.get_bind(), "paper_package", ())


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
