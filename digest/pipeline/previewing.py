"""Previewing: what a reader, or somebody who is none yet, would get now. Stores nothing.

What does not depend on the reader (the papers of the window, the model) is made once and kept until new
papers come or the hour changes, so that a page can show the effect of a wish at once.
"""

import threading
from collections import OrderedDict
from datetime import date, datetime
from typing import NamedTuple

from digest.models import Subscriber
from digest.pipeline.compose import Composer
from digest.pipeline.due import window_of
from digest.pipeline.moment import Moment
from digest.pipeline.wishes import Wishes, interest_rows, subscription_row
from digest.ranking import Prepared
from digest.storage import stamps
from digest.storage.profiles import preview_profile
from digest.types import IssueView, SubscriberStatus

__all__ = ["Previewer"]

KEPT = 4
# Whose preview it is where nobody is stored.
NOBODY = 0


class _Key(NamedTuple):
    day: date
    days: int
    stamp: str
    hour: datetime


class Previewer:
    """Makes previews for one process; safe for several threads."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._kept: OrderedDict[_Key, Prepared] = OrderedDict()
        self._turn = threading.Lock()

    def preview(self, wishes: Wishes, moment: Moment, *, subscriber: Subscriber | None = None) -> IssueView:
        """Today's issue for these wishes; with ``subscriber``, without what they had or judged already.

        Expects wishes that are checked.
        """
        rules = self._composer.rules
        now, day = moment.now_in(wishes.zone), moment.today_in(wishes.zone)
        number = subscriber.id if subscriber is not None and subscriber.id is not None else NOBODY
        row = subscription_row(wishes, number, now)
        prepared = self._prepared(day, now, window_of(row, rules.window_days))
        reader = subscriber or Subscriber(
            id=NOBODY, email=None, status=SubscriberStatus.ACTIVE, feed_token="", created_at=now
        )
        with self._composer.database.read() as session:
            profile = preview_profile(
                session,
                row,
                interest_rows(wishes, number, now),
                max_papers=rules.papers,
                trend_weight=rules.trend_weight,
            )
            drafts = self._composer.draft(
                session, [(reader, row)], day, now, prepared, turns={}, wide={}, profiles=[profile]
            )
        return drafts[0].view()

    def _prepared(self, day: date, now: datetime, days: int) -> Prepared:
        with self._composer.database.read() as session:
            stamp = stamps.papers_stamp(session)
        key = _Key(day, days, stamp, now.replace(minute=0, second=0, microsecond=0))
        with self._turn:  # one at a time: many visitors at once shall not make it many times
            found = self._kept.get(key)
            if found is None:
                found = self._composer.prepare(day, now, days=days, keep_model=False)
                self._kept[key] = found
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return found
