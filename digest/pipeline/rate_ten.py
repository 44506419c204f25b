"""Rate ten: which papers to ask a reader about, and where they stand in a round. Stores nothing.

What is said of a paper is feedback like any other (:mod:`digest.pipeline.rating`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlmodel import Session

from digest.models import Subscriber
from digest.pipeline.compose import Composer
from digest.pipeline.due import window_of
from digest.pipeline.moment import Moment
from digest.pipeline.previewing import Previewer
from digest.pipeline.rating import Opinion, get_opinion
from digest.pipeline.readers import get_subscriber
from digest.ranking import Prepared, learn
from digest.ranking.library import Library
from digest.ranking.linear import Floats
from digest.ranking.rate_ten import TEN, next_to_rate
from digest.ranking.taste import taste_of
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import saved as saved_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.types import Example, FeedbackKind, InterestSpec, PaperView

__all__ = ["TEN", "RateTen", "Round", "list_to_rate"]

LIKED = (FeedbackKind.MORE.value, FeedbackKind.SAVED.value)
DISLIKED = FeedbackKind.LESS.value


@dataclass(frozen=True, slots=True)
class Round:
    """Where a reader stands: what was asked so far, in order, and the paper to ask about now.

    ``paper`` is ``None`` where the round is over. ``size`` is how many papers it has in all, ten unless there
    are fewer.
    """

    asked: tuple[Opinion, ...]
    paper: PaperView | None
    size: int

    def count(self, taste: str) -> int:
        """How many of the asked papers that was said of: more, less, or empty for no answer."""
        return sum(one.taste == taste for one in self.asked)


class RateTen:
    """Chooses papers to ask about; safe for several threads."""

    def __init__(self, database: Database, previewer: Previewer, window_days: int) -> None:
        self._database = database
        self._previewer = previewer
        self._window_days = window_days

    def look(self, reader: Subscriber, moment: Moment, asked: Sequence[int]) -> Round:
        """The round of a reader who was asked about these papers.

        Those that could not have been asked about are left out: who asks may have written the address.
        """
        prepared = self._candidates(reader, moment)
        found = (get_opinion(self._database, reader, one, moment.now) for one in asked[:TEN])
        opinions = {
            one.paper.paper_id: one
            for one in found
            if one is not None and (one.taste or one.paper.paper_id in prepared.rows)
        }
        passed = [number for number, one in opinions.items() if not one.taste]
        left = self._choose(reader, moment, prepared, passed, TEN - len(opinions))
        return Round(tuple(opinions.values()), left[0] if left else None, len(opinions) + len(left))

    def list_papers(self, reader: Subscriber, moment: Moment, *, most: int = TEN) -> list[PaperView]:
        """The papers whose rating would say most of the reader's taste, the most telling first.

        They are of the days that the reader's next issue is chosen from, or of the last days on which
        anything was listed, and none that the reader had or judged.
        """
        return self._choose(reader, moment, self._candidates(reader, moment), (), most)

    def _choose(
        self, reader: Subscriber, moment: Moment, prepared: Prepared, passed: Sequence[int], most: int
    ) -> list[PaperView]:
        number = _number(reader)
        with self._database.read() as session:
            said = saved_rows.list_feedback(session, number)
            had = issue_rows.list_sent(session, [number])[number]
            interests = _interests(session, reader, prepared)
        counted = [one for one in said if reader.learn_from is None or one.created_at >= reader.learn_from]
        ids = next_to_rate(
            prepared,
            liked=[one.paper_id for one in counted if one.kind in LIKED],
            disliked=[one.paper_id for one in counted if one.kind == DISLIKED],
            passed=passed,
            known=had | {one.paper_id for one in said},
            taste=_taste(interests, prepared),
            most=most,
        )
        with self._database.read() as session:
            views = paper_rows.get_views(session, ids, until=moment.now)
        return [views[one] for one in ids if one in views]

    def _candidates(self, reader: Subscriber, moment: Moment) -> Prepared:
        with self._database.read() as session:
            (row, *_) = subscriber_rows.list_subscriptions(session, _number(reader))
            day, now = moment.today_in(row.zone), moment.now_in(row.zone)
            latest = paper_rows.latest_listed_day(session, until=day)
        days = window_of(row, self._window_days)
        prepared = self._previewer.prepared(day, now, days)
        if prepared.candidates or latest is None:
            return prepared
        return self._previewer.prepared(latest, now, days)


def list_to_rate(composer: Composer, email: str, moment: Moment, *, most: int) -> list[dict[str, Any]]:
    """The papers to ask a reader about, the most telling first; JSON-ready. Raises ``UsageError``."""
    with composer.database.read() as session:
        reader = get_subscriber(session, email)
    rate_ten = RateTen(composer.database, Previewer(composer), composer.rules.window_days)
    return [
        {
            "id": one.paper_id,
            "arxiv_id": one.arxiv_id,
            "doi": one.doi,
            "title": one.title,
            "abstract": one.abstract,
            "listed_on": one.listed_on.isoformat() if one.listed_on else None,
        }
        for one in rate_ten.list_papers(reader, moment, most=most)
    ]


def _number(reader: Subscriber) -> int:
    assert reader.id is not None  # noqa: S101 - stored rows have ids
    return reader.id


def _interests(session: Session, reader: Subscriber, prepared: Prepared) -> list[InterestSpec]:
    """What the reader asked for, without what they said of the candidates, which is told apart."""
    (row, *_) = subscriber_rows.list_subscriptions(session, _number(reader))
    (profile,) = subscriber_rows.load_profiles(session, [(reader, row)], max_papers=1, trend_weight=0)

    def is_apart(one: Example) -> bool:
        return one.origin in (*LIKED, DISLIKED) and one.paper_id in prepared.rows

    return [
        replace(one, examples=tuple(each for each in one.examples if not is_apart(each)))
        for one in profile.interests
    ]


def _taste(interests: Sequence[InterestSpec], prepared: Prepared) -> Floats | None:
    """The highest taste that any interest has of each candidate; ``None`` without interests."""
    if not interests:
        return None
    tastes = taste_of(interests, learn(interests, prepared.model), Library(prepared))
    return np.asarray(tastes.taste.max(axis=0))
