"""``digest init``: from nothing to the first digest."""

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from digest.cli.init import Answers, _smtp_url, _write_settings
from digest.errors import ConfigError, UsageError
from digest.loading import load_settings
from digest.locks import use_case_lock
from digest.runs import run_letter
from tests.cli_runner import Ran, ok, run
from tests.daily_server import DailyServer, item, serving
from tests.smtp_server import SmtpServer
from tests.test_main_job import abs_ids, body, configure, mails

NOW = "2026-01-15T05:00:00Z"


def test_it_reads_seven_days_and_sends_a_test_and_the_first_digest_at_once() -> None:
    """Even before the reader's hour; a second run adds nobody and sends no second digest."""
    days = {
        f"2026-01-{day:02d}": [item(day, votes=day, title=f"On retrieval, part {day}")]
        for day in range(1, 16)
    }
    with serving(DailyServer(days)) as site:
        configure(site.url)
        words = [
            "init",
            "--email",
            "me@example.org",
            "--topic",
            "retrieval",
            "--send",
            "maildir",
            "--zone",
            "UTC",
        ]
        ran = ok(*words, "--now", NOW)
        assert re.search(r"DIGEST_CONFIG=.*digest'? run", ran.out)
        asked = {path.split("date=")[1][:10] for path in site.asked if path != "/robots.txt"}
        assert asked == {f"2026-01-{day:02d}" for day in range(9, 16)}
        test, first = sorted(mails(), key=lambda mail: len(body(mail, "plain")))
        assert "test" in str(test["Subject"])
        assert len(abs_ids(body(first, "plain"))) == 7
        again = ok(*words, "--now", "2026-01-15T05:10:00Z")
        assert "first digest" in again.out
    assert len(mails()) == 2  # neither the test nor the digest comes twice
    assert len(ok("subscriber", "list", "--json").json) == 1
    assert ok("compose", "--now", "2026-01-15T08:00:00Z", "--json").json["skipped"] == 1


def test_it_asks_nobody_where_nobody_is() -> None:
    """Without a terminal a missing answer is a wrong usage that names the option."""
    ran = run("init", "--topic", "retrieval", "--send", "maildir")
    assert ran.code == 2
    assert "--email" in ran.err


def test_settings_are_written_for_their_owner_alone_and_load() -> None:
    """The file holds the password, so nobody else may read it; it loads as it is."""
    url = _smtp_url("gmail", "me@example.org", _password("pa ss/w@rd"), "", asks=False)
    _write_settings(Answers("me@example.org", ("x",), (), 6, "Europe/Oslo", url, "me@example.org"))
    path = Path("xdg-config/paper-digest/digest.toml")
    assert path.stat().st_mode & 0o077 == 0
    settings = load_settings()
    assert (settings.hour, settings.zone, settings.mail_from) == (6, "Europe/Oslo", "me@example.org")
    assert settings.smtp_url is not None
    assert "pa%20ss%2Fw%40rd" in settings.smtp_url.get_secret_value()


@pytest.mark.parametrize("send", ["pigeon", "ftp://example.org", "smtp://"])
def test_an_unknown_way_to_send_is_refused(send: str) -> None:
    """With the ways there are."""
    with pytest.raises((UsageError, ConfigError)):
        _smtp_url(send, "me@example.org", None, "", asks=False)


SETTINGS = Path("made/digest.toml")


def init(*words: str) -> Ran:
    """Run init for one reader."""
    return run("init", "--email", "me@example.org", "--zone", "UTC", "--now", NOW, *words)


@pytest.fixture
def nothing_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file yet; data folder and a source that is down come from the environment."""
    monkeypatch.setenv("DIGEST_CONFIG", str(SETTINGS))
    monkeypatch.setenv("DIGEST_DATA_DIR", str(Path("data").absolute()))
    source = '[{"name": "hf", "kind": "huggingface", "url": "http://127.0.0.1:9", "allow_private": true}]'
    monkeypatch.setenv("DIGEST_SOURCE", source)


def readers() -> list[str]:
    """The addresses that are stored."""
    return [row["email"] for row in ok("subscriber", "list", "--json").json]


@pytest.mark.usefixtures("nothing_yet")
def test_a_failed_test_mail_leaves_nothing_and_the_next_try_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, no reader: what was wrong is mended by running it again with the right words."""
    with SmtpServer({"AUTH": ["535 5.7.8 wrong"]}, extensions=("AUTH PLAIN LOGIN",)) as server:
        failed = init("--topic", "retrieval", "--send", f"smtp://me:hunter2@127.0.0.1:{server.port}")
    assert failed.code == 1
    assert "hunter2" not in failed.err
    assert "refused the log-in (check user and password;" in failed.err
    assert "No reader was stored and no settings were written: run digest init again" in failed.err
    assert not SETTINGS.exists()
    with SmtpServer() as server:
        done = init("--topic", "retrieval", "--send", f"smtp://127.0.0.1:{server.port}")
    # One mail left, and the source that is down is told by the exit code.
    assert (done.code, len(server.mails)) == (1, 1), done.err
    assert readers() == ["me@example.org"]
    assert f"127.0.0.1:{server.port}" in SETTINGS.read_text()


@pytest.mark.usefixtures("nothing_yet")
@pytest.mark.parametrize(
    "words",
    [
        ["--topic", "  "],
        ["--topic", "retrieval", "--topic", ""],
        ["--paper", " "],
        ["--topic", "retrieval", "--zone", "Mars/Olympus"],
        ["--topic", "retrieval", "--email", "a..b@example.org"],
        ["--topic", "retrieval", "--send", "gmail", "--password-file", "latin.txt"],
        ["--topic", "retrieval", "--send", "smtp://127.0.0.1:9", "--from", "me@my_host"],
    ],
)
def test_wrong_answers_are_refused_before_anything_is_done(words: list[str]) -> None:
    """One sentence, exit 2; no settings, no data."""
    Path("latin.txt").write_bytes(b"caf\xe9\n")
    ran = init("--send", "maildir", *words)
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) <= 2
    assert not SETTINGS.exists()
    assert not Path("data").exists()


@pytest.mark.usefixtures("nothing_yet")
def test_an_ambiguous_paper_is_refused_before_anything_is_sent() -> None:
    """Two stored papers have that title: an id has to say which is meant."""
    SETTINGS.parent.mkdir()
    SETTINGS.write_text("")
    Path("twins.json").write_text(json.dumps([item(1, title="Twins"), item(2, title="Twins", abstract="x")]))
    ok("import", "twins.json", "--now", NOW)
    ran = init("--paper", "Twins", "--send", "maildir")
    assert ran.code == 2
    assert "#1, #2" in ran.err
    assert mails() == []
    assert readers() == []


@pytest.mark.usefixtures("nothing_yet")
def test_settings_that_cannot_be_written_are_one_sentence() -> None:
    """A file where the folder should be: exit 2, and no reader was added."""
    SETTINGS.parent.write_text("in the way")
    ran = init("--topic", "retrieval", "--send", "maildir")
    assert ran.code == 2
    assert str(SETTINGS) in ran.err
    SETTINGS.parent.unlink()
    SETTINGS.parent.mkdir()
    SETTINGS.write_text("")
    assert readers() == []


@pytest.mark.parametrize(
    ("settings", "words", "named"),
    [
        ("", ["--send", "smtp://127.0.0.1:9"], "smtp_url"),
        (
            'smtp_url = "smtps://u:hunter2@a.example"\nmail_from = "d@a.example"',
            ["--send", "maildir"],
            "smtp_url",
        ),
        (
            'smtp_url = "smtps://u:hunter2@a.example"\nmail_from = "d@a.example"',
            ["--send", "smtps://u:hunter3@a.example:465"],
            "password",
        ),
        ('mail_from = "d@a.example"', ["--from", "me@example.org"], "mail_from"),
    ],
)
def test_settings_that_say_otherwise_are_not_passed_over(settings: str, words: list[str], named: str) -> None:
    """A file that is there stays as it is: another way of sending is refused with what to edit."""
    configure("http://127.0.0.1:9", settings)
    before = Path("digest.toml").read_text()
    ran = init("--topic", "retrieval", *words)
    assert ran.code == 2
    assert named in ran.err
    assert "digest.toml" in ran.err
    assert "hunter" not in ran.err
    assert Path("digest.toml").read_text() == before
    assert not Path("data").exists()


def test_settings_that_are_there_say_how_to_send() -> None:
    """Without --send the file's own way is taken, and nobody is asked."""
    with SmtpServer() as server:
        configure(
            "http://127.0.0.1:9", f'smtp_url = "smtp://127.0.0.1:{server.port}"\nmail_from = "d@example.org"'
        )
        ran = init("--topic", "retrieval")
    assert ran.code == 1, "the source is down"
    # Tagged, so that what comes back tells whom it is about.
    assert re.search(r"<d\+b[a-z2-7]{26}@example\.org>", server.mails[0].sender)


def test_an_address_is_one_reader_however_it_is_spelt() -> None:
    """Upper case and international domains name the reader who is there, and the digest comes at once."""
    with serving(DailyServer({"2026-01-15": [item(1, title="On retrieval", votes=9)]})) as site:
        configure(site.url)
        ok("subscriber", "add", "Me@bücher.example", "--active", "--now", NOW)
        ran = ok(
            "init", "--email", "me@Bücher.EXAMPLE", "--topic", "retrieval", "--zone", "UTC", "--now", NOW
        )
    assert "1 sent" in ran.out
    assert readers() == ["Me@xn--bcher-kva.example"]
    assert len(mails()) == 2


@pytest.mark.parametrize("use_case", ["refresh", "compose", "deliver"])
def test_it_waits_for_a_service_that_is_at_work_already(
    use_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once would do the same: who comes second waits for the first, and then does its part."""
    held = ExitStack()
    monkeypatch.setattr("digest.cli.init.sleep", lambda _: held.close())
    letter = run_letter

    def take_lock(*args: Any) -> str:
        answer = letter(*args)
        assert held.enter_context(use_case_lock(Path("data").absolute(), use_case))
        return answer

    monkeypatch.setattr("digest.runs.run_letter", take_lock)
    with serving(DailyServer({"2026-01-15": [item(1, title="On retrieval", votes=9)]})) as site:
        configure(site.url)
        ran = init("--topic", "retrieval")
    assert ran.code == 0, ran.err
    assert "waiting for its end" in ran.err
    assert "1 new papers" in ran.out
    assert len(mails()) == 2


def test_it_waits_for_nobody_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who composes on and on is named, and the exit code says that no digest came."""
    waits: list[int] = []
    monkeypatch.setattr("digest.cli.init.sleep", waits.append)
    monkeypatch.setattr("digest.cli.init.PATIENCE_S", 3)
    with serving(DailyServer({"2026-01-15": [item(1, title="On retrieval", votes=9)]})) as site:
        configure(site.url)
        ok("db", "upgrade")
        with use_case_lock(Path("data").absolute(), "compose") as mine:
            assert mine
            ran = init("--topic", "retrieval")
    assert ran.code == 1, ran.err
    assert "another run is at work" in ran.out
    assert waits == [1, 1, 1]
    assert len(mails()) == 1


def test_a_first_read_that_fails_costs_no_digest() -> None:
    """The day stays open: once the source is back, the digest comes at its hour."""
    configure("http://127.0.0.1:9")
    failed = init("--topic", "retrieval")
    assert failed.code == 1
    assert re.search("first digest: none yet: .* could not be reached", failed.out)
    with serving(DailyServer({"2026-01-15": [item(1, title="On retrieval", votes=9)]})) as site:
        configure(site.url)
        ok("run", "--now", "2026-01-15T05:30:00Z")
        assert "not due before 07:00" in ok("why", "me@example.org", "--now", "2026-01-15T06:00:00Z").out
        assert ok("run", "--now", "2026-01-15T07:05:00Z", "--json").json["deliver"]["sent"] == 1


def test_a_source_that_lists_nothing_is_told_and_is_no_first_digest() -> None:
    """Exit 1, and the reason."""
    with serving(DailyServer({"2026-01-15": []})) as site:
        configure(site.url)
        ran = init("--topic", "retrieval")
    assert ran.code == 1
    assert "first digest: none yet: " in ran.out, ran.out
    assert "had listed nothing" in ran.out, ran.out


def _password(text: str) -> Path:
    path = Path("password.txt")
    path.write_text(text + "\n")
    return path
