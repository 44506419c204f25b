"""``digest init``: from nothing to the first digest."""

from pathlib import Path

import pytest

from digest.cli.init import Answers, _smtp_url, _write_settings
from digest.config import load_settings
from digest.errors import ConfigError, UsageError
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
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
        assert "digest run" in ran.out
        asked = {path.split("date=")[1][:10] for path in site.asked}
        assert asked == {f"2026-01-{day:02d}" for day in range(9, 16)}
        test, first = sorted(mails(), key=lambda mail: len(body(mail, "plain")))
        assert "test" in str(test["Subject"])
        assert len(abs_ids(body(first, "plain"))) == 7
        again = ok(*words, "--now", "2026-01-15T05:10:00Z")
        assert "first digest" in again.out
    assert len(mails()) == 3  # one more test mail, no second digest
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


def _password(text: str) -> Path:
    path = Path("password.txt")
    path.write_text(text + "\n")
    return path
