"""The letters there are: what each says."""

from datetime import datetime, timedelta

from digest.models import Letter

__all__ = ["make_test_letter"]

TEST_LIFE = timedelta(hours=20)


def make_test_letter(list_name: str, recipient: str, now: datetime, *, key: str = "") -> Letter:
    """A short mail that proves the way; each is sent, unless ``key`` says which one it is."""
    words = "This is a test: mail from your paper digest arrives."
    page = f'<html lang="en"><head><title>Test</title></head><body><p>{words}</p></body></html>'
    return Letter(
        kind="test",
        recipient=recipient,
        key=key or now.isoformat(),
        subject=f"{list_name}: a test",
        text=f"{words}\n",
        html=f"<!DOCTYPE html>{page}\n",
        created_at=now,
        expires_at=now + TEST_LIFE,
    )
