"""Transactions, migrations, and what happens when the database cannot be used."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, select

import digest
from digest.errors import DatabaseTooNewError, StorageError
from digest.models import Issue, Paper, Source, metadata
from digest.storage import papers, upgrading
from digest.storage.database import Database
from tests.storage_rows import NOW, add_papers, add_source, make_entry

pytest_plugins = ("tests.storage_fixtures",)
pytestmark = pytest.mark.migrates

ROOT = Path(digest.__file__).parents[1]


def in_new_process(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Python in a process of its own, with the program on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sql(s: Session, statement: str) -> object:
    return s.connection().exec_driver_sql(statement).scalar()


# --- transactions ----------------------------------------------------------------------------------


def test_what_is_written_is_read_back_complete_after_the_session(database: Database) -> None:
    """Objects stay readable when their session is closed, with aware times."""
    with database.write() as s:
        written = Source(name="hf", kind="huggingface", url="https://papers.example", created_at=NOW)
        s.add(written)
    with database.read() as s:
        read = s.exec(select(Source)).one()
    assert (read.name, read.created_at, read.created_at.tzinfo) == ("hf", NOW, NOW.tzinfo)
    assert written.id == read.id


def test_a_write_torn_by_an_exception_leaves_nothing(database: Database) -> None:
    """Papers, entries and observations of a transaction come together or not at all."""

    def torn() -> None:
        with database.write() as s:
            add_papers(s, [make_entry(1), make_entry(2)])
            assert papers.count_papers(s) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        torn()
    with database.read() as s:
        counts = {name: sql(s, f"SELECT count(*) FROM {name}") for name in metadata.tables}
    assert set(counts.values()) == {0}


def test_a_write_killed_in_the_middle_leaves_nothing(database: Database) -> None:
    """A process that dies before its commit has written nothing, and blocks nobody."""
    code = (
        "import os, sys\n"
        "from digest.storage.database import Database\n"
        "from tests.storage_rows import add_papers, make_entry\n"
        "with Database(sys.argv[1]).write() as s:\n"
        "    add_papers(s, [make_entry(1)])\n"
        "    os._exit(9)\n"
    )
    killed = in_new_process(code, database.url.render_as_string(hide_password=False))
    _, errors = killed.communicate(timeout=60)
    assert killed.returncode == 9, errors
    with database.write() as s:
        assert papers.count_papers(s) == 0


def test_no_update_is_lost_between_threads(database: Database) -> None:
    """Four threads that read a row, add one and store it, 200 times each, end at 800."""
    with database.write() as s:
        source_id = add_source(s)
    failures = []

    def count() -> None:
        try:
            for _ in range(200):
                with database.write() as s:
                    row = s.get_one(Source, source_id)
                    row.failures_in_row += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as s:
        assert (failures, s.get_one(Source, source_id).failures_in_row) == ([], 800)


def test_a_reader_sees_one_state_and_does_not_hold_up_a_writer(database: Database) -> None:
    """What is committed while a read session is open is not seen in it."""
    with database.read() as reading:
        assert papers.count_papers(reading) == 0
        with database.write() as s:
            add_papers(s, [make_entry(1)])
        assert papers.count_papers(reading) == 0
    with database.read() as s:
        assert papers.count_papers(s) == 1


def test_writing_in_a_read_session_is_a_bug_and_fails(database: Database) -> None:
    """It is not told as a fault of the database, since no person can mend it."""
    with pytest.raises(DBAPIError), database.read() as s:
        add_source(s)
    with database.write() as s:
        assert add_source(s)


def test_a_row_cannot_refer_to_nothing(database: Database) -> None:
    """Foreign keys are enforced on every connection, and a broken one is a bug."""
    with pytest.raises(IntegrityError), database.write() as s:
        s.add(
            Issue(subscription_id=99, local_date=NOW.date(), status="empty", composed_at=NOW, expires_at=NOW)
        )


def test_ids_of_deleted_papers_are_not_given_out_again(database: Database) -> None:
    """A link or a note that names a paper never comes to mean another."""
    with database.write() as s:
        (first,) = add_papers(s, [make_entry(1)])
    with database.write() as s:
        s.delete(s.get_one(Paper, first))
    with database.write() as s:
        (second,) = add_papers(s, [make_entry(2)])
    assert second > first


def test_a_writer_waits_for_another_no_longer_than_the_timeout(database: Database) -> None:
    """Then it is told in one sentence."""
    second = Database(database.url.render_as_string(hide_password=False), busy_timeout_s=0.1)
    with (
        database.write() as s,
        pytest.raises(StorageError, match="in use by another process"),
        second.write(),
    ):
        add_source(s)
    with second.write() as s:
        add_source(s)
    second.close()


# --- migrations ------------------------------------------------------------------------------------


def test_the_migrated_schema_is_that_of_the_models(database: Database) -> None:
    """Nothing is missing, left over or of another type; search belongs to the migrations alone."""

    def is_compared(_: object, name: str | None, kind: str, *__: object) -> bool:
        search = (name or "").startswith("papers_fts") or name == "ix_papers_search"
        return not search and (kind, name) != ("column", "search")

    with database.read() as s:
        options = {"compare_type": True, "compare_server_default": True, "include_object": is_compared}
        context = MigrationContext.configure(s.connection(), opts=options)
        assert compare_metadata(context, metadata) == []


def test_a_migrated_database_is_current(database: Database) -> None:
    """Upgrading it again does nothing."""
    assert database.is_current()
    assert not database.upgrade()


def test_a_newer_database_is_refused(database: Database) -> None:
    """Its revision is named, and nothing is changed."""
    with database.write() as s:
        s.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert not database.is_current()
    with pytest.raises(DatabaseTooNewError, match="9999"):
        database.upgrade()


def test_file_names_tell_the_revisions_as_alembic_does() -> None:
    """The quick look at the folder and Alembic's own reading agree, and there is one line of descent."""
    config = Config()
    config.set_main_option("script_location", str(upgrading.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert sorted(one.revision for one in scripts.walk_revisions()) == upgrading.known_revisions()
    assert scripts.get_current_head() == upgrading.head_revision()


def test_migrations_import_nothing_of_the_program() -> None:
    """What a migration does must not change with the code around it."""
    files = sorted(upgrading.MIGRATIONS.rglob("*.py"))
    assert files
    for file in files:
        assert not re.search(r"^\s*(from|import) digest\b", file.read_text(encoding="utf-8"), re.MULTILINE), (
            file
        )


def test_two_processes_may_upgrade_at_once(fresh_url: str) -> None:
    """One of them does it, the other finds it done; neither fails."""
    code = (
        "import sys\n"
        "from digest.storage.database import Database\n"
        "database = Database(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(database.upgrade(), database.is_current())\n"
    )
    started = [in_new_process(code, fresh_url) for _ in range(2)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], results
    assert sorted(out.strip() for out, _ in results) == ["False True", "True True"]
