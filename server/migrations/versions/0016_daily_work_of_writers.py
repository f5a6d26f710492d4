"""The daily work of writers: drafts of each window, remarks on versions, writing tasks, which versions were compared.

Revision 0016: `item_comment`, `writing_task`, `writing_task_item`, `twin_check`; columns of `bank` and `bank_working_draft`. Plain ADD
COLUMN: no table is rebuilt on SQLite.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Banks go on as before; a draft of before belongs to no window and is restored like any other."""
    op.add_column("bank", sa.Column("votes_needed", sa.Integer(), nullable=False, server_default="2"))
    op.add_column("bank", sa.Column("own_items_only", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("bank_working_draft", sa.Column("tab", sa.String(), nullable=False, server_default=""))
    op.add_column("bank_working_draft", sa.Column("base_version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("bank_working_draft", sa.Column("task_id", sa.Integer(), nullable=True))
    _reviews()
    _tasks()
    for table in ("item_comment", "writing_task_item", "twin_check"):
        triggers.create(op.get_bind(), table, ())
    # What writers typed stood in these rows after the answer was given; nobody reads them again.
    op.execute("DELETE FROM job WHERE kind = 'bank.compare_draft'")


def _reviews() -> None:
    op.create_table(
        "item_comment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_version_id", sa.Integer(), sa.ForeignKey("item_version.id"), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("reply_to", sa.Integer(), sa.ForeignKey("item_comment.id"), nullable=True),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_item_comment_item_version_id", "item_comment", ["item_version_id"])
    op.create_table(
        "twin_check",
        sa.Column("version_id", sa.Integer(), sa.ForeignKey("item_version.id"), autoincrement=False, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version_id"),
    )


def _tasks() -> None:
    op.create_table(
        "writing_task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), sa.ForeignKey("bank.id"), nullable=False),
        sa.Column("to_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("difficulty", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=True),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("due_on", UTCDateTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("made_at", UTCDateTime(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=False),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.Column("closed_by", sa.Integer(), nullable=True),
        sa.Column("close_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("wanted > 0", name="writing_task_wanted"),
    )
    op.create_index("ix_writing_task_open", "writing_task", ["bank_id", "to_id", "closed_at"])
    op.create_index("ix_writing_task_item_id", "writing_task", ["item_id"])
    op.create_table(
        "writing_task_item",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), autoincrement=False, nullable=False),
        sa.Column("task_id", sa.Integer(), sa.ForeignKey("writing_task.id"), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("item_id"),
    )
    op.create_index("ix_writing_task_item_task_id", "writing_task_item", ["task_id"])


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
