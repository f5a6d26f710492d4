"""Content tables are edited into new versions; forms remember their knowledge points, sets how they were found; enemies.

Revision 0008: `syllabus.method`, `topic.was_id`, `form_slot.topic_id`, `paper_set.report`, `enemy_group`.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; slots there are get the knowledge point of their item, which could not change its table until now."""
    connection = op.get_bind()
    for table in ("topic", "form_slot", "paper_set"):
        triggers.drop(connection, table)
    op.add_column("syllabus", sa.Column("method", sa.String(), nullable=False, server_default=""))
    op.add_column("topic", sa.Column("was_id", sa.Integer(), sa.ForeignKey("topic.id"), nullable=True), inline_references=True)
    slot = sa.Column("topic_id", sa.Integer(), sa.ForeignKey("topic.id"), nullable=True)
    op.add_column("form_slot", slot, inline_references=True)
    op.add_column("paper_set", sa.Column("report", sa.JSON(), nullable=True))
    op.execute("UPDATE form_slot SET topic_id = (SELECT item.topic_id FROM item WHERE item.id = form_slot.item_id)")
    triggers.create(connection, "topic", ())
    triggers.create(connection, "form_slot", ())
    triggers.create(connection, "paper_set", ("burned_at", "exam_session_id", "sealed_at"))
    op.create_table(
        "enemy_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), sa.ForeignKey("bank.id"), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_enemy_group_bank_id", "enemy_group", ["bank_id"])
    triggers.create(connection, "enemy_group", ("end_reason", "ended_at", "ended_by"))


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
