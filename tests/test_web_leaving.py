"""Leaving by a link: one click of a mail provider (RFC 8058), and the page for people."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from digest.pipeline.moment import Moment
from digest.pipeline.steering import revoke_links
from digest.runs import run_compose, run_deliver
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.tokens import make_tag, make_token, reader_reference
from digest.types import SubscriberStatus
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

URLENCODED = b"List-Unsubscribe=One-Click"
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'


def link(site: WebSite, email: str = READER) -> str:
    return f"/u/{site.token('unsubscribe', email)}"


def provider(site: WebSite) -> TestClient:
    """A mail provider's machine: no cookies, no origin, nothing that a browser sends."""
    made = site.browser(client=("198.51.100.9", 40000))
    del made.headers["Sec-Fetch-Site"]
    return made


def suppression(site: WebSite, email: str = READER) -> tuple[str, str] | None:
    with site.app.database.read() as session:
        row = suppression_rows.get_suppression(session, email)
    return (row.reason, row.detail) if row is not None else None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", URLENCODED),
        ("multipart/form-data; boundary=x", MULTIPART),
        ("multipart/form-data", MULTIPART),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("application/x-www-form-urlencoded", b""),
        ("text/plain", URLENCODED),
        (None, b""),
    ],
)
def test_one_click_of_a_provider_unsubscribes(site: WebSite, content_type: str | None, body: bytes) -> None:
    """Whatever its encoding, and however broken: 200, no cookie, no redirect, repeatable."""
    headers = {"Content-Type": content_type} if content_type else {}
    client = provider(site)
    for _ in range(3):
        answer = client.post(link(site), content=body, headers=headers)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert "location" not in answer.headers
        assert site.subscriber().status == SubscriberStatus.UNSUBSCRIBED
    assert suppression(site) == ("unsubscribed", "by its link")


def test_it_counts_from_anywhere(site: WebSite) -> None:
    """Web mail may send it from its own page: the address is the proof, not where it comes from."""
    client = provider(site)
    headers = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site", "Cookie": "digest=x"}
    assert client.post(link(site), content=URLENCODED, headers=headers).status_code == 200
    assert site.subscriber().status == SubscriberStatus.UNSUBSCRIBED


def test_opening_the_link_changes_nothing(site: WebSite) -> None:
    before = site.rows()
    page = provider(site).get(link(site))
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    assert "set-cookie" not in page.headers
    site.client.head(link(site))
    assert site.rows() == before


def test_what_is_on_its_way_is_held_back(site: WebSite) -> None:
    """Composed and not sent yet, it is not sent."""
    site.pass_time(days=1)
    moment = Moment(site.app.now())
    run_compose(site.app, moment, hold=False)
    provider(site).post(link(site), content=URLENCODED)
    run_deliver(site.app, moment)
    with site.app.database.read() as session:
        from digest.storage import deliveries as delivery_rows

        newest = delivery_rows.list_deliveries(session, subscriber_id=site.subscriber().id)[0][0]
    assert newest.status == "skipped"


@pytest.mark.parametrize(
    ("action", "status", "cadence"),
    [("undo", "active", "daily"), ("weekly", "active", "weekly"), ("pause", "paused", "daily")],
)
def test_who_left_can_take_it_back_or_have_less(
    site: WebSite, action: str, status: str, cadence: str
) -> None:
    """By a button each, as often as one likes."""
    page = site.client.post(link(site), data={"action": "leave"}).text
    assert "You are unsubscribed" in page
    assert f'name="action" value="{action}"' in page
    for _ in range(2):
        answer = site.client.post(link(site), data={"action": action})
        assert answer.status_code == 200
    reader = site.subscriber()
    assert reader.status == status
    assert suppression(site) is None
    with site.app.database.read() as session:
        (row,) = subscriber_rows.list_subscriptions(session, reader.id or 0)
    assert row.cadence == cadence
    if action == "pause":
        assert reader.paused_until == site.app.now().date() + timedelta(days=30)


def test_undo_brings_back_exactly_what_stood_before(site: WebSite) -> None:
    """A pause with its end; and the address as it was, down to who had suppressed it and why."""
    until = site.app.now().date() + timedelta(days=9)
    with site.app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, READER)
        assert reader is not None
        now = site.app.now()
        subscriber_rows.set_status(session, reader, SubscriberStatus.PAUSED, paused_until=until, now=now)
        suppression_rows.add_suppression(session, READER, "operator", detail="a spam trap", now=now)
    for _ in range(2):  # the second time it is known that they left
        site.client.post(link(site))
    site.client.post(link(site), data={"action": "undo"})
    reader = site.subscriber()
    assert (reader.status, reader.paused_until) == ("paused", until)
    assert suppression(site) == ("operator", "a spam trap")


def test_what_the_operator_lifted_meanwhile_stays_lifted(site: WebSite) -> None:
    with site.app.database.write() as session:
        suppression_rows.add_suppression(session, READER, "operator", now=site.app.now())
    site.client.post(link(site))
    with site.app.database.write() as session:
        suppression_rows.delete_suppression(session, READER)
    site.client.post(link(site), data={"action": "undo"})
    assert suppression(site) is None
    assert site.subscriber().status == "active"


@pytest.mark.parametrize("action", ["undo", "weekly", "pause"])
def test_a_complaint_is_not_taken_back_by_a_link(site: WebSite, action: str) -> None:
    """Whoever called the mail spam meant it; a scanner or a second thought does not undo that."""
    site.client.post(link(site))
    with site.app.database.write() as session:
        suppression_rows.add_suppression(session, READER, "complained", now=site.app.now())
    before = site.rows()
    assert site.client.post(link(site), data={"action": action}).status_code == 400
    assert site.rows() == before


def test_a_link_that_does_not_count_is_never_called_a_success(site: WebSite) -> None:
    """Forged, for another purpose, or of another reader's number."""
    secret, reader = site.web.site.secret, site.subscriber()
    wrong = [
        "x",
        site.token("feedback"),
        site.token("preferences"),
        make_token(secret.signing[::-1], "unsubscribe", str(reader.id), reader.token_version),
        make_token(secret, "unsubscribe", "0x1", 1),
    ]
    before = site.rows()
    for token in wrong:
        for action in ("", "undo"):
            answer = provider(site).post(f"/u/{token}", data={"action": action})
            assert answer.status_code == 404, token
        assert provider(site).get(f"/u/{token}").status_code == 404
    assert site.rows() == before


def test_links_that_were_made_invalid_still_leave_and_do_nothing_else(site: WebSite) -> None:
    """By a mail that was forwarded long ago nobody comes back, nor changes how often it comes."""
    path = link(site)
    revoke_links(site.app.database, site.subscriber().id or 0)
    page = site.client.get(path)
    assert page.status_code == 200
    assert "take it back" not in page.text
    assert provider(site).post(path, content=URLENCODED).status_code == 200
    assert site.subscriber().status == SubscriberStatus.UNSUBSCRIBED
    for answer in (site.client.get(path), site.client.post(path)):
        assert "You are unsubscribed" in answer.text
        assert 'name="action"' not in answer.text
    before = site.rows()
    for action in ("undo", "weekly", "pause"):
        assert site.client.post(path, data={"action": action}).status_code == 404
    assert site.rows() == before


def test_who_was_deleted_has_left(site: WebSite) -> None:
    """Their provider's click is answered 200, or it would be tried for ever; nothing can be undone."""
    path = link(site)
    with site.app.database.write() as session:
        subscriber_rows.delete_subscriber(session, site.subscriber())
    for answer in (
        site.client.get(path),
        site.client.post(path),
        site.client.post(path, data={"action": "undo"}),
    ):
        assert answer.status_code == 200
        assert "You are unsubscribed" in answer.text
        assert "undo" not in answer.text


def test_a_feedback_session_leaves_for_nobody(site: WebSite) -> None:
    """What a session may do does not matter here: only the address counts, and theirs is another."""
    site.client.get(f"/f/{site.token('feedback')}/1/more")
    before = site.rows()
    token = re.sub("^.", "z", site.token("unsubscribe"))
    assert site.client.post(f"/u/{token}").status_code == 404
    assert site.rows() == before


def test_too_large_a_body_is_refused(site: WebSite) -> None:
    answer = provider(site).post(link(site), content=b"x" * (256 * 1024 + 1))
    assert answer.status_code == 413
    assert site.subscriber().status == SubscriberStatus.ACTIVE


def test_links_of_before_two_rotations_of_the_key_still_leave(site: WebSite) -> None:
    """By the web that runs on, and by mail to the tagged address; a session ends, and a link for preferences
    works as long as it was told to.
    """
    reader = site.subscriber()
    leave_link, preferences = link(site), f"/p/{site.token('preferences')}"
    tag = make_tag(site.web.site.secret, "u", reader_reference(reader.id or 0, reader.token_version))
    browser = site.browser()
    assert browser.get(preferences).status_code == 303
    assert browser.get("/preferences").status_code == 200
    site.app.rotate_key(days=30)
    site.app.rotate_key(days=30)
    assert browser.get("/preferences").status_code == 401
    assert browser.get(preferences).status_code == 303
    assert browser.get("/preferences").status_code == 200
    site.pass_time(days=31)
    assert browser.get(preferences).headers.get("set-cookie") is None
    assert provider(site).post(leave_link, content=URLENCODED).status_code == 200
    assert site.subscriber().status == SubscriberStatus.UNSUBSCRIBED
    mail = f"From: x@example.net\r\nTo: digest+{tag}@example.org\r\nSubject: unsubscribe\r\n\r\n"
    assert site.app.incoming().take(mail.encode(), site.app.now()) == ("repeated", False)
