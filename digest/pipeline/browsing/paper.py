"""Everything known of one paper: its texts, where and when it was listed, its votes, and papers like it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from digest.models import Paper
from digest.pipeline.browsing.calendar import Calendar
from digest.pipeline.browsing.curves import Chart, draw_chart
from digest.pipeline.browsing.stories import Story, make_story
from digest.storage import browsing as rows
from digest.storage import papers as paper_rows
from digest.storage.identity import IMPORTED
from digest.storage.search import find_by_id
from digest.text import clean_text
from digest.translation import gettext as _
from digest.types import Sighting

__all__ = ["Look", "PaperPage", "SourceListing", "load_paper", "resolve"]

SIMILAR = 8
MAX_REF = 300
MAX_ID = 9  # digits of our own numbers


@dataclass(frozen=True, slots=True)
class SourceListing:
    """What one source did with the paper: the days it listed it on, and why that was taken to be this one."""

    label: str
    days: tuple[date, ...]
    first_seen_at: datetime
    joined_by: str = ""
    confidence: float | None = None

    @property
    def certainty(self) -> str:
        """How sure that is, as ``98 %``; empty where it was not told."""
        return "" if self.confidence is None else f"{self.confidence:.0%}".replace("%", " %")


@dataclass(frozen=True, slots=True)
class Look:
    """What a source told of a paper at a time."""

    label: str
    at: datetime
    votes: int


@dataclass(frozen=True, slots=True)
class PaperPage:
    """One paper, whole. ``days`` are all it was listed on, in order; ``looks`` are what ``chart`` draws.

    One that is not ``is_public`` was brought along by a reader and listed by no source.
    """

    paper: Paper
    story: Story
    listings: tuple[SourceListing, ...]
    joined: tuple[rows.Joined, ...]
    versions: tuple[rows.Version, ...]
    days: tuple[date, ...]
    chart: Chart | None
    looks: tuple[Look, ...]
    similar: tuple[Story, ...]

    @property
    def is_public(self) -> bool:
        """Whether everybody may see it."""
        return self.paper.text_by != IMPORTED or bool(self.days)


def resolve(session: Session, ref: str) -> int | None:
    """The number of the paper that a reference means: ours, an arXiv id, a DOI, ``pmid:31452104``.

    One of ours that was joined to another paper gives that paper's.
    """
    ref = clean_text(ref, limit=MAX_REF)
    if ref.isascii() and ref.isdigit() and len(ref) > MAX_ID:
        return None
    found = find_by_id(session, ref)
    return found.id if found is not None else None


def load_paper(
    session: Session, paper_id: int, similar_ids: Sequence[int], calendar: Calendar, now: datetime
) -> PaperPage | None:
    """The paper's page; ``None`` where there is no such paper."""
    paper = paper_rows.get_paper(session, paper_id)
    if paper is None:
        return None
    listings = rows.list_listings(session, paper_id)
    views = paper_rows.get_views(session, [paper_id, *similar_ids[:SIMILAR]], until=now)
    days = tuple(sorted({one.day for one in listings}))
    histories = _histories(paper_rows.list_sightings(session, [paper_id], until=now), calendar)
    return PaperPage(
        paper=paper,
        story=make_story(views[paper_id], first_day=days[0] if days else None),
        listings=_by_source(listings, calendar.labels_by_number),
        joined=tuple(rows.list_joined(session, paper_id)),
        versions=tuple(rows.list_versions(session, paper_id)),
        days=days,
        chart=draw_chart(histories),
        looks=tuple(Look(label, at, votes) for label, looks in histories.items() for at, votes in looks),
        similar=tuple(make_story(views[one]) for one in similar_ids[:SIMILAR] if one in views),
    )


def _by_source(listings: Sequence[rows.Listing], labels: Mapping[int, str]) -> tuple[SourceListing, ...]:
    by_source: dict[int, list[rows.Listing]] = defaultdict(list)
    for one in listings:
        by_source[one.source_id].append(one)
    found = []
    for source, here in by_source.items():
        reason = next((one for one in here if one.joined_by), None)
        found.append(
            SourceListing(
                label=labels.get(source, _("A source that is gone")),
                days=tuple(one.day for one in here),
                first_seen_at=min(one.first_seen_at for one in here),
                joined_by=reason.joined_by if reason else "",
                confidence=reason.confidence if reason else None,
            )
        )
    return tuple(found)


def _histories(sightings: Sequence[Sighting], calendar: Calendar) -> dict[str, list[tuple[datetime, int]]]:
    """What each source (by its label) told of votes, in order."""
    found: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for one in sightings:
        if one.votes is not None:
            found[calendar.labels.get(one.source, one.source)].append((one.observed_at, one.votes))
    return found
