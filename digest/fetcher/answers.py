"""What an answer means: the verdict of each status, and what is kept of an answer as evidence."""

from datetime import datetime

from digest.errors import FetchError
from digest.fetcher.connection import Answer, TransientFetchError
from digest.fetcher.hops import Hop, broken
from digest.fetcher.manners import is_challenge, parse_http_date, parse_rate_limit, parse_retry_after
from digest.types import Page, Verdict

__all__ = ["evidence_headers", "make_page", "refuse", "retry_after_s"]

MAX_HEADERS = 50
MAX_HEADER_CHARS = 4096
# A reader of stored pages has no use for these, and a thief has.
_SECRET_HEADERS = frozenset(
    (
        "authentication-info",
        "authorization",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
    )
)


def refuse(hop: Hop, answer: Answer, *, now: datetime) -> None:
    """Raise ``FetchError`` for every answer but a 200 and a 304 that was asked for."""
    host, status = hop.target.host, answer.status
    wait = retry_after_s(answer, now=now)
    if is_challenge(answer.header):
        raise FetchError(
            f"{host} wants to see that a person is asking (status {status})",
            verdict=Verdict.BLOCKED,
            retry_after_s=wait,
        )
    if status in (403, 429):
        kind = FetchError if status == 403 or wait is None else TransientFetchError
        raise kind(
            f"{host} does not let us in (status {status})", verdict=Verdict.BLOCKED, retry_after_s=wait
        )
    if status >= 500:
        raise TransientFetchError(f"{host} has a fault of its own (status {status})", retry_after_s=wait)
    if status == 304 and not hop.validators:
        raise broken(f"{host} says that nothing changed, without having been asked")
    if status not in (200, 304):
        raise broken(f"{host} answered with status {status}")


def retry_after_s(answer: Answer, *, now: datetime) -> float | None:
    """What Retry-After says, by the server's own clock if it shows one; else its used-up quota."""
    server_now = parse_http_date(answer.header("date")) or now
    asked = parse_retry_after(answer.header("retry-after"), now=server_now)
    return parse_rate_limit(answer.header("ratelimit")) if asked is None else asked


def make_page(hop: Hop, answer: Answer, body: bytes, *, now: datetime, moved_to: str | None) -> Page:
    """The answer as a page. A 304 keeps the validators that were sent."""
    not_modified = answer.status == 304
    sent = dict(hop.validators) if not_modified else {}
    return Page(
        url=hop.target.url,
        status=answer.status,
        body=body,
        fetched_at=now,
        content_type=answer.header("content-type")[:200],
        etag=_validator(answer.header("etag")) or sent.get("if-none-match"),
        last_modified=_validator(answer.header("last-modified")) or sent.get("if-modified-since"),
        not_modified=not_modified,
        moved_to=moved_to,
        headers=evidence_headers(answer),
    )


def evidence_headers(answer: Answer) -> tuple[tuple[str, str], ...]:
    """The headers worth keeping: no cookies or credentials, at most 50, 4,096 characters in all.

    What is too long as a whole is left out, since half a value is none.
    """
    kept: list[tuple[str, str]] = []
    left = MAX_HEADER_CHARS
    for name, value in answer.headers:
        size = len(name) + len(value)
        if name in _SECRET_HEADERS or size > left or len(kept) == MAX_HEADERS:
            continue
        left -= size
        kept.append((_printable(name), _printable(value)))
    return tuple(kept)


def _printable(value: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in value)


def _validator(value: str) -> str | None:
    """An ETag or date worth keeping: it will be sent back as it is."""
    return value if 0 < len(value) <= 512 and value.isascii() and value.isprintable() else None
