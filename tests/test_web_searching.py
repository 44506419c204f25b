"""Search as a page: anything may be asked, and every answer can be linked."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.test_web_trending import open_page, texts, with_session
from tests.web_site import WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def test_an_empty_search_shows_how_to_search(site: WebSite) -> None:
    page = open_page(site.client, "/search")
    assert page.css("li.paper") == []
    assert len(page.css("ul.ways li")) == 4
    assert page.css("link[rel=alternate]") == []


def test_what_is_found_has_its_words_marked_and_a_feed(site: WebSite) -> None:
    page = open_page(site.client, "/search?q=dense+retrieval")
    first = page.css("li.paper")[0]
    assert "dense" in {node.text().lower() for node in first.css("h2 mark")}
    assert {node.text().lower() for node in first.css(".excerpt mark")} & {"dense", "retrieval"}
    assert page.css_first("input[name=q]").attributes["value"] == "dense retrieval"
    feeds = [node.attributes["href"] for node in page.css("link[rel=alternate]")]
    assert "/feeds/search.rss?q=dense+retrieval" in feeds
    assert "dense retrieval · Search" in page.css_first("title").text()


def test_an_exact_id_is_shown_alone(site: WebSite) -> None:
    with site.app.database.read() as s:
        from digest.models import Paper

        arxiv_id = s.get_one(Paper, 1).arxiv_id
    page = open_page(site.client, f"/search?q=arXiv:{arxiv_id}")
    assert [node.attributes["id"] for node in page.css("li.paper")] == ["paper-1"]
    assert texts(page, "[role=status]")[0].startswith("The paper with that id")
    assert page.css_first("li.paper h2 a").attributes["href"] == "/papers/1"


def test_filters_stay_in_the_form_and_in_the_pages(site: WebSite) -> None:
    path = "/search?source=huggingface&since=2026-01-01&category=&has="
    page = open_page(site.client, path)
    assert page.css_first("details.filters").attributes.keys() >= {"open"}
    assert page.css_first("input[name=since]").attributes["value"] == "2026-01-01"
    feeds = [node.attributes["href"] for node in page.css("link[rel=alternate]")]
    assert "/feeds/search.rss?source=huggingface&since=2026-01-01" in feeds
    more = page.css_first("nav.pages a[rel=next]")
    assert more is not None
    assert more.attributes["href"] == "/search?source=huggingface&since=2026-01-01&page=2"
    first = {node.attributes["id"] for node in page.css("li.paper")}
    second = {
        node.attributes["id"]
        for node in open_page(site.client, more.attributes["href"] or "").css("li.paper")
    }
    assert len(first) == 20
    assert second
    assert not first & second


def test_more_like_this_lists_others(site: WebSite) -> None:
    page = open_page(site.client, "/search?like=1")
    found = [node.attributes["id"] for node in page.css("li.paper")]
    assert found
    assert "paper-1" not in found
    assert texts(page, "h1") == ["Papers like this one"]


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        ("like=99999", 1),
        ("like=x", 1),
        ("q=the&page=99", 1),
        ("q=the&since=yesterday", 1),
        ("q=the&source=nobody", 1),
        ("q=%00%FF%ED%A0%80", 0),
        ("q=" + "a" * 5000, 0),
        ("q=%3Cscript%3Ealert(1)%3C/script%3E", 1),
        ("category=%25&q=the", 0),
    ],
)
def test_whatever_is_asked_is_answered(site: WebSite, query: str, notes: int) -> None:
    page = open_page(site.client, f"/search?{query}")
    assert len(texts(page, "p.message")) == notes
    assert len(page.css("script")) == 1


def test_hostile_strings_are_searches(site: WebSite, shared: object) -> None:
    """The naughty strings and a share of the XSS payloads, as they come."""
    import json

    corpora = shared / "corpora"  # type: ignore[operator]
    payloads = (corpora / "xss-payload-list.txt").read_text("utf-8", "replace").splitlines()[::60]
    for text in [*json.loads((corpora / "blns.json").read_text("utf-8")), *payloads]:
        answer = site.client.get("/search", params={"q": text.encode("utf-8", "replace")})
        assert answer.status_code == 200, text
        page = LexborHTMLParser(answer.text)
        assert len(page.css("script")) == 1, text
        assert page.css("img, iframe, object, embed, base, style, [onerror], [onload], [style]") == [], text


def test_a_reader_can_rate_what_they_find(site: WebSite) -> None:
    page = open_page(with_session(site), "/search?q=retrieval")
    backs = {node.attributes["value"] for node in page.css("input[name=back]")}
    assert backs == {"/search?q=retrieval"}
