"""Near-duplicates are decided by people, families merge, what may have leaked is held.

Revision 0006: `twin_case`, `twin_opinion`, `family_merge`, `quarantine`, `form_hold`.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their triggers."""
    op.create_table(
        "twin_case",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), sa.ForeignKey("bank.id"), nullable=False),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=False),
        sa.Column("version_id", sa.Integer(), sa.ForeignKey("item_version.id"), nullable=False),
        sa.Column("other_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=False),
        sa.Column("other_version_id", sa.Integer(), sa.ForeignKey("item_version.id"), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("variant", sa.Boolean(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("found_at", UTCDateTime(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("version_id", "other_version_id"),
    )
    op.create_index("twin_case_open", "twin_case", ["item_id", "decided_at"])
    op.create_index("twin_case_by_bank", "twin_case", ["bank_id", "decided_at"])
    op.create_index("ix_twin_case_other_id", "twin_case", ["other_id"])
    op.create_table(
        "twin_opinion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("twin_case.id"), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "by"),
    )
    op.create_table(
        "family_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), sa.ForeignKey("bank.id"), nullable=False),
        sa.Column("into_id", sa.Integer(), sa.ForeignKey("family.id"), nullable=False),
        sa.Column("from_id", sa.Integer(), sa.ForeignKey("family.id"), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("case_id", sa.Integer(), sa.ForeignKey("twin_case.id"), nullable=True),
        sa.Column("finding", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("undone_at", UTCDateTime(), nullable=True),
        sa.Column("undone_by", sa.Integer(), nullable=True),
        sa.Column("undo_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_family_merge_bank_id", "family_merge", ["bank_id"])
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), sa.ForeignKey("bank.id"), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("lift_asked_at", UTCDateTime(), nullable=True),
        sa.Column("lift_asked_by", sa.Integer(), nullable=True),
        sa.Column("lift_reason", sa.String(), nullable=True),
        sa.Column("lifted_at", UTCDateTime(), nullable=True),
        sa.Column("lifted_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_quarantine_bank_id", "quarantine", ["bank_id"])
    op.create_table(
        "form_hold",
        sa.Column("quarantine_id", sa.Integer(), sa.ForeignKey("quarantine.id"), autoincrement=False, nullable=False),
        sa.Column("form_id", sa.Integer(), sa.ForeignKey("form.id"), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", "form_id"),
    )
    op.create_index("ix_form_hold_form_id", "form_hold", ["form_id"])
    connection = op.get_bind()
    triggers.create(connection, "twin_case", ("decided_at", "verdict"))
    triggers.create(connection, "twin_opinion", ())
    triggers.create(connection, "family_merge", ("undo_reason", "undone_at", "undone_by"))
    triggers.create(connection, "quarantine", ("lift_asked_at", "lift_asked_by", "lift_reason", "lifted_at", "lifted_by"))
    triggers.create(connection, "form_hold", ())


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
