"""Confirming: the link of a confirmation mail, and the link that is mailed to who lost theirs.

The link's token becomes a cookie for a while, so that it is in no address that is shown, kept or sent on.
Opening it changes nothing (machines open every link of a mail); the button does.
"""

import re
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from digest.models import SignUp
from digest.pipeline import signing_up
from digest.pipeline.feed_files import feed_links
from digest.pipeline.letters import CONFIRMING
from digest.pipeline.wishes import Wishes
from digest.storage import subscribers as subscriber_rows
from digest.translation import in_language, language, speaking
from digest.web.forms import Form, text_of
from digest.web.limiting import client_network
from digest.web.pages import go_to, show
from digest.web.session import Scope, read_session, start_session
from digest.web.site import Site, SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

TOKEN = re.compile(r"[0-9a-f]{64}")
LIFE = timedelta(hours=1)


@router.get("/confirm/{token}")
def open_link(request: Request, token: str) -> RedirectResponse:
    """Put the token into a cookie and go on without it."""
    answer = go_to(request, "/confirm")
    if TOKEN.fullmatch(token):
        answer.set_cookie(
            _cookie_name(request),
            token,
            max_age=int(LIFE.total_seconds()),
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",  # the link is followed from a mail, so from another site
        )
    else:
        answer.delete_cookie(
            _cookie_name(request),
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
    return answer


@router.get("/confirm")
def show_sign_up(request: Request, site: SiteDep) -> Response:
    """What was asked for, and one button; or what has become of it."""
    row = _sign_up(request, site)
    if row is None:
        return show(request, "web/confirmed.html", state="unknown", status=404)
    if row.confirmed_at is not None:
        return _show_confirmed(request, site, row)
    if site.now() >= row.expires_at:
        return show(request, "web/confirmed.html", state="old", status=410)
    wishes = Wishes.from_dict(row.wishes)
    with speaking(in_language(wishes.language, language())):
        return show(request, "web/confirm.html", wishes=wishes, email=row.email)


@router.post("/confirm")
def confirm(request: Request, site: SiteDep) -> Response:
    """Subscribe whoever has the link. Opens their preferences the first time only."""
    token = request.cookies.get(_cookie_name(request), "")
    row = _sign_up(request, site)
    network = client_network(request)
    reader = signing_up.confirm(site.app, token, site.now(), network=network) if row is not None else None
    answer = go_to(request, "/confirm")
    if row is not None and row.confirmed_at is None and reader is not None:
        start_session(request, answer, reader, Scope.PREFERENCES)
    return answer


@router.post("/link")
def mail_link(request: Request, site: SiteDep, form: Form) -> Response:
    """Mail the link to the preferences of an address to it; the same answer for every address."""
    email = text_of(form, "email")
    signing_up.ask_for_link(site.app, email, network=client_network(request), now=site.now())
    return show(request, "web/link_sent.html", email=email)


def _cookie_name(request: Request) -> str:
    return "__Host-confirm" if request.url.scheme == "https" else "confirm"


def _sign_up(request: Request, site: Site) -> SignUp | None:
    token = request.cookies.get(_cookie_name(request), "")
    row = signing_up.read(site.app, token) if TOKEN.fullmatch(token) else None
    return row if row is not None and row.kind in CONFIRMING else None


def _show_confirmed(request: Request, site: Site, row: SignUp) -> Response:
    """The welcome, to the browser that confirmed; to any other only that this link was used."""
    session = read_session(request)
    with site.app.database.read() as transaction:
        reader = subscriber_rows.get_subscriber(transaction, row.email)
    is_theirs = (
        reader is not None
        and session is not None
        and (session.subscriber_id, session.version) == (reader.id, reader.token_version)
    )
    if reader is None or reader.status not in signing_up.SERVED:
        return show(request, "web/confirmed.html", state="left")
    if not is_theirs:
        return show(request, "web/confirmed.html", state="used")
    feeds = feed_links(reader.feed_token, base_url=site.base_url, feeds_dir=site.app.feeds_dir)
    wishes = Wishes.from_dict(row.wishes)
    with speaking(in_language(wishes.language, language())):
        return show(request, "web/confirmed.html", state="confirmed", feeds=feeds, wishes=wishes)
