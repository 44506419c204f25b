"""Periods, curves, marks, and what trends: decided the same whatever page asks."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.identity import StoredJoin
from digest.models import Check
from digest.pipeline.browsing import FIRST_DAY, LAST_DAY, Browser, Mark, Sort, Span, TrendPage, TrendQuery
from digest.pipeline.browsing.curves import draw_chart, draw_curve
from digest.pipeline.browsing.memo import Memo
from digest.pipeline.browsing.periods import period_of
from digest.pipeline.browsing.stories import find_marks
from digest.pipeline.browsing.trending import rank_period
from digest.ranking.usual import Usual, UsualGrowth
from digest.storage import merging
from digest.storage import sources as source_rows
from digest.storage.database import Database
from tests.storage_rows import DAY, HOUR, NOW, TODAY, add_papers, add_source, list_again, make_entry

pytest_plugins = ("tests.storage_fixtures",)

YESTERDAY = TODAY - DAY


def titles(page: TrendPage) -> list[str]:
    return [story.view.title for story in page.stories]


def ids(page: TrendPage) -> list[int]:
    return [story.view.paper_id for story in page.stories]


# --- periods ---------------------------------------------------------------------------------------


@given(day=st.dates(FIRST_DAY, LAST_DAY), span=st.sampled_from(Span))
def test_every_day_is_in_its_period_and_periods_do_not_overlap(day: date, span: Span) -> None:
    """A period is the same for each of its days; the day after it is in the next one."""
    period = period_of(span, day)
    assert period.first <= day <= period.last
    assert period_of(span, period.first) == period_of(span, period.last) == period
    assert period_of(span, period.last + DAY).first == period.last + DAY


@pytest.mark.parametrize(
    ("span", "day", "title"),
    [
        (Span.DAY, date(2026, 3, 16), "Monday, 16 March 2026"),
        (Span.WEEK, date(2026, 3, 18), "16 to 22 March 2026"),
        (Span.WEEK, date(2026, 4, 1), "30 March to 5 April 2026"),
        (Span.WEEK, date(2026, 1, 1), "29 December 2025 to 4 January 2026"),
        (Span.MONTH, date(2026, 2, 28), "February 2026"),
    ],
)
def test_a_period_has_a_name(span: Span, day: date, title: str) -> None:
    assert period_of(span, day).title == title


# --- curves ----------------------------------------------------------------------------------------


def test_a_curve_runs_evenly_in_time_and_from_zero() -> None:
    """A look at a quarter of the time stands at a quarter of the width, half the votes at half the height."""
    curve = draw_curve([(NOW, 0), (NOW + HOUR, 50), (NOW + 4 * HOUR, 100)])
    assert curve is not None
    assert curve.points == "2,18 19,10 70,2"


@pytest.mark.parametrize("history", [[], [(NOW, 3)], [(NOW, 3), (NOW, 5)]])
def test_without_time_between_looks_there_is_no_curve(history: list[tuple[datetime, int]]) -> None:
    assert draw_curve(history) is None
    assert draw_chart({"A": history}) is None


@given(
    votes=st.lists(st.integers(-5, 10**9), min_size=2, max_size=20),
    minutes=st.lists(st.integers(0, 10**6), min_size=20, max_size=20, unique=True),
)
def test_charts_stay_in_their_box(votes: list[int], minutes: list[int]) -> None:
    """Whatever the votes: each point is inside, and the highest tick is not below the most votes."""
    times = [NOW + timedelta(minutes=one) for one in sorted(minutes)]
    history = list(zip(times, votes, strict=False))
    chart, curve = draw_chart({"A": history}), draw_curve(history)
    assert chart is not None
    assert curve is not None
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in chart.lines[0].dots)
    assert 2 <= len(chart.votes) <= 6
    assert int(chart.votes[-1].label.replace(",", "")) >= max(votes)
    for point in curve.points.split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= curve.width
        assert 0 <= y <= curve.height


# --- marks -----------------------------------------------------------------------------------------


def marks(
    listings: Iterable[tuple[int, int]], lists: dict[int, list[int]], *, first: int = 10, last: int = 10
) -> tuple[Mark, ...]:
    """Days are counted in January."""
    period = period_of(Span.DAY, date(2026, 1, last))
    period = type(period)(Span.WEEK, date(2026, 1, first), date(2026, 1, last))
    days = {source: [date(2026, 1, day) for day in own] for source, own in lists.items()}
    newest = max(day for own in days.values() for day in own if day <= period.last)
    told = [(source, date(2026, 1, day)) for source, day in listings]
    return find_marks(told, period, newest=newest, list_days=days, is_rising=False)


def test_new_is_what_no_source_listed_before() -> None:
    assert marks([(1, 10)], {1: [9, 10]}) == (Mark.NEW,)
    assert marks([(2, 9), (1, 10)], {1: [9, 10], 2: [9]}) == ()
    assert marks([(1, 10), (1, 11)], {1: [9, 10, 11]}) == (Mark.NEW,)  # what comes later says nothing


def test_in_a_longer_period_only_the_newest_day_is_new() -> None:
    assert marks([(1, 8)], {1: [8, 9, 10]}, first=8) == ()
    assert marks([(1, 10)], {1: [8, 9, 10]}, first=8) == (Mark.NEW,)


def test_back_is_what_a_source_had_left_out_at_least_once() -> None:
    """A day without any list is no gap, and neither is a day that only others have."""
    assert marks([(1, 8), (1, 10)], {1: [8, 9, 10]}) == (Mark.BACK,)
    assert marks([(1, 8), (1, 10)], {1: [8, 10]}) == ()
    assert marks([(1, 8), (1, 10)], {1: [8, 10], 2: [9]}) == ()
    assert marks([(1, 9), (1, 10)], {1: [8, 9, 10]}) == ()
    assert marks([(1, 5), (1, 7), (1, 10)], {1: [5, 6, 7, 10]}) == ()  # it came back before this day
    assert marks([(1, 8), (2, 10)], {1: [8, 9], 2: [9, 10]}) == ()


# --- what trends -----------------------------------------------------------------------------------


def test_nothing_stored_gives_an_empty_page_of_today(database: Database) -> None:
    page = Browser(database).trending(TrendQuery(), NOW)
    assert (page.stories, page.total, page.pages) == ((), 0, 1)
    assert page.period.last == TODAY
    assert (page.previous, page.next) == (None, None)
    assert page.completeness.short == "No source was read for this."


def test_the_newest_day_is_shown_but_none_to_come(database: Database) -> None:
    """A list that is dated tomorrow waits for tomorrow."""
    with database.write() as s:
        source = add_source(s)
        add_papers(s, [make_entry(1)], source_id=source, day=YESTERDAY)
        add_papers(s, [make_entry(2)], source_id=source, day=TODAY + DAY)
    browser = Browser(database)
    page = browser.trending(TrendQuery(), NOW)
    assert (page.period.last, page.next) == (YESTERDAY, None)
    assert browser.trending(TrendQuery(), NOW + DAY).period.last == TODAY + DAY


def test_previous_and_next_jump_over_days_without_papers(database: Database) -> None:
    """Also by week and month, and with a source to the days of that source."""
    with database.write() as s:
        first, second = add_source(s), add_source(s, "ax", "arxiv")
        add_papers(s, [make_entry(1)], source_id=first, day=TODAY - 40 * DAY)
        add_papers(s, [make_entry(2)], source_id=second, day=TODAY - 3 * DAY)
        add_papers(s, [make_entry(3)], source_id=first, day=TODAY)
    browser = Browser(database)
    today = browser.trending(TrendQuery(), NOW)
    assert today.previous == TODAY - 3 * DAY
    assert browser.trending(TrendQuery(source="hf"), NOW).previous == TODAY - 40 * DAY
    before = browser.trending(TrendQuery(day=TODAY - 3 * DAY, span=Span.WEEK), NOW)
    assert (before.previous, before.next) == (TODAY - 40 * DAY, TODAY)
    month = browser.trending(TrendQuery(span=Span.MONTH), NOW)
    assert month.previous == TODAY - 3 * DAY


def test_most_votes_come_first_and_those_without_last(database: Database) -> None:
    """The last look counts, of several sources the highest; between equals the place on the page."""
    with database.write() as s:
        source, other = add_source(s), add_source(s, "ax", "arxiv")
        told = [
            make_entry(1, votes=5),
            make_entry(2, votes=None),
            make_entry(3, votes=7),
            make_entry(4, votes=5),
        ]
        one, none, _, _ = add_papers(s, told, source_id=source)
        list_again(s, one, make_entry(1, votes=6), now=NOW + HOUR, source_id=source)
        list_again(s, none, make_entry(2, votes=50), now=NOW + HOUR, source_id=other)
    page = Browser(database).trending(TrendQuery(), NOW + 2 * HOUR)
    assert titles(page) == [make_entry(number).title for number in (2, 3, 1, 4)]
    assert [story.view.votes for story in page.stories] == [50, 7, 6, 5]


def test_by_rise_the_fastest_come_first_and_are_marked(database: Database) -> None:
    with database.write() as s:
        source = add_source(s)
        papers = add_papers(s, [make_entry(number, votes=100) for number in range(1, 7)], source_id=source)
        for number, paper in enumerate(papers, start=1):
            grown = 160 if number == 4 else 101
            list_again(s, paper, make_entry(number, votes=grown), now=NOW + DAY, source_id=source)
    page = Browser(database).trending(TrendQuery(day=TODAY, sort=Sort.RISE), NOW + DAY)
    assert ids(page)[0] == papers[3]
    assert [Mark.RISING in story.marks for story in page.stories] == [True, *[False] * 5]
    assert page.stories[0].words == "160 votes, up from 100 on 3 Aug · first seen 3 Aug"
    assert page.stories[0].curve is not None


def test_where_a_source_tells_stars_and_no_votes_these_rise(database: Database) -> None:
    """They are no votes: what has votes stands before them."""
    with database.write() as s:
        code, site = add_source(s, "code", "page"), add_source(s)
        told = [make_entry(number, votes=None, stars=100) for number in range(1, 8)]
        papers = add_papers(s, told, source_id=code)
        for number, paper in enumerate(papers, start=1):
            grown = make_entry(number, votes=None, stars=190 if number == 4 else 101)
            list_again(s, paper, grown, now=NOW + DAY, source_id=code)
        list_again(s, papers[6], make_entry(7, votes=1), now=NOW + DAY, source_id=site)
    page = Browser(database).trending(TrendQuery(day=TODAY), NOW + DAY)
    assert ids(page)[0] == papers[6]
    assert [story.view.paper_id for story in page.stories if Mark.RISING in story.marks] == [papers[3]]


def test_votes_told_only_later_are_those_told_first_also_where_stars_were_told_before(
    database: Database,
) -> None:
    with database.write() as s:
        source = add_source(s)
        (paper,) = add_papers(s, [make_entry(1, votes=None, stars=5)], source_id=source)
        for days in (20, 30):
            list_again(s, paper, make_entry(1, votes=days), now=NOW + days * DAY, source_id=source)
    with database.read() as s:
        (ranked,) = rank_period(s, period_of(Span.DAY, TODAY), NOW + DAY)
    assert ranked.votes == 20


def test_what_was_learnt_says_which_papers_rise(database: Database) -> None:
    """By the sources' names; with one paper there is nothing else to hold it against."""
    with database.write() as s:
        source = add_source(s)
        (paper,) = add_papers(s, [make_entry(1, votes=0)], source_id=source)
        list_again(s, paper, make_entry(1, votes=30), now=NOW + DAY, source_id=source)
    learnt = UsualGrowth({"hf": Usual(papers=100)})
    known, unknown = (
        Browser(database, usual).trending(TrendQuery(day=TODAY), NOW + DAY)
        for usual in (lambda: learnt, lambda: None)
    )
    assert Mark.RISING in known.stories[0].marks
    assert Mark.RISING not in unknown.stories[0].marks


def test_by_newness_what_was_seen_last_comes_first(database: Database) -> None:
    with database.write() as s:
        source = add_source(s)
        old = add_papers(s, [make_entry(1, votes=99)], source_id=source, now=NOW - HOUR)
        new = add_papers(s, [make_entry(2, votes=1)], source_id=source)
    assert ids(Browser(database).trending(TrendQuery(sort=Sort.NEW), NOW)) == new + old


def test_votes_of_a_period_gone_by_are_those_of_a_week_after_it(database: Database) -> None:
    """What comes later changes neither what is shown of that day nor its order."""
    later = NOW + 60 * DAY
    with database.write() as s:
        source = add_source(s)
        low, high = add_papers(s, [make_entry(1, votes=3), make_entry(2, votes=20)], source_id=source)
        list_again(s, low, make_entry(1, votes=9), now=NOW + 6 * DAY, source_id=source)
        list_again(s, low, make_entry(1, votes=500), now=later, source_id=source, day=TODAY + 60 * DAY)
    browser = Browser(database)
    page = browser.trending(TrendQuery(day=TODAY), later + DAY)
    assert [(story.view.paper_id, story.view.votes) for story in page.stories] == [(high, 20), (low, 9)]
    assert browser.trending(TrendQuery(), later + DAY).stories[0].view.votes == 500


def test_only_sources_and_categories_that_occur_can_be_chosen(database: Database) -> None:
    with database.write() as s:
        first, second = add_source(s), add_source(s, "ax", "arxiv")
        add_papers(s, [make_entry(1, categories=("cs.CL", "cs.IR"))], source_id=first)
        add_papers(s, [make_entry(2, categories=("cs.CL",))], source_id=second)
        add_papers(s, [make_entry(3, categories=("math.AG",))], source_id=second, day=YESTERDAY)
    browser = Browser(database)
    page = browser.trending(TrendQuery(), NOW)
    assert page.categories == ("cs.CL", "cs.IR")
    assert [name for name, _ in page.sources] == ["hf", "ax"]
    assert browser.trending(TrendQuery(category="cs.IR"), NOW).total == 1
    assert browser.trending(TrendQuery(source="ax"), NOW).total == 1
    chosen = browser.trending(TrendQuery(day=YESTERDAY, source="hf", category="cs.CL"), NOW)
    assert (chosen.total, [name for name, _ in chosen.sources]) == (0, ["hf", "ax"])
    unknown = browser.trending(TrendQuery(source="nobody"), NOW)
    assert (unknown.total, len(unknown.notes)) == (2, 1)


def test_pages_part_the_list_and_the_last_one_ends_it(database: Database) -> None:
    with database.write() as s:
        add_papers(s, [make_entry(number) for number in range(1, 8)])
    browser = Browser(database)
    pages = [browser.trending(TrendQuery(page=number), NOW, per_page=3) for number in (1, 2, 3)]
    assert [len(page.stories) for page in pages] == [3, 3, 1]
    assert len({one for page in pages for one in ids(page)}) == 7
    assert browser.trending(TrendQuery(page=99), NOW, per_page=3) == pages[2]


def test_what_is_withdrawn_does_not_trend(database: Database) -> None:
    with database.write() as s:
        source = add_source(s)
        gone, _ = add_papers(s, [make_entry(1), make_entry(2)], source_id=source)
        list_again(s, gone, make_entry(1, withdrawn=True), now=NOW, source_id=source)
        from digest.models import Paper

        s.get_one(Paper, gone).withdrawn_at = NOW
    browser = Browser(database)
    page = browser.trending(TrendQuery(), NOW)
    assert gone not in ids(page)
    (day,) = (one for one in browser.archive(None, NOW).days if one.day == page.period.first)
    assert (day.papers, day.top_id) == (page.total, ids(page)[0])


def test_completeness_says_what_was_read_and_what_is_missing(database: Database) -> None:
    with database.write() as s:
        source = add_source(s)
        add_papers(s, [make_entry(1)], source_id=source)
        for hours, verdict, entries in ((0, "partial", 31), (1, "fresh", 50)):
            check = Check(
                source_id=source,
                day=TODAY,
                checked_at=NOW + hours * HOUR,
                verdict=verdict,
                entries=entries,
                declared=50,
            )
            source_rows.add_check(s, check)
    early = Browser(database).trending(TrendQuery(), NOW).completeness.short
    assert early == "31 of 50 papers, incomplete; read once, 3 Aug 06:30 UTC."
    late = Browser(database).trending(TrendQuery(), NOW + 2 * HOUR).completeness.short
    assert late == "50 papers, complete; read twice, last 3 Aug 07:30 UTC."


def test_what_is_kept_goes_with_the_papers(database: Database) -> None:
    """After a refresh (which leaves a check) the same browser shows the new papers."""
    browser = Browser(database)
    assert browser.trending(TrendQuery(), NOW).total == 0
    with database.write() as s:
        source = add_source(s)
        add_papers(s, [make_entry(1)], source_id=source)
        check = Check(source_id=source, day=TODAY, checked_at=NOW, verdict="fresh", entries=1)
        source_rows.add_check(s, check)
    assert browser.trending(TrendQuery(), NOW).total == 1


def test_memo_forgets_the_oldest_and_never_grows_beyond_its_room() -> None:
    memo: Memo[str] = Memo(10, len)
    made: list[str] = []

    def get(text: str) -> str:
        def make() -> str:
            made.append(text)
            return text

        return memo.get(text, make)

    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb", "much too long", "much too long"):
        assert get(text) == text
    assert made == ["aaaa", "bbbb", "cccc", "bbbb", "much too long", "much too long"]


# --- one paper, the archive ------------------------------------------------------------------------


def test_a_paper_is_found_by_every_id_it_has(database: Database) -> None:
    """Also by the number of one that was joined to it."""
    with database.write() as s:
        keep, gone = add_papers(s, [make_entry(1), make_entry(2, arxiv_id=None, doi="10.1000/a/b")])
        assert merging.merge_papers(s, StoredJoin(keep, gone, "same title", 0.9), NOW)
    browser = Browser(database)
    for ref in (str(keep), f"#{keep}", "2608.00001", "arXiv:2608.00001v3", "10.1000/A/b", str(gone)):
        assert browser.resolve(ref) == keep, ref
    for ref in ("", "0", "99999", "1" * 40, "2608.99999", "10.1000/nothing", "‮", "²"):
        assert browser.resolve(ref) is None, ref
    page = browser.paper(keep, NOW)
    assert page is not None
    assert [(one.gone_id, one.reason) for one in page.joined] == [(gone, "same title")]
    assert browser.paper(gone, NOW) is None


def test_a_paper_page_has_every_listing_and_look(database: Database) -> None:
    with database.write() as s:
        source = add_source(s)
        paper = add_papers(s, [make_entry(1, votes=3)], source_id=source)[0]
        list_again(s, paper, make_entry(1, votes=8), now=NOW + DAY, source_id=source, day=TODAY + DAY)
    page = Browser(database).paper(paper, NOW + DAY)
    assert page is not None
    assert page.days == (TODAY, TODAY + DAY)
    assert [(look.at, look.votes) for look in page.looks] == [(NOW, 3), (NOW + DAY, 8)]
    assert page.chart is not None
    assert [tick.label for tick in page.chart.days] == ["3 Aug", "4 Aug"]
    assert [one.label for one in page.listings] == ["Hugging Face"]


def test_the_archive_counts_each_paper_once_and_names_the_top_one(database: Database) -> None:
    with database.write() as s:
        first, second = add_source(s), add_source(s, "ax", "arxiv")
        low, high = add_papers(s, [make_entry(1, votes=1), make_entry(2, votes=9)], source_id=first)
        list_again(s, low, make_entry(1, votes=None), now=NOW, source_id=second)
        early = add_papers(s, [make_entry(3, votes=None)], source_id=second, day=TODAY - 20 * DAY)[0]
    browser = Browser(database)
    page = browser.archive(None, NOW)
    assert [(one.day, one.papers, one.top_id) for one in page.days] == [(TODAY, 2, high)]
    assert [(one.first, one.papers) for one in page.months] == [(date(2026, 8, 1), 2), (date(2026, 7, 1), 1)]
    before = browser.archive(date(2026, 7, 9), NOW)
    assert [(one.day, one.top_id, one.top_votes) for one in before.days] == [(TODAY - 20 * DAY, early, None)]
    assert browser.archive(date(1999, 1, 1), NOW).days == ()


def test_what_a_reader_said_is_told_to_their_present_links_only(database: Database) -> None:
    from digest.models import Feedback
    from tests.storage_rows import add_reader

    with database.write() as s:
        paper = add_papers(s, [make_entry(1)])[0]
        ada, _ = add_reader(s)
        bo, _ = add_reader(s, "bo@example.org")
        for kind in ("more", "saved", "seen"):
            s.add(Feedback(subscriber_id=ada.id, paper_id=paper, kind=kind, created_at=NOW))
    browser = Browser(database)
    assert ada.id is not None
    assert bo.id is not None
    assert browser.said(ada.id, ada.token_version, [paper]) == {paper: frozenset({"more", "saved"})}
    assert browser.said(ada.id, ada.token_version + 1, [paper]) == {}
    assert browser.said(bo.id, bo.token_version, [paper]) == {}


def test_times_without_papers_have_no_neighbours_beyond_what_is_stored(database: Database) -> None:
    """However far away the day: no error, and the way back."""
    with database.write() as s:
        add_papers(s, [make_entry(1)])
    browser = Browser(database)
    for span in Span:
        far = browser.trending(TrendQuery(day=LAST_DAY, span=span), NOW)
        assert (far.total, far.previous, far.next) == (0, TODAY, None)
        long_ago = browser.trending(TrendQuery(day=FIRST_DAY, span=span), datetime(2026, 8, 4, tzinfo=UTC))
        assert (long_ago.total, long_ago.previous, long_ago.next) == (0, None, TODAY)
