"""Observations and issues of long ago, made smaller: what they still tell is kept, how often is not."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlmodel import Session

from digest.storage.bulk import in_batches, table, upsert
from digest.storage.waiting import UNSENT
from digest.types import FeedbackKind, IssueStatus

__all__ = ["PUT_AWAY", "last_day_of_looks", "list_whole_issues", "put_away", "surplus_looks"]

DAY = timedelta(days=1)
# What the coverage of an issue says whose details are gone; it is known by that.
PUT_AWAY = "This digest is older than its details are kept: its papers are listed by their titles."
# What is still shown of a paper then.
BARE = ("paper_id", "title", "url", "arxiv_id", "doi", "published_on")
MOST_AUTHORS = 10


def last_day_of_looks(s: Session, before: date) -> date | None:
    """The last day (UTC) before that one on which any source was looked at."""
    seen = table("observations").c.observed_at
    last = s.execute(select(func.max(seen)).where(seen < _begin(before))).scalar()
    return last.date() if last is not None else None


def surplus_looks(s: Session, day: date, *, limit: int) -> list[int]:
    """Observations of a day (UTC) that tell nothing more about how a paper grew.

    Of a paper and source the first and the last of all stay, and of a day the last that told a count. Those
    of papers that anybody saved all stay.
    """
    looks, feedback = table("observations"), table("feedback")
    here, other = looks.c, looks.alias().c
    same = (other.paper_id == here.paper_id, other.source_id == here.source_id)
    earlier = select(1).where(*same, other.observed_at < here.observed_at).exists()
    later = select(1).where(*same, other.observed_at > here.observed_at).exists()
    later_today = (
        select(1)
        .where(*same, other.observed_at > here.observed_at, other.observed_at < _begin(day + DAY))
        .exists()
    )
    told = or_(here.votes.is_not(None), here.stars.is_not(None), here.comments.is_not(None))
    saved = (
        select(1)
        .where(feedback.c.paper_id == here.paper_id, feedback.c.kind == FeedbackKind.SAVED.value)
        .exists()
    )
    query = select(here.id).where(
        here.observed_at >= _begin(day),
        here.observed_at < _begin(day + DAY),
        earlier,
        later,
        or_(~told, later_today),
        ~saved,
    )
    return list(s.execute(query.limit(limit)).scalars())


def list_whole_issues(s: Session, before: datetime, *, limit: int, after: int = 0) -> list[int]:
    """Issues with papers that were composed before that time and still have their details, by number."""
    issues = table("issues").c
    query = select(issues.id).where(
        issues.composed_at < before,
        issues.status == IssueStatus.COMPOSED.value,
        issues.coverage != PUT_AWAY,
        issues.id > after,
    )
    return list(s.execute(query.order_by(issues.id).limit(limit)).scalars())


def put_away(s: Session, issue_ids: Sequence[int]) -> None:
    """Take from issues what they said of their papers, why they were chosen, and how they were sent.

    Which papers they had stays, in their order, with titles and ids: so none is sent again.
    """
    chosen, issues, deliveries = table("recommendations"), table("issues"), table("deliveries")
    connection = s.connection()
    mine = chosen.c.issue_id.in_(issue_ids)
    names = ("issue_id", "paper_id", "position", "section", "score", "interest_id", "shown_id")
    query = select(*(chosen.c[name] for name in names)).where(mine).order_by(chosen.c.id)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    bare = _add_bare(s, list({row["shown_id"] for row in rows}))
    # Written anew and not changed: small rows in the places of large ones would leave most of the file empty.
    connection.execute(delete(chosen).where(mine))
    if rows:
        less: dict[str, Any] = {"reasons": [], "parts": {}, "interest": None}
        connection.execute(insert(chosen), [row | less | {"shown_id": bare[row["shown_id"]]} for row in rows])
    done = (deliveries.c.issue_id.in_(issue_ids), deliveries.c.status.not_in(UNSENT))
    connection.execute(delete(deliveries).where(*done))
    connection.execute(
        update(issues).where(issues.c.id.in_(issue_ids)).values(coverage=PUT_AWAY, interests=[])
    )


def _add_bare(s: Session, numbers: Sequence[int]) -> dict[int, int]:
    """For what is shown of papers the numbers of what is shown of them when little is."""
    shown = table("shown_papers")
    digests: dict[int, str] = {}
    rows: dict[str, dict[str, Any]] = {}
    for batch in in_batches(numbers):
        for number, whole in s.connection().execute(
            select(shown.c.id, shown.c.shown).where(shown.c.id.in_(batch))
        ):
            bare = _bare(whole)
            written = json.dumps(bare, sort_keys=True, separators=(",", ":"))
            digest = blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            digests[number] = digest
            rows[digest] = {"digest": digest, "shown": bare}
    upsert(s, "shown_papers", list(rows.values()), unique=["digest"])
    ids: dict[str, int] = {}
    for some in in_batches(rows):
        query = select(shown.c.digest, shown.c.id).where(shown.c.digest.in_(some))
        ids |= {str(row.digest): int(row.id) for row in s.connection().execute(query)}
    return {number: ids[digest] for number, digest in digests.items()}


def _bare(whole: Mapping[str, Any]) -> dict[str, Any]:
    bare = {name: whole[name] for name in BARE if whole.get(name) is not None}
    return bare | {"abstract": "", "authors": list(whole.get("authors", ()))[:MOST_AUTHORS]}


def _begin(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
