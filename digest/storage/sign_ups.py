"""Sign-ups: who asked for a digest at which address, one row per address and day (UTC)."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session, col

from digest.models import SignUp
from digest.storage.bulk import table
from digest.storage.deliveries import key_of

__all__ = ["add_sign_up", "ask_again", "count_unconfirmed", "get_by_hash", "get_of_day"]

THE_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

# Made once: building a statement takes longer than running it, and crowds ask.
_ROWS = table("sign_ups")
_OWN = _ROWS.c.email_key == bindparam("key")
_OF_DAY = select(SignUp).where(
    col(SignUp.email_key) == bindparam("key"), col(SignUp.asked_on) == bindparam("day")
)
_UNCONFIRMED = select(func.count()).where(
    _OWN,
    _ROWS.c.kind == bindparam("kind"),
    _ROWS.c.confirmed_at.is_(None),
    _ROWS.c.asked_at
    > func.coalesce(
        select(func.max(_ROWS.c.confirmed_at)).where(_OWN).correlate(None).scalar_subquery(),
        bindparam("beginning", THE_BEGINNING, _ROWS.c.asked_at.type),
    ),
)
_AGAIN = update(_ROWS).where(_ROWS.c.id == bindparam("the_id"))


def get_of_day(s: Session, email: str, day: date) -> SignUp | None:
    """What was asked for at that address, upper and lower case aside, on that day."""
    return s.execute(_OF_DAY, {"key": key_of(email), "day": day}).scalars().first()


def get_by_hash(s: Session, token_hash: str) -> SignUp | None:
    """The sign-up that the token of that SHA-256 (hexadecimal) confirms."""
    return s.execute(select(SignUp).where(col(SignUp.token_hash) == token_hash)).scalars().first()


def count_unconfirmed(s: Session, email: str, kind: str) -> int:
    """On how many days an address was asked for in vain, since one of its sign-ups was last confirmed."""
    return int(s.execute(_UNCONFIRMED, {"key": key_of(email), "kind": kind}).scalar_one())


def add_sign_up(s: Session, row: SignUp) -> SignUp:
    """Store a sign-up, new or changed."""
    s.add(row)
    s.flush()
    return row


def ask_again(s: Session, row: SignUp, now: datetime, wishes: dict[str, Any] | None) -> None:
    """The same was asked for on the same day; ``wishes`` take the place of those that were stored."""
    values: dict[str, Any] = {"asked_at": now} | ({"wishes": wishes} if wishes is not None else {})
    s.connection().execute(
        _AGAIN.values(**{name: bindparam(name) for name in values}), {"the_id": row.id} | values
    )
