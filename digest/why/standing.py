"""Where a reader's standing alone is the cause."""

from digest.translation import gettext as _
from digest.types import SubscriberStatus
from digest.why.days import full_day
from digest.why.facts import Cause, Explanation, WhyFacts
from digest.why.phrases import known

__all__ = ["standing_reason"]


def standing_reason(facts: WhyFacts) -> Explanation | None:
    """The reader's standing where that alone is the cause."""
    who = facts.email or _("the reader")
    activate = f"digest subscriber activate {facts.email or 'EMAIL'}"
    none = _("There is no digest of %(day)s", day=full_day(facts.local_date))
    match facts.status:
        case SubscriberStatus.UNCONFIRMED:
            said = _(
                "%(who)s has not confirmed the subscription; %(command)s does it", who=who, command=activate
            )
            return Explanation(Cause.UNCONFIRMED, f"{none}: {said}.")
        case SubscriberStatus.BOUNCED:
            said = _(
                "mail to %(who)s came back for good; once the address works again: %(command)s",
                who=who,
                command=activate,
            )
            return Explanation(Cause.BOUNCED, f"{none}: {said}.")
        case SubscriberStatus.UNSUBSCRIBED:
            return Explanation(Cause.UNSUBSCRIBED, f"{none}: {_('%(who)s has unsubscribed', who=who)}.")
        case SubscriberStatus.PAUSED if facts.paused_until is None:
            said = _("the subscription is paused; %(command)s ends that", command=activate)
            return Explanation(Cause.PAUSED, f"{none}: {said}.")
        case SubscriberStatus.PAUSED if facts.local_date < known(facts.paused_until):
            until = full_day(known(facts.paused_until))
            said = _("the subscription is paused until %(day)s", day=until)
            return Explanation(Cause.PAUSED, f"{none}: {said}.")
    return None
