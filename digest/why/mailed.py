"""What became of the mail of a digest that was made."""

from digest.translation import gettext as _
from digest.types import DeliveryStatus, IssueStatus, SubscriberStatus
from digest.why.days import full_day, one_line
from digest.why.facts import Cause, DeliveryFacts, Explanation, IssueFacts, WhyFacts
from digest.why.nothing import empty_reason
from digest.why.phrases import at_time, digest_of, known, papers_of, words_of
from digest.why.standing import standing_reason

__all__ = ["expired_reason", "mailed_reason"]


def mailed_reason(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    """What became of an issue's mail; of one that is still to go, what it waits for."""
    match delivery.status:
        case DeliveryStatus.SENT:
            return _sent(facts, issue, delivery)
        case DeliveryStatus.UNCERTAIN:
            return _uncertain(facts, delivery)
        case DeliveryStatus.REFUSED:
            return _refused(facts, delivery)
        case DeliveryStatus.SKIPPED:
            return _skipped(facts, issue, delivery)
        case DeliveryStatus.BOUNCED | DeliveryStatus.COMPLAINED:
            return _came_back(facts, delivery)
    if issue.status is IssueStatus.EXPIRED or (
        issue.expires_at is not None and facts.now >= issue.expires_at
    ):
        return expired_reason(facts, issue)
    if (refusal := standing_reason(facts)) is not None:
        return refusal
    if delivery.status is DeliveryStatus.DEFERRED:
        return _deferred(facts, delivery)
    return _waiting(facts, issue, delivery)


def _uncertain(facts: WhyFacts, delivery: DeliveryFacts) -> Explanation:
    at = f" {at_time(facts, delivery.sending_at)}" if delivery.sending_at else ""
    return Explanation(
        Cause.UNCERTAIN,
        _(
            "%(digest)s was handed over for %(recipient)s%(when)s, but no answer came, so it "
            "may have arrived; it is held and not sent again.",
            digest=digest_of(facts),
            recipient=delivery.recipient,
            when=at,
        ),
    )


def _refused(facts: WhyFacts, delivery: DeliveryFacts) -> Explanation:
    return Explanation(
        Cause.REFUSED,
        _(
            "%(digest)s was refused for %(recipient)s and is not tried again: %(why)s.",
            digest=digest_of(facts),
            recipient=delivery.recipient,
            why=words_of(delivery),
        ),
    )


def _deferred(facts: WhyFacts, delivery: DeliveryFacts) -> Explanation:
    is_later = delivery.retry_at is not None and delivery.retry_at > facts.now
    again = _("digest deliver tries again")
    if is_later:
        again = _("the next try is %(when)s", when=at_time(facts, known(delivery.retry_at)))
    return Explanation(
        Cause.DEFERRED,
        _(
            "%(digest)s could not be handed over for %(recipient)s yet (%(why)s); %(again)s.",
            digest=digest_of(facts),
            recipient=delivery.recipient,
            why=words_of(delivery),
            again=again,
        ),
    )


def _sent(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    at = f" {at_time(facts, delivery.sent_at)}" if delivery.sent_at else ""
    way, hint = "", ""
    if delivery.reply and delivery.reply[:1].isdigit():
        way = f" ({_('the mail server said: %(reply)s', reply=one_line(delivery.reply))})"
        hint = _("; if it is not in the inbox, look among the spam")
    elif delivery.reply:
        way = f" ({one_line(delivery.reply)})"
    if issue.status is IssueStatus.NOTICE:
        reason = one_line((Explanation.from_stored(issue.reason) or empty_reason(facts)).sentence)
        what = _("A notice in place of the digest of %(day)s", day=full_day(facts.local_date))
        went = _(
            "%(digest)s went to %(recipient)s%(when)s", digest=what, recipient=delivery.recipient, when=at
        )
        return Explanation(Cause.SENT, f"{went}{way}: {reason}.")
    went = _(
        "%(digest)s went to %(recipient)s%(when)s with %(papers)s",
        digest=digest_of(facts),
        recipient=delivery.recipient,
        when=at,
        papers=papers_of(issue),
    )
    return Explanation(Cause.SENT, f"{went}{way}{hint}.")


def _came_back(facts: WhyFacts, delivery: DeliveryFacts) -> Explanation:
    at = f" {at_time(facts, delivery.sent_at)}" if delivery.sent_at else ""
    went = _(
        "%(digest)s went to %(recipient)s%(when)s",
        digest=digest_of(facts),
        recipient=delivery.recipient,
        when=at,
    )
    if delivery.status is DeliveryStatus.COMPLAINED:
        return Explanation(
            Cause.COMPLAINED,
            _("%(went)s, and was reported there as unwanted; that ends the subscription at once.", went=went),
        )
    words = words_of(delivery)
    suspended = facts.status is SubscriberStatus.BOUNCED
    after = _("; no more is sent until the address works again") if suspended else ""
    said = _("%(went)s, but came back: %(why)s", went=went, why=words)
    return Explanation(Cause.BOUNCED, f"{said}{after}.")


def _skipped(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    if issue.status is IssueStatus.EXPIRED:
        return expired_reason(facts, issue)
    if (refusal := standing_reason(facts)) is not None:
        return refusal
    words = one_line(delivery.reason or _("the reader was not to be served then"))
    return Explanation(
        Cause.SKIPPED,
        _(
            "%(digest)s was made but not sent to %(recipient)s: %(why)s.",
            digest=digest_of(facts),
            recipient=delivery.recipient,
            why=words,
        ),
    )


def expired_reason(facts: WhyFacts, issue: IssueFacts) -> Explanation:
    """It was made, and too old before it could go."""
    until = f" {at_time(facts, issue.expires_at)}" if issue.expires_at else ""
    return Explanation(
        Cause.EXPIRED,
        _(
            "%(digest)s was made %(made)s, but could not be sent before it was too old%(until)s; its papers "
            "may come in a later one.",
            digest=digest_of(facts),
            made=at_time(facts, issue.composed_at),
            until=until,
        ),
    )


def _waiting(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    made = _("%(digest)s was made %(when)s", digest=digest_of(facts), when=at_time(facts, issue.composed_at))
    if delivery.status is DeliveryStatus.SENDING:
        started = f" {at_time(facts, delivery.sending_at)}" if delivery.sending_at else ""
        state = _(
            "and sending it began%(when)s; if that run was cut off, the next digest deliver settles it",
            when=started,
        )
    elif delivery.reason:
        state = _(
            "but it is not sent yet (%(why)s); digest deliver tries again", why=one_line(delivery.reason)
        )
    elif facts.last_deliver is None:
        state = _("but digest deliver has never run; start it, or digest run")
    elif facts.last_deliver.started_at < issue.composed_at:
        ran = at_time(facts, facts.last_deliver.started_at)
        state = _("but digest deliver ran last %(when)s, before that; start it, or digest run", when=ran)
    else:
        state = _("and it waits for the next digest deliver")
    return Explanation(Cause.WAITING_TO_BE_SENT, f"{made}, {state}.")
