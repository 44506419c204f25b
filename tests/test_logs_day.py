"""A whole day's work, and every line it logs: under whose id, with which counts, and naming nobody."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_runner import Ran, ok, run
from tests.daily_server import DailyServer, item, serving

DAY, NEXT = "2026-01-12", "2026-01-13"
READERS = ("ada@example.org", "bo.sample+digest@mail.example.com", "cy@bücher.example")
OPERATOR = "operator@example.net"
SECRETS = ("hunter2-and-more-of-it", "an invented key of 32 bytes or more")


@pytest.fixture
def site() -> Iterator[DailyServer]:
    """A site of one day, three readers, and a server for mail that nobody listens at."""
    days = {
        DAY: [item(number, votes=10 * number) for number in range(1, 6)],
        NEXT: [item(number, votes=10 * number) for number in range(6, 11)],
    }
    with serving(DailyServer(days, page_cap=50)) as made:
        Path("digest.toml").write_text(
            f'data_dir = "{Path.cwd() / "data"}"\n'
            f'operator_address = "{OPERATOR}"\noperator_weekly = "monday"\n'
            f'secret_key = "{SECRETS[1]}"\nmail_from = "digest@example.org"\n'
            f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{made.url}"\nallow_private = true\n'
        )
        for reader in READERS:
            ok("subscriber", "add", reader, "--active", "--now", f"{DAY}T00:00:00Z")
        yield made


def work(monkeypatch: pytest.MonkeyPatch, level: str, form: str) -> list[Ran]:
    """A run that sends, one that finds nothing to do, and one on the next day whose mail server is gone."""
    monkeypatch.setenv("DIGEST_LOG_LEVEL", level)
    monkeypatch.setenv("DIGEST_LOG_FORMAT", form)
    ran = [ok("run", "--now", f"{DAY}T08:00:00Z"), ok("run", "--now", f"{DAY}T08:10:00Z")]
    monkeypatch.setenv("DIGEST_SMTP_URL", f"smtp://digest:{SECRETS[0]}@127.0.0.1:9")
    ran.append(run("run", "--now", f"{NEXT}T08:00:00Z"))
    assert ran[-1].code == 1
    return ran


def lines(ran: Ran) -> list[dict[str, object]]:
    """What was logged, where it is JSON."""
    return [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("level", ["info", "debug"])
@pytest.mark.parametrize("form", ["console", "json"])
def test_no_line_above_debug_names_a_reader_and_none_holds_a_secret(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch, level: str, form: str
) -> None:
    """Nor the operator; in any form, and also where sending fails."""
    for ran in work(monkeypatch, level, form):
        assert "run ended" in ran.err
        above = "\n".join(one for one in ran.err.splitlines() if not re.search(r' DEBUG |"debug"', one))
        assert not re.search(r"[\w.+-]@[\w.-]", above)
        assert not [one for one in (*READERS, OPERATOR) if one in above]
        assert not [one for one in SECRETS if one in ran.err]
        assert not re.findall(r"[a-z2-7]{5,}-[a-z2-7]{26}", ran.err)


def test_one_id_goes_through_a_run_and_each_has_its_own(
    site: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first line to the last, whichever thread wrote it; each step with its counts and its time."""
    first, second, _ = (lines(ran) for ran in work(monkeypatch, "info", "json"))
    ids = [
        {line["run"] for line in told if str(line["logger"]).startswith("digest.")}
        for told in (first, second)
    ]
    assert [len(one) for one in ids] == [1, 1]
    assert ids[0] != ids[1]
    steps = [(line["event"], line["use_case"]) for line in first if line["logger"] == "digest.runs"]
    assert steps == [
        (event, name) for name in ("refresh", "compose", "deliver") for event in ("run began", "run ended")
    ]
    ended = {line["use_case"]: line for line in first if line["event"] == "run ended"}
    assert (ended["refresh"]["new"], ended["refresh"]["failed"], ended["refresh"]["ok"]) == (5, 0, True)
    assert ended["compose"]["issues"] == 3
    assert ended["deliver"]["sent"] == 4  # the operator's mail of the week is one of them
    assert all(isinstance(line["seconds"], float) for line in ended.values())
    assert {line["number"] for line in ended.values()} == {1, 2, 3}


def test_a_run_that_failed_says_so_with_its_error(site: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, last = work(monkeypatch, "info", "json")
    ended = {line["use_case"]: line for line in lines(last) if line["event"] == "run ended"}
    assert ended["deliver"]["ok"] is False


def test_how_long_a_run_took_is_stored(site: DailyServer) -> None:
    """The clock of a run stands still while it runs; its end does not."""
    from contextlib import closing

    from sqlmodel import select

    from digest.app import make_app
    from digest.checking import read_settings
    from digest.models import Run

    ok("run", "--now", f"{DAY}T08:00:00Z")
    with closing(make_app(read_settings()).database) as database, database.read() as session:
        rows = session.exec(select(Run)).all()
    assert rows
    assert all(row.finished_at is not None and row.finished_at > row.started_at for row in rows)
