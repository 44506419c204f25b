"""The outbox: leases and data marks, letters, bounces, suppression; what is shown of a paper stored once.

There is no way down: the way back is the backup made before.
"""

import json
from hashlib import blake2b

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NEVER_REUSED = {"sqlite_autoincrement": True}
BATCH = 500


def upgrade() -> None:
    """Make the new tables, then change the two that were there."""
    _create_letters()
    _create_bounces()
    _share_what_is_shown()
    _widen_deliveries()


def _create_letters() -> None:
    op.create_table(
        "letters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_letters"),
        sa.UniqueConstraint("kind", "recipient", "key", name="uq_letters_kind_recipient_key"),
        **NEVER_REUSED,
    )


def _create_bounces() -> None:
    op.create_table(
        "bounces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.Column("subscriber_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("diagnostic", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bounces"),
        sa.UniqueConstraint("digest", name="uq_bounces_digest"),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name="fk_bounces_delivery_id_deliveries", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name="fk_bounces_subscriber_id_subscribers",
            ondelete="CASCADE",
        ),
    )
    for column in ("delivery_id", "subscriber_id", "received_at"):
        op.create_index(f"ix_bounces_{column}", "bounces", [column])
    op.create_table(
        "suppressions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suppressions"),
        sa.UniqueConstraint("email_key", name="uq_suppressions_email_key"),
    )
    op.create_table(
        "domain_pace",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", name="pk_domain_pace"),
    )


def _share_what_is_shown() -> None:
    """Move what each recommendation showed of its paper to a table in which the same stands once."""
    op.create_table(
        "shown_papers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shown_papers"),
        sa.UniqueConstraint("digest", name="uq_shown_papers_digest"),
    )
    with op.batch_alter_table("recommendations", recreate="auto") as batch:
        batch.add_column(sa.Column("shown_id", sa.Integer(), nullable=True))
    _move_shown()
    with op.batch_alter_table("recommendations") as batch:
        batch.alter_column("shown_id", existing_type=sa.Integer(), nullable=False)
        batch.drop_column("shown")
        batch.create_foreign_key(
            "fk_recommendations_shown_id_shown_papers",
            "shown_papers",
            ["shown_id"],
            ["id"],
            ondelete="RESTRICT",
        )
    op.create_index("ix_recommendations_shown_id", "recommendations", ["shown_id"])


def _move_shown() -> None:
    connection = op.get_bind()
    shown_papers = sa.table("shown_papers", sa.column("id"), sa.column("digest"), sa.column("shown", sa.JSON))
    rows = sa.table("recommendations", sa.column("id"), sa.column("shown", sa.JSON), sa.column("shown_id"))
    ids: dict[str, int] = {}
    last = 0
    while True:
        query = sa.select(rows.c.id, rows.c.shown).where(rows.c.id > last).order_by(rows.c.id).limit(BATCH)
        found = connection.execute(query).all()
        if not found:
            break
        for row_id, shown in found:
            written = json.dumps(shown, sort_keys=True, separators=(",", ":"))
            digest = blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            if digest not in ids:
                ids[digest] = len(ids) + 1
                connection.execute(shown_papers.insert().values(id=ids[digest], digest=digest, shown=shown))
            connection.execute(rows.update().where(rows.c.id == row_id).values(shown_id=ids[digest]))
        last = found[-1].id
    if ids and connection.dialect.name == "postgresql":
        connection.execute(
            sa.text("SELECT setval(pg_get_serial_sequence('shown_papers', 'id'), :last)"), {"last": len(ids)}
        )


def _widen_deliveries() -> None:
    with op.batch_alter_table("deliveries", table_kwargs=NEVER_REUSED) as batch:
        batch.alter_column("issue_id", existing_type=sa.Integer(), nullable=True)
        batch.add_column(sa.Column("letter_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("envelope_from", sa.String(), nullable=True))
        batch.add_column(sa.Column("lease", sa.String(), nullable=True))
        batch.add_column(sa.Column("data_at", sa.DateTime(timezone=True), nullable=True))
        batch.create_foreign_key(
            "fk_deliveries_letter_id_letters", "letters", ["letter_id"], ["id"], ondelete="CASCADE"
        )
        batch.create_unique_constraint("uq_deliveries_letter_id_channel", ["letter_id", "channel"])
    op.create_index("ix_deliveries_letter_id", "deliveries", ["letter_id"])
    op.create_index("ix_deliveries_sent_at", "deliveries", ["sent_at"])
    # What an older version left half sent: it did not mark its data, so it may have arrived.
    deliveries = sa.table("deliveries", sa.column("status"), sa.column("data_at"), sa.column("sending_at"))
    op.get_bind().execute(
        deliveries.update().where(deliveries.c.status == "sending").values(data_at=deliveries.c.sending_at)
    )
