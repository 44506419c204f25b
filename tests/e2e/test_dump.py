"""Dumps between the two kinds of database: SQLite to PostgreSQL, and back, without a loss."""

from pathlib import Path

import pytest

from digest.pipeline.dump import write_dump
from digest.pipeline.load import load
from digest.storage import subscribers
from digest.storage.database import Database
from digest.storage.search import search_papers
from tests.e2e.test_postgres import fresh_url, server  # noqa: F401 - fixtures
from tests.storage_rows import NOW, add_papers, make_entry
from tests.test_dump import meant
from tests.test_migrations import REVISIONS, make

pytestmark = pytest.mark.e2e


def test_everything_moves_to_postgresql_and_back(fresh_url: str, tmp_path: Path) -> None:  # noqa: F811
    """Every row of every table means the same after both ways, and both go on counting where they were."""
    make(tmp_path / "digest.db", REVISIONS[-1])
    (tmp_path / "data").mkdir()
    first = Database(f"sqlite:///{tmp_path / 'digest.db'}")
    first.upgrade()
    server_database = Database(fresh_url)
    last = Database(f"sqlite:///{tmp_path / 'last' / 'digest.db'}")
    there = write_dump(first, tmp_path / "data", tmp_path / "there", NOW)
    load(server_database, tmp_path / "middle", tmp_path / "there")
    back = write_dump(server_database, tmp_path / "middle", tmp_path / "back", NOW)
    load(last, tmp_path / "last", tmp_path / "back")
    assert back.as_dict()["rows"] == there.as_dict()["rows"]
    assert meant(last.path) == meant(first.path)
    for database in (server_database, last):
        with database.write() as s:
            assert len(search_papers(s, "naive")) == 1
            assert subscribers.add_subscriber(s, email=None, status="active", now=NOW).id == 10
            assert add_papers(s, [make_entry(50)], source_id=1) == [4]
        database.close()
    first.close()


@pytest.mark.parametrize("revision", ["0001", "0003"])
def test_a_dump_of_an_older_version_loads_into_postgresql(
    fresh_url: str,  # noqa: F811
    tmp_path: Path,
    revision: str,
) -> None:
    """It is loaded into the schema it has, and walks forward there."""
    from tests.test_dump import write_by_hand

    make(tmp_path / "old.db", revision)
    write_by_hand(tmp_path / "dump", revision, tmp_path / "old.db")
    database = Database(fresh_url)
    load(database, tmp_path / "new", tmp_path / "dump")
    with database.read() as s:
        assert len(search_papers(s, "naive")) == 1
        assert [one.email for one in subscribers.list_subscribers(s)] == [
            "ada@example.org",
            None,
            "cy@example.org",
        ]
    database.close()
