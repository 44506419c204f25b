"""Papers that a reader brought along, and no source listed, are that reader's: nobody else is shown them."""

import pytest

from digest.models import Feedback
from digest.storage import subscribers as subscriber_rows
from digest.storage.works import add_works
from digest.types import Entry
from tests.storage_rows import add_papers
from tests.web_site import WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

TITLE = "Quixotic Zymurgy Of Brought Papers"
# What a search does not mark, so that it stands in one piece.
REST = "Of Brought Papers"
WORK = Entry(title=TITLE, abstract="Nobody listed this.", position=1, arxiv_id="2512.98765")


@pytest.fixture
def brought(site: WebSite) -> int:
    """The number of a paper that the reader saved elsewhere."""
    with site.app.database.write() as session:
        (number,) = add_works(session, [WORK], site.app.now())
        said = Feedback(
            subscriber_id=site.subscriber().id or 0, paper_id=number, kind="saved", created_at=site.app.now()
        )
        subscriber_rows.add_feedback(session, said)
    return number


def paths(number: int) -> list[str]:
    return [f"/papers/{number}", f"/papers/{number}.bib", f"/api/papers/{number}"]


def test_no_search_and_no_page_shows_it_to_others(site: WebSite, brought: int) -> None:
    """By its words, its id, what it is like, and its number."""
    for path in (
        "/search?q=quixotic+zymurgy",
        "/search?q=2512.98765",
        f"/search?like={brought}",
        "/api/search?q=zymurgy",
        "/api/papers?limit=100",
        "/feeds/search.rss?q=zymurgy",
    ):
        assert REST not in site.client.get(path).text, path
    for path in paths(brought):
        assert site.client.get(path).status_code == 404, path
    assert site.client.get(f"/api/papers/{brought}/similar").status_code == 404


def test_its_reader_sees_it(site: WebSite, brought: int) -> None:
    site.client.get(f"/p/{site.token('preferences')}")
    assert REST in site.client.get("/saved").text
    assert REST in site.client.get(f"/papers/{brought}").text


def test_listed_by_a_source_it_is_everybodys(site: WebSite, brought: int) -> None:
    """With the very same words too, which change nothing in its row."""
    with site.app.database.write() as session:
        from digest.pipeline.filing import Filing, file_page
        from digest.storage import sources as source_rows
        from digest.types import ParsedPage

        day = site.app.now().date()
        row = source_rows.ensure_source(session, "other", "feed", "https://other.example", site.app.now())
        file_page(session, row, ParsedPage((WORK,), page_date=day), Filing(day, site.app.now()))
    assert REST in site.client.get("/search?q=quixotic+zymurgy").text
    for path in paths(brought):
        assert site.client.get(path).status_code == 200, path


def test_add_papers_is_what_the_others_are_made_by(site: WebSite) -> None:
    """An ordinary listed paper is found: the checks above can fail."""
    with site.app.database.write() as session:
        add_papers(session, [WORK], now=site.app.now(), day=site.app.now().date())
    assert REST in site.client.get("/search?q=zymurgy").text
