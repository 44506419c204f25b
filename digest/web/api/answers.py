"""What the interface gives: its answers, as its schema says them. Times are UTC (RFC 3339)."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from digest.models import Source
from digest.pipeline.programs import Page, ToldPaper, WholePaper
from digest.pipeline.programs_own import Own, SavedPaper
from digest.storage.catalogue import Said
from digest.types import (
    FeedbackKind,
    FeedLinks,
    IssueItem,
    IssueView,
    PaperView,
    Section,
    SubscriberStatus,
    Verdict,
)
from digest.web.api.wishes import WishesShape

__all__ = [
    "Fault",
    "Faults",
    "FeedbackAnswer",
    "FeedbackPage",
    "IssueAnswer",
    "IssuePage",
    "Me",
    "PaperAnswer",
    "PaperPage",
    "PaperWithHistory",
    "Problem",
    "Responses",
    "SavedPage",
    "SourceAnswer",
    "SourceList",
    "TrendingPage",
]

Next = Annotated[
    str | None, Field(description="Ask with this as `cursor` for what follows; null at the end.")
]


# What else an operation may answer, by status, as FastAPI wants it.
Responses = dict[int | str, dict[str, Any]]


class Shape(BaseModel):
    """What all answers share: made of values, never changed."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


# --- errors ----------------------------------------------------------------------------------------


class Problem(Shape):
    """Why something was not done."""

    model_config = ConfigDict(
        title="Problem", json_schema_extra={"examples": [{"detail": "There is no such paper."}]}
    )
    detail: str = Field(description="One sentence.")


class Fault(Shape):
    """One thing that is not as it should be."""

    where: list[str | int] = Field(description="The way to it, such as `query`, `limit`.")
    what: str = Field(description="What is wrong with it.")


class Faults(Shape):
    """What of a request could not be read or cannot be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "detail": [
                        {"where": ["query", "limit"], "what": "Input should be less than or equal to 100"}
                    ]
                }
            ]
        }
    )
    detail: list[Fault]


# --- papers ----------------------------------------------------------------------------------------


class PaperAnswer(Shape):
    """A paper. Texts are plain, without markup; counts are null where no source tells them."""

    id: int = Field(description="Its number here; it never changes.", examples=[1])
    title: str = Field(examples=["Late interaction at scale"])
    abstract: str
    authors: list[str]
    organisation: str | None
    summary: str | None = Field(description="Where somebody but the authors summed it up.")
    summary_by: str | None = Field(description="Who did; `machine (…)` for a language model.")
    keywords: list[str]
    categories: list[str] = Field(examples=[["cs.IR"]])
    venue: str | None
    arxiv_id: str | None = Field(examples=["2601.00001"])
    doi: str | None
    url: str = Field(description="Where to read about it.")
    pdf_url: str | None
    code_url: str | None
    project_url: str | None
    discussion_url: str | None
    votes: int | None = Field(description="The most that any source told last.")
    comments: int | None
    stars: int | None = Field(description="Of its code's repository.")
    citations: int | None
    listed_on: date | None = Field(description="The last day that a source listed it on.")
    published_on: date | None
    first_seen_at: datetime | None = Field(description="When it was read here first.")
    withdrawn_at: datetime | None = Field(description="Set where its authors withdrew it.")

    @classmethod
    def of(cls, told: ToldPaper) -> Self:
        """The paper as an answer."""
        return cls(**_facts(told))


class VotesAt(Shape):
    """How many votes a paper had at a time."""

    at: datetime
    votes: int


class ListedOn(Shape):
    """That a source listed a paper on a day, and at which place."""

    source: str
    day: date
    position: int


class PaperWithHistory(PaperAnswer):
    """A paper with what it has been through."""

    votes_history: list[VotesAt] = Field(description="At most 30 points, oldest first, of one source.")
    listings: list[ListedOn] = Field(description="By day.")
    joined_ids: list[int] = Field(description="Other ids it had, before they proved to be one paper.")

    @classmethod
    def of_whole(cls, whole: WholePaper) -> Self:
        """The paper as an answer."""
        return cls(
            **_facts(whole.paper),
            votes_history=[VotesAt(at=at, votes=votes) for at, votes in whole.paper.view.votes_history],
            listings=[ListedOn.model_validate(one) for one in whole.listings],
            joined_ids=list(whole.joined),
        )


def _facts(told: ToldPaper) -> dict[str, Any]:
    view, facts = told.view, told.facts
    names = set(PaperAnswer.model_fields) & set(PaperView.__slots__)
    return {name: getattr(view, name) for name in names} | {
        "id": view.paper_id,
        "categories": facts.categories,
        "venue": facts.venue,
        "citations": facts.citations,
        "withdrawn_at": facts.withdrawn_at,
    }


class PaperPage(Shape):
    """Some of a list of papers."""

    papers: list[PaperAnswer]
    next: Next

    @classmethod
    def of(cls, page: Page[ToldPaper]) -> Self:
        """The page as an answer."""
        return cls(papers=[PaperAnswer.of(one) for one in page.items], next=page.next)


class TrendingPage(PaperPage):
    """Some of what trended in a period, both ends of which are in."""

    first: date
    last: date


# --- sources ---------------------------------------------------------------------------------------


class SourceAnswer(Shape):
    """A site that is read, and how that goes."""

    name: str = Field(examples=["huggingface"])
    kind: str = Field(description="What reads it.", examples=["huggingface"])
    is_well: bool = Field(description="Whether the last look at it brought what can be believed.")
    verdict: Verdict | None = Field(description="What the last look proved; null before the first.")
    checked_at: datetime | None
    good_at: datetime | None = Field(description="When a look last brought what can be believed.")

    @classmethod
    def of(cls, source: Source) -> Self:
        """The source as an answer: nothing of its address or of what its errors say."""
        verdict = Verdict(source.last_verdict) if source.last_verdict else None
        return cls(
            name=source.name,
            kind=source.kind,
            is_well=verdict is not None and verdict.is_good,
            verdict=verdict,
            checked_at=source.last_checked_at,
            good_at=source.last_good_at,
        )


class SourceList(Shape):
    """All sources."""

    sources: list[SourceAnswer]


# --- one's own -------------------------------------------------------------------------------------


class FeedAddresses(Shape):
    """One's private feed. Whoever has an address can read it."""

    rss: str
    atom: str
    json_: str = Field(serialization_alias="json")


class Me(Shape):
    """What is known of oneself."""

    email: str | None = Field(description="Null for who reads by feed only.")
    status: SubscriberStatus
    paused_until: date | None
    feeds: FeedAddresses
    wishes: WishesShape

    @classmethod
    def of(cls, own: Own, feeds: FeedLinks) -> Self:
        """Oneself as an answer."""
        reader = own.subscriber
        return cls(
            email=reader.email,
            status=SubscriberStatus(reader.status),
            paused_until=reader.paused_until,
            feeds=FeedAddresses(rss=feeds.rss, atom=feeds.atom, json_=feeds.json),
            wishes=WishesShape.model_validate(own.wishes.as_dict()),
        )


class RecommendedPaper(Shape):
    """A paper of an issue and why it is there."""

    id: int
    title: str
    abstract: str
    summary: str | None
    authors: list[str]
    arxiv_id: str | None
    doi: str | None
    url: str
    votes: int | None
    section: Section
    interest: str | None = Field(description="The interest that it is for.")
    reasons: list[str]

    @classmethod
    def of(cls, item: IssueItem) -> Self:
        """The item as an answer."""
        shared = set(cls.model_fields) & set(PaperView.__slots__)
        return cls(
            **{name: getattr(item.paper, name) for name in shared},
            id=item.paper.paper_id,
            section=item.section,
            interest=item.interest,
            reasons=list(item.reasons),
        )


class IssueAnswer(Shape):
    """One digest, as it was composed or as it would be now."""

    id: int | None = Field(description="Null for a preview, which is not kept.")
    date: date
    subject: str
    composed_at: datetime
    papers: list[RecommendedPaper] = Field(description="In reading order.")
    coverage: str = Field(description="What was looked at.")
    notice: str | None = Field(description="What it says in place of papers.")

    @classmethod
    def of(cls, issue: IssueView, *, is_preview: bool = False) -> Self:
        """The issue as an answer."""
        return cls(
            id=None if is_preview else issue.issue_id,
            date=issue.local_date,
            subject=issue.subject,
            composed_at=issue.composed_at,
            papers=[RecommendedPaper.of(item) for item in issue.items],
            coverage=issue.coverage,
            notice=issue.notice,
        )


class IssuePage(Shape):
    """Some of one's digests, newest first."""

    issues: list[IssueAnswer]
    next: Next


class FeedbackAnswer(Shape):
    """What one said of a paper."""

    paper: int = Field(description="The paper's id.")
    title: str
    kind: FeedbackKind
    interest: str | None = Field(description="The interest it counts for; null: the nearest.")
    note: str
    said_at: datetime

    @classmethod
    def of(cls, said: Said) -> Self:
        """What was said as an answer."""
        return cls(
            paper=said.paper_id,
            title=said.title,
            kind=FeedbackKind(said.kind),
            interest=said.interest,
            note=said.note,
            said_at=said.at,
        )


class FeedbackPage(Shape):
    """Some of what one said, the last first."""

    feedback: list[FeedbackAnswer]
    next: Next


class SavedAnswer(Shape):
    """A paper that one saved."""

    paper: PaperAnswer
    note: str
    saved_at: datetime

    @classmethod
    def of(cls, saved: SavedPaper) -> Self:
        """The saved paper as an answer."""
        return cls(paper=PaperAnswer.of(saved.paper), note=saved.note, saved_at=saved.saved_at)


class SavedPage(Shape):
    """Some of the papers one saved, the last first."""

    saved: list[SavedAnswer]
    next: Next
