"""Rating by a link of the mail: it opens a page, a click says it, and the page says what that changes."""

import re

import pytest
from starlette.testclient import TestClient

from digest.models import Feedback, PaperJoin
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import subscribers as subscriber_rows
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def sent_paper(site: WebSite, email: str = READER) -> int:
    """A paper of the reader's last issue, recommended for an interest."""
    with site.app.database.read() as session:
        number = site.subscriber(email).id or 0
        (row,) = subscriber_rows.list_subscriptions(session, number)
        for issue_id in issue_rows.list_issue_ids(session, row.id or 0, limit=10):
            for one in issue_rows.list_recommendations(session, issue_id):
                if one.interest_id is not None:
                    return one.paper_id
    raise AssertionError("the demonstration recommends nothing")


def said(site: WebSite, paper_id: int, email: str = READER) -> dict[str, str]:
    """What is stored of that paper: note by kind."""
    with site.app.database.read() as session:
        rows = subscriber_rows.list_feedback(session, site.subscriber(email).id or 0, paper_id)
    return {row.kind: row.note for row in rows}


def open_link(site: WebSite, paper_id: int, kind: str, client: TestClient | None = None) -> TestClient:
    client = client or site.client
    answer = client.get(f"/f/{site.token('feedback')}/{paper_id}/{kind}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/rate?paper={paper_id}&kind={kind}")
    return client


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the page's form."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: value.replace("&#43;", "+") for name, value in found}


@pytest.mark.parametrize("kind", ["more", "less", "saved"])
def test_the_mails_link_asks_for_one_click(site: WebSite, kind: str) -> None:
    """Opening it, and what it leads to, stores nothing; the token is gone from the address and the page."""
    paper = sent_paper(site)
    before = site.rows()
    open_link(site, paper, kind)
    page = site.client.get(f"/rate?paper={paper}&kind={kind}")
    assert page.status_code == 200
    assert page.text.count('<button name="kind"') == 1
    assert site.token("feedback") not in page.text
    assert site.rows() == before
    done = site.client.post("/rate", data=fields(page.text) | {"kind": kind})
    assert done.status_code == 200
    assert set(said(site, paper)) == {kind}
    with site.app.database.read() as session:
        (row,) = subscriber_rows.list_feedback(session, site.subscriber().id or 0, paper)
        assert row.interest_id == subscriber_rows.recommended_interest(session, row.subscriber_id, paper)


def test_the_page_says_for_which_interest_it_counts_and_what_comes_of_it(site: WebSite) -> None:
    """Named, and the papers that come into the next issue; undone, they drop out of it."""
    with site.app.database.read() as session:
        paper = paper_rows.find_paper(
            session, "Curriculum by Boredom: Data Ordering for Language Models From Their Own Predictions"
        )
    assert paper is not None
    open_link(site, sent_paper(site), "more")
    page = site.client.post("/rate", data={"paper": sent_paper(site), "kind": "more"}).text
    assert "count more in your interest “Retrieval”" in page
    page = site.client.post("/rate", data={"paper": paper.id, "kind": "more"}).text
    assert "count more in your interest “Papers you liked”" in page
    come = page.partition("1 paper comes in:")[2].partition("</ul>")[0]
    (link,) = re.findall(r'<li dir="auto"><a href="(/papers/\d+)">', come)
    page = site.client.post("/rate", data=fields(page) | {"kind": "undo"}).text
    gone = page.partition("1 paper drops out:")[2].partition("</ul>")[0]
    assert link in gone


def test_undo_restores_what_stood_before(site: WebSite) -> None:
    """Less, then more, then undo: less, said when it was said."""
    paper = sent_paper(site)
    open_link(site, paper, "less")
    first = site.client.post("/rate", data={"paper": paper, "kind": "less"}).text
    stored = site.rows()["feedback"]
    site.pass_time(minutes=5)
    second = site.client.post("/rate", data={"paper": paper, "kind": "more"}).text
    assert set(said(site, paper)) == {"more"}
    back = site.client.post("/rate", data=fields(second) | {"kind": "undo"})
    assert "less like this" in back.text
    assert [re.sub(r"^\(\d+", "", one) for one in site.rows()["feedback"]] == [
        re.sub(r"^\(\d+", "", one) for one in stored
    ]
    site.client.post("/rate", data=fields(first) | {"kind": "undo"})
    assert said(site, paper) == {}


def test_undo_of_taking_off_the_list_brings_the_note_back(site: WebSite) -> None:
    paper = sent_paper(site)
    open_link(site, paper, "saved")
    saved = site.client.post("/rate", data={"paper": paper, "kind": "saved"}).text
    assert fields(saved)["paper"] == str(paper)
    with site.app.database.write() as session:
        (row,) = subscriber_rows.list_feedback(session, site.subscriber().id or 0, paper)
        row.note = 'for the "survey"'
        session.add(row)
    site.client.post("/rate", data={"paper": paper, "kind": "saved"})
    assert said(site, paper) == {"saved": 'for the "survey"'}
    off = site.client.post("/rate", data={"paper": paper, "kind": "unsaved"}).text
    assert said(site, paper) == {}
    assert "for the &#34;survey&#34;" in off
    site.client.post("/rate", data={"paper": paper, "kind": "saved", "note": 'for the "survey"'})
    assert said(site, paper) == {"saved": 'for the "survey"'}


def test_a_click_on_another_page_leads_back_there_and_nowhere_else(site: WebSite) -> None:
    """Own paths only."""
    paper = sent_paper(site)
    open_link(site, paper, "more")
    for back, leads in (
        ("/?date=2026-08-03#paper-1", "/?date=2026-08-03#paper-1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\r\nSet-Cookie: x=y", None),
    ):
        answer = site.client.post("/rate", data={"paper": paper, "kind": "more", "back": back})
        assert answer.status_code == 303
        where = answer.headers["location"]
        assert where == leads if leads is not None else "\n" not in where
        assert "x=y" not in answer.headers.get("set-cookie", "")


def test_what_is_no_paper_is_not_found(site: WebSite) -> None:
    open_link(site, sent_paper(site), "more")
    before = site.rows()
    for paper in ("0", "999999", "99999999999999999999", "-1", "x", "", "1.5", "١"):
        assert site.client.get("/rate", params={"paper": paper, "kind": "more"}).status_code == 404
        assert site.client.post("/rate", data={"paper": paper, "kind": "more"}).status_code == 404
    for kind in ("seen", "", "moremore"):
        assert site.client.post("/rate", data={"paper": "1", "kind": kind}).status_code == 404
    assert site.client.get(f"/f/{site.token('feedback')}/1/undo").status_code == 404
    assert site.client.get(f"/f/{site.token('feedback')}/x/more").status_code == 404
    for memory in ("x", "more", "more yesterday", "saved 2026-08-03T00:00:00+00:00", "less 2026-08-03"):
        form = {"paper": str(sent_paper(site)), "kind": "undo", "memory": memory}
        assert site.client.post("/rate", data=form).status_code == 400
    assert site.rows() == before


def test_a_paper_that_was_joined_to_another_is_rated_as_that(site: WebSite) -> None:
    paper = sent_paper(site)
    with site.app.database.write() as session:
        now = site.app.now()
        session.add(PaperJoin(paper_id=paper, gone_id=90_000, reason="", confidence=1, joined_at=now))
    open_link(site, 90_000, "more")
    assert site.client.get("/rate?paper=90000&kind=more").status_code == 200
    site.client.post("/rate", data={"paper": 90_000, "kind": "more"})
    assert set(said(site, paper)) == {"more"}


def test_a_session_rates_for_its_own_reader_only(site: WebSite) -> None:
    """Whatever the form says of others."""
    with site.app.database.read() as session:
        other = next(
            one for one in subscriber_rows.list_subscribers(session) if one.email not in (READER, None)
        )
    paper = sent_paper(site)
    open_link(site, paper, "more")
    form = {
        "paper": paper,
        "kind": "more",
        "subscriber": other.id,
        "subscriber_id": other.id,
        "email": other.email,
    }
    site.client.post("/rate", data=form)
    assert set(said(site, paper)) == {"more"}
    assert said(site, paper, other.email or "") == {}


def test_without_a_session_nothing_can_be_rated(site: WebSite) -> None:
    before = site.rows()
    visitor = site.browser()
    assert visitor.get("/rate?paper=1&kind=more").status_code == 401
    assert visitor.post("/rate", data={"paper": "1", "kind": "more"}).status_code == 401
    for purpose in ("unsubscribe", "preferences", "issue", "api"):
        assert visitor.get(f"/f/{site.token(purpose)}/1/more").status_code == 401
    assert site.rows() == before


def test_another_sites_form_rates_nothing(site: WebSite) -> None:
    paper = sent_paper(site)
    open_link(site, paper, "more")
    before = site.rows()
    form = {"paper": paper, "kind": "more"}
    assert site.client.post("/rate", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert site.rows() == before


def test_raising_the_version_ends_the_link_and_the_session(site: WebSite) -> None:
    paper, token = sent_paper(site), site.token("feedback")
    open_link(site, paper, "more")
    with site.app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, READER)
        assert reader is not None
        reader.token_version += 1
    assert site.client.get(f"/rate?paper={paper}&kind=more").status_code == 401
    assert site.client.post("/rate", data={"paper": paper, "kind": "more"}).status_code == 401
    assert site.client.get(f"/f/{token}/{paper}/more").status_code == 401


@pytest.mark.parametrize("path", ["/preferences", "/delete", "/export"])
def test_a_feedback_session_does_no_more_than_rating(site: WebSite, path: str) -> None:
    """It reaches none of what else is the reader's, to read or to change."""
    open_link(site, sent_paper(site), "more")
    before = site.rows()
    for answer in (site.client.get(path), site.client.post(path, data={"action": "save"})):
        assert answer.status_code in (401, 404, 405), path
    assert site.rows() == before


def test_a_session_that_may_do_more_stays(site: WebSite) -> None:
    """Who opened their preferences before does not lose them by rating."""
    from fastapi import Request
    from fastapi.responses import Response

    from digest.web.session import Scope, start_session

    scope = {
        "type": "http",
        "scheme": "https",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"digest.example.org")],
        "app": site.web.inner,
    }
    answer = Response()
    start_session(Request(scope), answer, site.subscriber(), Scope.PREFERENCES)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    link = f"/f/{site.token('feedback')}/{sent_paper(site)}/more"
    later = site.browser().get(link, headers={"Cookie": cookie})
    assert "__Host-digest" not in later.headers["set-cookie"]


def test_hostile_words_of_a_paper_stay_words(site: WebSite) -> None:
    """Title and note are shown, and nothing of them runs."""
    paper = sent_paper(site)
    evil = '"><script>alert(1)</script>'
    with site.app.database.write() as session:
        row = paper_rows.get_paper(session, paper)
        assert row is not None
        row.title = evil
        session.add(row)
        reader = site.subscriber()
        now = site.app.now()
        session.add(
            Feedback(subscriber_id=reader.id, paper_id=paper, kind="saved", note=evil, created_at=now)
        )
    open_link(site, paper, "saved")
    pages = [
        site.client.get(f"/rate?paper={paper}&kind=more").text,
        site.client.post("/rate", data={"paper": paper, "kind": "unsaved"}).text,
    ]
    for page in pages:
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
