"""Readers choose a language.

There is no way down: the way back is the backup made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Add the column, empty: whoever chose nothing goes by the installation."""
    op.add_column("subscriptions", sa.Column("language", sa.String(), nullable=True))
