"""While an exam session is open nothing of it changes; two people may change rules that the room needs. Sealed content never changes.

Revision 0014: `freeze_override`; triggers on `form`: digest and envelopes are set once, and only its state moves.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the triggers."""
    op.create_table(
        "freeze_override",
        sa.Column("exam_session_id", sa.Integer(), sa.ForeignKey("exam_session.id"), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.Integer(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("asked_by", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("asked_name", sa.String(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("decided_by", sa.Integer(), sa.ForeignKey("person.id"), nullable=True),
        sa.Column("decided_name", sa.String(), nullable=True),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("exam_session_id", "no"),
    )
    waiting = sa.text("decided_at IS NULL")
    op.create_index(
        "uq_freeze_override_waiting",
        "freeze_override",
        ["exam_session_id"],
        unique=True,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    connection = op.get_bind()
    triggers.create(connection, "freeze_override", ("agreed", "decided_at", "decided_by", "decided_name"))
    triggers.create(connection, "form", ("digest", "sealed", "sealed_keys"), free=("state",))


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
