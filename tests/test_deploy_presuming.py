"""``digest deliveries presume``: a copy from which nobody sends twice what its original may have sent."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_runner import Ran, ok, run
from tests.daily_server import DailyServer, item, serving
from tests.smtp_server import SmtpServer

NOW = ("--now", "2026-01-12T12:00:00Z")


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    """A mail server, and in ``data`` one mail that waits to be sent by it."""
    days = {"2026-01-12": [item(number) for number in range(3)]}
    with serving(DailyServer(days)) as site, SmtpServer() as server:
        Path("digest.toml").write_text(
            f'data_dir = "{Path.cwd() / "data"}"\nmail_from = "digest@example.org"\n'
            f'smtp_url = "smtp://127.0.0.1:{server.port}"\n'
            f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{site.url}"\nallow_private = true\n'
        )
        ok("subscriber", "add", "ada@example.org", "--active")
        ok("refresh", "--date", "2026-01-12")
        ok("compose", *NOW)
        yield server


def status() -> str:
    (row,) = ok("deliveries", "list", "--json").json["deliveries"]
    return str(row["status"])


def deliver() -> Ran:
    return run("deliver", *NOW)


def test_what_waits_is_held_in_the_copy_and_sent_from_the_original(
    relay: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``hold`` it is uncertain in the copy, with the reason; the original knows nothing of that."""
    shutil.copytree("data", "copy")
    monkeypatch.setenv("DIGEST_UNCERTAIN", "hold")
    monkeypatch.setenv("DIGEST_DATA_DIR", "copy")
    assert ok("deliveries", "presume", "--json", *NOW).json == {"presumed": 1}
    assert ok("deliveries", "presume", "--json", *NOW).json == {"presumed": 0}
    assert "interrupted" in ok("deliver", "--dry-run", *NOW).out
    assert deliver().code == 1
    assert (status(), relay.mails) == ("uncertain", [])
    monkeypatch.setenv("DIGEST_DATA_DIR", "data")
    assert status() == "planned"
    assert deliver().code == 0
    assert (status(), len(relay.mails)) == ("sent", 1)


def test_with_resend_it_is_tried_again(relay: SmtpServer) -> None:
    """As after any run that was killed."""
    assert ok("deliveries", "presume", *NOW).out == "1 presumed sent\n"
    assert deliver().code == 0
    assert (status(), len(relay.mails)) == ("sent", 1)
