"""Rate ten: one paper at a time, stored as feedback like any other, and what the next digest is like then."""

import re

import pytest
from starlette.testclient import TestClient

from digest.models import Feedback, Paper, PaperJoin, Subscriber
from digest.pipeline.rate_ten import TEN, list_to_rate
from digest.pipeline.readers import Schedule, add_subscriber
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import saved as saved_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.works import add_works
from digest.types import Entry
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

NEW = "new@example.org"


@pytest.fixture
def reader(site: WebSite) -> TestClient:
    """The browser of somebody who subscribed just now and named no interest."""
    schedule = Schedule(cadence="daily", weekday="mon", hour=6, zone="UTC")
    add_subscriber(site.app.database, NEW, schedule, active=True, now=site.app.now())
    return signed_in(site, NEW)


def signed_in(site: WebSite, email: str, purpose: str = "preferences") -> TestClient:
    client = site.browser()
    token = site.token(purpose, email)
    assert client.get(f"/p/{token}" if purpose == "preferences" else f"/f/{token}/1/more").status_code == 303
    return client


def said(site: WebSite, email: str = NEW) -> dict[int, str]:
    with site.app.database.read() as session:
        rows = saved_rows.list_feedback(session, site.subscriber(email).id or 0)
    return {row.paper_id: row.kind for row in rows}


def form_of(page: str, last: str = "answer") -> dict[str, str]:
    """The hidden fields of the form of that class."""
    form = page.partition(f'<form class="{last}"')[2].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


def skip_of(page: str) -> str:
    (where,) = re.findall(r'<a class="button quiet" href="([^"]*)">Skip</a>', page)
    return str(where)


def press(client: TestClient, page: str, kind: str, last: str = "answer") -> str:
    """Press a button; what comes next."""
    answer = client.post("/rate", data=form_of(page, last) | {"kind": kind})
    assert answer.status_code == 303
    return client.get(answer.headers["location"]).text


def test_ten_clicks_lead_to_the_next_digest(site: WebSite, reader: TestClient) -> None:
    """Each stored as it was said; the last page shows what comes of it."""
    page = reader.get("/rate/ten").text
    expected: dict[int, str] = {}
    for number in range(1, TEN + 1):
        assert f"{number} of 10" in page
        assert page.count('name="kind"') == 2 + (number > 1)
        kind = "more" if number % 3 == 1 else "less"
        expected[int(form_of(page)["paper"])] = kind
        page = press(reader, page, kind)
        assert said(site) == expected
    assert len(expected) == TEN
    assert "you want more like 4; 6 are not for you" in page
    assert "Your next digest, as things stand" in page
    assert "Papers you liked" in page


def test_looking_stores_nothing(site: WebSite, reader: TestClient) -> None:
    """The page, its next ones by skipping, and the last."""
    before = site.rows()
    page, seen = reader.get("/rate/ten").text, []
    for _ in range(TEN):
        seen.append(form_of(page)["paper"])
        page = reader.get(skip_of(page)).text
    assert len(set(seen)) == TEN
    assert "No answer yet" in page
    assert "you want more like none" in page
    assert site.rows() == before


def test_rate_alone_leads_to_ten(site: WebSite, reader: TestClient) -> None:
    answer = reader.get("/rate")
    assert (answer.status_code, answer.headers["location"]) == (303, "/rate/ten")
    assert site.browser().get("/rate").status_code == 401


def test_the_answer_decides_what_comes_next(site: WebSite, reader: TestClient) -> None:
    """Liked or disliked, the first paper is followed by others."""
    first = reader.get("/rate/ten").text
    paper = int(form_of(first)["paper"])

    def following() -> list[int]:
        return [one["id"] for one in list_to_rate(site.app.composer(), NEW, site.web.site.moment(), most=5)]

    found = []
    for kind in ("more", "less"):
        press(reader, first, kind)
        found.append(following())
        assert paper not in found[-1]
    assert found[0] != found[1]


def test_undo_asks_about_the_paper_again(site: WebSite, reader: TestClient) -> None:
    first = reader.get("/rate/ten").text
    second = press(reader, first, "more")
    assert "More like" in second
    again = press(reader, second, "undo", "undo")
    assert form_of(again)["paper"] == form_of(first)["paper"]
    assert said(site) == {}


def test_what_was_said_can_be_changed_at_the_end(site: WebSite, reader: TestClient) -> None:
    page = reader.get("/rate/ten").text
    for _ in range(TEN):
        page = press(reader, page, "less")
    assert "That says little of what is for you" in page
    list_of = page.partition('<ul class="plain answered">')[2].partition("</ul>")[0]
    fields = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', list_of.partition("</form>")[0])
    )
    answer = reader.post("/rate", data=fields | {"kind": "more"})
    assert answer.status_code == 303
    page = reader.get(answer.headers["location"]).text
    assert "you want more like 1; 9 are not for you" in page
    assert said(site)[int(fields["paper"])] == "more"


def test_papers_that_the_reader_had_or_judged_are_not_asked_about(site: WebSite) -> None:
    """Those of earlier issues, and what was said of any."""
    client = signed_in(site, READER)
    number = site.subscriber(READER).id or 0
    with site.app.database.write() as session:
        had = issue_rows.list_sent(session, [number])[number]
        page = client.get("/rate/ten").text
        seen = int(form_of(page)["paper"])
        session.add(Feedback(subscriber_id=number, paper_id=seen, kind="seen", created_at=site.app.now()))
    asked = {one["id"] for one in list_to_rate(site.app.composer(), READER, site.web.site.moment(), most=100)}
    assert had
    assert asked
    assert not asked & (had | {seen})


def test_what_was_said_before_learning_began_anew_steers_nothing(site: WebSite, reader: TestClient) -> None:
    """Like a paper that was only seen: it is not asked about again, and that is all."""

    def following() -> list[int]:
        return [one["id"] for one in list_to_rate(site.app.composer(), NEW, site.web.site.moment(), most=5)]

    press(reader, reader.get("/rate/ten").text, "more")
    liked = following()
    site.pass_time(minutes=1)
    with site.app.database.write() as session:
        stored = session.get(Subscriber, site.subscriber(NEW).id)
        assert stored is not None
        stored.learn_from = site.app.now()
    anew = following()
    with site.app.database.write() as session:
        (row,) = saved_rows.list_feedback(session, site.subscriber(NEW).id or 0)
        row.kind = "seen"
        session.add(row)
    assert following() == anew != liked


def test_weeks_without_a_list_the_last_ones_are_asked_about(site: WebSite, reader: TestClient) -> None:
    site.pass_time(days=40)
    client = signed_in(site, NEW)
    assert "1 of 10" in client.get("/rate/ten").text
    assert reader.get("/rate/ten").status_code == 401  # the session ended meanwhile


def test_with_nothing_stored_the_page_says_so(site: WebSite, reader: TestClient) -> None:
    """Nor where everything was judged."""
    with site.app.database.write() as session:
        number = site.subscriber(NEW).id or 0
        for paper in paper_rows.list_papers(session, limit=10_000):
            row = Feedback(subscriber_id=number, paper_id=paper.id, kind="less", created_at=site.app.now())
            session.add(row)
    page = reader.get("/rate/ten")
    assert page.status_code == 200
    assert "Nothing to rate now" in page.text
    assert list_to_rate(site.app.composer(), NEW, site.web.site.moment(), most=10) == []


@pytest.mark.parametrize(
    "asked",
    [
        "x",
        "....",
        "0",
        "-1",
        "999999",
        "9" * 4_000,
        "1.1.1.1",
        "٣",
        "1%00",
        "'--",
        "1," * 50,
        ".".join("1" * 99),
    ],
)
def test_whatever_the_address_says_a_page_comes(site: WebSite, reader: TestClient, asked: str) -> None:
    """What names no paper is left out; a paper named twice counts once."""
    before = site.rows()
    answer = reader.get("/rate/ten", params={"asked": asked})
    assert answer.status_code == 200
    assert re.search(r"[12] of 10", answer.text)
    assert site.rows() == before


def test_a_paper_that_was_joined_to_another_counts_as_that(site: WebSite, reader: TestClient) -> None:
    paper = int(form_of(reader.get("/rate/ten").text)["paper"])
    with site.app.database.write() as session:
        now = site.app.now()
        session.add(PaperJoin(paper_id=paper, gone_id=90_000, reason="", confidence=1, joined_at=now))
    page = reader.get("/rate/ten?asked=90000").text
    assert form_of(page)["back"].startswith(f"/rate/ten?asked={paper}.")


def test_the_address_shows_no_paper_that_is_not_asked_about(site: WebSite, reader: TestClient) -> None:
    """Such as one that another reader brought along, which nobody else is shown."""
    with site.app.database.write() as session:
        (brought,) = add_works(session, [Entry(title="Quixotic Zymurgy", position=1)], site.app.now())
    asked = [form_of(reader.get("/rate/ten").text)["paper"]]
    for _ in range(TEN - 1):
        path = f"/rate/ten?asked={brought}.{'.'.join(asked)}"
        page = reader.get(path).text
        assert f"{len(asked) + 1} of 10" in page
        assert "Zymurgy" not in page
        asked.append(form_of(page)["paper"])
    assert str(brought) not in asked
    assert "Zymurgy" not in reader.get(f"/rate/ten?asked={'.'.join(asked)}").text


def test_the_page_is_its_owners_alone(site: WebSite, reader: TestClient) -> None:
    """Not a stranger's, not for a link that rates one mail's papers; answers go to who is signed in."""
    assert site.browser().get("/rate/ten").status_code == 401
    assert signed_in(site, NEW, "feedback").get("/rate/ten").status_code == 401
    other = signed_in(site, READER)
    before = said(site, READER)
    press(reader, reader.get("/rate/ten").text, "more")
    assert len(said(site)) == 1
    assert said(site, READER) == before
    with site.app.database.write() as session:
        stored = subscriber_rows.get_subscriber(session, READER)
        assert stored is not None
        stored.token_version += 1
    assert other.get("/rate/ten").status_code == 401


def test_another_sites_form_rates_nothing(site: WebSite, reader: TestClient) -> None:
    page = reader.get("/rate/ten").text
    form, before = form_of(page) | {"kind": "more"}, site.rows()
    answer = reader.post("/rate", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert site.rows() == before


def test_hostile_words_of_a_paper_stay_words(site: WebSite, reader: TestClient) -> None:
    """On the card, in the line above the next and in the list at the end."""
    evil = '"><script>alert(1)</script>'
    paper = int(form_of(reader.get("/rate/ten").text)["paper"])
    with site.app.database.write() as session:
        row = session.get(Paper, paper)
        assert row is not None
        row.title, row.abstract, row.summary = evil, evil, evil
        session.add(row)
    pages = [reader.get("/rate/ten").text, reader.get(f"/rate/ten?asked={paper}").text]
    reader.post("/rate", data={"paper": paper, "kind": "less"})
    pages.append(reader.get(f"/rate/ten?asked={paper}").text)
    for page in pages:
        assert "<script>alert" not in page


def test_the_card_has_the_papers_own_words(site: WebSite, reader: TestClient) -> None:
    """Its abstract, not a machine's summary of it."""
    page = reader.get("/rate/ten").text
    with site.app.database.read() as session:
        row = session.get(Paper, int(form_of(page)["paper"]))
    assert row is not None
    assert row.abstract[:40] in page
    assert "Machine-made" not in page


def test_it_is_reached_from_where_a_new_reader_is(site: WebSite, reader: TestClient) -> None:
    assert 'href="/rate/ten"' in reader.get("/preferences").text
