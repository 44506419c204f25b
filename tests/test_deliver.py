"""Sending: planned and committed before, marked after; what a killed run leaves is settled."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.smtp_server import DROP, SmtpServer
from tests.test_main_job import configure, mails

READER = "reader@example.org"
DUE = "2026-01-12T09:00:00Z"


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """One Monday with three papers, one reader, one issue composed and not yet sent."""
    with serving(DailyServer({"2026-01-12": [item(number, votes=number) for number in (1, 2, 3)]})) as server:
        configure(server.url)
        ok("subscriber", "add", READER, "--active")
        ok("refresh", "--now", DUE)
        ok("compose", "--now", DUE)
        yield server


def by_smtp(site: DailyServer, server: SmtpServer, more: str = "") -> None:
    """Send by this server from now on."""
    configure(site.url, f'smtp_url = "smtp://127.0.0.1:{server.port}"\nmail_from = "d@example.org"\n{more}')


def mark_as_sending(*, complete: bool = True) -> None:
    """What a run leaves that was killed: with the end of the data on its way, or before that."""
    mark = "planned_at" if complete else "NULL"
    with sqlite3.connect("data/digest.db") as connection:
        connection.execute(
            "UPDATE deliveries SET status = 'sending', lease = 'x', sending_at = planned_at, attempts = 1, "
            f"data_at = {mark}"
        )
    connection.close()


def test_it_is_sent_once_with_its_reader_in_the_envelope(site: DailyServer) -> None:
    """One RCPT, one mail, nothing on the second run."""
    with SmtpServer() as server:
        by_smtp(site, server)
        assert ok("deliver", "--now", DUE, "--json").json["sent"] == 1
        assert ok("deliver", "--now", DUE, "--json").json["sent"] == 0
    (mail,) = server.mails
    assert READER in mail.recipient
    assert mail.data.isascii()


def test_an_address_beyond_ascii_is_sent_to_where_the_server_takes_it(site: DailyServer) -> None:
    """With SMTPUTF8, and not without: then the refusal says why (RFC 6531)."""
    ok("subscriber", "remove", READER)
    ok("subscriber", "add", "zoë@exämple.org", "--active", "--now", "2026-01-11T09:00:00Z")
    ok("compose", "--now", DUE)
    with SmtpServer() as server:
        by_smtp(site, server)
        assert run("deliver", "--now", DUE, "--json").json["refused"] == 1
        assert "takes only ASCII" in ok("why", "zoë@exämple.org", "--now", DUE).out
    with sqlite3.connect("data/digest.db") as connection:
        connection.execute("UPDATE deliveries SET status = 'planned'")
    connection.close()
    with SmtpServer(extensions=("SMTPUTF8", "8BITMIME")) as server:
        by_smtp(site, server)
        assert ok("deliver", "--now", DUE, "--json").json["sent"] == 1
    assert "zoë@xn--exmple-cua.org" in server.mails[0].recipient


def test_a_mail_put_off_is_tried_again_with_the_same_id(site: DailyServer) -> None:
    """A 4xx defers; before its time nothing happens; then it goes, the Message-ID unchanged."""
    with SmtpServer({"DOT": ["451 4.3.0 try later", "250 2.0.0 Ok"]}) as server:
        by_smtp(site, server)
        first = run("deliver", "--now", DUE, "--json")
        assert (first.code, first.json["deferred"]) == (1, 1)
        assert ok("deliver", "--now", "2026-01-12T09:01:00Z", "--json").json["sent"] == 0
        assert ok("deliver", "--now", "2026-01-12T10:00:00Z", "--json").json["sent"] == 1
    ids = [
        line for mail in server.mails for line in mail.data.split(b"\r\n") if line.startswith(b"Message-ID:")
    ]
    assert len(ids) == 2
    assert ids[0] == ids[1]
    assert server.mails[0].data == server.mails[1].data


def test_a_broken_log_in_stops_the_run_and_loses_nothing(site: DailyServer) -> None:
    """Not the reader's fault: told in a sentence, and sent when mended."""
    with SmtpServer({"AUTH": ["535 5.7.8 wrong"]}, extensions=("AUTH PLAIN LOGIN",)) as server:
        url = f"smtp://u:hunter2@127.0.0.1:{server.port}"
        configure(site.url, f'smtp_url = "{url}"\nmail_from = "d@example.org"')
        ran = run("deliver", "--now", DUE)
        assert ran.code == 1
        assert "Traceback" not in ran.err
        assert "hunter2" not in ran.err
    configure(site.url)
    assert ok("deliver", "--now", DUE, "--json").json["sent"] == 1


def test_a_killed_run_is_settled_without_a_double_in_the_maildir(site: DailyServer) -> None:
    """The Maildir knows its own mail, so sending again leaves one file."""
    ok("deliver", "--now", DUE)
    mark_as_sending()
    assert ok("deliver", "--now", DUE, "--json").json["sent"] == 1
    assert len(mails()) == 1


def test_a_killed_run_by_smtp_is_sent_again_or_held(site: DailyServer) -> None:
    """As the setting says: resend (never lose) or hold (never double)."""
    mark_as_sending()
    with SmtpServer() as server:
        by_smtp(site, server, 'uncertain = "hold"')
        held = run("deliver", "--now", DUE, "--json")
        assert (held.code, held.json["uncertain"], held.json["sent"]) == (1, 1, 0)
        assert ok("why", READER, "--now", DUE, "--json").json["cause"] == "uncertain"
    with sqlite3.connect("data/digest.db") as connection:
        connection.execute("UPDATE deliveries SET status = 'sending'")
    connection.close()
    with SmtpServer() as server:
        by_smtp(site, server)
        assert ok("deliver", "--now", DUE, "--json").json["sent"] == 1
    assert len(server.mails) == 1


def test_a_mail_whose_data_was_not_complete_is_sent_again(site: DailyServer) -> None:
    """It cannot have arrived, so not even "hold" holds it."""
    mark_as_sending(complete=False)
    with SmtpServer() as server:
        by_smtp(site, server, 'uncertain = "hold"')
        assert ok("deliver", "--now", DUE, "--json").json["sent"] == 1
    assert len(server.mails) == 1


def test_no_answer_after_the_final_dot_is_uncertain(site: DailyServer) -> None:
    """The mail may have arrived: by default it is tried again later, on hold it is not."""
    with SmtpServer({"DOT": [DROP]}) as server:
        by_smtp(site, server, 'uncertain = "hold"')
        assert run("deliver", "--now", DUE, "--json").json["uncertain"] == 1
    assert ok("deliver", "--now", DUE, "--json").json["sent"] == 0


def test_who_left_after_composing_gets_no_mail(site: DailyServer) -> None:
    """The reader's standing is asked again right before sending."""
    ok("subscriber", "pause", READER)
    assert ok("deliver", "--now", DUE, "--json").json["sent"] == 0
    assert mails() == []
    assert ok("why", READER, "--now", DUE, "--json").json["cause"] == "paused"


def test_a_full_disk_sends_nothing(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the outbox cannot be written the run stops with a sentence, and the mail stays due."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        ran = run("deliver", "--now", DUE)
    assert ran.code == 1
    assert "No space left" in ran.err
    assert not [path for path in Path("data/outbox").rglob("*") if path.is_file()]
    assert ok("deliver", "--now", DUE, "--json").json["sent"] == 1
