"""What interests learn from: the papers given with them alone, and feedback since a time only.

There is no way down: the way back is the backup made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add three columns; nothing that is stored changes what it means."""
    with op.batch_alter_table("interests") as batch:
        batch.add_column(sa.Column("only_examples", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("learn_from", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("interests") as batch:
        # The rows there are got a value; those to come bring their own.
        batch.alter_column(
            "only_examples", existing_type=sa.Boolean(), existing_nullable=False, server_default=None
        )
    # In place, not by a copy of the table: on SQLite that would take up its numbers again from the start.
    op.add_column("subscribers", sa.Column("learn_from", sa.DateTime(timezone=True), nullable=True))
