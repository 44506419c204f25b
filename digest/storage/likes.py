"""Which reader likes which stored paper: by example, or by what they said."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import func, select
from sqlmodel import Session

from digest.storage.bulk import table
from digest.types import FeedbackKind

__all__ = ["count_likes", "iter_likes"]

LIKED: Final = (FeedbackKind.MORE.value, FeedbackKind.SAVED.value)
STREAMED: Final = 1_000


def count_likes(s: Session) -> int:
    """How many words of liking are stored, and interests: a measure of how much there is to learn from."""
    feedback, interests = table("feedback"), table("interests")
    said = select(func.count()).select_from(feedback).where(feedback.c.kind.in_(LIKED))
    given = select(func.count()).select_from(interests)
    total = 0
    for query in (said, given):
        total += s.connection().execute(query).scalar() or 0
    return total


def iter_likes(s: Session) -> Iterator[tuple[int, int]]:
    """Pairs of (subscriber id, paper id), streamed; one pair may come twice.

    What a reader marked "less" later is not among them only where the later word took the earlier one back.
    """
    feedback, interests = table("feedback"), table("interests")
    said = select(feedback.c.subscriber_id, feedback.c.paper_id).where(feedback.c.kind.in_(LIKED))
    with s.connection().execute(said, execution_options={"yield_per": STREAMED}) as rows:
        for subscriber, paper in rows:
            yield subscriber, paper
    given = select(interests.c.subscriber_id, interests.c.examples)
    with s.connection().execute(given, execution_options={"yield_per": STREAMED}) as rows:
        for subscriber, examples in rows:
            for example in examples:
                if (paper := example.get("paper_id")) is not None:
                    yield subscriber, paper
