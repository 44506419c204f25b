"""A Maildir holds each mail once, whole, and only after it is on disk."""

import errno
import mailbox
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from digest.mailer import MaildirChannel
from tests.mail_samples import MESSAGE, MESSAGE_ID, Ending, failed, make_mail, sent


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "an outbox"


def stored(outbox: Path) -> list[Path]:
    """Every file below the outbox, wherever it lies."""
    return [path for path in outbox.rglob("*") if path.is_file()]


def test_a_stored_mail_is_read_by_pythons_maildir(outbox: Path) -> None:
    reply = sent(MaildirChannel(outbox))
    (message,) = mailbox.Maildir(outbox, create=False)
    assert message["Subject"] == "Papers"
    assert message.get_payload() == "Hello.\n.\n..dots\n"
    assert reply.startswith("stored on this machine as new/")
    assert stored(outbox)[0].read_bytes() == MESSAGE.replace(b"\r\n", b"\n")


def test_a_second_attempt_of_the_same_mail_changes_nothing(outbox: Path) -> None:
    """Also by another channel object, and whether the id has its angle brackets or not."""
    first = sent(MaildirChannel(outbox))
    assert sent(MaildirChannel(outbox), message=b"changed") == first
    sent(MaildirChannel(outbox), message=b"changed", message_id=MESSAGE_ID.strip("<>"))
    assert len(stored(outbox)) == 1


@pytest.mark.parametrize(
    "place", ["cur/{}:2,", "cur/{}:2,FRS", "cur/{}", ".Read/cur/{}:2,S", ".Read/new/{}", "Old/cur/{}!2,S"]
)
def test_a_mail_that_a_reader_moved_is_not_delivered_again(outbox: Path, place: str) -> None:
    channel = MaildirChannel(outbox)
    sent(channel)
    (file,) = stored(outbox)
    target = outbox / place.format(file.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    file.rename(target)
    assert sent(channel) == f"stored on this machine as {place.format(file.name)}"
    assert stored(outbox) == [target]


def test_a_mail_read_through_pythons_maildir_is_not_delivered_again(outbox: Path) -> None:
    channel = MaildirChannel(outbox)
    sent(channel)
    box = mailbox.Maildir(outbox, create=False)
    ((key, message),) = box.items()
    message.set_subdir("cur")
    message.set_flags("FS")
    box[key] = message
    sent(channel)
    assert len(stored(outbox)) == 1


def test_different_mails_lie_side_by_side(outbox: Path) -> None:
    channel = MaildirChannel(outbox)
    for number in range(20):
        sent(channel, message_id=f"<{number}@lists.example>")
    assert len(mailbox.Maildir(outbox, create=False)) == 20


@pytest.mark.parametrize(
    "message_id", ["<../../escape@x>", "</etc/x>", "<a:2,S>", "<\udc80@x>", "", "<" + "x" * 5000 + ">"]
)
def test_an_odd_message_id_stays_inside_the_outbox(outbox: Path, message_id: str) -> None:
    sent(MaildirChannel(outbox), message_id=message_id)
    assert [path.parent for path in stored(outbox)] == [outbox / "new"]


def test_what_a_killed_attempt_left_in_tmp_is_no_mail_and_is_cleared(outbox: Path) -> None:
    channel = MaildirChannel(outbox)
    sent(channel)
    (file,) = stored(outbox)
    half = outbox / "tmp" / f"{file.name}.99999.1"
    file.rename(half)
    half.write_bytes(b"Half a ma")
    sent(channel)
    assert [path.read_bytes() for path in stored(outbox)] == [MESSAGE.replace(b"\r\n", b"\n")]


def test_the_mail_is_on_disk_before_it_shows_and_its_name_before_it_counts(
    outbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Order: write, fsync the file, rename into new, fsync new."""
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noting_fsync(descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        (path,) = [path for path in outbox.rglob("*") if path.stat().st_ino == inode]
        steps.append("fsync a file in tmp" if path.parent.name == "tmp" else f"fsync {path.name}")
        fsync(descriptor)

    def noting_replace(source: Any, target: Any) -> None:
        assert Path(source).read_bytes() == MESSAGE.replace(b"\r\n", b"\n")
        steps.append(f"rename to {Path(target).parent.name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    sent(MaildirChannel(outbox))
    assert steps == ["fsync a file in tmp", "rename to new", "fsync new"]


def test_a_full_disk_stops_the_run_and_leaves_no_half_mail(
    outbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        error = failed(MaildirChannel(outbox))
    assert error.fatal
    assert error.transient
    assert "No space left" in str(error)
    assert stored(outbox) == []


def test_an_outbox_that_is_a_file_is_one_sentence(outbox: Path) -> None:
    outbox.write_text("not a folder")
    error = failed(MaildirChannel(outbox))
    assert error.fatal
    assert str(outbox) in str(error)


def test_many_attempts_at_once_store_one_mail(outbox: Path) -> None:
    start = threading.Barrier(8)
    replies: list[str] = []

    def attempt() -> None:
        start.wait()
        replies.append(sent(MaildirChannel(outbox), message=MESSAGE * 1000))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 8
    assert [path.stat().st_size for path in stored(outbox)] == [len(MESSAGE.replace(b"\r\n", b"\n")) * 1000]


def test_nothing_shows_before_the_end_may_be_sent(outbox: Path) -> None:
    """It lies in tmp, whole; what is raised leaves as it is, also an error of the system's."""
    channel = MaildirChannel(outbox)
    seen: list[list[str]] = []
    channel.send(make_mail(), lambda: seen.append([path.parent.name for path in stored(outbox)]))
    assert seen == [["tmp"]]
    error = OSError("the other disk is full")
    with pytest.raises(OSError, match="other disk") as caught:
        channel.send(make_mail(message_id="<2@x>"), Ending(error))
    assert caught.value is error
    assert [path.parent.name for path in stored(outbox)] == ["new"]
    assert sent(channel, message_id="<2@x>").startswith("stored on this machine as new/")


def test_the_folders_are_listed_once_however_many_mails(
    outbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Maildir of 10,000 mails is not read 10,000 times."""
    scandir, listed = os.scandir, []

    def noting(path: Any) -> Any:
        listed.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noting)
    channel = MaildirChannel(outbox)
    for number in range(50):
        sent(channel, message_id=f"<{number}@x>")
    for number in range(50):
        sent(channel, message_id=f"<{number}@x>")
    assert listed.count("cur") == listed.count("new") == 1
    assert len(stored(outbox)) == 50


def test_a_file_that_another_attempt_is_writing_is_left_alone(outbox: Path) -> None:
    channel = MaildirChannel(outbox)
    sent(channel)
    busy = outbox / "tmp" / ("0" * 32 + ".digest.1.1")
    busy.write_bytes(b"Half a ma")
    sent(MaildirChannel(outbox), message_id="<2@x>")
    assert busy.exists()


def test_folders_that_were_taken_away_are_made_anew_at_the_next_mail(outbox: Path) -> None:
    channel = MaildirChannel(outbox)
    sent(channel)
    shutil.rmtree(outbox)
    assert failed(channel, message_id="<2@x>").fatal
    sent(channel, message_id="<2@x>")
    assert len(stored(outbox)) == 1
