"""Taking along, bringing, and deleting: everything about a reader as files, and what becomes of them."""

import base64
import binascii
import json
import re
import zlib
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from digest.errors import UsageError
from digest.models import Subscriber
from digest.pipeline import departing
from digest.pipeline.feeding import TRENDING, feed_addresses
from digest.pipeline.liked import LIKED, read_upload
from digest.pipeline.liked_import import import_library, plan_library
from digest.pipeline.profile_document import FORMAT, load_json, read_profile
from digest.pipeline.transfer import apply_import, export_profile, plan_import
from digest.pipeline.wishes import MAX_WORD
from digest.templating import render_template
from digest.translation import gettext as _
from digest.web.forms import Form, files_of, text_of, texts_of
from digest.web.pages import go_to, show
from digest.web.session import Owner, end_session
from digest.web.site import Site, SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

# A file travels once more with the form that says yes: packed, as text, and below the limit of a body.
MAX_FILE = 5 * 1024 * 1024
PIECE = 200_000
SURE = "delete everything"

# How far is looked for what a file is.
HEAD = 2000

_OPML = re.compile(rb"<opml\b", re.IGNORECASE)
# White space and the mark of UTF-8.
BLANK = b" \t\r\n\xef\xbb\xbf"


class Brought(NamedTuple):
    """A file that was chosen, or that travels with the form."""

    name: str
    data: bytes

    @property
    def kind(self) -> str:
        """What it is by its content: ``profile``, ``opml``, or ``library``."""
        if self.data[:HEAD].lstrip(BLANK).startswith(b"<") and _OPML.search(self.data[:HEAD]):
            return "opml"
        is_object = self.data[:HEAD].lstrip(BLANK).startswith(b"{")
        return "profile" if is_object and FORMAT.encode() in self.data else "library"


# --- out -------------------------------------------------------------------------------------------


@router.get("/transfer")
def get_transfer(request: Request, owner: Owner) -> Response:
    """What can be taken along, and what can be brought."""
    return _show(request, owner)


@router.get("/import")
def get_import(request: Request, owner: Owner) -> Response:  # noqa: ARG001 - it is for them alone
    """Where a file can be brought."""
    return go_to(request, "/transfer#bring")


def _show(request: Request, owner: Subscriber, *, status: int = 200, **values: Any) -> Response:
    given = {
        "problem": "",
        "plan": None,
        "kind": "",
        "pieces": (),
        "file_name": "",
        "interest": "",
        "done": False,
    }
    return show(
        request,
        "web/transfer.html",
        status=status,
        owner=owner,
        max_mb=MAX_FILE // 2**20,
        max_name=MAX_WORD,
        liked=LIKED,
        **(given | values),
    )


@router.get("/export.json")
def export_json(site: SiteDep, owner: Owner) -> Response:
    """Everything about the reader in one document."""
    with site.app.database.read() as session:
        document = export_profile(session, owner)
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return _file(text, "application/json", "paper-digest-profile.json")


@router.get("/export.opml")
def export_opml(request: Request, site: SiteDep, owner: Owner) -> Response:
    """The reader's feeds for a feed reader."""
    base = site.absolute("", request)
    text = render_template(
        "web/feeds.opml",
        site.look,
        title=site.name,
        home=f"{base}/",
        own=feed_addresses(owner.feed_token, base),
        trending=feed_addresses(TRENDING, base),
    )
    return _file(text, "text/x-opml; charset=utf-8", "paper-digest-feeds.opml")


def _file(text: str, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.encode("utf-8", "replace"), headers=headers, media_type=media_type)


# --- in --------------------------------------------------------------------------------------------


@router.post("/import")
def bring(request: Request, site: SiteDep, owner: Owner, form: Form) -> Response:
    """Say what a file would change; with ``action=do`` change it."""
    interest, is_sure = text_of(form, "interest")[:MAX_WORD], text_of(form, "action") == "do"
    try:
        brought = _read_brought(form)
        if brought.kind == "opml":
            return _show(request, owner, kind="opml")
        plan = _weigh(site, owner, brought, interest, is_sure=is_sure)
    except UsageError as error:
        problem = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return _show(request, owner, status=400, problem=problem, interest=interest)
    pieces = () if is_sure or plan.is_empty else _pack(brought.data)
    return _show(
        request,
        owner,
        plan=plan,
        kind=brought.kind,
        pieces=pieces,
        file_name=brought.name,
        interest=interest,
        done=is_sure,
    )


def _weigh(site: Site, owner: Subscriber, brought: Brought, interest: str, *, is_sure: bool) -> Any:
    """The plan of an import; ``is_sure``: carried out. Raises ``UsageError`` for what cannot be read."""
    database, now = site.app.database, site.now()
    if brought.kind == "profile":
        document = read_profile(load_json(brought.data))
        if is_sure:
            with database.write() as session:
                return apply_import(session, owner, document, now)
        with database.read() as session:
            return plan_import(session, owner, document, now)
    liked = read_upload(database, brought.name, brought.data)
    if not liked.papers:
        raise UsageError(_("no papers were found in this file: %(why)s", why="; ".join(liked.problems[:3])))
    if is_sure:
        return import_library(database, owner, interest, liked, now)
    with database.read() as session:
        return plan_library(session, owner, interest, liked)


def _read_brought(form: FormData) -> Brought:
    chosen = files_of(form, "file")
    if chosen:
        data = chosen[0].file.read(MAX_FILE + 1)
        name = (chosen[0].filename or "")[-100:]
    else:
        data, name = _unpack(texts_of(form, "carried")), text_of(form, "name")[-100:]
    if len(data) > MAX_FILE:
        raise UsageError(_("this file is larger than %(size)s MB; split it", size=MAX_FILE // 2**20))
    if not data.strip():
        raise UsageError(_("choose a file first; this one is empty or was none"))
    return Brought(name, data)


def _pack(data: bytes) -> tuple[str, ...]:
    """The values of hidden fields that hold a file."""
    text = base64.b64encode(zlib.compress(data, 6)).decode()
    return tuple(text[start : start + PIECE] for start in range(0, len(text), PIECE))


def _unpack(fields: list[str]) -> bytes:
    """The file that such fields hold; empty where they were tampered with."""
    try:
        opened = zlib.decompressobj()
        data = opened.decompress(base64.b64decode("".join(fields), validate=True), MAX_FILE + 1)
    except (binascii.Error, zlib.error, ValueError):
        return b""
    return data if opened.eof or len(data) > MAX_FILE else b""


# --- away ------------------------------------------------------------------------------------------


@router.get("/delete")
def get_delete(request: Request, site: SiteDep, owner: Owner) -> Response:
    """What deleting deletes, and the button."""
    return _show_delete(request, site, owner)


def _show_delete(request: Request, site: Site, owner: Subscriber, *, problem: str = "") -> Response:
    stays = departing.stays_suppressed(site.app.database, owner)
    status = 400 if problem else 200
    return show(
        request, "web/delete.html", status=status, owner=owner, stays=stays, sure=SURE, problem=problem
    )


@router.post("/delete")
def delete(request: Request, site: SiteDep, owner: Owner, form: Form) -> Response:
    """Delete everything about the reader, and forget who this browser is."""
    if text_of(form, "sure") != SURE:
        return _show_delete(request, site, owner, problem=_("Tick the box first, so that no slip does this."))
    stays = departing.stays_suppressed(site.app.database, owner)
    departing.forget(site.app.database, owner, site.app.feeds_dir)
    answer = go_to(request, "/deleted?stays=1" if stays else "/deleted")
    end_session(request, answer)
    return answer


@router.get("/deleted")
def get_deleted(request: Request, stays: str = "") -> Response:
    """What was done. Knows nobody."""
    return show(request, "web/deleted.html", stays=stays == "1")
