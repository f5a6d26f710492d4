"""Items leave the bank by two people.

Revision 0018: `item_export`, `item_export_file`.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the trigger."""
    op.create_table(
        "item_export",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), sa.ForeignKey("bank.id"), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("with_keys", sa.Boolean(), nullable=False),
        sa.Column("narrowed", sa.JSON(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.Column("decision_note", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_item_export_bank_id", "item_export", ["bank_id"])
    op.create_table(
        "item_export_file",
        sa.Column("export_id", sa.Integer(), sa.ForeignKey("item_export.id"), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("job.id"), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("export_id"),
    )
    triggers.create(op.get_bind(), "item_export", ("agreed", "decided_at", "decided_by", "decision_note"))


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
