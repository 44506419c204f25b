"""Preferences: the form says what is stored and stores what it says, for its owner only."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser
from starlette.testclient import TestClient

from digest.errors import UsageError
from digest.pipeline.liked import LIKED
from digest.pipeline.steering import save_wishes, wishes_of
from digest.pipeline.wishes import HIDEABLE, ExamplePaper, InterestWish, Wishes
from digest.schedule import WEEKDAYS
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.tokens import make_token
from digest.types import SubscriberStatus
from digest.web import interests_form
from tests.web_fields import Fields, fields_of, problem_beside
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

OTHER = "speech@example.org"
HOSTILE = (
    '"><script>alert(1)</script>',
    "</textarea><svg onload=alert(1)>",
    "' or 1=1; --",
    "{{ 7*7 }}{% raw %}",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe",
    "a\x00b\x1b[31m",
    "😀" * 40,
)


@pytest.fixture
def reader(site: WebSite) -> TestClient:
    """A browser that opened the link of a mail."""
    client = site.browser()
    assert client.get(f"/p/{site.token('preferences')}").status_code == 303
    return client


def test_a_newer_link_makes_the_session_last_longer(site: WebSite, reader: TestClient) -> None:
    site.pass_time(days=29)
    assert "set-cookie" in reader.get(f"/p/{site.token('preferences')}").headers
    site.pass_time(days=2)
    assert reader.get("/preferences").status_code == 200


def _number(site: WebSite, email: str = READER) -> int:
    number = site.subscriber(email).id
    assert number is not None
    return number


def _wishes(site: WebSite) -> Wishes:
    return wishes_of(site.app.database, _number(site))


def _set(site: WebSite, wishes: Wishes) -> Wishes:
    save_wishes(site.app.database, _number(site), wishes, renamed={}, now=site.app.now())
    return _wishes(site)


def _press(reader: TestClient, action: str, files: Any = None, **typed: str | Sequence[str]) -> Response:
    """Open the page, type, press a button; an empty list unticks."""
    fields: Fields = fields_of(reader.get("/preferences").text)
    fields |= {name: [value] if isinstance(value, str) else list(value) for name, value in typed.items()}
    return reader.post("/preferences", data=fields | {"action": [action]}, files=files or {})


# --- who comes in ----------------------------------------------------------------------------------


def test_the_link_lets_in_and_leaves_the_address(site: WebSite) -> None:
    before = site.rows()
    client = site.browser()
    answer = client.get(f"/p/{site.token('preferences')}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/preferences")
    assert answer.headers["set-cookie"].startswith("__Host-digest=")
    page = client.get("/preferences")
    assert page.status_code == 200
    assert READER in page.text
    assert site.token("preferences") not in page.text
    assert site.rows() == before


@pytest.mark.parametrize("purpose", ["unsubscribe", "feedback", "api", "issue"])
def test_a_link_for_something_else_does_not(site: WebSite, purpose: str) -> None:
    client = site.browser()
    answer = client.get(f"/p/{site.token(purpose)}")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_a_link_that_is_old_or_incomplete_does_not(site: WebSite) -> None:
    token = site.token("preferences")
    old = make_token(site.web.site.secret, "preferences", str(_number(site)), 0)
    for wrong in (token[:-1], token + "a", old, "x", "%20", "a" * 1900):
        assert site.browser().get(f"/p/{wrong}").status_code == 401


PAGES = [("GET", "/preferences"), ("GET", "/preferences/why"), ("POST", "/preferences")]
ACTIONS = ["/preferences/standing", "/preferences/revoke", "/preferences/keys"]
ROUTES = [*PAGES, *(("POST", path) for path in ACTIONS)]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_else_gets_anywhere(site: WebSite, method: str, path: str) -> None:
    """Not without a session, nor with one of a feedback link, nor with one that was revoked."""
    before = site.rows()
    assert site.browser().request(method, path).status_code == 401
    rater = site.browser()
    rater.cookies.set("__Host-digest", _cookie(site, "session feedback"), domain="digest.example.org")
    assert rater.request(method, path).status_code == 401
    revoked = site.browser()
    revoked.cookies.set("__Host-digest", _cookie(site, version=7), domain="digest.example.org")
    assert revoked.request(method, path).status_code == 401
    assert site.rows() == before


def _cookie(site: WebSite, purpose: str = "session preferences", *, version: int = 1) -> str:
    until = int(site.app.now().timestamp()) + 1000
    return make_token(site.web.site.secret, purpose, f"{_number(site)}.{until}", version)


@pytest.mark.parametrize("path", ["/preferences", *ACTIONS])
def test_another_site_can_do_nothing(site: WebSite, reader: TestClient, path: str) -> None:
    before = site.rows()
    fields = fields_of(reader.get("/preferences").text) | {"action": ["save"], "hour": ["9"]}
    assert reader.post(path, data=fields, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    del reader.headers["Sec-Fetch-Site"]
    theirs = fields_of(site.client.get("/subscribe").text)["form_token"]
    for token in ([], theirs):
        assert reader.post(path, data=fields | {"form_token": token}).status_code == 403
    assert site.rows() == before


def test_a_form_changes_only_whose_it_is(site: WebSite, reader: TestClient) -> None:
    """Names of another's interests and examples in it reach nothing of theirs."""
    before = wishes_of(site.app.database, _number(site, OTHER))
    theirs = before.interests[0].name
    answer = _press(
        reader, "save", i0_was=theirs, i0_name="Mine", i0_keywords="words", subscriber=OTHER, id="2"
    )
    assert answer.status_code == 303
    assert wishes_of(site.app.database, _number(site, OTHER)) == before
    assert _wishes(site).interests[0].name == "Mine"


# --- what the form says ----------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=25)
lists = st.lists(words, max_size=3).map(tuple)
examples = st.lists(
    st.builds(
        lambda number, title: ExamplePaper(paper_id=number, title=title, abstract="Of words."),
        st.none() | st.integers(1, 60),
        words,
    ),
    max_size=25,
).map(tuple)
interests = st.builds(
    InterestWish,
    name=words,
    about=words | st.just(""),
    keywords=lists,
    must_keywords=lists,
    not_keywords=lists,
    authors=lists,
    categories=lists,
    examples=examples,
)
any_wishes = st.builds(
    Wishes,
    interests=st.lists(interests, max_size=3, unique_by=lambda one: one.name).map(tuple),
    cadence=st.sampled_from(["daily", "weekdays", "weekly"]),
    weekday=st.sampled_from(WEEKDAYS),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires"]),
    mail=st.just(True),
    feed=st.booleans(),
    max_papers=st.none() | st.integers(1, 50),
    trend_weight=st.none() | st.floats(0, 1),
    hidden_sections=st.sets(st.sampled_from([one.value for one in HIDEABLE]), max_size=3).map(tuple),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_wishes=any_wishes)
def test_a_form_that_is_sent_as_it_came_changes_nothing(
    site: WebSite, reader: TestClient, given_wishes: Wishes
) -> None:
    """Whatever was stored: words with commas, exact numbers, examples beyond those that are shown."""
    try:
        stored = _set(site, given_wishes)
    except UsageError:  # two names may be one when they are cleaned
        return
    answer = _press(reader, "save")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/preferences?done=nothing")
    assert _wishes(site) == stored


def test_something_different_can_be_hidden(site: WebSite, reader: TestClient) -> None:
    page = reader.get("/preferences")
    assert 'value="Something different" checked' in page.text
    others = [one.value for one in HIDEABLE[:-1]]
    _press(reader, "save", sections=others)
    assert _wishes(site).hidden_sections == ("Something different",)
    assert 'value="Something different">' in reader.get("/preferences").text


def test_everything_can_be_changed_and_what_was_is_said(site: WebSite, reader: TestClient) -> None:
    _set(site, Wishes(interests=(InterestWish(name="Old", about="one"),)))
    answer = _press(
        reader,
        "save",
        i0_name="New",
        i0_keywords="a, b; c\r\nd",
        i0_authors="Doe, Jane; Li Na",
        i0_must="must",
        i0_unwanted="never",
        i0_categories="cs.IR",
        i1_name="Second",
        i1_about="Two.",
        cadence="weekly",
        weekday="fri",
        hour="19",
        zone="Asia/Tokyo",
        trend="75",
        max_papers="4",
        sections=["Following", "For you"],
        mail=[],
    )
    assert answer.headers["location"] == "/preferences?saved=interests.schedule.size.sections.channels"
    assert _wishes(site) == Wishes(
        interests=(
            InterestWish(
                name="New",
                about="one",
                keywords=("a", "b", "c", "d"),
                must_keywords=("must",),
                not_keywords=("never",),
                authors=("Doe, Jane", "Li Na"),
                categories=("cs.IR",),
            ),
            InterestWish(name="Second", about="Two."),
        ),
        cadence="weekly",
        weekday="fri",
        hour=19,
        zone="Asia/Tokyo",
        mail=False,
        feed=True,
        max_papers=4,
        trend_weight=0.75,
        hidden_sections=("Trending", "Rising", "Something different"),
    )
    page = reader.get(answer.headers["location"])
    assert (
        "Saved: your interests, when it comes, how much of what comes, the sections, the ways it comes."
        in page.text
    )
    assert "<script>x" not in reader.get("/preferences?saved=<script>x&done=<script>x").text


def test_an_interest_is_removed_and_one_that_is_renamed_stays_the_same_row(
    site: WebSite, reader: TestClient
) -> None:
    _set(site, Wishes(interests=(InterestWish(name="A", about="one"), InterestWish(name="B", about="two"))))
    rows = {row.name: row.id for row in _interests(site)}
    _press(reader, "save", i0_removed="1", i1_name="C")
    assert {row.name: row.id for row in _interests(site)} == {"C": rows["B"]}


def _interests(site: WebSite) -> list[Any]:
    with site.app.database.read() as session:
        return list(subscriber_rows.list_interests(session, _number(site)))


def test_a_form_that_is_sent_twice_does_no_harm(site: WebSite, reader: TestClient) -> None:
    paper = ExamplePaper(paper_id=None, title="A title", abstract="")
    _set(site, Wishes(interests=(InterestWish(name="Old", examples=(paper,)),)))
    fields = fields_of(reader.get("/preferences").text) | {"i0_name": ["New"], "action": ["save"]}
    for _ in range(2):
        assert reader.post("/preferences", data=fields).status_code == 303
    assert _wishes(site).interests == (InterestWish(name="New", examples=(paper,)),)


def test_a_form_that_came_incomplete_deletes_nothing(site: WebSite, reader: TestClient) -> None:
    before = site.rows()
    assert reader.post("/preferences", data={"action": "save", "hour": "9"}).status_code == 400
    assert site.rows() == before


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("zone", {"zone": "Mars"}, "Unknown time zone"),
        ("i1_name", {"i1_name": "A", "i1_about": "x"}, "Another interest is called so"),
        ("i1_name", {"i1_name": "", "i1_about": "x"}, "Give it a name."),
        ("i0_about", {"i0_about": "", "i0_keywords": ""}, "Say what it is about, or remove it."),
        ("i0_added", {"i0_added": "#99999"}, "there is no paper #99999"),
        ("max_papers", {"max_papers": "99"}, "1 to 50"),
        ("sections", {"sections": []}, "nothing to send"),
        ("channels", {"mail": [], "feed": []}, "comes nowhere"),
        ("hour", {"hour": "x"}, "is no hour"),
    ],
)
def test_a_fault_is_told_beside_its_field_and_nothing_is_saved(
    site: WebSite, reader: TestClient, field: str, typed: dict[str, Any], words: str
) -> None:
    _set(site, Wishes(interests=(InterestWish(name="A", about="one"),)))
    before = site.rows()
    page = _press(reader, "save", **({"i0_keywords": "kept"} | typed))
    assert page.status_code == 400
    assert words in problem_beside(page.text, field)
    assert LexborHTMLParser(page.text).css_first(f'#problems a[href="#{field}"]') is not None
    assert fields_of(page.text)["i0_keywords"] == [typed.get("i0_keywords", "kept")]
    assert site.rows() == before


def test_too_many_interests_are_told(site: WebSite, reader: TestClient) -> None:
    _set(site, Wishes(interests=tuple(InterestWish(name=f"N{n}", about="x") for n in range(50))))
    page = reader.get("/preferences").text
    assert fields_of(page)["interests"] == ["50"]
    assert "Add an interest" not in page
    more = _press(reader, "save", interests="51", i50_name="One more", i50_about="x")
    assert more.status_code == 400
    assert "at most 50 interests" in more.text.casefold()
    assert len(_wishes(site).interests) == 50


def test_words_that_are_markup_are_shown_as_words(site: WebSite, reader: TestClient) -> None:
    for word in HOSTILE:
        paper = ExamplePaper(paper_id=None, title=f"{word} title", abstract=word)
        one = InterestWish(
            name=f"{word} name", about=word, keywords=(word, "x"), authors=(word,), examples=(paper,)
        )
        stored = _set(site, Wishes(interests=(one,)))
        for action in ("preview", "save"):
            page = _press(reader, action, i0_added=word)
            shown = page if action == "preview" else reader.get("/preferences")
            tree = LexborHTMLParser(shown.text)
            assert len(tree.css("script")) == 1
            assert not tree.css("svg[onload], img")
            assert ">49<" not in shown.text
        assert _wishes(site).interests[0].keywords == stored.interests[0].keywords


# --- example papers --------------------------------------------------------------------------------


def test_a_large_profile_shows_a_few_papers_and_keeps_all(
    site: WebSite, reader: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(
        ExamplePaper(paper_id=None, title=f"Paper {n}", abstract="Many words. " * 99 + "End.")
        for n in range(2000)
    )
    _set(site, Wishes(interests=(InterestWish(name="Much", examples=many),)))
    page = reader.get("/preferences")
    assert len(page.content) < 60_000
    assert "and 1,980 more, which stay as they are" in page.text
    first = LexborHTMLParser(page.text).css_first("input[name=i0_drop]")
    assert first is not None
    answer = _press(reader, "save", i0_drop=[first.attributes["value"] or ""], i0_name="Less")
    assert answer.status_code == 303
    assert _wishes(site).interests == (InterestWish(name="Less", examples=many[1:]),)
    monkeypatch.setattr(interests_form, "MAX_EXAMPLES", 2000)
    full = _press(reader, "save", i0_added="One title\nAnother title")
    assert "keeps 2,000 papers" in problem_beside(full.text, "i0_added")


def test_papers_are_added_by_id_link_and_title(site: WebSite, reader: TestClient) -> None:
    _set(site, Wishes(interests=(InterestWish(name="A", about="one"),)))
    _press(reader, "save", i0_added="#1\r\nhttps://arxiv.org/abs/2401.12345\r\nNobody knows this")
    found = _wishes(site).interests[0].examples
    assert [one["paper_id"] for one in found] == [1, None, None]
    assert found[2]["title"] == "Nobody knows this"


BIB = b"@article{a, title={An unknown work}, abstract={About words}}\n"


@pytest.mark.parametrize(("into", "name"), [("0", "A"), ("new", LIKED), ("77", LIKED)])
def test_a_file_is_shown_first_and_saved_with_the_next_press(
    site: WebSite, reader: TestClient, into: str, name: str
) -> None:
    _set(site, Wishes(interests=(InterestWish(name="A", about="one"),)))
    before = site.rows()
    page = _press(reader, "save", {"library": ("x.bib", BIB)}, library_into=into)
    assert "1 paper of your file was read, 0 of them known here." in page.text
    assert site.rows() == before
    answer = reader.post("/preferences", data=fields_of(page.text) | {"action": ["save"]})
    assert answer.headers["location"] == "/preferences?saved=interests"
    (kept,) = (one for one in _wishes(site).interests if one.name == name)
    assert kept.examples == (ExamplePaper(paper_id=None, title="An unknown work", abstract="About words"),)
    assert "carried" not in reader.get("/preferences").text


def test_a_file_is_kept_where_another_field_is_wrong(site: WebSite, reader: TestClient) -> None:
    page = _press(reader, "save", {"library": ("x.bib", BIB)}, zone="Mars")
    assert page.status_code == 400
    answer = reader.post("/preferences", data=fields_of(page.text) | {"action": ["save"], "zone": ["UTC"]})
    assert answer.status_code == 303
    assert LIKED in {one.name for one in _wishes(site).interests}


def test_a_file_that_is_none_is_told(site: WebSite, reader: TestClient) -> None:
    page = _press(reader, "save", {"library": ("x.zip", b"PK\x03\x04\0")})
    assert page.status_code == 400
    assert "export it as BibTeX" in problem_beside(page.text, "library")


# --- the effect ------------------------------------------------------------------------------------


def test_the_effect_is_shown_beside_what_comes_now_and_nothing_is_stored(
    site: WebSite, reader: TestClient
) -> None:
    before = site.rows()
    page = _press(reader, "preview", i0_keywords="diffusion", trend="0")
    assert page.status_code == 200
    assert site.rows() == before
    tree = LexborHTMLParser(page.text)
    marked = {one.attributes["id"] for one in tree.css(".paper") if one.css_first(".mark") is not None}
    now = site.web.site.previewer.preview(_wishes(site), site.web.site.moment(), subscriber=site.subscriber())
    had = {f"paper-{item.paper.paper_id}" for item in now.items}
    shown = {one.attributes["id"] for one in tree.css(".paper")}
    assert marked == shown - had
    assert marked
    gone = {(one.attributes["href"] or "").rpartition("/")[2] for one in tree.css(".gone a")}
    assert {f"paper-{number}" for number in gone} == had - shown
    assert fields_of(page.text)["i0_keywords"] == ["diffusion"]


def test_no_change_is_said_to_change_nothing(reader: TestClient) -> None:
    page = _press(reader, "preview")
    assert "The papers that would come now stay the same." in page.text
    assert 'class="mark"' not in page.text


# --- pause, links, reasons -------------------------------------------------------------------------


def _standing(reader: TestClient, **typed: str) -> Response:
    return reader.post("/preferences/standing", data=typed)


def test_a_pause_begins_and_ends(site: WebSite, reader: TestClient) -> None:
    today = site.app.now().date()
    until = today.replace(month=today.month % 12 + 1, year=today.year + (today.month == 12))
    assert _standing(reader, action="pause", until=until.isoformat()).status_code == 303
    assert (site.subscriber().status, site.subscriber().paused_until) == ("paused", until)
    page = reader.get("/preferences").text
    assert "Paused until" in page
    _standing(reader, action="resume")
    assert (site.subscriber().status, site.subscriber().paused_until) == ("active", None)
    _standing(reader, action="pause")
    assert site.subscriber().paused_until is None
    assert "Go on now" in reader.get("/preferences").text


@pytest.mark.parametrize("until", ["2020-01-01", "9999-12-31", "soon", "2026-02-30"])
def test_a_pause_that_cannot_be_is_told_beside_its_field(
    site: WebSite, reader: TestClient, until: str
) -> None:
    page = _standing(reader, action="pause", until=until)
    assert page.status_code == 400
    assert problem_beside(page.text, "until")
    assert site.subscriber().status == "active"


def test_who_left_can_come_back(site: WebSite, reader: TestClient) -> None:
    before = site.subscriber()
    site.client.post(f"/u/{site.token('unsubscribe')}")
    assert site.subscriber().status == SubscriberStatus.UNSUBSCRIBED
    assert "You left, so nothing comes." in reader.get("/preferences").text
    assert _standing(reader, action="resume").headers["location"] == "/preferences?done=resumed"
    assert site.subscriber().status == before.status
    with site.app.database.read() as session:
        assert suppression_rows.get_suppression(session, READER) is None


def test_who_called_our_mail_spam_cannot_undo_it_here(site: WebSite, reader: TestClient) -> None:
    with site.app.database.write() as session:
        suppression_rows.add_suppression(session, READER, "complained", now=site.app.now())
        subscriber_rows.set_status(session, site.subscriber(), SubscriberStatus.BOUNCED, now=site.app.now())
    answer = _standing(reader, action="resume")
    assert answer.status_code == 400
    assert "Only the operator" in answer.text
    assert site.subscriber().status == SubscriberStatus.BOUNCED


def test_all_links_can_be_made_invalid_but_this_browser_stays(site: WebSite, reader: TestClient) -> None:
    old = {purpose: site.token(purpose) for purpose in ("preferences", "api")}
    elsewhere = site.browser()
    elsewhere.get(f"/p/{old['preferences']}")
    answer = reader.post("/preferences/revoke")
    assert answer.headers["location"] == "/preferences?done=revoked"
    assert reader.get("/preferences").status_code == 200
    assert elsewhere.get("/preferences").status_code == 401
    assert site.browser().get(f"/p/{old['preferences']}").status_code == 401
    assert site.browser().get(f"/p/{site.token('preferences')}").status_code == 303


def test_link_and_token_are_shown_on_request_only(site: WebSite, reader: TestClient) -> None:
    before = site.rows()
    secrets = (site.token("preferences"), site.token("api"))
    page = reader.get("/preferences").text
    assert not any(secret in page for secret in secrets)
    assert reader.get("/preferences/keys").status_code == 405
    shown = reader.post("/preferences/keys").text
    assert all(secret in shown for secret in secrets)
    assert site.rows() == before


def test_private_feeds_stand_on_the_page(site: WebSite, reader: TestClient) -> None:
    page = reader.get("/preferences").text
    assert f"/feeds/{site.subscriber().feed_token}.rss" in page
    assert site.subscriber(OTHER).feed_token not in page


def test_why_it_came_or_did_not_is_told_for_the_last_days(site: WebSite, reader: TestClient) -> None:
    before = site.rows()
    page = reader.get("/preferences/why")
    days = LexborHTMLParser(page.text).css("dt")
    assert 1 <= len(days) <= 7
    assert "went to retrieval@example.org" in page.text
    _standing(reader, action="pause")
    site.pass_time(days=1)
    line = reader.get("/preferences").text
    assert "the subscription is paused" in line
    assert not re.search(r"digest (subscriber|run|deliver|interest|compose)", line)
    site.pass_time(days=-1)
    _standing(reader, action="resume")
    assert {name: rows for name, rows in site.rows().items() if name != "deliveries"} == {
        name: rows for name, rows in before.items() if name != "deliveries"
    }


def test_a_reader_without_an_address_has_a_page_too(site: WebSite) -> None:
    fields = fields_of(site.client.get("/subscribe").text)
    site.pass_time(seconds=5)
    site.client.post("/subscribe", data=fields | {"action": ["feed"]})
    page = site.client.get("/preferences").text
    assert "By private feed, without an address." in page
    assert 'name="mail"' not in page
    assert site.client.get("/preferences/why").status_code == 200
    assert _press(site.client, "save", hour="9").headers["location"] == "/preferences?saved=schedule"
