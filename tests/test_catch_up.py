"""While you were away: the best of what was missed comes once, behind what is new."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.app import App, make_app
from digest.checking import read_settings
from digest.pipeline.catch_up import recommend_with_missed, span_days
from digest.pipeline.due import Absence
from digest.pipeline.moment import Moment
from digest.ranking import Library, fit, learn, prepare
from digest.runs import run_compose, run_refresh
from digest.storage import issues as issue_rows
from digest.types import InterestSpec, IssueItem, Profile, Section
from tests.cli_runner import ok
from tests.daily_server import DailyServer, item, serving
from tests.ranking_cases import NOW, looks, paper
from tests.test_main_job import configure

READER = "reader@example.org"
AWAY = Section.AWAY
FIRST = date(2026, 1, 1)
PAPERS = 4  # a day


def listed(day: date) -> list[dict[str, Any]]:
    """Invented papers of that day, numbered 0 to 3 with ever more votes; numbers tell the day."""
    count = (day - FIRST).days
    return [item(10 * count + place, votes=5 + 7 * place) for place in range(PAPERS)]


@pytest.fixture
def app() -> Iterator[App]:
    """The program beside a site with four papers on each day from January to April, digests of six."""
    days = {day.isoformat(): listed(day) for day in (FIRST + timedelta(days=n) for n in range(120))}
    with serving(DailyServer(days)) as server:
        configure(server.url, "papers = 6")
        app = make_app(read_settings())
        yield app
        app.database.close()


def moment(day: date, hour: int = 9) -> Moment:
    return Moment(datetime(day.year, day.month, day.day, hour, tzinfo=UTC), pinned=True)


def subscribe(day: date, *more: str) -> None:
    """A reader served at eight, UTC, from that day on."""
    ok("subscriber", "add", READER, "--hour", "8", "--active", "--now", f"{day}T07:00:00Z", *more)


def read(app: App, first: date, last: date) -> None:
    """Read the lists of these days, at noon of the last."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    run_refresh(app, moment(last, 6), days=days)


def compose(app: App, day: date, hour: int = 9) -> list[IssueItem]:
    """Compose at that hour; what the day's issue has, nothing where there is none."""
    run_compose(app, moment(day, hour))
    return shown(app, day)


def shown(app: App, day: date) -> list[IssueItem]:
    with app.database.read() as session:
        issue = issue_rows.get_issue(session, 1, day)
        if issue is None or issue.id is None:
            return []
        return list(issue_rows.load_issue_views(session, [issue.id])[issue.id].items)


def days_of(items: list[IssueItem], section: Section | None = None) -> list[int]:
    """The day each paper was listed on, as days after the first of January."""
    ids = [one.paper.arxiv_id or "" for one in items if section is None or one.section is section]
    return [(int(one.partition(".")[2]) - 90000) // 10 for one in ids]


def ids(items: list[IssueItem]) -> list[str | None]:
    return [one.paper.arxiv_id for one in items]


def test_a_day_the_machine_slept_is_folded_in_behind_what_is_new(app: App) -> None:
    """Today's papers first under their headings, then yesterday's under its own; none twice, at most nine."""
    today = date(2026, 1, 13)
    subscribe(today - timedelta(days=2))
    read(app, today - timedelta(days=2), today - timedelta(days=2))
    before = compose(app, today - timedelta(days=2))
    read(app, today - timedelta(days=1), today)
    items = compose(app, today)
    assert set(days_of(items, AWAY)) == {11}
    assert set(days_of([one for one in items if one.section is not AWAY])) == {12}
    assert [one.section is AWAY for one in items] == sorted(one.section is AWAY for one in items)
    assert len(items) == 2 * PAPERS
    assert not set(ids(items)) & set(ids(before))
    answer = ok("why", READER, "--now", f"{today}T10:00:00Z", "--json").json
    assert answer["cause"] == "waiting_to_be_sent"


def test_what_was_missed_is_told_by_preview_before_and_after(app: App) -> None:
    """A preview shows the section as it will be, and then as it is."""
    today = date(2026, 1, 13)
    subscribe(today - timedelta(days=2))
    read(app, today - timedelta(days=2), today)
    compose(app, today - timedelta(days=2))
    words = ("preview", READER, "--now", f"{today}T09:00:00Z", "--format")
    expected = ok(*words, "json").json["sections"]
    assert expected[-1]["name"] == "While you were away"
    compose(app, today)
    assert ok(*words, "json").json["sections"] == expected
    assert "While you were away".upper() in ok(*words, "text").out


def test_a_vacation_brings_the_best_of_the_time_once(app: App) -> None:
    """Three weeks: what had most votes of it all, at most as many as a digest has; the next day no more."""
    start, back = date(2026, 1, 5), date(2026, 1, 27)
    subscribe(start)
    read(app, start, start)
    compose(app, start)
    ok("subscriber", "pause", READER, "--until", back.isoformat())
    read(app, start + timedelta(days=1), back)
    items = compose(app, back)
    away = [one for one in items if one.section is AWAY]
    assert len(away) == 6
    # The one with most votes of some days, of the first week as of the last.
    assert {one.paper.votes for one in away} == {26}
    assert all(4 <= day < 26 for day in days_of(away))
    assert min(days_of(away)) < 19
    assert len(items) == 6 + PAPERS
    read(app, back + timedelta(days=1), back + timedelta(days=1))
    following = compose(app, back + timedelta(days=1))
    assert not [one for one in following if one.section is AWAY]
    assert not set(ids(following)) & set(ids(items))


def test_nothing_older_than_sixty_days_is_looked_back_on(app: App) -> None:
    start, back = date(2026, 1, 5), date(2026, 4, 10)
    subscribe(start)
    read(app, start, start)
    compose(app, start)
    read(app, date(2026, 1, 30), date(2026, 2, 9))  # 70 to 60 days before
    items = compose(app, back)
    oldest = (back - timedelta(days=59) - FIRST).days
    assert items == [] or min(days_of(items)) >= oldest
    with app.database.read() as session:
        assert issue_rows.get_issue(session, 1, back) is not None


def test_a_date_marked_earlier_is_folded_in_later(app: App) -> None:
    """The run that found Tuesday too late made no issue; Wednesday's looks back on it."""
    today = date(2026, 1, 14)
    subscribe(today - timedelta(days=2))
    read(app, today - timedelta(days=2), today - timedelta(days=2))
    compose(app, today - timedelta(days=2))
    read(app, today - timedelta(days=1), today)
    run_compose(app, moment(today, 5))
    assert set(days_of(compose(app, today), AWAY)) == {12}


def test_a_mail_that_was_too_old_to_send_counts_as_missed(app: App) -> None:
    """Its papers come in the next issue, under that heading."""
    today = date(2026, 1, 14)
    subscribe(today - timedelta(days=2))
    read(app, today - timedelta(days=2), today - timedelta(days=2))
    compose(app, today - timedelta(days=2))
    ok("deliver", "--now", f"{today - timedelta(days=2)}T09:05:00Z")
    read(app, today - timedelta(days=1), today - timedelta(days=1))
    lost = compose(app, today - timedelta(days=1))
    assert lost
    ok("deliver", "--now", f"{today}T07:00:00Z")
    items = compose(app, today)
    assert set(ids(lost)) <= set(ids(items))
    assert set(ids(lost)) == {one.paper.arxiv_id for one in items if one.section is AWAY}


def test_who_never_had_a_digest_was_not_away(app: App) -> None:
    """A first issue, four days after the subscription, is an issue like any other."""
    today = date(2026, 1, 14)
    subscribe(today - timedelta(days=4))
    read(app, today - timedelta(days=4), today)
    items = compose(app, today)
    assert len(items) == 6
    assert days_of(items, AWAY) == []


def test_weekly_readers_are_not_away_between_weeks_and_lose_no_day(app: App) -> None:
    """Each issue covers its week, and what was listed on the day of the last one after that had gone."""
    monday = date(2026, 1, 12)
    subscribe(date(2026, 1, 6), "--cadence", "weekly", "--weekday", "mon")
    ok("subscriber", "pause", READER, "--until", "2026-01-12")
    read(app, date(2026, 1, 6), date(2026, 1, 11))
    compose(app, monday)
    read(app, monday, monday)  # what came after the issue of that Monday
    items = compose(app, monday + timedelta(days=7))
    assert set(days_of(items)) == {11}
    assert days_of(items, AWAY) == []


def test_a_weekly_reader_who_missed_a_week_gets_both(app: App) -> None:
    monday = date(2026, 1, 12)
    subscribe(date(2026, 1, 6), "--cadence", "weekly", "--weekday", "mon")
    read(app, date(2026, 1, 6), monday)
    compose(app, monday)
    read(app, monday + timedelta(days=1), monday + timedelta(days=14))
    items = compose(app, monday + timedelta(days=14))
    assert set(days_of(items, AWAY)) <= set(range(11, 19))
    assert len(days_of(items, AWAY)) == 6
    new = [one for one in items if one.section is not AWAY]
    assert len(new) == 6
    assert set(days_of(new)) <= set(range(19, 26))


def test_readers_away_for_about_as_long_share_what_is_prepared(app: App) -> None:
    """Forty lengths of absence need no more than four spans."""
    day = date(2026, 3, 1)
    spans = {
        span_days(Absence(day - timedelta(days=n), day - timedelta(days=1)), day, 7) for n in range(1, 60)
    }
    assert spans == {7, 14, 30, 60}
    assert span_days(Absence(day - timedelta(days=9), day), day, 10) == 10


# --- pure ------------------------------------------------------------------------------------------

FIELDS = ("retrieval", "clouds", "proteins", "speech")
CANDIDATES = [
    paper(number, FIELDS[number % 4], listed_on=date(2026, 8, 20) - timedelta(days=number % 30))
    for number in range(1, 91)
]
SEEN = [look for one in CANDIDATES for look in looks(one.paper_id, [one.paper_id, 2 * one.paper_id])]
MODEL = fit(CANDIDATES)
WIDE = prepare(CANDIDATES, SEEN, MODEL, NOW)
WEEK = prepare(
    [one for one in CANDIDATES if one.listed_on and one.listed_on > date(2026, 8, 13)], SEEN, MODEL, NOW
)


@given(
    absences=st.lists(st.none() | st.tuples(st.integers(1, 29), st.integers(1, 29)), min_size=1, max_size=5),
    sent=st.sets(st.integers(1, 90), max_size=30),
    most=st.integers(1, 12),
    weight=st.sampled_from([0.0, 0.3, 1.0]),
    keyword=st.sampled_from(["retrieval", "protein", "lidar"]),
)
def test_no_paper_comes_twice_or_was_sent_and_none_is_in_the_wrong_section(
    absences: list[tuple[int, int] | None], sent: set[int], most: int, weight: float, keyword: str
) -> None:
    """Whatever the absences; and who was not away gets what they would have got alone."""
    today = date(2026, 8, 20)
    spans = [
        None if one is None else Absence(today - timedelta(days=max(one)), today - timedelta(days=min(one)))
        for one in absences
    ]
    profiles = [
        Profile(number, (InterestSpec("one", keywords=(keyword,)),), max_papers=most, trend_weight=weight)
        for number in range(len(spans))
    ]
    had = {profile.subscriber_id: sent for profile in profiles}
    wide = {span: WIDE for span in spans if span is not None}
    listed_on = {one.paper_id: one.listed_on for one in CANDIDATES}
    learned = [learn(profile.interests, MODEL) for profile in profiles]
    found = recommend_with_missed(profiles, spans, had, Library(WEEK), wide, learned)
    alone = recommend_with_missed(profiles, [None] * len(spans), had, Library(WEEK), {}, learned)
    for span, recommended, usual in zip(spans, found, alone, strict=True):
        numbers = [one.paper_id for one in recommended]
        assert len(set(numbers)) == len(numbers)
        assert not sent.intersection(numbers)
        if span is None:
            assert recommended == usual
            continue
        for one in recommended:
            day = listed_on[one.paper_id]
            assert day is not None
            assert (one.section is AWAY) == (span.first <= day <= span.last)
            assert one.reasons or one.section is not Section.FOR_YOU
        away = sum(one.section is AWAY for one in recommended)
        assert away <= most
        assert len(recommended) <= 2 * most


def test_a_paper_listed_twice_under_one_title_comes_once() -> None:
    """One of them was missed, the other is of today, and the store knows them as two."""
    today = date(2026, 8, 20)
    twins = [
        paper(101, "proteins", title="Invented folding twins", listed_on=today - timedelta(days=2)),
        paper(102, "proteins", title="Invented folding twins", listed_on=today),
    ]
    prepared = prepare([*CANDIDATES, *twins], SEEN, MODEL, NOW)
    absence = Absence(today - timedelta(days=3), today - timedelta(days=1))
    profile = Profile(1, (InterestSpec("one", keywords=("folding",)),), max_papers=12)
    learned = [learn(profile.interests, MODEL)]
    wide = {absence: prepared}
    (found,) = recommend_with_missed([profile], [absence], {1: set()}, Library(prepared), wide, learned)
    assert len({101, 102}.intersection(one.paper_id for one in found)) == 1
    (found,) = recommend_with_missed([profile], [absence], {1: {102}}, Library(prepared), wide, learned)
    assert not {101, 102}.intersection(one.paper_id for one in found)
