"""The front page: what trends, for whoever asks however badly."""

import gzip
import re
from datetime import timedelta

import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.testclient import TestClient

from digest.tokens import make_token
from tests.storage_rows import add_papers, make_entry
from tests.web_site import WebSite, demo_folder, serving_web, site

__all__ = ["demo_folder", "site"]


def open_page(client: TestClient, path: str) -> LexborHTMLParser:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return LexborHTMLParser(answer.text)


def texts(page: LexborHTMLParser, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in page.css(selector)]


def with_session(site: WebSite, scope: str = "preferences") -> TestClient:
    """A browser of the reader's."""
    client, reader = site.browser(), site.subscriber()
    until = int((site.app.now() + timedelta(days=1)).timestamp())
    value = make_token(site.web.site.secret, f"session {scope}", f"{reader.id}.{until}", reader.token_version)
    client.cookies.set("__Host-digest", value)
    return client


def test_the_newest_day_is_shown_with_each_papers_story(site: WebSite) -> None:
    page = open_page(site.client, "/")
    assert texts(page, "h1") == ["Trending papers, Friday, 16 January 2026"]
    papers = page.css("li.paper")
    assert len(papers) == 16
    first = papers[0]
    assert re.search(
        r"^\S.* votes, up from .* · first seen \d+ Jan$",
        texts(page, ".story")[0].removeprefix("Rising").removeprefix("Back").removeprefix("New").strip(),
    )
    curve = first.css_first("svg.curve")
    assert curve is not None
    assert curve.attributes["aria-hidden"] == "true"
    assert [link.text() for link in first.css(".links a")][:2] == ["Abstract", "PDF"]


def test_the_whole_abstract_is_there_and_the_machines_summary_is_labelled(site: WebSite) -> None:
    page = open_page(site.client, "/")
    with site.app.database.read() as s:
        from digest.models import Paper

        for item in page.css("li.paper"):
            paper = s.get_one(Paper, int((item.attributes["id"] or "").removeprefix("paper-")))
            shown = item.css_first("details.abstract .three")
            assert (shown.text() if shown else "") == paper.abstract
            summary = item.css_first(".summary")
            assert bool(summary) == bool(paper.summary and paper.abstract)
            if summary is not None:
                assert summary.css_first(".made-by").text().startswith("Machine-made summary")


def test_previous_and_next_lead_through_all_days(site: WebSite) -> None:
    """From the newest back to the first and on again; days without papers are jumped over."""
    path, titles = "/", []
    while path:
        page = open_page(site.client, path)
        titles.append(texts(page, "h1")[0].removeprefix("Trending papers, "))
        link = page.css_first("a[rel=prev]")
        path = link.attributes["href"] if link else ""
    assert [title.split(",")[0] for title in titles] == ["Friday", "Wednesday", "Tuesday", "Monday"]
    after = open_page(site.client, "/?date=2026-01-14").css_first("a[rel=next]")
    assert after is not None
    assert after.attributes["href"] == "/?date=2026-01-16"


def test_week_and_month_add_days_up_and_each_paper_stands_once(site: WebSite) -> None:
    week = open_page(site.client, "/?period=week")
    assert texts(week, "h1") == ["Trending papers, 12 to 18 January 2026"]
    rows = [node.attributes["id"] for node in week.css("li.paper")]
    assert len(rows) == len(set(rows)) == 50
    more = week.css_first("nav.pages a[rel=next]")
    assert more is not None
    rest = open_page(site.client, more.attributes["href"] or "")
    assert len(rest.css("li.paper")) == 10
    month = open_page(site.client, "/?period=month&date=2026-01-02")
    assert texts(month, "h1") == ["Trending papers, January 2026"]


@pytest.mark.parametrize("sort", ["votes", "rise", "new"])
def test_the_chosen_order_and_filters_stay_in_every_link_and_in_the_form(site: WebSite, sort: str) -> None:
    page = open_page(site.client, f"/?date=2026-01-14&sort={sort}&source=huggingface")
    assert len(page.css("li.paper")) == 16
    for link in page.css(".tabs[aria-label=Period] a, .period a"):
        href = link.attributes["href"] or ""
        assert "source=huggingface" in href
        assert ("sort=" in href) == (sort != "votes")
    assert [node.attributes["value"] for node in page.css("select option[selected]")] == [
        "day",
        sort,
        "huggingface",
    ]
    assert page.css_first("input[name=date]").attributes["value"] == "2026-01-14"
    feeds = [node.attributes["href"] or "" for node in page.css("link[rel=alternate]")]
    assert len(feeds) == 3
    assert all(
        href.startswith("/feeds/trending-day.") and href.endswith("?source=huggingface") for href in feeds
    )


@pytest.mark.parametrize(
    "query",
    [
        *(
            "date=x",
            "date=2026-02-30",
            "date=0001-01-01",
            "date=9999-12-31",
            "date=20260116",
            "date=2026-W03-5",
        ),
        *(
            "period=year",
            "period=%00",
            "sort=;drop",
            "page=0",
            "page=-1",
            "page=99999999999999",
            "page=²",
            "page=3",
        ),
        *("source=nobody", "source=%27--", "date=%F0%28%8C%BC"),
    ],
)
def test_what_cannot_be_understood_is_said_and_the_rest_is_shown(site: WebSite, query: str) -> None:
    """Never an error, and never the visitor's own text."""
    page = open_page(site.client, f"/?{query}")
    assert page.css("li.paper")
    assert len(texts(page, "p.message")) == 1


def test_a_filter_that_fits_nothing_says_so(site: WebSite) -> None:
    page = open_page(site.client, "/?category=no.such")
    assert "No papers here with these filters." in page.body.text()  # type: ignore[union-attr]
    far = open_page(site.client, "/?date=2099-01-01")
    assert "No papers here." in far.body.text()  # type: ignore[union-attr]
    assert far.css_first("a[rel=prev]").attributes["href"] == "/?date=2026-01-16"


def test_completeness_stands_above_the_list(site: WebSite) -> None:
    summary = texts(open_page(site.client, "/?date=2026-01-14"), "details.filters summary")[0]
    assert summary.startswith("16 papers, complete; read 3 times, last 16 Jan 05:30 UTC.")


def test_the_subscribe_line_starts_a_sign_up_and_sends_nothing(site: WebSite) -> None:
    page = open_page(site.client, "/")
    form = page.css_first("form.subscribe-line")
    assert form is not None
    assert form.attributes["action"] == "/subscribe"
    assert "Get trending papers in your email inbox once a day!" in form.text()
    fields = {node.attributes["name"] for node in form.css("input")}
    assert fields == {"form_token", "action", "email"}
    assert form.css_first("input[name=action]").attributes["value"] == "start"


def test_without_open_sign_ups_there_is_no_subscribe_line(tmp_path: object, demo_folder: object) -> None:
    with serving_web(tmp_path / "data", demo_folder, sign_ups="closed") as made:  # type: ignore[operator, arg-type]
        assert open_page(made.client, "/").css("form.subscribe-line") == []


def test_a_visitor_gets_the_same_page_again_and_not_twice(site: WebSite) -> None:
    """ETag and 304, packed or not, until the papers change or the hour does."""
    plain = site.client.get("/", headers={"Accept-Encoding": "identity"})
    packed = site.client.get("/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert packed.headers["etag"] == plain.headers["etag"]
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "Cookie" in packed.headers["vary"]
    assert packed.headers["cache-control"].startswith("public")
    again = site.client.get("/", headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_is_kept_for_visitors_holds_no_reader_and_the_other_way_round(site: WebSite) -> None:
    visitor = site.client.get("/").text
    mine = with_session(site).get("/")
    assert mine.headers["cache-control"] == "private, no-store"
    assert "/rate" in mine.text
    assert "/rate" not in visitor
    assert site.client.get("/").text == visitor


def test_a_reader_has_three_buttons_for_each_paper_and_sees_what_they_said(site: WebSite) -> None:
    from digest.models import Feedback

    reader, client = site.subscriber(), with_session(site, "feedback")
    path = "/?date=2026-01-14&sort=new"
    page = open_page(client, path)
    forms = page.css("li.paper form[action='/rate']")
    assert len(forms) == 16
    fields = {node.attributes["name"]: node.attributes["value"] for node in forms[0].css("input")}
    assert fields.keys() == {"form_token", "paper", "back"}
    assert fields["back"] == path
    buttons = [(node.attributes["value"], node.text()) for node in forms[0].css("button")]
    assert buttons == [("more", "More like this"), ("less", "Less"), ("saved", "Save")]
    assert len(page.css("button[data-save]")) == 16
    assert page.css("form.subscribe-line") == []
    paper = int(fields["paper"] or 0)
    with site.app.database.write() as s:
        for kind in ("more", "saved"):
            s.add(Feedback(subscriber_id=reader.id, paper_id=paper, kind=kind, created_at=site.app.now()))
    form = next(
        one for one in open_page(client, path).css("form[action='/rate']") if f'"{paper}"' in (one.html or "")
    )
    told = [(node.attributes["value"], node.attributes.get("aria-pressed")) for node in form.css("button")]
    assert told == [("more", "true"), ("less", None), ("unsaved", "true")]


def test_a_session_that_was_ended_elsewhere_sees_nothing_said(site: WebSite) -> None:
    from digest.models import Feedback, Subscriber

    reader, client = site.subscriber(), with_session(site)
    paper = int((open_page(client, "/").css_first("input[name=paper]").attributes["value"]) or 0)
    with site.app.database.write() as s:
        s.add(Feedback(subscriber_id=reader.id, paper_id=paper, kind="saved", created_at=site.app.now()))
        s.get_one(Subscriber, reader.id).token_version += 1
    assert open_page(client, "/").css("button[aria-pressed]") == []


def test_looking_changes_nothing(site: WebSite) -> None:
    before = site.rows()
    for path in ("/", "/?period=week", "/?sort=rise&page=2", "/search?q=x", "/papers/1", "/archive"):
        site.client.get(path)
        with_session(site).get(path)
    assert site.rows() == before


def test_hostile_titles_stay_text_and_the_page_stays_small(site: WebSite) -> None:
    payload = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{7*7}}</title>"
    day = site.app.now().date()
    with site.app.database.write() as s:
        entries = [
            make_entry(n, title=f"{n} {payload}", abstract=f"{payload} " * 40, authors=(payload,), votes=n)
            for n in range(300, 360)
        ]
        add_papers(s, entries, now=site.app.now(), day=day)
    answer = site.client.get("/", headers={"Accept-Encoding": "identity"})
    page = LexborHTMLParser(answer.text)
    assert len(page.css("li.paper")) == 50
    assert [node.attributes.get("src") for node in page.css("script")] == [
        page.css_first("script").attributes["src"]
    ]
    assert page.css("img") == []
    assert len(gzip.compress(answer.content)) < 60_000


def test_below_a_path_every_link_has_it_in_front(tmp_path: object, demo_folder: object) -> None:
    address = "https://example.org/papers-of-ours"
    with serving_web(tmp_path / "data", demo_folder, base_url=address) as made:  # type: ignore[operator, arg-type]
        for path in ("/", "/search?q=the", "/papers/1", "/archive", "/?period=week"):
            page = open_page(made.client, f"{address}{path}")
            found = [
                node.attributes[name] or "" for name in ("href", "action") for node in page.css(f"[{name}]")
            ]
            own = [one for one in found if not one.startswith(("https://", "#"))]
            assert own
            assert all(one.startswith("/papers-of-ours/") for one in own), (path, own)
