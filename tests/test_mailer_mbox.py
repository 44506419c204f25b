"""An archive holds each mail once and whole, and what is not whole is no mail."""

import errno
import fcntl
import mailbox
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import DeliveryError
from digest.mailer import MboxChannel
from tests.mail_samples import MESSAGE, Ending, failed, make_mail, sent

DATED = b"Date: Tue, 03 Nov 2026 06:00:00 +0100\r\n" + MESSAGE


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "some folder" / "archive.mbox"


def payloads(archive: Path) -> list[Any]:
    box = mailbox.mbox(archive, create=False)
    try:
        return [message.get_payload() for message in box]
    finally:
        box.close()


def test_a_stored_mail_is_read_by_pythons_mbox(archive: Path) -> None:
    """With LF, its date, and where it came from; readable by its owner alone."""
    assert sent(MboxChannel(archive), message=DATED) == "stored on this machine in archive.mbox"
    box = mailbox.mbox(archive, create=False)
    (message,) = box
    box.close()
    assert message["Subject"] == "Papers"
    assert message["Return-Path"] == "<digest@lists.example>"
    assert message.get_from() == "paper-digest Tue Nov  3 05:00:00 2026"
    assert message.get_payload() == "Hello.\n.\n..dots\n"
    assert b"\r" not in archive.read_bytes()
    assert archive.stat().st_mode & 0o777 == 0o600


def test_mails_lie_one_after_the_other(archive: Path) -> None:
    channel = MboxChannel(archive)
    for number in range(5):
        sent(channel, message_id=f"<{number}@x>", message=b"Subject: %d\r\n\r\n%d" % (number, number))
    sent(MboxChannel(archive), message_id="<5@x>", message=b"Subject: 5\r\n\r\n5\r\n\r\n")
    assert [text.strip() for text in payloads(archive)] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        ("From here on", ">From here on"),
        (">From here on", ">>From here on"),
        (">>From ", ">>>From "),
        ("From: x", "From: x"),
        (" From here", " From here"),
        ("From\there", "From\there"),
    ],
)
def test_no_line_of_a_mail_begins_another(archive: Path, line: str, stored: str) -> None:
    """As in mboxrd: one sign more, so that it can be taken away again."""
    sent(MboxChannel(archive), message=f"Subject: x\r\n\r\nHi\r\n\r\n{line}\r\n".encode())
    assert payloads(archive) == [f"Hi\n\n{stored}\n"]


def test_a_second_attempt_of_the_same_mail_changes_nothing(archive: Path) -> None:
    """Neither by the same channel nor by another, nor when many mails came after it."""
    channel = MboxChannel(archive)
    for number in range(3):
        sent(channel, message_id=f"<{number}@x>")
    before = archive.read_bytes()
    for number in range(3):
        sent(channel, message_id=f"<{number}@x>", message=b"changed")
        sent(MboxChannel(archive), message_id=f"{number}@x", message=b"changed")
    assert archive.read_bytes() == before


def test_what_another_program_adds_and_changes_is_seen(archive: Path) -> None:
    """A mail that was taken out may come again; one with headers put before ours is known."""
    channel = MboxChannel(archive)
    sent(channel, message_id="<1@x>")
    sent(channel, message_id="<2@x>")
    first, second = re.findall(rb"(?s)From .*?\n\n(?=From |\Z)", archive.read_bytes())
    first = first.replace(b"X-Digest-Mail", b"X-Status: 0\nX-Keywords: a\nX-Digest-Mail")
    archive.write_bytes(b"From eve Tue Nov  3 05:00:00 2026\nSubject: y\n\nNo end of line\n\n" + first)
    sent(channel, message_id="<1@x>")
    assert len(payloads(archive)) == 2
    sent(channel, message_id="<2@x>")
    assert archive.read_bytes().endswith(first + second)


def test_a_mail_that_speaks_of_another_is_not_taken_for_it(archive: Path) -> None:
    """Only headers at the head of a mail count."""
    channel = MboxChannel(archive)
    sent(channel, message_id="<1@x>")
    head = archive.read_bytes().split(b"\nSubject")[0]
    archive.unlink()
    sent(channel, message_id="<2@x>", message=b"Subject: x\n\n" + head + b"\n\n" + head + b"\n")
    sent(MboxChannel(archive), message_id="<1@x>")
    assert len(payloads(archive)) == 2


@pytest.mark.parametrize("before", [b"", b"Subject: z\n\nThe mail before.\n"])
def test_a_write_cut_off_at_any_byte_is_taken_away(archive: Path, before: bytes) -> None:
    """And the mail comes again, whole, behind the others as they were."""
    if before:
        sent(MboxChannel(archive), message_id="<0@x>", message=before)
    kept = archive.read_bytes() if before else b""
    sent(MboxChannel(archive), message=DATED)
    whole = archive.read_bytes()
    for size in range(len(kept), len(whole)):
        archive.write_bytes(whole[:size])
        sent(MboxChannel(archive), message=DATED)
        assert archive.read_bytes() == whole, size


def test_a_write_cut_off_behind_anothers_mail_is_taken_away_where_it_is_known_for_ours(archive: Path) -> None:
    """``From`` alone may be anyone's, and stays."""
    archive.parent.mkdir()
    foreign = b"From eve@x Tue Nov  3 05:00:00 2026\nSubject: y\n\nHello\n\n"
    archive.write_bytes(foreign)
    sent(MboxChannel(archive), message=DATED)
    whole = archive.read_bytes()
    for size in range(len(foreign) + len(b"From p"), len(foreign) + 120):
        archive.write_bytes(whole[:size])
        sent(MboxChannel(archive), message=DATED)
        assert archive.read_bytes() == whole, size


def test_a_write_whose_bytes_never_reached_the_disk_is_taken_away(archive: Path) -> None:
    """After a cut of the power, a file can be as long as it should be and hold zeros."""
    sent(MboxChannel(archive), message_id="<0@x>")
    kept = archive.stat().st_size
    sent(MboxChannel(archive), message=DATED)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: kept + 150] + bytes(len(whole) - kept - 150))
    sent(MboxChannel(archive), message=DATED)
    assert archive.read_bytes() == whole


@given(tail=st.binary(max_size=60) | st.from_regex(rb"\n?\n?(From |F|Fro)[a-z ]{0,5}\n?", fullmatch=True))
def test_what_others_wrote_is_never_taken_away(tmp_path_factory: pytest.TempPathFactory, tail: bytes) -> None:
    archive = tmp_path_factory.mktemp("mbox") / "archive"
    foreign = b"From eve@x Tue Nov  3 05:00:00 2026\nSubject: y\n\nHello\n" + tail
    archive.write_bytes(foreign)
    sent(MboxChannel(archive))
    now = archive.read_bytes()
    assert now.startswith(foreign)
    assert re.search(rb"\n\nFrom paper-digest [^\n]*\nX-Digest-Mail: ", now[len(foreign) - 2 :])


def test_nothing_is_written_before_the_end_may_be_sent(archive: Path) -> None:
    """What is raised there leaves as it is, also an error of the system's."""
    channel = MboxChannel(archive)
    sent(channel, message_id="<0@x>")
    before = archive.read_bytes()
    error = OSError("the other disk is full")
    with pytest.raises(OSError, match="other disk") as caught:
        channel.send(make_mail(), Ending(error))
    assert caught.value is error
    assert archive.read_bytes() == before
    sent(channel)
    assert len(payloads(archive)) == 2


def test_a_full_disk_stops_the_run_and_leaves_no_half_mail(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = MboxChannel(archive)
    sent(channel, message_id="<0@x>")
    before = archive.read_bytes()
    write = os.write

    def half(descriptor: int, data: Any) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        error = failed(channel)
    assert (error.fatal, error.transient, error.uncertain) == (True, True, False)
    assert "No space left" in str(error)
    assert archive.read_bytes() == before


def test_a_mail_counts_when_it_is_on_disk(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    folders: list[int] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        facts = os.fstat(descriptor)
        (folders if stat.S_ISDIR(facts.st_mode) else sizes).append(facts.st_size)
        fsync(descriptor)

    channel = MboxChannel(archive)
    monkeypatch.setattr(os, "fsync", noting)
    sent(channel, message_id="<0@x>")
    assert len(folders) == 1  # a new archive's name, once
    sizes.clear()
    sent(channel)
    assert len(folders) == 1
    assert sizes == [archive.stat().st_size]
    sent(MboxChannel(archive))  # the first may have been killed before its fsync
    assert sizes == [archive.stat().st_size] * 2


def test_a_file_locked_by_another_program_is_waited_for(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And in the end is an error that stops the run and may pass."""
    channel = MboxChannel(archive)
    sent(channel, message_id="<0@x>")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys\n"
            "file = open(sys.argv[1], 'r+b')\n"
            "fcntl.lockf(file, fcntl.LOCK_EX)\n"
            "print('locked', flush=True)\n"
            "sys.stdin.readline()",
            str(archive),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with monkeypatch.context() as patch:
            patch.setattr("digest.mailer.mbox.LOCK_WAIT_S", 0.1)
            error = failed(channel)
        assert (error.fatal, error.transient) == (True, True)
        assert "holds its lock" in str(error)
        assert len(payloads(archive)) == 1
        timer = threading.Timer(0.2, lambda: holder.communicate(b"\n"))
        timer.start()
        sent(channel)
        timer.join()
    assert len(payloads(archive)) == 2


def test_many_channels_at_once_lose_nothing(archive: Path) -> None:
    start = threading.Barrier(4)
    errors: list[Exception] = []

    def attempt(number: int) -> None:
        channel = MboxChannel(archive)
        start.wait()
        try:
            for turn in range(10):
                sent(channel, message_id=f"<{number}.{turn}@x>", message=MESSAGE * 50)
                sent(channel, message_id=f"<all.{turn}@x>", message=MESSAGE * 50)
        except (DeliveryError, AssertionError) as error:
            errors.append(error)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(payloads(archive)) == 50
    assert fcntl.LOCK_EX


def test_an_archive_that_is_a_folder_is_one_sentence(archive: Path) -> None:
    archive.mkdir(parents=True)
    error = failed(MboxChannel(archive))
    assert error.fatal
    assert str(archive) in str(error)


def test_a_mail_with_zero_bytes_is_not_stored(archive: Path) -> None:
    """It would look like one that was cut off."""
    error = failed(MboxChannel(archive), message=b"Subject: x\r\n\r\n\0")
    assert (error.fatal, error.transient) == (False, False)
    assert not archive.exists()
