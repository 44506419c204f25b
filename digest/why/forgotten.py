"""Days of which too little is kept to say what was on them."""

from digest.translation import gettext as _
from digest.translation import ngettext
from digest.types import IssueStatus
from digest.why.days import full_day
from digest.why.facts import Cause, Explanation, WhyFacts

__all__ = ["forgotten_reason"]


def forgotten_reason(facts: WhyFacts) -> Explanation | None:
    """That it is not known any more, where it is not; ``None`` for all other days."""
    day = full_day(facts.local_date)
    if facts.issue is None:
        if not facts.is_forgotten:
            return None
        return Explanation(
            Cause.FORGOTTEN,
            _("What was on %(day)s is not known any more: such records are not kept so long.", day=day),
        )
    is_known = not facts.issue.is_put_away or facts.delivery is not None
    if is_known or facts.issue.status is not IssueStatus.COMPOSED:
        return None
    return Explanation(
        Cause.FORGOTTEN,
        ngettext(
            "The digest of %(day)s was made, with one paper; how it was sent is not known any more: such "
            "records are not kept so long.",
            "The digest of %(day)s was made, with %(count)s papers; how it was sent is not known any more: "
            "such records are not kept so long.",
            facts.issue.papers,
            count=f"{facts.issue.papers}",
            day=day,
        ),
    )
