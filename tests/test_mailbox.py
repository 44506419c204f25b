"""Where mail comes in: Maildir, IMAP and a stream; read, marked as read, never deleted."""

import io
import os
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from digest.errors import ConfigError, UsageError
from digest.mailbox import MAX_BYTES, Mailbox, MailboxError, check_mailbox, open_mailbox, parse_imap_url
from tests.imap_server import Box, serving

SECRET = "s3cret-word"


def read_all(mailbox: Mailbox, *, mark: bool = True) -> list[bytes]:
    """All unread mail that can be read."""
    found = []
    for ref, raw in mailbox.mails():
        if raw is None:
            continue
        found.append(raw)
        if mark:
            mailbox.mark_done(ref)
    return found


# --- Maildir ---------------------------------------------------------------------------------------


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    """An empty Maildir."""
    for folder in ("tmp", "new", "cur"):
        (tmp_path / "box" / folder).mkdir(parents=True)
    return tmp_path / "box"


def test_a_maildir_is_read_once_and_keeps_everything(maildir: Path) -> None:
    """New mail and unread mail in cur are given; done means moved to cur, flagged as seen."""
    (maildir / "new" / "3.x").write_bytes(b"three")
    (maildir / "cur" / "1.x:2,RF").write_bytes(b"one")
    (maildir / "cur" / "2.x:2,S").write_bytes(b"read")
    (maildir / "new" / ".hidden").write_bytes(b"hidden")
    with open_mailbox(str(maildir)) as mailbox:
        assert read_all(mailbox, mark=False) == [b"one", b"three"]
        assert read_all(mailbox) == [b"one", b"three"]
        assert read_all(mailbox) == []
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1.x:2,FRS", "2.x:2,S", "3.x:2,S"]


def test_what_is_no_plain_file_stops_nothing(maildir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links, pipes, sockets and folders: nobody waits for them, and each is told as unreadable."""
    (maildir / "new" / "link").symlink_to("/etc/hostname")
    os.mkfifo(maildir / "new" / "pipe")
    (maildir / "new" / "folder").mkdir()
    (maildir / "cur" / "odd:2,").mkdir()
    monkeypatch.chdir(maildir / "new")  # the name of a socket may not be long
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("socket")
    (maildir / "new" / "mail").write_bytes(b"x" * (MAX_BYTES + 5))
    with open_mailbox(str(maildir)) as mailbox:
        given = list(mailbox.mails())
        assert [len(raw) for raw in read_all(mailbox)] == [MAX_BYTES]
    assert {ref for ref, raw in given if raw is None} == {
        "new/link", "new/pipe", "new/folder", "cur/odd:2,", "new/socket",
    }  # fmt: skip


def test_a_file_that_may_not_be_read_stops_nothing(maildir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another owner's, as a copy made by root leaves it: the others are read."""
    for name in ("1", "2"):
        (maildir / "new" / name).write_bytes(name.encode())
    really_open = os.open

    def refuse(path: Path, flags: int) -> int:
        if path.name == "1":
            raise PermissionError(13, "Permission denied")
        return really_open(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    with open_mailbox(str(maildir)) as mailbox:
        assert list(mailbox.mails()) == [("new/1", None), ("new/2", b"2")]


@pytest.mark.parametrize("links", [True, False])
def test_what_has_the_name_already_is_kept(
    maildir: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """Another mail, or a folder, stands where a mail is to go: it gets a name of its own."""
    (maildir / "new" / "a").write_bytes(b"new a")
    (maildir / "cur" / "a:2,S").write_bytes(b"old a")
    (maildir / "new" / "b").write_bytes(b"new b")
    (maildir / "cur" / "b:2,S").mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:  # a file system, or a kernel's rule, without them
        monkeypatch.setattr(os, "link", refuse)
    with open_mailbox(str(maildir)) as mailbox:
        assert read_all(mailbox) == [b"new a", b"new b"]
        assert read_all(mailbox) == []
    assert list((maildir / "new").iterdir()) == []
    kept = [path for path in (maildir / "cur").iterdir() if path.is_file()]
    assert sorted(path.read_bytes() for path in kept) == [b"new a", b"new b", b"old a"]
    assert all(path.name.endswith(":2,S") for path in kept)


def test_a_mark_that_was_cut_short_is_finished(maildir: Path) -> None:
    """A run that died between the two steps left one file under both names; it becomes one again."""
    (maildir / "new" / "a").write_bytes(b"a")
    (maildir / "cur" / "a:2,S").hardlink_to(maildir / "new" / "a")
    with open_mailbox(str(maildir)) as mailbox:
        assert read_all(mailbox) == [b"a"]
    assert [path.name for folder in ("new", "cur") for path in (maildir / folder).iterdir()] == ["a:2,S"]


@pytest.mark.parametrize("place", ["~nobody-of-that-name/box", "a\0b"])
def test_a_path_that_names_nothing_is_told(place: str) -> None:
    """As a setting, and when it is opened."""
    with pytest.raises(UsageError) as checked:
        check_mailbox(place)
    with pytest.raises(UsageError) as opened, open_mailbox(place):
        pass
    assert str(checked.value) == str(opened.value)
    assert str(checked.value).isprintable()


def test_mail_that_another_program_moves_meanwhile_is_let_be(maildir: Path) -> None:
    """Neither reading nor marking trips over it."""
    for name in ("1", "2"):
        (maildir / "new" / name).write_bytes(name.encode())
    with open_mailbox(str(maildir)) as mailbox:
        mails = mailbox.mails()
        ref, _ = next(mails)
        (maildir / "new" / "1").rename(maildir / "cur" / "1:2,S")
        (maildir / "new" / "2").unlink()
        assert list(mails) == []
        mailbox.mark_done(ref)
    assert [path.name for path in (maildir / "cur").iterdir()] == ["1:2,S"]


def test_a_folder_that_is_no_maildir_is_told(tmp_path: Path) -> None:
    """With its path; one that just has no cur yet is fine."""
    with (
        open_mailbox(str(tmp_path / "nothing")) as mailbox,
        pytest.raises(MailboxError, match="is no Maildir"),
    ):
        read_all(mailbox)
    (tmp_path / "half" / "new").mkdir(parents=True)
    (tmp_path / "half" / "new" / "1").write_bytes(b"one")
    with open_mailbox(str(tmp_path / "half")) as mailbox:
        assert read_all(mailbox) == [b"one"]
    assert (tmp_path / "half" / "cur" / "1:2,S").exists()


def test_a_stream_holds_one_mail() -> None:
    """What a mail server's pipe gives; too much of it is read and dropped."""
    stream = io.BytesIO(b"x" * (2 * MAX_BYTES + 7))
    with open_mailbox("-", stream=stream) as mailbox:
        assert [len(raw) for raw in read_all(mailbox)] == [MAX_BYTES]
    assert stream.read() == b""
    with open_mailbox("-", stream=io.BytesIO(b"\n")) as mailbox:
        assert read_all(mailbox) == []


def test_a_stream_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """As where only writing is allowed."""
    told = pytest.raises(MailboxError, match="cannot be read")
    with (tmp_path / "out").open("wb") as stream, open_mailbox("-", stream=stream) as mailbox, told:
        read_all(mailbox)


# --- IMAP ------------------------------------------------------------------------------------------


def test_an_imap_box_is_read_by_uid_and_only_marked() -> None:
    """Peeked at, flagged as seen, and left: nothing is deleted, expunged or closed."""
    box = Box({4: b"four", 9: b"nine\r\n", 11: b"seen"}, seen={11})
    with serving(box), open_mailbox(f"imap://ada:right@127.0.0.1:{box.port}/Bounces") as mailbox:
        assert read_all(mailbox, mark=False) == [b"four", b"nine\r\n"]
        assert box.seen == {11}
        assert read_all(mailbox) == [b"four", b"nine\r\n"]
        assert read_all(mailbox) == []
    assert box.seen == {4, 9, 11}
    assert 'SELECT "Bounces"' in box.asked
    verbs = {line.split()[0] for line in box.asked}
    assert verbs <= {"CAPABILITY", "LOGIN", "SELECT", "SEARCH", "FETCH", "STORE", "LOGOUT"}
    assert all("PEEK" in line for line in box.asked if line.startswith("FETCH"))
    assert {line for line in box.asked if line.startswith("STORE")} == {
        r"STORE 4 +FLAGS.SILENT (\Seen)",
        r"STORE 9 +FLAGS.SILENT (\Seen)",
    }


def test_a_large_mail_is_cut_by_the_server() -> None:
    """Only the beginning is asked for."""
    box = Box({1: b"x" * (MAX_BYTES + 10)})
    with serving(box), open_mailbox(f"imap://ada:right@127.0.0.1:{box.port}") as mailbox:
        assert [len(raw) for raw in read_all(mailbox)] == [MAX_BYTES]


def test_a_server_that_sends_too_much_is_left() -> None:
    """It is not read into memory."""
    with serving(Box({1: b"x"}, boast=10**10)) as box:
        place = f"imap://ada:right@127.0.0.1:{box.port}"
        with open_mailbox(place) as mailbox, pytest.raises(MailboxError, match="larger than what was asked"):
            read_all(mailbox)


@pytest.mark.parametrize("broken", ["SELECT", "SEARCH", "FETCH", "STORE", "LOGIN"])
def test_no_error_tells_the_password(broken: str) -> None:
    """Whatever fails, and whatever the server repeats."""
    with serving(Box({1: b"x"}, password=SECRET, broken=broken)) as box:
        place = f"imap://ada:{SECRET}@127.0.0.1:{box.port}"
        with pytest.raises(MailboxError) as caught, open_mailbox(place) as mailbox:
            read_all(mailbox)
    with serving(Box(password="another")) as box:
        place = f"imap://ada:{SECRET}@127.0.0.1:{box.port}"
        told = pytest.raises(MailboxError, match="refused the user or the password")
        with told as refused, open_mailbox(place):
            pass
    for error in (caught.value, refused.value):
        assert SECRET not in str(error)
        assert error.__context__ is None or error.__suppress_context__
    assert SECRET not in repr(parse_imap_url(f"imaps://ada:{SECRET}@mail.example"))
    assert SECRET not in str(parse_imap_url(f"imaps://ada:{SECRET}@mail.example"))


def test_an_unreachable_server_is_told() -> None:
    """In one sentence, with its address."""
    with serving(Box()) as box:
        port = box.port
    told = pytest.raises(MailboxError, match=f"127.0.0.1:{port}/INBOX cannot be reached")
    with told, open_mailbox(f"imap://ada:right@127.0.0.1:{port}"):
        pass


def test_tls_checks_certificates_except_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A self-signed server on loopback is fine; anywhere else it is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("other.example").configure_cert(context)
    with serving(Box({1: b"one"}), context) as box:
        place = f"imaps://ada:right@127.0.0.1:{box.port}"
        with open_mailbox(place) as mailbox:
            assert read_all(mailbox) == [b"one"]
        monkeypatch.setattr("digest.mailbox.is_this_machine", lambda _: False)
        with pytest.raises(MailboxError, match="cannot be reached"), open_mailbox(place):
            pass


@pytest.mark.parametrize(
    "text",
    [
        f"imap://ada:{SECRET}@mail.example", f"http://ada:{SECRET}@mail.example", f"imaps://{SECRET}@mail.example",
        f"imaps://ada:{SECRET}@", f"imaps://ada:{SECRET}@host:0", f"imaps://ada:{SECRET}@host:x",
        f"imaps://ada:{SECRET}@host/?q", f"imaps://ada:{SECRET}%0D%0AX@host", f"imaps://ada:{SECRET} @host",
        f"imaps://ada:{SECRET}é@host", f"imaps://ada:{SECRET}@host/a%0Ab", f"imaps://ada:{SECRET}@ho[st",
    ],
)  # fmt: skip
def test_a_wrong_address_is_told_without_its_password(text: str) -> None:
    """Settings are checked before anything is opened."""
    with pytest.raises(ConfigError) as caught:
        check_mailbox(text)
    assert SECRET not in str(caught.value)


def test_an_address_is_read_whole() -> None:
    """Defaults, and percent-decoding."""
    url = parse_imap_url("imaps://ada%40example.org:a%2Fb%20c@mail.example/My%20Box/Sub")
    assert (url.host, url.port, url.user, url.password, url.folder) == (
        "mail.example", 993, "ada@example.org", "a/b c", "My Box/Sub",
    )  # fmt: skip
    assert parse_imap_url("imap://a:b@[::1]").port == 143
    check_mailbox("/var/mail/bounces")
