"""Saved papers: the list, notes, and the files that other programs read."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.cards import make_card
from digest.pipeline import saved
from digest.pipeline.saved import Removed
from digest.translation import gettext as _
from digest.web.forms import Form, text_of
from digest.web.pages import go_to, show, with_etag
from digest.web.session import Rater
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

MEDIA_TYPES = {
    "bib": "application/x-bibtex; charset=utf-8",
    "ris": "application/x-research-info-systems; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
}
MAX_QUERY = 200


@router.get("/saved")
def get_saved(request: Request, site: SiteDep, reader: Rater, q: str = "", page: str = "1") -> Response:
    """One page of the list."""
    return _show(request, site, reader, q, page)


def _show(
    request: Request, site: SiteDep, reader: Rater, q: str, page: str, removed: Removed | None = None
) -> Response:
    q = q[:MAX_QUERY].strip()
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1
    listed = saved.list_saved(
        site.app.database, _id(reader), reader.token_version, site.now(), query=q, page=number
    )
    cards = [make_card(one.view) for one in listed.papers]
    return show(
        request,
        "web/saved.html",
        listed=listed,
        cards=cards,
        q=q,
        here=_address(q, listed.page),
        page_address=lambda wanted: _address(q, wanted),
        removed=removed,
        max_note=saved.MAX_NOTE,
    )


def _address(q: str, page: int) -> str:
    asked = {name: value for name, value in (("q", q), ("page", page if page > 1 else "")) if value}
    return f"/saved?{urlencode(asked)}" if asked else "/saved"


@router.post("/saved/{paper_id:int}/note")
def write_note(request: Request, site: SiteDep, reader: Rater, paper_id: int, form: Form) -> Response:
    """Write a note beside a saved paper."""
    saved.write_note(site.app.database, _id(reader), paper_id, text_of(form, "note"))
    return go_to(request, f"{text_of(form, 'back') or '/saved'}#paper-{paper_id}")


@router.post("/saved/{paper_id:int}/remove")
def remove(request: Request, site: SiteDep, reader: Rater, paper_id: int, form: Form) -> Response:
    """Take a paper off the list, and offer to put it back."""
    removed = saved.remove(site.app.database, _id(reader), paper_id, site.now())
    return _show(request, site, reader, text_of(form, "q"), text_of(form, "page"), removed)


@router.post("/saved/{paper_id:int}/restore")
def restore(request: Request, site: SiteDep, reader: Rater, paper_id: int, form: Form) -> Response:
    """Put a paper back with its note."""
    saved.put_back(
        site.app.database,
        _id(reader),
        paper_id,
        note=text_of(form, "note"),
        saved_at=text_of(form, "saved_at"),
        now=site.now(),
    )
    return go_to(request, f"{text_of(form, 'back') or '/saved'}#paper-{paper_id}")


@router.get("/saved.{ending}")
def export_saved(site: SiteDep, reader: Rater, ending: str) -> Response:
    """The whole list as a file."""
    if ending not in MEDIA_TYPES:
        raise HTTPException(
            404, _("There is no such file; there are saved.bib, saved.ris, saved.json, saved.csv.")
        )
    text = saved.write_saved(site.app.database, _id(reader), ending)
    headers = {"Content-Disposition": f'attachment; filename="saved-papers.{ending}"'}
    return Response(text, headers=headers, media_type=MEDIA_TYPES[ending])


@router.get("/papers/{paper_id:int}.bib")
def export_bibtex(request: Request, site: SiteDep, paper_id: int) -> Response:
    """One paper as BibTeX."""
    return _export_paper(request, site, paper_id, "bib")


@router.get("/papers/{paper_id:int}.ris")
def export_ris(request: Request, site: SiteDep, paper_id: int) -> Response:
    """One paper as RIS."""
    return _export_paper(request, site, paper_id, "ris")


def _export_paper(request: Request, site: SiteDep, paper_id: int, ending: str) -> Response:
    text = saved.write_paper(site.app.database, paper_id, ending)
    if text is None:
        raise HTTPException(404, _("There is no such paper here."))
    answer = with_etag(request, text.encode(), MEDIA_TYPES[ending], max_age_s=300)
    answer.headers["Content-Disposition"] = f'attachment; filename="paper-{paper_id}.{ending}"'
    return answer


def _id(reader: Rater) -> int:
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    return reader.id
