"""A program gets the mail whole or not at all, and its exit code is understood."""

import contextlib
import errno
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from digest.errors import DeliveryError
from digest.mailer import CommandChannel
from tests.mail_samples import MESSAGE, READER, SENDER, Ending, failed, make_mail, sent

# For a shell it begins another program, for Python it is a string: a path with a blank cannot follow "#!".
START = f"""#!/bin/sh
''':'
exec '{sys.executable}' -IS "$0" "$@"
'''
"""


class Program:
    """A script of a few lines of Python that stands in for sendmail, and notes what it was given."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "send mail"
        self.notes = folder / "notes"
        self.notes.mkdir()
        self.write("")

    def write(self, end: str) -> "Program":
        self.path.write_text(
            f"{START}"
            "import os, sys, time\n"
            f"notes = {str(self.notes)!r}\n"
            "open(notes + '/argv', 'w').write('\\n'.join(sys.argv[1:]))\n"
            "open(notes + '/environ', 'w').write('\\n'.join(os.environ))\n"
            "open(notes + '/mail', 'wb').write(sys.stdin.buffer.read())\n" + end
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        return self

    def channel(self, *options: str, timeout_s: float = 20) -> CommandChannel:
        return CommandChannel([str(self.path), *options], timeout_s=timeout_s)

    def noted(self, name: str) -> bytes:
        return (self.notes / name).read_bytes()

    @property
    def was_run(self) -> bool:
        return any(self.notes.iterdir())


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_the_mail_comes_on_the_input_and_the_addresses_as_arguments(program: Program) -> None:
    """Lines end with LF; a lone dot is content (-i); nothing is taken for an option."""
    reply = sent(program.channel("-X", "a b;$(c)"), to="-bs@reader.example")
    assert program.noted("mail") == MESSAGE.replace(b"\r\n", b"\n")
    assert program.noted("argv").decode().split("\n") == [
        *("-X", "a b;$(c)"),
        *("-i", "-f", SENDER, "--", "-bs@reader.example"),
    ]
    assert reply == f"taken by {program.path}"


def test_an_empty_sender_is_written_as_such_and_a_domain_in_ascii(program: Program) -> None:
    sent(program.channel(), sender="", to="ada@bücher.example")
    assert program.noted("argv").decode().split("\n") == ["-i", "-f", "<>", "--", "ada@xn--bcher-kva.example"]


def test_our_secrets_are_not_in_its_environment(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_SECRET_KEY", "x" * 32)
    monkeypatch.setenv("SOME_SETTING", "1")
    sent(program.channel())
    names = program.noted("environ").decode().split("\n")
    assert "SOME_SETTING" in names
    assert "DIGEST_SECRET_KEY" not in names


@pytest.mark.parametrize(
    ("code", "transient", "fatal", "stage"),
    [
        (1, True, False, "mail"),
        (64, False, True, "session"),  # usage
        (65, False, False, "mail"),  # data
        (67, False, False, "recipient"),  # no user
        (68, False, False, "recipient"),  # no host
        (69, True, False, "mail"),  # unavailable
        (70, True, True, "session"),  # software
        (71, True, True, "session"),  # system
        (72, False, True, "session"),  # system file
        (73, False, True, "session"),  # cannot create
        (74, True, False, "mail"),  # input or output
        (75, True, False, "mail"),  # try later
        (76, True, False, "mail"),  # protocol
        (77, False, True, "session"),  # permission
        (78, False, True, "session"),  # configuration
        (127, False, True, "session"),  # a shell's "not found"
    ],
)
def test_an_exit_code_means_what_sysexits_says(
    program: Program, code: int, transient: bool, fatal: bool, stage: str
) -> None:
    program.write(f"sys.stderr.write('\\n  oh\\x1b[31m no\\nmore\\n'); sys.exit({code})")
    error = failed(program.channel())
    assert (error.transient, error.fatal, error.stage) == (transient, fatal, stage)
    assert not error.uncertain
    assert error.code is None
    assert str(error) == f"The mail program {program.path} ended with code {code}: oh [31m no."


def test_a_program_that_says_much_does_not_stop_for_it(program: Program) -> None:
    program.write("sys.stdout.write('x' * 500_000); sys.stderr.write('y' * 500_000)")
    assert len(sent(program.channel())) < 600


def test_a_program_that_reads_nothing_is_no_fault_of_ours(program: Program) -> None:
    program.path.write_text(f"{START}raise SystemExit(75)\n")
    error = failed(program.channel(), message=MESSAGE * 20_000)
    assert (error.transient, error.fatal, error.uncertain) == (True, False, False)


def test_a_program_that_does_not_end_is_ended_with_all_it_started(program: Program) -> None:
    """Whether it sent the mail is not known."""
    program.write(
        f"child = os.fork()\nif child: open({str(program.notes / 'child')!r}, 'w').write(str(child))\n"
        "time.sleep(60)"
    )
    start = time.monotonic()
    error = failed(program.channel(timeout_s=1.0))
    assert 0.9 < time.monotonic() - start < 10
    assert (error.transient, error.fatal, error.uncertain) == (True, False, True)
    child = int(program.noted("child"))
    for _ in range(100):
        if not is_running(child):
            break
        time.sleep(0.05)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        # An ended one whose parent is gone too may wait for init.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_a_program_ended_by_a_signal_may_have_sent_the_mail(program: Program) -> None:
    program.write("os.kill(os.getpid(), 9)")
    error = failed(program.channel())
    assert (error.transient, error.uncertain) == (True, True)
    assert "signal 9" in str(error)


def test_where_the_end_may_not_be_sent_the_program_is_not_even_started(program: Program) -> None:
    """It would send what it has at the end of its input, however that comes about."""
    error = OSError("the disk is full")
    with pytest.raises(OSError, match="disk is full") as caught:
        program.channel().send(make_mail(), Ending(error))
    assert caught.value is error
    assert not program.was_run


def test_the_whole_mail_is_there_before_the_program_is(program: Program) -> None:
    """So that one whose giver is killed has all of it, not a half that it sends."""
    program.path.write_text(f"{START}import os, sys\nassert os.fstat(0).st_size == {len(MESSAGE) - 6}\n")
    sent(program.channel())


@pytest.mark.parametrize("name", ["/nowhere/sendmail", "no-such-program-here", "/etc"])
def test_a_program_that_is_not_there_stops_the_run_before_anything_leaves(name: str) -> None:
    ending = Ending()
    with pytest.raises(DeliveryError) as caught:
        CommandChannel([name]).send(make_mail(), ending)
    assert (caught.value.fatal, caught.value.transient) == (True, False)
    assert str(caught.value) == f"The mail program {name} is not there, or may not be run."
    assert ending.calls == 0


def test_a_full_disk_stops_the_run_before_anything_leaves(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("digest.mailer.command.tempfile.TemporaryFile", full)
    ending = Ending()
    with pytest.raises(DeliveryError, match="No space left") as caught:
        program.channel().send(make_mail(), ending)
    assert (caught.value.fatal, caught.value.transient) == (True, True)
    assert ending.calls == 0
    assert not program.was_run


def test_a_program_that_cannot_be_started_stops_the_run(program: Program) -> None:
    program.path.write_text("#!/nowhere/python\n")
    error = failed(program.channel())
    assert (error.fatal, error.uncertain) == (True, False)
    assert "cannot be started" in str(error)


def test_a_command_of_no_words_is_a_bug() -> None:
    with pytest.raises(ValueError, match="program"):
        CommandChannel([])


def test_the_recipient_stands_last(program: Program) -> None:
    sent(program.channel())
    assert program.noted("argv").decode().split("\n")[-1] == READER
