"""One use case at a time, also between processes, and never after a crash."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digest.errors import ConfigError, StorageError
from digest.locks import use_case_lock

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
HOLD = """
import sys, time
from pathlib import Path
from digest.locks import use_case_lock
with use_case_lock(Path(sys.argv[1]), "refresh") as held:
    print(held, flush=True)
    time.sleep(30)
"""


def test_another_users_folder_is_no_reason_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose it is matters, and nobody is sent to another folder, where all would begin anew."""

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("digest.locks.os.open", refuse)
    with pytest.raises(ConfigError, match="chown -R") as caught, use_case_lock(tmp_path, "refresh"):
        pass
    assert f"the user that {tmp_path} belongs to" in str(caught.value)
    assert "DIGEST_DATA_DIR" not in str(caught.value)


def test_who_comes_second_is_told(tmp_path: Path) -> None:
    """At once and without an error; afterwards the lock is free again."""
    with use_case_lock(tmp_path, "refresh") as first, use_case_lock(tmp_path, "refresh") as second:
        assert (first, second) == (True, False)
    with use_case_lock(tmp_path, "refresh") as third:
        assert third


def test_the_second_does_not_unlock_the_first(tmp_path: Path) -> None:
    """Leaving without having held it changes nothing."""
    with use_case_lock(tmp_path, "refresh"):
        for _ in range(2):
            with use_case_lock(tmp_path, "refresh") as held:
                assert not held


def test_use_cases_have_locks_of_their_own(tmp_path: Path) -> None:
    """Delivering goes on beside a long refresh; another data directory is another world."""
    with (
        use_case_lock(tmp_path, "refresh") as refresh,
        use_case_lock(tmp_path, "deliver") as deliver,
        use_case_lock(tmp_path / "other", "refresh") as other,
    ):
        assert refresh
        assert deliver
        assert other


def test_a_lock_is_freed_by_an_error(tmp_path: Path) -> None:
    """What is raised inside passes."""
    with pytest.raises(ZeroDivisionError), use_case_lock(tmp_path, "refresh"):
        raise ZeroDivisionError
    with use_case_lock(tmp_path, "refresh") as held:
        assert held


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """Another process is kept out while the first lives, and let in when it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        with use_case_lock(tmp_path, "refresh") as held:
            assert not held
        assert (tmp_path / "locks" / "refresh.lock").read_text() == f"{process.pid}\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    with use_case_lock(tmp_path, "refresh") as held:
        assert held


FORK = """
import os, signal, sys, time
from pathlib import Path
from digest.locks import use_case_lock
with use_case_lock(Path(sys.argv[1]), "refresh"):
    child = os.fork()
    if not child:
        time.sleep(30)
with use_case_lock(Path(sys.argv[1]), "refresh") as held:
    print(held)
os.kill(child, signal.SIGKILL)
"""


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A process forked meanwhile has a copy of the descriptor, and may live on."""
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(tmp_path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout == "True\n"


@pytest.mark.parametrize("name", ["", "../evil", "a/b", "Refresh", "a\n"])
def test_a_name_is_a_plain_word(tmp_path: Path, name: str) -> None:
    """It becomes a file name."""
    with pytest.raises(ValueError, match="name"), use_case_lock(tmp_path, name):
        pass


def test_a_data_directory_that_is_none_is_told(tmp_path: Path) -> None:
    """One sentence with the setting to change."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="DIGEST_DATA_DIR"), use_case_lock(tmp_path / "file", "refresh"):
        pass


def test_a_disk_without_room_locks_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds it is written for people; the lock is the kernel's."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with use_case_lock(tmp_path, "refresh") as first, use_case_lock(tmp_path, "refresh") as second:
            assert (first, second) == (True, False)
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        with pytest.raises(StorageError, match="No space left") as caught, use_case_lock(tmp_path, "deliver"):
            pass
    assert caught.value.exit_code == 1  # no setting is wrong, so service managers try again


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Nobody's other file is emptied through the lock."""
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "refresh.lock").symlink_to(precious)
    with pytest.raises(ConfigError), use_case_lock(tmp_path, "refresh"):
        pass
    assert precious.read_text() == "kept"
