"""One paper's page."""

import pytest

from digest.identity import StoredJoin
from digest.models import Paper
from digest.storage import merging
from tests.storage_rows import add_papers, make_entry
from tests.test_web_trending import open_page, texts, with_session
from tests.web_site import WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def listed_twice(site: WebSite) -> int:
    """The paper that came back."""
    from digest.storage import browsing

    with site.app.database.read() as s:
        found = browsing.list_listing_days(s, range(1, 61))
    return next(paper for paper, days in found.items() if len(days) > 1)


def test_a_paper_is_shown_whole(site: WebSite) -> None:
    number = listed_twice(site)
    page = open_page(site.client, f"/papers/{number}")
    with site.app.database.read() as s:
        paper = s.get_one(Paper, number)
    assert texts(page, "h1") == [paper.title]
    assert page.css_first(".abstract-text").text() == paper.abstract
    assert texts(page, ".authors")[0].startswith(", ".join(paper.authors))
    links = [node.attributes["href"] for node in page.css("main a")]
    assert f"/papers/{number}.bib" in links
    assert f"/search?like={number}" in links
    assert {"/?date=2026-01-12", "/?date=2026-01-16"} <= set(links)
    assert texts(page, "#similar") == ["Similar papers"]
    assert 0 < len(page.css("section li.paper")) <= 8


def test_votes_are_drawn_and_told_in_a_table(site: WebSite) -> None:
    """The drawing is hidden from who cannot see it, the table says the same."""
    page = open_page(site.client, f"/papers/{listed_twice(site)}")
    chart = page.css_first("svg.chart")
    assert chart is not None
    assert chart.attributes["aria-hidden"] == "true"
    dots, rows = chart.css("circle"), page.css("details table tbody tr")
    assert len(dots) == len(rows) == 4
    assert texts(page, "table th") == ["When (UTC)", "Source", "Votes"]
    assert texts(page, "table tbody tr td")[:3] == ["Monday, 12 January 2026, 05:30", "Hugging Face", "23"]


def test_other_ids_lead_to_the_one_address(site: WebSite) -> None:
    with site.app.database.write() as s:
        day = site.app.now().date()
        keep, gone, _ = add_papers(
            s,
            [make_entry(n, doi=f"10.1000/x/{n}" if n == 302 else None) for n in (300, 301, 302)],
            now=site.app.now(),
            day=day,
        )
        s.get_one(Paper, gone).arxiv_id = None
        assert merging.merge_papers(s, StoredJoin(keep, gone, "same", 0.9), site.app.now())
    for ref, number in (
        ("2608.00300", keep),
        ("arXiv:2608.00300v2", keep),
        (str(gone), keep),
        (f"0{keep}", keep),
        ("10.1000/x/302", keep + 2),
        ("https://doi.org/10.1000/x/302", keep + 2),
    ):
        answer = site.client.get(f"/papers/{ref}")
        assert (answer.status_code, answer.headers.get("location")) == (303, f"/papers/{number}"), ref
    assert "same" in site.client.get(f"/papers/{keep}").text


@pytest.mark.parametrize(
    "ref", ["99999", "0", "nothing", "-1", "1/2", "%2e%2e", "10.1000/none", "1" * 30, "%00", "²"]
)
def test_what_is_not_there_is_said_with_a_search(site: WebSite, ref: str) -> None:
    answer = site.client.get(f"/papers/{ref}")
    assert answer.status_code == 404
    assert 'action="/search"' in answer.text


def test_a_reader_can_rate_it(site: WebSite) -> None:
    page = open_page(with_session(site), "/papers/1")
    form = page.css_first("article form[action='/rate']")
    assert form is not None
    assert form.css_first("input[name=paper]").attributes["value"] == "1"
    assert form.css_first("input[name=back]").attributes["value"] == "/papers/1"
    assert "/rate" not in site.client.get("/papers/1").text


def test_a_withdrawn_paper_says_so(site: WebSite) -> None:
    with site.app.database.write() as s:
        s.get_one(Paper, 2).withdrawn_at = site.app.now()
    assert texts(open_page(site.client, "/papers/2"), ".message")[0].startswith("This paper was withdrawn")


def test_hostile_text_is_text(site: WebSite) -> None:
    payload = '</h1><script>alert(1)</script>" onmouseover=alert(1) x="javascript:alert(1)'
    with site.app.database.write() as s:
        paper = s.get_one(Paper, 3)
        paper.title = paper.abstract = paper.organisation = paper.venue = payload
        paper.keywords, paper.categories, paper.authors = [payload], [payload], [payload]
        paper.summary = paper.summary_by = payload
    page = open_page(site.client, "/papers/3")
    assert len(page.css("script")) == 1
    assert page.css("[onmouseover]") == []
    assert texts(page, "h1") == [payload]
    assert [node for node in page.css("a") if (node.attributes["href"] or "").startswith("javascript")] == []
