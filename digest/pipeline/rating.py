"""Rating: what a reader says of a paper, what that changes for them, and taking it back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from time import monotonic

from sqlmodel import Session

from digest.errors import DigestError, UsageError
from digest.logs import with_tags
from digest.models import Feedback, Subscriber
from digest.pipeline.moment import Moment
from digest.pipeline.previewing import Previewer
from digest.pipeline.wishes import load_wishes
from digest.storage import papers as paper_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.text import clean_lines
from digest.translation import gettext as _
from digest.types import FeedbackKind, IssueView, PaperView

__all__ = [
    "MAX_NOTE",
    "Change",
    "Foresight",
    "Kind",
    "Opinion",
    "Rated",
    "get_opinion",
    "rate",
    "rate_and_look",
    "say",
]

MAX_ID = 2**31
MAX_NOTE = 4000
TASTE = (FeedbackKind.MORE.value, FeedbackKind.LESS.value)
COUNTED = (*TASTE, FeedbackKind.SAVED.value)
# So long somebody waits to be told what their click changes.
PATIENCE_S = 2.0


class Kind(StrEnum):
    """What can be said of a paper by a click; the last two take something back."""

    MORE = "more"
    LESS = "less"
    SAVED = "saved"
    UNSAVED = "unsaved"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A paper and what a reader said of it: ``taste`` is more, less or empty, ``taste_at`` when."""

    paper: PaperView
    taste: str = ""
    taste_at: datetime | None = None
    is_saved: bool = False
    note: str = ""

    @property
    def memory(self) -> str:
        """The taste as one word for a form, so that it can be brought back."""
        return f"{self.taste} {self.taste_at.isoformat()}" if self.taste_at is not None else ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a click changes in the next issue, as things stand: papers that come into it, and that go.

    ``is_moved``: of those that stay, some stand elsewhere.
    """

    come: tuple[PaperView, ...]
    go: tuple[PaperView, ...]
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class Rated:
    """A click that counts: what stood before and what stands now.

    ``interest`` is the name of the one that it counts for, ``None`` where it counts for none; ``change`` is
    ``None`` where that took too long to find out.
    """

    before: Opinion
    after: Opinion
    interest: str | None
    change: Change | None


def get_opinion(database: Database, reader: Subscriber, paper_id: int, now: datetime) -> Opinion | None:
    """The paper (or the one it was joined to) and what the reader said of it; ``None``: no such paper."""
    with database.read() as session:
        return _opinion(session, _number(reader), paper_id, now)


def rate(
    database: Database,
    reader: Subscriber,
    paper_id: int,
    kind: Kind,
    now: datetime,
    *,
    memory: str = "",
    note: str = "",
) -> tuple[Opinion, Opinion, str | None] | None:
    """Store a click, or what it takes back; said again it counts once.

    Returns what stood before, what stands now, and the interest it counts for; ``None``: no such paper. To
    undo brings back the taste of ``memory`` (see ``Opinion``), else none; to save again brings its ``note``.
    Raises ``UsageError`` for a memory that is none of ours.
    """
    number = _number(reader)
    taste, taste_at = _remembered(memory, now)
    with database.write() as session:
        before = _opinion(session, number, paper_id, now)
        if before is None:
            return None
        paper_id = before.paper.paper_id
        match kind:
            case Kind.UNDO:
                subscriber_rows.delete_feedback(session, number, paper_id, TASTE)
                if taste:
                    say(session, number, paper_id, taste, taste_at)
            case Kind.UNSAVED:
                subscriber_rows.delete_feedback(session, number, paper_id, [FeedbackKind.SAVED.value])
            case _:
                say(session, number, paper_id, kind.value, now, note=note)
        after = _opinion(session, number, paper_id, now)
        assert after is not None  # noqa: S101 - it was there before
    with database.read() as session:  # reads a whole profile, which nobody has to wait for
        return before, after, _interest(session, reader, paper_id)


def say(
    session: Session, subscriber_id: int, paper_id: int, kind: str, now: datetime, *, note: str = ""
) -> bool:
    """Store what a reader says of a paper, for the interest it was recommended for; ``False``: no such paper.

    ``note`` is kept with what is new only.
    """
    if not 0 < paper_id < MAX_ID:
        return False
    # What the reader saw may be older than the day on which two papers were found to be one.
    paper_id = paper_rows.joined_id(session, paper_id)
    if paper_rows.get_paper(session, paper_id) is None:
        return False
    said = Feedback(
        subscriber_id=subscriber_id,
        paper_id=paper_id,
        kind=kind,
        interest_id=subscriber_rows.recommended_interest(session, subscriber_id, paper_id),
        note=clean_lines(note, limit=MAX_NOTE),
        created_at=now,
    )
    subscriber_rows.add_feedback(session, said)
    return True


def _number(reader: Subscriber) -> int:
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    return reader.id


def _opinion(session: Session, subscriber_id: int, paper_id: int, now: datetime) -> Opinion | None:
    if not 0 < paper_id < MAX_ID:
        return None
    paper_id = paper_rows.joined_id(session, paper_id)
    view = paper_rows.get_views(session, [paper_id], until=now).get(paper_id)
    if view is None:
        return None
    said = {row.kind: row for row in subscriber_rows.list_feedback(session, subscriber_id, paper_id)}
    taste = next((said[kind] for kind in TASTE if kind in said), None)
    saved = said.get(FeedbackKind.SAVED.value)
    return Opinion(
        view,
        taste=taste.kind if taste is not None else "",
        taste_at=taste.created_at if taste is not None else None,
        is_saved=saved is not None,
        note=saved.note if saved is not None else "",
    )


def _remembered(memory: str, now: datetime) -> tuple[str, datetime]:
    """The taste of a form, and when it was said; empty where there was none."""
    taste, _blank, when = memory.partition(" ")
    if not memory:
        return "", now
    try:
        at = datetime.fromisoformat(when)
    except ValueError:
        at = None
    if taste not in TASTE or at is None or at.tzinfo is None:
        raise UsageError(_("what stood before cannot be read, so nothing was changed"))
    return taste, min(at, now)


def _interest(session: Session, reader: Subscriber, paper_id: int) -> str | None:
    """The name of the interest that what was said of a paper counts for."""
    (row, *_) = subscriber_rows.list_subscriptions(session, _number(reader))
    (profile,) = subscriber_rows.load_profiles(session, [(reader, row)], max_papers=1, trend_weight=0)
    return next(
        (
            interest.name
            for interest in profile.interests
            for example in interest.examples
            if example.paper_id == paper_id and example.origin in COUNTED
        ),
        None,
    )


# --- what it changes -------------------------------------------------------------------------------


class Foresight:
    """Looks at a reader's next issue, in bounded time. Safe for several threads."""

    def __init__(self, database: Database, previewer: Previewer) -> None:
        self._database = database
        self._previewer = previewer
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="foresight")

    def look(self, reader: Subscriber, moment: Moment, *, patience_s: float) -> IssueView | None:
        """The issue as it would be now; ``None`` where that takes longer, or cannot be found out."""
        if patience_s <= 0:
            return None
        looking = self._pool.submit(with_tags(self._look), reader, moment)
        try:
            return looking.result(patience_s)
        except TimeoutError:
            looking.cancel()  # one that is under way goes on, and makes the next one faster
            return None
        except DigestError:
            return None  # the click counts all the same

    def _look(self, reader: Subscriber, moment: Moment) -> IssueView:
        with self._database.read() as session:
            wishes = load_wishes(session, _number(reader))
        return self._previewer.preview(wishes, moment, subscriber=reader)


def rate_and_look(
    database: Database,
    foresight: Foresight,
    reader: Subscriber,
    paper_id: int,
    kind: Kind,
    moment: Moment,
    *,
    memory: str = "",
    note: str = "",
    patience_s: float = PATIENCE_S,
) -> Rated | None:
    """:func:`rate`, and what it changes in the reader's next issue, if that is found out soon enough."""
    until = monotonic() + patience_s
    before = foresight.look(reader, moment, patience_s=patience_s)
    rated = rate(database, reader, paper_id, kind, moment.now, memory=memory, note=note)
    if rated is None:
        return None
    had, has, interest = rated
    after = foresight.look(reader, moment, patience_s=until - monotonic()) if before is not None else None
    change = None
    if before is not None and after is not None:
        change = _change(before, after, has.paper.paper_id)
    return Rated(had, has, interest, change)


def _change(before: IssueView, after: IssueView, said_of: int) -> Change:
    """The difference, without the paper that was spoken of: what is known does not come again."""
    was = {one.paper.paper_id: one for one in before.items if one.paper.paper_id != said_of}
    will = {one.paper.paper_id: one for one in after.items if one.paper.paper_id != said_of}
    stay = [(number, one.section) for number, one in was.items() if number in will]
    return Change(
        come=tuple(one.paper for number, one in will.items() if number not in was),
        go=tuple(one.paper for number, one in was.items() if number not in will),
        is_moved=stay != [(number, one.section) for number, one in will.items() if number in was],
    )
