"""What is logged is one line, harmless to a terminal, and holds no secret."""

import io
import logging
import time
from collections.abc import Iterator
from contextlib import redirect_stderr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.logs import CleanFilter, clean_message, set_up_logging
from digest.tokens import make_token

TOKEN = make_token(b"an invented key of 32 bytes long", "feed", "42", 1)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is written at level info and above; the loggers are put back afterwards."""
    names = ["", "apscheduler", "httpcore", "httpx", "sqlalchemy", "urllib3"]
    levels = {name: logging.getLogger(name).level for name in names}
    stream = io.StringIO()
    set_up_logging("info", stream)
    yield stream
    root = logging.getLogger()
    for handler in [h for h in root.handlers if any(isinstance(f, CleanFilter) for f in h.filters)]:
        root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_a_line_says_when_where_and_what(log: io.StringIO) -> None:
    """In UTC, one line an event; arguments are filled in."""
    logging.getLogger("digest.fetcher").info("%s gave %d papers", "example.org", 13)
    line = log.getvalue()
    assert line.endswith("Z INFO digest.fetcher: example.org gave 13 papers\n")
    assert line[:11] == time.strftime("%Y-%m-%dT", time.gmtime())


def test_a_line_cannot_be_forged(log: io.StringIO) -> None:
    """Fault 50: line ends and terminal codes from outside become spaces, in messages and arguments."""
    logging.getLogger("digest").warning(
        "bad page: %s", "x\r\n2026-01-01T00:00:00Z ERROR digest: \x1b[31mforged\u2028"
    )
    assert log.getvalue().count("\n") == 1
    assert "\x1b" not in log.getvalue()


def fail(message: str) -> None:
    raise ValueError(message)


def test_a_traceback_cannot_forge_a_line_either(log: io.StringIO) -> None:
    """Its lines are indented, and cleaned like messages."""
    try:
        fail("x\n2026 ERROR forged \x1b[2J https://ada:hunter2@example.org/")
    except ValueError:
        logging.getLogger("digest").exception("a bug")
    first, *others = log.getvalue().splitlines()
    assert first.endswith("ERROR digest: a bug")
    assert len(others) >= 4
    assert all(line.startswith("    ") for line in others)
    assert "hunter2" not in log.getvalue()
    assert "\x1b" not in log.getvalue()


def test_the_level_counts_and_can_be_changed(log: io.StringIO) -> None:
    """Setting up again replaces, it does not double."""
    logging.getLogger("digest").debug("unheard")
    second = io.StringIO()
    set_up_logging("debug", second)
    logging.getLogger("digest").debug("heard")
    assert log.getvalue() == ""
    assert second.getvalue().count("heard") == 1
    with pytest.raises(ValueError, match="loud"):
        set_up_logging("loud")


def test_libraries_keep_quiet(log: io.StringIO) -> None:
    """Below warning they print addresses and headers; at debug too."""
    set_up_logging("debug", log)
    logging.getLogger("httpcore.http11").debug("Authorization: hunter2")
    logging.getLogger("httpx").info("GET https://example.org/?q=1")
    assert log.getvalue() == ""


def test_logs_go_to_stderr(log: io.StringIO) -> None:
    """Data has stdout to itself."""
    with redirect_stderr(io.StringIO()) as stderr:
        set_up_logging()
        logging.getLogger("digest").warning("look")
        logging.getLogger("digest").info("unheard")
    assert stderr.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "smtp://ada:hunter2@mail.example:587",
        "https://hunter2@example.org/x",
        "https://ada:p@hunter2@example.org/x",
        "GET https://example.org/?api_key=hunter2&date=2026-03-11",
        "GET https://example.org/?q=a&token=hunter2",
        "Authorization: Bearer hunter2hunter2",
        "authorization: Basic aHVudGVyMjpodW50ZXIy",
        "DIGEST_SECRET_KEY=hunter2",
        'x-api-key: "hunter2"',
        '{"password": "hunter2"}',
        "secret = 'hunter2 hunter2'",
    ],
)
def test_secrets_become_stars(text: str) -> None:
    """Fault 52: user names and passwords in URLs, and values by their names."""
    cleaned = clean_message(text)
    assert "***" in cleaned
    assert "hunter2" not in cleaned
    assert "aHVudGVy" not in cleaned


@pytest.mark.parametrize(
    "text",
    [f"GET /feeds/{TOKEN}.rss 200", f"leave+{TOKEN}@example.org", "/f/uG3x_9QkLm2-Zt7PwV4bNc8RyS1dEo/atom"],
)
def test_tokens_become_stars(text: str) -> None:
    """Ours, and random ones of the secrets module."""
    cleaned = clean_message(text)
    assert TOKEN not in cleaned
    assert "uG3x" not in cleaned
    assert "***" in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/@ada/papers?date=2026-03-11: 41 papers, complete",
        "paper 2401.00001 (10.1000/xyz-123) is new; monkeys: 3, keys 4, tokens: 900",
        "Retrieval-Augmented-Generation-For-Everybody-And-More is the title",
        "ada@example.org: 250 2.0.0 Ok",
    ],
)
def test_the_rest_stays(text: str) -> None:
    """A log is there to be read."""
    assert clean_message(text) == text


@given(st.text())
def test_any_text_becomes_one_line(text: str) -> None:
    """No control character is left, whatever comes."""
    cleaned = clean_message(text)
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode()


@pytest.mark.parametrize(
    "unit", ["://a", "://" + "a@", "key=", "token", "Bearer ", "aB3-", "a" * 500, "x-", "'key'"]
)
def test_cleaning_is_fast(unit: str) -> None:
    """Fault 15: a megabyte of what a pattern likes does not keep us busy."""
    started = time.monotonic()
    clean_message(unit * (1_000_000 // len(unit)))
    assert time.monotonic() - started < 1
