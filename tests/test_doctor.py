"""What the doctor finds: each fault with its mend, each check by itself, and none of them for ever."""

import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from digest.app import make_app
from digest.checking import read_settings
from digest.errors import StorageError
from digest.pipeline import doctor_checks, doctor_outside
from digest.pipeline.doctor import Check, Finding, Level, examine
from digest.pipeline.doctor_outside import make_outside_checks
from digest.storage.database import Database
from tests.cli_runner import Ran, ok, run
from tests.daily_server import DailyServer, item, serving
from tests.loopback import LoopbackServer, Peer, answer
from tests.smtp_server import SmtpServer

DATE = "2026-01-12"
NOW = f"{DATE}T12:00:00Z"
KEY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DailyServer, Path]]:
    """A site of one day, and the data of an installation that has read it once; to be copied."""
    folder, before = tmp_path_factory.mktemp("installed"), Path.cwd()
    days = {DATE: [item(number, votes=10 * number) for number in range(1, 6)]}
    with serving(DailyServer(days, page_cap=50)) as made:
        os.chdir(folder)
        write_settings(made)
        ok("run", "--now", NOW)
        os.chdir(before)
        yield made, folder / "data"


@pytest.fixture
def site(installed: tuple[DailyServer, Path]) -> DailyServer:
    """A healthy installation in the folder of the test."""
    made, data = installed
    made.broken = set()
    shutil.copytree(data, "data")
    write_settings(made)
    return made


def write_settings(site: DailyServer, extra: str = "") -> None:
    """Settings that read the site; owner's only, as they may hold secrets."""
    path = Path("digest.toml")
    path.write_text(
        f'data_dir = "{Path.cwd() / "data"}"\n{extra}\n'
        f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{site.url}"\nallow_private = true\n'
    )
    path.chmod(0o600)


def doctor(*words: str, now: str = NOW) -> Ran:
    """Run it; the clock of these days is not that of the machine."""
    return run("--now", now, "doctor", "--json", *words)


def findings(ran: Ran, check: str) -> list[dict[str, Any]]:
    """What one check found."""
    return [one for one in ran.json["findings"] if one["check"] == check]


def worst(ran: Ran, check: str) -> dict[str, Any]:
    """The one finding of a check that is not well."""
    (found,) = [one for one in findings(ran, check) if one["level"] != "well"]
    assert found["sentence"]
    assert found["mend"], "each finding has its mend"
    assert "\n" not in found["sentence"] + found["mend"]
    return dict(found)


def wrong(ran: Ran) -> set[str]:
    """The checks that found something to mend."""
    return {one["check"] for one in ran.json["findings"] if one["level"] == "wrong"}


# --- a healthy one -----------------------------------------------------------------------------------


def test_a_healthy_installation_has_nothing_to_mend(site: DailyServer) -> None:
    """And looking changes nothing: no row, no file, no mail."""
    before = {path: path.stat().st_mtime_ns for path in Path("data").rglob("*") if "-shm" not in path.name}
    ran = doctor()
    assert ran.code == 0
    assert ran.json["ok"] is True
    assert {one["level"] for one in ran.json["findings"]} == {"well", "note"}
    assert findings(ran, "source hf") == [
        {"check": "source hf", "level": "well", "sentence": "fresh, 5 entries", "mend": ""}
    ]
    after = {path: path.stat().st_mtime_ns for path in Path("data").rglob("*") if "-shm" not in path.name}
    assert set(before) <= set(after) <= set(before) | {Path("data/digest.db-wal")}
    assert all(after[path] == at for path, at in before.items() if path.is_file() and "-wal" not in path.name)


def test_a_file_that_goes_while_it_is_looked_at_is_nobody_elses(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing, access = Path("data/passing").absolute(), os.access
    passing.touch()

    def vanishing(path: str | Path, mode: int) -> bool:
        if Path(path) == passing:
            passing.unlink()
            return False
        return access(path, mode)

    monkeypatch.setattr(os, "access", vanishing)
    assert [one["level"] for one in findings(doctor("--offline"), "folder")] == ["well"]
    assert not passing.exists()


def test_for_a_person_it_is_a_line_each_and_an_arrow_to_the_mend(site: DailyServer) -> None:
    ran = run("--now", NOW, "doctor", "--offline")
    lines = ran.out.splitlines()
    assert lines[-1] == "nothing to mend"
    assert any(line.startswith("WELL     database ") for line in lines)
    assert any(line.strip().startswith("→ set ping_url") for line in lines)
    assert max(map(len, lines)) < 300


def test_offline_it_asks_nobody(site: DailyServer) -> None:
    asked = len(site.asked)
    ran = doctor("--offline")
    assert ran.code == 0
    assert len(site.asked) == asked
    assert [one["level"] for one in findings(ran, "source hf") + findings(ran, "dns")] == ["skipped"] * 2


def test_before_the_first_run_nothing_is_made(tmp_path: Path) -> None:
    """Neither the data directory nor a database."""
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "data"}"\n')
    Path("digest.toml").chmod(0o600)
    ran = run("doctor", "--json", "--offline")
    assert ran.code == 0
    assert not (tmp_path / "data").exists()
    assert "not there yet" in worst(ran, "folder")["sentence"]
    assert "no database yet" in worst(ran, "database")["sentence"]


# --- each finding ------------------------------------------------------------------------------------


def test_settings_that_are_wrong_are_told_all_at_once_with_exit_code_2(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_HOUR", "99")
    monkeypatch.setenv("DIGEST_SMTP_URL", "pigeon://ada:hunter2@example.org")
    ran = doctor()
    assert ran.code == 2
    faults = [one["sentence"] for one in findings(ran, "settings")]
    assert len([one for one in faults if "hour" in one or "smtp_url" in one]) >= 2
    assert "hunter2" not in ran.out
    others = {one["level"] for one in ran.json["findings"] if one["check"] != "settings"}
    assert others == {"skipped"}


def test_a_folder_that_cannot_be_written(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "can_write", lambda _: False)
    found = worst(doctor("--offline"), "folder")
    assert (found["level"], "chown" in found["mend"]) == ("wrong", True)


def test_a_disk_without_room(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What says so asks for room; what needs the database is not looked at; no owner is to be changed."""

    def refuse(_: Database) -> Any:
        raise StorageError("the disk is full: digest.db could not be written")

    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    monkeypatch.setattr(doctor_checks, "can_write", lambda _: False)
    monkeypatch.setattr(doctor_outside, "can_write", lambda _: False)
    monkeypatch.setattr(Database, "read", refuse)
    ran = doctor("--offline")
    for name in ("folder", "disk", "mail"):
        assert worst(ran, name)["mend"].startswith("make room")
    assert "disk is full" in worst(ran, "database")["sentence"]
    assert "disk is full" in worst(ran, "folder")["sentence"]
    for name in ("clock", "zones", "model"):
        (found,) = findings(ran, name)
        assert (found["level"], "without the database" in found["sentence"]) == ("skipped", True)


def test_a_folder_of_nobody_that_cannot_be_made(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DIGEST_DATA_DIR", str(tmp_path / "a" / "b"))
    monkeypatch.setattr(doctor_checks, "can_write", lambda _: False)
    assert worst(doctor("--offline"), "folder")["level"] == "wrong"


def test_files_that_another_user_made(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a command that was run as root; permissions themselves are not tried, since root has all."""
    access = os.access
    monkeypatch.setattr(
        doctor_checks.os, "access", lambda path, mode: Path(path).name != "pages" and access(path, mode)
    )
    assert "pages" in worst(doctor("--offline"), "folder")["sentence"]


def test_a_folder_that_everybody_may_read(site: DailyServer) -> None:
    Path("data").chmod(0o755)
    found = worst(doctor("--offline"), "folder")
    assert found["level"] == "wrong"
    assert found["mend"].startswith("chmod o-rwx ")


@pytest.mark.parametrize(("free", "level"), [(10 * 2**20, "wrong"), (500 * 2**20, "note")])
def test_a_disk_that_is_full_or_soon_will_be(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(doctor_checks.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    ran = doctor("--offline")
    assert worst(ran, "disk")["level"] == level
    assert ran.code == (1 if level == "wrong" else 0)


@pytest.mark.parametrize("left", ["nothing", "an empty file", "a file without tables"])
def test_a_database_that_is_gone_though_it_was_there(site: DailyServer, left: str) -> None:
    for path in Path("data").glob("digest.db*"):
        path.unlink()
    if left == "an empty file":
        Path("data/digest.db").touch()
    elif left == "a file without tables":
        with closing(sqlite3.connect("data/digest.db")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    ran = doctor("--offline")
    found = worst(ran, "database")
    assert found["level"] == "wrong"
    assert "backup" in found["mend"]
    assert wrong(ran) == {"database"}
    assert left != "nothing" or not list(Path("data").glob("digest.db*"))


def test_a_file_that_is_no_database(site: DailyServer) -> None:
    for path in Path("data").glob("digest.db*"):
        path.write_bytes(b"no database " * 1000)
    ran = doctor("--offline")
    found = worst(ran, "database")
    assert "is not a database" in found["sentence"]
    assert "digest restore" in found["mend"]
    # It is said once, and what can be looked at without it is.
    assert wrong(ran) == {"database"}
    assert [one["level"] for one in findings(ran, "secrets")] == ["well"]
    for name in ("integrity", "clock", "zones", "model"):
        (skipped,) = findings(ran, name)
        assert (skipped["level"], skipped["sentence"]) == (
            "skipped",
            "cannot be looked at without the database",
        )


def test_a_database_server_that_is_down(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("DIGEST_DATABASE_URL", "postgresql://digest@127.0.0.1:9/digest")
    ran = doctor("--offline")
    found = worst(ran, "database")
    assert "cannot be reached" in found["sentence"]
    assert "see that the server runs" in found["mend"]
    assert wrong(ran) == {"database"}


def test_a_database_that_is_damaged(site: DailyServer) -> None:
    """Found by reading all of it: a page that nothing has asked for yet."""
    with closing(sqlite3.connect("data/digest.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'bounces'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with Path("data/digest.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\x0d" + b"\xff" * 40)
    found = worst(doctor("--offline"), "integrity")
    assert "damaged" in found["sentence"]
    assert "backup" in found["mend"]


def test_a_row_that_refers_to_nothing(site: DailyServer) -> None:
    """As left by a hand that deleted rows with another program."""
    with closing(sqlite3.connect("data/digest.db")) as connection:
        connection.execute("DELETE FROM sources")
        connection.commit()
    assert "refers to nothing" in worst(doctor("--offline"), "integrity")["sentence"]


@pytest.mark.parametrize(("revision", "level"), [("0001", "note"), ("ffff", "wrong")])
def test_a_schema_of_another_version(site: DailyServer, revision: str, level: str) -> None:
    """An older one is upgraded by the next command; the doctor leaves it as it is."""
    with closing(sqlite3.connect("data/digest.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.commit()
    ran = doctor("--offline")
    assert worst(ran, "database")["level"] == level
    assert [one["level"] for one in findings(ran, "zones")] == ["skipped"]
    with closing(sqlite3.connect("data/digest.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)


def test_a_database_that_cannot_be_written(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(_: Database) -> Any:
        raise StorageError("digest.db is read-only; check the permissions")

    monkeypatch.setattr(Database, "write", refusing)
    assert "read-only" in worst(doctor("--offline"), "database")["sentence"]


def test_a_clock_that_was_set_back(site: DailyServer) -> None:
    found = worst(doctor("--offline", now="2026-01-12T10:00:00Z"), "clock")
    assert "in the future" in found["sentence"]
    assert "NTP" in found["mend"]


def test_a_file_system_with_another_clock(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks.time, "time", lambda: time.time_ns() / 1e9 + 600)
    assert "600 s" in worst(doctor("--offline"), "clock")["sentence"]


def test_a_clock_that_differs_from_a_servers(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the Date of its answers; the site on loopback has this machine's clock, so ours is moved."""
    from datetime import timedelta

    from digest.fetcher import Fetcher

    get = Fetcher.get

    def dated(self: Fetcher, *given: Any, **named: Any) -> Any:
        from dataclasses import replace

        page = get(self, *given, **named)
        told = page.fetched_at - timedelta(hours=2)
        assert isinstance(told, datetime)
        return replace(page, headers=(("date", f"{told:%a, %d %b %Y %H:%M:%S} GMT"),))

    monkeypatch.setattr(Fetcher, "get", dated)
    ran = doctor()
    # An HTTP date has whole seconds.
    assert re.search(r"7,20[01] s ahead of that of hf", worst(ran, "clock")["sentence"])
    assert [one["level"] for one in findings(ran, "source hf")] == ["well"]


def test_no_data_on_time_zones(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks.zoneinfo, "available_timezones", set)
    assert "tzdata" in worst(doctor("--offline"), "zones")["mend"]


def test_a_readers_zone_that_is_not_known_here(site: DailyServer) -> None:
    """As after a restore on a machine with older data."""
    ok("subscriber", "add", "ada@example.org", "--active")
    with closing(sqlite3.connect("data/digest.db")) as connection:
        connection.execute("UPDATE subscriptions SET zone = 'Europe/Atlantis'")
        connection.commit()
    assert "Europe/Atlantis" in worst(doctor("--offline"), "zones")["sentence"]


def test_a_source_that_cannot_be_read(site: DailyServer) -> None:
    site.broken = {DATE}
    found = worst(doctor(), "source hf")
    assert found["level"] == "wrong"
    assert found["mend"] == "see what it gives with: digest sources try hf"


def test_a_source_that_cannot_be_reached(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Path("digest.toml").read_text().replace(site.url, "http://127.0.0.1:9")
    Path("digest.toml").write_text(f"timeout_s = 0.5\n{settings}")
    assert "127.0.0.1" in worst(doctor(), "source hf")["sentence"]


def test_sources_of_one_site_are_asked_in_turn(site: DailyServer) -> None:
    """As arXiv wants it, also of who only looks; each has its time beside the others'."""
    free, overlapped = threading.Lock(), []

    def slow(peer: Peer) -> None:
        if not free.acquire(blocking=False):
            overlapped.append(peer.index)
            return
        time.sleep(0.05)
        free.release()
        peer.send(answer(404))

    with LoopbackServer(slow) as server:
        write_settings(site)
        tables = (
            f'[[source]]\nname = "{name}"\nkind = "arxiv"\ncategories = ["cs.{name.upper()}L"]\n'
            f'url = "http://127.0.0.1:{server.port}"\nallow_private = true\n'
            for name in ("a", "b", "c")
        )
        Path("digest.toml").write_text(Path("digest.toml").read_text() + "".join(tables))
        assert {"source a", "source b", "source c"} <= wrong(doctor())
    assert len(server.requests) >= 3
    assert not overlapped
    app = make_app(read_settings())
    app.database.close()
    made = make_outside_checks(app.settings, app.sources(), datetime.now(UTC), offline=False)
    assert {one.name: one.deadline_s for one in made if "source" in one.name} == {
        "source hf": 60, "source a": 180, "source b": 180, "source c": 180,
    }  # fmt: skip


def test_a_mail_server_that_refuses_the_log_in(site: DailyServer) -> None:
    """Nothing is sent to find out."""
    refusal = "535 5.7.8 Authentication credentials invalid"
    with SmtpServer({"AUTH": [refusal]}, extensions=("AUTH PLAIN",)) as server:
        write_settings(
            site, f'smtp_url = "smtp://ada:hunter2@127.0.0.1:{server.port}"\nmail_from = "digest@localhost"'
        )
        found = worst(doctor(), "mail")
        assert not server.mails
        assert "MAIL" not in server.verbs()
    assert found["level"] == "wrong"
    assert "hunter2" not in str(found)


def test_a_mail_server_that_is_well(site: DailyServer) -> None:
    with SmtpServer() as server:
        write_settings(site, f'smtp_url = "smtp://127.0.0.1:{server.port}"\nmail_from = "digest@localhost"')
        ran = doctor()
        assert not server.mails
    assert [one["level"] for one in findings(ran, "mail")] == ["well"]


def test_a_program_for_mail_that_is_not_there(site: DailyServer) -> None:
    """Looked at offline too."""
    write_settings(site, 'channel = "command"\nsendmail_command = "/nowhere/sendmail -t"')
    assert "/nowhere/sendmail" in worst(doctor("--offline"), "mail")["sentence"]


def test_what_is_missing_in_the_dns(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As digest mail check finds it, with its mend."""
    from digest.domains import DnsResolver
    from tests.dns_server import DnsServer

    with SmtpServer() as smtp, DnsServer({("digest.example", "A"): ["192.0.2.25"]}) as server:
        write_settings(site, f'smtp_url = "smtp://127.0.0.1:{smtp.port}"\nmail_from = "me@digest.example"')
        monkeypatch.setattr(doctor_outside, "DnsResolver", lambda: DnsResolver(server.address))
        found = findings(doctor(), "dns")
    assert any("SPF" in one["sentence"] and one["mend"] for one in found)
    assert {one["level"] for one in found} == {"wrong"}


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ('secret_key = "at-least-32-characters-of-randomness"', "secret_key can be guessed"),
        ('secret_key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"', "secret_key can be guessed"),
        ('secret_key = "only-20-characters-x"', "secret_key can be guessed"),
        (f'secret_key = "{KEY}"\nmetrics_token = "some-long-random-token"', "metrics_token can be guessed"),
        (f'secret_key = "{KEY}"\nmetrics_token = "aaaaaaaaaaaaaaaaaaaaaaaa"', "metrics_token can be guessed"),
    ],
)
def test_secrets_that_can_be_guessed(site: DailyServer, extra: str, told: str) -> None:
    """They are not shown."""
    write_settings(site, extra)
    ran = doctor("--offline")
    assert told in worst(ran, "secrets")["sentence"]
    assert extra.split('"')[1] not in ran.out


@pytest.mark.parametrize("name", ["data/secret.key", "digest.toml"])
def test_secrets_that_everybody_may_read(site: DailyServer, name: str) -> None:
    write_settings(site, f'metrics_token = "{KEY}"')
    Path("data/secret.key").write_text(KEY)
    Path("data/secret.key").chmod(0o600)
    assert [one["level"] for one in findings(doctor("--offline"), "secrets")] == ["well"]
    Path(name).chmod(0o644)
    found = worst(doctor("--offline"), "secrets")
    assert name in found["sentence"]
    assert found["mend"].startswith("chmod o-rwx ")


def test_a_database_that_everybody_may_read(site: DailyServer) -> None:
    """Unless its folder keeps them out."""
    write_settings(site, "")
    ok("status")
    Path("data/digest.db").chmod(0o644)
    assert [one["level"] for one in findings(doctor("--offline"), "secrets")] == ["well"]
    Path("data").chmod(0o701)
    found = worst(doctor("--offline"), "secrets")
    assert "digest.db holds readers' addresses" in found["sentence"]
    assert found["mend"].endswith("data/digest.db*")


@pytest.mark.parametrize(
    ("extra", "level"),
    [
        ("", "well"),
        ('smtp_url = "smtp+plain://127.0.0.1"\nmail_from = "digest@localhost"', "well"),
        ('smtp_url = "smtp+plain://a:b@127.0.0.1"\nmail_from = "digest@localhost"', "wrong"),
        ('ping_url = "https://ping.example/x"', "wrong"),
        ('[[enricher]]\nname = "s2"\nkind = "semanticscholar"\nkey = "x"\n', "wrong"),
        ('[[enricher]]\nname = "s2"\nkind = "semanticscholar"\nheaders = {Authorization = "x"}\n', "wrong"),
        ('[[enricher]]\nname = "s2"\nkind = "semanticscholar"\nheaders = {Accept = "x"}\n', "well"),
    ],
)
def test_a_file_without_secrets_may_be_read_by_all(
    site: DailyServer, extra: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though there are secrets elsewhere, as deploy/install.sh lays them out."""
    Path("secrets").mkdir()
    Path("secrets/metrics_token").write_text(KEY)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "secrets")
    write_settings(site, extra)
    Path("digest.toml").chmod(0o644)
    assert [one["level"] for one in findings(doctor("--offline"), "secrets")] == [level]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (f"DIGEST_METRICS_TOKEN={KEY}", "wrong"),
        ("DIGEST_HOUR=7", "well"),
        ("""DIGEST_ENRICHER='[{"name": "s2", "kind": "semanticscholar", "key": "x"}]\'""", "wrong"),
    ],
)
def test_secrets_in_an_env_file(site: DailyServer, line: str, level: str) -> None:
    Path(".env").write_text(f"{line}\n")
    Path(".env").chmod(0o644)
    assert [one["level"] for one in findings(doctor("--offline"), "secrets")] == [level]


def test_a_key_that_was_cut_short(site: DailyServer) -> None:
    Path("data/secret.key").write_text("9f86d0")
    Path("data/secret.key").chmod(0o600)
    assert "secret.key is too short" in worst(doctor("--offline"), "secrets")["sentence"]


@pytest.mark.parametrize(
    ("url", "level", "told"),
    [
        ("https://digest.example.org", "wrong", "example"),
        ("http://127.0.0.1:8000", "note", "this machine only"),
        ("http://digest.lab.test", "note", "not encrypted"),
        ("https://digest.lab.test/papers", "well", "https://digest.lab.test/papers"),
    ],
)
def test_an_address_that_leads_nowhere(site: DailyServer, url: str, level: str, told: str) -> None:
    write_settings(site, f'base_url = "{url}"')
    (found,) = findings(doctor("--offline"), "base_url")
    assert (found["level"], told in found["sentence"], bool(found["mend"])) == (level, True, level != "well")


def test_links_to_this_machine_in_mail_to_others(site: DailyServer) -> None:
    write_settings(
        site,
        'base_url = "http://localhost:8000"\nsmtp_url = "smtp://mail.lab.test"\nmail_from = "me@lab.test"',
    )
    assert worst(doctor("--offline"), "base_url")["level"] == "wrong"


def test_a_model_that_is_missing_or_damaged(site: DailyServer) -> None:
    """Nothing is lost by either."""
    for path in Path("data/models").glob("*"):
        path.unlink()
    assert worst(doctor("--offline"), "model")["mend"] == "fit it now: digest fit"
    Path("data/models").mkdir(exist_ok=True)
    Path("data/models/ranking-5-0-x.npz").write_bytes(b"no model")
    found = worst(doctor("--offline"), "model")
    assert (found["level"], "ranking-5-0-x.npz" in found["sentence"]) == ("note", True)


def test_backups_that_are_missing_or_old(site: DailyServer) -> None:
    assert worst(doctor("--offline"), "backups")["level"] == "note"
    path = Path("data/backups/digest-20260101T000000Z")
    path.mkdir(parents=True)
    at = 1767225600  # 2026-01-01
    os.utime(path, (at, at))
    found = worst(doctor("--offline"), "backups")
    assert (found["level"], "11 days old" in found["sentence"]) == ("wrong", True)
    os.utime(path, (at + 10 * 86400, at + 10 * 86400))
    assert [one["level"] for one in findings(doctor("--offline"), "backups")] == ["well"]


def test_a_copy_that_does_not_mail(site: DailyServer) -> None:
    """As after digest restore, before digest arm."""
    from digest.pipeline.arming import MARKER

    (Path("data") / MARKER).write_text('{"origin": "digest-x", "made_at": "2026-01-01T00:00:00+00:00"}')
    found = worst(doctor("--offline"), "copy")
    assert (found["level"], "digest arm" in found["mend"]) == ("wrong", True)


# --- each by itself ----------------------------------------------------------------------------------


def test_everything_failing_at_once_is_told_in_full(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check finds its own, whatever became of the others; what needs the database waits for it."""
    write_settings(
        site,
        'timeout_s = 0.5\nsecret_key = "only-20-characters-x"\nbase_url = "https://digest.example.org"\n'
        'smtp_url = "smtp://127.0.0.1:9"\nmail_from = "me@digest.example"',
    )
    Path("digest.toml").write_text(Path("digest.toml").read_text().replace(site.url, "http://127.0.0.1:9"))
    for path in Path("data").glob("digest.db*"):
        path.write_bytes(b"no database " * 1000)
    Path("data").chmod(0o755)
    backup = Path("data/backups/digest-20200101T000000Z")
    backup.mkdir(parents=True)
    os.utime(backup, (0, 0))
    monkeypatch.setattr(doctor_checks.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    monkeypatch.setattr(doctor_checks.zoneinfo, "available_timezones", set)
    monkeypatch.setattr(doctor_checks.time, "time", lambda: time.time_ns() / 1e9 + 600)

    def no_resolver() -> Any:
        raise StorageError("this machine names no name server")

    monkeypatch.setattr(doctor_outside, "DnsResolver", no_resolver)
    ran = doctor()
    assert ran.code == 1
    assert wrong(ran) >= {
        "folder", "disk", "database", "clock", "zones", "secrets", "base_url", "backups", "source hf", "mail",
        "dns",
    }  # fmt: skip
    assert all(one["mend"] for one in ran.json["findings"] if one["level"] in ("wrong", "note"))


def raising(error: Exception) -> Callable[[], list[Finding]]:
    def look() -> list[Finding]:
        raise error

    return look


def well(name: str) -> Check:
    return Check(name, lambda: [Finding(name, Level.WELL, "fine")])


def test_a_check_that_fails_or_has_a_bug_keeps_no_other_from_looking() -> None:
    checks = [
        well("a"), Check("b", raising(StorageError("it is gone"))), well("c"),
        Check("d", raising(KeyError("x"))), well("e"),
    ]  # fmt: skip
    diagnosis = examine(checks)
    assert [(one.check, one.level.value) for one in diagnosis.findings] == [
        ("a", "well"), ("b", "wrong"), ("c", "well"), ("d", "wrong"), ("e", "well"),
    ]  # fmt: skip
    assert diagnosis.findings[1].sentence == "it is gone"
    assert "KeyError" in diagnosis.findings[3].sentence
    assert all(one.mend for one in diagnosis.findings if one.level is Level.WRONG)
    assert (diagnosis.exit_code, diagnosis.is_unfinished) == (1, False)


def test_a_check_that_hangs_is_left_behind_at_its_deadline() -> None:
    """The others do not wait for it, and have the time to their own deadlines."""
    over = threading.Event()

    def hang() -> list[Finding]:
        over.wait(60)
        return []

    hanging = Check("a", hang, deadline_s=0.05)
    diagnosis = examine([hanging, well("b")])
    over.set()
    assert [(one.check, one.level.value) for one in diagnosis.findings] == [("a", "wrong"), ("b", "well")]
    assert diagnosis.findings[0].sentence == "no answer within 0.05 s"
    assert diagnosis.is_unfinished


def test_reading_all_of_a_large_database_may_take_longer(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow disk, which is worth a note."""
    over = threading.Event()
    monkeypatch.setattr(doctor_checks, "INTEGRITY_S", 0.5)
    monkeypatch.setattr(doctor_checks.checkup, "find_damage", lambda _: over.wait(60))
    database = Database(f"sqlite:///{Path('data/digest.db').absolute()}")
    patient = doctor_checks.Patient(datetime.now(UTC), read_settings(), database)
    diagnosis = examine([one for one in doctor_checks.make_checks(patient) if one.name == "integrity"])
    over.set()
    database.close()
    assert [(one.level, one.sentence) for one in diagnosis.findings] == [
        (Level.NOTE, "no answer within 0.5 s")
    ]
    assert diagnosis.exit_code == 0


def test_every_check_has_a_deadline() -> None:
    """A minute at most, also for what asks the network."""
    checks = doctor_checks.make_checks(doctor_checks.Patient(datetime.now(UTC), faults=("x",)))
    assert len({check.name for check in checks}) == len(checks) >= 13
    assert all(0 < check.deadline_s <= 60 for check in checks)


def test_settings_have_an_exit_code_of_their_own() -> None:
    """2, whatever else is wrong; notes fail nothing."""
    other = Check("x", lambda: [Finding("x", Level.WRONG, "bad", "mend")])
    settings = Check("settings", lambda: [Finding("settings", Level.WRONG, "bad", "mend")])
    noted = Check("y", lambda: [Finding("y", Level.NOTE, "hm", "see")])
    assert examine([other, settings, noted]).exit_code == 2
    assert examine([other, noted]).exit_code == 1
    assert examine([noted, well("z")]).exit_code == 0


def test_a_file_of_another_user_is_no_bug() -> None:
    """It is named, with what to do; nobody is asked to report it."""

    def look() -> Iterator[Finding]:
        raise PermissionError(13, "Permission denied", "/data/secret.key")
        yield

    (found,) = examine([Check("secrets", look)]).findings
    assert found.level is Level.WRONG
    assert found.sentence == "this user may not look into /data/secret.key"
    assert "bug" not in found.mend
