"""Preferences: what readers change about what they get, with its effect shown before it is saved."""

from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from digest.errors import UsageError
from digest.models import Subscriber
from digest.pipeline import steering
from digest.pipeline.feeding import feed_addresses
from digest.pipeline.liked import LIKED, MAX_PAPERS, Liked, read_lines
from digest.pipeline.wishes import HIDEABLE, MAX_INTERESTS, Wishes
from digest.schedule import local_date, reader_zones
from digest.tokens import make_token
from digest.translation import LANGUAGES, gettext_noop
from digest.translation import gettext as _
from digest.types import SubscriberStatus
from digest.web.forms import Form, text_of
from digest.web.interests_form import sentence, sentences
from digest.web.pages import go_to, show
from digest.web.previews import show_comparison
from digest.web.session import LinkNeededError, Owner, Scope, claimed_subscriber, start_session
from digest.web.site import Site, SiteDep
from digest.web.speaking import remember_language
from digest.web.subscribing import read_file
from digest.web.wishes_form import Editor, read_editor, write_editor

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

WHY_DAYS = 7
# What a page says was saved, by the parts of wishes.
SAVED = {
    "interests": gettext_noop("your interests"),
    "schedule": gettext_noop("when it comes"),
    "size": gettext_noop("how much of what comes"),
    "sections": gettext_noop("the sections"),
    "channels": gettext_noop("the ways it comes"),
    "language": gettext_noop("the language"),
}
# What else a page says was done, by the word in its address.
DONE = {
    "nothing": gettext_noop("Nothing was different, so nothing was changed."),
    "paused": gettext_noop("Paused. Nothing comes until then."),
    "resumed": gettext_noop("Welcome back. The next digest comes as usual."),
    "revoked": gettext_noop(
        "Every older link, session and token of yours is out of use, but that one can still leave by old "
        "mails. This browser stays."
    ),
}


@router.get("/p/{token}")
def open_link(request: Request, site: SiteDep, token: str) -> RedirectResponse:
    """Let in who has a link of a mail, and take its secret out of the address. Stores nothing."""
    subscriber = claimed_subscriber(site, "preferences", token)
    if subscriber is None:
        raise LinkNeededError(_("That link is not complete or out of date: use one in your latest digest."))
    answer = go_to(request, "/preferences")
    start_session(request, answer, subscriber, Scope.PREFERENCES)
    return answer


@router.get("/preferences")
def show_preferences(
    request: Request, site: SiteDep, owner: Owner, saved: str = "", done: str = ""
) -> Response:
    """Everything a reader chose, to be changed."""
    wishes = steering.wishes_of(site.app.database, _number(owner))
    parts = [_(SAVED[part]) for part in saved.split(".")[: len(SAVED)] if part in SAVED]
    said = _("Saved: %(parts)s.", parts=", ".join(dict.fromkeys(parts))) if parts else ""
    said = said or (_(DONE[done]) if done in DONE else "")
    return _show(
        request,
        site,
        owner,
        write_editor(wishes, site.settings.trend_weight),
        said=said,
    )


@router.post("/preferences")
def change_preferences(request: Request, site: SiteDep, owner: Owner, form: Form) -> Response:
    """Show what a change would bring, or save it."""
    database = site.app.database
    stored = steering.wishes_of(database, _number(owner))
    upload = read_file(site, form)
    editor = read_editor(
        form, stored, site.settings.trend_weight, lambda text: read_lines(database, text), upload
    )
    if upload.problems and not upload.papers:
        editor.problems["library"] = sentences(upload.problems)
    if editor.problems or editor.wishes is None:
        return _show(request, site, owner, editor, status=400)
    # A file is never saved unseen.
    if text_of(form, "action") != "save" or upload.papers:
        return _show(request, site, owner, editor, preview=editor.wishes, upload=upload)
    changed = steering.save_wishes(
        database, _number(owner), editor.wishes, renamed=editor.renamed, now=site.now()
    )
    said = f"/preferences?saved={'.'.join(changed)}" if changed else "/preferences?done=nothing"
    answer = go_to(request, said)
    remember_language(request, answer, editor.wishes.language)
    return answer


@router.post("/preferences/standing")
def change_standing(request: Request, site: SiteDep, owner: Owner, form: Form) -> Response:
    """Pause, or go on."""
    if text_of(form, "action") == "resume":
        steering.resume(site.app.database, _number(owner), site.now())
        return go_to(request, "/preferences?done=resumed")
    try:
        until = date.fromisoformat(text_of(form, "until")) if text_of(form, "until") else None
        steering.pause(site.app.database, _number(owner), until=until, now=site.now())
    except (UsageError, ValueError) as error:
        wrong = sentence(error) if isinstance(error, UsageError) else _("That is no date; write 2026-12-31.")
        wishes = steering.wishes_of(site.app.database, _number(owner))
        editor = write_editor(wishes, site.settings.trend_weight)
        editor.problems["until"] = wrong
        return _show(request, site, owner, editor, status=400)
    return go_to(request, "/preferences?done=paused")


@router.post("/preferences/revoke")
def revoke(request: Request, site: SiteDep, owner: Owner) -> Response:
    """Take every link, session and token of the reader out of use, but for this browser."""
    reader = steering.revoke_links(site.app.database, _number(owner))
    answer = go_to(request, "/preferences?done=revoked")
    start_session(request, answer, reader, Scope.PREFERENCES)
    return answer


@router.post("/preferences/keys")
def show_keys(request: Request, site: SiteDep, owner: Owner) -> Response:
    """The secrets of a reader: the link to keep, and the token for programs. By POST, so never by chance."""

    def token(purpose: str) -> str:
        return make_token(site.secret, purpose, str(owner.id), owner.token_version)

    return show(
        request,
        "web/keys.html",
        keep=site.absolute(f"/p/{token('preferences')}", request),
        api_token=token("api"),
        api=site.absolute("/api", request),
    )


@router.get("/preferences/why")
def show_why(request: Request, site: SiteDep, owner: Owner) -> Response:
    """Why a digest came or did not, for the last days."""
    days = steering.why_days(site.app.composer(), owner, site.moment(), days=WHY_DAYS)
    return show(request, "web/why.html", days=days)


# --- the page --------------------------------------------------------------------------------------


def _number(owner: Subscriber) -> int:
    assert owner.id is not None  # noqa: S101 - stored rows have ids
    return owner.id


def _show(
    request: Request,
    site: Site,
    owner: Subscriber,
    editor: Editor,
    *,
    said: str = "",
    preview: Wishes | None = None,
    upload: Liked | None = None,
    status: int = 200,
) -> Response:
    """The editor; above it the effect of ``preview``, where one is asked for."""
    zone = steering.wishes_of(site.app.database, _number(owner)).zone
    shown = None
    if preview is not None:
        both = site.previewer.compare(preview, site.moment(), owner, editor.renamed)
        shown = show_comparison(both)
    (_, today), *_ = steering.why_days(site.app.composer(), owner, site.moment(), days=1)
    return show(
        request,
        "web/preferences.html",
        status=status,
        owner=owner,
        standing=_standing(owner, local_date(site.now(), zone)),
        editor=editor,
        said=said,
        preview=shown,
        upload=upload if upload is not None and (upload.papers or upload.problems) else None,
        why=today,
        zones=reader_zones(),
        languages=LANGUAGES,
        usual_language=LANGUAGES[site.settings.language],
        hideable=[section.value for section in HIDEABLE],
        usual_papers=site.settings.papers,
        most_interests=MAX_INTERESTS,
        liked=LIKED,
        most_papers=MAX_PAPERS,
        feeds=feed_addresses(owner.feed_token, site.absolute("", request)),
    )


def _standing(owner: Subscriber, today: date) -> str:
    """``paused``, ``left``, ``bounced``, ``unconfirmed``, or ``active``; a pause that is over is none."""
    if owner.status == SubscriberStatus.PAUSED:
        is_over = owner.paused_until is not None and owner.paused_until <= today
        return "active" if is_over else "paused"
    return "left" if owner.status == SubscriberStatus.UNSUBSCRIBED else owner.status
