"""The link of a confirmation mail: what opening it shows, and what its button does."""

import email
import re
from email import policy

import pytest

from digest.pipeline import signing_up
from digest.pipeline.consent import show_consents
from digest.pipeline.wishes import InterestWish, Wishes, load_wishes
from digest.runs import run_deliver
from digest.storage import subscribers as subscriber_rows
from digest.types import SubscriberStatus
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

NEWCOMER = "newcomer@example.net"
WISHES = Wishes(
    interests=(InterestWish("Graphs", keywords=("graph network",), about="Learning on graphs & trees."),),
    cadence="weekly",
    weekday="thu",
    hour=6,
    zone="Europe/Berlin",
)


def mails(site: WebSite) -> list[str]:
    """What lies in the outbox, decoded, the last mail last; all that waits is sent first."""
    run_deliver(site.app, site.web.site.moment())
    files = sorted((site.app.data_dir / "outbox" / "new").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    found = [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [
        f"To: {one['To']}\nSubject: {one['Subject']}\n{one.get_body(('plain',)).get_content()}"
        for one in found
    ]


def asked(site: WebSite, address: str = NEWCOMER, wishes: Wishes = WISHES) -> str:
    """Somebody asks; the path of the link that is mailed."""
    signing_up.ask(site.app, address, wishes, network="192.0.2.0/24", now=site.app.now())
    (link,) = re.findall(r"https://digest\.example\.org(/confirm/[0-9a-f]{64})", mails(site)[-1])
    return link


def form_of(page: str) -> dict[str, str]:
    token = re.search(r'name="form_token" value="([^"]+)"', page)
    assert token is not None
    return {"form_token": token[1]}


def test_the_network_the_link_was_followed_from_is_on_record(site: WebSite) -> None:
    """Shortened: of the address only the network is kept."""
    browser = site.browser(client=("2001:db8:7:9::1", 40000))
    browser.get(asked(site))
    browser.post("/confirm")
    with site.app.database.read() as session:
        (consent,) = show_consents(session, site.subscriber(NEWCOMER).id or 0)
    assert (consent["way"], consent["origin"]) == ("web", "2001:db8:7::/48")


def test_the_mail_leads_to_a_page_whose_one_button_subscribes(site: WebSite) -> None:
    link = asked(site)
    opened = site.client.get(link)
    assert (opened.status_code, opened.headers["location"]) == (303, "/confirm")
    cookie = opened.headers["set-cookie"]
    assert cookie.startswith("__Host-confirm=")
    assert all(word in cookie for word in ("HttpOnly", "Secure", "Path=/", "SameSite=lax", "Max-Age=3600"))
    page = site.client.get("/confirm")
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    for words in (NEWCOMER, "every Thursday", "at 06:00, Europe/Berlin time", "Graphs", "graph network"):
        assert words in page.text
    assert "Learning on graphs &amp; trees." in page.text
    assert link.rpartition("/")[2] not in page.text
    done = site.client.post("/confirm", data=form_of(page.text))
    assert (done.status_code, done.headers["location"]) == (303, "/confirm")
    welcome = site.client.get("/confirm").text
    assert "You are subscribed" in welcome
    reader = site.subscriber(NEWCOMER)
    assert reader.status == SubscriberStatus.ACTIVE
    assert f"/feeds/{reader.feed_token}.atom" in welcome
    assert 'href="/preferences"' in welcome
    with site.app.database.read() as session:
        assert load_wishes(session, reader.id or 0) == WISHES


def test_opening_the_link_changes_nothing_however_often(site: WebSite) -> None:
    """Mail scanners open every link of a mail and follow where it leads."""
    link = asked(site)
    before = site.rows()
    for _ in range(3):
        site.client.get(link)
        assert site.client.get("/confirm").status_code == 200
        site.client.head(link)
    assert site.rows() == before


def test_a_second_click_says_the_same_and_starts_no_second_session(site: WebSite) -> None:
    link = asked(site)
    site.client.get(link)
    site.client.post("/confirm")
    before = site.rows()
    again = site.client.post("/confirm")
    assert "set-cookie" not in again.headers
    assert "You are subscribed" in site.client.get("/confirm").text
    other = site.browser()
    other.get(link)
    other.post("/confirm")
    page = other.get("/confirm").text
    assert "You are subscribed" in page
    assert site.subscriber(NEWCOMER).feed_token not in page
    assert other.get("/rate").status_code == 401
    assert site.rows() == before


def test_a_second_click_does_not_bring_back_who_left(site: WebSite) -> None:
    link = asked(site)
    site.client.get(link)
    site.client.post("/confirm")
    site.client.post(f"/u/{site.token('unsubscribe', NEWCOMER)}")
    before = site.rows()
    site.client.post("/confirm")
    assert site.rows() == before
    assert "Sign up again" in site.client.get("/confirm").text


def test_a_link_lives_two_days(site: WebSite) -> None:
    link = asked(site)
    site.client.get(link)
    site.pass_time(hours=48)
    before = site.rows()
    assert site.client.get("/confirm").status_code == 410
    site.client.post("/confirm")
    assert site.rows() == before


@pytest.mark.parametrize("token", ["0" * 64, "x", "A" * 64, "0" * 63 + "\u0661"])
def test_an_unknown_token_is_told_what_to_do(site: WebSite, token: str) -> None:
    site.client.get(f"/confirm/{token}")
    page = site.client.get("/confirm")
    assert page.status_code == 404
    assert 'href="/subscribe"' in page.text
    before = site.rows()
    assert site.client.post("/confirm").status_code == 303
    assert site.rows() == before


def test_a_copy_of_the_database_confirms_nothing(site: WebSite) -> None:
    """Neither the token nor the link is in it: nonce and hash make no token without the secret key."""
    token = asked(site).rpartition("/")[2]
    assert token not in repr(site.rows())


def test_the_form_of_another_site_confirms_nothing(site: WebSite) -> None:
    site.client.get(asked(site))
    before = site.rows()
    assert site.client.post("/confirm", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert site.rows() == before


def test_the_mail_holds_nothing_of_whoever_asked(site: WebSite) -> None:
    """Two sentences and one link; nobody's text but the operator's."""
    asked(site)
    mail = mails(site)[-1]
    assert f"To: {NEWCOMER}\nSubject: Paper digest: please confirm\n" in mail
    assert "Graphs" not in mail
    assert "graph network" not in mail
    assert len(re.findall("https?://", mail)) == 1


# --- the link to one's preferences --------------------------------------------------------------------


def test_the_link_of_a_reader_is_mailed_to_them(site: WebSite) -> None:
    answer = site.client.post("/link", data={"email": READER.upper()})
    assert answer.status_code == 200
    mail = mails(site)[-1]
    assert f"To: {READER}\n" in mail
    assert f"https://digest.example.org/p/{site.token('preferences')}" in mail


def test_link_and_sign_up_answer_the_same_for_every_address(site: WebSite) -> None:
    def page(address: str) -> str:
        return site.browser().post("/link", data={"email": address}).text.replace(address, "X")

    def anonymous(text: str) -> str:
        return re.sub(r'name="form_token" value="[^"]+"', "", text)

    assert anonymous(page(READER)) == anonymous(page("nobody@example.net"))


def test_who_is_not_known_is_asked_whether_they_want_to_be(site: WebSite) -> None:
    site.client.post("/link", data={"email": "nobody@example.net"})
    assert "/confirm/" in mails(site)[-1]
    # What is asked for later on the same day takes its place, and the mailed link stands for it.
    signing_up.ask(site.app, "nobody@example.net", WISHES, network="x", now=site.app.now())
    site.client.post("/link", data={"email": "nobody@example.net"})
    (link,) = re.findall(r"(/confirm/[0-9a-f]{64})", mails(site)[-1])
    site.client.get(link)
    assert "Graphs" in site.client.get("/confirm").text


def test_the_page_that_needs_a_link_offers_one(site: WebSite) -> None:
    page = site.client.get("/rate?paper=1&kind=more")
    assert page.status_code == 401
    assert 'action="/link"' in page.text
    assert site.client.post("/link", data={"email": "no address"}).status_code == 400


def test_the_session_after_confirming_is_worth_what_its_version_is(site: WebSite) -> None:
    """Raising the version ends it, and the used link does not open another."""
    link = asked(site)
    site.client.get(link)
    site.client.post("/confirm")
    with site.app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, NEWCOMER)
        assert reader is not None
        reader.token_version += 1
    site.client.post("/confirm")
    assert site.client.get("/rate?paper=1&kind=more").status_code == 401
