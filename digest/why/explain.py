"""The one cause of a digest's coming or not coming, most telling first."""

from digest.translation import gettext as _
from digest.types import IssueStatus
from digest.why.days import full_day
from digest.why.facts import Cause, Explanation, WhyFacts
from digest.why.forgotten import forgotten_reason
from digest.why.mailed import expired_reason, mailed_reason
from digest.why.nothing import empty_reason
from digest.why.phrases import digest_of, papers_of
from digest.why.unmade import unmade_reason

__all__ = ["explain"]


def explain(facts: WhyFacts) -> Explanation:
    """Why the digest of that date came or did not: one cause, one sentence, what to do where it helps."""
    if (forgotten := forgotten_reason(facts)) is not None:
        return forgotten
    if facts.issue is None:
        return unmade_reason(facts)
    if facts.issue.status is IssueStatus.EMPTY:
        return Explanation.from_stored(facts.issue.reason) or empty_reason(facts)
    if facts.issue.status is IssueStatus.SKIPPED:
        return Explanation.from_stored(facts.issue.reason) or Explanation(
            Cause.SKIPPED,
            _("There was no digest of %(day)s; why was not recorded.", day=full_day(facts.local_date)),
        )
    if facts.delivery is not None:
        return mailed_reason(facts, facts.issue, facts.delivery)
    if facts.issue.status is IssueStatus.EXPIRED:
        return expired_reason(facts, facts.issue)
    what = _("a notice") if facts.issue.status is IssueStatus.NOTICE else papers_of(facts.issue)
    return Explanation(
        Cause.IN_FEED,
        _(
            "%(digest)s is in the private feed, with %(what)s, and only there: the subscription is "
            "without mail.",
            digest=digest_of(facts),
            what=what,
        ),
    )
