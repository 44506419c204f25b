"""Semantic Scholar as a source: recommendations, search, and the papers of both."""

import json
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from digest import sources
from digest.errors import ParseError
from digest.sources.doi_or_arxiv import read_doi
from digest.sources.semanticscholar import SemanticScholar, SemanticScholarOptions
from digest.sources.semanticscholar_items import read_paper
from digest.types import PageRequest, ParsedPage
from tests import golden
from tests.cli_runner import run
from tests.site_server import Asked, Site, serving_site

DAY = date(2026, 1, 12)
KIND = SemanticScholar()
EXAMPLES = SemanticScholarOptions(examples=("2601.00001",))
QUERY = SemanticScholarOptions(query="dense retrieval")
RECOMMENDED = PageRequest("http://x/recommendations/v1/papers/", DAY, role="recommendations")


def request(options: SemanticScholarOptions) -> PageRequest:
    ((_, first),) = KIND.day_requests("http://x/", options, DAY)
    return first


def query(asked: PageRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(asked.url).query))


def papers(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"paperId": f"{first + number:040x}", "title": f"Invented {first + number}"}
        for number in range(count)
    ]


def searched(count: int, *, total: int, following: int | None = None, offset: int = 0) -> bytes:
    more = {} if following is None else {"next": following}
    return json.dumps({"total": total, "offset": offset, **more, "data": papers(count, offset)}).encode()


class TestRequests:
    def test_recommendations_are_asked_for_by_post_with_ids_in_the_sites_form(self) -> None:
        options = SemanticScholarOptions(
            examples=(
                "2601.00001v2", "https://arxiv.org/abs/hep-th/9901001", "10.48550/arXiv.2601.00002",
                "https://doi.org/10.5555/ABC", "C8B25FAB5608C3E033D34B4483EC47E68BA109B7",
                "corpusid:215416146", "PMID:19872477",
            ),
            dislike=("arXiv:2601.00003",),
            limit=500,
        )  # fmt: skip
        asked = request(options)
        assert json.loads(asked.body or b"") == {
            "positivePaperIds": [
                "ARXIV:2601.00001", "ARXIV:hep-th/9901001", "ARXIV:2601.00002", "DOI:10.5555/abc",
                "c8b25fab5608c3e033d34b4483ec47e68ba109b7", "CorpusId:215416146", "PMID:19872477",
            ],
            "negativePaperIds": ["ARXIV:2601.00003"],
        }  # fmt: skip
        assert asked.url.startswith("http://x/recommendations/v1/papers/?fields=")
        assert (asked.method, query(asked)["limit"]) == ("POST", "500")
        assert (asked.turn, asked.spacing_s, asked.documented) == ("semanticscholar", 1.0, True)

    def test_trap_recommendations_know_no_tldr_and_the_search_does(self) -> None:
        assert "tldr" not in query(request(EXAMPLES))["fields"].split(",")
        assert "tldr" in query(request(QUERY))["fields"].split(",")

    def test_a_query_is_searched_for_what_is_new(self) -> None:
        asked = request(SemanticScholarOptions(query=" a & b ", days=7, limit=30))
        told = query(asked)
        assert (told["query"], told["publicationDateOrYear"]) == ("a & b", "2026-01-05:")
        assert (told["offset"], told["limit"], asked.method) == ("0", "30", "GET")

    def test_the_key_goes_into_a_header(self) -> None:
        for more in ({"query": "x"}, {"examples": ("2601.00001",)}):
            asked = request(SemanticScholarOptions.model_validate({**more, "key": "s3cret"}))
            assert dict(asked.headers)["x-api-key"] == "s3cret"
            assert "s3cret" not in f"{asked.url}{asked.body!r}{asked.carry}"
        assert "x-api-key" not in dict(request(EXAMPLES).headers)

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"examples": []},
            {"examples": ["no id"]},
            {"examples": ["2601.00001"], "query": "both"},
            {"query": "x", "dislike": ["2601.00001"]},
            {"examples": ["2601.00001"] * 101},
            {"examples": ["2601.00001"], "limit": 501},
            {"query": "x", "unknown": 1},
        ],
    )
    def test_impossible_options_are_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            SemanticScholarOptions.model_validate(wrong)

    def test_options_of_another_kind_are_a_bug(self) -> None:
        class Other(BaseModel):
            pass

        with pytest.raises(TypeError):
            KIND.day_requests("http://x", Other(), DAY)

    def test_the_first_days_there_are_do_not_crash(self) -> None:
        ((_, asked),) = KIND.day_requests("http://x", QUERY, date.min)
        assert query(asked)["publicationDateOrYear"] == "0001-01-01:"


class TestAnswers:
    def test_the_golden_recommendations(self) -> None:
        page = KIND.parse(golden.read("semanticscholar/recommendations.json"), RECOMMENDED, EXAMPLES)
        want = golden.expected("semanticscholar/recommendations.json")
        assert json.loads(json.dumps(golden.as_json(page))) == want
        assert (page.declared, page.next_requests) == (None, ())

    def test_the_golden_search(self) -> None:
        page = KIND.parse(golden.read("semanticscholar/search.json"), request(QUERY), QUERY)
        assert json.loads(json.dumps(golden.as_json(page))) == golden.expected("semanticscholar/search.json")
        assert (page.declared, page.next_requests) == (3, ())

    def test_nothing_recommended_is_an_empty_page(self) -> None:
        assert KIND.parse(b'{"recommendedPapers": []}', RECOMMENDED, EXAMPLES) == ParsedPage(())

    @pytest.mark.parametrize("body", [b'{"total": 0, "offset": 0}', b'{"total": 0, "offset": 0, "data": []}'])
    def test_nothing_found_is_an_empty_page(self, body: bytes) -> None:
        assert KIND.parse(body, request(QUERY), QUERY).entries == ()

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b'{"error": "Input papers not found"}', "Input papers not found"),
            (b'{"message": "Too Many Requests. Please wait", "code": "429"}', "Too Many Requests"),
            (b'{"papers": []}', "an object with papers"),
            (b'{"recommendedPapers": {}}', "looked for the list"),
            (b'{"total": 5}', "looked for the list"),
            (b"<html></html>", "HTML"),
            (b'{"recommendedPapers": [', "damaged or cut off"),
        ],
    )
    @pytest.mark.parametrize("options", [EXAMPLES, QUERY])
    def test_an_error_that_comes_as_200_is_told(
        self, body: bytes, said: str, options: SemanticScholarOptions
    ) -> None:
        if said.startswith("looked") or not (b"error" in body or b"message" in body):
            said = "looked for the list"
        with pytest.raises(ParseError, match=said):
            KIND.parse(body, request(options), options)

    @pytest.mark.parametrize("body", [b"null", b"[]", b'""', b"{}", b"17", b""])
    @pytest.mark.parametrize("options", [EXAMPLES, QUERY])
    def test_fault_21_lone_json_values_are_no_answer(
        self, body: bytes, options: SemanticScholarOptions
    ) -> None:
        with pytest.raises(ParseError, match="looked for"):
            KIND.parse(body, request(options), options)

    def test_a_renamed_container_is_broken(self) -> None:
        for name, options in (("recommendations", EXAMPLES), ("search", QUERY)):
            body = golden.read(f"semanticscholar/{name}.json")
            for container in (b'"recommendedPapers"', b'"data"'):
                renamed = body.replace(container, b'"items"')
                if renamed != body:
                    with pytest.raises(ParseError):
                        KIND.parse(renamed, request(options), options)

    def test_a_list_cut_in_half_declares_more_than_it_lists(self) -> None:
        told = json.loads(golden.read("semanticscholar/search.json"))
        told["data"] = told["data"][:1]
        page = KIND.parse(json.dumps(told).encode(), request(QUERY), QUERY)
        assert (len(page.entries), page.declared) == (1, 3)

    def test_more_than_the_limit_is_not_listed(self) -> None:
        options = SemanticScholarOptions(examples=("2601.00001",), limit=3)
        body = json.dumps({"recommendedPapers": papers(10)}).encode()
        assert len(KIND.parse(body, RECOMMENDED, options).entries) == 3


class TestSearchPages:
    OPTIONS = SemanticScholarOptions(query="x", limit=150, key="s3cret")  # type: ignore[arg-type]

    def test_the_next_page_begins_where_the_answer_says(self) -> None:
        first = request(self.OPTIONS)
        page = KIND.parse(searched(100, total=360_715, following=100), first, self.OPTIONS)
        (following,) = page.next_requests
        assert {"offset": "100", "limit": "50", "query": "x"}.items() <= query(following).items()
        assert (following.headers, following.role, following.turn) == (
            first.headers,
            "search",
            "semanticscholar",
        )
        last = KIND.parse(searched(50, total=360_715, following=150, offset=100), following, self.OPTIONS)
        assert (len(last.entries), last.next_requests, last.declared) == (50, (), None)

    def test_a_page_that_does_not_reach_its_next_is_cut(self) -> None:
        page = KIND.parse(searched(40, total=360_715, following=100), request(self.OPTIONS), self.OPTIONS)
        assert page.declared == 150

    def test_trap_the_total_is_approximate(self) -> None:
        """A list that ends a little before its total is whole; one that ends far before it is not."""
        for count, declared in ((97, 97), (50, 100)):
            page = KIND.parse(searched(count, total=100), request(self.OPTIONS), self.OPTIONS)
            assert page.declared == declared

    @pytest.mark.parametrize("following", [0, -5, "7", 1e9, None, True])
    def test_a_next_that_leads_nowhere_ends_the_list(self, following: object) -> None:
        body = json.dumps({"total": 1, "offset": 7, "next": following, "data": papers(1)}).encode()
        asked = PageRequest("http://x/graph/v1/paper/search?offset=7", DAY, role="search")
        assert KIND.parse(body, asked, self.OPTIONS).next_requests == ()


class TestReadPaper:
    @pytest.mark.parametrize(
        "item", [None, [], "x", 5, {}, {"paperId": "a"}, {"title": "b"}, {"paperId": 1, "title": "b"}]
    )
    def test_what_is_no_paper_is_none(self, item: object) -> None:
        assert read_paper(item) is None

    @pytest.mark.parametrize("pmid", [19872477, "19872477"])
    def test_ids_are_numbers_or_texts(self, pmid: object) -> None:
        ids = {"PubMed": pmid, "CorpusId": pmid, "PubMedCentral": "PMC17", "DBLP": "x y", "ACL": True}
        entry = read_paper({"paperId": "p", "title": "t", "externalIds": ids})
        assert entry is not None
        assert entry.other_ids == (("corpusid", "19872477"), ("pmid", "19872477"), ("pmcid", "PMC17"))

    def test_arxivs_own_dois_are_arxiv_ids(self) -> None:
        assert read_doi("https://doi.org/10.48550/arXiv.2103.14030") == ("2103.14030", None)
        assert read_doi("10.1109/ICCV48922.2021.00986") == (None, "10.1109/iccv48922.2021.00986")
        assert read_doi(None) == (None, None)

    def test_a_tldr_says_who_wrote_it(self) -> None:
        entry = read_paper({"paperId": "p", "title": "t", "tldr": {"model": "m", "text": "Short."}})
        assert entry is not None
        assert (entry.summary, entry.summary_by) == ("Short.", "Semantic Scholar")
        bare = read_paper({"paperId": "p", "title": "t", "tldr": {"model": "m", "text": None}})
        assert bare is not None
        assert (bare.summary, bare.summary_by) == (None, None)

    def test_absurd_counts_are_not_told(self) -> None:
        for count in (-1, 2**31, True, "5", 1.5, None):
            entry = read_paper({"paperId": "p", "title": "t", "citationCount": count})
            assert entry is not None
            assert entry.citations is None

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(
                        ["paperId", "title", "externalIds", "ArXiv", "DOI", "tldr", "text", "authors", "name"]
                    )
                    | st.text(max_size=5),
                    inner,
                    max_size=6,
                )
            ),
            max_leaves=20,
        )
    )
    def test_any_value_gives_a_storable_paper_or_none(self, item: object) -> None:
        entry = read_paper(item)
        if entry is not None:
            json.dumps(entry.title + str(entry.other_ids) + entry.abstract).encode("utf-8")


@given(st.data())
def test_damaged_answers_give_a_page_or_a_parse_error(data: st.DataObject) -> None:
    name, options = data.draw(st.sampled_from([("recommendations", EXAMPLES), ("search", QUERY)]))
    body = bytearray(golden.read(f"semanticscholar/{name}.json"))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 40))] = data.draw(
            st.one_of(
                st.binary(max_size=12), st.sampled_from([b"null", b"[]", b"{", b'"\\ud800"', b"9" * 5000])
            )
        )
    try:
        page = KIND.parse(bytes(body), request(options), options)
    except ParseError:
        return
    json.dumps(golden.as_json(page)).encode("utf-8")


def test_the_real_search_answer(shared: Path) -> None:
    body = (shared / "pages" / "semantic_scholar" / "graph_v1_paper_search_transformer.json").read_bytes()
    page = KIND.parse(body, request(QUERY), QUERY)
    assert (len(page.entries), page.skipped, len(page.next_requests)) == (5, 0, 1)
    first = page.entries[0]
    assert (first.arxiv_id, first.doi) == ("2103.14030", "10.1109/iccv48922.2021.00986")
    assert ("corpusid", "232352874") in first.other_ids
    assert first.published_on is None
    assert all(entry.arxiv_id and entry.abstract and entry.authors and entry.url for entry in page.entries)


def configure(url: str, words: str) -> None:
    Path("digest.toml").write_text(
        f'data_dir = "{Path.cwd() / "data"}"\n[[source]]\nname = "s2"\nkind = "semanticscholar"\n'
        f'url = "{url}"\nallow_private = true\nkey = "s3cret"\n{words}\n'
    )


def test_recommendations_through_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources.KINDS, "semanticscholar", KIND)
    body = json.dumps({"recommendedPapers": papers(4)}).encode()
    with serving_site(Site(lambda _: body)) as site:
        configure(site.url, 'examples = ["2601.00001"]')
        ran = run("refresh", "--date", "2026-01-12", "--json")
    (row,) = ran.json["sources"]
    assert (row["verdict"], row["entries"], row["new"]) == ("fresh", 4, 4), ran.err
    (asked,) = site.asked
    assert (asked.method, asked.headers["x-api-key"]) == ("POST", "s3cret")
    assert asked.headers["content-type"] == "application/json"
    assert json.loads(asked.body)["positivePaperIds"] == ["ARXIV:2601.00001"]
    assert "s3cret" not in ran.out + ran.err


@pytest.mark.parametrize(("last", "verdict"), [(50, "fresh"), (10, "partial")])
def test_a_search_of_two_pages_through_refresh(
    monkeypatch: pytest.MonkeyPatch, last: int, verdict: str
) -> None:
    monkeypatch.setitem(sources.KINDS, "semanticscholar", KIND)

    def answer(asked: Asked) -> bytes:
        if "offset=0" in asked.path:
            return searched(100, total=150, following=100)
        return searched(last, total=150, offset=100)

    with serving_site(Site(answer)) as site:
        configure(site.url, 'query = "retrieval"\nlimit = 200')
        row = run("refresh", "--date", "2026-01-12", "--json").json["sources"][0]
    assert (row["verdict"], row["entries"], len(site.asked)) == (verdict, 100 + last, 2)


def test_an_error_told_as_200_is_broken_through_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources.KINDS, "semanticscholar", KIND)
    with serving_site(Site(lambda _: b'{"message": "Too Many Requests"}')) as site:
        configure(site.url, 'query = "retrieval"')
        row = run("refresh", "--date", "2026-01-12", "--json").json["sources"][0]
    assert (row["verdict"], row["entries"]) == ("broken", 0)
    assert "Too Many Requests" in row["error"]
