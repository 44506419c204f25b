"""What everybody may ask: papers, searches, what trends, the sources."""

from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Query

from digest.pipeline import programs
from digest.pipeline.browsing import SearchQuery, Sort, Span, TrendQuery
from digest.pipeline.programs import PaperFilter
from digest.web.api.answers import (
    PaperPage,
    PaperWithHistory,
    Problem,
    Responses,
    SourceAnswer,
    SourceList,
    TrendingPage,
)
from digest.web.api.parameters import NO_NUL, Category, Cursor, Day, Limit, PaperId, Place, SourceName
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["papers"], generate_unique_id_function=attrgetter("name"))

NOT_THERE: Responses = {404: {"model": Problem, "description": "What was named is not there."}}
Since = Annotated[Day | None, Query(description="From this day on (UTC).", examples=["2026-01-12"])]
Until = Annotated[Day | None, Query(description="Up to this day, which is in (UTC).")]
Words = Annotated[
    str,
    Query(
        min_length=1,
        max_length=500,
        pattern=NO_NUL,
        description="Words, `author:name`, or an exact id (`2601.00001`, `10.1000/xyz`, `pmid:31452104`).",
        examples=["dense retrieval"],
    ),
]


@router.get("/papers", summary="Papers, the last seen first", responses=NOT_THERE)
def list_papers(
    site: SiteDep,
    since: Since = None,
    until: Until = None,
    source: SourceName = None,
    category: Category = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PaperPage:
    """Every stored paper, by when it was first seen here."""
    wanted = PaperFilter(since, until, source, category)
    page = programs.list_papers(site.app.database, wanted, cursor=cursor, limit=limit, now=site.now())
    return PaperPage.of(page)


@router.get("/papers/{paper}", summary="One paper", responses=NOT_THERE)
def get_paper(site: SiteDep, paper: PaperId) -> PaperWithHistory:
    """A paper with its votes over time and where it was listed. A joined id gives the paper it is now."""
    return PaperWithHistory.of_whole(programs.find_paper(site.app.database, paper, site.now()))


@router.get("/papers/{paper}/similar", summary="Papers like one", responses=NOT_THERE)
def list_similar(site: SiteDep, paper: PaperId, limit: Limit = 20, cursor: Place = None) -> PaperPage:
    """The stored papers that share its rarest words, the most similar first; at most 100."""
    page = programs.list_similar(
        site.app.database, site.browser, paper, place=cursor, limit=limit, now=site.now()
    )
    return PaperPage.of(page)


@router.get("/search", summary="Search", responses=NOT_THERE)
def search(
    site: SiteDep,
    q: Words,
    since: Since = None,
    until: Until = None,
    source: SourceName = None,
    category: Category = None,
    has_code: Annotated[bool, Query(description="Only papers whose code is known.")] = False,
    limit: Limit = 20,
    cursor: Place = None,
) -> PaperPage:
    """Everything stored, the best first; at most 500. Days are those of publication, else first seen."""
    query = SearchQuery(q, source, category, since, until, has_code)
    page = programs.search(site.app.database, site.browser, query, place=cursor, limit=limit, now=site.now())
    return PaperPage.of(page)


@router.get("/trending", summary="What trends", responses=NOT_THERE)
def list_trending(
    site: SiteDep,
    date: Annotated[
        Day | None,
        Query(description="A day of the period; left out: the newest with papers.", examples=["2026-01-16"]),
    ] = None,
    period: Annotated[Span, Query(description="A day, a week from Monday, or a month.")] = Span.DAY,
    sort: Annotated[
        Sort, Query(description="By votes, by votes a day lately, or the last seen first.")
    ] = Sort.VOTES,
    category: Category = None,
    source: SourceName = None,
    limit: Limit = 50,
    cursor: Place = None,
) -> TrendingPage:
    """What was listed in a period, with votes as they stood soon after it."""
    query = TrendQuery(date, period, sort, source, category)
    shown, page = programs.list_trending(
        site.app.database, site.browser, query, place=cursor, limit=limit, now=site.now()
    )
    papers = PaperPage.of(page)
    return TrendingPage(papers=papers.papers, next=papers.next, first=shown.first, last=shown.last)


@router.get("/sources", summary="The sources and how they do")
def list_sources(site: SiteDep) -> SourceList:
    """The sites that are read, and whether the last look at each brought what can be believed."""
    return SourceList(sources=[SourceAnswer.of(one) for one in programs.list_sources(site.app.database)])
