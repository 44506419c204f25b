"""Readers are spoken to in their language: pages, letters, digests and feeds; choices travel with them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from digest.models import SignUp
from digest.pipeline import steering
from digest.pipeline.feeding import feed_addresses
from digest.pipeline.preview import preview_as
from digest.pipeline.transfer import export_profile
from digest.pipeline.wishes import Wishes
from digest.storage import issues as issue_rows
from digest.storage import letters as letter_rows
from digest.tokens import make_token
from tests.web_fields import fields_of
from tests.web_site import READER, WebSite, demo_folder, serving_web, site  # noqa: F401 - fixtures

GERMAN = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}
PAGES = (
    "/",
    "/search",
    "/search?q=retrieval",
    "/archive",
    "/feeds",
    "/subscribe",
    "/api",
    "/nothing",
    "/preferences",
)


def _choose(site: WebSite, language: str | None) -> None:  # noqa: F811 - the fixture
    database, number = site.app.database, site.subscriber().id
    wishes = steering.wishes_of(database, number)
    steering.save_wishes(database, number, replace(wishes, language=language), renamed={}, now=site.app.now())


@pytest.mark.parametrize("path", PAGES)
def test_visitors_are_spoken_to_as_their_browser_asks(site: WebSite, path: str) -> None:  # noqa: F811
    """And kept pages are kept apart, whoever came first."""
    for _ in range(2):
        english, german = site.client.get(path), site.client.get(path, headers=GERMAN)
        assert '<html lang="en" dir="ltr">' in english.text
        assert '<html lang="de" dir="ltr">' in german.text
        assert ">Im Trend<" in german.text
        assert ">Trending<" not in german.text
        assert english.status_code == german.status_code
    assert (
        path == "/nothing"
        or path == "/preferences"
        or "Accept-Language" in site.client.get("/").headers["vary"]
    )


def test_programs_and_the_operator_are_spoken_to_in_english(site: WebSite) -> None:  # noqa: F811
    answer = site.client.get("/api/papers/987654", headers=GERMAN)
    assert answer.json()["detail"] == site.client.get("/api/papers/987654").json()["detail"]
    assert 'lang="en"' in site.client.get("/admin", headers=GERMAN, follow_redirects=True).text


def test_a_choice_is_kept_and_wins_over_the_browser(site: WebSite) -> None:  # noqa: F811
    """Chosen on the page of preferences; this browser remembers it on all pages, another one by its link."""
    browser = site.browser()
    browser.get(f"/p/{site.token('preferences')}")
    page = browser.get("/preferences")
    assert "<h1>Preferences</h1>" in page.text
    fields = fields_of(page.text) | {"language": "de", "action": "save"}
    saved = browser.post("/preferences", data=fields)
    assert saved.headers["location"].endswith("saved=language")
    after = browser.get(saved.headers["location"], headers={"Accept-Language": "en"})
    assert "<h1>Einstellungen</h1>" in after.text
    assert "Gespeichert: die Sprache." in after.text
    other = site.browser()
    other.get(f"/p/{site.token('preferences')}")
    assert 'lang="de"' in other.get("/").text
    with site.app.database.read() as session:
        document = export_profile(session, site.subscriber())
    assert document["wishes"]["language"] == "de"
    assert Wishes.from_dict(document["wishes"]).language == "de"


def test_a_form_left_as_it_stands_chooses_nothing(site: WebSite) -> None:  # noqa: F811
    browser = site.browser()
    browser.get(f"/p/{site.token('preferences')}")
    fields = fields_of(browser.get("/preferences").text) | {"action": "save"}
    assert browser.post("/preferences", data=fields).headers["location"].endswith("done=nothing")
    assert steering.wishes_of(site.app.database, site.subscriber().id).language is None


@pytest.mark.parametrize(("installation", "browser"), [("en", "de"), ("de", "en")])
def test_the_installation_s_own_language_can_be_chosen_and_given_up(
    tmp_path: Path,
    demo_folder: Path,  # noqa: F811 - the fixture
    installation: str,
    browser: str,
) -> None:
    """In a browser that asks for another one; given up, pages are as usual here, like the mails."""
    with serving_web(tmp_path / "data", demo_folder, language=installation) as made:
        client = made.browser()
        client.headers.update({"Accept-Language": browser})
        client.get(f"/p/{made.token('preferences')}")
        for chosen in (installation, browser, ""):
            fields = fields_of(client.get("/preferences").text) | {"language": chosen, "action": "save"}
            assert client.post("/preferences", data=fields).headers["location"].endswith("saved=language")
            stored = steering.wishes_of(made.app.database, made.subscriber().id).language
            assert stored == (chosen or None)
            page = client.get("/preferences").text
            assert f'<html lang="{chosen or installation}"' in page
            assert fields_of(page)["language"] == [chosen]


@pytest.mark.parametrize("address", ["ada@example.org", READER])
def test_who_signs_up_in_the_installation_s_language_has_chosen_it(
    site: WebSite,  # noqa: F811 - the fixture
    address: str,
) -> None:
    """Though their browser asks for another; it is told so too, whoever has the address."""
    client = site.browser()
    client.headers.update(GERMAN)
    fields = fields_of(client.get("/subscribe").text)
    site.pass_time(seconds=10)
    asked = {"language": "en", "email": address, "interests": "graphs", "action": "subscribe"}
    client.post("/subscribe", data=fields | asked)
    assert '<html lang="en"' in client.get("/").text
    with site.app.database.read() as session:
        (row,) = session.exec(select(SignUp).where(SignUp.email == address)).all()
    assert row.wishes["language"] == "en"


def test_who_signs_up_in_german_is_written_to_in_german(site: WebSite) -> None:  # noqa: F811
    page = site.client.get("/subscribe", headers=GERMAN)
    fields = fields_of(page.text) | {"email": "ada@example.org", "action": "subscribe"}
    assert fields["language"] == ["de"]
    site.pass_time(seconds=10)
    answer = site.client.post("/subscribe", data=fields, headers=GERMAN)
    assert "Bitte ins Postfach schauen" in answer.text
    with site.app.database.read() as session:
        (letter,) = [
            one
            for one in letter_rows.get_letters(session, range(1, 50)).values()
            if one.recipient == "ada@example.org"
        ]
    assert letter.subject == "Paper digest: bitte bestätigen"
    assert "Ansehen und bestätigen:" in letter.text
    assert '<html lang="de"' in letter.html


def test_digests_frozen_before_are_shown_in_the_language_chosen_since(site: WebSite) -> None:  # noqa: F811
    """Mail and page say the same reasons anew; what was frozen as a sentence stays."""
    browser = site.browser()
    browser.get(f"/p/{site.token('preferences')}")
    issues = re.findall(r'href="(/issues/\d+)"', browser.get("/issues").text)
    english = browser.get(issues[0]).text
    _choose(site, "de")
    browser.get(f"/p/{site.token('preferences')}")
    german = browser.get(issues[0]).text
    assert re.findall(r'<p class="why".*?</p>', english) != re.findall(r'<p class="why".*?</p>', german)
    assert "Stichw" in german
    with site.app.database.read() as session:
        number = int(issues[0].rpartition("/")[2])
        view = issue_rows.load_issue_views(session, [number])[number]
    assert view.language == "de"
    assert not any("Stichw" in reason for item in view.items for reason in item.reasons)


def test_a_digest_speaks_the_language_of_its_reader(site: WebSite) -> None:  # noqa: F811
    app = site.app
    _choose(site, "de")
    text, _at = preview_as(app.composer(), app.deliverer(), READER, site.web.site.moment(), "text")
    assert "Per E-Mail abmelden" in str(text) or "Abmelden:" in str(text)
    reader = site.subscriber()
    feed = site.client.get(feed_addresses(reader.feed_token, "").rss)
    assert "<language>de</language>" in feed.text
    assert "Paper digest, persönlich" in feed.text
    assert "<language>en</language>" in site.client.get("/feeds/trending.rss", headers=GERMAN).text


def test_the_pages_for_leaving_speak_the_language_of_who_got_the_link(site: WebSite) -> None:  # noqa: F811
    """In any browser, which remembers nothing of it."""
    _choose(site, "de")
    fresh = site.browser()
    fresh.headers.update({"Accept-Language": "en"})
    link = f"/u/{site.token('unsubscribe')}"
    for answer in (fresh.get(link), fresh.post(link, data={"action": "leave"}), fresh.get(link)):
        assert '<html lang="de"' in answer.text
        assert "set-cookie" not in answer.headers
    assert '<html lang="en"' in fresh.get("/").text


@pytest.fixture
def german(tmp_path: Path, demo_folder: Path) -> Iterator[WebSite]:  # noqa: F811
    with serving_web(tmp_path / "data", demo_folder, language="de") as made:
        yield made


def test_the_installation_s_language_is_for_who_asks_for_none(german: WebSite) -> None:
    assert 'lang="de"' in german.client.get("/").text
    assert 'lang="en"' in german.client.get("/", headers={"Accept-Language": "en"}).text
    assert "<language>de</language>" in german.client.get("/feeds/trending.rss").text
    assert '"language": "de"' in german.client.get("/feeds/trending.json").text


def test_a_reader_s_pages_are_in_the_language_of_their_digests(german: WebSite) -> None:
    """Whatever the browser accepts, and also where an older session may do more than the link."""
    browser, english = german.browser(), {"Accept-Language": "en"}
    browser.get(f"/p/{german.token('preferences')}", headers=english)
    page = browser.get("/preferences", headers=english)
    assert 'lang="de"' in page.text
    issue = re.findall(r'href="(/issues/\d+)"', browser.get("/issues", headers=english).text)[0]
    browser.cookies.delete("language")
    reader, number = german.subscriber(), issue.rpartition("/")[2]
    token = make_token(german.web.site.secret, "issue", f"{reader.id}.{number}", reader.token_version)
    assert browser.get(f"/i/{token}", headers=english).headers["location"] == issue
    assert 'lang="de"' in browser.get(issue, headers=english).text


def test_an_address_without_a_page_is_told_in_a_sentence(site: WebSite) -> None:  # noqa: F811
    missing, wrong = site.client.get("/nothing", headers=GERMAN), site.client.post("/archive", headers=GERMAN)
    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert "Keine Seite hat diese Adresse." in missing.text
    assert "Diese Adresse lässt sich so nicht verwenden." in wrong.text
    assert "Not Found" not in missing.text
    assert "Method Not Allowed" not in wrong.text
