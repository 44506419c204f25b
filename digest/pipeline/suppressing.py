"""Suppressing: what an operator sees and says of bounces, and of addresses that are not written to."""

from datetime import datetime
from typing import Any

from digest.errors import UsageError
from digest.pipeline.readers import check_email
from digest.storage import bounces as bounce_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.text import clean_text

__all__ = ["add_suppression", "list_bounces", "list_suppressions", "remove_suppression"]

MAX_DETAIL = 200


def list_bounces(database: Database, *, limit: int) -> list[dict[str, Any]]:
    """The latest reports, newest first, JSON-ready; ``recipient`` is ``None`` where the reader is gone."""
    with database.read() as session:
        return [
            {
                "received_at": bounce.received_at.isoformat(),
                "kind": bounce.kind,
                "code": bounce.code,
                "recipient": recipient,
                "diagnostic": bounce.diagnostic,
            }
            for bounce, recipient in bounce_rows.list_bounces(session, limit=limit)
        ]


def list_suppressions(database: Database) -> list[dict[str, Any]]:
    """All addresses that are not written to, oldest first, JSON-ready."""
    with database.read() as session:
        return [
            {
                "email": row.email_key,
                "reason": row.reason,
                "detail": row.detail,
                "created_at": row.created_at.isoformat(),
            }
            for row in suppression_rows.list_suppressions(session)
        ]


def add_suppression(database: Database, email: str, *, detail: str, now: datetime) -> str:
    """Write to an address no more; return the reason that stands. Raises ``UsageError`` for no address."""
    address = check_email(email)
    detail = clean_text(detail, limit=MAX_DETAIL)
    with database.write() as session:
        row = suppression_rows.add_suppression(session, address, "operator", detail=detail, now=now)
        return row.reason


def remove_suppression(database: Database, email: str) -> None:
    """Let an address be written to again; ``UsageError`` where nothing stood in the way.

    The reader's status stays: ``digest subscriber activate`` is a decision of its own.
    """
    with database.write() as session:
        # As it was given too: what was stored by an older version may be spelt in no way checked today.
        gone = suppression_rows.delete_suppression(session, email)
        if not gone and not suppression_rows.delete_suppression(session, check_email(email)):
            raise UsageError(f"{email} is not suppressed (digest suppression list)")
