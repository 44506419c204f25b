"""Sessions: who opened a link of theirs lately. The link's token becomes a cookie, and leaves the address.

A session knows what its link was for: one from a feedback link can rate, save and read the digests that were
mailed, and no more. Raising a subscriber's token version ends them all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from digest.models import Subscriber
from digest.storage import subscribers as subscriber_rows
from digest.tokens import make_token, read_token
from digest.translation import gettext as _
from digest.web.site import Site, get_site
from digest.web.speaking import remember_language

__all__ = [
    "LinkNeededError",
    "Owner",
    "Rater",
    "Scope",
    "Session",
    "claimed_subscriber",
    "end_session",
    "get_owner",
    "get_rater",
    "read_session",
    "start_session",
]

LIFE = timedelta(days=30)


class Scope(StrEnum):
    """What a session may do: everything of one's own, or only say what one thinks of papers."""

    PREFERENCES = "preferences"
    FEEDBACK = "feedback"


class LinkNeededError(Exception):
    """Who asks is not known, or their link does not go so far."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie proves. Whether its version still counts is for the database to say."""

    subscriber_id: int
    version: int
    scope: Scope


def cookie_name(request: Request) -> str:
    """``__Host-`` keeps other hosts and paths from setting it; browsers take it by https only."""
    return "__Host-digest" if request.url.scheme == "https" else "digest"


def start_session(request: Request, response: Response, subscriber: Subscriber, scope: Scope) -> None:
    """Let this browser act for a subscriber; anew, but where a session that may do more is there already."""
    site, there = get_site(request), read_session(request)
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    is_same = there is not None and (there.subscriber_id, there.version) == (
        subscriber.id,
        subscriber.token_version,
    )
    if not (is_same and there is not None and there.scope is Scope.PREFERENCES is not scope):
        until = int((site.now() + LIFE).timestamp())
        subject = f"{subscriber.id}.{until}"
        response.set_cookie(
            cookie_name(request),
            make_token(site.secret, f"session {scope}", subject, subscriber.token_version),
            max_age=int(LIFE.total_seconds()),
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
    with site.app.database.read() as transaction:
        rows = subscriber_rows.list_subscriptions(transaction, subscriber.id)
    remember_language(request, response, rows[0].language if rows else None)


def end_session(request: Request, response: Response) -> None:
    """Let this browser act for nobody."""
    response.delete_cookie(
        cookie_name(request),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def read_session(request: Request) -> Session | None:
    """What the request's cookie proves; nothing is asked of the database."""
    site, value = get_site(request), request.cookies.get(cookie_name(request), "")
    for scope in Scope:
        claim = read_token(site.secret, f"session {scope}", value)
        if claim is not None:
            number, _, until = claim[0].partition(".")
            return Session(int(number), claim[1], scope) if _is_before(site.now(), until) else None
    return None


def _is_before(now: datetime, until: str) -> bool:
    return now.timestamp() < int(until)


def claimed_subscriber(site: Site, purpose: str, token: str) -> Subscriber | None:
    """The subscriber that a link's token is of, if its version still counts."""
    claim = read_token(site.secret, purpose, token)
    if claim is None or not claim[0].isdecimal():
        return None
    with site.app.database.read() as transaction:
        subscriber = subscriber_rows.get_by_id(transaction, int(claim[0]))
    return subscriber if subscriber is not None and subscriber.token_version == claim[1] else None


def _get(request: Request, *scopes: Scope) -> Subscriber:
    session = read_session(request)
    if session is None:
        raise LinkNeededError(_("This page is yours alone: open it by a link in your latest digest."))
    with get_site(request).app.database.read() as transaction:
        subscriber = subscriber_rows.get_by_id(transaction, session.subscriber_id)
    if subscriber is None or subscriber.token_version != session.version:
        raise LinkNeededError(_("That link is out of date: open this page by a link in your latest digest."))
    if session.scope not in scopes:
        raise LinkNeededError(_("That link was for feedback only: for this, use “Change what you get”."))
    return subscriber


def get_owner(request: Request) -> Subscriber:
    """The subscriber who may change everything of their own; ``LinkNeededError`` where there is none."""
    return _get(request, Scope.PREFERENCES)


def get_rater(request: Request) -> Subscriber:
    """The subscriber who may rate and save; ``LinkNeededError`` where there is none."""
    return _get(request, Scope.PREFERENCES, Scope.FEEDBACK)


Owner = Annotated[Subscriber, Depends(get_owner)]
Rater = Annotated[Subscriber, Depends(get_rater)]
