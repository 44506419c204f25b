"""arXiv end to end: ``digest refresh`` against a server on loopback that answers like it."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pytest_httpserver import HTTPServer
from sqlmodel import select
from werkzeug import Request, Response

from digest import fetcher
from digest.app import make_app
from digest.checking import read_settings
from digest.models import Paper
from tests import golden
from tests.cli_runner import run

RSS = golden.read("arxiv/feed.rss.xml")
ATOM = golden.read("arxiv/feed.atom.xml")
# The feed of two categories has a paper that is in cs.IR only, and lacks one that is in cs.CL's listing.
LISTING = golden.read("arxiv/list_new.html")
WHOLE = LISTING.replace(b"2603.90005", b"2603.90002")
ERROR = golden.read("arxiv/query_error.xml")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds lie between two requests; that they are asked for is tested elsewhere."""
    patient = partial(fetcher.Fetcher, sleep=lambda _: None, max_wait_s=1000)
    monkeypatch.setattr(fetcher, "Fetcher", patient)


def configure(server: HTTPServer, options: str) -> None:
    Path("digest.toml").write_text(
        f'data_dir = "{Path.cwd() / "data"}"\n[[source]]\nname = "arxiv"\nkind = "arxiv"\n'
        f'url = "{server.url_for("")}"\nallow_private = true\n{options}\n'
    )


def refresh(day: str = "2026-03-11", hour: int = 12) -> dict[str, Any]:
    (row,) = run("refresh", "--json", "--now", f"{day}T{hour:02}:00:00Z").json["sources"]
    return dict(row)


def titles() -> set[str]:
    """Of all stored papers."""
    with closing(make_app(read_settings()).database) as database, database.read() as session:
        return set(session.exec(select(Paper.title)))


def serve(server: HTTPServer, path: str, body: bytes, status: int = 200) -> None:
    server.expect_request(path).respond_with_data(body, status=status, content_type="text/xml")


def asked(server: HTTPServer) -> list[str]:
    return [request.path for request, _ in server.log if request.path != "/robots.txt"]


@pytest.fixture
def one_category(httpserver: HTTPServer) -> HTTPServer:
    """A source of one category; its robots.txt has nothing against anything."""
    serve(httpserver, "/robots.txt", b"", 404)
    configure(httpserver, 'categories = ["cs.CL"]')
    return httpserver


class TestAnnouncements:
    def test_a_feed_with_all_ids_of_its_listing_is_fresh_and_then_unchanged(
        self, one_category: HTTPServer
    ) -> None:
        serve(one_category, "/rss/cs.CL", RSS)
        serve(one_category, "/list/cs.CL/new", WHOLE)
        row = refresh()
        assert (row["verdict"], row["entries"], row["declared"], row["new"]) == ("fresh", 2, 2, 2)
        assert asked(one_category) == ["/rss/cs.CL", "/list/cs.CL/new"]
        assert refresh(hour=14)["verdict"] == "unchanged"

    def test_a_feed_that_lacks_a_paper_of_its_listing_is_partial(self, one_category: HTTPServer) -> None:
        serve(one_category, "/rss/cs.CL", RSS)
        serve(one_category, "/list/cs.CL/new", LISTING)
        assert refresh()["verdict"] == "partial"

    def test_trap_a_feed_of_other_ids_under_todays_date_is_stale(self, one_category: HTTPServer) -> None:
        serve(one_category, "/rss/cs.CL", RSS.replace(b"2603.9000", b"2602.7000"))
        serve(one_category, "/list/cs.CL/new", LISTING)
        row = refresh()
        assert (row["verdict"], row["new"]) == ("stale", 0)

    def test_trap_an_empty_saturday_is_empty(self, httpserver: HTTPServer) -> None:
        configure(httpserver, 'categories = ["cs.IR"]')
        serve(httpserver, "/rss/cs.IR", golden.read("arxiv/feed_saturday.rss.xml"))
        assert refresh("2026-03-14")["verdict"] == "empty"
        assert asked(httpserver) == ["/rss/cs.IR"]

    def test_an_empty_feed_beside_a_full_listing_is_not_believed(self, one_category: HTTPServer) -> None:
        feed = golden.read("arxiv/feed_saturday.rss.xml").replace(b"Sat, 14 Mar", b"Wed, 11 Mar")
        serve(one_category, "/rss/cs.CL", feed)
        serve(one_category, "/list/cs.CL/new", LISTING)
        assert refresh()["verdict"] == "partial"

    def test_a_holiday_is_empty_though_the_listing_still_shows_the_day_before(
        self, one_category: HTTPServer
    ) -> None:
        feed = golden.read("arxiv/feed_saturday.rss.xml").replace(b"Sat, 14 Mar", b"Thu, 12 Mar")
        serve(one_category, "/rss/cs.CL", feed)
        serve(one_category, "/list/cs.CL/new", LISTING)
        assert refresh("2026-03-12")["verdict"] == "empty"

    def test_what_the_listing_has_before_the_feed_is_not_missed(self, one_category: HTTPServer) -> None:
        """In the evening the listing is of the next day already; a feed that stopped stays behind it."""
        serve(
            one_category, "/rss/cs.CL", RSS.replace(b"2603.9000", b"2602.7000").replace(b"11 Mar", b"10 Mar")
        )
        serve(one_category, "/list/cs.CL/new", LISTING)
        row = refresh()
        assert (row["verdict"], row["new"]) == ("fresh", 4)

    def test_a_feed_without_its_container_gives_way_to_the_next(self, one_category: HTTPServer) -> None:
        serve(one_category, "/rss/cs.CL", RSS.replace(b"channel>", b"chanel>"))
        serve(one_category, "/atom/cs.CL", ATOM)
        serve(one_category, "/list/cs.CL/new", WHOLE)
        assert refresh()["verdict"] == "fresh"
        assert asked(one_category) == ["/rss/cs.CL", "/atom/cs.CL", "/list/cs.CL/new"]

    def test_without_any_feed_the_listings_are_read(self, httpserver: HTTPServer) -> None:
        configure(httpserver, 'categories = ["cs.CL", "cs.IR"]\nvia = "list"')
        serve(httpserver, "/robots.txt", b"", 404)
        serve(httpserver, "/list/cs.CL/new", LISTING)
        serve(httpserver, "/list/cs.IR/new", WHOLE)
        row = refresh()
        assert (row["verdict"], row["entries"]) == ("fresh", 3)

    def test_half_a_listing_is_partial(self, httpserver: HTTPServer) -> None:
        configure(httpserver, 'categories = ["cs.CL"]\nvia = "list"')
        serve(httpserver, "/robots.txt", b"", 404)
        second = LISTING.rindex(b"<dt>", 0, LISTING.index(b"item2"))
        serve(httpserver, "/list/cs.CL/new", LISTING[:second] + LISTING[LISTING.index(b"</dl>") :])
        row = refresh()
        assert (row["verdict"], row["entries"], row["declared"]) == ("partial", 1, 2)

    def test_a_listing_that_robots_forbids_does_not_spoil_the_feed(self, httpserver: HTTPServer) -> None:
        configure(httpserver, 'categories = ["cs.CL"]')
        serve(httpserver, "/robots.txt", b"User-agent: *\nDisallow: /\n")
        serve(httpserver, "/rss/cs.CL", RSS)
        serve(httpserver, "/list/cs.CL/new", LISTING)
        assert refresh()["verdict"] == "fresh"
        assert asked(httpserver) == ["/rss/cs.CL"]

    def test_a_replaced_paper_is_updated_and_not_announced_again(self, one_category: HTTPServer) -> None:
        serve(one_category, "/list/cs.CL/new", b"", 404)
        old = RSS.replace(b"replace<", b"new<").replace(b"2511.90004v3", b"2511.90004v1")
        feeds = iter([old.replace(b"11 Mar", b"10 Mar"), RSS.replace(b"Sentence Orders", b"Word Orders")])
        one_category.expect_request("/rss/cs.CL").respond_with_handler(lambda _: Response(next(feeds)))
        assert refresh("2026-03-10")["new"] == 3
        row = refresh("2026-03-11")
        assert (row["entries"], row["new"]) == (2, 0)
        assert "Word Orders of Weather Reports" in titles()


class TestQueries:
    def answer(self, request: Request) -> Response:
        """Three papers, two at a time."""
        start = int(parse_qs(request.query_string.decode())["start"][0])
        entries = "".join(
            f"<entry><id>http://arxiv.org/abs/2603.9010{number}v1</id><title>Folded map {number}</title>"
            f"<summary>About map {number}.</summary></entry>"
            for number in range(start, min(start + 2, 3))
        )
        return Response(
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/">'
            f"<o:totalResults>3</o:totalResults>{entries}</feed>"
        )

    def test_a_standing_query_is_paged_by_its_count(self, httpserver: HTTPServer) -> None:
        configure(httpserver, 'query = "ti:map"')
        httpserver.expect_request("/api/query").respond_with_handler(self.answer)
        row = refresh()
        assert (row["verdict"], row["entries"], row["declared"], row["new"]) == ("fresh", 3, 3, 3)
        assert len(asked(httpserver)) == 2

    def test_trap_an_error_that_arrives_as_an_entry_is_told(self, httpserver: HTTPServer) -> None:
        configure(httpserver, 'query = "ti:map"')
        serve(httpserver, "/api/query", ERROR)
        row = refresh()
        assert row["verdict"] == "broken"
        assert "incorrect id format for 9999.1" in row["error"]
