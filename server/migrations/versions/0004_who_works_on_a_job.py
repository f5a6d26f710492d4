"""Several serving processes: who works on a job, and when that child process was last known to be alive.

Revision 0004: `job.child`, `job.beat_at`.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what runs during an upgrade has nobody behind it and is found to be an orphan."""
    op.add_column("job", sa.Column("child", sa.String(), nullable=False, server_default=""))
    op.add_column("job", sa.Column("beat_at", UTCDateTime(), nullable=True))


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
