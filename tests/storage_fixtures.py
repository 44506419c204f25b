"""A migrated database for each test that asks for one.

Test modules take this in by ``pytest_plugins = ("tests.storage_fixtures",)``; ``tests/e2e/test_postgres.py``
puts PostgreSQL in the place of both fixtures and runs the same tests again.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.storage.database import Database


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    """A migrated, empty database."""
    path = tmp_path / "digest.db"
    shutil.copyfile(migrated_file, path)
    database = Database(f"sqlite:///{path}", busy_timeout_s=10)
    yield database
    database.close()


@pytest.fixture
def fresh_url(tmp_path: Path) -> str:
    """The address of a database that has no tables yet."""
    return f"sqlite:///{tmp_path / 'new folder' / 'digest.db'}"
