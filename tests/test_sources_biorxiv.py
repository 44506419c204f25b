"""bioRxiv and medRxiv: days of records, of which only the first versions are news."""

import json
import re
import time
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from digest import fetcher
from digest.errors import ParseError
from digest.sources.biorxiv import BioRxiv, BioRxivOptions, MedRxiv
from digest.types import PageRequest, ParsedPage
from tests import golden
from tests.cli_runner import run
from tests.hostile_text import hostile_text

DAY = date(2026, 3, 11)
MIRROR = "http://127.0.0.1:8000"
DETAILS = golden.read("biorxiv/details.json")
NOTHING = golden.read("biorxiv/details_nothing.json")
ALL = BioRxivOptions()


class Foreign(BaseModel):
    """Options of another kind."""


def first(kind: BioRxiv | None = None, url: str = MIRROR) -> PageRequest:
    ((way, request),) = (kind or BioRxiv()).day_requests(url, ALL, DAY)
    assert way == "api"
    return request


def parsed(body: bytes, request: PageRequest | None = None, options: BioRxivOptions = ALL) -> ParsedPage:
    return BioRxiv().parse(body, request or first(), options)


def record(number: int, version: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "doi": f"10.1101/2026.03.11.{900000 + number}",
        "title": f"Paper {number}",
        "date": "2026-03-11",
        "version": str(version),
        **more,
    }


def answer(*records: Any, **message: Any) -> bytes:
    told = {"status": "ok", "interval": "2026-03-11:2026-03-11", "count": len(records), **message}
    return json.dumps({"messages": [told], "collection": list(records)}).encode()


class Site:
    """The API with so many records, in pages of ``size``; ``lost`` records never come, though counted."""

    def __init__(self, records: list[dict[str, Any]], size: int, lost: int = 0) -> None:
        self.records, self.size, self.total = records, size, len(records) + lost
        self.asked: list[str] = []

    def read(self, options: BioRxivOptions = ALL) -> tuple[list[ParsedPage], int | None]:
        """All pages, as whoever makes the requests follows them, and the most that any declares."""
        pages: list[ParsedPage] = []
        waiting = [first()]
        while waiting and len(pages) < 40:
            request = waiting.pop(0)
            self.asked.append(request.url.rpartition("/")[2])
            cursor = int(self.asked[-1])
            here = self.records[cursor : cursor + self.size]
            body = answer(*here, total=str(self.total), cursor=cursor) if here else NOTHING
            pages.append(parsed(body, request, options))
            waiting += pages[-1].next_requests
        return pages, max((page.declared for page in pages if page.declared is not None), default=None)


def announced(pages: list[ParsedPage]) -> int:
    return sum(entry.announces for page in pages for entry in page.entries)


class TestGoldenAnswer:
    def test_an_answer_gives_what_is_expected(self) -> None:
        page = parsed(DETAILS)
        assert json.loads(json.dumps(golden.as_json(page))) == golden.expected("biorxiv/details.json")
        assert (page.declared, page.next_requests) == (3, ())

    def test_later_versions_update_and_do_not_announce(self) -> None:
        assert [(one.version, one.announces) for one in parsed(DETAILS).entries] == [
            (1, True), (2, False), (1, True), (1, True),
        ]  # fmt: skip

    def test_names_are_told_as_they_are_spoken(self) -> None:
        assert parsed(DETAILS).entries[0].authors == (
            "A. B. Beispiel",
            "J.-P. van der Muster",
            "The Invented Atlas Consortium",
            "L. O'Sample Jr.",
        )

    def test_the_journals_doi_is_another_id_and_not_the_preprints(self) -> None:
        moths = parsed(DETAILS).entries[1]
        assert (moths.doi, moths.other_ids) == (
            "10.64898/2025.12.01.900002",
            (("journal_doi", "10.5555/moths.2026.4"),),
        )

    @pytest.mark.parametrize("status", ["no posts found", "No articles found"])
    @pytest.mark.parametrize("collection", [{"collection": []}, {}, {"collection": None}])
    def test_a_day_without_posts_is_an_empty_page(self, status: str, collection: dict[str, Any]) -> None:
        page = parsed(json.dumps({"messages": [{"status": status}], **collection}).encode())
        assert page == ParsedPage(())


class TestPaging:
    @pytest.mark.parametrize("size", [30, 100])
    def test_the_next_answer_starts_after_as_many_as_came(self, size: int) -> None:
        """The site has given 100 at a time and gives 30; stepping by a fixed number would lose most."""
        site = Site([record(number, version=1 + number % 3) for number in range(250)], size)
        pages, declared = site.read()
        assert announced(pages) == declared == 84
        assert site.asked == [str(start) for start in range(0, 250, size)]

    def test_records_that_were_promised_and_never_came_are_missed(self) -> None:
        pages, declared = Site([record(number) for number in range(40)], 30, lost=5).read()
        assert (announced(pages), declared) == (40, 45)

    def test_revisions_are_not_missed_among_what_is_new(self) -> None:
        """``total`` counts versions; a day of 40 records with 39 revisions is whole with one paper."""
        pages, declared = Site(
            [record(number, version=2 if number else 1) for number in range(40)], 30
        ).read()
        assert announced(pages) == declared == 1

    def test_a_filter_does_not_look_like_missing_papers(self) -> None:
        records = [
            record(number, category="zoology" if number < 45 else "Cell Biology") for number in range(70)
        ]
        pages, declared = Site(records, 30).read(BioRxivOptions(categories=("cell_biology",)))
        assert announced(pages) == declared == 25

    def test_a_page_of_what_was_left_out_still_has_entries(self) -> None:
        """So that whoever follows the pages does not take it for the end."""
        page = parsed(
            answer(record(1, category="zoology"), total=9), options=BioRxivOptions(categories=("ecology",))
        )
        assert [entry.announces for entry in page.entries] == [False]
        assert page.next_requests

    def test_counts_come_as_numbers_or_as_text(self) -> None:
        for total in (2, "2"):
            assert parsed(answer(record(1), record(2), total=total)).declared == 2

    @pytest.mark.parametrize("total", [None, "", "many", -1, True, 1.5, [], "9" * 5000])
    def test_without_a_count_the_answers_are_read_until_one_is_empty(self, total: Any) -> None:
        page = parsed(answer(record(1), total=total))
        assert page.declared is None
        (following,) = page.next_requests
        assert parsed(NOTHING, following) == ParsedPage(())

    def test_all_requests_wait_for_each_other_by_a_second(self) -> None:
        requests = [first(), *parsed(answer(record(1), total=9)).next_requests, first(MedRxiv())]
        assert {(one.turn, one.spacing_s, one.documented) for one in requests} == {("biorxiv", 1.0, True)}

    def test_an_answer_for_another_day_says_so(self) -> None:
        page = parsed(answer(record(1, date="2026-03-10"), interval="2026-03-10:2026-03-10", total=1))
        assert (page.page_date, page.entries[0].listed_on) == (date(2026, 3, 10), date(2026, 3, 10))


class TestMutations:
    @pytest.mark.parametrize("name", ["collection", "messages"])
    def test_without_its_containers_an_answer_is_broken(self, name: str) -> None:
        with pytest.raises(ParseError, match="looked for the API's answer"):
            parsed(DETAILS.replace(f'"{name}"'.encode(), b'"things"'))

    def test_half_a_list_declares_more_than_it_lists(self) -> None:
        whole = json.loads(DETAILS)
        whole["collection"] = whole["collection"][:2]
        page = parsed(json.dumps(whole).encode())
        assert (page.declared, announced([page])) == (3, 1)

    def test_half_a_list_is_missed_at_the_end_of_the_walk_too(self) -> None:
        """A server that cuts every answer alike and repeats itself proves nothing whole."""
        whole = json.loads(DETAILS)
        whole["collection"] = whole["collection"][:2]
        body = json.dumps(whole).encode()
        page = parsed(body)
        last = parsed(body, page.next_requests[0])
        assert last.next_requests == ()
        assert (last.declared or 0) > announced([page])

    @pytest.mark.parametrize("name", ["doi", "title"])
    def test_records_without_what_is_required_are_skipped(self, name: str) -> None:
        page = parsed(DETAILS.replace(f'"{name}"'.encode(), b'"thing"'))
        assert (page.entries, page.skipped) == ((), 4)


class TestRecords:
    def one(self, **fields: Any) -> Any:
        (entry,) = parsed(answer(record(1, **fields), total=1)).entries
        return entry

    def test_versions_of_one_day_are_one_paper_told_by_the_newest(self) -> None:
        body = answer(record(1, 2, title="Better"), record(1, 1, title="First"), total=2)
        (entry,) = parsed(body).entries
        assert (entry.title, entry.version, entry.announces, entry.published_on) == ("Better", 2, True, DAY)
        assert parsed(body).declared == 1

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"title": "WITHDRAWN: A Clock"}, True),
            ({"title": "A Clock [WITHDRAWN]"}, False),
            ({"title": "Withdrawn"}, True),
            ({"type": "withdrawn"}, True),
            ({"abstract": "The authors have withdrawn their manuscript owing to an error."}, True),
            ({"abstract": "This manuscript has been withdrawn by bioRxiv."}, True),
            ({"title": "Withdrawn mice drink more"}, False),
            ({"abstract": "Mice were withdrawn. The authors have withdrawn blood."}, False),
        ],
    )
    def test_withdrawn_preprints_are_marked(self, fields: dict[str, str], expected: bool) -> None:
        assert self.one(**fields).withdrawn is expected

    @pytest.mark.parametrize("version", [None, "", "one", {}, 1.0, True, "1000"])
    def test_an_unreadable_version_counts_as_the_first(self, version: Any) -> None:
        """Better shown once too often than never."""
        entry = self.one(version=version)
        assert (entry.version, entry.announces) == (None, True)

    @pytest.mark.parametrize("value", [None, 3, True, [], {}, ["a"], 1e300])
    @pytest.mark.parametrize(
        "name",
        ["authors", "abstract", "category", "published", "date", "type", "author_corresponding_institution"],
    )
    def test_fields_of_the_wrong_type_count_as_not_there(self, name: str, value: Any) -> None:
        entry = self.one(**{name: value})
        assert entry.title == "Paper 1"
        assert not entry.authors
        assert not entry.other_ids

    def test_text_is_clean_and_bounded(self) -> None:
        entry = self.one(
            title="A\u202eB \ud800<b>bold</b> " + "x" * 5000,
            authors="; ".join(["Doe, J."] * 9000),
            category="c" * 999,
        )
        assert entry.title.startswith("AB bold x")
        assert (len(entry.title), len(entry.authors), len(entry.categories[0])) == (1000, 5000, 200)

    @pytest.mark.parametrize("text", ["(" * 500_000, ";" * 1_000_000, ", " * 500_000, "10.1101/" * 120_000])
    def test_fault_15_a_megabyte_made_to_be_slow_is_read_soon(self, text: str) -> None:
        started = time.monotonic()
        parsed(answer(record(1, title=text, authors=text, abstract=text, published=text, date=text), total=1))
        assert time.monotonic() - started < 5


class TestHostileAnswers:
    @pytest.mark.parametrize(
        "body",
        [
            b"", b"null", b"[]", b'""', b"{}", b"7", b"<html>Bad gateway</html>", b"[" * 100_000,
            DETAILS[:700],
            b'{"messages": [], "collection": []}', b'{"messages": [null], "collection": []}',
            b'{"messages": {"status": "ok"}, "collection": []}', b'{"messages": [{"status": "ok"}]}',
            b'{"messages": [{"status": "ok"}], "collection": {"a": 1}}',
            b'{"messages": [{"status": 200}], "collection": []}',
        ],
    )  # fmt: skip
    def test_fault_21_what_is_no_answer_is_refused(self, body: bytes) -> None:
        with pytest.raises(ParseError):
            parsed(body)

    def test_an_error_is_told_in_its_own_words(self) -> None:
        with pytest.raises(ParseError, match="the API answered: Error: no such server"):
            parsed(b'{"messages": [{"status": "Error: no such server"}], "collection": []}')

    def test_no_posts_beside_posts_is_no_empty_day(self) -> None:
        with pytest.raises(ParseError, match="no posts found"):
            parsed(answer(record(1), status="no posts found"))

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | hostile_text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )

    @given(
        st.dictionaries(st.sampled_from(["status", "total", "count", "cursor", "interval"]), json_values),
        st.lists(
            json_values
            | st.dictionaries(
                st.sampled_from(["doi", "title", "authors", "version", "date", "published", "category"]),
                json_values,
            ),
            max_size=4,
        ),
    )
    def test_values_of_any_type_give_a_page_or_a_parse_error(
        self, message: dict[str, Any], records: list[Any]
    ) -> None:
        body = json.dumps({"messages": [{"status": "ok", **message}], "collection": records}).encode()
        try:
            page = parsed(body)
        except ParseError:
            return
        assert all(entry.doi and entry.title for entry in page.entries)

    @given(st.data())
    def test_a_damaged_answer_gives_a_page_or_a_parse_error(self, data: st.DataObject) -> None:
        body = bytearray(DETAILS)
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(body)))
            body[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
        try:
            page = parsed(bytes(body))
        except ParseError:
            return
        assert all(entry.doi and entry.title for entry in page.entries)

    @given(st.dictionaries(st.sampled_from(["base", "cursor", "announced", "total"]), st.text(max_size=9)))
    def test_whatever_was_carried_is_read_without_a_crash(self, carried: dict[str, str]) -> None:
        request = PageRequest(url=MIRROR, day=DAY, carry=tuple(carried.items()))
        assert len(parsed(DETAILS, request).entries) == 4


class TestTheKinds:
    def test_both_servers_are_asked_at_one_address(self) -> None:
        assert first(url="https://api.biorxiv.org").url == (
            "https://api.biorxiv.org/details/biorxiv/2026-03-11/2026-03-11/0"
        )
        assert first(MedRxiv()).url == f"{MIRROR}/details/medrxiv/2026-03-11/2026-03-11/0"
        assert MedRxiv.default_url == BioRxiv.default_url == "https://api.biorxiv.org"

    def test_medrxiv_goes_on_at_medrxiv(self) -> None:
        (following,) = MedRxiv().parse(answer(record(1), total=3), first(MedRxiv()), ALL).next_requests
        assert following.url == f"{MIRROR}/details/medrxiv/2026-03-11/2026-03-11/1"

    def test_each_day_has_a_list_of_its_own(self) -> None:
        assert BioRxiv().is_dated(ALL)

    @pytest.mark.parametrize(
        "wrong", [{"category": "ecology"}, {"categories": [""]}, {"categories": ["x" * 101]}]
    )
    def test_wrong_options_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError, match="categor"):
            BioRxivOptions.model_validate(wrong)

    def test_options_of_another_kind_are_a_mistake_of_the_caller(self) -> None:
        with pytest.raises(TypeError, match="Foreign"):
            BioRxiv().day_requests(MIRROR, Foreign(), DAY)


class TestRefresh:
    """``digest refresh`` against a server on loopback that answers like the API."""

    @pytest.fixture(autouse=True)
    def _no_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        patient = partial(fetcher.Fetcher, sleep=lambda _: None, max_wait_s=1000)
        monkeypatch.setattr(fetcher, "Fetcher", patient)

    def refresh(self, server: HTTPServer, kind: str, options: str = "") -> dict[str, Any]:
        Path("digest.toml").write_text(
            f'data_dir = "{Path.cwd() / "data"}"\n[[source]]\nname = "{kind}"\nkind = "{kind}"\n'
            f'url = "{server.url_for("")}"\nallow_private = true\n{options}\n'
        )
        words = ("refresh", "--date", "2026-03-11", "--now", "2026-03-12T12:00:00Z", "--json")
        (row,) = run(*words).json["sources"]
        return dict(row)

    def serve(self, server: HTTPServer, records: list[dict[str, Any]], *, kind: str) -> None:
        """Thirty records at a time."""

        def answer_from(request: Request) -> Response:
            cursor = int(request.path.rpartition("/")[2])
            here = records[cursor : cursor + 30]
            return Response(answer(*here, total=str(len(records))) if here else NOTHING)

        pattern = re.compile(rf"/details/{kind}/2026-03-11/2026-03-11/\d+")
        server.expect_request(pattern).respond_with_handler(answer_from)

    @pytest.mark.parametrize("kind", ["biorxiv", "medrxiv"])
    def test_a_day_is_read_whole(self, httpserver: HTTPServer, kind: str) -> None:
        self.serve(httpserver, [record(number, 1 + (number % 5 == 0)) for number in range(70)], kind=kind)
        row = self.refresh(httpserver, kind)
        assert (row["verdict"], row["entries"], row["declared"], row["new"]) == ("fresh", 56, 56, 56)
        assert len(httpserver.log) == 3
        assert self.refresh(httpserver, kind)["verdict"] == "unchanged"

    def test_a_filter_leaves_the_rest_out_and_the_day_whole(self, httpserver: HTTPServer) -> None:
        records = [record(number, category="zoology" if number % 35 else "ecology") for number in range(70)]
        self.serve(httpserver, records, kind="biorxiv")
        row = self.refresh(httpserver, "biorxiv", 'categories = ["Ecology"]')
        assert (row["verdict"], row["entries"], row["new"]) == ("fresh", 2, 2)

    def test_records_that_never_come_make_a_day_partial(self, httpserver: HTTPServer) -> None:
        def answer_once(request: Request) -> Response:
            first = request.path.endswith("/0")
            return Response(answer(*map(record, range(30)), total=60) if first else NOTHING)

        httpserver.expect_request(re.compile("/details/.*")).respond_with_handler(answer_once)
        row = self.refresh(httpserver, "biorxiv")
        assert (row["verdict"], row["entries"], row["declared"]) == ("partial", 30, 60)

    def test_a_day_without_posts_is_empty(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request(re.compile("/details/.*")).respond_with_data(NOTHING)
        assert self.refresh(httpserver, "biorxiv")["verdict"] == "empty"

    def test_without_its_container_a_day_is_broken(self, httpserver: HTTPServer) -> None:
        body = DETAILS.replace(b'"collection"', b'"things"')
        httpserver.expect_request(re.compile("/details/.*")).respond_with_data(body)
        assert self.refresh(httpserver, "biorxiv")["verdict"] == "broken"

    def test_a_page_of_another_day_is_stale(self, httpserver: HTTPServer) -> None:
        body = DETAILS.replace(b"2026-03-11", b"2026-03-10")
        httpserver.expect_request(re.compile("/details/.*")).respond_with_data(body)
        assert self.refresh(httpserver, "biorxiv")["verdict"] == "stale"
