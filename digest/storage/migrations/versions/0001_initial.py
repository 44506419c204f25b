"""The first schema: what sources showed, readers, issues and deliveries, and full-text search.

There is no way down: the way back is the backup made before. A later migration that rebuilds ``papers`` on
SQLite (a batch) has to make its three triggers again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Ids of what links, feeds and people refer to are never given out twice, even after a deletion.
NEVER_REUSED = {"sqlite_autoincrement": True}

SQLITE_SEARCH = (
    # An external-content table: it stores the index only and reads the texts from papers.
    """
    CREATE VIRTUAL TABLE papers_fts USING fts5(
        title, abstract, authors_text,
        content='papers', content_rowid='id',
        tokenize='porter unicode61 remove_diacritics 2'
    )
    """,
    """
    CREATE TRIGGER papers_fts_insert AFTER INSERT ON papers BEGIN
        INSERT INTO papers_fts(rowid, title, abstract, authors_text)
        VALUES (new.id, new.title, new.abstract, new.authors_text);
    END
    """,
    """
    CREATE TRIGGER papers_fts_delete AFTER DELETE ON papers BEGIN
        INSERT INTO papers_fts(papers_fts, rowid, title, abstract, authors_text)
        VALUES ('delete', old.id, old.title, old.abstract, old.authors_text);
    END
    """,
    """
    CREATE TRIGGER papers_fts_update AFTER UPDATE OF title, abstract, authors_text ON papers BEGIN
        INSERT INTO papers_fts(papers_fts, rowid, title, abstract, authors_text)
        VALUES ('delete', old.id, old.title, old.abstract, old.authors_text);
        INSERT INTO papers_fts(rowid, title, abstract, authors_text)
        VALUES (new.id, new.title, new.abstract, new.authors_text);
    END
    """,
)


def _postgres_vector(column: str, weight: str) -> str:
    # Without marks, so that naive finds naïve as it does on SQLite. Without punctuation, of which the parser
    # would otherwise make paths ("encoder/decoder"), host names and negative numbers ("GPT-4").
    bare = rf"regexp_replace(normalize({column}, NFKD), '[\u0300-\u036F]', '', 'g')"
    words = f"regexp_replace({bare}, '[!-/:-@[-`{{-~]', ' ', 'g')"
    return f"setweight(to_tsvector('english', {words}), '{weight}')"


POSTGRES_SEARCH = (
    "ALTER TABLE papers ADD COLUMN search tsvector GENERATED ALWAYS AS ("
    + " || ".join(
        [
            _postgres_vector("title", "A"),
            _postgres_vector("authors_text", "B"),
            _postgres_vector("abstract", "D"),
        ]
    )
    + ") STORED",
    "CREATE INDEX ix_papers_search ON papers USING gin (search)",
)


def upgrade() -> None:
    _create_sources()
    _create_papers()
    _create_listings()
    _create_readers()
    _create_interests()
    _create_issues()
    _create_deliveries_and_runs()
    for statement in SQLITE_SEARCH if op.get_bind().dialect.name == "sqlite" else POSTGRES_SEARCH:
        op.execute(statement)


def _id(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    ]


def _reference(table: str, column: str, target: str, *, null: bool = False) -> list[sa.schema.SchemaItem]:
    """A column that refers to ``target``: its row goes with the target, or forgets it where it may."""
    return [
        sa.Column(column, sa.Integer(), nullable=null),
        sa.ForeignKeyConstraint(
            [column],
            [f"{target}.id"],
            name=f"fk_{table}_{column}_{target}",
            ondelete="SET NULL" if null else "CASCADE",
        ),
    ]


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _string(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=null)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def _integer(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=null)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _date(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Date(), nullable=null)


def _time(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _create_sources() -> None:
    op.create_table(
        "sources",
        *_id("sources"),
        _string("name"),
        _string("kind"),
        _string("url"),
        _time("created_at"),
        _time("last_checked_at", null=True),
        _time("last_good_at", null=True),
        _integer("failures_in_row"),
        _string("last_verdict", null=True),
        _text("last_error", null=True),
        _unique("sources", "name"),
        **NEVER_REUSED,
    )


def _create_papers() -> None:
    op.create_table(
        "papers",
        *_id("papers"),
        _string("arxiv_id", null=True),
        _string("doi", null=True),
        _string("fingerprint"),
        _text("title"),
        _text("abstract"),
        _json("authors"),
        _text("authors_text"),
        _string("organisation", null=True),
        _text("summary", null=True),
        _json("keywords"),
        _json("categories"),
        _text("code_url", null=True),
        _text("project_url", null=True),
        _text("thumbnail_url", null=True),
        _json("media_urls"),
        _date("published_on", null=True),
        _time("first_seen_at"),
        _time("updated_at"),
        _unique("papers", "arxiv_id"),
        _unique("papers", "doi"),
        **NEVER_REUSED,
    )
    _index("papers", "fingerprint")
    _index("papers", "first_seen_at")


def _create_listings() -> None:
    """Pages, checks, entries and observations: everything that belongs to a source."""
    op.create_table(
        "pages",
        *_id("pages"),
        *_reference("pages", "source_id", "sources"),
        _text("url"),
        _date("day", null=True),
        _time("fetched_at"),
        _integer("status"),
        _string("content_type"),
        _string("etag", null=True),
        _string("last_modified", null=True),
        _string("sha256"),
        _integer("size"),
        _string("path"),
        _string("verdict", null=True),
    )
    _index("pages", "source_id")
    _index("pages", "fetched_at")
    _index("pages", "source_id", "url", "fetched_at")
    op.create_table(
        "checks",
        *_id("checks"),
        *_reference("checks", "source_id", "sources"),
        _date("day"),
        _time("checked_at"),
        _string("verdict"),
        _integer("entries"),
        _integer("declared", null=True),
        _integer("new"),
        _integer("modified"),
        _integer("unchanged"),
        _text("error", null=True),
    )
    _index("checks", "source_id")
    _index("checks", "day")
    _index("checks", "checked_at")
    _index("checks", "source_id", "day", "checked_at")
    _create_entries()


def _create_entries() -> None:
    op.create_table(
        "entries",
        *_id("entries"),
        *_reference("entries", "source_id", "sources"),
        *_reference("entries", "paper_id", "papers"),
        _date("listed_on"),
        _string("source_ref", null=True),
        _integer("position"),
        _integer("votes", null=True),
        _integer("comments", null=True),
        _integer("stars", null=True),
        _string("submitter", null=True),
        _time("first_seen_at"),
        _time("seen_at"),
        _unique("entries", "source_id", "paper_id", "listed_on"),
    )
    _index("entries", "source_id")
    _index("entries", "paper_id")
    _index("entries", "listed_on", "paper_id")
    _index("entries", "source_id", "source_ref")
    op.create_table(
        "observations",
        *_id("observations"),
        *_reference("observations", "paper_id", "papers"),
        *_reference("observations", "source_id", "sources"),
        _time("observed_at"),
        _integer("votes", null=True),
        _integer("position", null=True),
        _integer("comments", null=True),
        _integer("stars", null=True),
        _unique("observations", "paper_id", "source_id", "observed_at"),
    )
    _index("observations", "paper_id")
    _index("observations", "source_id")
    _index("observations", "observed_at")


def _create_readers() -> None:
    op.create_table(
        "subscribers",
        *_id("subscribers"),
        _string("email", null=True),
        _string("email_key", null=True),
        _string("status"),
        _string("feed_token"),
        _integer("token_version"),
        _date("paused_until", null=True),
        _time("created_at"),
        _time("confirmed_at", null=True),
        _unique("subscribers", "email_key"),
        _unique("subscribers", "feed_token"),
        **NEVER_REUSED,
    )
    op.create_table(
        "subscriptions",
        *_id("subscriptions"),
        *_reference("subscriptions", "subscriber_id", "subscribers"),
        _string("cadence"),
        _integer("weekday"),
        _integer("hour"),
        _string("zone"),
        sa.Column("mail", sa.Boolean(), nullable=False),
        sa.Column("feed", sa.Boolean(), nullable=False),
        _integer("max_papers", null=True),
        sa.Column("trend_weight", sa.Float(), nullable=True),
        _time("created_at"),
        **NEVER_REUSED,
    )
    _index("subscriptions", "subscriber_id")


def _create_interests() -> None:
    op.create_table(
        "interests",
        *_id("interests"),
        *_reference("interests", "subscriber_id", "subscribers"),
        _string("name"),
        _json("keywords"),
        _json("must_keywords"),
        _json("not_keywords"),
        _json("authors"),
        _json("categories"),
        _json("examples"),
        _time("created_at"),
        _unique("interests", "subscriber_id", "name"),
        **NEVER_REUSED,
    )
    _index("interests", "subscriber_id")
    op.create_table(
        "feedback",
        *_id("feedback"),
        *_reference("feedback", "subscriber_id", "subscribers"),
        *_reference("feedback", "paper_id", "papers"),
        _string("kind"),
        *_reference("feedback", "interest_id", "interests", null=True),
        _time("created_at"),
        _unique("feedback", "subscriber_id", "paper_id", "kind"),
    )
    _index("feedback", "subscriber_id")
    _index("feedback", "paper_id")
    _index("feedback", "interest_id")


def _create_issues() -> None:
    op.create_table(
        "issues",
        *_id("issues"),
        *_reference("issues", "subscription_id", "subscriptions"),
        _date("local_date"),
        _string("status"),
        _text("subject"),
        _text("coverage"),
        _text("notice", null=True),
        _text("reason", null=True),
        _json("interests"),
        _string("zone"),
        _time("composed_at"),
        _time("expires_at"),
        _unique("issues", "subscription_id", "local_date"),
        **NEVER_REUSED,
    )
    _index("issues", "subscription_id")
    _index("issues", "composed_at")
    op.create_table(
        "recommendations",
        *_id("recommendations"),
        *_reference("recommendations", "issue_id", "issues"),
        *_reference("recommendations", "paper_id", "papers"),
        _integer("position"),
        _string("section"),
        sa.Column("score", sa.Float(), nullable=False),
        _string("interest", null=True),
        *_reference("recommendations", "interest_id", "interests", null=True),
        _json("reasons"),
        _json("parts"),
        _json("shown"),
        _unique("recommendations", "issue_id", "paper_id"),
        _unique("recommendations", "issue_id", "position"),
    )
    _index("recommendations", "issue_id")
    _index("recommendations", "paper_id")
    _index("recommendations", "interest_id")


def _create_deliveries_and_runs() -> None:
    op.create_table(
        "deliveries",
        *_id("deliveries"),
        *_reference("deliveries", "issue_id", "issues"),
        _string("channel"),
        _string("recipient"),
        _string("message_id"),
        _string("status"),
        _integer("attempts"),
        sa.Column("may_have_arrived", sa.Boolean(), nullable=False),
        _time("planned_at"),
        _time("sending_at", null=True),
        _time("sent_at", null=True),
        _time("retry_at", null=True),
        _text("reply", null=True),
        _text("reason", null=True),
        _unique("deliveries", "issue_id", "channel"),
        _unique("deliveries", "message_id"),
    )
    _index("deliveries", "issue_id")
    _index("deliveries", "status", "retry_at")
    op.create_table(
        "runs",
        *_id("runs"),
        _string("use_case"),
        _time("started_at"),
        _time("finished_at", null=True),
        sa.Column("ok", sa.Boolean(), nullable=True),
        _json("outcome"),
    )
    _index("runs", "use_case", "started_at")
