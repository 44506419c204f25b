"""Sources that keep evidence: health, checks, pages; identity across sources; enrichment; robots.txt.

There is no way down: the way back is the backup made before. Columns are added one by one, because a
rebuild of ``papers`` on SQLite would cost its triggers.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Widen what is there, then make the new tables."""
    _widen_reading()
    _widen_papers()
    _create_identity()
    _create_asking()


def _time(name: str, *, nullable: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), nullable=True)


def _add_filled(table: str, columns: dict[str, tuple[Any, str]]) -> None:
    """Add columns that are never null: the rows there are get a value, those to come bring their own."""
    with op.batch_alter_table(table) as batch:
        for name, (kind, value) in columns.items():
            batch.add_column(sa.Column(name, kind, nullable=False, server_default=value))
    with op.batch_alter_table(table) as batch:
        for name, (kind, _) in columns.items():
            batch.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)


def _widen_reading() -> None:
    for column in (_time("next_try_at"), _time("incident_at"), _text("moved_to")):
        op.add_column("sources", column)
    _add_filled("checks", {"evidence": (sa.JSON(), "{}")})
    op.add_column("checks", sa.Column("ids", sa.String(), nullable=True))
    _add_filled(
        "pages", {"role": (sa.String(), ""), "carry": (sa.JSON(), "[]"), "headers": (sa.JSON(), "[]")}
    )
    with op.batch_alter_table("pages") as batch:
        batch.add_column(sa.Column("check_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            "fk_pages_check_id_checks", "checks", ["check_id"], ["id"], ondelete="SET NULL"
        )
    op.create_index("ix_pages_check_id", "pages", ["check_id"])


def _widen_papers() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        _text("url"),
        sa.Column("venue", sa.String(), nullable=True),
        sa.Column("citations", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        _time("withdrawn_at"),
        sa.Column("text_by", sa.String(), nullable=True),
        sa.Column("summary_by", sa.String(), nullable=True),
    )
    for column in columns:
        op.add_column("papers", column)
    op.add_column("entries", sa.Column("joined_by", sa.String(), nullable=True))
    op.add_column("entries", sa.Column("confidence", sa.Float(), nullable=True))


def _reference(name: str, table: str) -> tuple["sa.Column[Any]", sa.ForeignKeyConstraint]:
    constraint = sa.ForeignKeyConstraint(
        [name], ["papers.id"], name=f"fk_{table}_{name}_papers", ondelete="CASCADE"
    )
    return sa.Column(name, sa.Integer(), nullable=False), constraint


def _create(table: str, references: tuple[str, ...], *parts: "sa.Column[Any] | sa.Constraint") -> None:
    """Make a table of facts about papers."""
    pairs = [_reference(name, table) for name in references]
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        *(column for column, _ in pairs),
        *parts,
        *(constraint for _, constraint in pairs),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )
    for name in references:
        op.create_index(f"ix_{table}_{name}", table, [name])


def _create_identity() -> None:
    _create(
        "paper_ids",
        ("paper_id",),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.UniqueConstraint("kind", "value", name="uq_paper_ids_kind_value"),
    )
    _create(
        "paper_versions",
        ("paper_id",),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column("text_by", sa.String(), nullable=True),
        _time("seen_at", nullable=False),
    )
    _create(
        "paper_joins",
        ("paper_id",),
        sa.Column("gone_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        _time("joined_at", nullable=False),
    )
    _create(
        "paper_splits",
        ("paper_id", "other_id"),
        _time("split_at", nullable=False),
        sa.UniqueConstraint("paper_id", "other_id", name="uq_paper_splits_paper_id_other_id"),
    )


def _create_asking() -> None:
    op.create_table(
        "robots",
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        _time("fetched_at", nullable=False),
        sa.PrimaryKeyConstraint("origin", name="pk_robots"),
    )
    _create(
        "enrichments",
        ("paper_id",),
        sa.Column("enricher", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _time("asked_at", nullable=False),
        _time("next_try_at"),
        sa.Column("cost", sa.Float(), nullable=False),
        _text("error"),
        sa.UniqueConstraint("paper_id", "enricher", name="uq_enrichments_paper_id_enricher"),
    )
    op.create_index("ix_enrichments_enricher_asked_at", "enrichments", ["enricher", "asked_at"])
