"""Publishing: a run in which nothing came reads nobody's issues, and no feed is left behind for that."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digest.app import App, make_app
from digest.checking import read_settings
from digest.errors import StorageError
from digest.models import Issue
from digest.pipeline.moment import Moment
from digest.pipeline.readers import remove_subscriber
from digest.storage import issues as issue_rows
from digest.storage import subscribers as subscriber_rows
from digest.types import IssueStatus, SubscriberStatus
from tests.cli_runner import ok
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_papers,
    add_reader,
    make_entry,
    make_recommendation,
    make_view,
)
from tests.test_main_job import configure

READERS = 3
KINDS = 3
MOMENT = Moment(NOW + HOUR)


@pytest.fixture
def app() -> Iterator[App]:
    """Three readers with an issue each, and nothing published yet."""
    configure("http://127.0.0.1:9")
    app = make_app(read_settings())
    with app.database.write() as session:
        add_papers(session, [make_entry(number) for number in (1, 2)])
        for number in range(READERS):
            add_reader(session, f"reader{number}@example.org")
    for number in range(1, READERS + 1):
        add_issue(app, number)
    yield app
    app.database.close()


def add_issue(app: App, subscription: int, paper: int = 1, *, late: timedelta = timedelta()) -> int:
    """Store an issue with that paper, of a day of its own; ``late``: how long ago it says it was made."""
    issue = Issue(
        subscription_id=subscription,
        local_date=TODAY + paper * DAY,
        status=IssueStatus.COMPOSED,
        composed_at=NOW - late,
        expires_at=NOW + DAY,
    )
    new = issue_rows.NewIssue(issue, [make_recommendation(paper, 1)], {paper: make_view(paper)})
    with app.database.write() as session:
        return issue_rows.add_issues(session, [new])[0]


def token(app: App, number: int) -> str:
    with app.database.read() as session:
        return subscriber_rows.list_subscribers(session)[number].feed_token


def items(app: App, number: int) -> int:
    """How many papers a reader's feed shows."""
    return len(json.loads((app.feeds_dir / f"{token(app, number)}.json").read_text())["items"])


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The issues that were read, a list for each feed."""
    seen: list[list[int]] = []
    load = issue_rows.load_issue_views

    def watched(session, ids, *more):  # type: ignore[no-untyped-def]
        seen.append(list(ids))
        return load(session, ids, *more)

    monkeypatch.setattr(issue_rows, "load_issue_views", watched)
    return seen


def test_a_run_in_which_nothing_came_reads_no_issue(app: App, loaded: list[list[int]]) -> None:
    app.publisher().write_changed(MOMENT)
    assert len(loaded) == READERS
    counts = app.publisher().write_changed(Moment(MOMENT.now + HOUR))
    assert counts == {"written": 0, "unchanged": (READERS + 1) * KINDS, "removed": 0}
    assert len(loaded) == READERS


@pytest.mark.parametrize("late", [timedelta(), timedelta(days=300)])
def test_only_the_reader_who_got_something_is_written(
    app: App, loaded: list[list[int]], late: timedelta
) -> None:
    """An issue that was asked for a day long gone says that it was made then, and is seen all the same."""
    app.publisher().write_changed(MOMENT)
    loaded.clear()
    new = add_issue(app, 2, paper=2, late=late)
    assert app.publisher().write_changed(MOMENT)["written"] == KINDS
    assert [new in ids for ids in loaded] == [True]
    assert [items(app, number) for number in range(READERS)] == [1, 2, 1]


def test_an_issue_that_was_too_old_to_send_leaves_the_feed(app: App) -> None:
    app.publisher().write_changed(MOMENT)
    with app.database.write() as session:
        issue = issue_rows.get_issue(session, 1, TODAY + DAY)
        assert issue is not None
        issue.status = IssueStatus.EXPIRED
    app.publisher().write_changed(MOMENT)
    assert [items(app, number) for number in range(READERS)] == [0, 1, 1]


def test_a_missing_file_is_written_again(app: App, loaded: list[list[int]]) -> None:
    app.publisher().write_changed(MOMENT)
    loaded.clear()
    gone = app.feeds_dir / f"{token(app, 1)}.rss"
    gone.unlink()
    assert app.publisher().write_changed(MOMENT)["written"] == 1
    assert gone.exists()
    assert len(loaded) == 1


def test_settings_that_every_feed_shows_write_all_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.publisher().write_changed(MOMENT)
    monkeypatch.setenv("DIGEST_BASE_URL", "https://digest.example.org")
    other = App(read_settings(), app.database)
    assert other.publisher().write_changed(MOMENT)["written"] == (READERS + 1) * KINDS


@pytest.mark.parametrize("days", [9, -9])
def test_all_is_looked_at_again_within_days_and_by_another_clock(
    app: App, loaded: list[list[int]], days: int
) -> None:
    app.publisher().write_changed(MOMENT)
    loaded.clear()
    app.publisher().write_changed(Moment(MOMENT.now + days * DAY))
    assert len(loaded) == READERS


def test_feeds_of_who_left_are_removed(app: App) -> None:
    app.publisher().write_changed(MOMENT)
    with app.database.write() as session:
        reader = subscriber_rows.list_subscribers(session)[0]
        subscriber_rows.set_status(session, reader, SubscriberStatus.UNSUBSCRIBED, now=NOW)
    assert app.publisher().write_changed(MOMENT)["removed"] == KINDS
    assert not list(app.feeds_dir.glob(f"{token(app, 0)}.*"))
    assert app.publisher().write_changed(MOMENT)["removed"] == 0


def test_feeds_of_who_was_deleted_meanwhile_are_removed(app: App) -> None:
    """A run that was writing puts them there again; what is called otherwise is somebody else's."""
    app.publisher().write_changed(MOMENT)
    gone = token(app, 0)
    remove_subscriber(app.database, "reader0@example.org", app.feeds_dir)
    assert not list(app.feeds_dir.glob(f"{gone}.*"))
    for name in (f"{gone}.rss", "index.html", "mine.rss", f"{gone}.txt"):
        (app.feeds_dir / name).write_text("x")
    assert app.publisher().write_changed(MOMENT)["removed"] == 1
    assert not (app.feeds_dir / f"{gone}.rss").exists()
    left = {one.name for one in app.feeds_dir.iterdir()}
    assert {"index.html", "mine.rss", f"{gone}.txt", "trending.rss", f"{token(app, 0)}.rss"} <= left


def test_a_reader_whose_feeds_cannot_be_deleted_stays(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody would know any more whose they are; the sentence says which file it is."""
    app.publisher().write_changed(MOMENT)

    def unlink(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(StorageError, match=rf"{token(app, 0)}\.rss cannot be deleted: Permission denied"):
            remove_subscriber(app.database, "reader0@example.org", app.feeds_dir)
    assert len(list(app.feeds_dir.glob(f"{token(app, 0)}.*"))) == KINDS
    remove_subscriber(app.database, "reader0@example.org", app.feeds_dir)


@pytest.mark.parametrize("text", ["", "[]", '{"settings": 1}', '{"since": "x"}'])
def test_a_record_that_cannot_be_read_costs_time_only(app: App, loaded: list[list[int]], text: str) -> None:
    app.publisher().write_changed(MOMENT)
    loaded.clear()
    Path("data/published.json").write_text(text)
    assert app.publisher().write_changed(MOMENT)["written"] == 0
    assert len(loaded) == READERS


def test_the_record_is_not_among_the_feeds(app: App) -> None:
    """It names all feeds, whose names are their readers' secrets."""
    app.publisher().write_changed(MOMENT)
    assert len(list(app.feeds_dir.iterdir())) == (READERS + 1) * KINDS
    assert Path("data/published.json").stat().st_mode & 0o777 == 0o600


def test_the_command_writes_everything_unless_compose_is_at_it(app: App, loaded: list[list[int]]) -> None:
    """Older feeds must not overtake newer ones."""
    app.publisher().write_changed(MOMENT)
    loaded.clear()
    now = f"{MOMENT.now:%Y-%m-%dT%H:%M:%SZ}"
    assert ok("feeds", "write", "--now", now, "--json").json["unchanged"] == (READERS + 1) * KINDS
    assert len(loaded) == READERS
    with app.lock("compose"):
        assert ok("feeds", "write", "--json").json == {"locked": True}
