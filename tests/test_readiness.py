"""Whether the process lives and can work: each fault is told, and nothing else is."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from digest.errors import StorageError
from digest.heartbeat import Heartbeat
from digest.pipeline import readiness
from digest.pipeline.readiness import Readiness
from digest.storage.database import Database
from digest.web import make_web
from tests.web_site import WebSite, demo_folder, serving_web, site

__all__ = ["demo_folder", "site"]
pytest_plugins = ("tests.storage_fixtures",)

WELL = {"database": True, "migrated": True, "writable": True, "disk": True}


@pytest.fixture
def clock() -> list[float]:
    """A monotonic clock that stands still until it is moved."""
    return [100.0]


@pytest.fixture
def ready(database: Database, tmp_path: Path, clock: list[float]) -> Readiness:
    return Readiness(database, tmp_path, clock=lambda: clock[0])


def test_all_is_well(ready: Readiness) -> None:
    """And looking left nothing behind."""
    before = {path.name for path in Path.cwd().iterdir()} | {"digest.db-wal", "digest.db-shm"}
    assert ready.look().as_dict() == {"ok": True, "checks": WELL}
    assert ready.alive().as_dict() == {"ok": True, "checks": {"process": True}}
    assert {path.name for path in Path.cwd().iterdir()} <= before


def test_a_database_that_is_gone_is_not_made(ready: Readiness, database: Database, tmp_path: Path) -> None:
    database.close()
    for path in tmp_path.glob("digest.db*"):
        path.unlink()
    assert ready.look().checks == WELL | {"migrated": False, "writable": False}
    assert not list(tmp_path.glob("digest.db*"))


def test_a_file_that_is_no_database(ready: Readiness, database: Database, tmp_path: Path) -> None:
    database.close()
    (tmp_path / "digest.db").write_bytes(b"no database " * 1000)
    assert ready.look().checks == WELL | {"database": False, "migrated": False, "writable": False}


@pytest.mark.parametrize("revision", ["0001", "ffff"])
def test_a_schema_of_another_version(ready: Readiness, tmp_path: Path, revision: str) -> None:
    """An older one, that was not upgraded, or a newer one."""
    with closing(sqlite3.connect(tmp_path / "digest.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.commit()
    assert not ready.look().checks["migrated"]
    assert not ready.look().ok


def test_a_database_that_cannot_be_written(
    ready: Readiness, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by trying, since permissions do not tell of a disk that was mounted anew, read-only."""

    @contextmanager
    def refusing() -> Iterator[None]:
        raise StorageError("read-only")
        yield

    monkeypatch.setattr(database, "write", refusing)
    assert ready.look().checks == WELL | {"writable": False}


def test_a_folder_that_cannot_be_written(ready: Readiness, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(**_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(readiness.tempfile, "TemporaryFile", refusing)
    assert ready.look().checks == WELL | {"writable": False}


def test_a_folder_that_is_gone(database: Database, tmp_path: Path) -> None:
    checks = Readiness(database, tmp_path / "nowhere").look().checks
    assert (checks["writable"], checks["disk"], checks["migrated"]) == (False, False, True)


def test_a_disk_that_is_full(ready: Readiness, monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(free=readiness.MIN_FREE_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert ready.look().checks == WELL | {"disk": False}


def test_a_writer_that_does_not_end_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float], database: Database
) -> None:
    """Once a wait took as long as any may; until one could write again."""
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.02)
    ready = Readiness(database, tmp_path, clock=lambda: clock[0])
    over = threading.Event()
    refused = True

    @contextmanager
    def locked() -> Iterator[None]:
        assert over.wait(30)
        if refused:
            raise StorageError("the database is locked")
        yield

    monkeypatch.setattr(database, "write", locked)

    def look() -> bool:
        clock[0] += 3
        return ready.look().ok

    def end_the_wait() -> None:
        over.set()
        for one in threading.enumerate():
            if one.name == "ready":
                one.join()
        over.clear()

    assert look()
    end_the_wait()
    assert not look()
    assert not look()
    refused = False
    end_the_wait()
    assert look()
    end_the_wait()


def test_another_writer_is_no_fault(
    ready: Readiness, database: Database, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """A long write is waited for a moment, and no longer; however often one asks, by one thread."""
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.05)
    writing, over = threading.Event(), threading.Event()

    def write() -> None:
        with database.write():
            writing.set()
            over.wait(30)

    thread = threading.Thread(target=write)
    thread.start()
    assert writing.wait(30)
    for _ in range(3):
        assert ready.look().ok
        clock[0] += 3
    (waiting,) = [one for one in threading.enumerate() if one.name == "ready"]
    over.set()
    thread.join()
    waiting.join()


def test_a_loop_that_hangs(database: Database, tmp_path: Path, clock: list[float]) -> None:
    """Restarting helps against that, so health tells too; once it beats again all is well."""
    heartbeat = Heartbeat(60, clock=lambda: clock[0])
    ready = Readiness(database, tmp_path, heartbeat, clock=lambda: clock[0])
    assert ready.look().checks == WELL | {"loop": True}
    clock[0] += 60
    assert ready.alive().ok
    clock[0] += 0.1
    assert ready.alive().as_dict() == {"ok": False, "checks": {"process": True, "loop": False}}
    assert ready.look().checks == WELL | {"loop": False}
    heartbeat.beat()
    clock[0] += 3
    assert ready.alive().ok
    assert ready.look().ok


def test_who_asks_again_at_once_gets_the_same_answer(
    ready: Readiness, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """Anybody may ask: they must not keep the database busy."""
    looks: list[int] = []
    is_current = Database.is_current

    def counted(self: Database) -> bool:
        looks.append(1)
        return is_current(self)

    monkeypatch.setattr(Database, "is_current", counted)
    for _ in range(20):
        ready.look()
    clock[0] += 2.1
    ready.look()
    assert len(looks) == 2


def test_a_heartbeat_says_how_long_ago_it_was(clock: list[float]) -> None:
    heartbeat = Heartbeat(5, clock=lambda: clock[0])
    clock[0] += 3
    assert (heartbeat.age_s(), heartbeat.is_late) == (3, False)
    clock[0] -= 50  # a clock that is set back is no beat of the future
    assert heartbeat.age_s() == 0


# --- over HTTP ---------------------------------------------------------------------------------------


def test_both_are_told_as_json_with_a_status(site: WebSite) -> None:
    health, ready = site.browser().get("/healthz"), site.browser().get("/readyz")
    assert (health.status_code, health.json()) == (200, {"ok": True, "checks": {"process": True}})
    assert (ready.status_code, ready.json()) == (200, {"ok": True, "checks": WELL})
    assert "no-store" in ready.headers["cache-control"]


def test_health_and_readiness_are_two_things(tmp_path: Path, demo_folder: Path) -> None:
    """Without its database the process lives: to restart it would not help."""
    with serving_web(tmp_path / "data", demo_folder) as made:
        made.app.database.close()
        for file in made.app.data_dir.glob("digest.db*"):
            file.unlink()
        assert made.browser().get("/healthz").status_code == 200
        answer = made.browser().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrated"] is False
    assert str(tmp_path) not in answer.text


def test_the_web_knows_the_loop_of_its_process(site: WebSite, clock: list[float]) -> None:
    """Where ``digest serve`` gives it one."""
    heartbeat = Heartbeat(60, clock=lambda: clock[0])
    browser = TestClient(make_web(site.app, heartbeat))
    assert browser.get("/healthz").json()["checks"] == {"process": True, "loop": True}
    clock[0] += 61
    assert browser.get("/healthz").status_code == browser.get("/readyz").status_code == 503
