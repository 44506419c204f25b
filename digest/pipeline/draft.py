"""A draft: one issue before it is stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from digest.models import Run, Subscriber, Subscription
from digest.text import truncate
from digest.translation import ENGLISH, ngettext, speaking
from digest.translation import gettext as _
from digest.types import Cadence, IssueItem, IssueView, PaperView, Profile, Recommendation
from digest.why import Explanation, RunFacts, SourceCheck, WhyFacts, notice_text

if TYPE_CHECKING:
    from digest.ranking import Prepared

__all__ = ["Draft", "empty_facts"]

SUBJECT_TITLE = 90


@dataclass(frozen=True, slots=True)
class Draft:
    """One issue before it is stored: what a reader would get, and why if it is nothing.

    ``language`` is what its sentences are in.
    """

    subscriber: Subscriber
    subscription: Subscription
    profile: Profile
    local_date: date
    now: datetime
    recommendations: Sequence[Recommendation]
    views: Mapping[int, PaperView]
    coverage: str
    reason: Explanation | None = None
    language: str = ENGLISH

    @property
    def subject(self) -> str:
        """The best paper's title, and how many more there are."""
        with speaking(self.language):
            if not self.recommendations:
                return _("Nothing new today")
            title = truncate(self.views[self.recommendations[0].paper_id].title, SUBJECT_TITLE)
            more = len(self.recommendations) - 1
            if not more:
                return title
            return ngettext("%(title)s · and %(num)s more", "%(title)s · and %(num)s more", more, title=title)

    @property
    def notice(self) -> str | None:
        """What is shown in place of papers where there are none."""
        return notice_text(self.reason.sentence) if self.reason else None

    def view(self) -> IssueView:
        """The draft as it would be shown."""
        items = [
            IssueItem(
                paper=self.views[one.paper_id],
                section=one.section,
                score=one.score,
                interest=one.interest,
                reasons=tuple(reason.text for reason in one.reasons),
                told=tuple(one.reasons),
            )
            for one in self.recommendations
        ]
        return IssueView(
            issue_id=0,
            local_date=self.local_date,
            subject=self.subject,
            items=tuple(items),
            coverage=self.coverage,
            notice=self.notice,
            composed_at=self.now,
            zone=self.subscription.zone,
            interests=tuple(interest.name for interest in self.profile.interests),
            language=self.language,
        )


def empty_facts(
    draft: Draft,
    prepared: "Prepared",
    sent: Collection[int],
    checks: tuple[SourceCheck, ...],
    refresh: Run | None,
) -> WhyFacts:
    """What is known about why there is nothing to say."""
    ids = {candidate.paper_id for candidate in prepared.candidates}
    already = len(ids.intersection(sent))
    return WhyFacts(
        local_date=draft.local_date,
        zone=draft.subscription.zone,
        now=draft.now,
        email=draft.subscriber.email or "",
        cadence=Cadence(draft.subscription.cadence),
        last_refresh=RunFacts("refresh", refresh.started_at, refresh.ok) if refresh else None,
        checks=checks,
        n_candidates=len(ids),
        n_already_sent=already,
        n_below_threshold=len(ids) - already,
        has_interests=bool(draft.profile.interests),
    )
