"""The commands that keep what there is, as a person types them: backup, restore, arm, prune."""

from pathlib import Path

import pytest

from digest import keeping
from digest.app import App, make_app
from digest.config import Settings
from digest.pipeline.moment import Moment
from digest.runs import RunOutcome
from tests.cli_runner import ok, run
from tests.storage_rows import NOW, add_issue, add_papers, add_reader, make_delivery, make_entry

AT = f"--now={NOW.isoformat()}"


def configure(name: str) -> Path:
    """Settings whose data lie in that folder, in which a mail waits to be sent."""
    Path("digest.toml").write_text(f'data_dir = "{Path.cwd() / name}"\n')
    return Path(name)


def fill(folder: Path) -> None:
    app = make_app(Settings(data_dir=folder.absolute()), now=NOW)
    with app.database.write() as s:
        papers = add_papers(s, [make_entry(1)])
        _, subscription = add_reader(s)
        add_issue(s, subscription, paper_ids=papers, delivery=make_delivery("<1@example.org>"))
    app.database.close()


def test_a_backup_is_restored_and_armed() -> None:
    """Every step says what it did and what comes next."""
    fill(configure("first"))
    backup = ok(AT, "backup", "--json").json["backup"]
    configure("second")
    would = ok("restore", backup, "--dry-run", "--json").json
    assert (would["papers"], would["readers"], would["restored"]) == (1, 1, False)
    assert not Path("second").exists()
    assert "it does not mail until you say so: digest arm" in ok("restore", backup).out
    held = run(AT, "deliver")
    assert (held.code, "does not mail" in held.out) == (1, True)
    assert run(AT, "deliver", "--json").json["held"] == 1
    asked = run(AT, "arm")
    assert (asked.code, "--skip-until now" in asked.err) == (2, True)
    assert ok(AT, "arm", "--skip-until", "now").out == "armed: mail is sent again; counted as sent: 1\n"
    assert ok(AT, "deliver", "--json").json["sent"] == 0


def test_a_restore_into_a_full_place_is_a_usage_error() -> None:
    """One sentence, exit code 2."""
    fill(configure("first"))
    backup = ok("backup", "--json").json["backup"]
    ran = run("restore", backup)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "is there already" in ran.err


def test_damaged_pages_are_named() -> None:
    """The rest is restored, and the exit code says that a part is missing."""
    folder = configure("first")
    fill(folder)
    (folder / "pages").mkdir()
    (folder / "pages" / "one.gz").write_bytes(b"a page")
    backup = Path(ok("backup", "--json").json["backup"])
    (backup / "pages" / "one.gz").write_bytes(b"a bage")
    configure("second")
    ran = run("restore", str(backup))
    assert (ran.code, "pages/one.gz is damaged and is left out" in ran.err) == (1, True)


def test_prune_tells_what_would_go_and_what_went() -> None:
    """In words and as numbers; where nothing is too old it says so."""
    fill(configure("first"))
    assert ok(AT, "prune").out == "nothing is too old\n"
    later = "--now=2027-08-03T06:30:00Z"
    told = ok(later, "prune", "--dry-run").out
    assert told.startswith("would go: ")
    assert "1 issues of which the titles stay" in told
    assert ok(later, "prune", "--dry-run", "--json").json["issues_put_away"] == 1


def test_a_compacting_that_finds_another_at_work_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nightly pruning may begin between the two."""
    fill(configure("first"))
    compact = keeping.run_compact

    def late(app: App, moment: Moment) -> RunOutcome:
        with app.lock("prune"):
            return compact(app, moment)

    monkeypatch.setattr(keeping, "run_compact", late)
    ran = ok(AT, "prune", "--compact")
    assert ran.out == "nothing is too old\n"
    assert "was not written anew" in ran.err


def test_compacting_is_told_in_bytes() -> None:
    """It can be asked for at any time."""
    fill(configure("first"))
    assert isinstance(ok(AT, "prune", "--compact", "--json").json["freed"], int)
    assert len(ok("papers", "search", "finding", "--json").json) == 1
