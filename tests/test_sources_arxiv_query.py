"""arXiv's query API: standing queries, and asking for papers by their ids."""

import json
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ParseError
from digest.sources.arxiv import Arxiv, ArxivOptions, fill_in_requests, parse_atom
from digest.types import PageRequest, ParsedPage
from tests import golden

DAY = date(2026, 3, 12)
MIRROR = "http://127.0.0.1:8000"
ANSWER = golden.read("arxiv/query.xml")
ERROR = golden.read("arxiv/query_error.xml")


def asked(request: PageRequest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}


def first(chosen: ArxivOptions, url: str = MIRROR) -> PageRequest:
    ((way, request),) = Arxiv().day_requests(url, chosen, DAY)
    assert way == "query"
    return request


def answer(total: int, *numbers: int) -> bytes:
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/2603.{number}v1</id><title>Paper {number}</title></entry>"
        for number in numbers
    )
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/">'
        f"<o:totalResults>{total}</o:totalResults>{entries}</feed>"
    ).encode()


class TestGoldenAnswer:
    def test_an_answer_gives_what_is_expected(self) -> None:
        page = parse_atom(ANSWER, announces=True)
        assert golden.as_json(page) == golden.expected("arxiv/query.xml")
        assert page.declared == 4

    def test_what_an_enricher_asks_for_announces_nothing(self) -> None:
        assert not any(entry.announces for entry in parse_atom(ANSWER).entries)

    def test_the_primary_category_comes_first_and_codes_of_the_ams_are_none(self) -> None:
        assert parse_atom(ANSWER).entries[0].categories == ("cs.LG", "cs.CL")

    def test_trap_a_withdrawn_paper_tells_so_in_its_comment(self) -> None:
        assert [entry.withdrawn for entry in parse_atom(ANSWER).entries] == [False, False, True, False]


class TestStandingQuery:
    def test_the_newest_papers_are_asked_for(self) -> None:
        request = first(ArxivOptions(query=' ti:"folded maps" AND cat:cs.LG ', max_results=40))
        assert asked(request) == {
            "search_query": 'ti:"folded maps" AND cat:cs.LG',
            "start": "0",
            "max_results": "40",
            "sortBy": "submittedDate",
            "sortOrder": "descending",
        }
        assert request.documented

    def test_categories_narrow_a_query(self) -> None:
        request = first(ArxivOptions(query="all:origami", categories=("cs.LG", "math.GT")))
        assert asked(request)["search_query"] == "(all:origami) AND (cat:cs.LG OR cat:math.GT)"

    def test_it_has_a_host_of_its_own(self) -> None:
        request = first(ArxivOptions(query="all:origami"), "https://arxiv.org")
        assert request.url.startswith("https://export.arxiv.org/api/query?")

    def test_further_pages_start_after_as_many_as_came(self) -> None:
        """A server may cap a page below what was asked for."""
        chosen = ArxivOptions(query="all:origami", max_results=250)
        page = Arxiv().parse(answer(400, 90001, 90002), first(chosen), chosen)
        (following,) = page.next_requests
        assert page.declared == 250
        assert (asked(following)["start"], asked(following)["max_results"]) == ("2", "100")
        page = Arxiv().parse(answer(5, 90003, 90004), following, chosen)
        assert (page.declared, asked(page.next_requests[0])["start"]) == (5, "4")

    def test_no_more_than_wanted_is_asked_for(self) -> None:
        chosen = ArxivOptions(query="all:origami", max_results=3)
        (following,) = Arxiv().parse(answer(28946, 90001, 90002), first(chosen), chosen).next_requests
        assert asked(following)["max_results"] == "1"
        assert Arxiv().parse(answer(28946, 90003), following, chosen).next_requests == ()

    def test_all_that_was_found_ends_the_list(self) -> None:
        chosen = ArxivOptions(query="all:origami")
        page = Arxiv().parse(ANSWER, first(chosen), chosen)
        assert (page.declared, page.next_requests) == (4, ())
        assert all(entry.announces for entry in page.entries)

    def test_an_empty_page_ends_the_list_and_leaves_the_count(self) -> None:
        """The API is known to answer without entries now and then."""
        chosen = ArxivOptions(query="all:origami")
        page = Arxiv().parse(answer(4), first(chosen), chosen)
        assert (page.entries, page.declared, page.next_requests) == ((), 4, ())

    def test_nothing_found_is_an_empty_list(self) -> None:
        chosen = ArxivOptions(query="all:origami")
        assert Arxiv().parse(answer(0), first(chosen), chosen) == ParsedPage((), declared=0)


class TestFillIn:
    def test_ids_are_asked_for_by_hundreds(self) -> None:
        requests = fill_in_requests(MIRROR, [f"2603.{number}" for number in range(10000, 10250)])
        assert [asked(request)["max_results"] for request in requests] == ["100", "100", "50"]
        assert asked(requests[2])["id_list"].split(",")[-1] == "2603.10249"
        assert all(len(request.url) < 2000 for request in requests)
        assert {(request.turn, request.spacing_s, request.documented) for request in requests} == {
            ("arxiv", 3.0, True)
        }

    def test_one_wrong_id_does_not_spoil_a_batch(self) -> None:
        (request,) = fill_in_requests(
            "https://arxiv.org", ["2603.90001v2", "nonsense", "math.GT/0309136", "2603.90001"]
        )
        assert asked(request)["id_list"] == "2603.90001,math/0309136"
        assert request.url.startswith("https://export.arxiv.org/api/query?")

    def test_without_ids_nothing_is_asked(self) -> None:
        assert fill_in_requests(MIRROR, []) == fill_in_requests(MIRROR, ["?"]) == ()

    def test_an_id_without_a_paper_is_skipped(self) -> None:
        body = answer(2, 90001).replace(
            b"</feed>", b"<entry><id>http://arxiv.org/abs/2603.99999</id></entry></feed>"
        )
        page = parse_atom(body)
        assert (len(page.entries), page.skipped) == (1, 1)


class TestMutations:
    def test_without_its_container_an_answer_is_broken(self) -> None:
        with pytest.raises(ParseError, match="looked for the Atom feed"):
            parse_atom(ANSWER.replace(b"<feed", b"<food").replace(b"</feed", b"</food"))

    def test_entries_under_another_name_are_not_an_empty_answer(self) -> None:
        page = parse_atom(ANSWER.replace(b"<entry>", b"<one>").replace(b"</entry>", b"</one>"))
        assert (page.entries, page.skipped) == ((), 4)

    def test_half_a_list_declares_more_than_it_lists(self) -> None:
        cut = b"<entry>".join(ANSWER.split(b"<entry>")[:3]) + b"</feed>"
        chosen = ArxivOptions(query="all:origami")
        page = Arxiv().parse(cut, first(chosen), chosen)
        assert (page.declared, len(page.entries)) == (4, 2)


class TestErrors:
    def test_trap_an_error_arrives_as_a_normal_entry(self) -> None:
        with pytest.raises(
            ParseError, match=r"arXiv answered with an error: incorrect id format for 9999\.1"
        ):
            parse_atom(ERROR)

    def test_trap_an_error_among_papers_is_an_error_too(self) -> None:
        entry = ERROR[ERROR.index(b"<entry>") : ERROR.index(b"</feed>")]
        with pytest.raises(ParseError, match="arXiv answered with an error"):
            parse_atom(ANSWER.replace(b"</feed>", entry + b"</feed>"))

    @pytest.mark.parametrize(
        "body", [b"", b"null", b"[]", b"<html><body>Rate exceeded.</body></html>", ANSWER[:900]]
    )
    def test_what_is_no_answer_is_refused(self, body: bytes) -> None:
        with pytest.raises(ParseError):
            parse_atom(body)

    def test_a_control_character_does_not_cost_the_answer(self) -> None:
        assert parse_atom(ANSWER.replace(b"We describe", b"We \x1bdescribe")) == parse_atom(ANSWER)

    @pytest.mark.parametrize("total", ["", "many", "-3", "9" * 5000, "1e9"])
    def test_a_count_that_is_none_declares_nothing(self, total: str) -> None:
        body = ANSWER.replace(b"totalResults>4<", f"totalResults>{total}<".encode())
        assert parse_atom(body).declared is None

    @given(st.data())
    def test_a_damaged_answer_gives_a_page_or_a_parse_error(self, data: st.DataObject) -> None:
        body = bytearray(ANSWER)
        for _ in range(data.draw(st.integers(1, 5))):
            place = data.draw(st.integers(0, len(body)))
            body[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=20))
        chosen = ArxivOptions(query="all:origami", max_results=7)
        try:
            page = Arxiv().parse(bytes(body), first(chosen), chosen)
        except ParseError:
            return
        assert all(entry.arxiv_id and entry.title for entry in page.entries)
        assert json.loads(json.dumps([request.carry for request in page.next_requests])) is not None


class TestRealAnswers:
    @pytest.mark.parametrize(
        ("name", "declared", "first_id", "count"),
        [
            ("api_query_2026-05.xml", 108507, "2605.08083", 2),
            ("api_query_transformer.xml", 28946, "2606.13677", 5),
        ],
    )
    def test_real_answers_are_read_whole(
        self, shared: Path, name: str, declared: int, first_id: str, count: int
    ) -> None:
        page = parse_atom((shared / "pages" / "arxiv" / name).read_bytes())
        assert (page.declared, len(page.entries), page.skipped) == (declared, count, 0)
        assert page.entries[0].arxiv_id == first_id
        for entry in page.entries:
            assert entry.version == 1
            assert entry.published_on
            assert entry.abstract
            assert entry.authors
            assert entry.categories
            assert not entry.withdrawn

    def test_trap_the_real_error_is_an_error(self, shared: Path) -> None:
        with pytest.raises(ParseError, match=r"incorrect id format for 1234\.12345"):
            parse_atom((shared / "pages" / "arxiv" / "api_error_incorrect_id.xml").read_bytes())
