"""Papers of a library as ones that speak for an interest of a reader."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Subscriber
from digest.pipeline.liked import LIKED, Liked, together
from digest.pipeline.recognising import file_examples
from digest.pipeline.wishes import MAX_EXAMPLES, MAX_WORD, InterestWish, Wishes, load_wishes, store_wishes
from digest.storage.database import Database
from digest.text import clean_text

__all__ = ["LibraryPlan", "apply_library", "import_library", "plan_library"]


@dataclass(frozen=True, slots=True)
class LibraryPlan:
    """What adding a library would change: ``papers`` come to the interest, ``there`` are in it already.

    ``known`` of those that come are stored here; the others count by their words.
    """

    interest: str
    is_new: bool
    papers: int
    there: int
    known: int
    problems: tuple[str, ...]
    wishes: Wishes

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return self.papers == 0


def plan_library(session: Session, subscriber: Subscriber, interest: str, liked: Liked) -> LibraryPlan:
    """What :func:`apply_library` would change. Changes nothing.

    ``interest`` is its name, empty for the usual one. Raises ``UsageError`` where there is no room for it.
    """
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    name = clean_text(interest, limit=MAX_WORD) or LIKED
    before = load_wishes(session, subscriber.id)
    kept = next((one for one in before.interests if one.name == name), InterestWish(name=name))
    examples = together(kept.examples, liked.papers)
    if len(examples) > MAX_EXAMPLES:
        raise UsageError(f"an interest has at most {MAX_EXAMPLES:,} papers; choose another for some of these")
    come = examples[len(kept.examples) :]
    changed = replace(kept, examples=examples)
    interests = [changed if one is kept else one for one in before.interests]
    is_new = kept not in before.interests
    wishes = replace(before, interests=(*interests, *([changed] if is_new and come else ()))).checked()
    return LibraryPlan(
        interest=name,
        is_new=is_new,
        papers=len(come),
        there=len(liked.papers) - len(come),
        known=sum(one["paper_id"] is not None for one in come),
        problems=liked.problems,
        wishes=wishes,
    )


def apply_library(
    session: Session, subscriber: Subscriber, interest: str, liked: Liked, now: datetime
) -> LibraryPlan:
    """Add the papers to the interest, and say what changed. Runs inside the caller's write transaction."""
    plan = plan_library(session, subscriber, interest, liked)
    if not plan.is_empty:
        store_wishes(session, subscriber, plan.wishes, now)
    return plan


def import_library(
    database: Database, subscriber: Subscriber, interest: str, liked: Liked, now: datetime
) -> LibraryPlan:
    """Add the papers to the interest, and say what that changed.

    Those that can be told from others are filed before, in transactions of their own, so that they are
    recognised when a source lists them.
    """
    with database.read() as session:
        plan = plan_library(session, subscriber, interest, liked)
    filed = replace(liked, papers=file_examples(database, liked.papers, now))
    with database.write() as session:
        apply_library(session, subscriber, interest, filed, now)
    return plan
