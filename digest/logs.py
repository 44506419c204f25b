"""Logging to stderr: one line an event, without control characters and without secrets."""

import copy
import logging
import re
import sys
import time
from typing import TextIO

__all__ = ["CleanFilter", "clean_message", "set_up_logging"]

MAX_CHARS = 10_000
# Libraries that tell addresses, headers or every step at levels below this one.
_TALKATIVE = ("apscheduler", "httpcore", "httpx", "sqlalchemy", "urllib3")

# C0, DEL, C1, line and paragraph separators, direction marks and lone surrogates.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)
# Every repetition is bounded, so that no text takes long.
_SECRETS = [
    (re.compile(r"(://)[^/\s?#@]{1,500}(?:@[^/\s?#@]{0,500}){0,5}@"), r"\1***@"),
    (
        re.compile(
            r"(?i)(token|password|passwd|secret|signature|(?<![^\W_])(?:key|sig))"
            r"(['\"]?\s{0,3}[=:]\s{0,3})(?:'[^']{0,500}'|\"[^\"]{0,500}\"|[^\s&;,'\"]{1,500})"
        ),
        r"\1\2***",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,500}"), r"\1 ***"),
    # Tokens of ours (see digest.tokens), and what the secrets module makes.
    (re.compile(r"\b[a-z2-7]{5,400}-[a-z2-7]{26}\b"), "***"),
    (
        re.compile(
            r"(?<![\w-])(?=[\w-]{0,80}\d)(?=[\w-]{0,80}[A-Z])(?=[\w-]{0,80}[a-z])[\w-]{22,90}(?![\w-])",
            re.ASCII,
        ),
        "***",
    ),
]


def clean_message(text: str) -> str:
    """Make a text fit for one line of a log: control characters become spaces, secrets stars.

    Secrets are user names and passwords in URLs, values named key, token, password or secret, and
    strings that look like tokens. Only the first 10,000 characters are kept.
    """
    text = _CONTROL.sub(" ", text[:MAX_CHARS])
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class CleanFilter(logging.Filter):
    """Cleans every record's message, its arguments included, before it is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the record; it always passes."""
        record.msg = clean_message(record.getMessage())
        record.args = None
        return True


class _ConsoleFormatter(logging.Formatter):
    """``2026-08-03T07:00:00Z WARNING digest.fetcher: text``, with tracebacks indented.

    The indent shows that a line belongs to what stands above it: a message inside an exception cannot
    pass for a line of its own.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Write a record out, without what another handler may have made of its traceback."""
        record = copy.copy(record)
        record.exc_text = None
        return super().format(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - the base class's name
        text = super().formatException(ei)  # type: ignore[arg-type]
        return "\n".join(f"    {clean_message(line)}" for line in text.split("\n"))


def set_up_logging(level: str = "warning", stream: TextIO | None = None) -> None:
    """Send everything from ``level`` up to ``stream`` (stderr), and nothing anywhere else.

    Levels are debug, info, warning and error; ``ValueError`` for another. Calling it again replaces
    what the last call set. Libraries are heard from warning up only, since below that they print
    addresses and headers.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is no log level")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_ConsoleFormatter())
    handler.addFilter(CleanFilter())
    root = logging.getLogger()
    for old in [h for h in root.handlers if any(isinstance(f, CleanFilter) for f in h.filters)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
