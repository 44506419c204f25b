"""The dead man's switch: pinged after each run, as it went, and never in its way."""

import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.app import make_app
from digest.checking import read_settings
from digest.pipeline.arming import Restored, mark_restored
from digest.storage import runs as run_rows
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.loopback import LoopbackServer, answer, redirect

DAY = "2026-01-12"
NOW = f"{DAY}T08:00:00Z"
SECRET = "0e4b7f3a-invented-9d1c"


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """A site that is read and, after that, settings that a test adds ``ping_url`` to."""
    days = {DAY: [item(number, votes=10 * number) for number in range(1, 4)]}
    with serving(DailyServer(days, page_cap=50)) as made:
        Path("digest.toml").write_text(
            f'data_dir = "{Path.cwd() / "data"}"\n'
            f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{made.url}"\nallow_private = true\n'
        )
        yield made


def watch(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    """Let that server be the one that is pinged; its address is a secret."""
    monkeypatch.setenv("DIGEST_PING_URL", f"http://127.0.0.1:{server.port}/{SECRET}")


def pinged(server: LoopbackServer) -> list[str]:
    """What was asked for, in order."""
    return [request.split(b" ")[1].decode() for request in server.requests]


def test_a_good_run_pings_and_a_bad_one_says_that_it_failed(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By GET, and no robots.txt is asked for: it is an address for programs."""
    with LoopbackServer(answer(200, b"OK")) as server:
        watch(monkeypatch, server)
        ok("run", "--now", NOW)
        site.broken = {DAY}
        assert run("run", "--date", DAY, "--now", NOW).code == 1
        assert all(request.startswith(b"GET ") for request in server.requests)
    assert pinged(server) == [f"/{SECRET}", f"/{SECRET}/fail"]


@pytest.mark.parametrize("part", ["backup_dir", "bounce_mailbox"])
def test_well_is_what_the_exit_code_says(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """With the work of the night and the mailbox: each time what is to be read or written is no folder."""
    made = make_app(read_settings())
    with closing(made.database), made.database.write() as session:
        run_rows.start_run(session, "refresh", datetime.now(UTC) - timedelta(days=3))
    Path("full").write_text("no folder")
    monkeypatch.setenv(f"DIGEST_{part.upper()}", "full")
    with LoopbackServer(answer(200, b"OK")) as server:
        watch(monkeypatch, server)
        assert run("run").code == 1
    assert pinged(server) == [f"/{SECRET}/fail"]


def test_commands_that_are_no_run_ping_nobody(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackServer(answer(200, b"OK")) as server:
        watch(monkeypatch, server)
        ok("refresh", "--now", NOW)
        ok("run", "--dry-run", "--now", NOW)
        run("status")
    assert pinged(server) == []


def test_a_run_that_found_another_at_work_says_nothing(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one will."""
    from digest.locks import use_case_lock

    with LoopbackServer(answer(200, b"OK")) as server:
        watch(monkeypatch, server)
        with use_case_lock(Path("data").absolute(), "deliver"):
            ok("run", "--now", NOW)
    assert pinged(server) == []


def test_a_copy_that_does_not_mail_pings_nobody(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its failure would be taken for that of the machine it was copied from."""
    mark_restored(Path("data").absolute(), Restored("a backup", None))
    with LoopbackServer(answer(200, b"OK")) as server:
        watch(monkeypatch, server)
        assert run("run", "--now", NOW).code == 1
    assert pinged(server) == []


@pytest.mark.parametrize(
    ("given", "is_told"),
    [
        (answer(200, b"OK"), False),
        (answer(204), False),
        (answer(404, b"no such check"), True),
        (redirect("http://192.0.2.1/elsewhere"), True),
        (b"nonsense\r\n\r\n", True),
    ],
)
def test_no_answer_fails_a_run(
    site: DailyServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    given: bytes,
    is_told: bool,
) -> None:
    """It is logged, without the address."""
    from digest.runs import ping

    with LoopbackServer(given) as server:
        watch(monkeypatch, server)
        app = make_app(read_settings())
        with caplog.at_level(logging.WARNING):
            ping(app, ok=True)
        app.database.close()
    told = [record.getMessage() for record in caplog.records if record.name == "digest.pipeline.pinging"]
    assert len(told) == int(is_told)
    assert SECRET not in "".join(told)


@pytest.mark.parametrize("url", ["not an address", "ftp://example.org/x", "https://example.org/x?a=b"])
def test_an_address_that_is_none_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A ? would end up before /fail."""
    monkeypatch.setenv("DIGEST_PING_URL", f"{url}{SECRET}")
    ran = run("status")
    assert ran.code == 2
    assert "DIGEST_PING_URL" in ran.err
    assert SECRET not in ran.err
