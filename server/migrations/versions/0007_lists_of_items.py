"""Lists and search of a large bank read indexes, not bodies.

Revision 0007: `item_newest`, `item_version_listed`.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("item_newest", "item", ["bank_id", "id", "import_batch_id", "current_version"])
    op.create_index("item_version_listed", "item_version", ["item_id", "version", "kind", "difficulty", "plain"])


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
