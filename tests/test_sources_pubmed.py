"""PubMed: the search, the articles, and what is wrong with either."""

import json
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from digest import sources
from digest.errors import ParseError
from digest.sources.pubmed import PubMed, PubMedOptions
from digest.sources.pubmed_articles import read_articles
from digest.types import PageRequest, ParsedPage
from tests import golden
from tests.cli_runner import run
from tests.site_server import Asked, Site, serving_site

DAY = date(2026, 1, 12)
KIND = PubMed()
OPTIONS = PubMedOptions(query="retrieval")
ARTICLES = PageRequest("http://x/efetch.fcgi", DAY, role="articles", carry=(("asked", "6"),))


def search(options: PubMedOptions = OPTIONS) -> PageRequest:
    ((_, request),) = KIND.day_requests("http://x/eutils/", options, DAY)
    return request


def form(request: PageRequest) -> dict[str, str]:
    return dict(parse_qsl((request.body or b"").decode()))


def found(*ids: str, count: int | None = None, **more: Any) -> bytes:
    result = {"count": str(len(ids) if count is None else count), "idlist": list(ids), **more}
    return json.dumps({"header": {}, "esearchresult": result}).encode()


def articles(*bodies: str) -> bytes:
    return f"<PubmedArticleSet>{''.join(bodies)}</PubmedArticleSet>".encode()


def article(
    inside: str = "", *, pmid: str = "1", title: str = "A title", after: str = "", data: str = ""
) -> str:
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{pmid}</PMID><Article><ArticleTitle>{title}</ArticleTitle>{inside}"
        f"</Article>{after}</MedlineCitation><PubmedData>{data}</PubmedData></PubmedArticle>"
    )


def one(*args: str, **parts: str) -> Any:
    (entry,) = KIND.parse(articles(article(*args, **parts)), ARTICLES, OPTIONS).entries
    return entry


def pub_date(inside: str) -> date | None:
    day = one(f"<Journal><JournalIssue><PubDate>{inside}</PubDate></JournalIssue></Journal>").published_on
    assert day is None or isinstance(day, date)
    return day


class TestSearch:
    def test_it_asks_by_post_for_what_was_taken_in_during_the_last_days(self) -> None:
        request = search(PubMedOptions(query=" cancer[ti] ", days=5, max_results=10))
        assert (request.url, request.method, request.day) == ("http://x/eutils/esearch.fcgi", "POST", DAY)
        assert form(request) == {
            "db": "pubmed", "tool": "paper-digest", "term": "cancer[ti]", "retmode": "json",
            "datetype": "edat", "reldate": "5", "retstart": "0", "retmax": "10",
        }  # fmt: skip
        assert (request.turn, request.spacing_s, request.documented) == ("ncbi", 0.34, True)

    def test_the_key_stands_in_bodies_only(self) -> None:
        options = PubMedOptions(query="x", key="s3cret")
        first = search(options)
        (batch,) = KIND.parse(found("1"), first, options).next_requests
        for request in (first, batch):
            assert form(request)["api_key"] == "s3cret"
            assert "s3cret" not in f"{request.url}{request.headers}{request.carry}{options!r}"

    def test_trap_the_order_by_date_is_not_known_and_the_default_is_newest_first(self) -> None:
        assert "sort" not in form(search())

    def test_ids_are_asked_for_in_batches_that_the_site_allows(self) -> None:
        ids = [str(number) for number in range(1000, 1450)]
        options = PubMedOptions(query="x", max_results=1000)
        page = KIND.parse(found(*ids), search(options), options)
        assert page.declared == 450
        assert page.entries == ()
        asked = [form(request)["id"].split(",") for request in page.next_requests]
        assert [len(batch) for batch in asked] == [200, 200, 50]
        assert [one for batch in asked for one in batch] == ids
        assert {request.url for request in page.next_requests} == {"http://x/eutils/efetch.fcgi"}
        assert {request.role for request in page.next_requests} == {"articles"}
        assert len({request.carry for request in page.next_requests}) == 3

    def test_more_than_the_most_is_declared_as_the_most(self) -> None:
        options = PubMedOptions(query="x", max_results=2)
        page = KIND.parse(found("3", "2", "1", count=42111), search(options), options)
        assert page.declared == 2
        assert [form(request)["id"] for request in page.next_requests] == ["3,2"]

    def test_a_list_of_ids_cut_in_half_declares_more_than_it_lists(self) -> None:
        page = KIND.parse(found("6", "5", "4", count=6), search(), OPTIONS)
        assert page.declared == 6
        assert form(page.next_requests[0])["id"] == "6,5,4"

    def test_nothing_found_is_an_empty_page(self) -> None:
        assert KIND.parse(found(), search(), OPTIONS) == ParsedPage((), declared=0)

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (
                b'{"esearchresult":{"ERROR":"Search Backend failed: too busy"}}',
                "Search Backend failed: too busy",
            ),
            (b'{"esearchresult":{"ERROR":"Search Backend failed:\n<html>"}}', "Search Backend failed"),
            (b'{"error":"API rate limit exceeded","count":"11"}', "API rate limit exceeded"),
            (b'{"error":"API key invalid","api-key":"s3cret"}', "API key invalid"),
            (found("1", errorlist={"fieldsnotfound": ["nofield"], "phrasesnotfound": []}), "nofield"),
            (found(errorlist={"phrasesnotfound": ["xyzzyqqq"], "fieldsnotfound": []}), "xyzzyqqq"),
            (found(count=7), "7 ids"),
            (found("one", "2; drop", count=2), "2 ids"),
            (b'{"esearchresult":{"count":"1"}}', "looked for the ids"),
            (b'{"esearchresult":{"count":"many","idlist":[]}}', "looked for the ids"),
            (b'{"esearchresult":[]}', "looked for the ids"),
            (b"<html>Gateway</html>", "HTML"),
            (b"", "nothing"),
        ],
    )
    def test_an_error_that_comes_as_200_is_told_in_its_own_words(self, body: bytes, said: str) -> None:
        with pytest.raises(ParseError, match=said) as caught:
            KIND.parse(body, search(), OPTIONS)
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("body", [b"null", b"[]", b'""', b"{}", b"17", b"true"])
    @pytest.mark.parametrize("role", ["search", "articles"])
    def test_fault_21_lone_json_values_are_no_answer(self, body: bytes, role: str) -> None:
        with pytest.raises(ParseError, match="looked for"):
            KIND.parse(body, PageRequest("http://x/esearch.fcgi", DAY, role=role), OPTIONS)

    def test_unknown_words_beside_known_ones_do_not_hurt(self) -> None:
        body = found("1", errorlist={"phrasesnotfound": ["xyzzyqqq"], "fieldsnotfound": []})
        assert KIND.parse(body, search(), OPTIONS).declared == 1

    def test_a_renamed_container_is_broken(self) -> None:
        body = golden.read("pubmed/search.json")
        assert KIND.parse(body, search(), OPTIONS).declared == 6
        for name in (b"esearchresult", b"idlist", b"count"):
            with pytest.raises(ParseError):
                KIND.parse(body.replace(b'"' + name, b'"x' + name), search(), OPTIONS)


class TestArticles:
    def test_the_golden_answer(self) -> None:
        page = KIND.parse(golden.read("pubmed/articles.xml"), ARTICLES, OPTIONS)
        assert json.loads(json.dumps(golden.as_json(page))) == golden.expected("pubmed/articles.xml")

    def test_trap_the_ids_of_references_are_not_the_articles_own(self) -> None:
        page = KIND.parse(golden.read("pubmed/articles.xml"), ARTICLES, OPTIONS)
        first, second = page.entries[:2]
        assert (first.doi, dict(first.other_ids)["pmcid"]) == ("10.5555/inv.2026.6", "PMC9900006")
        assert (second.doi, second.other_ids) == (None, (("pmid", "90000005"),))

    def test_trap_a_dtd_is_named_and_not_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def connect(*_: object) -> None:
            raise AssertionError("the DTD was asked for")

        monkeypatch.setattr("socket.socket.connect", connect)
        body = golden.read("pubmed/articles.xml")
        assert b"<!DOCTYPE PubmedArticleSet PUBLIC" in body
        assert len(KIND.parse(body, ARTICLES, OPTIONS).entries) == 5

    @pytest.mark.parametrize(
        "entity",
        ['<!ENTITY a "b">', '<!ENTITY a SYSTEM "file:///etc/passwd">', '<!ENTITY % a SYSTEM "http://x/">'],
    )
    def test_fault_18_entities_of_its_own_are_refused(self, entity: str) -> None:
        body = f"<!DOCTYPE PubmedArticleSet [{entity}]>".encode() + articles(article(title="&a;"))
        with pytest.raises(ParseError, match="entities"):
            KIND.parse(body, ARTICLES, OPTIONS)

    def test_trap_labelled_parts_become_one_abstract(self) -> None:
        entry = one(
            '<Abstract><AbstractText Label="AIM">Why.</AbstractText><AbstractText Label="UNLABELLED">How.'
            "</AbstractText><AbstractText/><AbstractText>What <i>for</i>.</AbstractText></Abstract>"
        )
        assert entry.abstract == "AIM: Why. How. What for."

    @pytest.mark.parametrize(
        ("told", "day"),
        [
            ("<Year>2024</Year><Month>Feb</Month><Day>29</Day>", date(2024, 2, 29)),
            ("<Year>2024</Year><Month>02</Month><Day>9</Day>", date(2024, 2, 9)),
            ("<Year>2024</Year><Month>November</Month>", date(2024, 11, 1)),
            ("<Year>2024</Year><Month>3</Month>", date(2024, 3, 1)),
            ("<Year>2024</Year><Season>Winter</Season>", date(2024, 1, 1)),
            ("<Year>2024</Year><Season>Fall</Season>", date(2024, 9, 1)),
            ("<MedlineDate>2024 Jan-Feb</MedlineDate>", date(2024, 1, 1)),
            ("<MedlineDate>2023 Dec-2024 Jan</MedlineDate>", date(2023, 12, 1)),
            ("<MedlineDate>1998 Dec 28-1999 Jan 4</MedlineDate>", date(1998, 12, 28)),
            ("<MedlineDate>Spring 2020</MedlineDate>", date(2020, 3, 1)),
            ("<MedlineDate>2019 First Quarter</MedlineDate>", None),
            ("<MedlineDate>2000-2001</MedlineDate>", None),
            ("<Year>2024</Year>", None),
            ("<Year>2023</Year><Month>Feb</Month><Day>29</Day>", None),
            ("<Year>0000</Year><Month>1</Month>", None),
            ("<Year>²</Year><Month>²</Month>", None),
            ("", None),
        ],
    )
    def test_dates_are_read_as_far_as_they_are_told(self, told: str, day: date | None) -> None:
        assert pub_date(told) == day

    def test_an_entry_is_listed_on_the_day_pubmed_took_it_in(self) -> None:
        def listed(*days: tuple[str, str]) -> date | None:
            rest = "<Year>2026</Year><Month>1</Month><Day>{}</Day></PubMedPubDate>"
            nodes = "".join(f'<PubMedPubDate PubStatus="{status}">{rest.format(day)}' for status, day in days)
            told = one(data=f"<History>{nodes}</History>").listed_on
            assert told is None or isinstance(told, date)
            return told

        assert listed(("pubmed", "11"), ("entrez", "10"), ("medline", "12")) == date(2026, 1, 10)
        assert listed(("pubmed", "11"), ("received", "1")) == date(2026, 1, 11)
        assert listed(("received", "1")) is None
        assert listed(("entrez", "13")) is None, "tomorrow is not told: today stands"

    def test_retracted_papers_are_withdrawn_and_notices_are_not(self) -> None:
        page = KIND.parse(golden.read("pubmed/articles.xml"), ARTICLES, OPTIONS)
        withdrawn = {entry.source_ref for entry in page.entries if entry.withdrawn}
        assert withdrawn == {"90000005", "90000004"}

    @pytest.mark.parametrize(
        ("told", "title"),
        [
            ("A title.", "A title"),
            ("[In another language].", "In another language"),
            ("[In another language.]", "In another language"),
            ("[One] and [two].", "[One] and [two]"),
            ("Made in the U.S.", "Made in the U.S."),
            ("What next?", "What next?"),
            ("A &lt;b&gt;bold&lt;/b&gt; &amp;amp; x", "A bold & x"),
        ],
    )
    def test_titles_come_without_pubmeds_own_marks(self, told: str, title: str) -> None:
        assert one(title=told).title == title

    @pytest.mark.parametrize(
        "body",
        [
            b"<eFetchResult><ERROR>cannot retrieve</ERROR></eFetchResult>",
            b"<ERROR>cannot retrieve</ERROR>",
            b'{"error":"cannot retrieve"}',
        ],
    )
    def test_an_error_is_told_in_its_own_words(self, body: bytes) -> None:
        with pytest.raises(ParseError, match="cannot retrieve"):
            KIND.parse(body, ARTICLES, OPTIONS)

    def test_no_article_for_ids_that_were_found_is_broken(self) -> None:
        with pytest.raises(ParseError, match="6 articles"):
            KIND.parse(articles(), ARTICLES, OPTIONS)

    def test_a_renamed_container_is_broken(self) -> None:
        body = golden.read("pubmed/articles.xml").replace(b"PubmedArticleSet", b"PubmedArticles")
        with pytest.raises(ParseError, match="PubmedArticles"):
            KIND.parse(body, ARTICLES, OPTIONS)

    def test_a_cut_off_answer_is_broken(self) -> None:
        body = golden.read("pubmed/articles.xml")
        with pytest.raises(ParseError, match="damaged or cut off"):
            KIND.parse(body[: len(body) // 2], ARTICLES, OPTIONS)

    def test_records_without_their_parts_are_skipped(self) -> None:
        root = fromstring("<PubmedArticleSet><PubmedArticle/><PubmedBookArticle/><Other/></PubmedArticleSet>")
        assert read_articles(root) == ((), 2)


class TestOptions:
    def test_a_query_is_required(self) -> None:
        for wrong in (
            {},
            {"query": "  "},
            {"query": "x", "days": 0},
            {"query": "x", "email": "a@example.org"},
        ):
            with pytest.raises(ValidationError):
                PubMedOptions.model_validate(wrong)

    def test_options_of_another_kind_are_a_bug(self) -> None:
        class Other(BaseModel):
            pass

        with pytest.raises(TypeError):
            KIND.day_requests("http://x", Other(), DAY)

    def test_one_search_covers_several_days(self) -> None:
        assert not KIND.is_dated(OPTIONS)


@given(st.data())
def test_damaged_answers_give_a_page_or_a_parse_error(data: st.DataObject) -> None:
    role, name = data.draw(
        st.sampled_from([("search", "pubmed/search.json"), ("articles", "pubmed/articles.xml")])
    )
    body = bytearray(golden.read(name))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 40))] = data.draw(
            st.one_of(
                st.binary(max_size=12),
                st.sampled_from([b"<", b"</Article>", b"null", b"[]", b"{", b"-1", b"9" * 5000]),
            )
        )
    try:
        page = KIND.parse(bytes(body), PageRequest("http://x/esearch.fcgi", DAY, role=role), OPTIONS)
    except ParseError:
        return
    assert isinstance(page, ParsedPage)
    json.dumps(golden.as_json(page)).encode("utf-8")


class TestRealPages:
    def test_the_real_search_asks_for_its_articles(self, shared: Path) -> None:
        body = (shared / "pages" / "pubmed" / "esearch_ai_radiology.json").read_bytes()
        options = PubMedOptions(query="x", max_results=5)
        page = KIND.parse(body, search(options), options)
        assert page.declared == 5
        assert form(page.next_requests[0])["id"].startswith("42286391,42286351")

    def test_the_real_articles_are_read_whole(self, shared: Path) -> None:
        body = (shared / "pages" / "pubmed" / "efetch_5.xml").read_bytes()
        page = KIND.parse(body, ARTICLES, OPTIONS)
        assert (len(page.entries), page.skipped) == (5, 0)
        for entry in page.entries:
            assert entry.doi
            assert entry.authors
            assert entry.abstract
            assert "<" not in entry.title
            assert body.count(f">{entry.source_ref}<".encode()) >= 1
        assert page.entries[0].title.startswith("Early timepoint 99mTc-DPD whole body")
        assert page.entries[0].abstract.startswith("BACKGROUND: Cardiac transthyretin amyloidosis")
        assert {entry.doi for entry in page.entries} == {
            "10.1186/s13550-026-01466-0", "10.1007/s00586-026-10102-3", "10.1038/s41591-026-04431-5",
            "10.1038/s41598-026-56992-7", "10.1007/s00330-026-12652-y",
        }  # fmt: skip


@pytest.mark.parametrize(("told", "verdict"), [(3, "fresh"), (1, "partial"), (0, "broken")])
def test_search_then_fetch_through_refresh(monkeypatch: pytest.MonkeyPatch, told: int, verdict: str) -> None:
    """A query is searched, its articles fetched by POST and filed; what does not come is noticed."""
    monkeypatch.setitem(sources.KINDS, "pubmed", KIND)
    ids = ["30", "20", "10"]

    def answer(asked: Asked) -> bytes:
        if asked.path.endswith("/esearch.fcgi"):
            return found(*ids)
        wanted = dict(parse_qsl(asked.body.decode()))["id"].split(",")
        return articles(*(article(pmid=one, title=f"Invented article {one}") for one in wanted[:told]))

    with serving_site(Site(answer)) as site:
        Path("digest.toml").write_text(
            f'data_dir = "{Path.cwd() / "data"}"\n[[source]]\nname = "pm"\nkind = "pubmed"\n'
            f'url = "{site.url}/eutils"\nallow_private = true\nquery = "retrieval"\nkey = "s3cret"\n'
        )
        ran = run("refresh", "--date", "2026-01-12", "--json")
    (row,) = ran.json["sources"]
    assert (row["entries"], row["new"]) == (told, told), ran.err
    if told:  # with no article at all the answer to the ids is broken, and a search alone lists nothing
        assert (row["verdict"], row["declared"]) == (verdict, 3)
    else:
        assert row["verdict"] in ("partial", "broken")
    assert [(asked.method, asked.path) for asked in site.asked] == [
        ("POST", "/eutils/esearch.fcgi"),
        ("POST", "/eutils/efetch.fcgi"),
    ]
    assert all(b"api_key=s3cret" in asked.body for asked in site.asked)
    assert "s3cret" not in ran.out + ran.err
