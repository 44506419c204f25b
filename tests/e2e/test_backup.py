"""Backups made while several processes write: what is restored equals the log of what was committed."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from digest.pipeline.backup import list_backups

pytestmark = pytest.mark.e2e

WRITERS = 3
BACKUPS = 4
START_TIMEOUT_S = 60
# Each transaction brings ten rows that belong together and one line of the log. The line is written while
# nobody else can write, right before the commit: so the log has the order of the commits.
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import func, select
from digest.models import Robots, Run
from digest.storage.database import Database

database, log, stop, who = Database("sqlite:///" + sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
while not stop.exists():
    with database.write() as session:
        number = session.execute(select(func.count()).select_from(Run)).scalar_one() + 1
        session.add(Run(use_case=f"load {who}", started_at=datetime.now(UTC), outcome={"number": number}))
        now = datetime.now(UTC)
        for row in range(10):
            session.add(Robots(origin=f"{number}/{row}", status=200, body="x" * 500, fetched_at=now))
        session.flush()
        with open(log, "a") as file:
            file.write(f"{number} {who}\\n")
"""


def digest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as its own process, with settings in that folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    environment |= {"HOME": str(folder), "DIGEST_DATA_DIR": str(folder / "data")}
    return subprocess.run(
        [sys.executable, "-c", "from digest.cli import main; main()", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@contextmanager
def load(folder: Path, log: Path) -> Iterator[None]:
    """Several processes that write as fast as they can; at the end each finishes what it is at."""
    stop = folder / "stop"
    path = folder / "data" / "digest.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(log), str(stop), f"{number}"])
        for number in range(WRITERS)
    ]
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while len({line.split()[1] for line in lines_of(log)}) < WRITERS:
            assert time.monotonic() < deadline, "the writers did not begin"
            time.sleep(0.05)
        yield
    finally:
        stop.touch()
        codes = [writer.wait(timeout=60) for writer in writers]
    assert codes == [0] * WRITERS


def lines_of(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def rows_of(path: Path) -> tuple[list[str], int]:
    """What was committed, in order, and how many rows came with it."""
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = plain.execute("SELECT outcome, use_case FROM runs WHERE use_case LIKE 'load %' ORDER BY id")
        committed = [f"{json.loads(outcome)['number']} {use_case.split()[1]}" for outcome, use_case in found]
        return committed, plain.execute("SELECT count(*) FROM robots").fetchone()[0]


def test_a_restore_of_a_backup_made_under_load_equals_the_log_of_what_was_committed(tmp_path: Path) -> None:
    """Each backup is the log up to one moment between its begin and its end; none holds half a commit."""
    digest(tmp_path, "db", "upgrade")
    log = tmp_path / "log"
    spans = []
    with load(tmp_path, log):
        for number in range(BACKUPS):
            begun = len(lines_of(log)) - 1  # the last line may not be committed yet
            digest(tmp_path, "backup", "--to", str(tmp_path / f"backup-{number}"))
            spans.append((begun, len(lines_of(log))))
    logged = lines_of(log)
    lengths = []
    for number, (begun, ended) in enumerate(spans):
        (backup,) = list_backups(tmp_path / f"backup-{number}")
        restored = tmp_path / f"restored-{number}"
        digest(tmp_path, "restore", str(backup.folder), "--to", str(restored))
        committed, rows = rows_of(restored / "digest.db")
        assert begun <= len(committed) <= ended
        # The command notes its own run in the same table, so the numbers that follow have a gap there.
        assert committed == logged[: len(committed)]
        assert rows == 10 * len(committed)
        lengths.append(len(committed))
    assert lengths == sorted(set(lengths)), "the writers did not write between the backups"


def test_the_last_backup_is_the_whole_log(tmp_path: Path) -> None:
    """When everybody is done nothing is missing."""
    digest(tmp_path, "db", "upgrade")
    log = tmp_path / "log"
    with load(tmp_path, log):
        pass
    told = json.loads(digest(tmp_path, "backup", "--json").stdout)
    digest(tmp_path, "restore", told["backup"], "--to", str(tmp_path / "restored"))
    committed, rows = rows_of(tmp_path / "restored" / "digest.db")
    assert committed == lines_of(log)
    assert rows == 10 * len(committed)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    """On a file system of its own, of two megabytes; skips where none can be mounted."""
    small = tmp_path / "small"
    small.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or not mount or not unmount:
        pytest.skip("only root can mount a small file system")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        digest(tmp_path, "db", "upgrade")
        (tmp_path / "data" / "pages").mkdir()
        (tmp_path / "data" / "pages" / "page.gz").write_bytes(os.urandom(2**21))
        with pytest.raises(subprocess.CalledProcessError) as told:
            digest(tmp_path, "backup", "--to", str(small / "backups"))
        assert told.value.returncode == 1
        assert told.value.stderr.count("\n") == 1
        assert "nothing is left of it" in told.value.stderr
        assert list((small / "backups").iterdir()) == []
    finally:
        subprocess.run([unmount, str(small)], check=True)
