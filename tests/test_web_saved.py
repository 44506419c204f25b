"""The saved papers' page: whose it is, what it shows, and the files that other programs read."""

import csv
import json
from io import StringIO

import bibtexparser
import pytest
import rispy
from starlette.testclient import TestClient

from digest.libraries import read_library
from digest.models import Feedback, Paper
from digest.storage import papers as paper_rows
from digest.storage import subscribers as subscriber_rows
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def others(site: WebSite) -> str:
    with site.app.database.read() as session:
        return next(one.email for one in subscriber_rows.list_subscribers(session) if one.email != READER)


def browser_of(site: WebSite, purpose: str = "preferences", email: str = READER) -> TestClient:
    """A browser whose reader opened a link of that purpose."""
    client = site.browser()
    token = site.token(purpose, email)
    answer = client.get(f"/f/{token}/1/more" if purpose == "feedback" else f"/p/{token}")
    assert answer.status_code == 303
    return client


def save(site: WebSite, *, n: int = 3, email: str = READER, note: str = "") -> list[Paper]:
    """Save some papers for a reader, one a minute; the last saved comes first."""
    reader = site.subscriber(email)
    with site.app.database.write() as session:
        papers = paper_rows.list_papers(session, limit=n)
        for paper in reversed(papers):
            site.pass_time(minutes=1)
            said = Feedback(
                subscriber_id=reader.id, paper_id=paper.id, kind="saved", note=note, created_at=site.app.now()
            )
            subscriber_rows.add_feedback(session, said)
    return papers


def notes(site: WebSite, email: str = READER) -> dict[int, str]:
    from digest.storage.saved import list_saved

    with site.app.database.read() as session:
        return {row.paper_id: row.note for row in list_saved(session, site.subscriber(email).id)}


# --- whose it is -----------------------------------------------------------------------------------

PRIVATE = ("/saved", "/saved?q=x", "/saved.bib", "/saved.ris", "/saved.json", "/saved.csv")


@pytest.mark.parametrize("path", PRIVATE)
def test_nobody_reads_it_without_a_link_of_their_own(site: WebSite, path: str) -> None:
    assert site.client.get(path).status_code == 401


@pytest.mark.parametrize("path", PRIVATE)
def test_a_link_for_feedback_is_enough(site: WebSite, path: str) -> None:
    assert browser_of(site, "feedback").get(path).status_code == 200


@pytest.mark.parametrize("what", ["note", "remove", "restore"])
def test_nothing_changes_without_a_session(site: WebSite, what: str) -> None:
    paper = save(site, n=1)[0]
    before = site.rows()
    assert site.client.post(f"/saved/{paper.id}/{what}", data={"note": "x"}).status_code == 401
    assert site.rows() == before


def test_everybody_has_a_list_of_their_own(site: WebSite) -> None:
    paper = save(site, n=1, note="mine alone")[0]
    stranger = browser_of(site, email=others(site))
    assert "Nothing is saved yet" in stranger.get("/saved").text
    assert "mine alone" not in stranger.get("/saved.json").text
    before = site.rows()
    assert stranger.post(f"/saved/{paper.id}/note", data={"note": "theirs"}).status_code == 400
    assert stranger.post(f"/saved/{paper.id}/remove").status_code == 200
    assert site.rows() == before


def test_a_session_ends_with_the_token_version(site: WebSite) -> None:
    client = browser_of(site)
    with site.app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, READER)
        reader.token_version += 1
        session.add(reader)
    assert client.get("/saved").status_code == 401


# --- what it shows ---------------------------------------------------------------------------------


def test_papers_come_in_the_order_they_were_saved_the_last_first(site: WebSite) -> None:
    papers = save(site, n=4)
    page = browser_of(site).get("/saved").text
    places = [page.index(f'id="paper-{paper.id}"') for paper in papers]
    assert places == sorted(places)
    assert "4 papers" in page


def test_looking_changes_nothing(site: WebSite) -> None:
    save(site)
    before = site.rows()
    client = browser_of(site)
    for path in (*PRIVATE, "/saved?page=99", "/saved?page=x&q=%00", "/saved?page=²"):
        assert client.get(path).status_code == 200
    assert site.rows() == before


def test_a_note_keeps_its_lines_and_nothing_that_is_markup(site: WebSite) -> None:
    paper = save(site, n=1)[0]
    client = browser_of(site)
    note = "  <script>alert(1)</script>read this\r\n\r\n\r\n5 < 6 & \x00 'so' \u202e\r\n"
    answer = client.post(f"/saved/{paper.id}/note", data={"note": note, "back": "/saved?q=a"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/saved?q=a#paper-{paper.id}")
    assert notes(site) == {paper.id: "alert(1) read this\n\n5 < 6 & 'so'"}
    assert "5 &lt; 6 &amp; &#39;so&#39;" in client.get("/saved").text
    client.post(f"/saved/{paper.id}/note", data={"note": "x" * 5000})
    assert len(notes(site)[paper.id]) == 4000
    client.post(f"/saved/{paper.id}/note", data={"note": " \r\n "})
    assert notes(site) == {paper.id: ""}


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil", "javascript:x"])
def test_a_form_cannot_send_the_browser_elsewhere(site: WebSite, back: str) -> None:
    paper = save(site, n=1)[0]
    answer = browser_of(site).post(f"/saved/{paper.id}/note", data={"note": "", "back": back})
    assert answer.headers["location"] == "/"


def test_a_removed_paper_can_be_put_back_as_it_was(site: WebSite) -> None:
    papers = save(site, n=3, note="line one\nline two")
    client = browser_of(site)
    before = site.rows()["feedback"]
    page = client.post(f"/saved/{papers[1].id}/remove").text
    assert "is off your list" in page
    assert set(notes(site)) == {papers[0].id, papers[2].id}
    saved_at = page.partition('name="saved_at" value="')[2].partition('"')[0]
    site.pass_time(hours=1)
    form = {"note": "line one\r\nline two", "saved_at": saved_at, "back": "/saved"}
    assert client.post(f"/saved/{papers[1].id}/restore", data=form).status_code == 303

    def facts(rows: list[object]) -> list[str]:
        return sorted(str(row).partition(",")[2] for row in rows)

    assert facts(site.rows()["feedback"]) == facts(before)
    assert "is off your list" not in client.post(f"/saved/{papers[1].id + 10**6}/remove").text


@pytest.mark.parametrize("saved_at", ["", "x", "9999-01-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_is_the_present(site: WebSite, saved_at: str) -> None:
    paper = save(site, n=1)[0]
    form = {"note": "", "saved_at": saved_at}
    assert browser_of(site).post(f"/saved/{paper.id}/restore", data=form).status_code == 303


def test_what_is_not_saved_has_no_note_and_what_is_not_stored_cannot_be_put_back(site: WebSite) -> None:
    client = browser_of(site)
    for paper_id in (1, 0, 10**9, 10**30):
        assert client.post(f"/saved/{paper_id}/note", data={"note": "x"}).status_code == 400
    for paper_id in (0, 10**9, 10**30):
        assert client.post(f"/saved/{paper_id}/restore").status_code == 400


def test_the_search_looks_at_titles_abstracts_authors_and_notes(site: WebSite) -> None:
    papers = save(site, n=5)
    client = browser_of(site)
    client.post(f"/saved/{papers[2].id}/note", data={"note": "für die Lesegruppe"})

    def found(q: str) -> set[int]:
        page = client.get("/saved", params={"q": q}).text
        return {paper.id for paper in papers if f'id="paper-{paper.id}"' in page}

    assert found("FUR lesegruppe") == {papers[2].id}
    assert papers[0].id in found(papers[0].title)
    assert papers[1].id in found(papers[1].authors[0])
    assert papers[3].id in found(" ".join(papers[3].abstract.split()[:3]))
    assert found("nothing-holds-this") == set()
    assert found("<script>") == set()


def test_long_lists_have_pages(site: WebSite) -> None:
    n = len(save(site, n=1000))
    client = browser_of(site)
    first = client.get("/saved").text
    assert (first.count('class="paper"'), "1 of" in first) == (min(n, 50), n > 50)
    if n > 50:
        assert 'href="/saved?page=2" rel="next"' in first
        assert client.get("/saved?page=2").text.count('class="paper"') == min(n - 50, 50)


def test_a_script_in_a_title_does_not_run_on_the_page(site: WebSite) -> None:
    paper = save(site, n=1)[0]
    with site.app.database.write() as session:
        row = paper_rows.get_paper(session, paper.id)
        row.title = '"><img src=x onerror=alert(1)>{{7*7}}'
        session.add(row)
    client = browser_of(site)
    for page in (client.get("/saved").text, client.post(f"/saved/{paper.id}/remove").text):
        assert "<img" not in page
        assert "{{7*7}}" in page


# --- files -----------------------------------------------------------------------------------------


def test_the_list_is_exported_with_its_notes_in_every_format(site: WebSite) -> None:
    papers = save(site, n=4, note="why\nI kept it")
    client = browser_of(site)
    answers = {ending: client.get(f"/saved.{ending}") for ending in ("bib", "ris", "json", "csv")}
    assert {ending: answer.headers["content-type"] for ending, answer in answers.items()} == {
        "bib": "application/x-bibtex; charset=utf-8",
        "ris": "application/x-research-info-systems; charset=utf-8",
        "json": "application/json",
        "csv": "text/csv; charset=utf-8",
    }
    for ending, answer in answers.items():
        assert answer.headers["content-disposition"] == f'attachment; filename="saved-papers.{ending}"'
        assert answer.headers["cache-control"] == "private, no-store"
    for ending in ("bib", "ris", "json"):
        found = read_library("", answers[ending].content)
        assert found.problems == ()
        assert [one.title for one in found.papers] == [paper.title for paper in papers], ending
        assert [one.arxiv_id for one in found.papers] == [paper.arxiv_id for paper in papers]
        assert {one.note for one in found.papers} == {"why\nI kept it"}
    assert len(bibtexparser.parse_string(answers["bib"].text).entries) == 4
    assert len(rispy.loads(answers["ris"].text)) == 4
    assert len(json.loads(answers["json"].text)) == 4
    assert [row["title"] for row in csv.DictReader(StringIO(answers["csv"].text))] == [
        paper.title for paper in papers
    ]


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_no_cell_of_a_spreadsheet_is_a_formula(site: WebSite, title: str) -> None:
    paper = save(site, n=1, note=title)[0]
    with site.app.database.write() as session:
        row = paper_rows.get_paper(session, paper.id)
        row.title = title
        row.authors = [title]
        session.add(row)
    (row,) = csv.DictReader(StringIO(browser_of(site).get("/saved.csv").text))
    assert (row["title"], row["note"], row["authors"]) == (f"'{title}",) * 3


def test_other_endings_are_no_files(site: WebSite) -> None:
    assert browser_of(site).get("/saved.exe").status_code == 404


def test_a_public_paper_is_exported_to_everybody(site: WebSite) -> None:
    save(site, n=1, note="private words")
    with site.app.database.read() as session:
        paper = paper_rows.list_papers(session, limit=1)[0]
    for ending, kind in (("bib", "application/x-bibtex"), ("ris", "application/x-research-info-systems")):
        answer = site.client.get(f"/papers/{paper.id}.{ending}")
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-disposition"] == f'attachment; filename="paper-{paper.id}.{ending}"'
        assert answer.headers["cache-control"].startswith("public")
        assert read_library("", answer.content).papers[0].title == paper.title
        assert "private words" not in answer.text
        tag = answer.headers["etag"]
        again = site.client.get(f"/papers/{paper.id}.{ending}", headers={"If-None-Match": tag})
        assert again.status_code == 304
    for number in (0, 10**9, 10**30):
        assert site.client.get(f"/papers/{number}.bib").status_code == 404
