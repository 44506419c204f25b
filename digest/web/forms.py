"""Forms: what was sent, and the proof that it was sent from one of our pages."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from digest.tokens import make_token, read_token
from digest.translation import gettext as _
from digest.web.guard import SAFE, UNPROVEN
from digest.web.session import read_session
from digest.web.site import get_site

__all__ = ["Form", "files_of", "form_age_s", "form_token", "prove_form", "read_form", "text_of", "texts_of"]

PURPOSE = "form"
FIELD = "form_token"
MAX_FIELDS = 2000
MAX_FILES = 8
MAX_FIELD = 512 * 1024
# A page may lie open for a while before its form is sent.
MAX_AGE_S = 24 * 3600


def form_token(request: Request, *, step_s: int = 1) -> str:
    """A token for a form on this page: when the page was made, and for whose session.

    ``step_s`` makes it coarser, so that a page that is the same for everybody stays the same for a while.
    """
    site, session = get_site(request), read_session(request)
    made_at = int(site.now().timestamp()) // step_s * step_s
    whose = session.subscriber_id if session else 0
    version = session.version if session else 0
    return make_token(site.secret, PURPOSE, f"{made_at}.{whose}", version)


def form_age_s(request: Request, form: FormData) -> float | None:
    """How many seconds ago the page of this form was made; ``None`` for a form that is not ours."""
    site, session = get_site(request), read_session(request)
    claim = read_token(site.secret, PURPOSE, text_of(form, FIELD))
    if claim is None:
        return None
    made_at, _, whose = claim[0].partition(".")
    expected = (str(session.subscriber_id), session.version) if session else ("0", 0)
    age_s = site.now().timestamp() - int(made_at)
    return age_s if (whose, claim[1]) == expected and 0 <= age_s <= MAX_AGE_S else None


async def read_form(request: Request) -> FormData:
    """The fields that were sent; empty for a request without."""
    try:
        return await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD)
    except UnicodeError as error:  # the sender names the encoding, and some refuse in their own way
        raise HTTPException(400, _("This form is in no encoding that can be read.")) from error


async def open_form(request: Request) -> AsyncIterator[FormData]:
    """The fields that were sent; their files are closed once the request is answered."""
    form = await read_form(request)
    try:
        yield form
    finally:
        await form.close()


Form = Annotated[FormData, Depends(open_form)]


async def prove_form(request: Request) -> None:
    """Refuse an unsafe request of which neither the browser nor the form's token says that it is from here.

    The JSON interface takes no cookies, so there is nothing to prove.
    """
    if request.method in SAFE or not request.scope.get(UNPROVEN):
        return
    if request.scope["path"].removeprefix(get_site(request).prefix).startswith("/api/"):
        return
    if form_age_s(request, await read_form(request)) is None:
        raise HTTPException(403, _("This form is too old or not ours. Open the page again and repeat it."))


def text_of(form: FormData, name: str) -> str:
    """A field's text, without blanks around it; empty where it is missing or a file."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def texts_of(form: FormData, name: str) -> list[str]:
    """All texts of a field that may stand several times."""
    return [value.strip() for value in form.getlist(name) if isinstance(value, str)]


def files_of(form: FormData, name: str) -> list[UploadFile]:
    """The files of a field that were chosen."""
    return [value for value in form.getlist(name) if isinstance(value, UploadFile) and value.filename]
