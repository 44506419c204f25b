"""The whole job on real pages: what was captured, served again on loopback and read by the command line."""

import json
from collections import Counter
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.cli_runner import ok
from tests.daily_server import DailyServer, serving

SEEDS = ["000_9c0b945c61084039.txt", "001_7a5f3204ee6361bf.txt", "003_4346cb10870ad5dd.txt"]


def _days(shared: Path, *names: str) -> dict[str, list[dict[str, Any]]]:
    folder = shared / "pages" / "huggingface" / "daily"
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in names}


def _configure(url: str) -> None:
    Path("digest.toml").write_text(
        f'data_dir = "{Path.cwd() / "data"}"\n'
        f'[[source]]\nname = "huggingface"\nkind = "huggingface"\nurl = "{url}"\nallow_private = true\n'
    )


def _mails() -> list[bytes]:
    return [path.read_bytes() for path in sorted(Path("data/outbox/new").iterdir())]


def test_seed_pages_give_what_their_readme_says(shared: Path) -> None:
    """73, 75 and 264 entries; 73, 72 and 258 new papers; again nothing new; two of one title stay two."""
    Path("digest.toml").write_text(f'data_dir = "{Path.cwd() / "data"}"\n')
    files = [str(shared / "pages" / "seeds" / name) for name in SEEDS]
    results = [ok("import", file, "--json").json for file in files]
    assert [row["entries"] for row in results] == [73, 75, 264]
    assert [row["new"] for row in results] == [73, 72, 258]
    assert results[-1]["papers"] == 403
    again = ok("import", *files, "--json").json
    assert (again["new"], again["modified"], again["papers"]) == (0, 0, 403)
    assert again["unchanged"] == again["entries"] == 412
    title = "Fully Convolutional Networks for Semantic Segmentation"
    found = [row for row in ok("papers", "search", title, "--json").json if row["title"] == title]
    assert len(found) == 2


def test_twelve_real_days_each_give_their_file_and_nobody_is_mailed_a_paper_twice(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Day by day: all papers of the file, a second pass unchanged, and no paper in two mails."""
    weekdays = [date(2026, 8, 3) + timedelta(days=ahead) for ahead in range(16)]
    names = [f"{day}" for day in weekdays if day.weekday() < 5]
    days = _days(shared, *names)
    with serving(DailyServer(days)) as server:
        _configure(server.url)
        ok("subscriber", "add", "reader@example.org", "--active")
        ok("interest", "add", "reader@example.org", "--name", "agents", "--keyword", "agents")
        ok("subscriber", "add", "plain@example.org", "--active")
        for name in names:
            row = ok("refresh", "--date", name, "--json").json["sources"][0]
            assert row["entries"] == len(days[name]), name
            again = ok("refresh", "--date", name, "--json").json["sources"][0]
            assert (again["verdict"], again["new"], again["modified"]) == ("unchanged", 0, 0), name
            assert ok("compose", "--date", name, "--json").json == {"issues": 2, "empty": 0, "skipped": 0}
            assert ok("deliver", "--json").json["sent"] == 2
    links: Counter[tuple[str, str]] = Counter()
    for raw in _mails():
        message = message_from_bytes(raw, policy=policy.default)
        text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        ids = {word for word in text.split() if "arxiv.org/abs/" in word}
        assert ids
        links.update((str(message["To"]), one) for one in ids)
    assert max(links.values()) == 1


def test_trap_no_captured_day_raises_an_alarm(shared: Path) -> None:
    """Days of one and two papers among others, days of exactly fifty, days of many shapes."""
    names = sorted(path.stem for path in (shared / "pages" / "huggingface" / "daily").glob("*.json"))
    days = _days(shared, *names)
    with serving(DailyServer(days, page_cap=50)) as server:
        _configure(server.url)
        rows = {name: ok("refresh", "--date", name, "--json").json["sources"][0] for name in names}
    assert {name: row["verdict"] for name, row in rows.items()} == dict.fromkeys(names, "fresh")
    assert [rows[name]["entries"] for name in ("2025-07-07", "2026-07-15", "2025-09-30")] == [1, 2, 50]


def test_a_paper_that_comes_back_is_new_once(shared: Path) -> None:
    """2604.07429 is listed on 2026-04-10 and again on 2026-04-16."""
    days = _days(shared, "2026-04-10", "2026-04-16")
    with serving(DailyServer(days)) as server:
        _configure(server.url)
        rows = ok("refresh", "--since", "2026-04-10", "--until", "2026-04-16", "--json").json["sources"]
    verdicts = {row["date"]: row["verdict"] for row in rows}
    assert len(rows) == 7
    assert verdicts["2026-04-10"] == verdicts["2026-04-16"] == "fresh"
    assert verdicts["2026-04-11"] == "empty"
    new = {row["date"]: row["new"] for row in rows}
    assert new["2026-04-10"] == len(days["2026-04-10"])
    assert new["2026-04-16"] == len(days["2026-04-16"]) - 1
    assert len(ok("papers", "search", "2604.07429", "--json").json) >= 1


def test_a_complete_page_gives_the_same_papers_through_both_ways(shared: Path) -> None:
    """The HTML page imported whole, and without its data-props: the same thirteen papers."""
    page = (shared / "pages" / "huggingface" / "papers_2024-08-01_daily_full.html").read_text()
    cut = page.replace('data-target="DailyPapers" data-props="', 'data-target="DailyPapers" data-gone="')
    assert cut != page
    Path("whole.html").write_text(page)
    Path("cards.html").write_text(cut)
    Path("digest.toml").write_text(f'data_dir = "{Path.cwd() / "data"}"\n')
    whole = ok("import", "whole.html", "--json").json
    assert (whole["entries"], whole["new"]) == (13, 13)
    cards = ok("import", "cards.html", "--date", "2024-08-01", "--json").json
    assert (cards["entries"], cards["new"], cards["papers"]) == (13, 0, 13)
