"""A database of an older version keeps what it holds."""

import json
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from digest.storage import deliveries, issues, upgrading
from digest.storage.database import Database
from digest.storage.shown import shown_to_dict
from tests.storage_rows import make_view

PAPER = """
    INSERT INTO papers (id, fingerprint, title, abstract, authors, authors_text, keywords, categories,
        media_urls, first_seen_at, updated_at)
    VALUES (:id, :id, :title, '', '[]', '', '[]', '[]', '[]', '2026-08-01', '2026-08-01')
"""
READER = """
    INSERT INTO subscribers (id, email, email_key, status, feed_token, token_version, created_at)
    VALUES (1, 'ada@example.org', 'ada@example.org', 'active', 'secret', 1, '2026-08-01')
"""
SUBSCRIPTION = """
    INSERT INTO subscriptions (id, subscriber_id, cadence, weekday, hour, zone, mail, feed, created_at)
    VALUES (1, 1, 'daily', 0, 7, 'UTC', 1, 1, '2026-08-01')
"""
ISSUE = """
    INSERT INTO issues (id, subscription_id, local_date, status, subject, coverage, interests, zone,
        composed_at, expires_at)
    VALUES (:id, 1, :day, 'composed', 'One', '', '[]', 'UTC', '2026-08-03 07:00:00', '2026-08-04 03:00:00')
"""
RECOMMENDATION = """
    INSERT INTO recommendations (issue_id, paper_id, position, section, score, reasons, parts, shown)
    VALUES (:issue, :paper, :position, 'For you', 1.0, '[]', '{}', :shown)
"""
DELIVERY = """
    INSERT INTO deliveries (id, issue_id, channel, recipient, message_id, status, attempts,
        may_have_arrived, planned_at, sending_at)
    VALUES (:id, :id, 'mail', 'ada@example.org', :id, :status, 1, 0, '2026-08-03 07:00:00',
        '2026-08-03 07:01:00')
"""


def upgrade_to(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(upgrading.MIGRATIONS))
    with database._engine.connect().execution_options(mode="migrate") as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_the_first_version_keeps_its_issues_and_mails(tmp_path: Path) -> None:
    """What was shown is the same, stored once; a mail left half sent counts as one that may have arrived."""
    database = Database(f"sqlite:///{tmp_path / 'digest.db'}")
    upgrade_to(database, "0001")
    shown = {one: json.dumps(shown_to_dict(make_view(one))) for one in (1, 2)}
    with database.write() as s:
        for one in (1, 2):
            s.execute(text(PAPER), {"id": one, "title": f"Paper {one}"})
        s.execute(text(READER))
        s.execute(text(SUBSCRIPTION))
        for issue, status in ((1, "sending"), (2, "sent")):
            s.execute(text(ISSUE), {"id": issue, "day": f"2026-08-0{issue}"})
            s.execute(text(DELIVERY), {"id": issue, "status": status})
            for paper in (1, 2):
                row = {"issue": issue, "paper": paper, "position": paper, "shown": shown[paper]}
                s.execute(text(RECOMMENDATION), row)
    assert database.upgrade()
    with database.read() as s:
        views = issues.load_issue_views(s, [1, 2])
        assert s.execute(text("SELECT count(*) FROM shown_papers")).scalar() == 2
        (stuck,) = deliveries.list_stuck(s)
    assert [item.paper for item in views[1].items] == [make_view(1), make_view(2)]
    assert views[1].items == views[2].items
    assert stuck.data_at == stuck.sending_at is not None
    database.close()
