"""Named experts review forms before they are sealed; a question of a rejected form may be exchanged.

Revision 0011: `paper_expert`, `expert_round`, `expert_vote`, `expert_remark`, `slot_swap`; `bank.experts_needed` is 2 for self-built
banks and 0 for others. The question in a `form_slot` may change while its form is composed, and only then.
"""

import sqlalchemy as sa
from alembic import op

from server.db import UTCDateTime
from server.migrations import triggers

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their triggers; plain ADD COLUMN: the bank is not rebuilt on SQLite."""
    op.add_column("bank", sa.Column("experts_needed", sa.Integer(), nullable=False, server_default="2"))
    op.execute("UPDATE bank SET experts_needed = 0 WHERE provenance <> 'self_built'")
    op.create_table(
        "paper_expert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("paper_set_id", sa.Integer(), sa.ForeignKey("paper_set.id"), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("named_at", UTCDateTime(), nullable=False),
        sa.Column("named_by", sa.Integer(), nullable=False),
        sa.Column("removed_at", UTCDateTime(), nullable=True),
        sa.Column("removed_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_paper_expert_person_id", "paper_expert", ["person_id"])
    named = sa.text("removed_at IS NULL")
    op.create_index(
        "uq_paper_expert_named",
        "paper_expert",
        ["paper_set_id", "person_id"],
        unique=True,
        sqlite_where=named,
        postgresql_where=named,
    )
    op.create_table(
        "expert_round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("form_id", sa.Integer(), sa.ForeignKey("form.id"), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("form_id", "no"),
    )
    still_open = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_expert_round_open", "expert_round", ["form_id"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_table(
        "expert_vote",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("round_id", sa.Integer(), sa.ForeignKey("expert_round.id"), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("opinion", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("round_id", "person_id"),
    )
    op.create_table(
        "expert_remark",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("round_id", sa.Integer(), sa.ForeignKey("expert_round.id"), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("item_version_id", sa.Integer(), sa.ForeignKey("item_version.id"), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_expert_remark_round_id", "expert_remark", ["round_id"])
    op.create_table(
        "slot_swap",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("form_id", sa.Integer(), sa.ForeignKey("form.id"), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("out_item_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=False),
        sa.Column("out_version_id", sa.Integer(), sa.ForeignKey("item_version.id"), nullable=False),
        sa.Column("in_item_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=False),
        sa.Column("in_version_id", sa.Integer(), sa.ForeignKey("item_version.id"), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("among", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("slot_swap_by_form", "slot_swap", ["form_id", "slot"])
    connection = op.get_bind()
    triggers.create(connection, "paper_expert", ("removed_at", "removed_by"))
    triggers.create(connection, "expert_round", ("ended_at", "outcome"))
    for table in ("expert_vote", "expert_remark", "slot_swap"):
        triggers.create(connection, table, ())
    triggers.drop(connection, "form_slot")
    triggers.create_slots(connection)


def downgrade() -> None:
    """There is no way back: restore the backup made before."""
    raise NotImplementedError("restore the backup made before the upgrade")
