"""What goes wrong between the steps, or while one is at work, and must cost no reader a paper."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.app import App, make_app
from digest.checking import read_settings
from digest.mailer import Mail, MaildirChannel
from digest.pipeline.crew import Line
from digest.pipeline.moment import Moment
from digest.storage import subscribers as subscriber_rows
from digest.types import SubscriberStatus
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.test_main_job import abs_ids, body, configure, mails

MONDAY = "2026-01-12"
DUE = datetime(2026, 1, 12, 9, tzinfo=UTC)
NAMES = ("ann@example.org", "bea@example.org", "cyd@example.org")


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """Four papers on one Monday, three readers since New Year."""
    with serving(DailyServer({MONDAY: [item(number, votes=number) for number in (1, 2, 3, 4)]})) as server:
        configure(server.url)
        for name in NAMES:
            ok("subscriber", "add", name, "--active", "--now", "2026-01-01T00:00:00Z")
        yield server


@pytest.fixture
def app() -> Iterator[App]:
    """The program on the data of this test, at nine on that Monday."""
    app = make_app(read_settings(), now=DUE)
    yield app
    app.database.close()


class MeddlingChannel(MaildirChannel):
    """A Maildir during whose first sending something else happens."""

    def __init__(self, path: Path, meddle: Callable[[], None]) -> None:
        super().__init__(path)
        self.meddle: Callable[[], None] | None = meddle

    def send(self, mail: Mail, before_end: Callable[[], None]) -> str:
        if self.meddle is not None:
            self.meddle, meddle = None, self.meddle
            meddle()
        return super().send(mail, before_end)


def recipients() -> list[str]:
    """Who got mail."""
    return sorted(str(mail["To"]) for mail in mails())


def sql(statement: str) -> None:
    """Change the database behind the program's back."""
    with closing(sqlite3.connect("data/digest.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_readers_who_leave_or_pause_while_mail_is_being_sent(site: DailyServer, app: App) -> None:
    """They get none any more; the run goes on for the others."""
    ok("refresh", "--now", DUE.isoformat())
    ok("compose", "--now", DUE.isoformat())

    def meddle() -> None:
        with app.database.write() as session:
            second, third = (subscriber_rows.get_subscriber(session, name) for name in NAMES[1:])
            assert second is not None
            assert third is not None
            subscriber_rows.delete_subscriber(session, second)
            subscriber_rows.set_status(session, third, SubscriberStatus.PAUSED, now=DUE)

    channel = MeddlingChannel(Path("data/outbox").absolute(), meddle)
    line = Line(lambda: channel, idempotent=True)
    assert app.deliverer().deliver(line, Moment(DUE, pinned=True))["sent"] == 1
    assert recipients() == [NAMES[0]]


def test_a_reader_who_leaves_while_issues_are_composed(site: DailyServer, app: App) -> None:
    """The others get theirs."""
    ok("refresh", "--now", DUE.isoformat())
    composer = app.composer()
    draft = type(composer).draft

    def meddling(*words: object, **named: object) -> object:
        drafts = draft(*words, **named)  # type: ignore[arg-type]
        with app.database.write() as session:
            second = subscriber_rows.get_subscriber(session, NAMES[1])
            if second is not None:
                subscriber_rows.delete_subscriber(session, second)
        return drafts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(composer), "draft", meddling)
        assert composer.compose(Moment(DUE, pinned=True)) == {"issues": 2, "empty": 0, "skipped": 1}


def test_one_address_that_cannot_be_mailed_is_refused_and_no_more(site: DailyServer) -> None:
    """The readers after it get their mail."""
    ok("refresh", "--now", DUE.isoformat())
    ok("compose", "--now", DUE.isoformat())
    for table, column in (("deliveries", "recipient"), ("subscribers", "email_key")):
        sql(f"UPDATE {table} SET {column} = '{'x' * 70}@example.org' WHERE {column} = '{NAMES[1]}'")
    ran = run("deliver", "--now", DUE.isoformat(), "--json")
    assert (ran.code, ran.json["sent"], ran.json["refused"]) == (1, 2, 1)
    assert recipients() == [NAMES[0], NAMES[2]]


def test_a_pause_between_composing_and_sending_costs_no_paper(site: DailyServer) -> None:
    """The mail waits for the reader, as long as it is not too old."""
    ok("refresh", "--now", DUE.isoformat())
    ok("compose", "--now", DUE.isoformat())
    ok("subscriber", "pause", NAMES[0])
    assert ok("deliver", "--now", DUE.isoformat(), "--json").json["sent"] == 2
    ok("subscriber", "activate", NAMES[0])
    assert ok("deliver", "--now", "2026-01-12T12:00:00Z", "--json").json["sent"] == 1


def test_a_pause_ends_on_the_readers_own_date(site: DailyServer) -> None:
    """Neither a day early in the west nor a day late in the east."""
    for name, zone in (("west@example.org", "America/Los_Angeles"), ("east@example.org", "Pacific/Auckland")):
        ok("subscriber", "add", name, "--active", "--zone", zone, "--now", "2026-01-01T00:00:00Z")
        ok("subscriber", "pause", name, "--until", "2026-01-13")
    for name in NAMES:
        ok("subscriber", "remove", name)
    ok("refresh", "--now", DUE.isoformat())
    # In Auckland it is the 13th at nine, in Los Angeles still the 12th at noon.
    assert ok("compose", "--now", "2026-01-12T20:00:00Z", "--json").json == {
        "issues": 1,
        "empty": 0,
        "skipped": 0,
    }
    assert ok("compose", "--now", "2026-01-13T16:00:00Z", "--json").json["issues"] == 1


def test_what_may_have_arrived_is_not_sent_again_in_a_later_digest(site: DailyServer) -> None:
    """A run killed while sending, and nobody looks for a day: its papers count as received."""
    ok("refresh", "--now", DUE.isoformat())
    ok("compose", "--now", DUE.isoformat())
    sql("UPDATE deliveries SET status = 'sending', attempts = 1, data_at = planned_at")
    later = "2026-01-13T09:00:00Z"
    assert ok("deliver", "--now", later, "--json").json["expired"] == 3
    assert ok("why", NAMES[0], "--date", MONDAY, "--now", later, "--json").json["cause"] == "uncertain"
    ok("compose", "--now", later)
    ok("deliver", "--now", later)
    assert [abs_ids(body(mail, "plain")) for mail in mails()] == []


def test_feeds_that_cannot_be_written_keep_no_mail_back(site: DailyServer) -> None:
    """The run says so and exits 1; the mail leaves."""
    Path("data").mkdir(exist_ok=True)
    Path("data/feeds").write_text("a file where the folder should be")
    ran = run("run", "--now", DUE.isoformat(), "--json")
    assert ran.code == 1
    assert "feed" in ran.json["compose"]["error"]
    assert ran.json["deliver"]["sent"] == 3


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a model"])
def test_a_damaged_model_is_fitted_again(site: DailyServer, damage: bytes) -> None:
    """It costs a fit, not a digest."""
    ok("run", "--now", DUE.isoformat())
    models = list(Path("data/models").iterdir())
    assert len(models) == 2
    for path in models:
        path.write_bytes(damage)
    site.days["2026-01-13"] = [item(9, votes=9)]
    assert ok("run", "--now", "2026-01-13T09:00:00Z", "--json").json["deliver"]["sent"] == 3


def test_a_day_alone_is_known_to_readers_everywhere(site: DailyServer) -> None:
    """Where the day ends first and where it ends last, the same papers with their votes."""
    for name in NAMES:
        ok("subscriber", "remove", name)
    for zone in ("Pacific/Kiritimati", "Asia/Tokyo", "UTC", "Pacific/Pago_Pago"):
        ok("subscriber", "add", f"{zone.split('/')[-1]}@example.org", "--active", "--zone", zone)
    assert ok("run", "--date", MONDAY, "--json").json["deliver"]["sent"] == 4
    ids = [abs_ids(body(mail, "plain")) for mail in mails()]
    assert ids[0] == ids[1] == ids[2] == ids[3] != []
    assert all("4 votes" in body(mail, "plain") for mail in mails())


def test_a_second_look_at_the_same_moment_keeps_the_newer_counts(site: DailyServer) -> None:
    """Reading a day alone twice gives the same time twice; the votes read last count."""
    ok("refresh", "--date", MONDAY)
    site.days[MONDAY] = [item(number, votes=100 * number) for number in (1, 2, 3, 4)]
    assert ok("refresh", "--date", MONDAY, "--json").json["sources"][0]["modified"] == 4
    assert {row["votes"] for row in ok("papers", "list", "--json").json} == {100, 200, 300, 400}


def test_a_day_to_come_is_refused_and_uses_up_nothing(site: DailyServer) -> None:
    """Neither with the clock as it is nor with one that was set."""
    for command in ("refresh", "compose", "run"):
        ran = run(command, "--date", "2999-01-01")
        assert ran.code == 2
        assert "future" in ran.err
    early = ok("compose", "--now", "2026-01-12T05:00:00Z", "--date", MONDAY, "--json").json
    assert early == {"issues": 0, "empty": 0, "skipped": 3}
    assert ok("why", NAMES[0], "--now", "2026-01-12T05:00:00Z", "--json").json["cause"] == "not_due_yet"


def test_papers_a_reader_has_judged_are_not_recommended(site: DailyServer) -> None:
    """Seen is seen, whatever else was said."""
    ok("refresh", "--now", DUE.isoformat())
    for number, kind in ((1, "seen"), (2, "less"), (3, "more")):
        ok("feedback", "add", NAMES[0], f"2601.{90000 + number}", kind)
    shown = ok("preview", NAMES[0], "--now", DUE.isoformat(), "--format", "json").json
    ids = [paper["arxiv_id"] for section in shown["sections"] for paper in section["papers"]]
    assert ids == ["2601.90004"]


def test_a_list_longer_than_we_read_is_partial(site: DailyServer) -> None:
    """What came is filed; that more was there is said."""
    site.days[MONDAY] = [item(number, votes=1) for number in range(59)]
    site.page_cap = 1
    row = ok("refresh", "--date", MONDAY, "--json").json["sources"][0]
    assert (row["verdict"], row["new"]) == ("partial", row["entries"])
    assert row["entries"] < 59
    assert "pages" in row["error"]


@pytest.mark.parametrize("name", ["a b", "a%20b", "what?x=1", "#1", "naïve"])
def test_any_folder_holds_its_own_data(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Signs that mean something in an address mean nothing in a folder's name."""
    monkeypatch.setenv("DIGEST_DATA_DIR", str(tmp_path / "data" / name))
    ok("subscriber", "add", "reader@example.org")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [name]
    assert (tmp_path / "data" / name / "digest.db").is_file()


def test_looking_does_not_wait_for_who_writes(site: DailyServer) -> None:
    """While another process holds the write lock, what only reads answers."""
    with closing(sqlite3.connect("data/digest.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert "3 active" in run("status").out
        assert ok("why", NAMES[0], "--now", DUE.isoformat()).out
        writer.execute("ROLLBACK")


def test_a_lost_database_is_told_and_takes_no_feed_along(site: DailyServer) -> None:
    """The private feeds of readers nobody knows any more are not ours to delete."""
    ok("run", "--now", DUE.isoformat())
    feeds = {path.name for path in Path("data/feeds").iterdir()}
    for path in Path("data").glob("digest.db*"):
        path.unlink()
    ran = ok("run", "--now", DUE.isoformat())
    assert "no digest.db" in ran.err
    assert {path.name for path in Path("data/feeds").iterdir()} == feeds


def test_a_pipe_is_no_page(site: DailyServer) -> None:
    """It is told, not waited for."""
    os.mkfifo("pipe")
    ran = run("import", "pipe", "--json")
    assert ran.code == 1
    assert "no file" in ran.json["errors"][0]["error"]


def test_a_key_that_is_a_folder_is_told(site: DailyServer) -> None:
    """One sentence, exit 2."""
    Path("data/secret.key").mkdir()
    ran = run("deliver", "--now", DUE.isoformat())
    assert ran.code == 2
    assert "secret.key" in ran.err
    assert "Traceback" not in ran.err


def test_an_interest_is_plain_text(site: DailyServer) -> None:
    """Signs that turn the direction of what follows do not reach the mail."""
    ok("interest", "add", NAMES[0], "--name", "ev\u202eil", "--keyword", "in\u202evented")
    (row,) = ok("interest", "list", NAMES[0], "--json").json
    assert (row["name"], row["keywords"]) == ("evil", ["invented"])
