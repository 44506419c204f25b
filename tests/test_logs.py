"""What is logged is one line, harmless to a terminal, and holds no secret."""

import io
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stderr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.logs import (
    CleanFilter,
    clean_message,
    hide_addresses,
    new_run_id,
    set_up_logging,
    tagged,
    told,
    with_tags,
)
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
        "apikey=hunter2",
        "passphrase: hunter2",
        "DB_PWD=hunter2",
        "AUTH PLAIN aHVudGVyMjpodW50ZXIy",
        "smtp://ada:pa@hunter2/word@mail.example:587",
        "smtp://ada:hunter2/@mail.example:587",
        "smtp://ada:1234/hunter2@mail.example:587",
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
        "http://127.0.0.1:8000/@ada/papers and http://[::1]:8000/@ada/papers",
        "the server offers AUTH PLAIN LOGIN",
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
    "unit",
    ["://a", "://" + "a@", "://a:", "://:1/@", "key=", "token", "Bearer ", "aB3-", "a" * 500, "x-", "'key'"],
)
def test_cleaning_is_fast(unit: str) -> None:
    """Fault 15: a megabyte of what a pattern likes does not keep us busy."""
    started = time.monotonic()
    clean_message(unit * (1_000_000 // len(unit)))
    assert time.monotonic() - started < 1


# --- facts, and the id of a run ----------------------------------------------------------------------


def test_facts_stand_behind_what_happened(log: io.StringIO) -> None:
    """Each as name=value; what has blanks between quotes, so that it can be taken apart again."""
    logging.getLogger("digest.runs").info(
        "run ended", extra=told(new=12, ok=True, error="no answer", name="")
    )
    assert log.getvalue().endswith("INFO digest.runs: run ended new=12 ok=True error='no answer' name=''\n")


def test_facts_are_cleaned_like_messages(log: io.StringIO) -> None:
    """Secrets, addresses and line ends in a value, and in what only becomes text."""
    logging.getLogger("digest").warning(
        "x", extra=told(url="smtp://ada:hunter2@mail.example", why=ValueError("a\nb ada@example.org"))
    )
    assert log.getvalue().count("\n") == 1
    assert not [word for word in ("hunter2", "ada@", "ada:") if word in log.getvalue()]
    assert "***@mail.example" in log.getvalue()


@pytest.mark.parametrize("name", ["name", "msg", "args", "message", "asctime", "level"])
def test_any_name_will_do_for_a_fact(log: io.StringIO, name: str) -> None:
    """Those of the standard library's records too, which raise as a plain ``extra``."""
    logging.getLogger("digest").info("x", extra=told(**{name: 5}))
    assert log.getvalue().count("\n") == 1


def test_what_libraries_have_on_their_records_is_not_told(log: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("x", extra={"color_message": "\x1b[31mx", "client": "ada"})
    assert log.getvalue().endswith("WARNING uvicorn.error: x\n")


def test_all_that_happens_in_a_run_has_its_id(log: io.StringIO) -> None:
    """Inside another run it is the other's; afterwards it is gone."""
    with tagged(run=new_run_id()):
        outer = new_run_id()
        with tagged(run=new_run_id(), use_case="refresh"):
            logging.getLogger("digest").info("inside")
    logging.getLogger("digest").info("outside")
    inside, outside = log.getvalue().splitlines()
    assert inside.endswith(f"inside run={outer} use_case=refresh")
    assert len(outer) == 8
    assert outside.endswith("outside")
    assert new_run_id() != new_run_id()


def test_threads_that_work_for_a_run_have_its_id_too(log: io.StringIO) -> None:
    """Several at once, each with a context of its own."""

    def work() -> None:
        logging.getLogger("digest").info("at work")

    with tagged(run="0123abcd"):
        threads = [threading.Thread(target=with_tags(work)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.getvalue().count("at work run=0123abcd\n") == 3


def test_structlogs_own_loggers_write_the_same(log: io.StringIO) -> None:
    """A package that adds a source may use them; they must not print to stdout, where data goes."""
    import structlog

    structlog.stdlib.get_logger("other").warning(
        "odd\npage", url="https://ada:hunter2@example.org/", to="a@b.org"
    )
    assert log.getvalue().endswith("WARNING other: odd page url=https://***@example.org/ to=***@***\n")


# --- addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org", "<ada@example.org>:", "to=ada.love+tag@mail.example.org,", "Ada <ada@example.org>",
        '"ada lovelace"@example.org', "ada%40example.org", "bücher@bücher.example", "ada@localhost",
        "o'ada@example.org", "mailto:ada@example.org?subject=x", "(ada@example.org)", "to/ada@example.org",
        "bounce+ada=example.org@lists.example", "ada@[192.0.2.1]", "ada/example=x@[IPv6:2001:db8::1]",
        "prvs=12ab=ada@example.org", "ada's/lovelace@example.org",
    ],
)  # fmt: skip
def test_no_address_is_written_above_debug(log: io.StringIO, text: str) -> None:
    """In messages, arguments, facts and tracebacks; at debug they are there to find out with."""
    logging.getLogger("digest").info("sent to %s", text)
    logging.getLogger("digest").error("x", extra=told(who=text))
    try:
        fail(text)
    except ValueError:
        logging.getLogger("digest").exception("a bug with %s", text)
    for word in (
        "ada@",
        "ada%40",
        "ada=",
        "ada'",
        "example",
        "lovelace",
        "bücher",
        "localhost",
        "192.0",
        "2001:",
    ):
        assert word not in log.getvalue().lower()
    set_up_logging("debug", log)
    logging.getLogger("digest").debug("sent to %s", text)
    assert log.getvalue().endswith(f"sent to {text}\n")


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/@ada/papers",
        "smtp://***@mail.example:587",
        "5 @ 3",
        "list[0]@x: 41 papers",
        "@ada says",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert hide_addresses(text) == text


@pytest.mark.parametrize("unit", ["a", "a@", "@", '"', "a.", "a%40", "ü@", "a=", "a@["])
def test_hiding_addresses_is_fast(unit: str) -> None:
    started = time.monotonic()
    hide_addresses(unit * (10_000 // len(unit)))
    assert time.monotonic() - started < 1


# --- forms -------------------------------------------------------------------------------------------


def test_json_is_an_object_a_line(log: io.StringIO) -> None:
    """With the time, the facts as they are, and a traceback as lines."""
    set_up_logging("info", log, "json")
    with tagged(run="0123abcd"):
        logging.getLogger("digest.runs").info("run ended", extra=told(new=12, ok=True, day=None))
    try:
        fail("x\n{} ada@example.org")
    except ValueError:
        logging.getLogger("digest").exception("a bug\u2028")
    first, second = (json.loads(line) for line in log.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info", "logger": "digest.runs", "event": "run ended", "run": "0123abcd",
        "new": 12, "ok": True, "day": None,
    }  # fmt: skip
    assert second["exception"][-1] == "{} ***@***"
    assert second["level"] == "error"


def test_for_the_journal_every_line_begins_with_its_priority(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str], log: io.StringIO
) -> None:
    """As sd-daemon(3) has them; the journal knows the time itself, and each line is an entry of its own."""
    with open(os.path.join(tmp_path, "journal"), "w+") as stream:  # noqa: PTH118, PTH123
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        set_up_logging("debug", stream)
        logger = logging.getLogger("digest")
        for level in ("debug", "info", "warning", "error", "critical"):
            logger.log(logging.getLevelNamesMapping()[level.upper()], "x")
        try:
            fail("a\nb")
        except ValueError:
            logger.exception("bug")
        stream.seek(0)
        lines = stream.read().splitlines()
        set_up_logging("info", stream, "console")
        logger.info("for people")
        stream.seek(0)
        assert stream.read().splitlines()[-1].endswith("Z INFO digest: for people")
    assert lines[:5] == [f"<{number}>digest: x" for number in (7, 6, 4, 3, 2)]
    assert lines[5] == "<3>digest: bug"
    assert all(line.startswith("<3>    ") for line in lines[6:])
    assert len(lines) >= 10


@pytest.mark.parametrize("named", ["", "1:2", "nonsense"])
def test_another_stream_than_the_journals_is_for_people(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO, named: str
) -> None:
    """``digest … 2> file`` in a service: the variable is there, and stderr is not what it names."""
    monkeypatch.setenv("JOURNAL_STREAM", named)
    set_up_logging("info", log)
    logging.getLogger("digest").info("x")
    assert log.getvalue().endswith("Z INFO digest: x\n")
