"""Every version's database walks forward: all its rows survive, and mean what they meant.

``data/migrations/<revision>.sql`` is a database as that revision made it, with a few rows of every table. It
is never changed; a new revision adds a file before it is released.
"""

import json
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from digest.errors import StorageError
from digest.models import metadata
from digest.storage import backing_up, deliveries, issues, papers, saved, subscribers, upgrading
from digest.storage.database import Database
from digest.storage.search import search_papers
from tests.storage_rows import NOW

pytestmark = pytest.mark.migrates

FOLDER = Path(__file__).parent / "data" / "migrations"
REVISIONS = sorted(path.stem for path in FOLDER.glob("*.sql"))
Usage = namedtuple("Usage", "total used free")


def make(path: Path, revision: str) -> dict[str, list[dict[str, Any]]]:
    """The database of that revision; returns its rows by table."""
    with closing(sqlite3.connect(path)) as plain:
        plain.executescript((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))
        plain.commit()
    return rows_of(path)


def rows_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as plain:
        plain.row_factory = sqlite3.Row
        tables = [
            name
            for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name in metadata.tables
        ]
        return {name: [dict(row) for row in plain.execute(f"SELECT * FROM {name}")] for name in tables}


@dataclass(frozen=True)
class Walk:
    """A database that was brought up to date, once for all tests, and its rows before."""

    revision: str
    path: Path
    old: dict[str, list[dict[str, Any]]]


@pytest.fixture(params=REVISIONS, scope="session")
def walk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    path = tmp_path_factory.mktemp("walk") / "digest.db"
    old = make(path, request.param)
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.close()
    return Walk(request.param, path, old)


@pytest.fixture
def old(walk: Walk) -> dict[str, list[dict[str, Any]]]:
    """The rows before."""
    return walk.old


@pytest.fixture
def database(walk: Walk, tmp_path: Path) -> Iterator[Database]:
    """The database brought up to date, for one test."""
    shutil.copyfile(walk.path, tmp_path / "digest.db")
    database = Database(f"sqlite:///{tmp_path / 'digest.db'}")
    yield database
    database.close()


def test_every_revision_up_to_the_newest_of_them_has_its_database() -> None:
    """Those that came after it are not released yet."""
    assert [one for one in upgrading.known_revisions() if one <= REVISIONS[-1]] == REVISIONS


def test_every_table_of_a_revision_has_rows(old: dict[str, list[dict[str, Any]]]) -> None:
    """Else a walk would prove nothing of it."""
    assert [name for name, rows in old.items() if not rows] == []


def test_all_rows_survive(old: dict[str, list[dict[str, Any]]], database: Database) -> None:
    """Each row is there, with the same in every column that there still is."""
    new = rows_of(database.path)
    for name, rows in old.items():
        keys = [column.name for column in metadata.tables[name].primary_key]
        by_key = {tuple(row[key] for key in keys): row for row in new[name]}
        for row in rows:
            after = by_key[tuple(row[key] for key in keys)]
            kept = {column: value for column, value in row.items() if column in after}
            if name == "deliveries" and row["status"] == "sending":
                kept.pop("data_at", None)
            assert {column: after[column] for column in kept} == kept


def test_what_was_shown_is_still_shown(old: dict[str, list[dict[str, Any]]], database: Database) -> None:
    """An issue shows what it showed, wherever that is stored now."""
    with database.read() as s:
        views = issues.load_issue_views(s, [1, 2])
    titles = [item.paper.title for item in views[1].items]
    assert titles == ["Naïve retrieval of long documents", "Proteins — folded twice"]
    assert [item.paper.votes for item in views[1].items] == [10, 20]
    assert views[1].items[0].reasons == ("keyword “retrieval”",)
    if "shown" in old["recommendations"][0]:
        new = {row["id"]: json.loads(row["shown"]) for row in rows_of(database.path)["shown_papers"]}
        assert [one["title"] for one in new.values()] == titles


def test_rows_mean_what_they_meant(database: Database) -> None:
    """Who reads, what they were sent and saved, what waits, and what is found by its words."""
    with database.read() as s:
        ada = subscribers.get_subscriber(s, "Ada@example.org")
        assert (ada.status, ada.feed_token) == ("active", "token-1")
        assert subscribers.get_subscriber(s, "cy@example.org").status == "unsubscribed"
        assert issues.list_sent(s, [1]) == {1: {1, 2}}
        assert [row.paper_id for row in saved.list_saved(s, 1)] == [1]
        assert [row.id for row in deliveries.list_stuck(s)] == [2]
        found = search_papers(s, "naive", limit=5)
        assert papers.count_papers(s) == 3
    assert len(found) == 1


def test_who_left_is_known_to_have_left_since_then(walk: Walk, database: Database) -> None:
    """By the note that they are not written to, once there were such; who still reads has left never."""
    with database.read() as s:
        left = {one.email: one.left_at for one in subscribers.list_subscribers(s)}
    left_at = left.pop("cy@example.org")
    if "suppressions" in walk.old:
        (note,) = [row for row in walk.old["suppressions"] if row["email_key"] == "cy@example.org"]
        assert left_at == datetime.fromisoformat(note["created_at"]).replace(tzinfo=UTC)
    assert left_at is not None
    assert set(left.values()) == {None}


def test_who_left_without_a_note_counts_as_having_left_at_the_upgrade(tmp_path: Path) -> None:
    """So that they have all the days to come back in."""
    path = tmp_path / "digest.db"
    make(path, "0009")
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("UPDATE subscribers SET status = 'unsubscribed' WHERE email IS NULL")
        plain.commit()
    database = Database(f"sqlite:///{path}")
    began = datetime.now(UTC).replace(microsecond=0)
    database.upgrade()
    with database.read() as s:
        (left,) = [one.left_at for one in subscribers.list_subscribers(s) if one.email is None]
    database.close()
    assert left is not None
    assert began <= left <= datetime.now(UTC)


def test_numbers_of_readers_are_not_given_again(database: Database) -> None:
    """Nine readers came and six were deleted; links that are signed with their numbers are still around."""
    with database.write() as s:
        new = subscribers.add_subscriber(s, email="eve@example.org", status="active", now=NOW)
    assert new.id == 10


def test_a_copy_is_kept_before(walk: Walk) -> None:
    """It is the database as it was; where there is nothing to upgrade none is made."""
    copies = list(walk.path.parent.glob("digest.db.before-*"))
    if walk.revision == upgrading.head_revision():
        assert copies == []
        return
    assert [path.name for path in copies] == [f"digest.db.before-{upgrading.head_revision()}"]
    assert rows_of(copies[0]) == walk.old
    assert backing_up.look_inside(copies[0]).revision == walk.revision
    assert copies[0].stat().st_mode & 0o777 == 0o600


def test_the_upgraded_schema_is_the_new_one(database: Database, tmp_path: Path) -> None:
    """Walked forward or made anew, every table has the same columns."""
    fresh = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    fresh.upgrade()
    fresh.close()
    assert columns_of(database.path) == columns_of(tmp_path / "fresh.db")


def columns_of(path: Path) -> dict[str, set[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as plain:
        return {
            name: {row[1:] for row in plain.execute(f"PRAGMA table_xinfo({name})")}
            for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }


# --- the copy itself -------------------------------------------------------------------------------


def test_without_room_for_a_copy_nothing_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to do; the next start tries again."""
    path = tmp_path / "digest.db"
    before = make(path, "0001")
    database = Database(f"sqlite:///{path}")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 1))
        with pytest.raises(StorageError, match=r"disk is too full for a copy .* nothing was touched"):
            database.upgrade()
    assert rows_of(path) == before
    assert not database.is_current()
    assert [one.name for one in tmp_path.glob("*before*")] == []
    assert database.upgrade()
    database.close()


def test_a_fresh_database_needs_no_copy(tmp_path: Path) -> None:
    """There is nothing in it."""
    database = Database(f"sqlite:///{tmp_path / 'digest.db'}")
    assert database.upgrade()
    database.close()
    assert list(tmp_path.glob("*before*")) == []


def test_only_the_newest_copies_stay(tmp_path: Path) -> None:
    """Two; a database that lived for years does not fill the disk with its past."""
    path = tmp_path / "digest.db"
    make(path, "0006")
    for revision in ("0007", "0008", "0009"):
        backing_up.keep_copy_before(path, revision)
    assert sorted(one.name for one in tmp_path.glob("*before*")) == [
        "digest.db.before-0008",
        "digest.db.before-0009",
    ]
