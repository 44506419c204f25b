"""Previewing: what a reader, or somebody who is none yet, would get now. Stores nothing.

What does not depend on the reader (the papers of the window, the model) is made once and kept until new
papers come or the hour changes, so that a page can show the effect of a wish at once.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlmodel import Session

from digest.models import Interest, Subscriber
from digest.pipeline.compose import Composer
from digest.pipeline.due import window_of
from digest.pipeline.moment import Moment
from digest.pipeline.wishes import (
    NOTHING_RENAMED,
    Wishes,
    interest_rows,
    load_wishes,
    old_names,
    subscription_row,
)
from digest.ranking import Prepared
from digest.storage import stamps
from digest.storage import subscribers as subscriber_rows
from digest.storage.profiles import preview_profile
from digest.types import IssueView, PaperView, SubscriberStatus

__all__ = ["Comparison", "Previewer"]

# Three days at a time are today somewhere, each looked at by day and by week: fewer would push one another
# out for as long as somebody asks for all of them in turn.
KEPT = 6
# Whose preview it is where nobody is stored.
NOBODY = 0


class _Key(NamedTuple):
    day: date
    days: int
    stamp: str
    hour: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """Today's issue without a change and with it."""

    before: IssueView
    after: IssueView

    @property
    def come(self) -> frozenset[int]:
        """The papers that the change brings."""
        return _ids(self.after) - _ids(self.before)

    @property
    def go(self) -> tuple[PaperView, ...]:
        """The papers that the change takes away, in the order they had."""
        kept = _ids(self.after)
        return tuple(item.paper for item in self.before.items if item.paper.paper_id not in kept)


class Previewer:
    """Makes previews for one process; safe for several threads."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._kept: OrderedDict[_Key, Prepared] = OrderedDict()
        self._turn = threading.Lock()

    def preview(
        self,
        wishes: Wishes,
        moment: Moment,
        *,
        subscriber: Subscriber | None = None,
        renamed: Mapping[str, str] = NOTHING_RENAMED,
    ) -> IssueView:
        """Today's issue for these wishes; with ``subscriber``, without what they had or judged already.

        Expects wishes that are checked. What a subscriber said of papers counts for the interest it was said
        for, even ``renamed`` (see ``store_wishes``). Does not look back on days that were missed.
        """
        rules = self._composer.rules
        now, day = moment.now_in(wishes.zone), moment.today_in(wishes.zone)
        number = subscriber.id if subscriber is not None and subscriber.id is not None else NOBODY
        row = subscription_row(wishes, number, now)
        prepared = self.prepared(day, now, window_of(row, rules.window_days))
        reader = subscriber or Subscriber(
            id=NOBODY, email=None, status=SubscriberStatus.ACTIVE, feed_token="", created_at=now
        )
        with self._composer.database.read() as session:
            profile = preview_profile(
                session,
                row,
                _rows(session, wishes, number, now, renamed),
                max_papers=rules.papers,
                trend_weight=rules.trend_weight,
            )
            drafts = self._composer.draft(
                session, [(reader, row)], day, now, prepared, turns={}, wide={}, profiles=[profile]
            )
        return drafts[0].view()

    def compare(
        self, wishes: Wishes, moment: Moment, subscriber: Subscriber, renamed: Mapping[str, str]
    ) -> Comparison:
        """What a subscriber would get now for these wishes, and for those that are stored."""
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        with self._composer.database.read() as session:
            stored = load_wishes(session, subscriber.id)
        before = self.preview(stored, moment, subscriber=subscriber)
        return Comparison(before, self.preview(wishes, moment, subscriber=subscriber, renamed=renamed))

    def prepared(self, day: date, now: datetime, days: int) -> Prepared:
        """The papers of the last ``days`` up to ``day``, ready; kept until new ones come or the hour ends."""
        with self._composer.database.read() as session:
            stamp = stamps.papers_stamp(session)
        # In UTC: where zones are half an hour apart, their hours begin at other times.
        key = _Key(day, days, stamp, now.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
        with self._turn:  # one at a time: many visitors at once shall not make it many times
            found = self._kept.get(key)
            if found is None:
                found = self._composer.prepare(day, now, days=days, keep_model=False)
                self._kept[key] = found
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return found


def _ids(view: IssueView) -> frozenset[int]:
    return frozenset(item.paper.paper_id for item in view.items)


def _rows(
    session: Session, wishes: Wishes, subscriber_id: int, now: datetime, renamed: Mapping[str, str]
) -> list[Interest]:
    """The interests as they would be stored, so with the ids that feedback was said for. Not stored."""
    rows = interest_rows(wishes, subscriber_id, now)
    stored = {one.name: one for one in subscriber_rows.list_interests(session, subscriber_id)}
    olds = old_names(wishes, stored, renamed)
    for row in rows:
        old = stored[olds[row.name]] if row.name in olds else None
        row.id, row.learn_from = (old.id, old.learn_from) if old is not None else (None, None)
    # In the order of storing: among equals the first interest is the one that a paper is shown for.
    return sorted(rows, key=lambda row: (row.id is None, row.id or 0))
