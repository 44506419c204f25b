"""The demonstration: the real pipeline over five invented days tells the story, once and not twice."""

import hashlib
import io
import mailbox
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import feedparser
import pytest
from rich.console import Console

from digest.demo.plan import load_plan
from digest.demo.program import make_demo_app
from digest.demo.readers import READERS
from digest.demo.run import DemoResult, run_demo
from digest.demo.site import DemoSite
from digest.errors import UsageError
from digest.types import Verdict

MON, TUE, WED, THU, FRI = (date(2026, 1, day) for day in range(12, 17))
EMAILS = [reader.email for reader in READERS]
RETURNING = next(paper.arxiv_id for paper in load_plan().papers if len(paper.listed) > 1)


@dataclass(frozen=True)
class Story:
    """Two runs in one folder: what they returned and said, and the folder after each."""

    first: DemoResult
    second: DemoResult
    after_first: Mapping[str, str]
    after_second: Mapping[str, str]
    said: str
    said_again: str

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The answer of the database as it was left."""
        return ask(self.first.data_dir, query, *values)


def ask(data_dir: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(data_dir / "digest.db")
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def snapshot(data_dir: Path) -> dict[str, str]:
    """Every file with its content's hash, the database table by table as its rows."""
    state = {
        str(path.relative_to(data_dir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data_dir.rglob("*"))
        if path.is_file() and not path.name.startswith("digest.db")
    }
    connection = sqlite3.connect(data_dir / "digest.db")
    try:
        for line in connection.iterdump():
            table = " ".join(line.split(None, 3)[:3])
            state[table] = hashlib.sha256((state.get(table, "") + line).encode()).hexdigest()
    finally:
        connection.close()
    return state


def run(data_dir: Path) -> tuple[DemoResult, str]:
    out = io.StringIO()
    result = run_demo(
        data_dir,
        progress=Console(file=io.StringIO()),
        console=Console(file=out, width=200, color_system=None),
    )
    return result, out.getvalue()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    data_dir = tmp_path_factory.mktemp("a folder") / "demo data"
    first, said = run(data_dir)
    after_first = snapshot(data_dir)
    second, said_again = run(data_dir)
    return Story(first, second, after_first, snapshot(data_dir), said, said_again)


@pytest.fixture(scope="module")
def mails(story: Story) -> list[EmailMessage]:
    box = mailbox.Maildir(story.first.outbox, create=False)
    try:
        return [message_from_bytes(box.get_bytes(key), policy=policy.default) for key in sorted(box.keys())]
    finally:
        box.close()


def listed(story: Story, email: str) -> list[tuple[str, str, str]]:
    """(local date, arXiv id, section) of all that a reader was recommended, in order."""
    return [
        (row[0], row[1], row[2])
        for row in story.rows(
            """select i.local_date, p.arxiv_id, r.section from recommendations r
               join issues i on i.id = r.issue_id join papers p on p.id = r.paper_id
               join subscriptions s on s.id = i.subscription_id join subscribers u on u.id = s.subscriber_id
               where u.email = ? order by i.local_date, r.position""",
            email,
        )
    ]


# --- twice -----------------------------------------------------------------------------------------


def test_a_second_run_changes_nothing(story: Story) -> None:
    """Every row of the database and every file, mails and feeds included, is as it was."""
    assert story.after_second == story.after_first
    assert len(story.after_first) > 50


def test_a_second_run_mails_nobody(story: Story) -> None:
    """And says so; its table is the first one's."""
    assert story.first.sent > 0
    assert (story.second.steps, story.second.sent) == (0, 0)
    assert "nothing was changed" in story.said_again
    assert story.second.rows == story.first.rows


def test_everything_once_more_at_the_end_finds_nothing_to_do(story: Story) -> None:
    """Composing, delivering and publishing again are real, and come to nothing in both runs."""
    for result in (story.first, story.second):
        assert set(result.again.values()) == {0}


def test_the_sites_port_is_not_stored(story: Story) -> None:
    """The port differs between runs, so nothing may depend on it."""
    connection = sqlite3.connect(story.first.data_dir / "digest.db")
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert "papers.example.org" in dump
    assert "127.0.0.1" not in dump
    for file in [*story.first.feeds.iterdir(), *(story.first.outbox / "new").iterdir()]:
        assert b"127.0.0.1" not in file.read_bytes()


def test_an_interrupted_run_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    """A run that broke off in the middle of a day goes on from there to the same end."""
    import digest.demo.run as module

    original = module.run_deliver
    calls = 0

    def breaks(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(module, "run_deliver", breaks)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "demo")
    monkeypatch.setattr(module, "run_deliver", original)
    result, _ = run(tmp_path / "demo")
    assert result.rows == story.first.rows
    tables = ("papers", "observations", "checks", "issues", "recommendations", "deliveries", "runs")
    for table in tables:
        query = f"select count(*) from {table}"
        assert ask(result.data_dir, query) == story.rows(query)
    assert len(list((result.outbox / "new").iterdir())) == len(list((story.first.outbox / "new").iterdir()))


# --- the story -------------------------------------------------------------------------------------


def test_new_papers_of_each_day(story: Story) -> None:
    """Monday 13 in the morning; on Tuesday the two that joined Monday; on Wednesday Tuesday's and its own."""
    assert {row.day: row.new for row in story.first.rows} == {MON: 13, TUE: 2, WED: 30, THU: 0, FRI: 15}
    assert story.rows("select count(*) from papers") == [(60,)]


def test_the_late_days_papers_arrive_on_the_next_day(story: Story) -> None:
    """Tuesday's list was empty on Tuesday; its 14 papers were first seen on Wednesday."""
    tuesday = {row.day: row for row in story.first.rows}[TUE]
    assert (tuesday.verdict, tuesday.came_on) == (Verdict.EMPTY, WED)
    assert "late, its papers came on Wed 14 Jan" in tuesday.explanation
    seen = story.rows(
        """select min(e.first_seen_at) from entries e where e.listed_on = '2026-01-13' group by e.paper_id"""
    )
    assert len(seen) == 14
    assert {when[:10] for (when,) in seen} == {"2026-01-14"}
    tuesdays = {paper.arxiv_id for paper in load_plan().papers if paper.listed[0] == TUE}
    mailed = {paper for email in EMAILS for day, paper, _ in listed(story, email) if day == str(WED)}
    assert mailed & tuesdays


def test_the_empty_day_is_explained(story: Story) -> None:
    """Thursday brought nothing; who got nothing is told why in a sentence."""
    thursday = {row.day: row for row in story.first.rows}[THU]
    assert (thursday.new, thursday.verdict, thursday.came_on) == (0, Verdict.EMPTY, None)
    assert "list was empty: nothing came later" in thursday.explanation
    assert thursday.quiet
    for email, sentence in thursday.quiet:
        assert email in EMAILS
        assert len(sentence.split()) > 4
        assert sentence[:40] in story.said


def test_the_outage_is_bridged_by_the_page(story: Story) -> None:
    """On Wednesday only HTML was read, on the other days only JSON, and the checks are all good."""
    kinds = story.rows("select distinct date(fetched_at), content_type from pages order by 1")
    assert {day: kind.split(";")[0] for day, kind in kinds} == {
        str(day): "text/html" if day == WED else "application/json" for day in (MON, TUE, WED, THU, FRI)
    }
    verdicts = {verdict for (verdict,) in story.rows("select distinct verdict from checks")}
    assert verdicts <= {"fresh", "unchanged", "empty"}


def test_reading_by_page_and_by_api_files_the_same_papers(story: Story) -> None:
    """What was first read by the one way and then by the other is not seen as rewritten."""
    from digest.text import plain

    stored = {row[0]: row[1:] for row in story.rows("select arxiv_id, title, abstract from papers")}
    for paper in load_plan().papers:
        assert stored[paper.arxiv_id] == (plain(paper.title), plain(paper.abstract))


def test_the_returning_paper_is_one_paper_and_mailed_once(story: Story) -> None:
    """It is stored once with two days; who had it on Monday does not get it again on Friday, another does."""
    days = story.rows(
        """select e.listed_on from entries e join papers p on p.id = e.paper_id
           where p.arxiv_id = ? order by 1""",
        RETURNING,
    )
    assert days == [(str(MON),), (str(FRI),)]
    times = {email: [day for day, paper, _ in listed(story, email) if paper == RETURNING] for email in EMAILS}
    assert all(len(days) <= 1 for days in times.values())
    assert times["retrieval@example.org"] == [str(MON)]
    assert [str(FRI)] in times.values()


def test_nobody_is_mailed_a_paper_twice(story: Story) -> None:
    """Over all five days."""
    for email in EMAILS:
        counts = Counter(paper for _, paper, _ in listed(story, email))
        assert set(counts.values()) == {1}


def test_something_rises(story: Story) -> None:
    """At least one paper is shown as rising, and it is one whose votes really grew."""
    assert sum(row.rising for row in story.first.rows) >= 1
    votes = {paper.arxiv_id: paper.votes for paper in load_plan().papers}
    for email in EMAILS:
        for _, paper, section in listed(story, email):
            if section == "Rising":
                assert votes[paper][-1] > votes[paper][0]


def test_readers_get_digests_that_differ(story: Story) -> None:
    """Each reader's first digest begins with a paper of their own field, and no two are alike."""
    firsts = {email: [paper for day, paper, _ in listed(story, email) if day == str(MON)] for email in EMAILS}
    assert len({tuple(papers) for papers in firsts.values()}) == len(EMAILS)
    titles = {paper.arxiv_id: paper.title for paper in load_plan().papers}
    words = {
        "retrieval@example.org": ("Retrieval", "RAG", "Rerank"),
        "segmentation@example.org": ("Segmentation", "Point Cloud"),
        "speech@example.org": ("Speech",),
    }
    for email, papers in firsts.items():
        assert any(word in titles[papers[0]] for word in words[email]), titles[papers[0]]


def test_followed_authors_come_first(story: Story) -> None:
    """Each reader has a Following section, and only the followed author's papers are in it."""
    authors = {paper.arxiv_id: paper.authors for paper in load_plan().papers}
    for reader in READERS:
        followed = set(reader.interests[0][1].authors)
        papers = [paper for _, paper, section in listed(story, reader.email) if section == "Following"]
        assert papers
        assert all(followed & set(authors[paper]) for paper in papers)


# --- what lies there afterwards --------------------------------------------------------------------


def test_each_mail_is_whole_and_addressed_to_its_reader(story: Story, mails: list[EmailMessage]) -> None:
    """As many mails as the table says, to the three readers, each with a text and an HTML part."""
    assert len(mails) == story.first.sent == sum(row.mailed for row in story.first.rows)
    assert {str(mail["To"]) for mail in mails} == set(EMAILS)
    for mail in mails:
        assert mail.get_body(("plain",)) is not None
        assert mail.get_body(("html",)) is not None


def test_feeds_are_published(story: Story) -> None:
    """The trending list and each reader's private list, three formats each, all well formed."""
    files = sorted(story.first.feeds.iterdir())
    assert len(files) == 3 * (1 + len(EMAILS))
    for file in files:
        if file.suffix != ".json":
            parsed = feedparser.parse(file.read_bytes())
            assert not parsed.bozo
            assert parsed.entries


def test_the_result_is_told(story: Story) -> None:
    """The table has a line per day; the places and one command are printed whole."""
    for row in story.first.rows:
        assert f"{row.day:%a} {row.day.day} {row.day:%b}" in story.said
    for text in (str(story.first.outbox), str(story.first.feeds), story.first.command):
        assert text in story.said
    assert "'" in story.first.command


def test_the_demonstration_is_quick(story: Story) -> None:
    """Well below the 20 seconds that it may take."""
    assert story.first.seconds < 20
    assert story.second.seconds < 10


# --- keeping apart from real data ------------------------------------------------------------------


def test_settings_from_outside_do_not_reach_the_demonstration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a mail server nor a database of the operator's is used."""
    monkeypatch.setenv("DIGEST_SMTP_URL", "smtps://user:secret@mail.example.org")
    monkeypatch.setenv("DIGEST_MAIL_FROM", "someone@example.org")
    monkeypatch.setenv("DIGEST_DATABASE_URL", "sqlite:////nowhere/real.db")
    monkeypatch.setenv("DIGEST_DATA_DIR", "/nowhere")
    (tmp_path / ".env").write_text("DIGEST_BASE_URL=https://digest.example.org\n", encoding="utf-8")
    with DemoSite() as site:
        app = make_demo_app(tmp_path / "demo", site)
        app.database.close()
    settings = app.settings
    assert (settings.smtp_url, settings.mail_from, settings.database_url, settings.base_url) == (None,) * 4
    assert settings.data_dir == tmp_path / "demo"


def test_a_folder_with_real_data_is_left_alone(tmp_path: Path) -> None:
    """A database that the demonstration did not make is not touched."""
    (tmp_path / "digest.db").write_bytes(b"somebody's")
    with DemoSite() as site, pytest.raises(UsageError, match="another folder"):
        make_demo_app(tmp_path, site)
    assert [path.name for path in tmp_path.iterdir()] == ["digest.db"]
    assert (tmp_path / "digest.db").read_bytes() == b"somebody's"


def test_two_runs_at_once_are_told(tmp_path: Path) -> None:
    """A folder in which another run holds a lock gives one clear sentence, and no half-told story."""
    from digest.locks import use_case_lock

    tmp_path.joinpath("demo").mkdir()
    with use_case_lock(tmp_path / "demo", "compose"), pytest.raises(UsageError, match="another run"):
        run(tmp_path / "demo")
