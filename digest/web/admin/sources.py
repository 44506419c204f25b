"""Sources for the operator: how each is doing, the pages kept of it, and reading those again."""

from collections.abc import Sequence
from datetime import date, timedelta

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.errors import UsageError
from digest.pipeline.overview_sources import SourceLine, list_source_lines, load_page, show_source
from digest.runs import RefreshOutcome, run_replay
from digest.web.admin.fields import read_day
from digest.web.admin.routing import as_number, make_router, show_page
from digest.web.charts import LineChart, Strip, line_chart, strip
from digest.web.forms import Form, text_of
from digest.web.site import Site, SiteDep

__all__ = ["router"]

router = make_router()

# Days that are read again where none is chosen: a request is no place for a year.
REPLAYED = 30
# How a verdict looks in a strip of days.
LOOKS = {
    "fresh": "good",
    "unchanged": "calm",
    "empty": "calm",
    "partial": "doubtful",
    "stale": "doubtful",
    "blocked": "bad",
    "broken": "bad",
    "unreachable": "bad",
}
# What a site sent is shown to nobody as what it may claim to be.
AS_TEXT = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/admin/sources")
def list_sources(request: Request, site: SiteDep) -> Response:
    """All sources with their last weeks."""
    lines = list_source_lines(site.app.database, site.app.sources(), site.now())
    return show_page(request, "sources.html", sources=[(line, *_charts(line)) for line in lines])


@router.get("/admin/sources/{name}")
def show_one(request: Request, site: SiteDep, name: str) -> Response:
    """One source with its checks and pages."""
    return _page(request, site, name, None)


@router.post("/admin/sources/{name}/replay")
def replay(request: Request, site: SiteDep, name: str, form: Form) -> Response:
    """Read kept pages again: those of the last 30 days that were not believed, or all of one day."""
    chosen = read_day(text_of(form, "day"))
    everything = text_of(form, "everything") == "yes"
    if everything and chosen is None:
        raise UsageError("pages that were believed are read again for one day at a time; choose the day")
    today = site.moment().today_in("UTC")
    days = [chosen] if chosen else [today - timedelta(days=back) for back in range(REPLAYED)]
    outcome = run_replay(site.app, site.moment(), name, days=days, everything=everything)
    return _page(request, site, name, outcome)


@router.get("/admin/sources/{name}/pages/{number}")
def get_page(site: SiteDep, name: str, number: str) -> Response:
    """The bytes of a kept page, as a file of plain text whatever they are."""
    found = load_page(site.app.database, site.app.pages, name, as_number(number))
    if found is None:
        raise HTTPException(404, "That page is not kept any more.")
    row, body = found
    given = AS_TEXT | {"Content-Disposition": f'attachment; filename="page-{row.id}.txt"'}
    return Response(body, media_type="text/plain; charset=utf-8", headers=given)


def _page(request: Request, site: Site, name: str, outcome: RefreshOutcome | None) -> Response:
    try:
        detail = show_source(site.app.database, site.app.sources(), name, site.now())
    except UsageError as error:
        raise HTTPException(404, "There is no such source.") from error
    marks, papers = _charts(detail.line)
    return show_page(
        request,
        "source.html",
        detail=detail,
        line=detail.line,
        marks=marks,
        papers=papers,
        replayed=None if outcome is None else _told(outcome),
        latest=site.moment().today_in("UTC"),
    )


def _charts(line: SourceLine) -> tuple[Strip, LineChart]:
    marks = [(LOOKS.get(one.verdict or "", "none"), _said(one.day, one.verdict)) for one in line.days]
    return strip(marks), line_chart([one.papers for one in line.days])


def _said(day: date, verdict: str | None) -> str:
    return f"{day.isoformat()}: {verdict or 'not read'}"


def _told(outcome: RefreshOutcome) -> Sequence[str]:
    return outcome.lines() or ["No kept page of these days is in doubt, so nothing was read again."]
