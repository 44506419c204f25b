"""The command line: nothing that a person types gives a traceback, and what would be sent can be asked."""

import io
import shutil
import sqlite3
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from digest import __version__
from digest.cli import main
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.test_main_job import configure, mails

READER = "reader@example.org"
DUE = "2026-01-12T09:00:00Z"
READING = (
    ["status"],
    ["compose"],
    ["deliver"],
    ["deliver", "--dry-run"],
    ["feeds", "write"],
    ["preview", READER],
    ["why", READER],
)


@pytest.fixture
def one_due(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Three papers, one reader, one issue composed and not yet sent; the site is gone again.

    Made by the first test, copied for the others.
    """
    made = tmp_path_factory.getbasetemp() / "one-due"
    if not made.is_dir():
        day = [item(number, votes=number, title=f"Übersicht {number} ∇²") for number in (1, 2, 3)]
        with serving(DailyServer({"2026-01-12": day})) as server:
            configure(server.url)
            ok("subscriber", "add", READER, "--active", "--now", "2026-01-01T00:00:00Z")
            ok("refresh", "--now", DUE)
            ok("compose", "--now", DUE)
        shutil.copytree("data", made / "data")
        (made / "url").write_text(server.url)
    else:
        shutil.copytree(made / "data", "data")
        configure((made / "url").read_text())


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--now", "0001-01-01T00:00:00Z"],
        ["status", "--now", "0001-01-01T00:00:00+10:00"],
        ["status", "--now", "9999-12-31T23:59:59-10:00"],
        ["status", "--now", "9999-12-31T23:59:59Z"],
        ["status", "--now", "caf\udce9"],
        ["compose", "--date", "0001-01-01"],
        ["compose", "--date", "9999-12-31"],
        ["why", READER, "--date", "9999-12-31"],
        ["refresh", "--since", "0001-01-01", "--until", "0001-01-02"],
        ["papers", "list", "--since", "0001-01-01"],
        ["papers", "list", "--limit", "99999999999999999999"],
        ["papers", "search", "x", "--limit", "99999999999999999999"],
        ["papers", "search", "caf\udce9"],
        ["papers", "show", "caf\udce9"],
        ["interest", "add", READER, "--name", "caf\udce9", "--keyword", "x"],
        ["interest", "add", READER, "--name", "x", "--keyword", "caf\udce9"],
        ["subscriber", "add", "caf\udce9@example.org"],
        ["subscriber", "pause", READER, "--until", "9999-12-31"],
        ["import", "caf\udce9.html"],
    ],
)
def test_what_is_out_of_reach_is_one_sentence(words: list[str], one_due: None) -> None:
    """Exit 2 and words, never a traceback; the words can be shown everywhere."""
    ran = run(*words)
    assert ran.code == 2
    assert ran.err
    assert "Traceback" not in ran.err
    ran.err.encode()


@pytest.mark.parametrize("now", ["0002-01-01T00:00:00Z", "9998-12-31T23:59:59Z"])
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_the_first_and_the_last_time_that_can_be_set_work(words: list[str], now: str, one_due: None) -> None:
    """A clock may be moved that far; at worst a zone's date is out of reach, in a sentence."""
    fine = (0, 1, 2) if words == ["status"] else (0, 2)  # 1: nothing had run by then
    assert run(*words, "--now", now).code in fine
    assert run(*words, "--date", now[:10]).code in fine


def test_a_narrow_terminal_gets_along(one_due: None) -> None:
    """What its character set lacks is spelt out, the rest stays."""
    raw = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(raw, encoding="latin-1", write_through=True)) as out:
        with pytest.raises(SystemExit):
            main(["papers", "list"])
        out.flush()
    assert "Übersicht 3 \\u2207²" in raw.getvalue().decode("latin-1")


def test_what_would_be_sent_is_listed_and_nothing_changes(one_due: None) -> None:
    """Recipients masked; both commands say the same; then it is sent as ever."""
    with sqlite3.connect("data/digest.db") as connection:
        before = list(connection.iterdump())
    listed = ok("deliver", "--dry-run", "--now", DUE, "--json")
    (row,) = listed.json["waiting"]
    assert (row["recipient"], row["local_date"]) == ("r***@example.org", "2026-01-12")
    assert "Übersicht 3" in row["subject"]
    assert READER not in listed.out
    assert ok("run", "--dry-run", "--now", DUE, "--json").json == listed.json
    assert "1 to send" in ok("run", "--dry-run", "--now", DUE).out
    assert mails() == []
    assert not Path("data/outbox").exists()
    assert list(connection.iterdump()) == before
    connection.close()
    assert ok("deliver", "--now", DUE, "--json").json["sent"] == 1
    assert ok("deliver", "--dry-run", "--now", DUE, "--json").json == {"waiting": []}


def test_what_would_not_be_sent_is_not_listed(one_due: None) -> None:
    """A mail too old, a reader who paused; what a killed run left is."""
    assert ok("deliver", "--dry-run", "--now", "2026-01-20T09:00:00Z", "--json").json["waiting"] == []
    ok("subscriber", "pause", READER)
    assert ok("deliver", "--dry-run", "--now", DUE, "--json").json["waiting"] == []
    ok("subscriber", "activate", READER)
    with sqlite3.connect("data/digest.db") as connection:
        connection.execute("UPDATE deliveries SET status = 'sending'")
    connection.close()
    (row,) = ok("deliver", "--dry-run", "--now", DUE, "--json").json["waiting"]
    assert row["interrupted"]


def test_a_step_that_failed_is_named(one_due: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps after it are told as ever, and the exit code says that not all is well."""
    Path("data/feeds").rename("data/elsewhere")
    Path("data/feeds").write_text("in the way")
    ran = run("run", "--now", "2026-01-12T10:00:00Z")
    assert ran.code == 1
    assert "digest: compose: " in ran.err
    assert "deliver: 1 sent" in ran.out


def test_a_source_that_is_down_is_named_by_run_with_its_cause() -> None:
    """What cron mails says what is wrong, once."""
    Path("digest.toml").write_text(
        f'data_dir = "{Path.cwd() / "data"}"\n[[source]]\nname = "gone"\nkind = "huggingface"\n'
        'url = "http://127.0.0.1:9"\nallow_private = true\n'
    )
    ran = run("run")
    assert ran.code == 1
    (line,) = [line for line in ran.out.splitlines() if line.startswith("gone:")]
    assert "0 of 3 days read" in line
    assert "could not be reached" in line
    assert "not tried" not in ran.out


def test_the_package_runs_as_the_command() -> None:
    words = [sys.executable, "-m", "digest", "--version"]
    found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (found.returncode, found.stdout.strip()) == (0, __version__)
