"""Backups: whole, checked, rotated, and taken of what is written to at that moment."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import threading
import time
from collections import namedtuple
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from digest.app import App, make_app
from digest.config import Settings
from digest.errors import DigestError, StorageError
from digest.keeping import run_backup
from digest.pipeline.backup import faults_of, list_backups, make_backup, open_backup, rotate
from digest.pipeline.moment import Moment
from digest.stopping import stop_at_steps
from digest.storage import backing_up, papers
from tests.cli_runner import ok, run
from tests.storage_rows import DAY, NOW, add_papers, add_reader, make_entry

pytest_plugins = ("tests.storage_fixtures",)

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def app(tmp_path: Path) -> App:
    """A small installation: two papers, a reader, a page, a model and a key."""
    app = make_app(Settings(data_dir=tmp_path / "data"), now=NOW)
    with app.database.write() as s:
        add_papers(s, [make_entry(1), make_entry(2)])
        add_reader(s)
    app.secret_key()
    page = app.data_dir / "pages" / "ab" / "abcd.gz"
    page.parent.mkdir(parents=True)
    page.write_bytes(b"a page")
    (app.data_dir / "models").mkdir()
    (app.data_dir / "models" / "model.npz").write_bytes(b"a model")
    (app.data_dir / "outbox" / "new").mkdir(parents=True)
    (app.data_dir / "outbox" / "new" / "1").write_bytes(b"a mail")
    yield app
    app.database.close()


def backed_up(app: App, after: timedelta = timedelta(0)) -> Path:
    return Path(run_backup(app, Moment.of(NOW + after)).counts["backup"])


def test_a_backup_holds_what_cannot_be_made_again_and_nothing_else(app: App) -> None:
    """Database, key, pages, models; not what was mailed into files, not locks; and the mark of a copy."""
    folder = backed_up(app)
    files = set(open_backup(folder).files)
    assert files == {"digest.db", "secret.key", "pages/ab/abcd.gz", "models/model.npz", "restored.json"}
    assert (folder / "secret.key").read_bytes() == (app.data_dir / "secret.key").read_bytes()
    inside = backing_up.look_inside(folder / "digest.db")
    assert (inside.papers, inside.readers) == (2, 1)


def test_a_backup_is_for_its_owner_alone(app: App) -> None:
    """It holds the key and every reader's address."""
    folder = backed_up(app)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_damaged_file_is_found_by_the_manifest(app: App) -> None:
    """Every byte is held against its checksum; what is whole has no fault."""
    backup = open_backup(backed_up(app))
    assert faults_of(backup) == {}
    path = backup.folder / "models" / "model.npz"
    path.write_bytes(b"a mudel")
    (backup.folder / "pages" / "ab" / "abcd.gz").unlink()
    assert faults_of(backup) == {
        "models/model.npz": "is damaged",
        "pages/ab/abcd.gz": "cannot be read (No such file or directory)",
    }


def test_pages_are_shared_with_the_backup_before_while_that_is_whole(app: App) -> None:
    """A page does not change, so it is stored once; one that was damaged there is copied anew."""
    first, second = backed_up(app), backed_up(app, DAY)
    name = "pages/ab/abcd.gz"
    assert (first / name).samefile(second / name)
    (second / name).write_bytes(b"a bage")
    third = backed_up(app, 2 * DAY)
    assert (third / name).read_bytes() == b"a page"


def test_only_so_many_backups_stay(app: App) -> None:
    """The newest do; what is no backup of ours is not touched."""
    folders = [backed_up(app, number * DAY) for number in range(4)]
    other = folders[0].parent / "digest-of-mine"
    other.mkdir()
    assert rotate(folders[0].parent, 2, open_backup(folders[3])) == 2
    assert [one.folder for one in list_backups(folders[0].parent)] == [folders[3], folders[2]]
    assert sorted(path.name for path in other.parent.iterdir()) == sorted(
        [other.name, folders[2].name, folders[3].name]
    )


def test_a_backup_under_a_clock_that_is_behind_is_not_rotated_away(app: App) -> None:
    """Those dated later are not counted and not deleted: nobody knows which clock was wrong."""
    ahead = [
        make_backup(app.database, app.data_dir, app.settings.backups, NOW + year * 365 * DAY).folder
        for year in (9, 10)
    ]
    older = [backed_up(app, number * DAY) for number in range(2)]
    made = open_backup(backed_up(app, 2 * DAY))
    assert rotate(app.settings.backups, 1, made) == 2
    assert [one.folder for one in list_backups(app.settings.backups)] == [ahead[1], ahead[0], made.folder]
    assert not any(folder.exists() for folder in older)


def test_backups_of_another_installation_are_not_rotated_away(app: App, tmp_path: Path) -> None:
    """Two may have one folder for them."""
    settings = Settings(data_dir=tmp_path / "other", backup_dir=app.settings.backups, backup_keep=1)
    other = make_app(settings, now=NOW)
    first = backed_up(app)
    for number in range(1, 4):
        last = backed_up(other, number * DAY)
    assert {one.folder for one in list_backups(settings.backups)} == {first, last}
    other.database.close()


def test_a_database_of_another_name_is_copied_as_a_database_only(tmp_path: Path) -> None:
    """Its file and what SQLite keeps beside it are in use, and would spoil the copy if they came along."""
    folder = tmp_path / "data"
    app = make_app(Settings(data_dir=folder, database_url=f"sqlite:///{folder / 'db' / 'x.db'}"), now=NOW)
    with app.database.write() as s:
        add_papers(s, [make_entry(1)])
    (folder / "db" / "x.db.before-0001").write_bytes(b"an old copy")
    (folder / "db" / "x.db.txt").write_bytes(b"a note")
    assert (folder / "db" / "x.db-wal").exists()
    assert set(open_backup(backed_up(app)).files) == {"digest.db", "restored.json", "db/x.db.txt"}
    app.database.close()


def test_no_backup_holds_another_wherever_that_lies(app: App) -> None:
    """Each has the key: those where the settings have them, and those in a folder that somebody chose."""
    app.settings.backups.mkdir()
    (app.settings.backups / "of-mine").write_bytes(b"kept with the backups")
    chosen = app.data_dir / "usb" / "stick"
    for after, to in ((0, None), (1, chosen), (2, chosen), (3, None)):
        made = run_backup(app, Moment.of(NOW + after * DAY), to=to, asked=True).counts["backup"]
        (chosen.parent / ".part-digest-20260101T000000Z").mkdir(parents=True, exist_ok=True)
        (chosen.parent / ".part-digest-20260101T000000Z" / "secret.key").write_bytes(b"half")
        files = set(open_backup(Path(made)).files)
        assert files == {"digest.db", "secret.key", "pages/ab/abcd.gz", "models/model.npz", "restored.json"}


def test_a_backup_that_is_told_to_stop_leaves_nothing(app: App) -> None:
    """A signal ends it at its next step."""

    def signalled(step: str) -> None:
        told.append(step)
        if step == "copying the database":
            signal.raise_signal(signal.SIGTERM)

    told: list[str] = []
    with pytest.raises(DigestError, match="stopped, as asked"), stop_at_steps(signalled) as say:
        make_backup(app.database, app.data_dir, app.settings.backups, NOW, progress=say)
    assert told == ["copying the database"]
    assert list(app.settings.backups.iterdir()) == []


def test_the_nightly_backup_rotates_and_can_be_turned_off(tmp_path: Path) -> None:
    """``backup_keep`` is how many stay; with 0 only who asks gets one."""
    for keep, there in ((2, 2), (0, 0)):
        app = make_app(Settings(data_dir=tmp_path / str(keep), backup_keep=keep), now=NOW)
        for number in range(3):
            run_backup(app, Moment.of(NOW + number * DAY))
        assert len(list_backups(app.settings.backups)) == there
        app.database.close()
    assert run_backup(app, Moment.of(NOW), asked=True).counts["backup"]


def test_what_a_killed_backup_left_is_cleared_away(app: App) -> None:
    """Half a backup has another name, so it never passes for one; that of the night before is taken away."""
    left, at_work = (app.settings.backups / f".part-digest-2026010{day}T000000Z" for day in (1, 2))
    for part in (left, at_work):
        part.mkdir(parents=True)
        (part / "digest.db").write_bytes(b"half")
    os.utime(left, (time.time() - DAY.total_seconds(),) * 2)
    folder = backed_up(app)
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, at_work.name}


def test_a_full_disk_leaves_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told before anything is written, and in one sentence."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 1))
    with pytest.raises(StorageError, match="the disk is too full for a copy"):
        backed_up(app)
    assert list(app.settings.backups.iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other files are written after the database; what was there is taken away."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StorageError, match=r"cannot be written to .*: No space left on device; nothing is left"
    ):
        make_backup(app.database, app.data_dir, app.settings.backups, NOW)
    assert list(app.settings.backups.iterdir()) == []


def test_a_damaged_database_makes_no_backup(app: App) -> None:
    """Else it would push the whole ones out, night by night."""
    app.database.close()
    with closing(sqlite3.connect(app.data_dir / "digest.db", isolation_level=None)) as plain:
        plain.execute("PRAGMA writable_schema=ON")
        plain.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'ix_papers_fingerprint'")
    with pytest.raises(StorageError, match="is damaged"):
        backed_up(app)
    assert list(app.settings.backups.iterdir()) == []


def test_the_backup_is_one_state_while_others_write(app: App) -> None:
    """Each commit brings two rows; whatever moment is copied, it has both or neither, and all before."""
    committed: list[int] = []
    stop = threading.Event()

    def write() -> None:
        number = 10
        while not stop.is_set():
            with app.database.write() as s:
                add_papers(s, [make_entry(number), make_entry(number + 1)])
            committed.append(number)
            number += 2

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while len(committed) < 3:
            thread.join(0.01)
        before = len(committed)
        folder = backed_up(app)
        after = len(committed)
    finally:
        stop.set()
        thread.join()
    with closing(sqlite3.connect(folder / "digest.db")) as copy:
        rows = [row[0] for row in copy.execute("SELECT title FROM papers WHERE id > 2 ORDER BY id")]
    pairs = len(rows) // 2
    assert rows == [f"Finding Thing {number} in Long Documents" for number in range(10, 10 + 2 * pairs)]
    assert before <= pairs <= after + 1


def test_the_command_lists_and_tells(tmp_path: Path) -> None:
    """What was written, where, and which there are; a folder of one's own is not rotated."""
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "data"}"\nbackup_keep = 1\n')
    for hour in ("10", "11"):
        made = ok("--now", f"2026-08-03T{hour}:00:00Z", "backup", "--to", "usb", "--json").json
        assert (made["revision"], made["deleted"]) == (open_backup(Path(made["backup"])).revision, 0)
    assert len(ok("backup", "--list", "--to", "usb", "--json").json["backups"]) == 2
    assert ok("backup", "--list").out.startswith("there is no backup in")
    assert "read again and whole" in ok("backup").out


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A file is in the place of the folder."""
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "data"}"\nbackup_dir = "{tmp_path / "file"}"\n')
    (tmp_path / "file").write_bytes(b"")
    ran = run("backup")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "cannot be written to" in ran.err


def manifest_of(files: dict[str, object]) -> str:
    return json.dumps({"format": 1, "made_at": "2026-01-01T00:00:00+00:00", "files": files})


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (None, "is no backup"),
        ("{", "cannot be read"),
        (json.dumps({"format": 99}), "newer version"),
        (
            manifest_of({"../x": [1, "a"]}),
            "outside",
        ),
        (manifest_of({"": [1, "a"], "restored.json": [1, "a"]}), "outside"),
        (manifest_of({"a\0b": [1, "a"], "restored.json": [1, "a"]}), "outside"),
        (manifest_of({"secret.key": [1, "a"]}), "has no restored.json"),
        (manifest_of({"restored.json": [1e999, "a"]}), "cannot be read"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_manifest_that_is_none_of_ours_is_refused(tmp_path: Path, manifest: str | None, words: str) -> None:
    """Whatever it says, nothing outside of the folder is looked at."""
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(StorageError, match=words):
        open_backup(tmp_path)


def test_papers_can_be_read_from_the_copy(app: App) -> None:
    """The copy is a database as good as the first."""
    folder = backed_up(app)
    with app.database.read() as s:
        number = papers.count_papers(s)
    assert backing_up.look_inside(folder / "digest.db").papers == number
    assert backing_up.find_fault(folder / "digest.db") is None
