"""Readers for the operator: who they are, why a digest came or not, what comes next, and what can be done."""

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.errors import DeliveryError, UsageError
from digest.pipeline.consent import Way
from digest.pipeline.explain import explain_day
from digest.pipeline.letters import make_test_letter
from digest.pipeline.moment import Moment
from digest.pipeline.overview_readers import (
    ReaderDetail,
    in_sections,
    list_readers,
    mail_of,
    preview_next,
    show_reader,
)
from digest.pipeline.readers import activate_subscriber, pause_subscriber, remove_subscriber
from digest.runs import run_letter
from digest.types import SubscriberStatus
from digest.web.admin.fields import one_of, query_of, read_day
from digest.web.admin.routing import as_number, make_router, show_page
from digest.web.admin.sent import as_mail, framing
from digest.web.forms import Form, text_of
from digest.web.pages import go_to
from digest.web.site import Site, SiteDep

__all__ = ["router"]

router = make_router()

STATUSES = tuple(map(str, SubscriberStatus))
# What was done just now, by the word that the address brings.
DONE = {
    "paused": "Nothing is sent to them any more, until they are activated.",
    "activated": "They are served again, from their next hour on.",
}


@router.get("/admin/subscribers")
def list_all(
    request: Request, site: SiteDep, address: str = "", status: str = "", before: str = "", removed: str = ""
) -> Response:
    """A page of readers."""
    fields = {"address": address.strip()[:200], "status": one_of(status, STATUSES)}
    since = as_number(before) if before else None
    found = list_readers(site.app.database, before=since, **fields)
    return show_page(
        request,
        "subscribers.html",
        found=found,
        statuses=STATUSES,
        is_first=since is None,
        first_query=query_of(fields),
        next_query=query_of(fields | {"before": found.next_before}) if found.next_before else "",
        removed=removed == "1",
        address=fields["address"],
        status_wanted=fields["status"],
    )


@router.get("/admin/subscribers/{number}")
def show_one(request: Request, site: SiteDep, number: str, date: str = "", done: str = "") -> Response:
    """One reader; ``date`` is the day that is explained, today without."""
    return _page(request, site, as_number(number), day=date, good=DONE.get(done, ""))


def _page(
    request: Request, site: Site, number: int, *, day: str = "", good: str = "", bad: str = ""
) -> Response:
    detail = _reader(site, number)
    now = site.moment()
    moment = Moment(now.now, read_day(day), pinned=now.pinned)
    view = preview_next(site.previewer, site.app.database, number, now)
    page = show_page(
        request,
        "subscriber.html",
        detail=detail,
        reader=detail.subscriber,
        why=explain_day(site.app.composer(), number, moment.check()),
        shown=in_sections(view),
        good=good,
        bad=bad,
    )
    return framing(page)


def _reader(site: Site, number: int) -> ReaderDetail:
    try:
        return show_reader(site.app.database, number)
    except UsageError as error:
        raise HTTPException(404, "There is no such subscriber.") from error


@router.get("/admin/subscribers/{number}/mail.html")
def show_next_mail(site: SiteDep, number: str) -> Response:
    """The mail that they would get now, by itself, for a frame."""
    reader = _reader(site, as_number(number)).subscriber
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    database = site.app.database
    view = preview_next(site.previewer, database, reader.id, site.moment())
    return as_mail(mail_of(database, site.app.deliverer().envelope, view, reader.id))


# --- what can be done ------------------------------------------------------------------------------


@router.post("/admin/subscribers/{number}/test")
def send_test(request: Request, site: SiteDep, number: str) -> Response:
    """Send them a test mail the way digests go, and show the server's answer."""
    reader = _reader(site, as_number(number)).subscriber
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    if reader.email is None:
        raise UsageError("they read by private feed only, so there is no address to write to")
    letter = make_test_letter(site.name, reader.email, site.now())
    try:
        reply = run_letter(site.app, letter, site.moment())
    except DeliveryError as error:
        return _page(request, site, reader.id, bad=f"The test mail did not leave: {error}")
    return _page(request, site, reader.id, good=f"The test mail was handed over: {reply}")


@router.post("/admin/subscribers/{number}/pause")
def pause(request: Request, site: SiteDep, number: str, form: Form) -> Response:
    """Send them nothing, until a day or until activated."""
    reader = _reader(site, as_number(number)).subscriber
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    until = read_day(text_of(form, "until"))
    pause_subscriber(site.app.database, reader.id, until=until, now=site.now())
    return go_to(request, f"/admin/subscribers/{reader.id}?done=paused")


@router.post("/admin/subscribers/{number}/activate")
def activate(request: Request, site: SiteDep, number: str) -> Response:
    """Serve them (again)."""
    reader = _reader(site, as_number(number)).subscriber
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    activate_subscriber(site.app.database, reader.id, now=site.now(), way=Way.OPERATOR)
    return go_to(request, f"/admin/subscribers/{reader.id}?done=activated")


@router.get("/admin/subscribers/{number}/remove")
def ask_to_remove(request: Request, site: SiteDep, number: str) -> Response:
    """Ask once more before everything of theirs is deleted."""
    return show_page(request, "remove.html", reader=_reader(site, as_number(number)).subscriber)


@router.post("/admin/subscribers/{number}/remove")
def remove(request: Request, site: SiteDep, number: str) -> Response:
    """Delete them and everything stored about them."""
    reader = _reader(site, as_number(number)).subscriber
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    remove_subscriber(site.app.database, reader.id, site.app.feeds_dir)
    return go_to(request, "/admin/subscribers?removed=1")
