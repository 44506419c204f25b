"""When readers left.

Until now it was told by what keeps their address from being written to. Where that is gone, or there is no
address, they count as having left at this upgrade: nobody is forgotten too early. There is no way down: the
way back is the backup made before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column, and fill it for who has left."""
    op.add_column("subscribers", sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE subscribers SET left_at = COALESCE((SELECT created_at FROM suppressions "
        "WHERE suppressions.email_key = subscribers.email_key "
        "AND suppressions.reason IN ('unsubscribed', 'complained')), CURRENT_TIMESTAMP) "
        "WHERE status = 'unsubscribed'"
    )
