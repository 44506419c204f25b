"""What incoming mail says: reports by their codes, complaints, commands; and mail that was made to harm."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.bounces import MAX_BYTES, CommandKind, ReportKind, parse_command, parse_report
from tests.bounce_mails import RETURNED_ID, complaint, dsn, failed, letter, qmail

TOKEN = "gezq-" + "a" * 26
MB = 1024 * 1024


# --- reports ---------------------------------------------------------------------------------------


def test_a_postfix_report_is_read_whole() -> None:
    """Kind, code, address, words, where it went and what it is about."""
    report = parse_report(
        dsn(failed("5.1.1", "550 5.1.1 <ada@example.org>: user unknown"), to="d+bx@digest.example")
    )
    assert (report.kind, report.code) == (ReportKind.HARD, "5.1.1")
    assert [one.address for one in report.recipients] == ["ada@example.org"]
    assert report.diagnostic == "550 5.1.1 <ada@example.org>: user unknown"
    assert report.to_addresses == ("d+bx@digest.example",)
    assert report.message_id == RETURNED_ID
    assert report.is_structured


@pytest.mark.parametrize(
    ("block", "kind", "code"),
    [
        (failed("5.1.1"), "hard", "5.1.1"),
        (failed("5.1.10"), "hard", "5.1.10"),
        (failed("5.2.1"), "hard", "5.2.1"),
        (failed("5.2.2"), "soft", "5.2.2"),
        (failed("5.3.4"), "soft", "5.3.4"),
        (failed("5.4.7"), "soft", "5.4.7"),
        (failed("4.4.7"), "soft", "4.4.7"),
        (failed("4.2.2"), "soft", "4.2.2"),
        (failed("5.7.1"), "policy", "5.7.1"),
        (failed("5.7.26"), "policy", "5.7.26"),
        (failed("5.1.8"), "policy", "5.1.8"),
        (failed("4.7.0"), "policy", "4.7.0"),
        (failed("4.4.1", action="delayed"), "delayed", "4.4.1"),
        (failed("2.0.0", action="relayed"), "delivered", "2.0.0"),
        (failed("2.1.5", action="expanded"), "delivered", "2.1.5"),
        # A status that says nothing is made precise by what the other server said.
        (failed("5.0.0", "550-5.1.1 no such user"), "hard", "5.1.1"),
        (failed("5.0.0", "554 mailbox full"), "soft", "5.0.0"),
        (failed("5.0.0", "554 refused: listed in a blocklist"), "policy", "5.0.0"),
        (failed("5.0.0", "554 5.7.1 refused"), "policy", "5.7.1"),
        # … and one that says something stays.
        (failed("5.1.1", "550 5.7.1 go away"), "hard", "5.1.1"),
        (failed("4.0.0", "550 5.1.1 no such user"), "soft", "4.0.0"),
        # Of a field that is there twice the first counts.
        (f"{failed('5.7.1')}Status: 5.1.1", "policy", "5.7.1"),
        # No code at all, only a reply; a version number is no code.
        (
            "Final-Recipient: rfc822;ada@example.org\nAction: failed\nDiagnostic-Code: smtp; 552 4.94.2",
            "soft",
            "4.94.2",
        ),
        (
            "Final-Recipient: rfc822;ada@example.org\nAction: failed\nDiagnostic-Code: Exim 4.94.2",
            "hard",
            None,
        ),
        (
            "Final-Recipient: rfc822;ada@example.org\nAction: failed\nDiagnostic-Code: smtp; 450 later",
            "soft",
            "4.0.0",
        ),
        (
            "Final-Recipient: rfc822;ada@example.org\nAction: failure\nStatus: 553 no such user",
            "hard",
            "5.0.0",
        ),
        ("Final-Recipient: rfc822;ada@example.org", "unknown", None),
    ],
)
def test_the_code_decides(block: str, kind: str, code: str | None) -> None:
    """Dead addresses, full boxes, policy and delays are told apart by code, not by wording."""
    report = parse_report(dsn(block))
    assert (report.kind, report.code) == (kind, code)


@pytest.mark.parametrize(
    "field",
    [
        "Final-Recipient: rfc822;ada@example.org",
        "Final-Recipient: RFC822; <ada@example.org>",
        "Final-Recipient: ada@example.org",
        "Final-Recipient: <ada@example.org>",
        "Original-Recipient: rfc822;ada@example.org\nFinal-Recipient: rfc822;other@internal.example.org",
        "Final-Recipient: rfc822;ada+40example.org",
        "Final-Recipient: LOCAL;<ada@example.org>",
        "Final-recipient:\n RFC822;\n ada@example.org",
        "Final-Recipient: utf-8;ada@example.org",
        "X-Actual-Recipient: rfc822; ada@example.org\nFinal-Recipient: rfc822; ada",
    ],
)
def test_recipients_are_found_however_they_are_written(field: str) -> None:
    """Prefixes, angle brackets, folding, and an original beside the final recipient."""
    report = parse_report(dsn(f"{field}\nAction: failed\nStatus: 5.1.1"))
    assert report.about("ADA@example.org").code == "5.1.1"
    assert "ada@example.org" in report.recipients[0].spellings or "+40" in field


def test_xtext_is_decoded_and_a_plus_stays_a_plus() -> None:
    """A server may leave ORCPT's xtext as it was; an address with a plus is not that."""
    report = parse_report(dsn(failed(address="ada+2Bdigest@example.org")))
    assert report.recipients[0].spellings == ("ada+digest@example.org", "ada+2Bdigest@example.org")
    assert parse_report(dsn(failed(address="ada+AB@example.org"))).recipients[0].spellings == (
        "ada+AB@example.org",
    )


def test_of_several_recipients_each_has_its_own_code() -> None:
    """The report is as grave as its gravest recipient; who is not named gets the mildest."""
    blocks = (failed("4.4.1", action="delayed", address="bo@example.org"), failed("5.1.1"))
    report = parse_report(dsn(*blocks))
    assert report.kind is ReportKind.HARD
    assert report.about("ada@example.org").kind is ReportKind.HARD
    assert report.about("bo@example.org").kind is ReportKind.DELAYED
    assert report.about("list@example.org").kind is ReportKind.DELAYED


def exchange() -> bytes:
    """Exchange Online: HTML for people, a base64 status part, an empty Return-Path."""
    status = (
        "Reporting-MTA: dns;mail.example.net\r\nReceived-From-MTA: dns;digest.example\r\n\r\n"
        "Final-Recipient: rfc822;ada@example.org\r\nAction: failed\r\nStatus: 5.1.10\r\n"
        "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP\r\n"
    )
    raw = (
        "From: postmaster@example.net\nTo: digest+btag@digest.example\nSubject: Undeliverable: Three papers\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_x"\n\n'
        "--=_x\nContent-Type: text/html\n\n<p>Your message couldn't be delivered.</p>\n"
        "--=_x\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
        f"{base64.encodebytes(status.encode()).decode()}\n--=_x--\n"
    )
    return raw.replace("\n", "\r\n").encode()


def test_an_exchange_report_in_base64_is_read() -> None:
    """Transfer encodings are undone, line ends do not matter."""
    report = parse_report(exchange())
    assert (report.kind, report.code) == (ReportKind.HARD, "5.1.10")
    assert "RecipientNotFound" in report.diagnostic


def test_a_gmail_report_is_read() -> None:
    """Nested multiparts, folded diagnostics, the whole mail returned."""
    raw = (
        b"Delivered-To: d+btag@digest.example\nReturn-Path: <>\n"
        b"Received: by mx.example.com; for <d+btag@digest.example>\nTo: d+btag@digest.example\n"
        b'Content-Type: multipart/report; boundary="00001"; report-type=delivery-status\n'
        b"From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>\nAuto-Submitted: auto-replied\n"
        b"X-Failed-Recipients: ada@example.org\n\n--00001\n"
        b'Content-Type: multipart/related; boundary="00002"\n\n'
        b'--00002\nContent-Type: multipart/alternative; boundary="00003"\n\n'
        b"--00003\nContent-Type: text/plain\n\n"
        b"** Address not found **\n\n--00003--\n--00002--\n--00001\nContent-Type: message/delivery-status\n\n"
        b"Reporting-MTA: dns; googlemail.example\n\nFinal-Recipient: rfc822; ada@example.org\n"
        b"Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550-5.1.1 The account that you tried\n"
        b" to reach does not exist.\n 550 5.1.1 Learn more\n\n--00001\nContent-Type: message/rfc822\n\n"
        b"Return-Path: <d+btag@digest.example>\nMessage-ID: <feed@digest.example>\n\nbody\n--00001--\n"
    )
    report = parse_report(raw)
    assert (report.kind, report.code) == (ReportKind.HARD, "5.1.1")
    assert report.diagnostic.startswith("550-5.1.1 The account that you tried to reach does not exist.")
    assert report.message_id == "<feed@digest.example>"
    assert report.quoted_senders == ("d+btag@digest.example",)


def test_a_report_in_a_report_speaks_of_itself_alone() -> None:
    """What the returned mail holds, another report included, decides nothing."""
    inner = dsn(failed("5.1.1", address="victim@example.org"))
    outer = dsn(failed("4.2.2"), returned="")
    for mail in (inner, inner.replace(b"B0/mx", b"B1/mx")):  # even if it guessed the boundary
        raw = outer.replace(b"text/rfc822-headers\n\n", b"message/rfc822\n\n" + mail)
        report = parse_report(raw)
        assert [one.address for one in report.recipients] == ["ada@example.org"]
        assert report.kind is ReportKind.SOFT


def test_a_report_that_a_person_forwards_is_theirs() -> None:
    """Enclosed in a person's mail, it says nothing of this mail."""
    raw = (
        b"From: ada@example.org\nTo: d@digest.example\nSubject: look\n"
        b"Content-Type: multipart/mixed; boundary=w\n\n--w\n\nwhat is this?\n"
        b"--w\nContent-Type: message/rfc822\n\n" + dsn(failed("5.1.1")) + b"\n--w--\n"
    )
    assert parse_report(raw).kind is ReportKind.UNKNOWN


def test_a_report_that_a_gateway_wrapped_is_read() -> None:
    """A mail of a daemon that encloses the report stands for it."""
    raw = (
        b"From: MAILER-DAEMON@gate.example\nTo: d@digest.example\n"
        b"Content-Type: multipart/mixed; boundary=w; report-type=delivery-status\n\n"
        b"--w\nContent-Type: message/rfc822\n\n" + dsn(failed("5.1.1")) + b"\n--w--\n"
    )
    assert parse_report(raw).code == "5.1.1"


def test_a_qmail_bounce_is_read_by_its_words() -> None:
    """No status part: the address is guessed, the code in the text still decides."""
    report = parse_report(qmail(to="d+btag@digest.example"))
    assert (report.kind, report.code, report.is_structured) == (ReportKind.HARD, "5.1.1", False)
    assert [one.address for one in report.recipients] == ["ada@example.org"]
    assert report.message_id == RETURNED_ID
    assert "no mailbox here" in report.diagnostic
    full = parse_report(qmail(words="Remote host said: 552 5.2.2 over quota"))
    assert full.kind is ReportKind.SOFT
    blocked = parse_report(qmail(words="Remote host said: 554 5.7.1 blocked"))
    assert blocked.kind is ReportKind.POLICY


@pytest.mark.parametrize(
    "sender", [b"", b"From: \n", b"From: MAILER-DAEMON\n", b"From: <>\n", b"From: a@b, c@d\n"]
)
def test_a_bounce_without_a_proper_sender_is_read(sender: bytes) -> None:
    """Mail servers do write such."""
    raw = qmail().replace(b"From: MAILER-DAEMON@mx.example.org\n", sender)
    assert parse_report(raw).code == "5.1.1"


def test_a_guess_about_somebody_else_is_soft() -> None:
    """Words that name another address do not suspend a reader at once."""
    report = parse_report(qmail())
    assert report.about("ada@example.org").kind is ReportKind.HARD
    assert report.about("bo@example.org").kind is ReportKind.SOFT


def test_a_complaint_is_read() -> None:
    """ARF: the kind, the recipient, the envelope sender it names, the mail it is about."""
    report = parse_report(complaint(mail_from="d+btag@digest.example"))
    assert report.kind is ReportKind.COMPLAINT
    assert report.about("ada@example.org").kind is ReportKind.COMPLAINT
    assert report.quoted_senders == ("d+btag@digest.example",)
    assert report.message_id == RETURNED_ID
    hidden = parse_report(complaint(recipient=""))
    assert hidden.about("ada@example.org").kind is ReportKind.COMPLAINT
    assert hidden.recipients == ()


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "dmarc"])
def test_feedback_that_is_no_complaint_is_none(kind: str) -> None:
    """Readers who take it back, and reports on signatures."""
    assert parse_report(complaint(feedback_type=kind)).kind is ReportKind.UNKNOWN


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=y",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
    ],
)
def test_an_automatic_reply_is_neither_failure_nor_command(header: str) -> None:
    """Out of office, to the address of leaving, with the word in the subject."""
    raw = letter("unsubscribe", headers=f"{header}\n")
    assert parse_report(raw).kind is ReportKind.AUTOREPLY
    assert parse_command(raw) is None


def test_what_is_not_utf8_is_read_all_the_same() -> None:
    """Latin-1 in a header, in a diagnostic and in the text."""
    report = parse_report(dsn(failed("5.1.1", "550 unbekannter Empf\u00e4nger")).decode().encode("latin-1"))
    assert report.kind is ReportKind.HARD
    assert report.diagnostic.startswith("550 unbekannter Empf")
    assert report.diagnostic.isprintable()


def test_a_diagnostic_is_one_short_printable_line() -> None:
    """No control, direction mark or line end reaches a terminal or a database column."""
    report = parse_report(dsn(failed("5.1.1", "550 a\x1b[2J\u202eb\n\tc " + "x" * 5000)))
    assert report.diagnostic.startswith("550 a [2J b c xxx")
    assert len(report.diagnostic) == 300
    assert report.diagnostic.isprintable()


@pytest.mark.parametrize("cut", [50, 400, 600, 700, 800])
def test_a_truncated_report_gives_what_is_there(cut: int) -> None:
    """A report cut anywhere is read as far as it goes."""
    report = parse_report(dsn(failed("5.1.1"))[:cut])
    assert report.kind in (ReportKind.UNKNOWN, ReportKind.HARD)


def test_a_report_without_its_last_boundary_is_read() -> None:
    """Servers cut what they return."""
    raw = dsn(failed("5.1.1"))
    assert parse_report(raw[: raw.rindex(b"--B0/mx")]).message_id == RETURNED_ID
    assert parse_report(raw[: raw.index(b"Diagnostic-Code")]).code == "5.1.1"


@pytest.mark.parametrize(
    "raw", [None, b"", b"\n", b"\0", b":\n\n", b"From \n", b"--", b"\xff\xfe", b"Content-Type:\n\n"]
)
def test_nothing_at_all_is_unknown(raw: bytes | None) -> None:
    """Empty, nil, and next to nothing."""
    assert parse_report(raw).kind is ReportKind.UNKNOWN
    parse_command(raw)


# --- commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "kind", "paper"),
    [
        (f"unsubscribe {TOKEN}", "unsubscribe", None),
        (f"UNSUBSCRIBE {TOKEN.upper()}", "unsubscribe", None),
        (f"unsubscribe\n {TOKEN}", "unsubscribe", None),
        (f"=?utf-8?q?unsubscribe_{TOKEN}?=", "unsubscribe", None),
        (f"more 12 {TOKEN}", "more", 12),
        (f"less 7 {TOKEN}", "less", 7),
        (f"weekly {TOKEN}", "weekly", None),
        (f"daily {TOKEN}", "daily", None),
    ],
)
def test_a_command_is_read_from_the_subject(subject: str, kind: str, paper: int | None) -> None:
    """As the links of our mails write it, and as programs on the way may change it."""
    command = parse_command(letter(subject))
    assert command is not None
    assert (command.kind, command.paper_id, command.token) == (kind, paper, TOKEN)


@pytest.mark.parametrize("subject", ["unsubscribe", "Stop", " LEAVE "])
def test_the_plain_word_has_no_token(subject: str) -> None:
    """Its sender is all it has."""
    command = parse_command(letter(subject))
    assert command is not None
    assert (command.kind, command.token, command.sender) == (CommandKind.UNSUBSCRIBE, None, "ada@example.org")


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Re: unsubscribe",
        "how do I unsubscribe?",
        "stop it",
        f"more x {TOKEN}",
        f"unsubscribe {TOKEN} now",
        f"more {TOKEN}",
    ],
)
def test_other_subjects_are_no_command(subject: str) -> None:
    """A person's words are not guessed at; an address with a tag may still decide."""
    command = parse_command(letter(subject, to="leave+utag@digest.example"))
    assert command is not None
    assert command.kind is CommandKind.NONE
    assert command.to_addresses == ("leave+utag@digest.example",)


def test_reports_and_their_quotes_are_never_commands() -> None:
    """Whatever a bounce quotes, whoever it comes back to."""
    quoting = dsn(
        failed(), to="leave+utag@digest.example", returned=f"Subject: unsubscribe {TOKEN}\n", headers=""
    )
    for raw in (quoting, qmail(to="leave+utag@digest.example"), complaint(to="leave+utag@digest.example")):
        assert parse_command(raw) is None
        assert parse_command(raw.replace(b"Auto-Submitted", b"X-Nothing")) is None
    # What has no sender to answer to is no person's mail.
    assert (
        parse_command(letter("unsubscribe").replace(b"Return-Path: <ada@example.org>", b"Return-Path: <>"))
        is None
    )


def test_two_senders_are_nobody() -> None:
    """A From with several addresses is no proof of anything, not even a hint."""
    command = parse_command(letter("unsubscribe", sender="ada@example.org, bo@example.org"))
    assert command is not None
    assert command.sender is None


# --- mail made to harm -----------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    """Multiparts in multiparts."""
    inner = b"x"
    for level in range(depth):
        inner = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%b\n--b%d--\n" % (
            level,
            level,
            inner,
            level,
        )
    return inner


HOSTILE = {
    "nested": nested(3000),
    "the same boundary": b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 20_000,
    "enclosed": b"Content-Type: message/rfc822\n\n" * 30_000,
    "digest": b"Content-Type: multipart/digest; boundary=a\n\n" + b"--a\n\n" * 200_000,
    "headers": b"A: b\n" * 200_000,
    "one header": b"A: " + b"x" * MB,
    "folds": b"A: b\n" + b" x\n" * 300_000,
    "parameters": b"Content-Type: multipart/report" + b';a="' * 250_000,
    "quotes": b"Content-Type: text/plain; a=" + b'"' * MB,
    "dashes": b"Content-Type: multipart/mixed; boundary=" + b"-" * 199 + b"\n\n" + b"-" * MB,
    "at signs": b"To: " + b"a@" * (MB // 2) + b"\n\n" + b"a@" * 100_000,
    "one line": b"From: x@y\nSubject: x\n\n" + b"a" * MB,
    "brackets": b"From: mailer-daemon@x\n\nHi. This is the\n\n" + (b"<" * 298 + b"\n") * 3000,
    "addresses": b"From: x@y\nSubject: x\n\nThe following addresses had\n"
    + (b" " * 150 + b"a@" * 74 + b"\n") * 3000,
    "warnings": b"From: x@y\nSubject: x\n\nYour message to:\n" + (b"a" * 299 + b"\n") * 3000,
    "one long warning": b"From: x@y\nSubject: x\n\nYour message to:\n" + b"a" * MB,
    "status": b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient: rfc822;a@b\n\n" * 40_000,
    "blank status": b"Content-Type: message/delivery-status\n\n" + b"\n \n" * 300_000,
    "subject": b"Subject: " + b"=?utf-8?q?a?= " * 70_000,
    "broken subject": b"Subject: =?utf-8?b?" + b"A" * MB,
    "received": (b"Received: " + b"for a " * 600 + b"\n") * 300,
    "carriage returns": b"\r" * MB,
    "zeros": b"\0" * MB,
    "base64": b"Content-Transfer-Encoding: base64\nContent-Type: message/rfc822\n\n" + b"QUFB" * (MB // 4),
    "ids": b"\n\n" + b"> > > message-id: <" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_mail_made_to_be_slow_is_not(name: str) -> None:
    """A megabyte of anything takes well under a second, and far less than what quadratic work would."""
    begun = time.process_time()
    parse_report(HOSTILE[name])
    parse_command(HOSTILE[name])
    assert time.process_time() - begun < 15


def test_what_is_beyond_the_limit_is_not_read() -> None:
    """The size is capped; what stands before the cap still counts."""
    raw = dsn(failed("5.1.1")) + b"x" * (3 * MAX_BYTES)
    assert parse_report(raw).code == "5.1.1"
    assert parse_report(b"A: b\n\n" + b" " * MAX_BYTES + dsn(failed())).kind is ReportKind.UNKNOWN


PIECES = """Content-Type: multipart/report; boundary=b
Content-Type: message/delivery-status
--b
--b--
Content-Type: message/rfc822
Content-Type: message/feedback-report
Content-Transfer-Encoding: base64
Content-Transfer-Encoding: quoted-printable
Content-Type: text/plain; charset=nonsense
Content-Type: /
=
====
Final-Recipient: rfc822;ada@example.org
Final-Recipient:
Status: 5.1.1
Status: 5..
Action: failed
Diagnostic-Code: smtp; 550
Feedback-Type: abuse
To: <>
To: a@b
 folded
From: x
From: mailer-daemon@x
Subject: unsubscribe
Subject: =?x?q?=ff?=
Subject: =?utf-8?b?/w?=
Hi. This is the
<a@b>:
X-Mailer: Novell Groupwise
Received: for <a@b>
Message-ID: <x>
\x85\u2028\ud800
""".encode("utf-8", "surrogatepass").splitlines(keepends=True)
BREAKS = [b"\n", b"\r\n", b"\r", b"\0", b"\xff"]


@given(
    st.one_of(
        st.binary(max_size=2000), st.lists(st.sampled_from([*PIECES, *BREAKS]), max_size=40).map(b"".join)
    )
)
def test_no_input_raises(raw: bytes) -> None:
    """Whatever comes, there is an answer, and all of its text is printable and short."""
    report = parse_report(raw)
    report.about("ada@example.org")
    command = parse_command(raw)
    texts = [report.diagnostic, *report.to_addresses, *(one.address for one in report.recipients)]
    texts += command.to_addresses if command else ()
    assert all(text.isprintable() and len(text) <= 400 for text in texts)


@given(st.integers(0, 700), st.binary(min_size=1, max_size=8))
def test_a_damaged_report_still_gives_an_answer(place: int, bytes_: bytes) -> None:
    """Any byte of a true report may be another."""
    raw = dsn(failed("5.1.1"), failed("4.2.2", address="bo@example.org"))
    parse_report(raw[:place] + bytes_ + raw[place + len(bytes_) :]).about("ada@example.org")
