"""Leaving by a link: the mail provider's one click (RFC 8058), and a page with one button.

The address is the proof: it holds a signed token, needs no cookie and sets none. An address that does not
count is answered 404 to a POST too, although some providers would rather read 200: a reader who was told that
they had left, and had not, would go on getting mail. It tells nobody who exists, since no one but us can make
an address for which it would make a difference; who was deleted has left, so that is what they are told.

A reader who made all links invalid can still leave by each of them: by a mail of before one leaves for ever.
Those links do nothing else, and take nothing back.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.pipeline import leaving
from digest.pipeline.leaving import Choice, Standing
from digest.tokens import read_token
from digest.translation import gettext as _
from digest.translation import gettext_noop, in_language, language, speaking
from digest.types import SubscriberStatus
from digest.web.forms import read_form, text_of
from digest.web.pages import show
from digest.web.session import claimed_subscriber
from digest.web.site import Site, SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

NO_SUCH_LINK = gettext_noop(
    "That link is not complete, or out of date. Use the one in your latest digest, or answer that mail "
    "with the one word: unsubscribe."
)
GONE = Standing(SubscriberStatus.UNSUBSCRIBED, "")


@dataclass(frozen=True, slots=True)
class _Link:
    """A link of that reader's; ``is_current``: it may do more than leave."""

    number: int
    is_current: bool


async def read_action(request: Request) -> str:
    """What a page of ours asks for; empty for a mail provider, whatever it sent and however broken."""
    try:
        return text_of(await read_form(request), "action")
    except HTTPException as error:
        if error.status_code == 413:
            raise
        return ""


Action = Annotated[str, Depends(read_action)]


@router.get("/u/{token}")
def ask_to_leave(request: Request, site: SiteDep, token: str) -> Response:
    """A page with one button; nothing changes."""
    link = _read_link(site, token)
    if link is None:
        return _show_left(request, token, GONE)
    standing = leaving.look(site.app.database, link.number)
    if standing.has_left:
        return _show_left(request, token, standing, may_choose=link.is_current)
    with _their_language(standing):
        return show(request, "web/leave.html", token=token, standing=standing, may_choose=link.is_current)


@router.post("/u/{token}")
def leave(request: Request, site: SiteDep, token: str, action: Action) -> Response:
    """Leave, as often as it is said; or one of what the page offers then."""
    link = _read_link(site, token)
    if link is None:
        return _show_left(request, token, GONE)
    if action in list(Choice):
        if not link.is_current:
            raise HTTPException(404, _(NO_SUCH_LINK))
        standing = leaving.choose(site.app.database, link.number, Choice(action), site.moment())
    else:
        standing = leaving.leave_by_link(site.app.database, link.number, site.now())
    return _show_left(request, token, standing, may_choose=link.is_current)


def _show_left(request: Request, token: str, standing: Standing, *, may_choose: bool = False) -> Response:
    is_gone = standing is GONE
    with _their_language(standing):
        return show(
            request, "web/left.html", token=token, standing=standing, is_gone=is_gone, may_choose=may_choose
        )


def _their_language(standing: Standing) -> AbstractContextManager[None]:
    """The language that the holder of the link chose, which no cookie of this browser need know."""
    return speaking(in_language(standing.language, language()))


def _read_link(site: Site, token: str) -> _Link | None:
    """What a link of ours is; ``None`` for one of a reader who was deleted.

    Raises ``HTTPException`` (404) for any other link.
    """
    claim = read_token(site.secret, "unsubscribe", token)
    if claim is None or not claim[0].isdecimal():
        raise HTTPException(404, _(NO_SUCH_LINK))
    number = int(claim[0])
    if leaving.is_gone(site.app.database, number):
        return None
    return _Link(number, claimed_subscriber(site, "unsubscribe", token) is not None)
