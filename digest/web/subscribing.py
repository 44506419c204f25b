"""Subscribing: one form, which shows what would come before anything is asked of anybody."""

from dataclasses import dataclass, field, replace

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from digest.errors import TooManyError, UsageError
from digest.pipeline import signing_up
from digest.pipeline.feeding import feed_addresses
from digest.pipeline.liked import LIKED, MAX_PAPERS, Liked, read_lines, read_upload, together, with_liked
from digest.pipeline.own_words import read_own_words
from digest.pipeline.readers import check_email
from digest.pipeline.wishes import ExamplePaper, InterestWish, Wishes
from digest.schedule import reader_zones
from digest.tokens import make_token
from digest.translation import ENGLISH, LANGUAGES, gettext_noop, in_language, language
from digest.translation import gettext as _
from digest.web.carried import pack, unpack
from digest.web.forms import FIELD, Form, files_of, form_age_s, form_token, text_of, texts_of
from digest.web.interests_form import NOTHING, Problems, sentence, sentences
from digest.web.limiting import client_network
from digest.web.pages import show
from digest.web.previews import show_issue
from digest.web.session import Scope, start_session
from digest.web.site import Site, SiteDep
from digest.web.speaking import remember_language
from digest.web.wishes_form import ScheduleFields, read_schedule, write_schedule

__all__ = ["read_file", "router"]

router = APIRouter(include_in_schema=False)

# Seconds that a person takes at the least.
MIN_AGE_S = 2
# A stranger's library may be so large; a reader's may be larger.
MOST_PAPERS = 500
TRAP = "comment"
TOO_MANY_PREVIEWS = gettext_noop(
    "From your network too many digests were shown at once. Please try again in a minute."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a visitor typed, and what it means: ``wishes``, or ``None`` and ``problems`` by field.

    ``carried`` holds papers of a file that was sent before; ``since`` is the token of the first page.
    """

    schedule: ScheduleFields
    email: str = ""
    interests: str = ""
    papers: str = ""
    carried: tuple[str, ...] = ()
    n_carried: int = 0
    since: str = ""
    language: str = ENGLISH
    wishes: Wishes | None = None
    liked: Liked = NOTHING
    problems: Problems = field(default_factory=dict)


@router.get("/subscribe")
def show_form(request: Request, site: SiteDep) -> Response:
    """The empty form."""
    return _show_form(request, site, _empty(site), is_first=True)


@router.post("/subscribe")
def subscribe(request: Request, site: SiteDep, form: Form) -> Response:
    """Show the form with the address, or what would come; or ask by mail; or subscribe by feed."""
    action = text_of(form, "action")
    if not _by_feed(site):
        return _show_form(request, site, _empty(site), status=403)
    if action == "start":
        started = replace(_empty(site), email=text_of(form, "email"), since=text_of(form, FIELD))
        return _show_form(request, site, started, is_first=True)
    if action == "preview" and not site.preview_limit.take(client_network(request)):
        raise TooManyError(_(TOO_MANY_PREVIEWS), retry_after_s=60)
    asked = _read(site, form)
    if action in ("subscribe", "feed"):
        ages = _ages_s(request, form)
        # Whoever fills in the form so fast, or what nobody sees, is no person.
        is_quick = bool(ages) and max(ages) < MIN_AGE_S and site.app.fixed_now is None
        if text_of(form, TRAP) or is_quick:
            return _show_asked(request, asked)
        if not ages:  # who never opened the page has no time to tell; who did long ago is asked once more
            asked.problems["problems"] = _("This page lay open for very long. Press the button once more.")
        if action == "subscribe":
            _check_email(asked)
        if asked.wishes is not None and not asked.problems:
            return _ask(request, site, asked) if action == "subscribe" else _start_feed(request, site, asked)
    return _show_form(request, site, asked, status=400 if asked.problems else 200)


# --- what is asked ---------------------------------------------------------------------------------


def _usual(site: Site) -> Wishes:
    """What stands in the empty form: the language is the page's, said where it is not the installation's."""
    spoken = language() if language() != site.settings.language else None
    return Wishes(hour=site.settings.hour, zone=site.settings.zone, language=spoken)


def _empty(site: Site) -> Asked:
    return Asked(write_schedule(_usual(site)), language=language())


def _by_feed(site: Site) -> bool:
    return site.settings.sign_ups == "open"


def _read(site: Site, form: FormData) -> Asked:
    problems: Problems = {}
    schedule, wishes = read_schedule(form, _usual(site), problems)
    wishes = replace(wishes, language=_read_language(site, form))
    brought = () if "forget" in form else unpack(texts_of(form, "carried"))[:MOST_PAPERS]
    database = site.app.database
    typed, upload = read_lines(database, text_of(form, "papers")), read_file(site, form, most=MOST_PAPERS)
    brought = together(brought, upload.papers)[:MOST_PAPERS]
    liked = Liked(together(typed.papers, brought), (*typed.problems, *upload.problems))
    if typed.problems:
        problems["papers"] = sentences(typed.problems)
    if upload.problems and not upload.papers:
        problems["library"] = sentences(upload.problems)
    interests = _read_interests(text_of(form, "interests"), liked.papers, problems)
    return Asked(
        schedule=schedule,
        email=text_of(form, "email"),
        interests=text_of(form, "interests"),
        papers=text_of(form, "papers"),
        carried=pack(brought),
        n_carried=len(brought),
        since=text_of(form, "since") or text_of(form, FIELD),
        wishes=_checked(wishes, interests, problems),
        liked=liked,
        problems=problems,
        language=in_language(wishes.language, site.settings.language),
    )


def _read_language(site: Site, form: FormData) -> str | None:
    """The language that was chosen, else the page's; nothing where page and installation speak it anyway."""
    chosen = in_language(text_of(form, "language"), language())
    return None if chosen == language() == site.settings.language else chosen


def _read_interests(
    text: str, papers: tuple[ExamplePaper, ...], problems: Problems
) -> tuple[InterestWish, ...]:
    try:
        return with_liked(read_own_words(text), papers)
    except UsageError as error:
        problems["interests"] = sentence(error)
        return ()


def _checked(wishes: Wishes, interests: tuple[InterestWish, ...], problems: Problems) -> Wishes | None:
    try:
        return replace(wishes, interests=interests).checked()
    except UsageError as error:
        problems.setdefault("interests", sentence(error))
        return None


def read_file(site: Site, form: FormData, *, most: int = MAX_PAPERS) -> Liked:
    """The papers of the library that was sent, ``most`` of them; none where there is no file."""
    chosen = files_of(form, "library")
    if not chosen:
        return NOTHING
    return read_upload(site.app.database, chosen[0].filename or "", chosen[0].file.read(), most=most)


def _check_email(asked: Asked) -> None:
    """Add to the problems what is wrong with the address."""
    try:
        check_email(asked.email)
    except UsageError as error:
        wrong = sentence(error) if asked.email else _("Give the address that the digest is to go to.")
        asked.problems["email"] = wrong


def _ages_s(request: Request, form: FormData) -> list[float]:
    """How many seconds ago this page, and the first one of this visit, was made; none of too old a form."""
    first = FormData([(FIELD, text_of(form, "since"))])
    return [age for age in (form_age_s(request, form), form_age_s(request, first)) if age is not None]


# --- what is answered ------------------------------------------------------------------------------


def _show_form(
    request: Request, site: Site, asked: Asked, *, is_first: bool = False, status: int = 200
) -> Response:
    """The form; above it what would come, if that was asked for."""
    preview = None
    if asked.wishes is not None and not asked.problems:
        preview = show_issue(site.previewer.preview(asked.wishes, site.moment()))
    return show(
        request,
        "web/subscribe.html",
        status=status,
        asked=asked,
        is_first=is_first,
        since=asked.since or form_token(request),
        trap=TRAP,
        liked=LIKED,
        most_papers=MOST_PAPERS,
        languages=LANGUAGES,
        preview=preview,
        zones=reader_zones(),
        by_mail=site.sign_ups_open,
        by_feed=_by_feed(site),
    )


def _ask(request: Request, site: Site, asked: Asked) -> Response:
    assert asked.wishes is not None  # noqa: S101 - the caller has looked
    network = client_network(request)
    signing_up.ask(site.app, asked.email, asked.wishes, network=network, now=site.now())
    return _show_asked(request, asked)


def _show_asked(request: Request, asked: Asked) -> Response:
    """The one answer for every address, and for robots."""
    answer = show(request, "web/subscribed.html", asked=asked, feeds=None, keep=None)
    if asked.language != language():
        remember_language(request, answer, asked.language)
    return answer


def _start_feed(request: Request, site: Site, asked: Asked) -> Response:
    """The private feeds of a new reader without an address, who is let in at once."""
    assert asked.wishes is not None  # noqa: S101 - the caller has looked
    network = client_network(request)
    reader = signing_up.subscribe_by_feed(site.app, asked.wishes, network=network, now=site.now())
    token = make_token(site.secret, "preferences", str(reader.id), reader.token_version)
    answer = show(
        request,
        "web/subscribed.html",
        asked=asked,
        feeds=feed_addresses(reader.feed_token, site.absolute("", request)),
        keep=site.absolute(f"/p/{token}", request),
    )
    start_session(request, answer, reader, Scope.PREFERENCES)
    return answer
