"""What was sent, and what not and why, for the operator."""

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from digest.errors import UsageError
from digest.pipeline.overview import DaySent, sent_by_day
from digest.pipeline.overview_readers import (
    WAITING,
    IssueFilter,
    list_issues,
    list_letters,
    mail_of,
    show_issue,
)
from digest.types import DeliveryStatus, IssueStatus
from digest.web.admin.fields import one_of, query_of, read_day
from digest.web.admin.routing import as_number, make_router, show_page
from digest.web.charts import BarChart, bar_chart
from digest.web.guard import POLICY
from digest.web.site import SiteDep

__all__ = ["as_mail", "framing", "router"]

router = make_router()

DAYS = 30
STATUSES = (WAITING, *dict.fromkeys((*map(str, DeliveryStatus), *map(str, IssueStatus))))
# A mail brings its styles with it and nothing else; only our own pages may frame it.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"


@router.get("/admin/sent")
def list_sent(
    request: Request,
    site: SiteDep,
    date: str = "",
    address: str = "",
    status: str = "",
    kind: str = "",
    before: str = "",
) -> Response:
    """The last days in numbers, and a page of issues (or of other mail), filtered."""
    wanted = IssueFilter(read_day(date), address.strip()[:200], one_of(status, STATUSES))
    since = as_number(before) if before else None
    is_other = kind == "other"
    fields = {"date": date, "address": wanted.address, "status": wanted.status, "kind": is_other and "other"}
    issues, next_issue = ([], None) if is_other else list_issues(site.app.database, wanted, before=since)
    letters, next_letter = list_letters(site.app.database, wanted, before=since) if is_other else ([], None)
    days = sent_by_day(site.app.database, site.moment().today_in("UTC"), days=DAYS)
    following = next_issue or next_letter
    return show_page(
        request,
        "sent.html",
        days=days,
        chart=_chart(days),
        wanted=wanted,
        is_other=is_other,
        statuses=STATUSES,
        issues=issues,
        letters=letters,
        is_first=since is None,
        first_query=query_of(fields),
        next_query=query_of(fields | {"before": following}) if following else "",
        now=site.now(),
    )


def _chart(days: list[DaySent]) -> BarChart:
    return bar_chart([(one.day.isoformat(), [("sent", one.sent), ("failed", one.failed)]) for one in days])


@router.get("/admin/issues/{number}")
def show_one(request: Request, site: SiteDep, number: str) -> Response:
    """An issue as it was composed."""
    try:
        line, shown = show_issue(site.app.database, as_number(number))
    except UsageError as error:
        raise HTTPException(404, "There is no such digest to look at.") from error
    return framing(show_page(request, "issue.html", line=line, shown=shown))


@router.get("/admin/issues/{number}/mail.html")
def show_issue_mail(site: SiteDep, number: str) -> Response:
    """The mail of an issue, by itself, for a frame."""
    database = site.app.database
    try:
        line, shown = show_issue(database, as_number(number))
    except UsageError as error:
        raise HTTPException(404, "There is no such digest to look at.") from error
    assert line.subscriber.id is not None  # noqa: S101 - stored rows have ids
    return as_mail(mail_of(database, site.app.deliverer().envelope, shown.view, line.subscriber.id))


def as_mail(html: str) -> Response:
    """A mail's HTML as a document that can do nothing, and that only our own pages frame."""
    headers = {"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(html, headers=headers)


def framing(page: Response) -> Response:
    """A page that shows a mail in a frame."""
    page.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return page
