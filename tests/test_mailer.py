"""One call is one attempt; what is said of it is true, and no mail is stored or sent twice by one call."""

import contextlib
import email
import email.policy
import errno
import mailbox
import os
import re
import smtplib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError, DeliveryError, UsageError
from digest.mailer import (
    Channel,
    MaildirChannel,
    SmtpChannel,
    SmtpUrl,
    check_address,
    parse_smtp_url,
    presets,
)
from tests.smtp_server import DROP, HANG, SmtpServer, client_tls, server_tls

SENDER = "digest@lists.example"
READER = "ada@reader.example"
MESSAGE = b"From: digest@lists.example\r\nSubject: Papers\r\n\r\nHello.\r\n.\r\n..dots\r\n"
MESSAGE_ID = "<issue-1.mail@lists.example>"
SECRET = "hunter2&co"


def failed(
    channel: Channel, *, sender: str = SENDER, to: str = READER, message: bytes = MESSAGE
) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel.send(sender, to, message, MESSAGE_ID)
    return caught.value


# --- Maildir ---------------------------------------------------------------------------------------


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "an outbox"


def stored(outbox: Path) -> list[Path]:
    """Every file below the outbox, wherever it lies."""
    return [path for path in outbox.rglob("*") if path.is_file()]


def test_a_stored_mail_is_read_by_pythons_maildir(outbox: Path) -> None:
    reply = MaildirChannel(outbox).send(SENDER, READER, MESSAGE, MESSAGE_ID)
    (message,) = mailbox.Maildir(outbox, create=False)
    assert message["Subject"] == "Papers"
    assert message.get_payload() == "Hello.\n.\n..dots\n"
    assert reply.startswith("stored as new/")
    assert stored(outbox)[0].read_bytes() == MESSAGE.replace(b"\r\n", b"\n")


def test_a_second_attempt_of_the_same_mail_changes_nothing(outbox: Path) -> None:
    """Also by another channel object, and whether the id has its angle brackets or not."""
    first = MaildirChannel(outbox).send(SENDER, READER, MESSAGE, MESSAGE_ID)
    assert MaildirChannel(outbox).send(SENDER, READER, b"changed", MESSAGE_ID) == first
    MaildirChannel(outbox).send(SENDER, READER, b"changed", MESSAGE_ID.strip("<>"))
    assert len(stored(outbox)) == 1


@pytest.mark.parametrize(
    "place", ["cur/{}:2,", "cur/{}:2,FRS", "cur/{}", ".Read/cur/{}:2,S", ".Read/new/{}", "Old/cur/{}!2,S"]
)
def test_a_mail_that_a_reader_moved_is_not_delivered_again(outbox: Path, place: str) -> None:
    channel = MaildirChannel(outbox)
    channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
    (file,) = stored(outbox)
    target = outbox / place.format(file.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    file.rename(target)
    assert channel.send(SENDER, READER, MESSAGE, MESSAGE_ID) == f"stored as {place.format(file.name)}"
    assert stored(outbox) == [target]


def test_a_mail_read_through_pythons_maildir_is_not_delivered_again(outbox: Path) -> None:
    channel = MaildirChannel(outbox)
    channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
    box = mailbox.Maildir(outbox, create=False)
    ((key, message),) = box.items()
    message.set_subdir("cur")
    message.set_flags("FS")
    box[key] = message
    channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
    assert len(stored(outbox)) == 1


def test_different_mails_lie_side_by_side(outbox: Path) -> None:
    channel = MaildirChannel(outbox)
    for number in range(20):
        channel.send(SENDER, READER, MESSAGE, f"<{number}@lists.example>")
    assert len(mailbox.Maildir(outbox, create=False)) == 20


@pytest.mark.parametrize(
    "message_id", ["<../../escape@x>", "</etc/x>", "<a:2,S>", "<\udc80@x>", "", "<" + "x" * 5000 + ">"]
)
def test_an_odd_message_id_stays_inside_the_outbox(outbox: Path, message_id: str) -> None:
    MaildirChannel(outbox).send(SENDER, READER, MESSAGE, message_id)
    assert [path.parent for path in stored(outbox)] == [outbox / "new"]


def test_what_a_killed_attempt_left_in_tmp_is_no_mail_and_is_cleared(outbox: Path) -> None:
    channel = MaildirChannel(outbox)
    channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
    (file,) = stored(outbox)
    half = outbox / "tmp" / f"{file.name}.99999.1"
    file.rename(half)
    half.write_bytes(b"Half a ma")
    channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
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
    MaildirChannel(outbox).send(SENDER, READER, MESSAGE, MESSAGE_ID)
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
        replies.append(MaildirChannel(outbox).send(SENDER, READER, MESSAGE * 1000, MESSAGE_ID))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 8
    assert [path.stat().st_size for path in stored(outbox)] == [len(MESSAGE.replace(b"\r\n", b"\n")) * 1000]


# --- addresses -------------------------------------------------------------------------------------

BAD_ADDRESSES = [
    "",
    "ada",
    "@reader.example",
    "ada@",
    "ada@@reader.example",
    "ada@reader.example\r\nRCPT TO:<eve@evil.example",
    "ada@reader.example\n",
    "ada@reader.example>\r\nDATA",
    "<ada@reader.example>",
    "Ada <ada@reader.example>",
    "ada(comment)@reader.example",
    "ada@reader.example,eve@evil.example",
    '"ada smith"@reader.example',
    "ada @reader.example",
    "ada@reader..example",
    "ada@-",
    "ada@reader.example\0",
    "ada@reader\u2028.example",
    "ada@\udc80.example",
    "ada@straße.example",
    "a" * 65 + "@reader.example",
    "ada@" + "x" * 300,
    "ada@" + "ä" * 100 + ".example",
]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_what_is_not_one_plain_address_is_refused_for_good(address: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        check_address(address)
    assert not caught.value.transient
    assert not caught.value.fatal
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ada@reader.example", "ada@reader.example"),
        ("o'hara+papers=1@reader.example", "o'hara+papers=1@reader.example"),
        ("root@localhost", "root@localhost"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("用户@例え.example", "用户@xn--r8jz45g.example"),
    ],
)
def test_a_plain_address_keeps_its_name_and_gets_an_ascii_domain(address: str, wire: str) -> None:
    assert check_address(address) == wire


@given(st.text(max_size=40) | st.from_regex(r"[ -~]{1,10}@[ -~]{1,10}"))
def test_no_accepted_address_can_break_out_of_its_brackets(address: str) -> None:
    with contextlib.suppress(DeliveryError):
        assert re.fullmatch(r"[^\s<>,;:\"()\\\x00-\x1f]+@[a-zA-Z0-9._-]+", check_address(address))


@pytest.mark.parametrize("channel", ["maildir", "smtp"])
@pytest.mark.parametrize("address", BAD_ADDRESSES[5:9])
def test_a_bad_address_reaches_neither_disk_nor_server(outbox: Path, channel: str, address: str) -> None:
    with SmtpServer() as server:
        way = MaildirChannel(outbox) if channel == "maildir" else smtp(server)
        assert not failed(way, to=address).transient
        assert not failed(way, to=address).fatal
        assert not failed(way, sender=address).transient
        assert failed(way, sender=address).fatal
        way.close()
        assert server.commands == []
    assert not outbox.exists()


# --- the SMTP address ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smtps://me:pw@mail.example:465", SmtpUrl("mail.example", 465, "tls", "me", "pw")),
        ("smtps://mail.example", SmtpUrl("mail.example", 465, "tls")),
        ("SMTP://Mail.Example", SmtpUrl("mail.example", 587, "starttls")),
        ("smtp://mail.example:2525/", SmtpUrl("mail.example", 2525, "starttls")),
        ("smtp://localhost", SmtpUrl("localhost", 25, "plain")),
        ("smtp://127.0.0.1:1025", SmtpUrl("127.0.0.1", 1025, "plain")),
        ("smtp://[::1]:1025", SmtpUrl("::1", 1025, "plain")),
        ("smtp+plain://relay.example", SmtpUrl("relay.example", 25, "plain")),
        (
            "smtps://me%40x.example:p%2Fw%3A%40%25@mail.example",
            SmtpUrl("mail.example", 465, "tls", "me@x.example", "p/w:@%"),
        ),
        ("smtps://me@x.example:p+w@mail.example", SmtpUrl("mail.example", 465, "tls", "me@x.example", "p+w")),
    ],
)
def test_an_smtp_address_says_how_to_send(text: str, expected: SmtpUrl) -> None:
    assert parse_smtp_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "hunter2://mail.example",
        "https://me:hunter2@mail.example",
        "smtps://",
        "smtps://me:hunter2@",
        "smtps://me@mail.example",
        "smtps://:hunter2@mail.example",
        "smtps://me:hunter2@mail.example:port",
        "smtps://me:hunter2@mail.example:99999",
        "smtps://me:hunter2@mail.example:0",
        "smtps://me:hunter2/x@mail.example",
        "smtps://me:1/hunter2@mail.example",
        "smtps://me:hunter2#x@mail.example",
        "smtps://me:hunter2?x@mail.example",
        "smtps://me:hunter2%0d%0aQUIT@mail.example",
        "smtps://me:hun\nter2@mail.example",
        "smtps://me:hunter2@mail .example",
        "smtps://me:hunter2@mail..example",
        "smtps://me:hunter2@[mail.example",
    ],
)
def test_a_wrong_smtp_address_is_a_settings_fault_that_tells_no_secret(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_smtp_url(text)
    assert str(caught.value).startswith("the mail server's address is not usable: ")
    assert "hunter2" not in str(caught.value)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30))
def test_any_percent_encoded_password_comes_back_and_shows_nowhere(password: str) -> None:
    url = parse_smtp_url(f"smtps://me:{quote(password, safe='')}@mail.example")
    assert url.password == password
    assert repr(url) == repr(replace(url, password="another"))
    assert str(url) == "smtps://me@mail.example:465"
    assert repr(SmtpChannel(url)).startswith("<digest.mailer.smtp.SmtpChannel object")


def test_every_preset_gives_an_address_that_encrypts() -> None:
    assert {
        "gmail",
        "fastmail",
        "outlook",
        "microsoft365",
        "mailbox.org",
        "posteo",
        "ses",
        "sendgrid",
    } <= set(presets())
    assert {"mailgun", "mailgun-eu", "postmark", "brevo"} <= set(presets())
    for name, preset in presets().items():
        url = parse_smtp_url(preset.smtp_url("me@x.example", "p:/@#w", region="eu-central-1"))
        assert url.security in ("tls", "starttls"), name
        assert url.password == "p:/@#w"
        assert url.user == (preset.user or "me@x.example")
        assert url.port == preset.port
        assert preset.advice.endswith(".")


def test_a_provider_by_region_needs_its_region() -> None:
    with pytest.raises(UsageError, match="eu-central-1"):
        presets()["ses"].smtp_url("me", "pw")
    assert "email-smtp.us-east-1.amazonaws.com" in presets()["ses"].smtp_url("me", "pw", region="us-east-1")
    assert presets()["ses"].needs_region


# --- SMTP: the good way ----------------------------------------------------------------------------


def smtp(
    server: SmtpServer | int,
    security: str = "plain",
    *,
    password: str | None = None,
    user: str = "me",
    timeout_s: float = 5.0,
    final_timeout_s: float = 5.0,
) -> SmtpChannel:
    port = server if isinstance(server, int) else server.port
    url = SmtpUrl("127.0.0.1", port, security, user if password else None, password)  # type: ignore[arg-type]
    return SmtpChannel(url, timeout_s=timeout_s, final_timeout_s=final_timeout_s, tls=client_tls())


class Recorder:
    """An aiosmtpd handler that keeps what it accepted."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 2.0.0 Ok: queued as 17"


class AnyPort(Controller):
    """aiosmtpd's controller, for a port that the system chooses."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextlib.contextmanager
def real_server(**options: Any) -> Iterator[tuple[Recorder, int]]:
    recorder = Recorder()
    controller = AnyPort(recorder, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield recorder, controller.port
    finally:
        controller.stop()


def test_a_real_server_gets_the_mail_byte_for_byte_and_its_queue_id_comes_back() -> None:
    """Lines of dots survive, bare line feeds become CRLF, and one connection serves them all."""
    with real_server() as (recorder, port):
        channel = smtp(port)
        assert (
            channel.send("bounce+1@lists.example", READER, MESSAGE, MESSAGE_ID)
            == "250 2.0.0 Ok: queued as 17"
        )
        channel.send(SENDER, "bo@reader.example", MESSAGE.replace(b"\r\n", b"\n"), "<2@x>")
        channel.send("", READER, b"Subject: x\n\n.\n.\r.\r\n.", "<3@x>")
        channel.close()
    first, second, third = recorder.envelopes
    assert first.mail_from == "bounce+1@lists.example"
    assert first.rcpt_tos == [READER]
    assert first.content == second.content == MESSAGE
    assert third.mail_from == "<>"  # aiosmtpd's way to write the null sender
    assert third.content == b"Subject: x\r\n\r\n.\r\n.\r\n.\r\n.\r\n"


def test_starttls_and_log_in_work_against_a_real_server() -> None:
    seen: list[Any] = []

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        seen.append((mechanism, data, session.ssl is not None))
        return AuthResult(success=True)

    with real_server(
        tls_context=server_tls(), require_starttls=True, authenticator=authenticate, auth_required=True
    ) as (
        recorder,
        port,
    ):
        for password in ("plain words", "pässwörd"):
            channel = smtp(port, "starttls", password=password)
            channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
            channel.close()
    assert len(recorder.envelopes) == 2
    assert [data for _, data, _ in seen] == [
        LoginPassword(b"me", b"plain words"),
        LoginPassword(b"me", "pässwörd".encode()),
    ]
    assert all(encrypted for _, _, encrypted in seen)


def test_letters_beyond_ascii_need_a_server_that_takes_them() -> None:
    with real_server(enable_SMTPUTF8=True) as (recorder, port):
        channel = smtp(port)
        channel.send(SENDER, "用户@例え.example", MESSAGE, MESSAGE_ID)
        channel.send(SENDER, READER, MESSAGE, "<2@x>")
        channel.close()
    assert [envelope.rcpt_tos for envelope in recorder.envelopes] == [["用户@xn--r8jz45g.example"], [READER]]
    with SmtpServer() as server:
        channel = smtp(server)
        error = failed(channel, to="用户@例え.example")
        assert not error.transient
        assert "用户" in str(error)
        assert channel.send(SENDER, READER, MESSAGE, "<2@x>").startswith("250")
        channel.close()
        assert server.connections == 1


def test_implicit_tls_is_encrypted_from_the_first_byte() -> None:
    with SmtpServer(implicit_tls=True) as server:
        channel = smtp(server, "tls")
        channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
        channel.close()
        assert [mail.data + b"\r\n" for mail in server.mails] == [re.sub(rb"(?m)^\.", b"..", MESSAGE)]


def test_a_channel_says_whether_sending_twice_is_safe(outbox: Path) -> None:
    """Deliver asks, when it finds a mail whose sending was cut off."""
    assert MaildirChannel(outbox).idempotent
    assert not SmtpChannel(SmtpUrl("mail.example", 465, "tls")).idempotent


def test_the_connection_is_kept_and_said_goodbye_to() -> None:
    with SmtpServer() as server:
        channel = smtp(server)
        for number in range(5):
            channel.send(SENDER, READER, MESSAGE, f"<{number}@x>")
        channel.close()
        channel.close()
    assert server.connections == 1
    assert server.verbs() == ["EHLO", *["MAIL", "RCPT", "DATA"] * 5, "QUIT"]
    assert (
        server.commands[1] == f"MAIL FROM:<{SENDER}> SIZE={len(MESSAGE) + 5}"
    )  # two dots, and the last line


def test_a_connection_that_rested_too_long_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer() as server:
        channel = smtp(server)
        channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
        later = time.monotonic() + 61
        monkeypatch.setattr("digest.mailer.smtp.time.monotonic", lambda: later)
        channel.send(SENDER, READER, MESSAGE, "<2@x>")
        channel.close()
        assert server.connections == 2


@pytest.mark.parametrize("answer", [DROP, "421 4.3.2 Enough for this connection"])
def test_a_kept_connection_that_the_server_ended_costs_nothing(answer: str) -> None:
    """Servers end connections after some mails; the next mail goes by a new one."""
    with SmtpServer({"MAIL": ["250 Ok", answer, "250 Ok"]}) as server:
        channel = smtp(server)
        channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
        channel.send(SENDER, READER, MESSAGE, "<2@x>")
        channel.close()
        assert server.connections == 2
        assert len(server.mails) == 2


# --- SMTP: never in the clear by accident ----------------------------------------------------------


def test_no_starttls_offered_is_fatal_and_nothing_is_sent() -> None:
    with SmtpServer(extensions=["AUTH PLAIN LOGIN"]) as server:
        error = failed(smtp(server, "starttls", password=SECRET))
        assert error.fatal
        assert not error.transient
        assert "STARTTLS" in str(error)
        assert server.verbs() == ["EHLO"]


def test_a_refused_starttls_is_fatal_and_nothing_is_sent() -> None:
    with SmtpServer({"STARTTLS": ["454 4.7.0 TLS not available"]}, extensions=["STARTTLS"]) as server:
        error = failed(smtp(server, "starttls", password=SECRET))
        assert error.fatal
        assert error.transient
        assert server.verbs() == ["EHLO", "STARTTLS"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_is_not_trusted_is_fatal_and_nothing_is_sent(security: str) -> None:
    with SmtpServer(implicit_tls=security == "tls", extensions=["STARTTLS"]) as server:
        url = SmtpUrl("127.0.0.1", server.port, security, "me", SECRET)  # type: ignore[arg-type]
        error = failed(SmtpChannel(url, timeout_s=5))
        assert error.fatal
        assert not error.transient
        assert "not trusted" in str(error)
        assert server.mails == []
        assert "AUTH" not in server.verbs()


def test_a_server_without_tls_on_a_tls_port_is_fatal() -> None:
    with SmtpServer() as server:
        error = failed(smtp(server, "tls"))
        assert error.fatal
        assert "encrypted" in str(error)
        assert server.mails == []


def test_words_slipped_in_before_the_handshake_are_not_taken_for_answers() -> None:
    """Whoever adds plain text after the answer to STARTTLS must not speak for the server (CVE-2026-55558)."""
    with SmtpServer(extensions=["STARTTLS"], after_starttls=b"250-forged\r\n250 AUTH PLAIN\r\n") as server:
        error = failed(smtp(server, "starttls", password=SECRET))
        assert error.fatal
        assert "AUTH" not in server.verbs()
        assert server.mails == []


# --- SMTP: log-in ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "transient"),
    [("535 5.7.8 Bad credentials", False), ("454 4.7.0 Temporary authentication failure", True)],
)
@pytest.mark.parametrize("password", [SECRET, "pässwörd"])
def test_a_refused_log_in_is_fatal_and_sends_nothing(reply: str, transient: bool, password: str) -> None:
    with SmtpServer({"AUTH": [reply]}, extensions=["AUTH PLAIN"]) as server:
        error = failed(smtp(server, password=password))
        assert error.fatal
        assert error.transient is transient
        assert error.code == int(reply[:3])
        assert reply in str(error)
        assert "MAIL" not in server.verbs()


@pytest.mark.parametrize("password", [SECRET, "pässwörd"])
def test_a_server_that_offers_no_log_in_is_fatal(password: str) -> None:
    with SmtpServer() as server:
        error = failed(smtp(server, password=password))
        assert error.fatal
        assert not error.transient
        assert "log-in" in str(error)


@pytest.mark.parametrize("echo", ["{command}", "{password}", "{upper}"])
def test_a_server_that_quotes_the_password_does_not_get_it_into_the_error(echo: str) -> None:
    command = "AG1lAGh1bnRlcjImY28="  # base64 of NUL me NUL password
    words = echo.format(command=f"AUTH PLAIN {command}", password=SECRET, upper=SECRET.upper())
    with SmtpServer({"AUTH": [f"535 5.7.8 No: {words}"]}, extensions=["AUTH PLAIN"]) as server:
        error = failed(smtp(server, password=SECRET))
        assert command in server.commands[1]
        assert "No: " in str(error)
        assert command not in str(error)
        assert "hunter2" not in str(error).lower()
        assert error.__cause__ is None
        assert error.__suppress_context__


# --- SMTP: refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "reply", "transient", "fatal"),
    [
        ("CONNECT", "421 4.3.2 Too many connections", True, True),
        ("CONNECT", "554 5.7.1 Not from there", False, True),
        ("MAIL", "421 4.3.2 Shutting down", True, False),
        ("MAIL", "451 4.7.1 Slow down", True, False),
        ("MAIL", "550 5.7.1 Sender not allowed", False, True),
        ("MAIL", "553 5.1.8 Sender domain unknown", False, True),
        ("MAIL", "530 5.7.0 Authentication required", False, True),
        ("MAIL", "552 5.3.4 Message too large", False, False),
        ("RCPT", "421 4.7.0 Try later", True, False),
        ("RCPT", "450 4.2.0 Greylisted", True, False),
        ("RCPT", "452 4.2.2 Mailbox full", True, False),
        ("RCPT", "550 5.1.1 No such reader", False, False),
        ("RCPT", "554 5.7.1 Relay access denied", False, False),
        ("RCPT", "530 5.7.0 Authentication required", False, True),
        ("DATA", "451 4.3.0 Not now", True, False),
        ("DATA", "554 5.5.1 No valid recipients", False, False),
        ("DOT", "421 4.3.0 Going away", True, False),
        ("DOT", "452 4.3.1 Disk full", True, False),
        ("DOT", "554 5.7.1 Looks like spam", False, False),
    ],
)
def test_a_reply_means_what_it_says(verb: str, reply: str, transient: bool, fatal: bool) -> None:
    """4xx may help later, 5xx to a recipient is for good, and a refused session or sender stops the run."""
    with SmtpServer(
        {verb: [reply, *([] if verb == "CONNECT" else ["354 Go on" if verb == "DATA" else "250 Ok"])]}
    ) as server:
        channel = smtp(server)
        error = failed(channel)
        assert (error.transient, error.fatal, error.uncertain) == (transient, fatal, False)
        assert error.code == int(reply[:3])
        assert reply in str(error)
        if verb != "CONNECT":
            # The channel is as good as new for the next reader.
            assert channel.send(SENDER, "bo@reader.example", MESSAGE, "<2@x>").startswith("250")
            assert server.connections == (2 if reply.startswith("421") else 1)
        channel.close()


def test_a_reply_of_many_lines_with_control_characters_is_one_clean_line() -> None:
    with SmtpServer({"RCPT": ["550-5.1.1 No such\x1b[31m\treader\r\n550 5.1.1 here\x07, sorry"]}) as server:
        channel = smtp(server)
        error = failed(channel)
        channel.close()
        assert "550 5.1.1 No such [31m reader 5.1.1 here , sorry" in str(error)
        assert str(error).isprintable()


def test_a_mail_that_is_not_ascii_never_leaves() -> None:
    with SmtpServer() as server:
        assert not failed(smtp(server), message="Subject: ü\r\n\r\n".encode()).transient
        assert server.connections == 0


# --- SMTP: lost lines ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", [DROP, HANG])
def test_a_line_lost_before_the_mail_was_complete_is_transient(verb: str, answer: str) -> None:
    with SmtpServer({verb: [answer]}) as server:
        error = failed(smtp(server, timeout_s=0.7))
        assert (error.transient, error.uncertain, error.fatal) == (True, False, False)
        assert server.mails == []


def test_a_line_lost_in_the_midst_of_the_mail_is_transient() -> None:
    """A mail larger than all buffers between, and a server that stops reading: it cannot be complete."""
    big = b"Subject: big\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 400_000
    with SmtpServer(stop_reading_at=100_000) as server:
        error = failed(smtp(server), message=big)
        assert (error.transient, error.uncertain, error.fatal) == (True, False, False)
        assert server.mails == []


@pytest.mark.parametrize("answer", [DROP, HANG, "garbage", "354 Go on"])
def test_no_answer_to_the_complete_mail_is_uncertain(answer: str) -> None:
    """The server has the mail; we cannot know that it does."""
    with SmtpServer({"DOT": [answer]}) as server:
        error = failed(smtp(server, final_timeout_s=0.3))
        assert error.uncertain
        assert error.transient
        assert not error.fatal
        assert len(server.mails) == 1


def test_an_answer_that_takes_longer_than_other_answers_may_is_waited_for() -> None:
    with SmtpServer({"DOT": [HANG]}) as server:
        channel = smtp(server, timeout_s=0.7, final_timeout_s=1.3)
        start = time.monotonic()
        assert failed(channel).uncertain
        assert 1.2 < time.monotonic() - start < 9


@pytest.mark.parametrize("answer", [DROP, HANG])
def test_a_server_that_does_not_greet_is_fatal_and_transient(answer: str) -> None:
    with SmtpServer({"CONNECT": [answer]}) as server:
        error = failed(smtp(server, timeout_s=0.7))
        assert (error.transient, error.fatal, error.uncertain) == (True, True, False)


def test_an_unreachable_server_is_fatal_and_transient() -> None:
    with SmtpServer() as server:
        port = server.port
    error = failed(smtp(port))
    assert (error.transient, error.fatal, error.uncertain) == (True, True, False)
    assert f"127.0.0.1:{port} cannot be reached: Connection refused" in str(error)


def test_every_error_of_smtplib_is_an_oserror() -> None:
    """The channel catches OSError only; this is why that is enough."""
    errors = [
        thing for thing in vars(smtplib).values() if isinstance(thing, type) and issubclass(thing, Exception)
    ]
    assert errors
    assert all(issubclass(error, OSError) for error in errors)


def test_a_mail_sent_is_the_mail_that_is_read() -> None:
    """What the server logged parses to the mail that was handed over."""
    with SmtpServer() as server:
        channel = smtp(server)
        channel.send(SENDER, READER, MESSAGE, MESSAGE_ID)
        channel.close()
    (mail,) = server.mails
    unstuffed = re.sub(rb"(?m)^\.\.", b".", mail.data) + b"\r\n"
    parsed = email.message_from_bytes(unstuffed, policy=email.policy.SMTP)
    assert parsed["Subject"] == "Papers"
    assert unstuffed == MESSAGE
