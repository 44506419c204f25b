"""One's own digests as pages: whose they are, what they show, and the mail's link into them."""

from datetime import UTC, date, datetime

import pytest

from digest.models import Delivery, Issue
from digest.storage import issues as issue_rows
from digest.storage import subscribers as subscriber_rows
from digest.tokens import make_token
from digest.types import IssueView
from tests.test_web_saved import browser_of, others
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def issues_of(site: WebSite, email: str = READER) -> list[IssueView]:
    """A reader's issues, newest first."""
    with site.app.database.read() as session:
        row = subscriber_rows.list_subscriptions(session, site.subscriber(email).id)[0]
        ids = issue_rows.list_issue_ids(session, row.id, limit=100)
        views = issue_rows.load_issue_views(session, ids)
    return [views[one] for one in ids]


def link(site: WebSite, issue_id: int, email: str = READER, *, version: int | None = None) -> str:
    reader = site.subscriber(email)
    subject = f"{reader.id}.{issue_id}"
    return f"/i/{make_token(site.web.site.secret, 'issue', subject, version or reader.token_version)}"


# --- whose they are --------------------------------------------------------------------------------


def test_nobody_reads_them_without_a_link_of_their_own(site: WebSite) -> None:
    for path in ("/issues", f"/issues/{issues_of(site)[0].issue_id}"):
        assert site.client.get(path).status_code == 401


def test_another_readers_digest_is_not_there(site: WebSite) -> None:
    client = browser_of(site)
    theirs = issues_of(site, others(site))[0].issue_id
    missing = client.get("/issues/999999999")
    answer = client.get(f"/issues/{theirs}")
    assert answer.status_code == missing.status_code == 404
    assert "no digest of that number" in answer.text
    for number in ("0", "99999999999999999999999"):
        assert client.get(f"/issues/{number}").status_code == 404


def test_the_link_of_a_mail_opens_that_digest_and_leaves_the_address(site: WebSite) -> None:
    issue = issues_of(site)[1]
    before, client = site.rows(), site.browser()
    answer = client.get(link(site, issue.issue_id))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/issues/{issue.issue_id}")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert issue.items[0].paper.title[:20] in client.get(answer.headers["location"]).text
    assert site.rows() == before


def test_the_link_of_a_mail_lets_read_and_rate_only(site: WebSite) -> None:
    client = site.browser()
    client.get(link(site, issues_of(site)[0].issue_id))
    assert client.get("/issues").status_code == 200
    assert client.get("/saved").status_code == 200
    for path in ("/preferences", "/transfer", "/delete", "/export.json"):
        assert client.get(path).status_code in (401, 404), path


def test_a_link_shows_nothing_of_others_and_none_after_its_version(site: WebSite) -> None:
    theirs = issues_of(site, others(site))[0].issue_id
    client = site.browser()
    client.get(link(site, theirs))  # a token of ours would have to be forged for that
    assert client.get(f"/issues/{theirs}").status_code == 404
    mine = issues_of(site)[0].issue_id
    wrong = [
        link(site, mine, version=2),
        f"/i/{site.token('issue')}",
        f"/i/{site.token('feedback')}",
        "/i/x",
        link(site, mine)[:-2],
        f"/i/{make_token(site.web.site.secret, 'issue', '1.2.3', 1)}",
        f"/i/{make_token(site.web.site.secret, 'issue', '99999999999999999999.1', 1)}",
    ]
    for path in wrong:
        answer = site.browser().get(path)
        assert answer.status_code == 401, path
        assert "set-cookie" not in answer.headers


# --- what they show --------------------------------------------------------------------------------


def test_a_digest_is_shown_as_it_was_frozen(site: WebSite) -> None:
    issue = next(one for one in issues_of(site) if one.items)
    with site.app.database.write() as session:
        from digest.storage import papers as paper_rows

        row = paper_rows.get_paper(session, issue.items[0].paper.paper_id)
        row.title = "Another title by now"
        session.add(row)
    page = browser_of(site).get(f"/issues/{issue.issue_id}").text
    assert "Another title by now" not in page
    places = [page.index(f'id="paper-{item.paper.paper_id}"') for item in issue.items]
    assert places == sorted(places)
    for section in {item.section for item in issue.items}:
        assert f"<h2>{section.value}</h2>" in page
    assert issue.coverage[:40] in page.replace("&#39;", "'")


def test_digests_lead_to_those_before_and_after(site: WebSite) -> None:
    newest, middle, *_ = issues = issues_of(site)
    client = browser_of(site)
    page = client.get(f"/issues/{middle.issue_id}").text
    assert f'href="/issues/{newest.issue_id}" rel="next"' in page
    assert f'href="/issues/{issues[2].issue_id}" rel="prev"' in page
    assert 'rel="next"' not in client.get(f"/issues/{newest.issue_id}").text
    assert 'rel="prev"' not in client.get(f"/issues/{issues[-1].issue_id}").text


def test_the_list_tells_each_date_its_papers_and_what_became_of_it(site: WebSite) -> None:
    issue = issues_of(site)[0]
    page = browser_of(site).get("/issues").text
    assert f'href="/issues/{issue.issue_id}"' in page
    assert f"{len(issue.items)} papers" in page
    assert "Sent at " in page


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("planned", None, "On its way"),
        ("deferred", "451 busy", "it is tried again"),
        ("refused", "550 no such <user>", "Refused by your mail server: 550 no such &lt;user&gt;"),
        ("uncertain", None, "may have arrived"),
        ("skipped", "too late", "Not sent: too late"),
        ("bounced", "mailbox full", "Came back: mailbox full"),
        ("complained", None, "reported as unwanted"),
        ("a word of later", None, "Sent"),
    ],
)
def test_what_became_of_a_mail_is_said_in_words(
    site: WebSite, status: str, reason: str | None, told: str
) -> None:
    issue = issues_of(site)[0]
    with site.app.database.write() as session:
        from digest.storage.deliveries import get_delivery

        row: Delivery = get_delivery(session, issue.issue_id, "maildir") or get_delivery(
            session, issue.issue_id, "mail"
        )
        row.status, row.reason = status, reason
        session.add(row)
    assert told in browser_of(site).get("/issues").text


def test_dates_without_a_digest_say_why_and_lead_nowhere(site: WebSite) -> None:
    with site.app.database.write() as session:
        row = subscriber_rows.list_subscriptions(session, site.subscriber().id)[0]
        for day, status, reason in (
            (date(2025, 1, 4), "empty", "no_new_papers_weekend There were no new papers."),
            (date(2025, 1, 3), "skipped", "paused The subscription was paused."),
            (date(2025, 1, 2), "empty", None),
            (date(2025, 1, 1), "expired", None),
        ):
            at = datetime(2025, 1, 5, tzinfo=UTC)
            issue = Issue(
                subscription_id=row.id,
                local_date=day,
                status=status,
                reason=reason,
                composed_at=at,
                expires_at=at,
            )
            session.add(issue)
    client = browser_of(site)
    page = client.get("/issues?month=2025-01").text
    assert page.count('class="top"') == 1
    for told in ("no new papers.", "was paused.", "nothing to send", "too late to be sent"):
        assert told in page
    assert "January 2025" in client.get("/issues").text
    assert client.get("/issues?month=2025-02").status_code == 200
    assert client.get("/issues?month=9999-12").status_code == 200
    for month in ("x", "2025", "2025-13", "2025-01-01", "0000-01"):
        assert client.get("/issues", params={"month": month}).status_code == 404


def test_a_reader_without_digests_is_told_so(site: WebSite) -> None:
    from digest.pipeline.readers import Schedule, add_subscriber

    add_subscriber(site.app.database, "new@example.org", Schedule(), active=True, now=site.app.now())
    assert "There is none yet" in browser_of(site, email="new@example.org").get("/issues").text


def test_reading_changes_nothing(site: WebSite) -> None:
    client, before = browser_of(site), site.rows()
    for issue in issues_of(site):
        assert client.get(f"/issues/{issue.issue_id}").status_code == 200
    assert client.get("/issues").status_code == 200
    assert site.rows() == before
