"""Sources, what each refresh proved of them, and the pages that are kept."""

from datetime import date, datetime

from sqlmodel import Session, select

from digest.models import Check, StoredPage
from digest.storage import runs, sources
from digest.storage.database import Database
from tests.storage_rows import DAY, HOUR, NOW, TODAY, add_source

pytest_plugins = ("tests.storage_fixtures",)


def check(
    s: Session,
    source_id: int,
    verdict: str,
    *,
    at: datetime = NOW,
    day: date = TODAY,
    error: str | None = None,
) -> Check:
    """A stored check."""
    row = Check(source_id=source_id, day=day, checked_at=at, verdict=verdict, error=error)
    sources.add_check(s, row)
    return row


def test_a_source_is_added_once_and_kept_up_to_date(database: Database) -> None:
    """Its name is what it is; kind and address may change."""
    with database.write() as s:
        first = sources.ensure_source(s, "hf", "huggingface", "https://papers.example", NOW)
        other = sources.ensure_source(s, "saved", "saved", "", NOW)
    with database.write() as s:
        again = sources.ensure_source(s, "hf", "huggingface", "https://mirror.example", NOW + DAY)
    with database.read() as s:
        assert [one.name for one in sources.list_sources(s)] == ["hf", "saved"]
        stored = sources.get_source(s, "hf")
        assert sources.get_source(s, "HF") is None
    assert (stored.id, again.id) == (first.id, first.id)
    assert other.id != first.id
    assert (stored.url, stored.created_at) == ("https://mirror.example", NOW)


def test_of_each_source_and_day_the_latest_check_counts(database: Database) -> None:
    """In the span asked for, as known at the time asked for."""
    with database.write() as s:
        one, two = add_source(s), add_source(s, "other", "saved")
        check(s, one, "empty", day=TODAY - 2 * DAY)
        check(s, one, "unreachable")
        check(s, one, "partial")  # in the same moment, but later
        check(s, one, "fresh", at=NOW + HOUR)
        check(s, two, "stale")
        check(s, one, "empty", day=TODAY + DAY, at=NOW + DAY)

    def seen(**asked: datetime) -> list[tuple[str, date, str]]:
        with database.read() as s:
            found = sources.list_checks(s, first_day=TODAY - DAY, last_day=TODAY, **asked)
        return [(source.name, row.day, row.verdict) for source, row in found]

    assert seen() == [("hf", TODAY, "fresh"), ("other", TODAY, "stale")]
    assert seen(until=NOW) == [("hf", TODAY, "partial"), ("other", TODAY, "stale")]
    assert seen(until=NOW - HOUR) == []


def test_when_it_was_last_good_and_since_when_it_fails(database: Database) -> None:
    """ "Not reachable since Thursday" counts from the first failure after the last good check."""
    with database.write() as s:
        source_id = add_source(s)
        assert sources.last_good_check(s, source_id) is None
        assert sources.first_failure_since_good(s, source_id) is None
        early = check(s, source_id, "blocked", at=NOW - DAY)
        good = check(s, source_id, "fresh")
        first = check(s, source_id, "unreachable")  # in the same moment, but later
        check(s, source_id, "broken", at=NOW + HOUR)
        again = check(s, source_id, "unchanged", at=NOW + 2 * HOUR)
        assert sources.last_good_check(s, source_id).id == again.id
        assert sources.first_failure_since_good(s, source_id) is None
        assert sources.last_good_check(s, source_id, until=NOW + HOUR).id == good.id
        assert sources.first_failure_since_good(s, source_id, until=NOW + HOUR).id == first.id
        assert sources.last_good_check(s, source_id, until=NOW - HOUR) is None
        assert sources.first_failure_since_good(s, source_id, until=NOW - HOUR).id == early.id


def test_the_latest_page_is_the_newest_complete_answer(database: Database) -> None:
    """Of that source and address; an error page is no answer."""
    with database.write() as s:
        one, two = add_source(s), add_source(s, "other", "saved")
        for source_id, url, hours, status in (
            (one, "https://papers.example/a", 0, 200),
            (one, "https://papers.example/a", 1, 200),
            (one, "https://papers.example/a", 2, 503),
            (one, "https://papers.example/b", 3, 200),
            (two, "https://papers.example/a", 4, 200),
        ):
            page = StoredPage(source_id=source_id, url=url, fetched_at=NOW + hours * HOUR, status=status)
            assert sources.add_page(s, page).id is not None
        assert sources.latest_page(s, one, "https://papers.example/a").fetched_at == NOW + HOUR
        assert sources.latest_page(s, two, "https://papers.example/b") is None


def test_a_page_that_was_not_believed_is_no_answer_to_build_on(database: Database) -> None:
    """A server that says "not modified" of it must not bring it back."""
    with database.write() as s:
        source_id = add_source(s)
        for hours, verdict in enumerate(("fresh", "partial", "broken", "stale", "blocked")):
            at = NOW + hours * HOUR
            sources.add_page(s, StoredPage(source_id=source_id, url="u", fetched_at=at, verdict=verdict))
        assert sources.latest_page(s, source_id, "u").verdict == "partial"


def test_old_pages_and_too_many_suspect_ones_are_forgotten(database: Database) -> None:
    """A file that another page still refers to stays."""
    with database.write() as s:
        source_id = add_source(s)
        for hours, (verdict, path) in enumerate(
            [
                ("fresh", "old"),
                ("broken", "a"),
                ("broken", "b"),
                ("fresh", "b"),
                ("broken", "c"),
                ("fresh", "d"),
            ]
        ):
            at = NOW + hours * HOUR
            row = StoredPage(source_id=source_id, url="u", fetched_at=at, verdict=verdict, path=path)
            sources.add_page(s, row)
    with database.write() as s:
        assert sources.drop_pages(s, before=NOW + HOUR, max_suspects=1, max_bytes=10**9) == ["a", "old"]
    with database.read() as s:
        assert [page.path for page in s.exec(select(StoredPage).order_by(StoredPage.id))] == ["b", "c", "d"]


def test_one_source_keeps_only_so_many_bytes(database: Database) -> None:
    """The oldest go first, and another source's stay."""
    with database.write() as s:
        one, two = add_source(s), add_source(s, "other", "saved")
        for hours in range(5):
            for source_id in (one, two) if hours == 0 else (one,):
                path = f"{source_id}-{hours}"
                at = NOW + hours * HOUR
                row = StoredPage(source_id=source_id, url="u", fetched_at=at, size=100, path=path)
                sources.add_page(s, row)
        assert sources.drop_pages(s, before=NOW - DAY, max_suspects=9, max_bytes=250) == [
            f"{one}-{hours}" for hours in range(3)
        ]


def test_a_run_is_recorded_from_its_start(database: Database) -> None:
    """A run that never ended is seen as such."""
    with database.write() as s:
        assert runs.last_run(s, "refresh") is None
        run_id = runs.start_run(s, "refresh", NOW)
    with database.read() as s:
        begun = runs.last_run(s, "refresh")
    with database.write() as s:
        runs.finish_run(s, run_id, ok=False, outcome={"sources": [{"new": 3}]}, now=NOW + HOUR)
    with database.read() as s:
        ended = runs.last_run(s, "refresh")
    assert (begun.id, begun.ok, begun.finished_at, begun.outcome) == (run_id, None, None, {})
    assert (ended.ok, ended.finished_at, ended.outcome) == (False, NOW + HOUR, {"sources": [{"new": 3}]})


def test_runs_are_listed_by_use_case_and_time(database: Database) -> None:
    """Both ends of the span count."""
    with database.write() as s:
        ids = [runs.start_run(s, "compose", NOW + hours * HOUR) for hours in (0, 1, 2, 3)]
        runs.start_run(s, "deliver", NOW + HOUR)
        found = runs.list_runs(s, "compose", first=NOW + HOUR, last=NOW + 2 * HOUR)
        assert [one.id for one in found] == ids[1:3]
        assert runs.last_run(s, "compose").id == ids[3]
