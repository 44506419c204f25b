"""Pruning: what is too old goes, what is needed for ever stays."""

import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, SQLModel

from digest.models import (
    Check,
    Delivery,
    Enrichment,
    Feedback,
    Issue,
    LearnedState,
    Observation,
    Paper,
    Robots,
    Run,
    ShownPaper,
    SignUp,
    StoredRecommendation,
)
from digest.pipeline.compose import Composer, ComposeRules
from digest.pipeline.explain import explain_day
from digest.pipeline.letters import make_confirmation_letter, make_test_letter
from digest.pipeline.moment import Moment
from digest.pipeline.prune import KeptDays, prune
from digest.storage import (
    deliveries,
    evidence,
    issues,
    letters,
    runs,
    sources,
    space,
    subscribers,
    suppressions,
    thinning,
)
from digest.storage.database import Database
from digest.storage.search import search_papers
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_interest,
    add_issue,
    add_papers,
    add_reader,
    add_source,
    list_again,
    make_delivery,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)

KEPT = KeptDays(observations=90, records=180, issues=365, left=30, papers=365)
OLD = NOW - 400 * DAY
OLD_DAY = TODAY - 400 * DAY


def pruned(database: Database, now: datetime = NOW, **how: Any) -> dict[str, int]:
    return prune(database, KEPT, now, Path("feeds"), **how)


def thinned(database: Database, now: datetime = NOW) -> int:
    """The same where papers stay for many years; how many observations went."""
    return prune(database, replace(KEPT, papers=3000), now, Path("feeds"))["observations"]


def thinned_dry(database: Database) -> int:
    """How many observations would go."""
    return prune(database, replace(KEPT, papers=3000), NOW, Path("feeds"), dry_run=True)["observations"]


def count(s: Session, kind: type[SQLModel]) -> int:
    return s.execute(select(func.count()).select_from(kind)).scalar_one()


# --- observations ----------------------------------------------------------------------------------


def watch(s: Session, entry_number: int, days: int, *, votes: bool = True) -> int:
    """A paper that one source showed every six hours for some days, its votes growing."""
    source = add_source(s, "hf" if votes else "arxiv")
    given = {} if votes else {"votes": None}
    (paper,) = add_papers(s, [make_entry(entry_number, **given)], source_id=source, now=OLD, day=OLD_DAY)
    for look in range(1, 4 * days):
        entry = make_entry(entry_number, votes=look if votes else None)
        list_again(s, paper, entry, now=OLD + look * 6 * HOUR, source_id=source, day=OLD_DAY)
    return paper


def looks(s: Session, paper: int) -> list[tuple[datetime, int | None]]:
    query = select(Observation.observed_at, Observation.votes).where(Observation.paper_id == paper)
    return [(at, votes) for at, votes in s.execute(query.order_by(Observation.observed_at))]


def test_old_observations_are_thinned_to_what_tells_growth(database: Database) -> None:
    """The first and the last stay, and of each day the last; of a source without counts only those two."""
    with database.write() as s:
        counted, listed = watch(s, 1, days=5), watch(s, 2, days=5, votes=False)
        before = looks(s, counted)
    assert thinned(database) > 0
    with database.read() as s:
        kept = looks(s, counted)
        assert len(looks(s, listed)) == 2
    last_of_day = {at.date(): (at, votes) for at, votes in before}
    assert kept == sorted({before[0], *last_of_day.values()})
    assert thinned(database) == 0


def test_observations_of_saved_papers_all_stay(database: Database) -> None:
    """Who saved it may look at its curve whenever they like."""
    with database.write() as s:
        paper = watch(s, 1, days=5)
        reader, _ = add_reader(s)
        s.add(Feedback(subscriber_id=reader.id, paper_id=paper, kind="saved", created_at=NOW))
        before = looks(s, paper)
    thinned(database)
    with database.read() as s:
        assert looks(s, paper) == before


def test_young_observations_all_stay(database: Database) -> None:
    """What is rising is learnt from them."""
    with database.write() as s:
        paper = watch(s, 1, days=5)
    thinned(database, OLD + 89 * DAY)
    with database.read() as s:
        assert len(looks(s, paper)) == 20


def test_thinning_does_not_stop_at_days_without_looks(database: Database) -> None:
    """A month in which nothing ran lies between them."""
    with database.write() as s:
        paper = watch(s, 1, days=3)
        add_papers(s, [make_entry(2)], now=OLD + 40 * DAY, day=TODAY)
    thinned(database)
    with database.read() as s:
        assert len(looks(s, paper)) < 12


def test_a_thinning_that_was_ended_early_goes_on_where_it_was(database: Database) -> None:
    """However many days it had not come to: none is left behind those that are done."""
    with database.write() as s:
        paper = watch(s, 1, days=20)

    def end_early(words: str) -> None:
        done.append(words)
        if len(done) == 12:
            raise KeyboardInterrupt

    done: list[str] = []
    would = thinned_dry(database)
    with pytest.raises(KeyboardInterrupt):
        pruned(database, progress=end_early)
    assert done[0] == f"observations of {OLD_DAY}"
    with database.read() as s:
        left = len(looks(s, paper))
    assert thinned(database, NOW + DAY) == would - (80 - left) > 0
    assert thinned_dry(database) == 0


# --- issues ----------------------------------------------------------------------------------------


@pytest.fixture
def old_issue(database: Database) -> tuple[int, list[int]]:
    """A reader's issue of long ago with three papers; returns the reader and the papers."""
    with database.write() as s:
        papers = add_papers(s, [make_entry(number) for number in (1, 2, 3)], now=OLD, day=OLD_DAY)
        reader, subscription = add_reader(s)
        delivery = make_delivery("<1@example.org>", status="sent", sent_at=OLD)
        add_issue(s, subscription, OLD_DAY, paper_ids=papers, composed_at=OLD, delivery=delivery)
        add_issue(s, subscription, TODAY, paper_ids=papers[:1])
    assert reader.id is not None
    return reader.id, papers


def test_an_old_issue_becomes_a_list_of_titles(database: Database, old_issue: tuple[int, list[int]]) -> None:
    """In its order, with where they are found; why each was chosen, and its mail, go."""
    counts = pruned(database)
    assert counts["issues_put_away"] == 1
    with database.read() as s:
        first, second = (issues.load_issue_views(s, [number])[number] for number in (1, 2))
        assert deliveries.list_deliveries(s) == []
    assert [item.paper.title for item in first.items] == [
        f"Finding Thing {number}" for number in old_issue[1]
    ]
    assert {(item.paper.abstract, item.reasons) for item in first.items} == {("", ())}
    assert first.coverage == thinning.PUT_AWAY
    assert second.items[0].paper.abstract == "We find it."
    assert second.items[0].reasons == ("keyword “find”",)
    assert pruned(database)["issues_put_away"] == 0


def test_no_paper_is_ever_sent_again(database: Database, old_issue: tuple[int, list[int]]) -> None:
    """However old the issue is that it was in."""
    reader, papers = old_issue
    for years in range(5):
        pruned(database, NOW + years * 365 * DAY)
    with database.read() as s:
        assert issues.list_sent(s, [reader]) == {reader: set(papers)}
        assert count(s, Paper) == 3


def test_what_was_shown_is_kept_once_and_only_as_long_as_it_is_needed(
    database: Database, old_issue: tuple[int, list[int]]
) -> None:
    """Two issues showed the same: the new one still does, the old one shows titles."""
    with database.read() as s:
        assert count(s, ShownPaper) == 3
    pruned(database)
    with database.read() as s:
        assert count(s, ShownPaper) == 4
        assert count(s, StoredRecommendation) == 4


def test_why_says_what_is_not_known_any_more(
    database: Database, old_issue: tuple[int, list[int]], tmp_path: Path
) -> None:
    """Of an old issue how it was sent; of an old day without one everything; of a young day it says more."""
    with database.write() as s:
        (row,) = subscribers.list_subscriptions(s, old_issue[0])
        row.created_at = OLD - 30 * DAY
        subscribers.add_subscription(s, row)
        runs.start_run(s, "compose", NOW - DAY)
    pruned(database)
    composer = Composer(database, ComposeRules(), tmp_path)
    causes = [
        explain_day(composer, "ada@example.org", Moment(NOW, day))["cause"]
        for day in (OLD_DAY, OLD_DAY + 5 * DAY, TODAY - 3 * DAY)
    ]
    assert causes == ["forgotten", "forgotten", "scheduler_did_not_run"]


def test_issues_without_papers_go_but_for_the_newest(database: Database) -> None:
    """The newest says up to where a reader was served: a long pause must not be told day by day again."""
    with database.write() as s:
        _, subscription = add_reader(s)
        for number, status in enumerate(("empty", "skipped", "expired", "notice", "empty")):
            day = OLD_DAY + number * DAY
            add_issue(s, subscription, day, status=status, composed_at=OLD + number * DAY)
    assert pruned(database)["issues"] == 4
    with database.read() as s:
        assert [day for (day,) in s.execute(select(Issue.local_date))] == [OLD_DAY + 4 * DAY]


def test_mail_that_still_waits_is_not_deleted(database: Database) -> None:
    """However old it is: whoever sends decides what becomes of it."""
    with database.write() as s:
        papers = add_papers(s, [make_entry(1)], now=OLD, day=OLD_DAY)
        _, subscription = add_reader(s)
        delivery = make_delivery("<1@example.org>", status="planned")
        add_issue(s, subscription, OLD_DAY, paper_ids=papers, composed_at=OLD, delivery=delivery)
        letter = make_test_letter("Digest", "ada@example.org", OLD)
        letters.plan_letter(s, letter, message_id="<2@example.org>", now=OLD)
    assert pruned(database)["letters"] == 0
    with database.read() as s:
        assert count(s, Delivery) == 2


# --- papers ----------------------------------------------------------------------------------------


def test_papers_that_nobody_got_go_and_all_others_stay(database: Database) -> None:
    """Sent, saved, judged, an example of an interest, or still listed: each is a reason to stay."""
    with database.write() as s:
        entries = [make_entry(number) for number in range(1, 8)]
        papers = add_papers(s, entries, now=OLD, day=OLD_DAY)
        reader, subscription = add_reader(s)
        add_issue(s, subscription, OLD_DAY, paper_ids=papers[:1], composed_at=OLD)
        for paper, kind in zip(papers[1:3], ("saved", "less"), strict=True):
            s.add(Feedback(subscriber_id=reader.id, paper_id=paper, kind=kind, created_at=NOW))
        add_interest(s, reader, "finding", examples=[{"paper_id": papers[3], "title": "", "abstract": ""}])
        list_again(s, papers[4], entries[4], now=NOW, source_id=add_source(s))
        add_papers(s, [make_entry(9)], now=NOW)
    assert pruned(database, dry_run=True)["papers"] == 2
    assert pruned(database)["papers"] == 2
    with database.read() as s:
        left = {number for (number,) in s.execute(select(Paper.id))}
        assert set(papers[:5]) < left
        assert not set(papers[5:]) & left
        assert count(s, Observation) == 7


def test_an_example_that_is_added_while_it_prunes_keeps_its_paper(database: Database) -> None:
    """However late it comes: what must stay is asked for just before anything goes."""
    with database.write() as s:
        (paper,) = add_papers(s, [make_entry(1)], now=OLD, day=OLD_DAY)
        reader, _ = add_reader(s)

    def add_example(words: str) -> None:
        if words == "papers":
            with database.write() as s:
                example = {"paper_id": paper, "title": "", "abstract": ""}
                add_interest(s, reader, "finding", examples=[example])

    assert pruned(database, progress=add_example)["papers"] == 0
    with database.read() as s:
        assert count(s, Paper) == 1


# --- records ---------------------------------------------------------------------------------------


def add_check(s: Session, source: int, verdict: str, at: datetime, **given: Any) -> int | None:
    check = Check(source_id=source, day=at.date(), checked_at=at, verdict=verdict, **given)
    return sources.add_check(s, check).id


def test_checks_that_tell_how_a_source_stands_stay(database: Database) -> None:
    """The last good one with its ids, the first failure since, and the newest: others of long ago go."""
    with database.write() as s:
        source = add_source(s)
        verdicts = ("fresh", "fresh", "broken", "broken", "broken")
        ids = [
            add_check(s, source, verdict, OLD + number * DAY, entries=3, ids="abc")
            for number, verdict in enumerate(verdicts)
        ]
    assert pruned(database)["checks"] == 2
    with database.read() as s:
        assert [number for (number,) in s.execute(select(Check.id).order_by(Check.id))] == [
            ids[1],
            ids[2],
            ids[4],
        ]
        assert sources.first_failure_since_good(s, source).id == ids[2]
        assert evidence.newest_check_with_ids(s, source).id == ids[1]


def test_runs_go_but_for_the_newest_of_each(database: Database) -> None:
    """ "It never ran" must not be said of what ran long ago."""
    with database.write() as s:
        for use_case in ("refresh", "deliver"):
            for number in range(3):
                runs.start_run(s, use_case, OLD + number * DAY)
    assert pruned(database)["runs"] == 4
    with database.read() as s:
        assert runs.last_run(s, "refresh") is not None
        assert count(s, Run) == 2


def test_what_strangers_left_behind_goes_soon(database: Database) -> None:
    """A sign-up that nobody confirmed, its letter, and what enrichers and robots.txt said long ago."""
    with database.write() as s:
        (paper,) = add_papers(s, [make_entry(1)])
        for number, confirmed in ((1, None), (2, NOW - 50 * DAY)):
            s.add(
                SignUp(
                    email=f"{number}@example.org",
                    email_key=f"{number}@example.org",
                    asked_on=TODAY - 60 * DAY,
                    kind="confirmation",
                    nonce=f"{number}",
                    token_hash=f"{number}",
                    asked_at=NOW - 60 * DAY,
                    expires_at=NOW - 58 * DAY,
                    confirmed_at=confirmed,
                )
            )
        at = NOW - 60 * DAY
        letter = make_confirmation_letter("Digest", "1@example.org", "00ff", at)
        number = letters.plan_letter(s, letter, message_id="<2@example.org>", now=at)
        sent = deliveries.Decision(number, deliveries.DeliveryStatus.SENT)
        deliveries.decide(s, [sent])
        s.add(Enrichment(paper_id=paper, enricher="summaries", outcome="found", asked_at=OLD))
        s.add(Robots(origin="https://papers.example", status=200, fetched_at=OLD))
    counts = pruned(database)
    assert [counts[name] for name in ("sign_ups", "letters", "enrichments", "robots")] == [1, 1, 1, 1]
    with database.read() as s:
        assert [email for (email,) in s.execute(select(SignUp.email))] == ["2@example.org"]


# --- people ----------------------------------------------------------------------------------------


def leave(s: Session, email: str | None, at: datetime) -> int:
    reader, subscription = add_reader(s, email)
    add_issue(s, subscription, at.date(), composed_at=at, status="empty")
    subscribers.set_status(s, reader, "unsubscribed", now=at)
    s.add(LearnedState(subscriber_id=reader.id, fingerprint="fp", state=b"x"))
    if email is not None:
        suppressions.add_suppression(s, email, "unsubscribed", detail="by its link", now=at)
    assert reader.id is not None
    return reader.id


def test_of_who_left_only_their_suppression_stays(database: Database, tmp_path: Path) -> None:
    """After thirty days; until then they can take it back. What was learnt of them goes at once."""
    with database.write() as s:
        gone, fresh = leave(s, "ada@example.org", NOW - 31 * DAY), leave(s, "bo@example.org", NOW - 29 * DAY)
        token = subscribers.get_by_id(s, gone).feed_token
    feed = tmp_path / "feeds" / f"{token}.rss"
    feed.parent.mkdir()
    feed.write_text("private")
    counts = pruned(database)
    assert (counts["readers"], counts["learned_states"]) == (1, 1)
    with database.read() as s:
        assert subscribers.get_by_id(s, gone) is None
        assert subscribers.get_by_id(s, fresh) is not None
        assert suppressions.get_suppression(s, "ada@example.org").reason == "unsubscribed"
        assert count(s, Issue) == 1
        assert count(s, LearnedState) == 0
    assert not feed.exists()


def test_what_the_operator_lifted_stays_lifted(database: Database) -> None:
    """As the owner asked; and taking it off the list does not shorten the days to come back in."""
    with database.write() as s:
        leave(s, "cy@example.org", NOW)
        suppressions.delete_suppression(s, "cy@example.org")
    assert pruned(database, NOW + 29 * DAY)["readers"] == 0
    assert pruned(database, NOW + 31 * DAY)["readers"] == 1
    with database.read() as s:
        assert suppressions.get_suppression(s, "cy@example.org") is None
        assert subscribers.list_subscribers(s) == []


def test_a_reader_by_feed_only_has_the_same_days_to_come_back(database: Database) -> None:
    """However old their last issue is; who came back and left again begins anew."""
    with database.write() as s:
        reader, subscription = add_reader(s, None)
        add_issue(s, subscription, OLD_DAY, composed_at=OLD, status="empty")
        for status, at in (("unsubscribed", OLD), ("active", OLD + DAY), ("unsubscribed", NOW)):
            subscribers.set_status(s, reader, status, now=at)
        subscribers.set_status(s, reader, "unsubscribed", now=NOW + DAY)
    assert pruned(database, NOW + 29 * DAY)["readers"] == 0
    assert pruned(database, NOW + 31 * DAY - HOUR)["readers"] == 1


def test_who_was_invited_and_never_answered_is_forgotten(database: Database) -> None:
    """But not while they may still say yes; and nothing keeps them from being asked again."""
    with database.write() as s:
        for name, at, expires in (("silent", OLD, OLD + 14 * DAY), ("asked", OLD, NOW - DAY)):
            address = f"{name}@example.org"
            subscribers.add_subscriber(s, email=address, status="unconfirmed", now=at)
            s.add(
                SignUp(
                    email=address,
                    email_key=address,
                    asked_on=at.date(),
                    kind="invitation",
                    nonce=name,
                    token_hash=name,
                    asked_at=at,
                    expires_at=expires,
                )
            )
        subscribers.add_subscriber(s, email="fresh@example.org", status="unconfirmed", now=NOW - DAY)
        subscribers.add_subscriber(s, email="active@example.org", status="active", now=OLD)
    assert pruned(database)["readers"] == 1
    with database.read() as s:
        kept = [one.email for one in subscribers.list_subscribers(s)]
        assert kept == ["asked@example.org", "fresh@example.org", "active@example.org"]
        assert suppressions.get_suppression(s, "silent@example.org") is None


# --- the whole -------------------------------------------------------------------------------------


def test_a_dry_run_counts_the_same_and_changes_nothing(
    database: Database, old_issue: tuple[int, list[int]]
) -> None:
    """What is told before is what goes then."""
    with database.write() as s:
        watch(s, 7, days=4)
        leave(s, "bo@example.org", OLD)
        runs.start_run(s, "refresh", OLD)
        runs.start_run(s, "refresh", OLD + DAY)
    told = pruned(database, dry_run=True)
    assert told == pruned(database, dry_run=True)
    counts = pruned(database)
    assert {name: counts[name] for name in told if name not in ("issues", "shown_papers")} == {
        name: number for name, number in told.items() if name not in ("issues", "shown_papers")
    }
    assert sum(told.values()) > 4


def test_nothing_young_goes(database: Database) -> None:
    """A database of a week."""
    with database.write() as s:
        papers = add_papers(s, [make_entry(number) for number in range(1, 5)])
        _, subscription = add_reader(s)
        add_issue(s, subscription, TODAY, paper_ids=papers[:2], delivery=make_delivery("<1@example.org>"))
        add_issue(s, subscription, TODAY + DAY, status="empty")
        runs.start_run(s, "refresh", NOW)
        add_check(s, add_source(s), "fresh", NOW)
    assert set(pruned(database, NOW + 7 * DAY).values()) == {0}


def test_a_file_gives_back_what_it_does_not_need(tmp_path: Path, migrated_file: Path) -> None:
    """Beyond a tenth; and one of an older version after it was written anew once."""
    path = tmp_path / "digest.db"
    shutil.copyfile(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    with database.write() as s:
        for number in range(400):
            s.add(Robots(origin=f"https://{number}.example", status=200, body="x" * 8000, fetched_at=OLD))
    before = space.free_bytes(database)
    freed = pruned(database)["freed"]
    assert freed > 2_500_000
    assert before == 0
    database.vacuum()
    assert space.free_bytes(database) == 0
    with database.read() as s:
        assert s.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    database.close()


def test_dates_of_limits_are_days_before_now() -> None:
    """Each setting is its own."""
    limits = KEPT.limits(NOW)
    assert (NOW - limits.left, NOW - limits.records) == (timedelta(days=30), timedelta(days=180))
    assert limits.papers.date() == date(2025, 8, 3)


def test_the_search_index_gives_up_what_was_deleted(database: Database) -> None:
    """Once a week its pieces become one, in which deleted papers take no room; what is left is found."""
    if not database.is_sqlite:
        pytest.skip("only SQLite keeps deleted papers in its index")
    with database.write() as s:
        add_papers(s, [make_entry(number) for number in range(1, 300)], now=OLD, day=OLD_DAY)
        add_papers(s, [make_entry(500, title="Rare words about walruses")])
    sizes = []
    for day in range(2):  # Monday 3 August 2026, and the Sunday before
        pruned(database, NOW - day * DAY)
        with database.read() as s:
            run = s.connection().exec_driver_sql
            sizes.append(run("SELECT sum(length(block)) FROM papers_fts_data").scalar())
            assert len(search_papers(s, "walruses")) == 1
            assert len(search_papers(s, "thing")) == 1
    assert sizes[1] < sizes[0] / 10
