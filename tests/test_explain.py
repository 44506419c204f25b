"""``digest why`` end to end: each cause is reached by doing what leads to it, and named."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.smtp_server import SmtpServer
from tests.test_main_job import configure

READER = "reader@example.org"
MONDAY, SATURDAY = "2026-01-12", "2026-01-17"


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """Three papers on one Monday; nothing on other days."""
    with serving(DailyServer({MONDAY: [item(number, votes=number) for number in (1, 2, 3)]})) as server:
        configure(server.url)
        yield server


def subscribe(*more: str) -> None:
    """A reader from before all days of these tests, served at eight, UTC."""
    ok("subscriber", "add", READER, "--hour", "8", "--now", "2026-01-01T00:00:00Z", *more)


def why(*words: str) -> dict[str, Any]:
    """The answer as JSON."""
    answer = ok("why", READER, *words, "--json").json
    assert answer["sentence"].endswith((".", "!"))
    assert answer["sentence"].count("\n") == 0
    found: dict[str, Any] = answer
    return found


def test_it_was_sent(site: DailyServer) -> None:
    """A digest that went out is named with its time and number of papers."""
    subscribe("--active")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    answer = why("--now", f"{MONDAY}T10:00:00Z")
    assert answer["cause"] == "sent"
    assert "3 papers" in answer["sentence"]


def test_not_due_yet(site: DailyServer) -> None:
    """Before the reader's hour."""
    subscribe("--active")
    assert why("--now", f"{MONDAY}T07:00:00Z")["cause"] == "not_due_yet"


def test_unconfirmed_and_paused(site: DailyServer) -> None:
    """The reader's own standing comes first."""
    subscribe()
    assert why("--now", f"{MONDAY}T09:00:00Z")["cause"] == "unconfirmed"
    ok("subscriber", "activate", READER)
    ok("subscriber", "pause", READER, "--until", "2026-02-01")
    answer = why("--now", f"{MONDAY}T09:00:00Z")
    assert answer["cause"] == "paused"
    assert "1 February" in answer["sentence"]
    assert ok("compose", "--now", f"{MONDAY}T09:00:00Z", "--json").json["issues"] == 0
    ok("refresh", "--date", MONDAY)
    assert ok("compose", "--date", "2026-02-01", "--json").json["skipped"] == 0


def test_not_on_this_day(site: DailyServer) -> None:
    """A weekday subscription on a Saturday."""
    subscribe("--active", "--cadence", "weekdays")
    assert why("--now", f"{SATURDAY}T09:00:00Z")["cause"] == "not_on_this_day"
    assert ok("compose", "--now", f"{SATURDAY}T09:00:00Z", "--json").json["skipped"] == 1


def test_the_scheduler_did_not_run(site: DailyServer) -> None:
    """Due, nothing composed, no run recorded."""
    subscribe("--active")
    assert why("--now", f"{MONDAY}T12:00:00Z")["cause"] == "scheduler_did_not_run"
    assert why("--now", "2026-01-14T07:00:00Z", "--date", MONDAY)["cause"] == "scheduler_did_not_run"


def test_a_weekend_without_papers(site: DailyServer) -> None:
    """Read, and legitimately empty."""
    site.days.clear()
    subscribe("--active")
    ok("run", "--now", f"{SATURDAY}T09:00:00Z")
    assert why("--now", f"{SATURDAY}T10:00:00Z")["cause"] == "no_new_papers_weekend"


def test_a_day_that_is_listed_late(site: DailyServer) -> None:
    """A weekday whose list was still empty when read; its papers come next time."""
    site.days.clear()
    subscribe("--active")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    assert why("--now", f"{MONDAY}T10:00:00Z")["cause"] == "source_late"
    site.days[MONDAY] = [item(number, votes=number) for number in (1, 2)]
    assert ok("run", "--now", "2026-01-13T09:00:00Z", "--json").json["deliver"]["sent"] == 1


def test_all_sent_before(site: DailyServer) -> None:
    """A list of what was on the two days before."""
    subscribe("--active")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    site.days["2026-01-13"] = [item(number, votes=5) for number in range(50, 53)]
    ok("run", "--now", "2026-01-13T09:00:00Z")
    site.days["2026-01-14"] = site.days[MONDAY][:3] + site.days["2026-01-13"]
    ok("run", "--now", "2026-01-14T09:00:00Z")
    assert why("--now", "2026-01-14T10:00:00Z")["cause"] == "all_sent_before"


def test_the_same_list_again_is_the_sources_fault(site: DailyServer) -> None:
    """It still shows the day before."""
    subscribe("--active")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    site.days["2026-01-13"] = site.days[MONDAY]
    ok("run", "--now", "2026-01-13T09:00:00Z")
    assert why("--now", "2026-01-13T10:00:00Z")["cause"] == "source_stale"


def test_nothing_above_the_threshold(site: DailyServer) -> None:
    """Taste only, and nothing to the reader's taste."""
    configure(site.url, "trend_weight = 0.0")
    subscribe("--active")
    ok("interest", "add", READER, "--name", "beetles", "--keyword", "carabid beetles")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    assert why("--now", f"{MONDAY}T10:00:00Z")["cause"] == "nothing_above_threshold"


def test_an_empty_day_is_named_though_older_papers_are_left_over(site: DailyServer) -> None:
    """What was passed over on Monday does not explain Tuesday; that Tuesday lists nothing does."""
    configure(site.url, "trend_weight = 0.0")
    subscribe("--active")
    ok("interest", "add", READER, "--name", "beetles", "--keyword", "carabid beetles")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    ok("run", "--now", "2026-01-13T09:00:00Z")
    assert why("--now", "2026-01-13T10:00:00Z")["cause"] == "source_late"


def test_a_source_that_is_down(site: DailyServer) -> None:
    """Unreachable, said with the source's name."""
    site.broken = {f"2026-01-{day:02d}" for day in range(10, 20)}
    subscribe("--active")
    assert run("run", "--now", f"{MONDAY}T09:00:00Z").code == 1
    answer = why("--now", f"{MONDAY}T10:00:00Z")
    assert answer["cause"] == "source_unreachable"
    assert "Hugging Face" in answer["sentence"]


def test_composed_but_not_sent_and_then_expired(site: DailyServer) -> None:
    """Waiting for the sender; too late, it is skipped, and its papers are free again."""
    subscribe("--active")
    ok("refresh", "--now", f"{MONDAY}T08:30:00Z")
    ok("compose", "--now", f"{MONDAY}T09:00:00Z")
    assert why("--now", f"{MONDAY}T10:00:00Z")["cause"] == "waiting_to_be_sent"
    assert ok("deliver", "--now", "2026-01-13T07:00:00Z", "--json").json["expired"] == 1
    assert not Path("data/outbox/new").exists() or not list(Path("data/outbox/new").iterdir())
    assert why("--now", "2026-01-13T07:30:00Z", "--date", MONDAY)["cause"] == "expired"
    assert ok("compose", "--now", "2026-01-13T09:00:00Z", "--json").json["issues"] == 1


def test_three_silent_days_then_two_lines(site: DailyServer) -> None:
    """After three days without anything to say, the two lines come by themselves."""
    site.days.clear()
    subscribe("--active")
    sent = []
    for day in range(12, 17):
        ok("refresh", "--now", f"2026-01-{day}T08:30:00Z")
        ok("compose", "--now", f"2026-01-{day}T09:00:00Z")
        sent.append(ok("deliver", "--now", f"2026-01-{day}T09:05:00Z", "--json").json["sent"])
    assert sent == [0, 0, 0, 1, 0]


def test_a_mail_server_that_refuses_the_reader(site: DailyServer) -> None:
    """The server's own words are in the answer, and the run exits 1."""
    with SmtpServer({"RCPT": ["550 5.1.1 no such person here"]}) as server:
        configure(site.url, f'smtp_url = "smtp://127.0.0.1:{server.port}"\nmail_from = "d@example.org"')
        subscribe("--active")
        ran = run("run", "--now", f"{MONDAY}T09:00:00Z", "--json")
    assert (ran.code, ran.json["deliver"]["refused"]) == (1, 1)
    answer = why("--now", f"{MONDAY}T10:00:00Z")
    assert answer["cause"] == "refused"
    assert "no such person here" in answer["sentence"]


def test_days_that_were_slept_through_and_the_digest_that_looks_back_on_them(site: DailyServer) -> None:
    """The missed day names the runs around it, the next digest how many of its papers are from then."""
    site.days["2026-01-14"] = [item(number, votes=number) for number in (11, 12)]
    site.days["2026-01-15"] = [item(number, votes=number) for number in (21, 22)]
    subscribe("--active")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    ok("run", "--now", "2026-01-15T09:00:00Z")
    missed = why("--now", "2026-01-15T10:00:00Z", "--date", "2026-01-14")
    assert missed["cause"] == "scheduler_did_not_run"
    assert (
        "between Monday 12 January 2026 at 09:00 and Thursday 15 January 2026 at 09:00" in missed["sentence"]
    )
    answer = why("--now", "2026-01-15T10:00:00Z")
    assert answer["cause"] == "sent"
    assert "4 papers, 2 of them from days before that had no digest" in answer["sentence"]


def test_a_pause_that_is_over_is_still_the_reason_for_its_days(site: DailyServer) -> None:
    """Long after, when the reader's standing says nothing of it any more."""
    subscribe("--active")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    ok("subscriber", "pause", READER, "--until", "2026-01-15")
    for day in (13, 14, 15):
        ok("compose", "--now", f"2026-01-{day}T09:00:00Z")
    ok("subscriber", "activate", READER)
    assert why("--now", "2026-01-16T10:00:00Z", "--date", "2026-01-14")["cause"] == "paused"


def test_a_day_that_was_skipped_is_previewed_as_it_would_be(site: DailyServer) -> None:
    """Its row is a mark, no issue that was composed; its papers came with the next day's."""
    subscribe("--active")
    ok("refresh", "--now", f"{MONDAY}T08:30:00Z")
    ok("compose", "--now", "2026-01-13T09:00:00Z")
    assert why("--now", "2026-01-13T10:00:00Z", "--date", MONDAY)["cause"] == "scheduler_did_not_run"
    words = ("preview", READER, "--date", MONDAY, "--now", "2026-01-13T10:00:00Z", "--format")
    shown = ok(*words, "json")
    assert shown.json["stored"] is False
    assert "as it was composed" not in shown.err
    assert shown.json["reason"].startswith("All 3 papers")


def test_what_was_looked_at_is_said_once(site: DailyServer) -> None:
    """A digest without papers says why, and at its foot what was looked at: mail and feed alike."""
    site.days.clear()
    configure(site.url, 'when_empty = "mail"')
    subscribe("--active")
    ok("refresh", "--now", "2026-01-12T08:30:00Z")
    ok("compose", "--now", "2026-01-12T09:00:00Z")
    words = ("preview", READER, "--now", "2026-01-12T09:30:00Z", "--format")
    coverage = ok(*words, "json").json["coverage"]
    feed = ok("subscriber", "show", READER, "--json").json["feeds"]["json"]
    (told,) = json.loads(Path(feed).read_text())["items"]
    shown = [ok(*words, "html").out, ok(*words, "text").out, told["content_html"], told["content_text"]]
    assert [" ".join(text.split()).count(coverage) for text in shown] == [1, 1, 1, 1]


@pytest.mark.parametrize("command", [("deliver",), ("mail", "test", READER)])
def test_broken_sending_is_told_in_json_too(site: DailyServer, command: tuple[str, ...]) -> None:
    """Who reads the output of ``--json`` reads JSON, whatever went wrong; else it is a sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]  # nobody listens there once this is closed
    configure(site.url, f'smtp_url = "smtp://127.0.0.1:{port}"\nmail_from = "d@example.org"')
    subscribe("--active")
    ok("refresh", "--now", f"{MONDAY}T08:30:00Z")
    ok("compose", "--now", f"{MONDAY}T09:00:00Z")
    ran = run(*command, "--now", f"{MONDAY}T09:00:00Z", "--json")
    assert ran.code == 1
    assert ran.json["error"]
    assert ran.err == ""
    plain = run(*command, "--now", f"{MONDAY}T09:00:00Z")
    assert (plain.code, plain.out) == (1, "")
    assert plain.err.startswith("digest: ")


def test_a_sentence_with_a_time_says_in_which_zone(site: DailyServer) -> None:
    subscribe("--active", "--zone", "Europe/Berlin")
    ok("run", "--now", f"{MONDAY}T09:00:00Z")
    told = ok("why", READER, "--now", f"{MONDAY}T10:00:00Z").out
    assert "10:00" in told
    assert told.endswith(" (Times are in Europe/Berlin.)\n")
    ok("subscriber", "pause", READER, "--now", f"{MONDAY}T10:00:00Z")
    assert "Times are" not in ok("why", READER, "--date", "2031-01-06", "--now", f"{MONDAY}T10:00:00Z").out
