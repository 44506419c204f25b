"""Each reader's own threshold: how good a paper must be, learnt from what they said of those they got."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from digest.ranking.parts import taste_when_chosen
from digest.ranking.threshold import Verdict, learn_threshold
from digest.storage.verdicts import list_verdicts
from digest.types import FeedbackKind, Profile

__all__ = ["with_thresholds"]

# What was said longer ago than this says little of today's papers and today's interests.
LEARNT_FROM: Final = timedelta(days=180)
VERDICTS: Final[dict[str | None, Verdict]] = {
    FeedbackKind.MORE.value: "good",
    FeedbackKind.SAVED.value: "good",
    FeedbackKind.LESS.value: "bad",
    None: "left",
}


def with_thresholds(session: Session, profiles: Sequence[Profile], now: datetime) -> list[Profile]:
    """The profiles with the thresholds learnt up to ``now``; as they are where too little is known."""
    sent = list_verdicts(session, [one.subscriber_id for one in profiles], since=now - LEARNT_FROM)
    found = []
    for profile in profiles:
        papers = sent.get(profile.subscriber_id, [])
        tastes = [(taste_when_chosen(one.parts), VERDICTS[one.said]) for one in papers]
        threshold = learn_threshold((taste, verdict) for taste, verdict in tastes if taste is not None)
        found.append(profile if threshold is None else replace(profile, threshold=threshold))
    return found
