"""How things stand, for a person: one screen that says what happened, what is due, what is wrong."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from digest.models import Source
from digest.pipeline.status import look_at_status
from digest.storage import runs as run_rows
from digest.storage.database import Database
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.storage_rows import DAY, HOUR, NOW, TODAY, add_issue, add_reader, add_source, make_delivery

pytest_plugins = ("tests.storage_fixtures",)

DATE = "2026-01-12"


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """A site with a day of five papers, settings that read it, and a reader."""
    days = {DATE: [item(number, votes=10 * number) for number in range(1, 6)]}
    with serving(DailyServer(days, page_cap=50)) as made:
        Path("digest.toml").write_text(
            f'data_dir = "{Path.cwd() / "data"}"\n'
            f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{made.url}"\nallow_private = true\n'
        )
        ok("subscriber", "add", "ada@example.org", "--active", "--now", f"{DATE}T00:00:00Z")
        yield made


def test_after_a_good_day_nothing_is_wrong(site: DailyServer) -> None:
    """What happened, what is due, and exit code 0."""
    ok("run", "--now", f"{DATE}T08:00:00Z")
    lines = ok("status", "--now", f"{DATE}T09:00:00Z").out.splitlines()
    assert lines[0] == "What happened since 2026-01-11 09:00 UTC"
    assert "  refresh: last 2026-01-12 08:00 UTC, fine" in lines
    assert "  source hf: fresh at 2026-01-12 08:00 UTC" in lines
    assert "  papers: 5 new, 5 in all" in lines
    assert "  issues: 1 composed; their mail: 1 sent" in lines
    assert "  digests: 2026-01-13 07:00 UTC for 1 reader" in lines
    assert "  mail: none" in lines
    assert lines[-1] == "Nothing is wrong"
    assert len(lines) <= 24


def test_what_is_wrong_comes_with_what_to_do_and_exit_code_1(site: DailyServer) -> None:
    site.broken = {DATE}
    run("run", "--date", DATE, "--now", f"{DATE}T08:00:00Z")
    ran = run("status", "--now", f"{DATE}T09:00:00Z")
    assert ran.code == 1
    assert "What is wrong, and what to do" in ran.out
    wrong = ran.out.partition("What is wrong")[2]
    assert "Hugging Face" in wrong
    assert "→ " in wrong
    assert run("status", "--json", "--now", f"{DATE}T09:00:00Z").code == 1


def test_a_service_that_does_not_run_is_wrong(site: DailyServer) -> None:
    """Two days on nobody has read anything, and somebody waits."""
    ok("run", "--now", f"{DATE}T08:00:00Z")
    ran = run("status", "--now", "2026-01-14T12:00:00Z")
    assert ran.code == 1
    assert "Nothing was composed for 2 days." in ran.out
    assert "digest run is called" in ran.out


def test_json_has_what_it_had_and_more(site: DailyServer) -> None:
    """Programs that read it before read it still."""
    ok("run", "--now", f"{DATE}T08:00:00Z")
    told = ok("status", "--json", "--now", f"{DATE}T09:00:00Z").json
    before = {
        "papers", "subscribers", "sources", "enrichers", "deliveries", "bounced", "complained", "runs",
    }  # fmt: skip
    assert before <= set(told)
    assert told["runs"]["deliver"]["outcome"]["sent"] == 1
    assert told["ok"] is True
    assert told["wrong"] == []
    assert told["last_day"]["issues"] == {"composed": 1}
    assert told["last_day"]["runs"]["compose"] == {"runs": 1, "failed": 0}
    assert told["due"]["digests"][0] == {"at": "2026-01-13T07:00:00+00:00", "readers": 1}
    assert told["due"]["mails"] == {}


def test_no_reader_is_named(site: DailyServer) -> None:
    ok("run", "--now", f"{DATE}T08:00:00Z")
    assert "@" not in ok("status", "--now", f"{DATE}T09:00:00Z").out


def configured(*names: str) -> Any:
    kind = SimpleNamespace(kind="huggingface")
    return [
        SimpleNamespace(name=name, kind=kind, url="https://x.example", every_minutes=60) for name in names
    ]


def test_it_stays_one_screen_with_many_sources_and_troubles(database: Database) -> None:
    """What fails comes first, and what is left out is counted."""
    names = [f"site-{number:02}" for number in range(30)]
    with database.write() as s:
        for number, name in enumerate(names):
            row = s.get_one(Source, add_source(s, name))
            row.last_checked_at, row.last_verdict = NOW - HOUR, "fresh" if number < 20 else "broken"
            row.failures_in_row = 0 if number < 20 else 4
            row.last_error = None if number < 20 else "words " * 200
            s.add(row)
    lines = look_at_status(database, configured(*names), NOW).lines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 500
    shown = [line for line in lines if line.startswith("  source ")]
    assert [line.split()[1] for line in shown] == [f"{name}:" for name in names[20:]]
    assert "  and 20 more sources (digest sources list)" in lines
    assert "  and 4 more (digest status --json)" in lines


def test_waiting_mail_and_runs_that_never_ended_are_told(database: Database) -> None:
    with database.write() as s:
        _, subscription = add_reader(s)
        waiting = make_delivery("<1@x>", planned_at=NOW - 3 * HOUR)
        add_issue(s, subscription, TODAY, delivery=waiting)
        run_rows.start_run(s, "refresh", NOW - 3 * HOUR)
        for name in ("compose", "deliver"):
            number = run_rows.start_run(s, name, NOW - HOUR)
            run_rows.finish_run(s, number, ok=False, outcome={"error": "no answer"}, now=NOW - HOUR)
    status = look_at_status(database, configured("hf"), NOW)
    text = "\n".join(status.lines())
    assert not status.ok
    assert "refresh: last 2026-08-03 03:30 UTC, not ended" in text
    assert "compose: last 2026-08-03 05:30 UTC, not all well" in text
    assert "mail: 1 planned, the oldest since 2026-08-03 03:30 UTC" in text
    assert "The last refresh began and never ended." in text
    assert "The last compose failed: no answer." in text


@pytest.mark.parametrize("use_case", ["backup", "prune", "fit", "bounces"])
def test_work_of_the_night_that_failed_is_told_for_a_day(database: Database, use_case: str) -> None:
    """It is tried again before; what nobody tries any more, as after a setting was changed, is history."""
    with database.write() as s:
        number = run_rows.start_run(s, use_case, NOW - HOUR)
        run_rows.finish_run(s, number, ok=False, outcome={"error": "no room"}, now=NOW - HOUR)
    status = look_at_status(database, configured(), NOW)
    assert not status.ok
    assert f"  {use_case}: last 2026-08-03 05:30 UTC, not all well" in status.lines()
    assert f"  The last {use_case} failed: no room." in status.lines()
    assert status.as_dict()["last_day"]["runs"] == {use_case: {"runs": 1, "failed": 1}}
    assert look_at_status(database, configured(), NOW + 2 * DAY).ok


def test_a_run_that_is_recorded_for_a_time_to_come_hides_nothing(database: Database) -> None:
    """As after a clock that was ahead, or a command with --now."""
    with database.write() as s:
        add_reader(s)
        for name in ("refresh", "compose"):
            for at in (NOW - 3 * DAY, NOW + 1000 * DAY):
                number = run_rows.start_run(s, name, at)
                run_rows.finish_run(s, number, ok=True, outcome={}, now=at)
    status = look_at_status(database, configured("hf"), NOW)
    assert "  compose: last 2026-07-31 06:30 UTC, fine" in status.lines()
    assert "  Nothing was composed for 3 days." in status.lines()
    assert status.as_dict()["runs"]["refresh"]["started_at"] == (NOW - 3 * DAY).isoformat()


def test_an_empty_installation_says_how_to_begin(database: Database) -> None:
    """Nothing is wrong with it."""
    status = look_at_status(database, configured("hf"), NOW + DAY)
    assert status.ok
    assert "  nothing ran yet (digest run)" in status.lines()
    assert "  source hf: not read yet (digest refresh)" in status.lines()
    assert any(
        line.startswith(f"  readers: none in {database.place}: digest init") for line in status.lines()
    )


def test_who_looks_into_the_wrong_place_is_told_which_it_is(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DIGEST_DATA_DIR was forgotten: nobody is served from there, and each command says so."""
    monkeypatch.setenv("DIGEST_DATA_DIR", str(Path("elsewhere").absolute()))
    place = str(Path("elsewhere/digest.db").absolute())
    assert f"compose: nobody is served from {place} now" in ok("run", "--now", f"{DATE}T08:00:00Z").out
    listed = ok("subscriber", "list")
    assert listed.out == ""
    assert f"no reader in {place}" in listed.err
    assert f"readers: none in {place}" in ok("status", "--now", f"{DATE}T09:00:00Z").out
    monkeypatch.delenv("DIGEST_DATA_DIR")
    assert "compose: 1 issues" in ok("run", "--now", f"{DATE}T08:00:00Z").out
    assert ok("subscriber", "list").err == ""
