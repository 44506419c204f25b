"""The invented site: its answers have the real shapes, and its five days tell the story they should."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from digest.demo.answers import daily_item, daily_json, daily_page
from digest.demo.plan import DemoPaper, Plan, load_plan
from digest.demo.site import PAGE_CAP, DemoSite
from digest.types import Entry, PageRequest

MON, TUE, WED, THU, FRI = (date(2026, 1, day) for day in range(12, 17))
DAYS = (MON, TUE, WED, THU, FRI)


def morning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan()


@pytest.fixture
def site() -> Iterator[DemoSite]:
    with DemoSite() as running:
        yield running


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def ids(papers: list[DemoPaper]) -> set[str]:
    return {paper.arxiv_id for paper in papers}


# --- the papers ------------------------------------------------------------------------------------


def test_papers_are_about_sixty_and_each_is_complete(plan: Plan) -> None:
    """About sixty papers with abstracts of 500 to 1,100 characters, distinct ids and distinct titles."""
    assert len(plan.papers) == 60
    assert len({paper.arxiv_id for paper in plan.papers}) == len({p.title for p in plan.papers}) == 60
    assert all(500 <= len(paper.abstract) <= 1100 for paper in plan.papers)
    assert all(paper.authors for paper in plan.papers)


def test_ids_cannot_be_real(plan: Plan) -> None:
    """arXiv counts about 25,000 papers a month; these numbers begin at 90,000."""
    assert all(paper.arxiv_id.startswith("2601.9") and len(paper.arxiv_id) == 10 for paper in plan.papers)


def test_links_lead_to_invented_places_only(plan: Plan) -> None:
    """Code is under example-org, everything else on example.org."""
    for paper in plan.papers:
        assert paper.code is None or paper.code.startswith("https://github.com/example-org/")
        assert paper.project is None or paper.project.startswith("https://example.org/")


def test_papers_hold_the_traps_of_real_ones(plan: Plan) -> None:
    """LaTeX remains, letters beyond ASCII, markup characters and one very long title are among them."""
    titles = [paper.title for paper in plan.papers]
    assert any("$" in title for title in titles)
    assert any("<" in title and "&" in title for title in titles)
    assert any(not title.isascii() for title in titles)
    assert sum(len(title) > 250 for title in titles) == 1
    assert sum("\\" in paper.abstract for paper in plan.papers) > 5


def test_some_authors_recur_so_that_they_can_be_followed(plan: Plan) -> None:
    """Each followed author writes in at least three of the five days."""
    for author in ("Ada Example", "Cy Specimen", "Fay Mockup"):
        assert len({paper.listed[0] for paper in plan.papers if author in paper.authors}) >= 3


# --- the days --------------------------------------------------------------------------------------


def test_days_are_five_consecutive_weekdays(plan: Plan) -> None:
    """Monday to Friday."""
    assert tuple(day.date for day in plan.days) == DAYS
    assert [day.weekday() for day in DAYS] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("day", [MON, TUE, WED, FRI])
def test_a_day_lists_12_to_16_papers(plan: Plan, day: date) -> None:
    """Once it is complete."""
    assert 12 <= len(plan.listing(day, morning(FRI))) <= 16


def test_one_day_is_late(plan: Plan) -> None:
    """Tuesday's list is empty all Tuesday and complete on Wednesday morning."""
    assert plan.listing(TUE, morning(TUE)) == []
    assert plan.listing(TUE, datetime(2026, 1, 13, 23, 59, tzinfo=UTC)) == []
    assert len(plan.listing(TUE, morning(WED))) == 14


def test_one_day_is_empty(plan: Plan) -> None:
    """Thursday lists nothing, then and later."""
    assert plan.listing(THU, morning(THU)) == plan.listing(THU, morning(FRI)) == []


def test_one_paper_returns_under_a_later_date(plan: Plan) -> None:
    """Exactly one paper of Monday is listed on Friday too."""
    both = ids(plan.listing(MON, morning(FRI))) & ids(plan.listing(FRI, morning(FRI)))
    assert len(both) == 1
    assert [paper.listed for paper in plan.papers if len(paper.listed) > 1] == [(MON, FRI)]


def test_a_day_grows_while_it_lasts(plan: Plan) -> None:
    """Two papers join Monday's list after the morning."""
    assert len(plan.listing(MON, morning(MON))) + 2 == len(plan.listing(MON, morning(TUE)))


def test_votes_never_fall_and_one_rises_strongly(plan: Plan) -> None:
    """Votes grow from day to day; after its first morning one paper grows more than tenfold."""
    for paper in plan.papers:
        votes = [paper.votes_on(day) for day in DAYS if day >= paper.listed[0]]
        assert all(after >= before for before, after in pairwise(votes))
    assert max(paper.votes_on(FRI) / max(paper.votes_on(paper.listed[0]), 1) for paper in plan.papers) > 10


def test_nothing_is_shown_before_its_day(plan: Plan) -> None:
    """A list of tomorrow is empty."""
    for day in DAYS:
        assert plan.listing(day + timedelta(days=1), morning(day)) == []


# --- the answers -----------------------------------------------------------------------------------


def test_items_have_the_fields_of_real_ones(plan: Plan, shared: Path) -> None:
    """No field that real items never have, and each that they always have, but for those of a later year."""
    real = [
        item
        for file in sorted((shared / "pages/huggingface/daily").glob("2026-08-*.json"))
        for item in json.loads(file.read_text(encoding="utf-8"))
    ]
    ours = [daily_item(paper, paper.listed[0], FRI) for paper in plan.papers]
    for part in (lambda item: item, lambda item: item["paper"], lambda item: item["paper"]["authors"][0]):
        known = set().union(*(part(item) for item in real))
        always = set.intersection(*(set(part(item)) for item in real))
        always -= {"ai_summary", "ai_keywords", "ai_summary_model"}
        for item in ours:
            assert set(part(item)) <= known
            assert set(part(item)) >= always


def test_the_list_of_a_day_is_sorted_by_votes(plan: Plan) -> None:
    """Most votes first, as with date= on the real site."""
    votes = [item["paper"]["upvotes"] for item in json.loads(daily_json(plan, MON, morning(FRI)))]
    assert votes == sorted(votes, reverse=True)
    assert len(votes) == 15


def test_without_a_date_the_list_is_newest_first(plan: Plan) -> None:
    """Each paper once, under its last date."""
    items = json.loads(daily_json(plan, None, morning(FRI)))
    dates = [item["paper"]["submittedOnDailyAt"] for item in items]
    assert dates == sorted(dates, reverse=True)
    assert len({item["paper"]["id"] for item in items}) == len(items) == 60


class _Cards(HTMLParser):
    """Counts what a browser would show."""

    def __init__(self) -> None:
        super().__init__()
        self.articles = 0
        self.props: list[dict[str, object]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.articles += tag == "article"
        if values.get("data-target") == "DailyPapers":
            self.props.append(json.loads(values["data-props"] or ""))


@pytest.mark.parametrize("day", DAYS)
def test_the_page_holds_the_api_list_as_json_and_as_cards(plan: Plan, day: date) -> None:
    """The page's JSON is the API's list, beside the page's date and its neighbours; each paper has a card."""
    now = morning(FRI)
    page = _Cards()
    page.feed(daily_page(plan, day, now))
    assert page.props[0]["dailyPapers"] == json.loads(daily_json(plan, day, now))
    assert page.props[0]["date"] == f"{day}T00:00:00.000Z"
    assert page.props[0]["nextDate"] == str(day + timedelta(days=1))
    assert page.props[0]["prevDate"] == str(day - timedelta(days=1))
    assert page.articles == len(plan.listing(day, now))


# --- the parsers of the program --------------------------------------------------------------------


def _by_id(entries: tuple[Entry, ...]) -> dict[str | None, Entry]:
    return {entry.arxiv_id: entry for entry in entries}


@pytest.mark.parametrize("day", [MON, TUE, WED, FRI])
def test_all_three_ways_of_reading_give_the_same_entries(plan: Plan, day: date) -> None:
    """API and page JSON are equal in every field; cards in the fields that they carry."""
    from digest.sources.huggingface import parse_daily_api, parse_daily_cards, parse_daily_props

    now = morning(FRI)
    page = daily_page(plan, day, now)
    api = parse_daily_api(daily_json(plan, day, now).encode())
    props, cards = parse_daily_props(page), parse_daily_cards(page)
    assert api.entries == props.entries
    assert len(api.entries) == len(plan.listing(day, now))
    assert {entry.listed_on for entry in api.entries} == {day}
    for entry, card in zip(api.entries, cards.entries, strict=True):
        assert (entry.arxiv_id, entry.title, entry.votes, entry.comments, entry.position) == (
            card.arxiv_id,
            card.title,
            card.votes,
            card.comments,
            card.position,
        )


def test_parsed_texts_are_readable(plan: Plan) -> None:
    """LaTeX remains become Unicode, and dollars, braces and backslashes are gone."""
    from digest.sources.huggingface import parse_daily_api

    entries = [
        entry
        for day in (MON, TUE, WED, FRI)
        for entry in parse_daily_api(daily_json(plan, day, morning(FRI)).encode()).entries
    ]
    titles = " ".join(entry.title for entry in entries)
    texts = " ".join(entry.abstract for entry in entries)
    assert "Sparse²Seg" in titles
    assert "17.76%" in texts
    assert "naïve" in texts
    assert not set("\\${}") & set(texts + titles)


def test_optional_fields_arrive(plan: Plan) -> None:
    """Code, stars, project page, organisation, summary and keywords are read."""
    from digest.sources.huggingface import parse_daily_api

    entry = _by_id(parse_daily_api(daily_json(plan, MON, morning(FRI)).encode()).entries)["2601.90100"]
    assert entry.code_url == "https://github.com/example-org/shelfmark"
    assert entry.stars == 212 + 161 // 4
    assert entry.organisation == "Example Institute"
    assert entry.summary
    assert "dense retrieval" in entry.keywords
    assert entry.authors == ("Ada Example", "Bo Sample", "Kit Pattern")
    assert entry.submitter


def test_empty_days_parse_both_ways(plan: Plan) -> None:
    """A day without papers is a page without entries, not a broken one."""
    from digest.sources.huggingface import parse_daily_api, parse_daily_page

    assert parse_daily_api(daily_json(plan, THU, morning(THU)).encode()).entries == ()
    parsed = parse_daily_page(daily_page(plan, THU, morning(THU)))
    assert parsed.entries == ()
    assert parsed.page_date == THU


# --- the server ------------------------------------------------------------------------------------


def test_paging_brings_every_paper_once(site: DemoSite) -> None:
    """The server caps below the limit asked for; pages until an empty one bring the whole list."""
    site.now = FRI
    seen: list[str] = []
    for page in range(5):
        _, _, body = get(f"{site.url}/api/daily_papers?date={MON}&limit=100&p={page}")
        items = json.loads(body)
        assert len(items) <= PAGE_CAP
        seen += [item["paper"]["id"] for item in items]
    assert len(seen) == len(set(seen)) == 15


def test_a_page_that_has_not_changed_is_not_sent_again(site: DemoSite) -> None:
    """The ETag sent back gives 304 without a body, until votes have changed."""
    url = f"{site.url}/api/daily_papers?date={MON}&limit=100&p=0"
    status, headers, body = get(url)
    assert status == 200
    assert body
    status, _, body = get(url, **{"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")
    site.now = TUE
    status, _, body = get(url, **{"If-None-Match": headers["ETag"]})
    assert status == 200
    assert body


def test_the_rate_limit_is_told_and_counts_down(site: DemoSite) -> None:
    """In the real site's words, one count for the API and one for pages."""
    first, second = (get(f"{site.url}/api/daily_papers?date={MON}")[1]["RateLimit"] for _ in range(2))
    assert (first, second) == ('"api";r=499;t=300', '"api";r=498;t=300')
    assert get(f"{site.url}/papers?date={MON}")[1]["RateLimit"] == '"pages";r=99;t=300'


def test_on_the_day_of_the_outage_only_the_page_answers(site: DemoSite) -> None:
    """The API says 503 for every day asked for; the page has them all; the day after, the API is back."""
    site.now = WED
    for day in (MON, TUE, WED):
        assert get(f"{site.url}/api/daily_papers?date={day}")[0] == 503
        assert get(f"{site.url}/papers?date={day}")[0] == 200
    site.now = THU
    assert get(f"{site.url}/api/daily_papers?date={WED}")[0] == 200


@pytest.mark.parametrize("path", ["/", "/papers/2601.90100", "/api/models", "/../papers.json", "//["])
def test_everything_else_is_not_found(site: DemoSite, path: str) -> None:
    """404, or 400 where the address itself is none, and the site lives on."""
    assert get(f"{site.url}{path}")[0] in (404, 400)
    assert get(f"{site.url}/papers?date={MON}")[0] == 200


@pytest.mark.parametrize(
    "query", ["date=yesterday", "date=2026-13-01", f"date={MON}&limit=many", f"date={MON}&limit=0", "p=-1"]
)
def test_a_wrong_question_is_told(site: DemoSite, query: str) -> None:
    """400 with an error in JSON."""
    status, _, body = get(f"{site.url}/api/daily_papers?{query}")
    assert status == 400
    assert "error" in json.loads(body)


def test_the_site_keeps_to_loopback_and_ends_cleanly(capfd: pytest.CaptureFixture[str]) -> None:
    """It listens on 127.0.0.1, prints nothing, and leaves no thread and no open port behind."""
    before = threading.active_count()
    with DemoSite() as site:
        url = site.url
        assert url.startswith("http://127.0.0.1:")
        get(f"{url}/papers?date={MON}")
    assert threading.active_count() == before
    with pytest.raises(urllib.error.URLError):
        get(f"{url}/papers?date={MON}")
    with pytest.raises(RuntimeError):
        _ = site.url
    assert capfd.readouterr() == ("", "")


def test_the_clock_of_the_site_is_aware(site: DemoSite) -> None:
    """A date is that day's morning; a naive time is refused."""
    site.now = WED
    assert site.now == morning(WED)
    with pytest.raises(ValueError, match="naive"):
        site.now = datetime(2026, 1, 14, 6)


def test_an_error_inside_the_site_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised where the site ends, so that a test or a demonstration cannot pass over it."""

    def broken(*_: object) -> str:
        raise KeyError("invented")

    monkeypatch.setattr("digest.demo.site.daily_page", broken)
    with pytest.raises(KeyError, match="invented"), DemoSite() as site, pytest.raises((OSError, ValueError)):
        get(f"{site.url}/papers?date={MON}")


def test_requests_reach_a_source_by_a_base_address(site: DemoSite) -> None:
    """The source kind's own requests find both ways at the site."""
    from digest.sources import get_kind

    kind = get_kind("huggingface")
    ways = dict(kind.day_requests(site.url, kind.Options(), MON))
    assert set(ways) == {"api", "page"}
    site.now = FRI
    for way, pages in (("api", 2), ("page", 1)):
        request: PageRequest | None = ways[way]
        found: dict[str | None, Entry] = {}
        for _ in range(pages):
            assert request is not None
            _, headers, body = get(request.url)
            parsed = kind.parse(body, request, kind.Options(), content_type=headers["Content-Type"])
            found |= _by_id(parsed.entries)
            request = parsed.next_requests[0] if parsed.next_requests else None
        assert len(found) == 15
