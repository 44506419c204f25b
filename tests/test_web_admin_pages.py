"""What the operator's pages show and do: the numbers, the pages kept, the mails, and the actions."""

import html
import re
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select
from starlette.testclient import TestClient

from digest.models import (
    Bounce,
    Check,
    Delivery,
    Interest,
    Issue,
    Letter,
    Paper,
    Source,
    StoredPage,
    Subscriber,
    Subscription,
    Suppression,
)
from digest.pipeline.groups import add_group
from digest.pipeline.readers import Schedule
from digest.runs import run_refresh
from digest.storage.groups import list_groups
from tests.test_web_admin import HASH, admin, admin_token, log_in, site
from tests.web_site import READER, WebSite, demo_folder, serving_web

__all__ = ["admin", "demo_folder", "site"]

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def words_of(page: str) -> str:
    """A page as it is read: without tags, on one line."""
    inline = re.sub(r"</?(?:time|a|span|strong|code)\b[^>]*>", "", page)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inline)).split())


def send(browser: TestClient, path: str, **form: str) -> Any:
    return browser.post(path, data=form | {"admin_token": admin_token(browser)})


# --- numbers ---------------------------------------------------------------------------------------


def test_the_front_says_what_the_database_says(site: WebSite, admin: TestClient) -> None:
    site.pass_time(hours=3)
    now, since = site.app.now(), site.app.now() - timedelta(days=1)
    with site.app.database.read() as s:
        papers = len(s.exec(select(Paper).where(Paper.first_seen_at >= since)).all())
        issues = s.exec(select(Issue).where(Issue.composed_at >= since)).all()
    shown = words_of(admin.get("/admin").text)
    assert (papers, len(issues)) == (15, 3)
    assert f"At {now:%Y-%m-%d %H:%M}." in shown
    assert f"Papers that are new {papers}" in shown
    assert f"Digests composed {len(issues)} composed Their mails 3 sent" in shown
    assert "On its way nothing" in shown
    assert "Sources 1 good" in shown
    assert "3 active" in shown
    assert "Nothing that is known here." in shown
    assert "refresh 1 0 0 2026-01-16 05:30 good" in shown
    assert "compose 3 0 0 2026-01-16 13:05 good" in shown


def test_the_front_says_when_who_is_due(site: WebSite, admin: TestClient) -> None:
    """Friday's noon, and all had Friday's: daily readers tomorrow, those of weekdays on Monday."""
    shown = words_of(admin.get("/admin").text)
    due = shown.partition("Due next")[2].partition("Readers")[0]
    assert "2026-01-17 06:00: 1 reader 2026-01-17 09:00: 1 reader 2026-01-19 13:00: 1 reader" in due


def test_what_is_wrong_is_told_with_what_to_do(site: WebSite, admin: TestClient) -> None:
    with site.app.database.write() as s:
        source = s.exec(select(Source)).one()
        source.failures_in_row, source.last_verdict, source.last_error = 3, "blocked", "answered 403"
        mail = s.exec(select(Delivery).order_by(Delivery.id.desc())).first()
        mail.status, mail.reason = "refused", "550 no"
        s.add(source)
        s.add(mail)
    page = admin.get("/admin").text
    shown = words_of(page)
    assert "Hugging Face does not let us in, 3 times in a row: answered 403." in shown
    assert "1 mail refused in the last day." in shown
    assert 'href="/admin/sent?status=refused"' in page
    assert 'href="/admin/sources/huggingface"' in page
    site.pass_time(days=3)
    assert "Nothing was composed for 2 days." in words_of(log_in(site).get("/admin").text)


def test_a_source_shows_its_days_papers_and_evidence(site: WebSite, admin: TestClient) -> None:
    page = admin.get("/admin/sources/huggingface").text
    with site.app.database.read() as s:
        checks = s.exec(select(Check)).all()
        kept = s.exec(select(StoredPage)).all()
    shown = words_of(page)
    assert "2026-01-16 fresh 16" in shown  # of the table with the days
    assert "2026-01-15 empty 0" in shown
    assert "2026-01-09 not read 0" in shown
    assert "16 papers; usually 14.5; 6% of them stood on another day too" in shown
    assert page.count("<title>2026-01-16: fresh</title>") == 1
    assert page.count('<tr><td><time datetime="') == len(checks) + len(kept)
    assert "the list of 2026-01-16 is read again and compared" in shown


def test_what_was_sent_is_all_there_with_reasons(site: WebSite, admin: TestClient) -> None:
    page = admin.get("/admin/sent").text
    shown = words_of(page)
    with site.app.database.read() as s:
        issues = s.exec(select(Issue)).all()
    assert page.count('<tr><td class="day">') == len(issues) == 15
    assert "2026-01-15 2 composed, 1 empty 2 sent" in shown
    assert "Hugging Face had listed nothing for Thursday 15 January 2026" in shown
    assert page.count('<rect class="sent"') == 5
    assert "<title>2026-01-15: 2 sent</title>" in page


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("status=empty", 2),
        ("status=sent", 13),
        ("status=refused", 0),
        ("status=waiting", 0),
        ("status=no-such-status", 15),
        ("date=2026-01-15", 3),
        ("date=2026-01-15&status=sent", 2),
        ("address=SPEECH@", 5),
        ("address=%25", 0),
        ("address=_", 0),
        ("address=retrieval&status=sent&date=2026-01-12", 1),
        ("kind=other", 0),
    ],
)
def test_what_was_sent_can_be_filtered(admin: TestClient, query: str, rows: int) -> None:
    assert admin.get(f"/admin/sent?{query}").text.count('<tr><td class="day">') == rows


def test_lists_go_on_page_by_page_and_end(site: WebSite, admin: TestClient) -> None:
    """No row is missed or shown twice."""
    add_readers(site, 120)
    found: list[str] = []
    path: str | None = "/admin/subscribers?address=crowd"
    while path:
        page = admin.get(path).text
        found += re.findall(r'href="/admin/subscribers/(\d+)">', page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        path = html.unescape(following[1]) if following else None
    assert len(found) == len(set(found)) == 120
    assert "120 readers like this" in words_of(page)


# --- pages kept ------------------------------------------------------------------------------------


def test_a_kept_page_comes_as_a_file_of_text_whatever_it_is(site: WebSite, admin: TestClient) -> None:
    body = f"<html>{XSS}</html>".encode()
    from digest.types import Page

    with site.app.database.write() as s:
        source = s.exec(select(Source)).one()
        page = Page("https://x.example/", 200, body, site.app.now(), content_type="text/html")
        row = site.app.pages.keep(page, source.id)
        s.add(row)
        s.flush()
        number = row.id
    answer = admin.get(f"/admin/sources/huggingface/pages/{number}")
    assert answer.content == body
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="page-{number}.txt"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    (site.app.pages.folder / row.path).unlink()
    assert admin.get(f"/admin/sources/huggingface/pages/{number}").status_code == 404


def test_pages_are_read_again_at_once_and_the_result_is_shown(site: WebSite, admin: TestClient) -> None:
    """Friday's list as it would be had the parser of that day not understood it."""
    with site.app.database.write() as s:
        check = s.exec(select(Check).where(Check.day == date(2026, 1, 16))).one()
        check.verdict, check.entries = "broken", 0
        s.add(check)
    answer = send(admin, "/admin/sources/huggingface/replay", day="2026-01-16")
    assert answer.status_code == 200
    assert "huggingface 2026-01-16: unchanged, 16 entries, 0 new" in words_of(answer.text)
    again = send(admin, "/admin/sources/huggingface/replay")
    assert "nothing was read again" in words_of(again.text)
    every = send(admin, "/admin/sources/huggingface/replay", everything="yes")
    assert every.status_code == 400
    day = send(admin, "/admin/sources/huggingface/replay", everything="yes", day="2026-01-14")
    assert "huggingface 2026-01-14: unchanged, 16 entries, 0 new" in words_of(day.text)
    assert send(admin, "/admin/sources/nothing/replay").status_code == 400


def test_while_another_reads_nothing_is_read_again(site: WebSite, admin: TestClient) -> None:
    with site.app.lock("refresh") as mine:
        assert mine
        assert run_refresh(site.app, site.web.site.moment()).locked
        answer = send(admin, "/admin/sources/huggingface/replay")
    assert "another refresh is at work" in answer.text


# --- readers ---------------------------------------------------------------------------------------


def test_a_reader_is_shown_with_wishes_cause_and_next_issue(site: WebSite, admin: TestClient) -> None:
    reader = site.subscriber()
    page = admin.get(f"/admin/subscribers/{reader.id}").text
    shown = words_of(page)
    assert "Daily at 07:00 in Europe/Berlin, by mail and private feed." in shown
    assert "Keywords dense retrieval, RAG, reranking, question answering" in shown
    assert "2026-01-16: The digest of Friday 16 January 2026 went to retrieval@example.org" in shown
    assert page.count('class="paper"') >= 1
    assert f'src="/admin/subscribers/{reader.id}/mail.html"' in page
    earlier = words_of(admin.get(f"/admin/subscribers/{reader.id}?date=2026-01-13").text)
    assert "2026-01-13: The digest of Tuesday 13 January 2026 went to" in earlier
    # Nothing that a reader's links or feeds are made of.
    assert reader.feed_token not in page
    for purpose in ("preferences", "unsubscribe", "feedback"):
        assert site.token(purpose) not in page


@pytest.mark.parametrize("path", ["/admin/subscribers/1/mail.html", "/admin/issues/1/mail.html"])
def test_a_mail_in_a_frame_can_do_nothing(site: WebSite, admin: TestClient, path: str) -> None:
    """Its styles count, its scripts and forms do not, and its links are nobody's."""
    answer = admin.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
    assert 'style="' in answer.text
    assert "<a " in answer.text
    reader = site.subscriber()
    assert reader.id == 1
    links = html.unescape(answer.text)
    for purpose in ("preferences", "unsubscribe", "feedback"):
        assert site.token(purpose) not in links
    outer = admin.get(path.removesuffix("/mail.html"))
    assert outer.headers["content-security-policy"].endswith("frame-src 'self'")
    assert re.search(r'<iframe [^>]*\bsandbox\b(?!=)[^>]*src="' + path + '"', outer.text)


def test_an_issue_is_shown_as_it_was_composed(site: WebSite, admin: TestClient) -> None:
    with site.app.database.read() as s:
        issue, mail = s.exec(
            select(Issue, Delivery).join(Delivery, Delivery.issue_id == Issue.id).order_by(Issue.id)
        ).first()
        empty = s.exec(select(Issue).where(Issue.status == "empty")).first()
    page = admin.get(f"/admin/issues/{issue.id}")
    assert issue.subject in words_of(page.text)
    assert f"{mail.sent_at:%Y-%m-%d %H:%M}" in page.text
    assert admin.get(f"/admin/issues/{empty.id}").status_code == 404


def test_a_test_mail_leaves_through_the_outbox(site: WebSite, admin: TestClient) -> None:
    answer = send(admin, "/admin/subscribers/1/test")
    assert "The test mail was handed over: stored on this machine as" in words_of(answer.text)
    with site.app.database.read() as s:
        letter, mail = s.exec(select(Letter, Delivery).join(Delivery)).one()
    assert (letter.kind, letter.recipient, mail.status) == ("test", READER, "sent")
    assert "test: Paper digest: a test" in words_of(admin.get("/admin/sent?kind=other").text)


def test_a_test_mail_that_may_not_be_sent_says_why(site: WebSite, admin: TestClient) -> None:
    send(admin, "/admin/suppression", address=READER, note="asked by phone")
    answer = send(admin, "/admin/subscribers/1/test")
    assert "The test mail did not leave: the address is not written to: operator" in words_of(answer.text)
    with site.app.lock("deliver"):
        answer = send(admin, "/admin/subscribers/2/test")
    assert "Another run is sending mail" in answer.text


def test_a_reader_can_be_paused_activated_and_removed(site: WebSite, admin: TestClient) -> None:
    assert send(admin, "/admin/subscribers/1/pause", until="2026-02-01").status_code == 303
    assert (site.subscriber().status, site.subscriber().paused_until) == ("paused", date(2026, 2, 1))
    shown = words_of(admin.get("/admin/subscribers/1?done=paused").text)
    assert "Nothing is sent to them any more" in shown
    assert "Paused until 2026-02-01" in shown
    assert send(admin, "/admin/subscribers/1/activate").status_code == 303
    assert site.subscriber().status == "active"
    assert "Remove this reader?" in admin.get("/admin/subscribers/1/remove").text
    assert site.subscriber().status == "active"
    answer = send(admin, "/admin/subscribers/1/remove")
    assert answer.headers["location"] == "/admin/subscribers?removed=1"
    assert admin.get("/admin/subscribers/1").status_code == 404
    assert "2 readers" in words_of(admin.get("/admin/subscribers").text)


def test_a_group_is_marked_as_one_and_without_a_list_it_is_not_served(
    site: WebSite, admin: TestClient
) -> None:
    database, now = site.app.database, site.app.now()
    add_group(database, "Seminar", Schedule(), list_address="list@lists.example.org", now=now)
    add_group(database, "Reading circle", Schedule(), list_address=None, now=now)
    page = words_of(admin.get("/admin/subscribers").text)
    assert "groups counted in" in page
    assert "list@lists.example.org group Seminar" in page
    assert "no list group Reading circle" in page
    assert "groups counted in" not in words_of(admin.get(f"/admin/subscribers?address={READER}").text)
    with database.read() as s:
        found = {group.name: reader.id for group, reader in list_groups(s)}
    shown = words_of(admin.get(f"/admin/subscribers/{found['Reading circle']}").text)
    assert "Group Reading circle: no list" in shown
    assert not any(word in shown for word in ("Activate", "Pause until"))
    for step in ("activate", "pause"):
        answer = send(admin, f"/admin/subscribers/{found['Reading circle']}/{step}", until="2026-02-01")
        assert answer.status_code == 400
        assert "no list to send to" in answer.text
        assert send(admin, f"/admin/subscribers/{found['Seminar']}/{step}").status_code == 303


def test_who_reads_by_feed_only_has_a_page_too(site: WebSite, admin: TestClient) -> None:
    (number,) = add_readers(site, 1, email=False)
    page = admin.get(f"/admin/subscribers/{number}")
    assert page.status_code == 200
    assert "Send a test mail" not in page.text
    assert send(admin, f"/admin/subscribers/{number}/test").status_code == 400
    assert send(admin, f"/admin/subscribers/{number}/pause").status_code == 303
    assert send(admin, f"/admin/subscribers/{number}/remove").status_code == 303


def test_only_what_the_server_said_or_we_wrote_is_repeated(admin: TestClient) -> None:
    """An address cannot make a page say what it did not do."""
    page = admin.get(f"/admin/subscribers/1?done={XSS}&good=Hacked").text
    assert "Hacked" not in page
    assert "alert(1)" not in page


# --- suppression -----------------------------------------------------------------------------------


def test_addresses_are_suppressed_and_allowed_again(site: WebSite, admin: TestClient) -> None:
    assert send(admin, "/admin/suppression", address="no address").status_code == 400
    assert send(admin, "/admin/suppression", address="Gone@Example.org", note="by phone").status_code == 303
    shown = words_of(admin.get("/admin/suppression?address=GONE").text)
    assert "gone@example.org operator by phone" in shown
    assert "There is none like this." in admin.get("/admin/suppression?address=other").text
    assert send(admin, "/admin/suppression/remove", address="gone@example.org").status_code == 303
    assert "gone@example.org" not in admin.get("/admin/suppression").text
    assert send(admin, "/admin/suppression/remove", address="gone@example.org").status_code == 400


# --- settings --------------------------------------------------------------------------------------


def test_settings_are_shown_without_their_secrets(
    tmp_path: Path, demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_HOUR", "5")
    secrets = {
        "secret_key": "the-secret-key-0123456789",
        "smtp_url": "smtps://me:hunter2hunter2@mail.example.org",
        "mail_from": "digest@example.org",
        "bounce_mailbox": "imaps://b:hunter3@mail.example.org/INBOX",
        "sendmail_command": "/usr/bin/msmtp --passwordeval=hunter4",
    }
    source = {"name": "hidden", "kind": "semanticscholar", "key": "hunter5hunter5", "token_of_it": "hunter6"}
    given = secrets | {"source": [source], "admin_password_hash": HASH}
    with serving_web(tmp_path / "data", demo_folder, **given) as made:
        page = log_in(made).get("/admin/settings").text
    for secret in ("hunter", "the-secret-key", HASH, HASH.rpartition("$")[2]):
        assert secret not in page
    shown = words_of(page)
    assert "smtp_url ******** .env or digest.toml" in shown
    assert "hidden (semanticscholar): key, token_of_it" in shown
    assert "papers 10 default" in shown


# --- hostile content -------------------------------------------------------------------------------


def test_hostile_names_and_words_do_nothing(site: WebSite, admin: TestClient) -> None:
    """Whatever came from sites, servers, readers or bounces is text on every page."""
    with site.app.database.write() as s:
        source = s.exec(select(Source)).one()
        source.last_error, source.moved_to, source.failures_in_row = XSS, f"https://x/{XSS}", 1
        source.last_verdict = "broken"
        check = s.exec(select(Check).order_by(Check.id.desc())).first()
        check.error, check.verdict = XSS, "broken"
        page = s.exec(select(StoredPage).order_by(StoredPage.id.desc())).first()
        page.url, page.content_type = f"https://x/{XSS}", f"text/html\r\nX-Evil: {XSS}"
        mail = s.exec(select(Delivery).order_by(Delivery.id)).first()
        mail.reply, mail.reason, mail.status = XSS, XSS, "refused"
        interest = s.exec(select(Interest).where(Interest.subscriber_id == 1)).first()
        interest.name, interest.about, interest.keywords = XSS, XSS, [XSS]
        issue = s.exec(select(Issue).order_by(Issue.id)).first()
        issue.subject, issue.coverage = XSS, XSS
        for paper in s.exec(select(Paper)):
            paper.title, paper.abstract, paper.authors = f"{XSS} {paper.id}", XSS, [XSS]
            s.add(paper)
        for row in (source, check, page, mail, interest, issue):
            s.add(row)
        now = site.app.now()
        s.add(Suppression(email_key=XSS, reason="operator", detail=XSS, created_at=now))
        s.add(
            Bounce(
                digest="x",
                delivery_id=mail.id,
                subscriber_id=1,
                kind="hard",
                code=XSS,
                diagnostic=XSS,
                received_at=now,
            )
        )
        letter = Letter(
            kind="test", recipient=XSS, key="k", subject=XSS, created_at=now, expires_at=now + timedelta(1)
        )
        s.add(letter)
        s.flush()
        s.add(
            Delivery(
                letter_id=letter.id,
                channel="mail",
                recipient=XSS,
                message_id="<x@y>",
                status="sent",
                planned_at=now,
            )
        )
    site.pass_time(minutes=1)
    shown = 0
    for path in (
        *("/admin", "/admin/sources", "/admin/sources/huggingface", "/admin/sent", "/admin/sent?kind=other"),
        *("/admin/subscribers", "/admin/subscribers/1", "/admin/subscribers/1/mail.html", "/admin/issues/1"),
        *("/admin/issues/1/mail.html", "/admin/suppression"),
        f"/admin/sent?address={XSS}&status={XSS}&kind={XSS}",
        f"/admin/subscribers?address={XSS}&status={XSS}",
        f"/admin/suppression?address={XSS}",
    ):
        text = admin.get(path).text
        assert "<script>alert" not in text, path
        assert "<img" not in text, path
        assert not re.search(r"<[^>]*\sonerror=[^>]*>", re.sub(r'"[^"]*"', "", text)), path
        shown += "&lt;script&gt;alert" in text
    assert shown >= 11
    number = page.id
    answer = admin.get(f"/admin/sources/huggingface/pages/{number}")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "x-evil" not in answer.headers


# --- many readers ----------------------------------------------------------------------------------


def add_readers(site: WebSite, number: int, *, email: bool = True) -> list[int]:
    """So many readers, served at all hours."""
    now = site.app.now()
    with site.app.database.write() as s:
        readers = [
            Subscriber(
                email=f"crowd{one}@example.org" if email else None,
                email_key=f"crowd{one}@example.org" if email else None,
                status="active",
                feed_token=f"crowd{one}-{email}",
                created_at=now,
            )
            for one in range(number)
        ]
        s.add_all(readers)
        s.flush()
        s.add_all(
            Subscription(
                subscriber_id=one.id,
                cadence="daily",
                hour=(one.id or 0) % 24,
                zone="UTC",
                mail=email,
                created_at=now,
            )
            for one in readers
        )
        return [one.id or 0 for one in readers]


@pytest.fixture
def statements(site: WebSite) -> Iterator[list[str]]:
    """What the database is asked."""
    asked: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append(statement)

    engine = site.app.database._engine
    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_five_thousand_readers_cost_as_many_queries_as_three(
    site: WebSite, admin: TestClient, statements: list[str]
) -> None:
    few = {}
    for path in ("/admin", "/admin/subscribers", "/admin/sent", "/admin/subscribers?address=e"):
        statements.clear()
        admin.get(path)
        few[path] = len(statements)
    add_readers(site, 5000)
    for path in few:
        admin.get(path)
        statements.clear()
        began = time.perf_counter()
        page = admin.get(path)
        took_s = time.perf_counter() - began
        assert page.status_code == 200, path
        assert len(statements) == few[path] <= 25, path
        assert took_s < 2, path  # 0.02 s here; a loop over readers would take minutes
        assert len(page.content) < 200_000, path
