"""The operator's password: its hash, the check, the command that makes it, and how often one may try."""

import io
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.checking import read_settings
from digest.errors import ConfigError, TooManyError, UsageError
from digest.pipeline import passwords
from digest.pipeline.passwords import Door, check_hash, check_password, hash_password
from tests.cli_runner import run

PASSWORD = "correct horse battery"
# Made once: tests are named by parts of it, and their names must be the same in every process.
HASH = "scrypt$16384$8$5$9ZXydCzKC8LIqfGzhqZIHQ$O8hI6dSridrSxig50ZCb-w4V6PdSAgT5czOYwqk784c"
SALT, MADE = HASH.split("$")[4:]


def test_a_password_opens_its_own_hash_only() -> None:
    assert check_password(HASH, PASSWORD)
    for wrong in ("", "correct horse batterz", PASSWORD + " ", PASSWORD.upper(), "x" * 100_000):
        assert not check_password(HASH, wrong)


def test_the_same_password_has_another_hash_each_time() -> None:
    assert hash_password(PASSWORD) != HASH
    assert HASH.startswith("scrypt$16384$8$5$")


def test_how_a_keyboard_composes_a_letter_does_not_matter() -> None:
    """NFC and NFD of the same letters."""
    assert check_password(hash_password("pässwörter!"), "pa\u0308sswo\u0308rter!")


@pytest.mark.parametrize("password", ["", "123456789", "x" * 1001])
def test_what_is_too_short_or_too_long_is_no_password(password: str) -> None:
    with pytest.raises(UsageError, match="at least 10 characters"):
        hash_password(password)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "correct horse battery",
        f"bcrypt$16384$8$5${SALT}${MADE}",
        f"scrypt$16384$8$5${SALT}",
        f"scrypt$16383$8$5${SALT}${MADE}",
        f"scrypt$0$8$5${SALT}${MADE}",
        f"scrypt$16384$0$5${SALT}${MADE}",
        f"scrypt$16384$8$5${SALT}${MADE[:-4]}",
        f"scrypt$16384$8$5$c2FsdA${MADE}",
        f"scrypt$16384$8$5${SALT}${MADE}=",
        f"scrypt$16384$8$5${SALT}${MADE}\n",
        f"scrypt$1048576$8$1${SALT}${MADE}",
        f"scrypt$65536$8$20${SALT}${MADE}",
    ],
)
def test_a_malformed_or_costly_hash_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        check_hash(text)


@settings(max_examples=200)
@given(st.text(max_size=80) | st.from_regex(r"scrypt\$[0-9]{1,9}\$[0-9]{1,4}\$[0-9]{1,4}\$.*\$.*"))
def test_no_text_does_anything_but_pass_or_be_refused(text: str) -> None:
    try:
        check_hash(text)
    except UsageError:
        return
    assert text.startswith("scrypt$")


def test_a_wrong_hash_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told with all other faults, and without the value."""
    monkeypatch.setenv("DIGEST_ADMIN_PASSWORD_HASH", "my-password-itself")
    with pytest.raises(ConfigError, match="digest web password") as refused:
        read_settings()
    assert "my-password-itself" not in str(refused.value)
    monkeypatch.setenv("DIGEST_ADMIN_PASSWORD_HASH", HASH)
    assert read_settings().admin_password_hash is not None


def test_a_wrong_password_takes_as_long_as_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work is done for each: counted, since a clock on a busy machine proves nothing."""
    work: list[int] = []
    inner = passwords.hashlib.scrypt
    monkeypatch.setattr(passwords.hashlib, "scrypt", lambda *a, **k: work.append(k["n"]) or inner(*a, **k))
    for given_one in (PASSWORD, "", "wrong", "x" * 100_000):
        check_password(HASH, given_one)
    assert work == [16384] * 4


def test_a_crowd_takes_the_memory_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, most = 0, 0

    def slow(*_: object, **__: object) -> bytes:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        time.sleep(0.02)
        busy -= 1
        return bytes(32)

    monkeypatch.setattr(passwords.hashlib, "scrypt", slow)
    crowd = [threading.Thread(target=check_password, args=(HASH, "wrong")) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert most == 1


def test_five_attempts_a_minute_from_a_network_and_fifty_an_hour_in_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "check_password", lambda text, given: given == PASSWORD)
    door = Door()
    assert [door.opens(HASH, "wrong", "192.0.2.0/24") for _ in range(5)] == [False] * 5
    with pytest.raises(TooManyError):
        door.opens(HASH, PASSWORD, "192.0.2.0/24")
    assert door.opens(HASH, PASSWORD, "198.51.100.0/24")
    for number in range(44):
        door.opens(HASH, "wrong", str(number))
    with pytest.raises(TooManyError) as refused:
        door.opens(HASH, PASSWORD, "203.0.113.0/24")
    assert refused.value.retry_after_s > 60


def test_the_command_reads_one_line_and_prints_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\nmore\n"))
    ran = run("web", "password")
    assert ran.code == 0
    assert check_password(ran.out.strip(), PASSWORD)
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert run("web", "password").code == 2


def test_at_a_terminal_it_asks_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter([PASSWORD, PASSWORD, PASSWORD, "something else"])
    monkeypatch.setattr("typer.prompt", lambda *_, **how: next(answers) if how["hide_input"] else "")
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert check_password(run("web", "password").out.strip(), PASSWORD)
    ran = run("web", "password")
    assert (ran.code, ran.out) == (2, "")
    assert "two different passwords" in ran.err


def test_serving_is_still_a_command_of_its_own() -> None:
    """``digest web --host --port`` is a fixed interface."""
    ran = run("web", "--host", "no.such.host.invalid", "--port", "0")
    assert ran.code == 1
    assert "cannot listen on no.such.host.invalid" in ran.err
