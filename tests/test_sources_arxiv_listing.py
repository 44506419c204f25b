"""arXiv's listing pages: as a check of a feed, and as the list itself."""

import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ParseError
from digest.sources.arxiv import Arxiv, ArxivOptions, parse_listing
from digest.sources.arxiv_requests import CHECK, LISTING, listing_request
from digest.types import Entry, PageRequest, ParsedPage
from tests import golden

DAY = date(2026, 3, 11)
MIRROR = "http://127.0.0.1:8000"
PAGE = golden.read("arxiv/list_new.html")
NO_UPDATES = golden.read("arxiv/list_no_updates.html")


def options(*categories: str, cross: bool = False) -> ArxivOptions:
    return ArxivOptions.model_validate({"categories": categories or ("cs.CL",), "cross": cross})


def request(role: str = LISTING, feed_day: str = "", category: str = "cs.CL") -> PageRequest:
    told = (("day", feed_day),) if feed_day else ()
    return listing_request(MIRROR, category, DAY, role=role, told=told)


def parsed(body: bytes, asked: PageRequest, chosen: ArxivOptions | None = None) -> ParsedPage:
    return Arxiv().parse(body, asked, chosen or options())


def ids(entries: tuple[Entry, ...]) -> list[str | None]:
    return [entry.arxiv_id for entry in entries]


def listing(heading: str, *numbers: int, day: str = "Wednesday, 11 March 2026") -> bytes:
    """A page of one section."""
    terms = "".join(
        f'<dt><a href="/abs/2603.{number}" title="Abstract">arXiv:2603.{number}</a></dt>'
        f'<dd><div class="list-title"><span class="descriptor">Title:</span> Paper {number}</div></dd>'
        for number in numbers
    )
    return f"<h3>Showing new listings for {day}</h3><dl><h3>{heading}</h3>{terms}</dl>".encode()


class TestGoldenListing:
    @pytest.mark.parametrize("role", [LISTING, CHECK])
    def test_a_listing_gives_what_is_expected(self, role: str) -> None:
        page = parsed(PAGE, request(role))
        assert golden.as_json(page) == golden.expected("arxiv/list_new.html", role)

    def test_trap_the_headings_count_what_is_listed(self) -> None:
        """ "Showing 2 of 2 entries" is the best self-check of any source."""
        counts = {
            name: (one.shown, one.total, one.ends)
            for name, one in parse_listing(PAGE.decode()).sections.items()
        }
        assert counts == {"new": (2, 2, True), "cross": (1, 1, True), "replacement": (1, 1, True)}

    def test_a_day_without_updates_is_an_empty_list(self) -> None:
        page = parsed(NO_UPDATES, request())
        assert (page.entries, page.declared, page.page_date) == ((), 0, date(2026, 3, 12))


class TestAsCheck:
    def test_a_check_has_the_ids_that_a_feed_must_have(self) -> None:
        page = parsed(PAGE, request(CHECK, "2026-03-11"))
        assert (page.only_checks, page.declared, page.page_date) == (True, 2, DAY)
        assert ids(page.entries) == ["2603.90001", "2603.90005"]

    def test_cross_listed_papers_count_by_setting(self) -> None:
        page = parsed(PAGE, request(CHECK, "2026-03-11"), options(cross=True))
        assert page.declared == 3
        assert ids(page.entries) == ["2603.90001", "2603.90005", "2603.90003"]

    def test_trap_a_feed_of_yesterday_under_todays_date_shares_no_ids_with_its_check(self) -> None:
        feed = golden.read("arxiv/feed.rss.xml").replace(b"2603.9000", b"2603.7000")
        chosen = options("cs.CL")
        first = Arxiv().day_requests(MIRROR, chosen, DAY)[0][1]
        page = Arxiv().parse(feed, first, chosen)
        check = Arxiv().parse(PAGE, page.next_requests[0], chosen)
        assert check.page_date == page.page_date
        assert not set(ids(page.entries)) & set(ids(check.entries))
        assert check.entries

    def test_a_listing_older_than_its_feed_tells_nothing(self) -> None:
        """On a holiday the feed is empty and the listing still shows the day before."""
        page = parsed(PAGE, request(CHECK, "2026-03-12"))
        assert page == ParsedPage((), only_checks=True)

    def test_a_listing_newer_than_its_feed_lists(self) -> None:
        """It is renewed in the evening, hours before the feed, and goes on where a feed has stopped."""
        page = parsed(PAGE, request(CHECK, "2026-03-10"))
        assert (page.only_checks, page.declared, page.page_date) == (False, None, DAY)
        assert page.entries == parsed(PAGE, request()).entries
        assert {entry.listed_on for entry in page.entries} == {DAY}

    def test_a_check_without_titles_still_has_its_ids(self) -> None:
        page = parsed(PAGE.replace(b"list-title", b"list-name"), request(CHECK))
        assert ids(page.entries) == ["2603.90001", "2603.90005"]


class TestAsList:
    def test_several_categories_are_asked_one_page_each(self) -> None:
        chosen = options("cs.CL", "cs.IR", "math.IT")
        page = parsed(PAGE, request(), chosen)
        assert [one.url for one in page.next_requests] == [
            f"{MIRROR}/list/cs.IR/new",
            f"{MIRROR}/list/cs.IT/new",
        ]
        assert not any(one.optional for one in page.next_requests)
        assert parsed(PAGE, page.next_requests[0], chosen).next_requests == ()

    def test_a_long_list_goes_on_until_what_is_wanted_ends(self) -> None:
        first = listing("New submissions (showing first 2 of 3 entries)", 90001, 90002)
        page = parsed(first, request())
        (following,) = page.next_requests
        assert following.url == f"{MIRROR}/list/cs.CL/new?skip=2&show=2000"
        last = listing("New submissions (continued, showing last 1 of 3 entries)", 90003)
        end = parsed(last, following)
        assert (page.declared, end.declared, end.next_requests) == (3, 3, ())

    def test_counts_of_pages_before_are_carried_on(self) -> None:
        first = listing("New submissions (showing first 2 of 3 entries)", 90001, 90002)
        (following,) = parsed(first, request(), options(cross=True)).next_requests
        cross = listing("Cross submissions (showing first 1 of 2 entries)", 90007)
        page = parsed(cross, following, options(cross=True))
        assert page.declared == 5
        assert [one.url for one in page.next_requests] == [f"{MIRROR}/list/cs.CL/new?skip=3&show=2000"]

    def test_a_page_without_entries_ends_the_list(self) -> None:
        assert (
            parsed(listing("New submissions (showing first 2 of 3 entries)"), request()).next_requests == ()
        )

    def test_entries_without_titles_are_skipped(self) -> None:
        page = parsed(PAGE.replace(b"list-title", b"list-name"), request())
        assert (page.entries, page.skipped) == ((), 4)

    def test_authors_that_are_not_shown_are_no_author(self) -> None:
        more = (
            b', et al. (<a href="https://arxiv.org/abs/2603.90001">12 additional authors not shown</a>)</div>'
        )
        body = PAGE.replace(b"Jos\xc3\xa9 Muestra</a></div>", b"Jos\xc3\xa9 Muestra</a>" + more)
        assert body != PAGE
        assert parsed(body, request()).entries[0].authors == ("Ada Beispiel", "José Muestra")


class TestMutations:
    @pytest.mark.parametrize("role", [LISTING, CHECK])
    def test_without_its_heading_a_listing_is_broken(self, role: str) -> None:
        renamed = PAGE.replace(b"<h3>", b"<h4>").replace(b"</h3>", b"</h4>")
        with pytest.raises(ParseError, match="Showing new listings"):
            parsed(renamed, request(role))

    def test_without_its_sections_a_listing_is_broken(self) -> None:
        with pytest.raises(ParseError, match="sections"):
            parsed(PAGE.replace(b"(showing", b"(having"), request())

    def test_half_a_list_declares_more_than_it_lists(self) -> None:
        second = PAGE.rindex(b"<dt>", 0, PAGE.index(b"item2"))
        page = parsed(PAGE[:second] + PAGE[PAGE.index(b"</dl>") :], request())
        assert (page.declared, page.skipped) == (2, 0)
        assert sum(entry.announces for entry in page.entries) == 1

    def test_entries_under_another_name_are_missed(self) -> None:
        page = parsed(PAGE.replace(b"<dt>", b"<p>"), request())
        assert (page.declared, page.entries) == (2, ())

    def test_among_several_categories_a_count_that_is_not_met_is_a_disagreement(self) -> None:
        """Their papers together say nothing about one page, so the page has to be whole by itself."""
        short = listing("New submissions (showing 3 of 3 entries)", 90001, 90002)
        page = parsed(short, request(), options("cs.CL", "cs.IR"))
        assert page.disagreement == "arXiv's heading counts 3 new papers, 2 can be read"
        assert parsed(PAGE, request(), options("cs.CL", "cs.IR")).disagreement is None


class TestHostileListings:
    @pytest.mark.parametrize("body", [b"", b"null", b"{}", b"<html><title>Just a moment...</title></html>"])
    def test_what_is_no_listing_is_refused(self, body: bytes) -> None:
        with pytest.raises(ParseError, match="looked for arXiv's list"):
            parsed(body, request())

    @pytest.mark.parametrize("day", ["Wednesday, 41 March 2026", "today", "Wednesday, 11 March 99999"])
    def test_a_day_that_is_none_is_no_listing(self, day: str) -> None:
        with pytest.raises(ParseError):
            parsed(listing("New submissions (showing 1 of 1 entries)", 90001, day=day), request())

    def test_counts_beyond_reason_are_no_counts(self) -> None:
        with pytest.raises(ParseError, match="sections"):
            parsed(listing(f"New submissions (showing 1 of {'9' * 5000} entries)", 90001), request())

    @pytest.mark.parametrize(
        "piece", [b"<h3><b>", b"<dl><dt>", b"<dt><a href='/abs/2603.90001'>", b"<ul><li>", b"<h3>New ("]
    )
    def test_nesting_costs_no_more_than_the_html_parser_itself_takes(self, piece: bytes) -> None:
        """Nested lists keep that one busy by themselves, which the bounds of the child are for."""
        started = time.monotonic()
        body = listing("New submissions (showing 1 of 1 entries)", 90001) + piece * (40_000 // len(piece))
        with suppress(ParseError):
            parsed(body, request())
        assert time.monotonic() - started < 5

    def test_elements_inside_each_other_are_refused(self) -> None:
        """Reading each would take as often as long as there are of them."""
        with pytest.raises(ParseError, match="inside each other"):
            parsed(PAGE.replace(b"<dt>", b"<dt><dl><dt>"), request())

    @given(st.data())
    def test_a_damaged_listing_gives_a_page_or_a_parse_error(self, data: st.DataObject) -> None:
        body = bytearray(PAGE)
        for _ in range(data.draw(st.integers(1, 5))):
            place = data.draw(st.integers(0, len(body)))
            body[place : place + data.draw(st.integers(0, 200))] = data.draw(st.binary(max_size=20))
        for role in (LISTING, CHECK):
            try:
                page = parsed(bytes(body), request(role))
            except ParseError:
                continue
            assert all(entry.arxiv_id for entry in page.entries)

    @given(
        st.dictionaries(
            st.sampled_from(["base", "category", "skip", "new", "cross", "day"]), st.text(max_size=9)
        )
    )
    def test_whatever_was_carried_is_read_without_a_crash(self, carried: dict[str, str]) -> None:
        asked = PageRequest(url=MIRROR, day=DAY, role=LISTING, carry=tuple(carried.items()))
        page = parsed(listing("New submissions (showing first 1 of 3 entries)", 90001), asked)
        assert ids(page.entries) == ["2603.90001"]


class TestRealListing:
    def test_trap_the_real_listing_counts_in_its_headings(self, shared: Path) -> None:
        body = (shared / "pages" / "arxiv" / "list_new_cs.AI_2026-08-12_trimmed.html").read_bytes()
        chosen = options("cs.AI", cross=True)
        page = parsed(body, request(CHECK, "2026-08-12", "cs.AI"), chosen)
        assert (page.declared, page.page_date) == (4, date(2026, 8, 12))
        assert ids(page.entries) == ["2608.09949", "2608.09967", "2505.11635", "2607.28646"]
        full = parsed(body, request(LISTING, category="cs.AI"), chosen)
        assert [entry.version for entry in full.entries] == [1, 1, 2, None, 5, 2]
        assert [entry.announces for entry in full.entries] == [True] * 4 + [False] * 2
        assert full.entries[3].venue == "2026 Narrative Inquiry 23 (2)"
        assert full.entries[3].title.startswith('"YES! YES!')
        assert all(entry.abstract and entry.authors and entry.categories for entry in full.entries)
