"""The service: its jobs call the use cases, it is alone on its data, and systemd hears how it is."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.app import make_app
from digest.checking import read_settings
from digest.errors import DigestError
from digest.locks import use_case_lock
from digest.notify import Notifier
from digest.runs import RunOutcome
from digest.scheduler import Job, Say
from digest.serving import Service, make_jobs
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.driven import DrivenApp, DrivenClock
from tests.test_main_job import configure

START = datetime(2026, 1, 12, 6, 41, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[DailyServer]:
    """A site with one day of five papers, and settings that read it."""
    with serving(DailyServer({"2026-01-12": [item(number) for number in range(1, 6)]})) as site:
        configure(site.url, "web_port = 0")
        yield site


@dataclass
class Heard(Notifier):
    """Notes what systemd would hear, and asks to be fed."""

    def __init__(self) -> None:
        super().__init__(None, watchdog_s=30)
        self.said: list[str] = []

    def _tell(self, *lines: str) -> None:
        self.said.append(lines[0])


def make_service(clock: DrivenClock, **how: object) -> tuple[Service, DrivenApp]:
    """The service as the settings say; whoever calls closes the database."""
    made = make_app(read_settings())
    app = DrivenApp(made.settings, made.database, clock=clock)
    service = Service(app, clock=clock, **how)  # type: ignore[arg-type]
    clock.scheduler = service.scheduler
    return service, app


def test_a_reader_is_served_at_their_hour_and_once(server: DailyServer) -> None:
    """Read at once, composed and sent at seven; the site is not asked again before it is due."""
    ok("--now", "2026-01-12T06:00:00Z", "subscriber", "add", "ada@example.org", "--active")
    clock = DrivenClock(START, START + 100 * MINUTE)
    service, app = make_service(clock, with_web=False)
    with closing(app.database):
        assert service.run()
    row = ok("deliveries", "list", "--json").json["deliveries"]
    assert [(one["status"], one["local_date"]) for one in row] == [("sent", "2026-01-12")]
    assert len(list(Path("data/outbox/new").iterdir())) == 1
    sent_at = datetime.fromisoformat(row[0]["sent_at"])
    assert timedelta(0) <= sent_at - datetime(2026, 1, 12, 7, tzinfo=UTC) < MINUTE
    assert sum("p=0" in path and "2026-01-12" in path for path in server.asked) == 1


def test_each_source_is_read_by_its_own_interval(server: DailyServer) -> None:
    configure(server.url, "")
    Path("digest.toml").write_text(Path("digest.toml").read_text() + 'every = "45m"\n')
    clock = DrivenClock(START, START + 100 * MINUTE)
    service, app = make_service(clock, with_web=False)
    asked: list[timedelta] = []
    answer = server.answer
    server.answer = lambda path, query: (  # type: ignore[method-assign]
        asked.append(clock.now() - START) or answer(path, query)  # type: ignore[func-returns-value]
    )
    with closing(app.database):
        assert service.run()
    assert sorted(set(asked)) == [0 * MINUTE, 45 * MINUTE, 90 * MINUTE]


def test_one_that_fails_is_tried_again_before_long_and_not_all_the_time(server: DailyServer) -> None:
    server.broken = {f"2026-01-{day}" for day in range(10, 13)}
    clock = DrivenClock(START, START + 100 * MINUTE)
    service, app = make_service(clock, with_web=False)
    asked: set[timedelta] = set()
    answer = server.answer
    server.answer = lambda path, query: (  # type: ignore[method-assign]
        asked.add(clock.now() - START) or answer(path, query)  # type: ignore[func-returns-value]
    )
    with closing(app.database):
        assert service.run()
    assert sorted(asked) == [0 * MINUTE, 30 * MINUTE, 60 * MINUTE]


def test_a_bug_in_composing_keeps_no_mail_back(
    server: DailyServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was composed before is sent, who watches is told, and the traceback is logged once."""
    told: list[bool] = []
    sent: list[str] = []

    def break_down(*_: object, **__: object) -> None:
        raise KeyError("no such thing")

    def send(*_: object, **__: object) -> RunOutcome:
        sent.append("deliver")
        return RunOutcome()

    monkeypatch.setattr("digest.serving.run_compose", break_down)
    monkeypatch.setattr("digest.serving.run_deliver", send)
    monkeypatch.setattr("digest.serving.ping", lambda _, *, ok: told.append(ok))
    made = make_app(read_settings())
    with closing(made.database):
        (tick,) = [job for job in make_jobs(made) if job.name == "tick"]
        tick.call(lambda _: None)
        tick.call(lambda _: None)
    assert (sent, told) == (["deliver"] * 2, [False] * 2)
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.getMessage() == "compose: KeyError('no such thing')"


# --- what whoever watches from outside is told ---


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Each ping, by whether it says that all is well."""
    pings: list[bool] = []
    monkeypatch.setattr("digest.serving.ping", lambda _, *, ok: pings.append(ok))
    return pings


def serve_until(clock: DrivenClock) -> None:
    service, app = make_service(clock, with_web=False)
    with closing(app.database):
        assert service.run()


def test_each_round_tells_that_all_is_well(server: DailyServer, told: list[bool]) -> None:
    serve_until(DrivenClock(START, START + 12 * MINUTE))
    assert told == [True] * 3


@pytest.mark.parametrize("use_case", ["compose", "deliver"])
def test_a_round_that_found_another_at_work_tells_nothing(
    server: DailyServer, told: list[bool], use_case: str
) -> None:
    """That one may hang, and then nobody tells: that is when whoever watches speaks."""
    (Path.cwd() / "data").mkdir()
    with use_case_lock(Path.cwd() / "data", use_case) as mine:
        assert mine
        serve_until(DrivenClock(START, START + 12 * MINUTE))
    assert told == []


def test_a_source_that_is_not_read_is_told_until_it_is(server: DailyServer, told: list[bool]) -> None:
    """By whichever process it was tried last, so that starting again makes nothing well."""
    server.broken = {f"2026-01-{day}" for day in range(10, 13)}
    assert run("refresh", "--now", START.isoformat()).code == 1
    clock = DrivenClock(START + MINUTE, START + 50 * MINUTE)
    clock.moved = lambda when: server.broken.clear() if when > START + 20 * MINUTE else None
    serve_until(clock)
    assert told[:4] == [False] * 4
    assert told[-2:] == [True] * 2


def test_a_night_that_failed_is_told_all_day(server: DailyServer, told: list[bool]) -> None:
    """Here the folder of backups is a file."""
    Path("full").write_text("no folder")
    configure(server.url, 'backup_dir = "full"')
    ok("run", "--now", (START - timedelta(days=1)).isoformat())
    serve_until(DrivenClock(START, START + 22 * MINUTE))
    assert len(told) == 5
    assert told[-3:] == [False] * 3


def test_the_mailbox_is_read_where_one_is_set(server: DailyServer) -> None:
    made = make_app(read_settings())
    with closing(made.database):
        assert {job.name: job.lane for job in make_jobs(made)} == {
            name: name for name in ("refresh", "tick", "nightly")
        }
    configure(server.url, 'bounce_mailbox = "mail"')
    made = make_app(read_settings())
    with closing(made.database):
        assert [job.every for job in make_jobs(made) if job.name == "bounces"] == [10 * MINUTE]


def test_a_second_service_on_the_same_data_is_refused_in_a_sentence(server: DailyServer) -> None:
    with use_case_lock(Path.cwd() / "data", "serve") as mine:
        assert mine
        ran = run("serve")
    assert ran.code == 1
    assert ran.err.startswith("digest: another digest serve is at work on ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_clock_that_stands_still_is_refused(
    server: DailyServer, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """By it all would be too old to keep, and nothing would ever come due."""
    ok("run", "--now", "2026-01-12T08:00:00Z")
    late = "2030-01-02T03:30:00Z"
    if by == "environment":
        monkeypatch.setenv("DIGEST_NOW", late)
    monkeypatch.setattr("digest.serving.Scheduler.run", lambda _: pytest.fail("it works"))
    ran = run("serve", "--no-web", *(["--now", late] if by == "option" else []))
    assert ran.code == 2
    assert "DIGEST_NOW" in ran.err
    assert "digest run" in ran.err
    assert ran.err.count("\n") == 1


def test_a_port_that_is_taken_is_told_in_a_sentence_and_the_data_are_free_again(server: DailyServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configure(server.url, f"web_port = {taken.getsockname()[1]}")
        ran = run("serve")
    assert ran.code == 1
    assert "cannot listen on 127.0.0.1 port" in ran.err
    assert ran.err.count("\n") == 1
    with use_case_lock(Path.cwd() / "data", "serve") as mine:
        assert mine


def test_settings_that_are_wrong_are_told_at_once(server: DailyServer) -> None:
    configure(server.url, 'web_port = 70000\nzone = "Nowhere"')
    ran = run("serve")
    assert ran.code == 2
    assert "web_port" in ran.err
    assert "Nowhere" in ran.err or "zone" in ran.err
    assert "Traceback" not in ran.err


def test_systemd_hears_of_the_web_and_the_work_in_order(server: DailyServer) -> None:
    """READY when pages are answered; fed while it works; STOPPING before the end."""
    heard = Heard()
    addresses: list[str] = []
    codes: list[int] = []
    clock = DrivenClock(START, START + 2 * MINUTE)

    def look(_: datetime) -> None:
        if not codes:
            assert "READY=1" in heard.said
            address = addresses[0].split()[-1]
            with urllib.request.urlopen(f"{address}healthz", timeout=10) as answer:
                codes.append(answer.status)

    clock.moved = look
    service, app = make_service(clock, notifier=heard, say=addresses.append)
    with closing(app.database):
        assert service.run()
    assert codes == [200]
    assert heard.said[:2] == ["WATCHDOG=1", "READY=1"]
    assert heard.said[-1] == "STOPPING=1"
    # Three times within its period at the least.
    assert heard.said.count("WATCHDOG=1") >= 2 * 60 / (30 / 3)


def test_a_job_that_hangs_starves_the_watchdog_and_is_told_once(
    server: DailyServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Then the service manager starts us again."""
    over = threading.Event()

    def hang(_: Say) -> None:
        over.wait(20)

    job = Job("tick", hang, MINUTE, "tick", patience=timedelta(0))
    monkeypatch.setattr("digest.serving.make_jobs", lambda *_: [job])
    heard = Heard()
    clock = DrivenClock(START, START + 5 * MINUTE, is_busy=lambda: False)
    service, app = make_service(clock, with_web=False, notifier=heard)

    def moved(when: datetime) -> None:
        if when >= clock.until:
            over.set()

    clock.moved = moved
    with closing(app.database):
        assert service.run()
    assert heard.said.count("WATCHDOG=1") <= 1  # the job may not have begun when the loop first came round
    assert "STATUS=tick hangs" in heard.said
    told = [record for record in caplog.records if "it hangs" in record.getMessage()]
    assert len(told) == 1


def test_a_web_that_ends_by_itself_ends_the_service(server: DailyServer) -> None:
    """With an error, so that it is started again."""
    clock = DrivenClock(START, START + 60 * MINUTE)
    service, app = make_service(clock)

    def moved(_: datetime) -> None:
        assert service._web is not None
        service._web.stop()
        service._web.join(10)

    clock.moved = moved
    with closing(app.database), pytest.raises(DigestError, match="the web ended by itself"):
        service.run()
    assert clock.now() < clock.until


def test_without_a_web_nothing_listens(server: DailyServer) -> None:
    said: list[str] = []
    clock = DrivenClock(START, START + MINUTE)
    service, app = make_service(clock, with_web=False, say=said.append)
    with closing(app.database):
        assert service.run()
    assert said == ["digest: at work; stop with Ctrl-C"]


def test_two_services_in_one_process_are_refused_too(server: DailyServer) -> None:
    clock = DrivenClock(START, START + MINUTE)
    service, app = make_service(clock, with_web=False)
    with (
        closing(app.database),
        use_case_lock(app.data_dir, "serve"),
        pytest.raises(DigestError, match="another digest serve"),
    ):
        service.run()
