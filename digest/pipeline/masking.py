"""Keeping secrets out of what is kept: a server may repeat the key it was sent, in a page or an error."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretStr

from digest.types import Page

__all__ = ["PLAIN_HEADERS", "mask_page", "secrets_of"]

STARS = "********"
# Shorter ones would be found in ordinary words.
MIN_CHARS = 6
# Headers that say what is wanted and by whom, and are no secrets.
PLAIN_HEADERS = frozenset({"accept", "accept-language", "user-agent", "from", "referer"})


def secrets_of(options: BaseModel, headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """What a source or an enricher sends that nobody else may read, in each form it may come back in."""
    told = [value.get_secret_value() for _, value in options if isinstance(value, SecretStr)]
    for name, value in headers:
        if name.lower() not in PLAIN_HEADERS:
            told += [value, *value.split()]
    forms = {form for one in told for form in (one, quote(one, safe=""), quote_plus(one))}
    return tuple(sorted((form for form in forms if len(form) >= MIN_CHARS), key=len, reverse=True))


def mask_page(page: Page, secrets: Sequence[str]) -> Page:
    """The page with stars in the place of secrets, in its body, its headers and its addresses."""
    if not secrets:
        return page
    body = page.body
    for secret in secrets:
        body = body.replace(secret.encode("utf-8", "replace"), STARS.encode())
    headers = tuple((name, _masked(value, secrets)) for name, value in page.headers)
    moved_to = _masked(page.moved_to, secrets) if page.moved_to else None
    return replace(page, body=body, headers=headers, moved_to=moved_to)


def _masked(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, STARS)
    return text
