"""One call is one attempt; what is said of it is true, and no mail is sent twice by one call."""

import contextlib
import email
import email.policy
import re
import smtplib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import DeliveryError
from digest.mailer import SmtpChannel, SmtpUrl
from digest.mailer.smtp_wire import double_dots, make_lines
from tests.mail_samples import MESSAGE, READER, SENDER, Ending, failed, make_mail, sent
from tests.smtp_server import DROP, HANG, THEN_DROP, TRICKLE, SmtpServer, client_tls, server_tls

SECRET = "hunter2&co"


def smtp(
    server: SmtpServer | int,
    security: str = "plain",
    *,
    password: str | None = None,
    user: str = "me",
    **limits: Any,
) -> SmtpChannel:
    port = server if isinstance(server, int) else server.port
    url = SmtpUrl("127.0.0.1", port, security, user if password else None, password)  # type: ignore[arg-type]
    return SmtpChannel(url, **{"timeout_s": 5.0, "final_timeout_s": 5.0, **limits}, tls=client_tls())


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
        assert sent(channel, sender="bounce+1@lists.example") == "250 2.0.0 Ok: queued as 17"
        sent(channel, to="bo@reader.example", message=MESSAGE.replace(b"\r\n", b"\n"))
        sent(channel, sender="", message=b"Subject: x\n\n.\n.\r.\r\n.")
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
            sent(channel)
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
        sent(channel, to="用户@例え.example")
        sent(channel)
        channel.close()
    assert [envelope.rcpt_tos for envelope in recorder.envelopes] == [["用户@xn--r8jz45g.example"], [READER]]
    with SmtpServer() as server:
        channel = smtp(server)
        error = failed(channel, to="用户@例え.example")
        assert not error.transient
        assert "用户" in str(error)
        assert sent(channel).startswith("250")
        channel.close()
        assert server.connections == 1


def test_implicit_tls_is_encrypted_from_the_first_byte() -> None:
    with SmtpServer(implicit_tls=True) as server:
        channel = smtp(server, "tls")
        sent(channel)
        channel.close()
        assert [mail.data + b"\r\n" for mail in server.mails] == [re.sub(rb"(?m)^\.", b"..", MESSAGE)]


def test_the_connection_is_kept_and_said_goodbye_to() -> None:
    with SmtpServer() as server:
        channel = smtp(server)
        for number in range(5):
            sent(channel, message_id=f"<{number}@x>")
        channel.close()
        channel.close()
    assert server.connections == 1
    assert server.verbs() == ["EHLO", *["MAIL", "RCPT", "DATA"] * 5, "QUIT"]
    assert (
        server.commands[1] == f"MAIL FROM:<{SENDER}> SIZE={len(MESSAGE)}"
    )  # RFC 1870: without doubled dots and the last line


@pytest.mark.parametrize("answer", [DROP, "421 4.3.2 Enough for this connection"])
def test_a_kept_connection_that_the_server_ended_costs_nothing(answer: str) -> None:
    """Servers end connections after some mails; the next mail goes by a new one."""
    with SmtpServer({"MAIL": ["250 Ok", answer, "250 Ok"]}) as server:
        channel = smtp(server)
        sent(channel)
        sent(channel)
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
        assert f"127.0.0.1:{server.port} does not begin with TLS: smtps:// is for port 465" in str(error)
        assert server.mails == []


@pytest.mark.parametrize("in_one_write", [True, False])
def test_words_slipped_in_before_the_handshake_are_not_taken_for_answers(in_one_write: bool) -> None:
    """Whoever adds plain text after the answer to STARTTLS must not speak for the server (CVE-2026-55558)."""
    forged = "250-forged\r\n250 AUTH PLAIN"
    with SmtpServer(
        {"STARTTLS": [f"220 Go\r\n{forged}" if in_one_write else "220 Go"]},
        extensions=["STARTTLS"],
        after_starttls=b"" if in_one_write else f"{forged}\r\n".encode(),
    ) as server:
        error = failed(smtp(server, "starttls", password=SECRET))
        assert error.fatal
        assert "AUTH" not in server.verbs()
        assert server.mails == []
        assert not in_one_write or "words in the clear" in str(error)


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
        ("RCPT", "503 5.5.1 Need MAIL first", True, False),
        ("DATA", "451 4.3.0 Not now", True, False),
        ("DATA", "554 5.5.1 No valid recipients", False, False),
        ("DOT", "421 4.3.0 Going away", True, False),
        ("DOT", "452 4.3.1 Disk full", True, False),
        ("DOT", "554 5.7.1 Looks like spam", False, False),
    ],
)
@pytest.mark.parametrize("extensions", [["SIZE 10000000"], ["PIPELINING"]])
def test_a_reply_means_what_it_says(
    verb: str, reply: str, transient: bool, fatal: bool, extensions: list[str]
) -> None:
    """4xx may help later, 5xx to a recipient is for good, and a refused session or sender stops the run."""
    usual = {"CONNECT": "220 Hi", "DATA": "354 Go on"}.get(verb, "250 Ok")
    with SmtpServer({verb: [reply, usual]}, extensions=extensions) as server:
        channel = smtp(server)
        error = failed(channel)
        assert (error.transient, error.fatal, error.uncertain) == (transient, fatal, False)
        assert error.code == int(reply[:3])
        assert error.enhanced == reply.split()[1]
        stages = {"CONNECT": "session", "MAIL": "sender", "RCPT": "recipient"}
        assert error.stage == stages.get(verb, "mail")
        assert reply in str(error)
        assert server.mails == [] or verb == "DOT"
        # The channel is as good as new for the next reader.
        assert sent(channel, to="bo@reader.example").startswith("250")
        assert [mail.recipient for mail in server.mails][-1:] == ["<bo@reader.example>"]
        assert len(server.mails) == (2 if verb == "DOT" else 1)
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
        error = failed(smtp(server, timeout_s=0.4))
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
        channel = smtp(server, timeout_s=0.3, final_timeout_s=0.7)
        start = time.monotonic()
        assert failed(channel).uncertain
        assert 0.6 < time.monotonic() - start < 9


@pytest.mark.parametrize("answer", [DROP, HANG])
def test_a_server_that_does_not_greet_is_fatal_and_transient(answer: str) -> None:
    with SmtpServer({"CONNECT": [answer]}) as server:
        error = failed(smtp(server, timeout_s=0.4))
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
        sent(channel)
        channel.close()
    (mail,) = server.mails
    unstuffed = re.sub(rb"(?m)^\.\.", b".", mail.data) + b"\r\n"
    parsed = email.message_from_bytes(unstuffed, policy=email.policy.SMTP)
    assert parsed["Subject"] == "Papers"
    assert unstuffed == MESSAGE


# --- SMTP: the commands in one write ---------------------------------------------------------------

PIPELINING = ["PIPELINING", "SIZE 10000000", "ENHANCEDSTATUSCODES", "8BITMIME"]


def test_where_the_server_allows_it_a_mail_is_opened_in_one_write() -> None:
    """MAIL, RCPT and DATA together (RFC 2920), then the data, then the final dot: two waits less."""
    with SmtpServer(extensions=PIPELINING) as server:
        channel = smtp(server)
        sent(channel)
        sent(channel)
        channel.close()
    opening = f"MAIL FROM:<{SENDER}> SIZE={len(MESSAGE)}\r\nRCPT TO:<{READER}>\r\nDATA\r\n".encode()
    assert server.writes.count(opening) == 2
    assert server.connections == 1
    assert server.verbs() == ["EHLO", *["MAIL", "RCPT", "DATA"] * 2, "QUIT"]
    assert len(server.mails) == 2


@pytest.mark.parametrize(
    ("answers", "stage"),
    [
        ({"RCPT": "550 5.1.1 No such reader", "DATA": "554 5.5.1 No valid recipients"}, "recipient"),
        ({"RCPT": "550 5.1.1 No such reader", "DATA": "503 5.5.1 Need RCPT"}, "recipient"),
        ({"MAIL": "451 4.3.0 x", "RCPT": "503 5.5.1 x", "DATA": "503 5.5.1 x"}, "sender"),
        ({"MAIL": "550 5.7.1 x", "RCPT": "550 5.1.1 x", "DATA": "503 5.5.1 x"}, "sender"),
    ],
)
def test_of_several_refusals_the_first_counts_and_the_connection_is_kept(
    answers: dict[str, str], stage: str
) -> None:
    with SmtpServer({verb: [text] for verb, text in answers.items()}, extensions=PIPELINING) as server:
        channel = smtp(server)
        for _ in range(2):
            error = failed(channel)
            assert (error.stage, error.code) == (stage, int(next(iter(answers.values()))[:3]))
        channel.close()
        assert server.connections == 1
        assert server.verbs() == ["EHLO", *["MAIL", "RCPT", "DATA", "RSET"] * 2, "QUIT"]
        assert server.mails == []


def test_a_server_that_wants_the_mail_of_a_refused_reader_gets_nothing_not_even_a_dot() -> None:
    """RFC 2920 would send a lone dot; a server that is wrong once may take that for an empty mail."""
    with SmtpServer({"RCPT": ["550 5.1.1 No such reader", "250 Ok"]}, extensions=PIPELINING) as server:
        channel = smtp(server)
        ending = Ending()
        with pytest.raises(Exception, match="No such reader"):
            channel.send(make_mail(), ending)
        assert ending.calls == 0
        assert sent(channel, to="bo@reader.example").startswith("250")
        channel.close()
    assert server.halves == [b""]
    assert [mail.recipient for mail in server.mails] == ["<bo@reader.example>"]
    assert server.connections == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_server_whose_answers_are_out_of_step_is_not_believed(verb: str) -> None:
    """An answer too many, and the mail's own would be taken from the one before it."""
    reply = {"MAIL": "250 Ok", "RCPT": "250 Ok", "DATA": "354 Go on"}[verb]
    with SmtpServer({verb: [f"{reply}\r\n250 2.0.0 Ok: queued as FALSE"]}, extensions=PIPELINING) as server:
        error = failed(smtp(server))
        assert error.transient
        assert not error.uncertain
        assert server.mails == []


# --- SMTP: the end of the data ---------------------------------------------------------------------


class _Stop(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize("extensions", [[], PIPELINING])
@pytest.mark.parametrize("error", [_Stop(), OSError("disk full"), KeyboardInterrupt()])
def test_where_the_end_may_not_be_sent_the_server_never_sees_it(
    error: BaseException, extensions: list[str]
) -> None:
    """It got all but the final dot; what was raised leaves as it is, the next mail by a new connection."""
    with SmtpServer(extensions=extensions) as server:
        channel = smtp(server)
        sent(channel)
        with pytest.raises(type(error)) as caught:
            channel.send(make_mail(), Ending(error))
        assert caught.value is error
        sent(channel, to="bo@reader.example")
        channel.close()
    assert [mail.recipient for mail in server.mails] == [f"<{READER}>", "<bo@reader.example>"]
    assert server.connections == 2
    assert server.halves == [re.sub(rb"(?m)^\.", b"..", MESSAGE)]


def test_before_the_end_everything_else_has_left() -> None:
    """And the mail is not yet the server's."""
    big = MESSAGE + b"y" * 70 + b"\r\n" + (b"x" * 70 + b"\r\n") * 5000
    with SmtpServer(extensions=PIPELINING) as server:
        channel = smtp(server)

        def look() -> None:
            deadline = time.monotonic() + 5
            while sum(len(piece) for piece in server.writes) < 2000 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert server.commands[-1] == "DATA"
            assert server.mails == []

        channel.send(make_mail(message=big), look)
        channel.close()
    assert len(server.mails) == 1


@pytest.mark.parametrize("extensions", [[], PIPELINING])
def test_a_line_lost_after_the_answer_to_the_dot_costs_nothing(extensions: list[str]) -> None:
    with SmtpServer({"DOT": [f"250 2.0.0 Ok{THEN_DROP}"]}, extensions=extensions) as server:
        channel = smtp(server)
        for number in range(3):
            assert sent(channel, message_id=f"<{number}@x>") == "250 2.0.0 Ok"
        channel.close()
        assert server.connections == 3
        assert len(server.mails) == 3


# --- SMTP: limits ----------------------------------------------------------------------------------


class Clock:
    """A ``time.monotonic`` that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._real = time.monotonic

    def __call__(self) -> float:
        return self._real() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("digest.mailer.smtp.time.monotonic", made)
    return made


def test_a_connection_that_rested_is_asked_before_it_is_used() -> None:
    with SmtpServer() as server:
        channel = smtp(server, idle_s=0.0)
        sent(channel)
        sent(channel)
        channel.close()
        assert server.connections == 1
        assert server.verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "NOOP", "MAIL", "RCPT", "DATA", "QUIT"]


def test_a_connection_in_use_is_not_asked(clock: Clock) -> None:
    with SmtpServer() as server:
        channel = smtp(server, idle_s=30.0)
        for _ in range(4):
            clock.ahead += 20
            sent(channel)
        channel.close()
        assert "NOOP" not in server.verbs()


@pytest.mark.parametrize("answer", [DROP, HANG, "421 4.4.2 Timed out", "500 What?", "garbage"])
def test_a_connection_that_died_at_rest_costs_nothing(answer: str) -> None:
    with SmtpServer({"NOOP": [answer]}) as server:
        channel = smtp(server, idle_s=0.0, timeout_s=0.3)
        sent(channel)
        sent(channel)
        channel.close()
        assert server.connections == 2
        assert len(server.mails) == 2


def test_a_connection_serves_so_many_mails_and_then_says_goodbye() -> None:
    """Refused ones count too: servers count them."""
    with SmtpServer({"RCPT": ["250 Ok", "550 5.1.1 No", "250 Ok"]}) as server:
        channel = smtp(server, max_mails=3)
        sent(channel)
        failed(channel)
        for _ in range(5):
            sent(channel)
        channel.close()
        assert server.connections == 3
        assert server.verbs().count("QUIT") == 3
        assert len(server.mails) == 6


def test_a_connection_grows_no_older_than_it_may(clock: Clock) -> None:
    with SmtpServer() as server:
        channel = smtp(server, max_age_s=300.0)
        sent(channel)
        clock.ahead += 301
        sent(channel)
        channel.close()
        assert server.connections == 2
        assert server.verbs() == [*["EHLO", "MAIL", "RCPT", "DATA", "QUIT"] * 2]


@pytest.mark.parametrize("verb", ["CONNECT", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"])
def test_a_server_that_answers_in_drops_holds_no_thread(verb: str) -> None:
    """Each byte is in time, but the mail is not."""
    with SmtpServer({verb: [TRICKLE]}, extensions=["STARTTLS", "AUTH PLAIN"]) as server:
        security = "starttls" if verb == "STARTTLS" else "plain"
        channel = smtp(server, security, password=SECRET, mail_timeout_s=0.4)
        start = time.monotonic()
        error = failed(channel)
        assert 0.2 < time.monotonic() - start < 3
        assert (error.transient, error.uncertain) == (True, False)
        assert error.fatal is (verb in ("CONNECT", "STARTTLS", "AUTH"))
        assert "too long" in str(error) or "timed out" in str(error)


def test_a_server_that_answers_the_dot_in_drops_holds_no_thread() -> None:
    """Its wait is one in all, and what came of it is not known."""
    with SmtpServer({"DOT": [TRICKLE]}) as server:
        start = time.monotonic()
        assert failed(smtp(server, final_timeout_s=0.4)).uncertain
        assert 0.2 < time.monotonic() - start < 3


def test_a_server_that_reads_in_drops_holds_no_thread() -> None:
    big = b"Subject: big\r\n\r\n" + (b"y" * 70 + b"\r\n") * 400_000
    with SmtpServer(stop_reading_at=10**9) as server:  # a kilobyte a time
        start = time.monotonic()
        error = failed(smtp(server, mail_timeout_s=0.3), message=big)
        assert 0.2 < time.monotonic() - start < 3
        assert (error.transient, error.uncertain) == (True, False)
        assert server.mails == []


def test_a_goodbye_is_not_waited_for_long() -> None:
    with SmtpServer({"QUIT": [HANG]}) as server:
        channel = smtp(server)
        sent(channel)
        start = time.monotonic()
        channel.close()
        assert time.monotonic() - start < 4


@pytest.mark.parametrize(("verb", "uncertain"), [("RCPT", False), ("DOT", True)])
def test_who_must_leave_cuts_the_line_from_another_thread(verb: str, uncertain: bool) -> None:
    with SmtpServer({verb: [HANG]}) as server:
        channel = smtp(server, timeout_s=30, final_timeout_s=30)
        timer = threading.Timer(0.3, channel.cut)
        timer.start()
        start = time.monotonic()
        error = failed(channel)
        assert time.monotonic() - start < 5
        assert (error.transient, error.uncertain) == (True, uncertain)
        assert failed(channel).fatal
        timer.join()
        assert server.connections == 1


def test_cutting_an_encrypted_line_lets_nothing_out_in_the_clear() -> None:
    """A TLS socket that is shut down the usual way goes on without encryption."""
    with SmtpServer(implicit_tls=True) as server:
        channel = smtp(server, "tls")
        with pytest.raises(DeliveryError):
            channel.send(make_mail(), channel.cut)
    assert server.mails == []
    assert len(server.halves) == 1


# --- SMTP: what is on the line ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (b"a\n.\nb", b"a\r\n..\r\nb"),
        (b"a\r.\rb", b"a\r\n..\r\nb"),
        (b"a\r\n.\nb\r\n", b"a\r\n..\r\nb"),
        (b"a\n.\r\nb\r\n", b"a\r\n..\r\nb"),
        (b"a\r\r\n.\r\n", b"a\r\n\r\n.."),
        (b".", b".."),
        (b".\r\n", b".."),
        (b"..\r\n.a\r\n", b"...\r\n..a"),
        (b"a\r.\r\nMAIL FROM:<x@y>\r\n", b"a\r\n..\r\nMAIL FROM:<x@y>"),
        (b"", b""),
        (b"a.\r\nb", b"a.\r\nb"),
    ],
)
def test_no_content_ends_the_mail_or_begins_another(message: bytes, wire: bytes) -> None:
    """Bare line ends and lines of dots, which servers read differently (CVE-2024-27305)."""
    with SmtpServer(extensions=PIPELINING) as server:
        channel = smtp(server)
        sent(channel, message=message)
        channel.close()
    assert [mail.data for mail in server.mails] == [wire]
    assert server.verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


@given(st.text(alphabet="\r\n.a", max_size=30))
def test_whatever_the_content_its_lines_arrive_and_nothing_else(text: str) -> None:
    lines = make_lines(text.encode())
    stuffed = double_dots(lines)
    whole = stuffed + b".\r\n"
    assert whole.find(b"\r\n.\r\n") in (-1, len(whole) - 5)
    assert re.sub(rb"(?m)^\.", b"", stuffed) == lines
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", stuffed)
    assert lines.decode().replace("\r\n", "\n").rstrip("\n") == re.sub("\r\n?", "\n", text).rstrip("\n")


def test_a_mail_that_is_known_to_be_clean_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """It arrives as it is; looking at it would take longer than saying all the commands."""
    clean = b"Subject: x\r\n\r\nAll of Hello.\r\n"

    def look(_: bytes) -> bytes:
        raise AssertionError("it was looked at")

    monkeypatch.setattr("digest.mailer.smtp.make_lines", look)
    monkeypatch.setattr("digest.mailer.smtp.double_dots", look)
    with SmtpServer(extensions=PIPELINING) as server:
        channel = smtp(server)
        channel.send(replace(make_mail(message=clean), is_canonical=True), lambda: None)
        channel.close()
        with pytest.raises(AssertionError):
            channel.send(make_mail(message=clean), lambda: None)
    assert [mail.data + b"\r\n" for mail in server.mails] == [clean]


def test_a_clean_mail_is_not_copied() -> None:
    """Mails of ours are clean; to rewrite each would take longer than to send it."""
    clean = b"Subject: x\r\n\r\nAll of Hello.\r\n"
    assert double_dots(make_lines(clean)) is clean


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mail.lists.example", "mail.lists.example"),
        ("laptop", "[127.0.0.1]"),
        ("x.example\r\nMAIL FROM:<evil@x>", "[127.0.0.1]"),
        ("a b.example", "[127.0.0.1]"),
        ("bücher.example", "[127.0.0.1]"),
        ("", "[127.0.0.1]"),
    ],
)
def test_our_name_is_a_name_or_an_address(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    """Nothing of the host's name breaks out of EHLO (GHSA-vvjj)."""
    monkeypatch.setattr("digest.mailer.smtp_session.socket.gethostname", lambda: name)
    with SmtpServer() as server:
        channel = smtp(server)
        sent(channel)
        channel.close()
    assert server.commands[0].upper() == f"EHLO {said}".upper()
    assert server.verbs().count("MAIL") == 1


UTF8_READER = "用户@例え.example"
UTF8_MESSAGE = "To: 用户@xn--r8jz45g.example\r\nSubject: x\r\n\r\nHello\r\n".encode()


@pytest.mark.parametrize(
    ("message", "parameters"), [(MESSAGE, "SMTPUTF8"), (UTF8_MESSAGE, "BODY=8BITMIME SMTPUTF8")]
)
def test_letters_beyond_ascii_are_announced(message: bytes, parameters: str) -> None:
    with SmtpServer(extensions=[*PIPELINING, "SMTPUTF8"]) as server:
        channel = smtp(server)
        sent(channel, to=UTF8_READER, message=message)
        sent(channel)
        channel.close()
    assert server.commands[1] == f"MAIL FROM:<{SENDER}> SIZE={len(message)} {parameters}"
    assert server.commands[2] == "RCPT TO:<用户@xn--r8jz45g.example>"
    assert server.commands[4] == f"MAIL FROM:<{SENDER}> SIZE={len(MESSAGE)}"
    assert server.connections == 1


def test_where_letters_beyond_ascii_are_not_taken_it_is_said_who_is_to_blame() -> None:
    with SmtpServer(extensions=PIPELINING) as server:
        channel = smtp(server)
        error = failed(channel, to=UTF8_READER)
        assert (error.stage, error.transient, error.fatal) == ("recipient", False, False)
        error = failed(channel, sender="dïgest@lists.example")
        assert (error.stage, error.transient, error.fatal) == ("sender", False, True)
        assert "dïgest" in str(error)
        channel.close()
        assert server.verbs() == ["EHLO", "QUIT"]


# --- SMTP: odd servers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [
        ("550 5.1.1 No", "5.1.1"),
        ("550 5.1.1", "5.1.1"),
        ("550-5.7.26 No\r\n550 5.7.26 at all", "5.7.26"),
        ("450 4.7.650 Slow", "4.7.650"),
        ("550 4.1.1 No", None),
        ("450 5.1.1 No", None),
        ("550 No 5.1.1", None),
        ("550 5.1.1.1 No", None),
        ("550 5.1.1234 No", None),
        ("550 #5.1.1 No", None),
        ("550 No", None),
    ],
)
def test_an_enhanced_code_counts_where_it_agrees_with_the_code(text: str, enhanced: str | None) -> None:
    """RFC 2034: the class is the code's first digit."""
    with SmtpServer({"RCPT": [text]}) as server:
        channel = smtp(server)
        assert failed(channel).enhanced == enhanced
        channel.close()


@pytest.mark.parametrize("text", ["250-Ok\r\n" * 300 + "250 Ok", "250 " + "x" * 100_000])
def test_an_answer_without_end_is_given_up(text: str) -> None:
    with SmtpServer({"RCPT": [text]}) as server:
        error = failed(smtp(server))
        assert (error.transient, error.uncertain) == (True, False)
        assert "no end" in str(error)
        assert server.mails == []


@pytest.mark.parametrize("challenge", ["334 !!!", "334 x"])
def test_a_challenge_that_is_none_is_one_sentence(challenge: str) -> None:
    with SmtpServer({"AUTH": [challenge]}, extensions=["AUTH LOGIN"]) as server:
        error = failed(smtp(server, password=SECRET))
        assert error.fatal
        assert "log-in" in str(error)
        assert SECRET not in str(error)


def test_a_log_in_of_no_known_kind_is_one_sentence() -> None:
    with SmtpServer(extensions=["AUTH XOAUTH2"]) as server:
        error = failed(smtp(server, password=SECRET))
        assert (error.fatal, error.transient) == (True, False)
        assert "no log-in that is known" in str(error)
        assert "AUTH" not in server.verbs()


def test_a_server_that_wants_less_than_a_new_connection_each_time_is_not_asked_forever() -> None:
    """421 to the mail: once on a kept connection is no fault of the mail, twice is."""
    with SmtpServer({"MAIL": ["250 Ok", "421 4.3.2 Busy"]}) as server:
        channel = smtp(server)
        sent(channel)
        error = failed(channel)
        assert (error.code, error.transient, error.fatal, error.stage) == (421, True, False, "sender")
        assert server.connections == 2
