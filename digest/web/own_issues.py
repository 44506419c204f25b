"""A reader's own digests as pages, and the link of a mail that opens one in the browser."""

from dataclasses import replace
from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.models import Subscriber
from digest.pipeline import own_issues
from digest.storage import subscribers as subscriber_rows
from digest.tokens import read_token
from digest.translation import gettext as _
from digest.translation import gettext_noop
from digest.web.pages import go_to, show
from digest.web.session import LinkNeededError, Rater, Scope, start_session
from digest.web.site import Site, SiteDep
from digest.web.trending import ACTIONS, said_of
from digest.wording import spoken

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

NOT_YOURS = gettext_noop("You have no digest of that number.")


@router.get("/i/{token}")
def open_link(request: Request, site: SiteDep, token: str) -> Response:
    """Let in who has the link of a mail, to read and rate, and go on to that digest without the link."""
    reader, issue_id = _claimed(site, token)
    if reader is None:
        raise LinkNeededError(_("That link is not complete or out of date: use one in your latest digest."))
    answer = go_to(request, f"/issues/{issue_id}")
    start_session(request, answer, reader, Scope.FEEDBACK)
    return answer


def _claimed(site: Site, token: str) -> tuple[Subscriber | None, int]:
    """The reader and the number of the issue that a link's token is of; ``None`` if it counts no more."""
    subject, version = read_token(site.secret, "issue", token) or ("", 0)
    number, _, issue = subject.partition(".")
    if not (number.isdecimal() and issue.isdecimal()):
        return None, 0
    with site.app.database.read() as session:
        reader = subscriber_rows.get_by_id(session, int(number))
    return reader if reader is not None and reader.token_version == version else None, int(issue)


@router.get("/issues")
def get_issues(request: Request, site: SiteDep, reader: Rater, month: str = "") -> Response:
    """One month of the reader's digests."""
    found = own_issues.list_month(site.app.database, _id(reader), _month(month))
    return show(request, "web/issues.html", found=found)


@router.get("/issues/{issue_id:int}")
def get_issue(request: Request, site: SiteDep, reader: Rater, issue_id: int) -> Response:
    """One digest, as it was frozen when it was made."""
    found = own_issues.load_issue(site.app.database, _id(reader), issue_id)
    if found is None:
        raise HTTPException(404, _(NOT_YOURS))
    papers = {item.paper.paper_id: item.paper for item in found.view.items}
    found = replace(found, view=spoken(found.view))
    said = said_of(request, site, list(papers))
    return show(request, "web/issue.html", found=found, papers=papers, said=said, actions=ACTIONS)


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01") if text else None
    except ValueError:
        raise HTTPException(404, _("That is no month.")) from None


def _id(reader: Subscriber) -> int:
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    return reader.id
