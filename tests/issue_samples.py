"""Invented issues for the tests of mail and feeds. Nobody and nothing in here is real."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from digest.render import FeedbackLinks, MailContext, mailto
from digest.types import FeedLinks, IssueItem, IssueView, PaperView, Section

# Text as hostile as it comes: controls, line ends of all kinds, lone surrogates, markup.
HOSTILE = st.characters(exclude_categories=()) | st.sampled_from(
    "\x00\x0b\x1c\x85\u2028\u202e\ud800\udfff\ufffe <>&\"'é中👩"
)
COMPOSED_AT = datetime(2031, 3, 17, 6, 0, tzinfo=UTC)
LINKS = FeedLinks(
    rss="https://digest.example.org/feeds/sample.rss",
    atom="https://digest.example.org/feeds/sample.atom",
    json="https://digest.example.org/feeds/sample.json",
)

ABSTRACT = (
    "Dense retrievers are usually trained once and then left alone while the collection below them grows. "
    "We show that an index of invented documents loses a fifth of its recall within forty updates, and that "
    "re-ranking alone does not bring it back. Our method rewrites only the part of the index that moved. "
    "It keeps recall within half a point of a full rebuild at one hundredth of the cost, on four made-up "
    "collections of up to ninety million passages. Code and collections are released."
)
SUMMARY = (
    "A small network watches where an index has drifted and rewrites only those parts, which keeps search as "
    "good as after a full rebuild at a hundredth of the price."
)
AUTHORS = ("Ada Example", "Bo Sample", "Cy Placeholder", "Di Specimen", *(f"N. N. {i}" for i in range(10)))


def history(*votes: int, hours: int = 24) -> tuple[tuple[datetime, int], ...]:
    """Votes at even steps that end an hour before the issue is composed."""
    last = COMPOSED_AT - timedelta(hours=1)
    return tuple(
        (last - timedelta(hours=hours * (len(votes) - 1 - place)), count) for place, count in enumerate(votes)
    )


def paper(paper_id: int = 1, **changes: object) -> PaperView:
    """A paper with everything that can be shown."""
    arxiv_id = f"3103.{paper_id:05d}"
    full = PaperView(
        paper_id=paper_id,
        title=f"Keeping an Index Fresh without Building It Again ({paper_id})",
        abstract=ABSTRACT,
        authors=AUTHORS,
        url=f"https://arxiv.org/abs/{arxiv_id}",
        organisation="Example Institute of Search",
        arxiv_id=arxiv_id,
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}",
        code_url=f"https://github.com/example/fresh-index-{paper_id}",
        discussion_url=f"https://huggingface.co/papers/{arxiv_id}",
        votes=128,
        comments=14,
        stars=1234,
        listed_on=date(2031, 3, 15),
        first_seen_at=COMPOSED_AT - timedelta(days=2),
        votes_history=history(3, 9, 60, 110, 128),
    )
    return replace(full, **changes)  # type: ignore[arg-type]


def item(shown: PaperView, section: Section = Section.FOR_YOU, **changes: object) -> IssueItem:
    """A recommendation of that paper."""
    full = IssueItem(
        paper=shown,
        section=section,
        score=0.5,
        interest="Retrieval",
        reasons=("keyword “dense retrieval”", "+125 votes since Tuesday"),
    )
    return replace(full, **changes)  # type: ignore[arg-type]


def issue(items: Sequence[IssueItem] | None = None, **changes: object) -> IssueView:
    """An issue with one paper in each section, or with those given."""
    if items is None:
        items = sample_items()
    full = IssueView(
        issue_id=7,
        local_date=date(2031, 3, 17),
        subject="Keeping an Index Fresh without Building It Again (1), and 3 more papers",
        items=tuple(items),
        coverage="Hugging Face: 41 papers, complete. Example Archive: not reachable since Thursday.",
        notice=None,
        composed_at=COMPOSED_AT,
        zone="Europe/Berlin",
        interests=("Retrieval", "3D segmentation"),
    )
    return replace(full, **changes)  # type: ignore[arg-type]


def sample_items() -> list[IssueItem]:
    """One paper in each section, each with something missing that real ones lack too."""
    return [
        item(
            paper(1, summary=SUMMARY),
            Section.FOLLOWING,
            reasons=("by Ada Example, whom you follow",),
            interest=None,
        ),
        item(paper(2, title="Segmenting Scans of Teapots from Three Clicks", stars=None, comments=1)),
        item(
            paper(
                3,
                title="What 4,000 Invented Reviewers Think of Abstracts",
                authors=("Bo Sample",),
                organisation=None,
                code_url=None,
                votes_history=history(310, 402, 511),
                votes=511,
            ),
            Section.TRENDING,
            interest=None,
            reasons=("511 votes, more than any other paper today",),
        ),
        item(
            paper(
                4,
                title="∇²Ducks: Second-Order Methods for Toy Problems",
                authors=(),
                votes=9,
                comments=None,
                votes_history=(),
            ),
            Section.RISING,
            interest=None,
            reasons=(),
        ),
    ]


def notice_issue() -> IssueView:
    """An issue with nothing but two lines."""
    return issue(
        [],
        subject="Nothing new for you today",
        notice="No new papers today: it is the weekend.\nThe next digest comes on Monday.",
    )


def many(count: int) -> IssueView:
    """An issue of that many papers."""
    sections = list(Section)
    return issue([item(paper(i), sections[min(3, 4 * i // count)]) for i in range(count)])


MAIL_ONLY = MailContext(
    list_name="Paper digest", unsubscribe_mailto="mailto:leave@example.org?subject=leave-abc"
)


def with_web(shown: IssueView) -> MailContext:
    """The context of a list that has a web address, with feedback links for every paper."""
    base = "https://digest.example.org"
    return replace(
        MAIL_ONLY,
        base_url=base,
        unsubscribe_url=f"{base}/leave/abc.def",
        preferences_url=f"{base}/me/abc.def",
        feedback={
            i.paper.paper_id: FeedbackLinks(
                f"{base}/f/{i.paper.paper_id}/more.abc", f"{base}/f/{i.paper.paper_id}/less.abc"
            )
            for i in shown.items
        },
    )


def with_mail_feedback(shown: IssueView) -> MailContext:
    """The context of a list without a web address: feedback by mail."""
    return replace(
        MAIL_ONLY,
        feedback={
            i.paper.paper_id: FeedbackLinks(
                mailto("digest@example.org", f"more {i.paper.paper_id}.abcdef"),
                mailto("digest@example.org", f"less {i.paper.paper_id}.abcdef"),
            )
            for i in shown.items
        },
    )
