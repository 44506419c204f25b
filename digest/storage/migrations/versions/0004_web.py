"""What readers do by themselves: sign up, describe their interests, hide sections, write notes.

There is no way down: the way back is the backup made before.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Widen what is there, then make the new table."""
    _add_filled("interests", "about", sa.Text(), "")
    _add_filled("subscriptions", "hidden_sections", sa.JSON(), "[]")
    _add_filled("feedback", "note", sa.Text(), "")
    # A number is never given again: links that are signed with it outlive a reader who was deleted.
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table(
        "subscribers",
        recreate="always" if is_sqlite else "never",
        table_kwargs={"sqlite_autoincrement": True},
    ) as batch:
        batch.add_column(sa.Column("left_from", sa.JSON(), nullable=True))
    op.create_table(
        "sign_ups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("wishes", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sign_ups"),
        sa.UniqueConstraint("email_key", "asked_on", name="uq_sign_ups_email_key_asked_on"),
        sa.UniqueConstraint("token_hash", name="uq_sign_ups_token_hash"),
    )
    op.create_index("ix_sign_ups_email_key", "sign_ups", ["email_key"])
    op.create_index("ix_sign_ups_asked_at", "sign_ups", ["asked_at"])


def _add_filled(table: str, name: str, kind: Any, value: str) -> None:
    """Add a column that is never null: the rows there are get a value, those to come bring their own."""
    with op.batch_alter_table(table) as batch:
        batch.add_column(sa.Column(name, kind, nullable=False, server_default=value))
    with op.batch_alter_table(table) as batch:
        batch.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)
