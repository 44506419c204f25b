"""The page to subscribe on: what it shows, what it asks, and what it does without asking: nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from selectolax.lexbor import LexborHTMLParser

from digest.mailer import Rate
from digest.pipeline import signing_up
from digest.pipeline.limiting import Limit
from digest.pipeline.wishes import Wishes
from digest.storage import subscribers as subscriber_rows
from tests.web_fields import fields_of, problem_beside
from tests.web_site import WebSite, demo_folder, serving_web, site

__all__ = ["demo_folder", "site"]

ANSWER = "If that address can be written to, a mail is on its way."
FEW: dict[str, Any] = {
    "email": "new@example.org",
    "interests": "dense retrieval, RAG, no surveys\nProteins: how they fold",
}
BIB = b"@article{a, title={An unknown work}, abstract={About words}}\n@article{b, eprint={2401.12345}}\n"


def _send(site: WebSite, action: str, files: Any = None, *, wait_s: float = 5, **typed: Any) -> Response:
    """Open the page, fill it in, wait, press a button."""
    fields = fields_of(site.client.get("/subscribe").text)
    site.pass_time(seconds=wait_s)
    return site.client.post("/subscribe", data=fields | typed | {"action": action}, files=files or {})


def _titles(page: str) -> list[str]:
    return [node.text().strip() for node in LexborHTMLParser(page).css(".paper-title")]


def test_the_form_opens_empty_with_the_usual_hour_and_zone(site: WebSite) -> None:
    page = site.client.get("/subscribe")
    assert page.status_code == 200
    fields = fields_of(page.text)
    assert (fields["email"], fields["interests"]) == ([""], [""])
    assert (fields["hour"], fields["zone"]) == (["7"], [site.app.settings.zone])
    assert "data-guess-zone" in page.text
    assert page.headers["cache-control"] == "private, no-store"


def test_an_address_from_the_first_page_is_kept_and_nothing_is_sent(site: WebSite) -> None:
    before = site.rows()
    page = site.client.post("/subscribe", data={"action": "start", "email": "me@example.org"})
    assert page.status_code == 200
    assert fields_of(page.text)["email"] == ["me@example.org"]
    assert "data-guess-zone" in page.text
    assert site.rows() == before


def test_a_preview_shows_todays_digest_and_how_words_were_understood(site: WebSite) -> None:
    before = site.rows()
    page = _send(site, "preview", **FEW)
    assert page.status_code == 200
    view = site.web.site.previewer.preview(_understood(), site.web.site.moment())
    assert _titles(page.text) == [item.paper.title for item in view.items]
    assert view.coverage in page.text
    assert "without:" in page.text
    assert '<strong dir="auto">Proteins</strong>' in page.text
    fields = fields_of(page.text)
    assert fields["interests"][0].splitlines() == FEW["interests"].splitlines()
    assert "data-guess-zone" not in page.text
    assert site.rows() == before


def _understood() -> Wishes:
    from digest.pipeline.own_words import read_own_words

    return Wishes(interests=read_own_words(FEW["interests"])).checked()


def test_without_interests_it_is_what_trends(site: WebSite) -> None:
    page = _send(site, "preview")
    assert "What trends, as nothing else is asked for." in page.text
    assert _titles(page.text)


def test_where_nothing_is_found_the_notice_says_why_and_names_no_command(site: WebSite) -> None:
    site.pass_time(days=40)
    page = _send(site, "preview")
    assert page.status_code == 200
    assert not _titles(page.text)
    assert LexborHTMLParser(page.text).css_first("p.message") is not None
    assert not re.search(r"digest (interest|refresh|run|subscriber) ", page.text)


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("email", "", "Give the address"),
        ("email", "nobody", "is no mail address"),
        ("zone", "Europe/Berln", "did you mean Europe/Berlin?"),
        ("interests", "no surveys", "also what you do want"),
        ("papers", "#99999", "Line 1: there is no paper #99999 here."),
        ("hour", "24", "is no hour"),
        ("cadence", "hourly", "is no cadence"),
    ],
)
def test_a_fault_is_told_beside_its_field_and_everything_is_kept(
    site: WebSite, name: str, typed: str, words: str
) -> None:
    before = site.rows()
    given: dict[str, Any] = FEW | {"papers": "A title", name: typed}
    page = _send(site, "subscribe", **given)
    assert page.status_code == 400
    assert words in problem_beside(page.text, name)
    fields = fields_of(page.text)
    for field in ("email", "interests", "papers", "zone"):
        if field in given:
            assert fields[field][0].splitlines() == given[field].splitlines()
    summary = LexborHTMLParser(page.text).css_first("#problems")
    assert summary is not None
    assert "autofocus" in summary.attributes
    assert summary.css_first(f'a[href="#{name}"]') is not None
    assert site.rows() == before


def test_asked_by_mail_the_wishes_wait_for_the_owner_of_the_address(site: WebSite) -> None:
    page = _send(site, "subscribe", **FEW, zone="Asia/Tokyo", hour="6", cadence="weekly", weekday="fri")
    assert page.status_code == 200
    assert ANSWER in page.text
    assert "Once a week at 6:00, Asia/Tokyo." in page.text
    (row,) = site.rows()["sign_ups"]
    assert "new@example.org" in row
    assert "dense retrieval" in row
    assert "Asia/Tokyo" in row
    assert not [one for one in site.rows()["subscribers"] if "new@example.org" in one]


def test_one_answer_for_every_address(site: WebSite) -> None:
    """Known, new, or one that only a robot gives: the pages differ in the address that was typed."""
    known = _send(site, "subscribe", email="retrieval@example.org").text
    new = _send(site, "subscribe", email="new@example.org").text
    robot = _send(site, "subscribe", email="robot@example.org", comment="buy").text
    pages = {_plain(page, who) for page, who in ((known, "retrieval"), (new, "new"), (robot, "robot"))}
    assert len(pages) == 1


def _plain(page: str, who: str) -> str:
    return re.sub(r'(form_token" value=")[^"]*', r"\1", page).replace(f"{who}@example.org", "")


@pytest.mark.parametrize("action", ["subscribe", "feed"])
@pytest.mark.parametrize(("typed", "wait_s"), [({"comment": "buy"}, 60), ({}, 1)])
def test_robots_get_the_answer_and_nothing_is_done(
    site: WebSite, action: str, typed: dict[str, Any], wait_s: float
) -> None:
    before = site.rows()
    page = _send(site, action, **(FEW | typed), wait_s=wait_s)
    assert page.status_code == 200
    assert ANSWER in page.text
    assert "set-cookie" not in page.headers
    assert site.rows() == before


@pytest.mark.parametrize("action", ["subscribe", "feed"])
def test_who_never_opened_the_page_is_asked_to_press_once_more(site: WebSite, action: str) -> None:
    """So is who left it open for days; what they typed is kept, and the second time counts."""
    before = site.rows()
    page = site.client.post("/subscribe", data=FEW | {"action": action})
    assert page.status_code == 400
    assert "Press the button once more." in page.text
    assert site.rows() == before
    fields = fields_of(page.text)
    assert fields["email"] == [FEW["email"]]
    site.pass_time(seconds=5)
    assert site.client.post("/subscribe", data=fields | {"action": action}).status_code == 200
    assert site.rows() != before


def test_who_presses_quickly_after_a_preview_is_no_robot(site: WebSite) -> None:
    page = _send(site, "preview", **FEW)
    site.client.post("/subscribe", data=fields_of(page.text) | {"action": "subscribe"})
    assert len(site.rows()["sign_ups"]) == 1


def test_by_feed_no_address_is_needed_and_the_way_back_is_shown(site: WebSite) -> None:
    page = _send(site, "feed", interests="dense retrieval")
    assert page.status_code == 200
    addresses = [
        node.attributes["value"] or "" for node in LexborHTMLParser(page.text).css("input[readonly]")
    ]
    assert [one.rpartition(".")[2] for one in addresses[:3]] == ["rss", "atom", "json"]
    assert site.client.get(addresses[0].removeprefix("https://digest.example.org")).status_code == 200
    with site.app.database.read() as session:
        reader = subscriber_rows.list_subscribers(session)[-1]
    assert reader.email is None
    assert site.client.get("/preferences").status_code == 200
    other = site.browser()
    keep = addresses[3].removeprefix("https://digest.example.org")
    assert other.get(keep).headers["location"] == "/preferences"
    assert "Dense retrieval" in other.get("/preferences").text


def test_a_file_is_read_once_and_travels_with_the_form(site: WebSite) -> None:
    page = _send(site, "preview", {"library": ("mine.bib", BIB)}, email="me@example.org")
    assert "2 papers" in page.text
    fields = fields_of(page.text)
    assert fields["carried"]
    again = site.client.post("/subscribe", data=fields | {"action": "subscribe"})
    assert again.status_code == 200
    (row,) = site.rows()["sign_ups"]
    assert "An unknown work" in row
    assert "About words" in row
    without = site.client.post("/subscribe", data=fields | {"action": "preview", "forget": "1"})
    assert "carried" not in fields_of(without.text)


def test_a_file_that_is_none_is_told_beside_its_field(site: WebSite) -> None:
    page = _send(site, "preview", {"library": ("x.pdf", b"%PDF-1.7 \0\0")}, email="me@example.org")
    assert page.status_code == 400
    assert "export it as BibTeX" in problem_beside(page.text, "library")


@pytest.mark.parametrize("carried", ["nonsense", "eJw=", "A" * 1000, "eJzT0yMAAGTvBe8="])
def test_carried_papers_that_were_tampered_with_are_left_out(site: WebSite, carried: str) -> None:
    page = _send(site, "preview", carried=carried)
    assert page.status_code == 200
    assert "What trends" in page.text


def test_where_sign_ups_are_closed_one_sentence_says_so(tmp_path: Path, demo_folder: Path) -> None:
    with serving_web(tmp_path / "data", demo_folder, sign_ups="closed") as made:
        before = made.rows()
        page = made.client.get("/subscribe")
        assert page.status_code == 200
        assert "Nobody new can subscribe here at the moment" in page.text
        assert "<form" not in page.text
        assert made.client.post("/subscribe", data=FEW | {"action": "feed"}).status_code == 403
        assert made.rows() == before


def test_without_an_address_of_its_own_an_installation_offers_feeds_only(
    tmp_path: Path, demo_folder: Path
) -> None:
    """Its mails could hold no link to confirm by."""
    with serving_web(tmp_path / "data", demo_folder, base_url=None) as made:
        page = made.client.get("/subscribe").text
        assert 'value="feed"' in page
        assert 'value="subscribe"' not in page
        assert 'type="email"' not in page


def test_too_many_from_one_network_are_told_so(tmp_path: Path, demo_folder: Path) -> None:
    with serving_web(tmp_path / "data", demo_folder, sign_ups_per_network="2 per hour") as made:
        answers = [_send(made, "subscribe", email=f"a{n}@example.org").status_code for n in range(3)]
    assert answers == [200, 200, 429]


def test_words_that_are_markup_are_shown_as_words(site: WebSite) -> None:
    for word in ('"><script>alert(1)</script>', "</textarea><img src=x onerror=alert(1)>", "{{ 7*7 }}"):
        for action in ("preview", "subscribe"):
            given = {"interests": f"{word} x", "papers": word, "zone": word, "email": f"{word}@example.org"}
            for field in (*given, "all"):
                typed = given if field == "all" else FEW | {field: given[field]}
                page = _send(site, action, **typed)
                tree = LexborHTMLParser(page.text)
                assert len(tree.css("script")) == 1
                assert not tree.css("img")
                assert ">49<" not in page.text


def test_a_form_from_elsewhere_does_nothing(site: WebSite) -> None:
    before = site.rows()
    data = FEW | {"action": "subscribe"}
    assert (
        site.client.post("/subscribe", data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    )
    client = site.browser()
    del client.headers["Sec-Fetch-Site"]
    assert client.post("/subscribe", data=data).status_code == 403
    assert site.rows() == before


def test_signing_up_is_reached_with_what_was_chosen(site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is that of the browser; the wishes are checked ones."""
    asked: list[tuple[str, Wishes, str]] = []

    def ask(app: object, email: str, wishes: Wishes, *, network: str, now: object) -> None:
        asked.append((email, wishes, network))

    monkeypatch.setattr(signing_up, "ask", ask)
    _send(site, "subscribe", **FEW)
    assert asked == [("new@example.org", _understood(), "192.0.2.0/24")]


def test_previews_of_one_network_are_bounded(site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take time; other networks, and subscribing, go on."""
    monkeypatch.setattr(site.web.site, "preview_limit", Limit(Rate(2, 60.0)))
    assert [_send(site, "preview", **FEW).status_code for _ in range(3)] == [200, 200, 429]
    assert _send(site, "subscribe", **FEW).status_code == 200
    site.client = site.browser(client=("198.51.100.7", 40000))
    assert _send(site, "preview", **FEW).status_code == 200


def test_a_clock_that_stands_still_makes_nobody_a_robot(site: WebSite) -> None:
    """With ``--now`` every form is sent in no time."""
    object.__setattr__(site.app, "fixed_now", site.app.now())  # the program is frozen
    before = site.rows()
    assert ANSWER in _send(site, "subscribe", wait_s=0, **FEW).text
    assert site.rows() != before
