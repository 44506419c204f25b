"""What was there and is gone is missed: the way of sending, the key for signed links."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from digest.errors import StorageError
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.smtp_server import SmtpServer
from tests.test_main_job import configure

DATE = "2026-01-12"
MORNING, NOON = f"{DATE}T08:00:00Z", f"{DATE}T12:00:00Z"
KEY, NAME = Path("data/secret.key"), Path("data/secret.key.name")


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """A reader of a site that has something on this day and the next."""
    days = {f"2026-01-{day}": [item(day, votes=9, title=f"Part {day}")] for day in (12, 13)}
    with serving(DailyServer(days)) as made:
        configure(made.url)
        ok("subscriber", "add", "ada@example.org", "--active", "--now", f"{DATE}T00:00:00Z")
        yield made


def wrong() -> str:
    """What status says is wrong, with all that doctor says is lost."""
    told = run("status", "--json", "--now", NOON).json["wrong"]
    findings = run("doctor", "--offline", "--json", "--now", NOON).json["findings"]
    lost = [one for one in findings if (one["check"], one["level"]) == ("losses", "wrong")]
    assert [(one["sentence"], one["mend"]) for one in lost] == [
        (one["what"], one["mend"]) for one in told[: len(lost)]
    ]
    assert bool(lost) == bool(told)
    return "; ".join(f"{one['what']} {one['mend']}" for one in told)


# --- the way of sending ----------------------------------------------------------------------------


def test_settings_that_were_lost_do_not_stop_mail_unseen(site: DailyServer) -> None:
    """Mail left by SMTP, and now lies in a Maildir: wrong, until that is said to be meant."""
    with SmtpServer() as server:
        configure(site.url, f'smtp_url = "smtp://127.0.0.1:{server.port}"\nmail_from = "d@example.org"')
        assert ok("run", "--now", MORNING, "--json").json["deliver"]["sent"] == 1
        assert wrong() == ""
    configure(site.url)
    assert "no smtp_url is set" in wrong()
    assert str(Path("data/outbox").absolute()) in wrong()
    configure(site.url, 'channel = "maildir"')
    assert wrong() == ""


def test_a_maildir_from_the_first_day_is_a_choice(site: DailyServer) -> None:
    """And why says that the mail lies here, and went nowhere."""
    ok("run", "--now", MORNING)
    assert wrong() == ""
    assert "(stored on this machine as new/" in ok("why", "ada@example.org", "--now", NOON).out


# --- another user's ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("site")
def test_a_data_directory_of_another_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be stored, something is wrong, whatever was stored before."""
    ok("run", "--now", MORNING)
    database = Path("data/digest.db").absolute()
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != database and may(path, mode))
    ran = run("status", "--now", NOON)
    assert ran.code == 1
    assert f"This user may not write {database}." in ran.out
    assert "chown -R" in ran.out


@pytest.mark.usefixtures("site")
def test_a_data_directory_that_is_closed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever may not even look into it; the doctor looks at nothing in there."""
    ok("run", "--now", MORNING)
    folder, may = Path("data").absolute(), os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder and may(path, mode))
    for words in ("run", "status"):
        ran = run(words, "--now", NOON)
        assert ran.code == 1
        assert ran.err.startswith(f"digest: the data directory {folder} is closed to this user: ")
    findings = run("doctor", "--offline", "--json", "--now", NOON).json["findings"]
    assert {one["level"] for one in findings if one["check"] in ("database", "copy", "losses")} == {"skipped"}


@pytest.mark.usefixtures("site")
def test_a_step_that_failed_is_not_called_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error stands for it."""
    monkeypatch.setattr("digest.runs.run_deliver", fail)
    ran = run("run", "--now", MORNING)
    assert "digest: deliver: no room" in ran.err
    assert "compose: 1 issues" in ran.out
    assert "deliver:" not in ran.out


def fail(*_: object, **__: object) -> NoReturn:
    raise StorageError("no room")


# --- the key ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("site")
def test_a_lost_key_is_not_replaced_unseen() -> None:
    """No mail leaves with links by another key; once the key is back, it does."""
    ok("run", "--now", MORNING)
    key = KEY.read_bytes()
    KEY.unlink()
    ran = run("run", "--now", "2026-01-13T08:00:00Z")
    assert ran.code == 1
    assert "the key is gone" in ran.err
    assert run("key", "show").code == 2
    assert run("key", "rotate").code == 2
    assert not KEY.exists()
    assert "the key is gone" in wrong()
    KEY.write_bytes(key)
    assert ok("run", "--now", "2026-01-13T08:05:00Z", "--json").json["deliver"]["sent"] == 1
    assert wrong() == ""


@pytest.mark.usefixtures("site")
def test_a_key_that_is_lost_for_good_is_given_up_by_hand() -> None:
    """Without its name another is made."""
    ok("run", "--now", MORNING)
    KEY.unlink()
    NAME.unlink()
    ok("run", "--now", "2026-01-13T08:00:00Z")
    assert KEY.exists()
    assert wrong() == ""


@pytest.mark.usefixtures("site")
def test_another_key_in_its_place_is_told_and_a_rotated_one_is_not() -> None:
    """After a rotation the older key is there; after an exchange it is not."""
    ok("run", "--now", MORNING)
    ok("key", "rotate")
    assert wrong() == ""
    name = ok("key", "show", "--json").json[0]["key"]
    assert NAME.read_text().strip() == name
    KEY.write_text("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    ok("run", "--now", MORNING)
    assert f"signed with the key {name}" in wrong()


def test_a_key_that_was_set_is_missed_too(site: DailyServer) -> None:
    """Lost with the settings that held it."""
    configure(site.url, f'secret_key = "{"0123456789abcdef" * 2}"')
    ok("run", "--now", MORNING)
    assert wrong() == ""
    configure(site.url)
    assert "the key is gone" in run("run", "--now", "2026-01-13T08:00:00Z").err
    assert "the key is gone" in wrong()
    assert not KEY.exists()
