"""An item version may say its cognitive level.

Revision 0019: `item_version.cognitive`.
"""

import sqlalchemy as sa
from alembic import op

from server.migrations import triggers

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the triggers name every column."""
    connection = op.get_bind()
    triggers.drop(connection, "item_version")
    op.add_column("item_version", sa.Column("cognitive", sa.String(), nullable=False, server_default=""))
    triggers.create(connection, "item_version", ())


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
