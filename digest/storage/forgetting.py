"""Forgetting: what is known of an address beside its reader's own rows, which go with the reader."""

from sqlalchemy import delete, func, or_
from sqlmodel import Session, col, select

from digest.models import Bounce, Delivery, Issue, Letter, SignUp, Subscriber, Subscription
from digest.storage.deliveries import key_of

__all__ = ["forget_address"]


def forget_address(s: Session, subscriber: Subscriber) -> None:
    """Delete what came back for a reader, the letters to them, and what was asked for at their address.

    That an address is not to be written to is not forgotten.
    """
    of_issues = (
        select(Delivery.id)
        .join(Issue, col(Issue.id) == col(Delivery.issue_id))
        .join(Subscription, col(Subscription.id) == col(Issue.subscription_id))
        .where(col(Subscription.subscriber_id) == subscriber.id)
    )
    s.exec(delete(Bounce).where(col(Bounce.delivery_id).in_(of_issues)))
    if subscriber.email is None:
        return
    spellings = {subscriber.email, subscriber.email.lower(), key_of(subscriber.email)}
    is_theirs = or_(col(Letter.recipient).in_(spellings), func.lower(col(Letter.recipient)).in_(spellings))
    of_letters = select(Delivery.id).join(Letter, col(Letter.id) == col(Delivery.letter_id)).where(is_theirs)
    s.exec(delete(Bounce).where(col(Bounce.delivery_id).in_(of_letters)))
    s.exec(delete(Letter).where(is_theirs))
    s.exec(delete(SignUp).where(col(SignUp.email_key) == key_of(subscriber.email)))
