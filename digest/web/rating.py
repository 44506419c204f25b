"""Rating from the mail: a link that opens a page, which asks for one click and says what it changes."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.cards import make_card
from digest.pipeline import rating
from digest.pipeline.rating import Kind
from digest.translation import gettext as _
from digest.web.forms import Form, text_of
from digest.web.pages import go_to, show
from digest.web.session import LinkNeededError, Rater, Scope, claimed_subscriber, start_session
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

# What a link of a mail can ask for.
ASKED = (Kind.MORE, Kind.LESS, Kind.SAVED)


@router.get("/f/{token}/{paper_id}/{kind}")
def open_link(request: Request, site: SiteDep, token: str, paper_id: str, kind: str) -> Response:
    """Remember whose link it is, and go on without it. Rates nothing: machines open every link of a mail."""
    reader = claimed_subscriber(site, "feedback", token)
    if reader is None:
        raise LinkNeededError(_("That link is out of date: use one of your latest digest."))
    number, asked = _number(paper_id), _kind(kind, ASKED)
    answer = go_to(request, f"/rate?paper={number}&kind={asked}")
    start_session(request, answer, reader, Scope.FEEDBACK)
    return answer


@router.get("/rate")
def ask(request: Request, site: SiteDep, reader: Rater, paper: str = "", kind: str = "") -> Response:
    """The paper, what is about to be said of it, and one button; of no paper in particular, ten."""
    if not paper and not kind:
        return go_to(request, "/rate/ten")
    asked = _kind(kind, ASKED)
    opinion = rating.get_opinion(site.app.database, reader, _number(paper), site.now())
    if opinion is None:
        raise _no_such_paper()
    is_said = opinion.is_saved if asked is Kind.SAVED else opinion.taste == asked
    return show(
        request,
        "web/rate.html",
        opinion=opinion,
        card=make_card(opinion.paper),
        kind=asked.value,
        is_said=is_said,
    )


@router.post("/rate")
def rate(request: Request, site: SiteDep, reader: Rater, form: Form) -> Response:
    """Store the click; then back to the page it was made on, or to one that says what it changes."""
    number, kind = _number(text_of(form, "paper")), _kind(text_of(form, "kind"), tuple(Kind))
    memory, note, back = text_of(form, "memory"), text_of(form, "note"), text_of(form, "back")
    database, moment = site.app.database, site.moment()
    if back:
        stored = rating.rate(database, reader, number, kind, moment.now, memory=memory, note=note)
        if stored is None:
            raise _no_such_paper()
        return go_to(request, back)
    rated = rating.rate_and_look(
        database, site.foresight, reader, number, kind, moment, memory=memory, note=note
    )
    if rated is None:
        raise _no_such_paper()
    return show(request, "web/rated.html", rated=rated, card=make_card(rated.after.paper), kind=kind.value)


def _kind(text: str, allowed: tuple[Kind, ...]) -> Kind:
    if text not in allowed:
        raise HTTPException(404, _("That is nothing that can be said of a paper."))
    return Kind(text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise _no_such_paper()
    return int(text)


def _no_such_paper() -> HTTPException:
    return HTTPException(404, _("There is no such paper here."))
