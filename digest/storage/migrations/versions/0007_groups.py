"""Groups of readers, and a record of who agreed to be written to.

For who confirmed a sign-up that is still stored, the record is made from that. There is no way down: the way
back is the backup made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reader_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name="fk_reader_groups_subscriber_id_subscribers",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reader_groups"),
        sa.UniqueConstraint("name", name="uq_reader_groups_name"),
        sa.UniqueConstraint("subscriber_id", name="uq_reader_groups_subscriber_id"),
    )
    op.create_table(
        "memberships",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["reader_groups.id"],
            name="fk_memberships_group_id_reader_groups",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name="fk_memberships_subscriber_id_subscribers",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("group_id", "subscriber_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_subscriber_id", "memberships", ["subscriber_id"])
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("wording", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name="fk_consents_subscriber_id_subscribers",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index("ix_consents_subscriber_id", "consents", ["subscriber_id"])
    with op.batch_alter_table("sign_ups") as batch:
        batch.add_column(sa.Column("origin", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("sign_ups") as batch:
        batch.alter_column("origin", existing_type=sa.Text(), existing_nullable=False, server_default=None)
    op.execute(
        "INSERT INTO consents (subscriber_id, given_at, way, origin, word, wording) "
        "SELECT subscribers.id, sign_ups.confirmed_at, 'web', '', '', '' FROM sign_ups "
        "JOIN subscribers ON subscribers.email_key = sign_ups.email_key "
        "WHERE sign_ups.confirmed_at IS NOT NULL ORDER BY sign_ups.id"
    )
