"""Items may share a text: case sets.

Revision 0017: `stimulus`, `stimulus_version`; `item` names its set and its place in it.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the columns of `item` (by plain SQL: SQLite adds a reference with the column only)."""
    op.create_table(
        "stimulus",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bank_id", sa.Integer(), sa.ForeignKey("bank.id"), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("current_version", sa.Integer(), nullable=False),
        sa.Column("import_batch_id", sa.Integer(), sa.ForeignKey("import_batch.id"), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stimulus_bank_id", "stimulus", ["bank_id"])
    op.create_table(
        "stimulus_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stimulus_id", sa.Integer(), sa.ForeignKey("stimulus.id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("html", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stimulus_id", "version"),
    )
    op.execute("ALTER TABLE item ADD COLUMN stimulus_id INTEGER REFERENCES stimulus (id)")
    op.execute("ALTER TABLE item ADD COLUMN set_position INTEGER DEFAULT 0 NOT NULL")
    op.create_index("ix_item_stimulus_id", "item", ["stimulus_id"])
    triggers.create(op.get_bind(), "stimulus_version", ())


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
