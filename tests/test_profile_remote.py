"""Libraries kept elsewhere: a Zotero library and an ORCID record, read politely and without telling keys."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from digest.errors import FetchError, ParseError, UsageError
from digest.fetcher import Fetcher
from digest.libraries import zotero
from digest.pipeline.remote_libraries import Place, RemoteLibrary, fetch_orcid, fetch_zotero
from tests.cli_runner import ok, run
from tests.loopback import ManualClock
from tests.test_main_job import configure

KEY = "very-secret-key-of-zotero"
ORCID = "0000-0002-1825-0097"
READER = "ada@example.org"


def paper(number: int, *collections: str, **given: Any) -> dict[str, Any]:
    """An item of a Zotero library."""
    data = {
        "key": f"KEY{number:05d}",
        "itemType": "journalArticle",
        "title": f"Kept paper {number}",
        "abstractNote": f"Of thing {number}.",
        "creators": [{"creatorType": "author", "firstName": "Ada", "lastName": "Example"}],
        "DOI": f"10.5555/z.{number}",
        "date": "2019-04",
        "publicationTitle": "Journal of Examples",
        "collections": list(collections),
    }
    return {"key": data["key"], "data": data | given}


class FakeZotero:
    """A library behind the web API, in pages of two."""

    def __init__(self, server: HTTPServer, items: list[dict[str, Any]]) -> None:
        self.server, self.items, self.version = server, items, 7
        self.collections: list[dict[str, Any]] = []
        self.asked: list[Request] = []
        self.headers: dict[str, str] = {}
        self.on_page: Callable[[int], None] = lambda start: None
        server.expect_request("/users/12/items/top").respond_with_handler(self._items)
        server.expect_request("/users/12/collections").respond_with_handler(self._collections)

    def _items(self, request: Request) -> Response:
        self.asked.append(request)
        start = int(request.args.get("start", "0"))
        self.on_page(start)
        headers = {"Last-Modified-Version": str(self.version), **self.headers}
        if start + 2 < len(self.items):
            following = f"{self.server.url_for('/users/12/items/top')}?start={start + 2}"
            headers["Link"] = f'<{following}>; rel="next", <{following}>; rel="last"'
        return Response(json.dumps(self.items[start : start + 2]), headers=headers)

    def _collections(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(json.dumps([{"data": one} for one in self.collections]))


@pytest.fixture
def library(httpserver: HTTPServer) -> FakeZotero:
    return FakeZotero(httpserver, [paper(number) for number in range(1, 6)])


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    clock = ManualClock()
    with Fetcher("test", clock=lambda: clock.time, sleep=clock.sleep) as made:
        yield made


def read(fetcher: Fetcher, library: FakeZotero, **given: Any) -> RemoteLibrary:
    place = Place(library.server.url_for("").rstrip("/"), allow_private=True, key=KEY)
    return fetch_zotero(fetcher, place, zotero.read_name("users/12"), **given)


class TestZotero:
    def test_is_read_page_by_page_with_the_key_in_a_header(
        self, fetcher: Fetcher, library: FakeZotero
    ) -> None:
        found = read(fetcher, library)
        assert [one.title for one in found.papers] == [f"Kept paper {number}" for number in range(1, 6)]
        first = found.papers[0]
        assert (first.doi, first.year, first.venue, first.authors, first.kind) == (
            "10.5555/z.1",
            2019,
            "Journal of Examples",
            ("Ada Example",),
            "article",
        )
        assert len(library.asked) == 4
        for request in library.asked:
            assert request.headers["Zotero-API-Key"] == KEY
            assert request.headers["Zotero-API-Version"] == "3"
            assert KEY not in request.url
        assert library.asked[0].args["limit"] == "100"

    def test_notes_and_files_are_no_papers_and_ids_stand_in_many_places(
        self, fetcher: Fetcher, library: FakeZotero
    ) -> None:
        library.items = [
            paper(1, itemType="note"),
            paper(2, itemType="attachment"),
            paper(3, DOI="", extra="Some\narXiv: 2101.00003 [cs]\nDOI: 10.5555/extra"),
            paper(4, DOI="", itemType="preprint", archiveID="arXiv:2101.00004"),
            paper(5, DOI="", url="https://arxiv.org/abs/2101.00005"),
            paper(6, DOI="", title="", abstractNote=""),
        ]
        found = read(fetcher, library)
        assert [(one.arxiv_id, one.doi) for one in found.papers] == [
            ("2101.00003", "10.5555/extra"),
            ("2101.00004", None),
            ("2101.00005", None),
        ]
        assert found.problems == ("Zotero item KEY00006: neither a title nor an id",)

    def test_collections_inside_of_others_count_for_the_outermost(
        self, fetcher: Fetcher, library: FakeZotero
    ) -> None:
        library.items = [paper(1, "AAAAAAAA"), paper(2, "BBBBBBBB", "CCCCCCCC"), paper(3), paper(4, "GONE")]
        library.collections = [
            {"key": "AAAAAAAA", "name": "Outer", "parentCollection": False},
            {"key": "BBBBBBBB", "name": "Inner", "parentCollection": "AAAAAAAA"},
            {"key": "CCCCCCCC", "name": "Circle", "parentCollection": "DDDDDDDD"},
            {"key": "DDDDDDDD", "name": "Other", "parentCollection": "CCCCCCCC"},
        ]
        found = read(fetcher, library)
        assert found.collections["Outer"] == (0, 1)
        assert 1 in next(places for name, places in found.collections.items() if name != "Outer")

    def test_a_pause_that_is_asked_for_is_kept(self, fetcher: Fetcher, library: FakeZotero) -> None:
        slept: list[float] = []
        library.headers = {"Backoff": "7"}
        read(fetcher, library, sleep=slept.append)
        assert slept == [7.0, 7.0, 7.0]
        library.headers = {"Backoff": "86400"}
        with pytest.raises(FetchError, match="pause of 86400 seconds"):
            read(fetcher, library, sleep=slept.append)

    def test_that_changes_while_it_is_read_is_read_again(self, fetcher: Fetcher, library: FakeZotero) -> None:
        def change(start: int) -> None:
            if start == 2 and library.version == 7:
                library.version = 8
                library.items.append(paper(6))

        library.on_page = change
        found = read(fetcher, library)
        assert (len(found.papers), found.problems) == (6, ())

    def test_that_never_rests_is_told(self, fetcher: Fetcher, library: FakeZotero) -> None:
        def change(_: int) -> None:
            library.version += 1

        library.on_page = change
        assert "changed while it was read" in read(fetcher, library).problems[0]

    def test_goes_to_no_other_site(self, fetcher: Fetcher, library: FakeZotero) -> None:
        library.headers = {"Link": '<http://127.0.0.1:9/steal>; rel="next"'}
        library.items = library.items[:1]
        with pytest.raises(FetchError, match="another site"):
            read(fetcher, library)

    @pytest.mark.parametrize(("status", "told"), [(403, "DIGEST_ZOTERO_KEY"), (404, "no such library")])
    def test_that_may_not_be_read_is_told(
        self, fetcher: Fetcher, httpserver: HTTPServer, status: int, told: str
    ) -> None:
        httpserver.expect_request("/users/12/items/top").respond_with_data("no", status=status)
        place = Place(httpserver.url_for("").rstrip("/"), allow_private=True)
        with pytest.raises(UsageError, match=told):
            fetch_zotero(fetcher, place, zotero.read_name("12"))

    @pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, b"\xff", b'"x"'])
    def test_an_answer_that_is_none_is_told(self, body: bytes) -> None:
        with pytest.raises(ParseError, match="Zotero's answer"):
            zotero.read_items(body)

    @pytest.mark.parametrize(
        "body", [b"[]", b"[1, null, {}]", b'[{"data": {"itemType": 5, "creators": {}, "collections": 1}}]']
    )
    def test_odd_items_harm_nothing(self, body: bytes) -> None:
        assert all(one.paper is None for one in zotero.read_items(body))
        assert zotero.read_collections(body) == {}

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("12", ("users", "12", None)),
            ("users/12", ("users", "12", None)),
            ("groups/34/", ("groups", "34", None)),
            ("https://www.zotero.org/groups/34/some_name/library", ("groups", "34", None)),
            ("groups/34/collections/abcd2345", ("groups", "34", "ABCD2345")),
        ],
    )
    def test_is_named_by_its_number(self, text: str, name: tuple[str, str, str | None]) -> None:
        found = zotero.read_name(text)
        assert (found.kind, found.number, found.collection) == name

    @pytest.mark.parametrize("text", ["", "me", "users/me", "../12", "users/12/../../keys?x"])
    def test_other_names_are_refused_or_harmless(self, text: str) -> None:
        with suppress(UsageError):
            assert zotero.read_name(text).items_url("https://z").startswith("https://z/users/12/items/top?")


# --- ORCID -----------------------------------------------------------------------------------------


def work(number: int, *ids: tuple[str, str, str], **given: Any) -> dict[str, Any]:
    """A group of one summary."""
    external = {
        "external-id": [
            {"external-id-type": kind, "external-id-value": value, "external-id-relationship": how}
            for kind, value, how in ids
        ]
    }
    summary = {
        "put-code": number,
        "title": {"title": {"value": f"Written paper {number}"}, "subtitle": None},
        "external-ids": external,
        "type": "journal-article",
        "publication-date": {"year": {"value": "2020"}},
        "journal-title": {"value": "Journal of Examples"},
    }
    return {"external-ids": external, "work-summary": [summary | given]}


def serve_orcid(server: HTTPServer, groups: list[dict[str, Any]], details: list[dict[str, Any]]) -> Place:
    def answer(_: Request) -> Response:
        return Response(json.dumps({"bulk": [{"work": one} for one in details] + [{"error": {}}]}))

    server.expect_request(f"/v3.0/{ORCID}/works").respond_with_json({"group": groups})
    codes = ",".join(str(one["work-summary"][0]["put-code"]) for one in groups if one["work-summary"])
    server.expect_request(f"/v3.0/{ORCID}/works/{codes}").respond_with_handler(answer)
    return Place(server.url_for("").rstrip("/"), allow_private=True)


GROUPS = [
    work(1, ("doi", "10.5555/One", "self"), ("doi", "10.5555/book", "part-of")),
    work(2, ("arxiv", "arXiv:2101.00002", "self")),
    work(3),
]


class TestOrcid:
    def test_works_are_read_with_their_ids_and_abstracts(
        self, fetcher: Fetcher, httpserver: HTTPServer
    ) -> None:
        details = [
            {
                "put-code": 2,
                "title": {"title": {"value": "x"}},
                "short-description": "Of two things.",
                "contributors": {"contributor": [{"credit-name": {"value": "Ada Example"}}, {}]},
            }
        ]
        found = fetch_orcid(fetcher, serve_orcid(httpserver, GROUPS, details), ORCID)
        assert [(one.title, one.doi, one.arxiv_id, one.abstract) for one in found.papers] == [
            ("Written paper 1", "10.5555/one", None, ""),
            ("Written paper 2", None, "2101.00002", "Of two things."),
            ("Written paper 3", None, None, ""),
        ]
        assert found.papers[1].authors == ("Ada Example",)
        assert (found.papers[0].year, found.papers[0].venue) == (2020, "Journal of Examples")

    def test_without_abstracts_there_are_the_works(self, fetcher: Fetcher, httpserver: HTTPServer) -> None:
        httpserver.expect_request(f"/v3.0/{ORCID}/works").respond_with_json({"group": GROUPS})
        place = Place(httpserver.url_for("").rstrip("/"), allow_private=True)
        found = fetch_orcid(fetcher, place, f"https://orcid.org/{ORCID}")
        assert len(found.papers) == 3
        assert "abstracts are missing" in found.problems[0]

    def test_works_without_a_title_or_id_are_counted(self, fetcher: Fetcher, httpserver: HTTPServer) -> None:
        groups = [work(1, title=None), {"work-summary": []}, {}, work(2)]
        groups[0]["work-summary"][0]["external-ids"] = None
        groups[0]["external-ids"] = None
        place = serve_orcid(httpserver, groups[:1] + groups[3:], [])
        httpserver.clear()
        httpserver.expect_request(f"/v3.0/{ORCID}/works").respond_with_json({"group": groups})
        found = fetch_orcid(fetcher, place, ORCID)
        assert found.problems[0] == "ORCID: 3 works tell neither a title nor an id"

    def test_needs_an_id_that_is_one_and_a_record(self, fetcher: Fetcher, httpserver: HTTPServer) -> None:
        httpserver.expect_request(f"/v3.0/{ORCID}/works").respond_with_data("", status=404)
        place = Place(httpserver.url_for("").rstrip("/"), allow_private=True)
        with pytest.raises(UsageError, match="is no ORCID iD"):
            fetch_orcid(fetcher, place, "0000-0002-1825-0098")
        with pytest.raises(UsageError, match="no public record"):
            fetch_orcid(fetcher, place, ORCID)

    def test_an_answer_that_is_none_is_told(self, fetcher: Fetcher, httpserver: HTTPServer) -> None:
        httpserver.expect_request(f"/v3.0/{ORCID}/works").respond_with_data("<html>")
        place = Place(httpserver.url_for("").rstrip("/"), allow_private=True)
        with pytest.raises(ParseError, match="ORCID's answer"):
            fetch_orcid(fetcher, place, ORCID)


# --- by the command line -----------------------------------------------------------------------------


def settings(server: HTTPServer, *, private: bool = True) -> None:
    base = server.url_for("").rstrip("/")
    configure(
        "http://127.0.0.1:9",
        f'zotero_url = "{base}/"\nzotero_key = "{KEY}"\norcid_url = "{base}"\n'
        f"library_allow_private = {str(private).lower()}",
    )
    ok("subscriber", "add", READER, "--active")


class TestByTheCommandLine:
    def test_a_zotero_library_becomes_examples(self, library: FakeZotero) -> None:
        settings(library.server)
        found = ok("profile", "import", READER, "--zotero", "12", "--json").json
        assert (found["matched"], found["pending"], found["unmatched"]) == (0, 5, [])
        assert found["interests"] == [{"name": "Papers you liked", "papers": 5}]

    def test_its_collections_become_interests(self, library: FakeZotero) -> None:
        library.items = [paper(1, "AAAAAAAA"), paper(2, "AAAAAAAA"), paper(3)]
        library.collections = [{"key": "AAAAAAAA", "name": "Mine", "parentCollection": False}]
        settings(library.server)
        found = ok("profile", "import", READER, "--zotero", "users/12", "--collections", "--json").json
        assert found["interests"] == [
            {"name": "Mine", "papers": 2},
            {"name": "Papers you liked", "papers": 1},
        ]

    def test_an_orcid_record_becomes_examples(self, httpserver: HTTPServer) -> None:
        serve_orcid(httpserver, GROUPS, [])
        settings(httpserver)
        found = ok("profile", "import", READER, "--orcid", ORCID, "--interest", "Mine", "--json").json
        assert (found["pending"], found["interests"]) == (2, [{"name": "Mine", "papers": 3}])
        assert "ORCID: “Written paper 3”" in found["unmatched"][0]

    def test_private_addresses_are_refused_unless_allowed(self, library: FakeZotero) -> None:
        settings(library.server, private=False)
        for words in (("--zotero", "12"), ("--orcid", ORCID)):
            ran = run("profile", "import", READER, *words)
            assert ran.code == 2
            assert "is on a private network; if that is meant, set library_allow_private" in ran.err
        assert library.asked == []

    def test_the_key_is_never_told(self, library: FakeZotero, caplog: pytest.LogCaptureFixture) -> None:
        settings(library.server)
        caplog.set_level(logging.DEBUG)
        told = ok("profile", "import", READER, "--zotero", "12").err
        library.headers = {"Backoff": "86400"}
        told += run("profile", "import", READER, "--zotero", "12").err
        assert KEY not in told + caplog.text
        assert KEY not in repr(Place("https://z", key=KEY))
