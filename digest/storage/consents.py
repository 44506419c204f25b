"""Consents: why a reader may be written to. They go with the reader."""

from sqlmodel import Session, col, select

from digest.models import Consent

__all__ = ["add_consent", "list_consents"]


def add_consent(s: Session, consent: Consent) -> None:
    """Store that a reader may be written to."""
    s.add(consent)
    s.flush()


def list_consents(s: Session, subscriber_id: int) -> list[Consent]:
    """A reader's consents, oldest first."""
    query = select(Consent).where(Consent.subscriber_id == subscriber_id)
    return list(s.exec(query.order_by(col(Consent.given_at), col(Consent.id))))
