"""Structured logs on stderr: what happened and its facts, without control characters and secrets.

Modules log by the standard library, with facts as ``extra=told(seconds=1.5)``; structlog puts together
what is written. Above debug no mail address is written either: readers are named by number.

Three forms: ``console`` is a line for people, ``json`` an object a line for programs, and ``auto`` is the
former unless stderr is systemd's journal (``JOURNAL_STREAM``, see systemd.exec(5)): then lines begin with
their priority as in ``<4>`` (sd-daemon(3)), and without a time, which the journal knows.
"""

import logging
import os
import re
import secrets
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, TextIO, TypeVar

__all__ = [
    "FORMS",
    "CleanFilter",
    "clean_message",
    "hide_addresses",
    "new_run_id",
    "set_up_logging",
    "tagged",
    "told",
    "with_tags",
]

Form = Literal["auto", "console", "json"]
FORMS: tuple[Form, ...] = ("auto", "console", "json")
T = TypeVar("T")
_FACTS = "facts"

MAX_CHARS = 10_000
# Libraries that tell addresses, headers or every step at levels below this one.
_TALKATIVE = ("alembic", "apscheduler", "httpcore", "httpx", "sqlalchemy", "urllib3")

# C0, DEL, C1, line and paragraph separators, direction marks and lone surrogates.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)
# Every repetition is bounded, so that no text takes long.
_SECRETS = [
    # A password may hold what an address may not, an @ and a / too; a path such as :8000/@ada is none.
    (
        re.compile(r"(://)[^/\s?#@:\[]{0,200}:(?:(?!\d{1,5}/)\S{1,500}|\S{0,500}[^/\s])@"),
        r"\1***@",
    ),
    (re.compile(r"(://)[^/\s?#@]{1,500}(?:@[^/\s?#@]{0,500}){0,5}@"), r"\1***@"),
    (
        re.compile(
            r"(?i)(token|password|passwd|passphrase|secret|signature|apikey|(?<![^\W_])(?:key|sig|pwd))"
            r"(['\"]?\s{0,3}[=:]\s{0,3})(?:'[^']{0,500}'|\"[^\"]{0,500}\"|[^\s&;,'\"]{1,500})"
        ),
        r"\1\2***",
    ),
    (re.compile(r"(?i)\b(bearer|basic|auth (?:plain|login|xoauth2))\s+[\w.~+/=-]{8,500}"), r"\1 ***"),
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


# A mail address as it may stand in a sentence, its @ also as in a web address. Stars: what is hidden already.
# One may hold another (bounce+ada=example.org@...), so what stands before a = or / goes too.
_ADDRESS = re.compile(
    r"""(?:"[^"\n]{1,64}"|[^\s@*<>()\[\]",;:'/=](?:[^\s@*<>()\[\]",;:]{0,126}[^\s@*<>()\[\]",;:'/=])?)"""
    r"""(?:@|%40)(?:[\w.-]{1,255}|\[[\w.:]{1,64}\])"""
)


def hide_addresses(text: str) -> str:
    """The text without mail addresses; their domains go too, since one may be a single person's."""
    return _ADDRESS.sub("***@***", text)


class CleanFilter(logging.Filter):
    """Cleans every record's message, its arguments included, before it is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the record; it always passes."""
        # What comes by structlog's own loggers is a dictionary, which the formatter cleans.
        if not isinstance(record.msg, dict):
            record.msg = _clean(record.getMessage(), record.levelno)
            record.args = None
        return True


def _clean(text: str, level: int) -> str:
    cleaned = clean_message(text)
    return hide_addresses(cleaned) if level > logging.DEBUG else cleaned


# --- the run id, and other facts of all that happens within ------------------------------------------


def told(**facts: object) -> dict[str, object]:
    """Facts of one event, to be given to a logger as ``extra``; any name will do."""
    return {_FACTS: facts}


@contextmanager
def tagged(**facts: object) -> Iterator[None]:
    """Everything logged inside has these facts beside it, such as ``run="3f9a01c2"``."""
    from structlog.contextvars import bound_contextvars

    with bound_contextvars(**facts):
        yield


def with_tags(work: Callable[..., T]) -> Callable[..., T]:
    """``work`` for a thread of its own, once: what it logs has the facts of whoever made it."""
    return partial(copy_context().run, work)


def new_run_id() -> str:
    """The id of the run that this is part of, else a new one (8 hexadecimal digits)."""
    from structlog.contextvars import get_contextvars

    return str(get_contextvars().get("run") or secrets.token_hex(4))


# --- how it is written -------------------------------------------------------------------------------

Event = MutableMapping[str, Any]
# By sd-daemon(3).
_PRIORITIES: Mapping[str, int] = MappingProxyType({"debug": 7, "info": 6, "warning": 4, "error": 3})
_CRITICAL = 2


def _tell_facts(_: object, __: str, event: Event) -> Event:
    """Time, level, logger, and the facts of :func:`told`; libraries' extras are not ours to tell."""
    from structlog.contextvars import get_contextvars

    record: logging.LogRecord = event["_record"]
    facts = vars(record).get(_FACTS)
    event.update(facts if isinstance(facts, dict) else {})
    head = {
        "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": event.pop("event", ""),
    }
    # A context has no order of its own; lines alike are to look alike.
    tags = {name: event.pop(name) for name in ("run", *sorted(get_contextvars())) if name in event}
    return {**head, **tags, **event, **head}


def _clean_facts(_: object, __: str, event: Event) -> Event:
    """Every text cleaned; what is neither text nor number becomes text. A traceback becomes lines."""
    level = event["_record"].levelno
    failed, stack = event.pop("exc_info", None), event.pop("stack_info", None)
    for name, value in list(event.items()):
        if not name.startswith("_") and not isinstance(value, bool | int | float | None):
            event[name] = _clean(str(value), level)
    if failed:
        found = sys.exc_info() if failed is True else failed
        text = "".join(traceback.format_exception(*found)) + (f"\n{stack}" if stack else "")
        event["exception"] = [_clean(line, level) for line in text.splitlines() if line.strip()]
    return event


def _in_words(event: Event) -> list[str]:
    """``digest.runs: refresh ended run=3f9a01c2 new=12``, and the lines of a traceback, indented.

    The indent shows that a line belongs to what stands above it: a message inside an exception cannot
    pass for a line of its own.
    """
    facts = {name: value for name, value in event.items() if name not in _HEAD}
    words = "".join(f" {name}={_word(value)}" for name, value in facts.items())
    return [
        f"{event['logger']}: {event['event']}{words}",
        *(f"    {line}" for line in event.get("exception", ())),
    ]


_HEAD = ("time", "level", "logger", "event", "exception")


def _word(value: object) -> str:
    text = str(value)
    return repr(text) if not text or " " in text or "=" in text else text


def _console(_: object, __: str, event: Event) -> str:
    first, *others = _in_words(event)
    return "\n".join([f"{event['time']} {event['level'].upper()} {first}", *others])


def _journal(_: object, __: str, event: Event) -> str:
    priority = _PRIORITIES.get(event["level"], _CRITICAL)
    return "\n".join(f"<{priority}>{line}" for line in _in_words(event))


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether what is written there ends in the journal: its device and inode are the ones systemd named."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):  # no file at all
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _formatter(form: Form, stream: TextIO) -> logging.Formatter:
    import structlog
    from structlog.contextvars import merge_contextvars
    from structlog.stdlib import ProcessorFormatter

    render: Callable[[Any, str, Event], Any]
    if form == "json":
        render = structlog.processors.JSONRenderer()
    elif form == "auto" and _is_journal(stream, os.environ):
        render = _journal
    else:
        render = _console
    # For packages that add sources and log by structlog itself: else it would print to stdout.
    structlog.configure(
        processors=[ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return ProcessorFormatter(
        processors=[
            merge_contextvars,
            _tell_facts,
            _clean_facts,
            ProcessorFormatter.remove_processors_meta,
            render,
        ]
    )


def set_up_logging(level: str = "warning", stream: TextIO | None = None, form: Form = "auto") -> None:
    """Send everything from ``level`` up to ``stream`` (stderr), and nothing anywhere else.

    Levels are debug, info, warning and error; ``ValueError`` for another. Calling it again replaces
    what the last call set. Libraries are heard from warning up only, since below that they print
    addresses and headers.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is no log level")
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(form, stream))
    handler.addFilter(CleanFilter())
    root = logging.getLogger()
    for old in [h for h in root.handlers if any(isinstance(f, CleanFilter) for f in h.filters)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
