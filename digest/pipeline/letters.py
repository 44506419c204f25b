"""The letters there are: what each says."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from digest.models import Letter
from digest.render import render_letter
from digest.templating import wrap

__all__ = ["make_operator_letter", "make_test_letter"]

TEST_LIFE = timedelta(hours=20)
# What concerns the operator is still worth reading after a weekend without mail.
OPERATOR_LIFE = timedelta(days=7)


def make_test_letter(list_name: str, recipient: str, now: datetime, *, key: str = "") -> Letter:
    """A short mail that proves the way; each is sent, unless ``key`` says which one it is."""
    words = "This is a test: mail from your paper digest arrives."
    subject = f"{list_name}: a test"
    return _letter("test", recipient, key or now.isoformat(), subject, list_name, [words], now, TEST_LIFE)


def make_operator_letter(
    list_name: str, recipient: str, key: str, heading: str, lines: Sequence[str], now: datetime
) -> Letter:
    """A word to the person who runs this; ``key`` says which one it is, so that it is sent once."""
    return _letter("operator", recipient, key, f"{list_name}: {heading}", heading, lines, now, OPERATOR_LIFE)


def _letter(
    kind: str,
    recipient: str,
    key: str,
    subject: str,
    heading: str,
    lines: Sequence[str],
    now: datetime,
    life: timedelta,
) -> Letter:
    return Letter(
        kind=kind,
        recipient=recipient,
        key=key,
        subject=subject,
        text="\n\n".join("\n".join(wrap(line)) for line in lines) + "\n",
        html=render_letter(subject, heading, lines),
        created_at=now,
        expires_at=now + life,
    )
