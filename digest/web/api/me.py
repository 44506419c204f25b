"""What only the reader whose token is shown may ask and change."""

from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from digest.pipeline import programs_own
from digest.pipeline.feeding import feed_addresses
from digest.pipeline.programs_own import Own
from digest.types import FeedbackKind
from digest.web.api.answers import (
    FeedbackAnswer,
    FeedbackPage,
    IssueAnswer,
    IssuePage,
    Me,
    Problem,
    Responses,
    SavedAnswer,
    SavedPage,
)
from digest.web.api.parameters import Cursor, Limit, PaperId, Place
from digest.web.api.token import Reader
from digest.web.api.wishes import FeedbackSent, WishesSent
from digest.web.site import Site, SiteDep

__all__ = ["router"]

router = APIRouter(
    prefix="/api/me",
    generate_unique_id_function=attrgetter("name"),
    tags=["me"],
    responses={
        401: {
            "model": Problem,
            "description": "No token, or one that does not count.",
            "headers": {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
        }
    },
)

NOT_THERE: Responses = {404: {"model": Problem, "description": "What was named is not there."}}
CHANGES: Responses = {
    400: {"model": Problem, "description": "The body cannot be read."},
    403: {"model": Problem, "description": "A browser sent this from another site."},
}


@router.get("", summary="Oneself")
def get_me(request: Request, site: SiteDep, reader: Reader) -> Me:
    """Address, status, private feeds, and everything one chose."""
    return _me(request, site, programs_own.describe(site.app.database, reader))


@router.put("", summary="Change one's wishes", responses=CHANGES)
def put_me(request: Request, site: SiteDep, reader: Reader, sent: WishesSent) -> Me:
    """Make these all of one's wishes. What is left out goes back to its default; an interest that keeps its
    name keeps what was said for it.

    Besides what the schema says: names of interests differ once blanks and controls are taken away, and
    are not empty then; the zone is one that exists.
    """
    wishes = sent.wishes.model_dump()
    return _me(request, site, programs_own.change_wishes(site.app.database, reader, wishes, site.now()))


def _me(request: Request, site: Site, own: Own) -> Me:
    return Me.of(own, feed_addresses(own.subscriber.feed_token, site.absolute("", request)))


@router.get("/preview", summary="Today's digest, as it would be now")
def get_preview(site: SiteDep, reader: Reader) -> IssueAnswer:
    """What one would get now, without what one had or judged already. Nothing is stored or sent."""
    wishes = programs_own.describe(site.app.database, reader).wishes
    view = site.previewer.preview(wishes, site.moment(), subscriber=reader)
    return IssueAnswer.of(view, is_preview=True)


@router.get("/issues", summary="One's digests, newest first")
def list_issues(site: SiteDep, reader: Reader, limit: Limit = 10, cursor: Cursor = None) -> IssuePage:
    """As they were composed; days on which there was nothing to say are left out."""
    page = programs_own.list_issues(site.app.database, reader, cursor=cursor, limit=limit)
    return IssuePage(issues=[IssueAnswer.of(one) for one in page.items], next=page.next)


@router.get("/feedback", summary="What one said of papers")
def list_feedback(
    site: SiteDep,
    reader: Reader,
    kind: Annotated[FeedbackKind | None, Query(description="Only this.")] = None,
    limit: Limit = 50,
    cursor: Place = None,
) -> FeedbackPage:
    """More, less, saved and seen, the last first."""
    page = programs_own.list_said(site.app.database, reader, kind=kind, cursor=cursor, limit=limit)
    return FeedbackPage(feedback=[FeedbackAnswer.of(one) for one in page.items], next=page.next)


@router.post("/feedback", summary="Say something of a paper", responses=NOT_THERE | CHANGES)
def add_feedback(site: SiteDep, reader: Reader, sent: FeedbackSent) -> FeedbackAnswer:
    """Said again it counts once; more and less replace one another. Answers with what is stored now."""
    said = programs_own.say(
        site.app.database,
        reader,
        sent.paper,
        sent.kind,
        interest=sent.interest,
        note=sent.note,
        now=site.now(),
    )
    return FeedbackAnswer.of(said)


@router.delete(
    "/feedback/{paper}/{kind}",
    summary="Take back what one said",
    status_code=204,
    response_class=Response,
    responses=NOT_THERE | CHANGES,
)
def delete_feedback(
    site: SiteDep, reader: Reader, paper: PaperId, kind: Annotated[FeedbackKind, Path()]
) -> None:
    """As if it had never been said."""
    programs_own.unsay(site.app.database, reader, paper, kind)


@router.get("/saved", summary="The papers one saved")
def list_saved(site: SiteDep, reader: Reader, limit: Limit = 50, cursor: Place = None) -> SavedPage:
    """With one's notes, the last first."""
    page = programs_own.list_saved(site.app.database, reader, cursor=cursor, limit=limit, now=site.now())
    return SavedPage(saved=[SavedAnswer.of(one) for one in page.items], next=page.next)
