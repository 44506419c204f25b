"""Sending by a program that takes mail as sendmail does (sendmail, Postfix, Exim, msmtp, ...)."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import IO

from digest.errors import DeliveryError
from digest.mailer.channel import Mail, check_address, check_sender

__all__ = ["CommandChannel"]

MAX_WORDS = 300
# sysexits.h: what is for good and whose fault it is. All else may pass: also 69, which Postfix gives for a
# mail system that is down, and 75. An unknown recipient is often found out later, and comes as a bounce.
_MAIL_REFUSED = {65: "mail", 67: "recipient", 68: "recipient"}
_BROKEN = {64, 72, 73, 77, 78, 126, 127}
_BROKEN_FOR_NOW = {70, 71}


class CommandChannel:
    """Runs ``argv -i -f sender -- recipient`` for each mail, without a shell, the mail on its input.

    The program sees the mail's end as soon as it starts: it reads from a finished file, not from a pipe,
    since a pipe ends where this process is killed, and programs like these then send the half they have.
    So ``before_end`` is called before the program is started. Lines end with LF, as these programs want.

    A program that takes longer than ``timeout_s``, or is ended by a signal, leaves it uncertain whether
    the mail was taken. Errors: a program that is missing or says it is set up wrongly is ``fatal``.
    """

    name = "command"
    idempotent = False

    def __init__(self, argv: Sequence[str], *, timeout_s: float = 300.0) -> None:
        if not argv:
            raise ValueError("a command has at least its program")
        self._argv = tuple(argv)
        self._timeout_s = timeout_s

    def send(self, mail: Mail, before_end: Callable[[], None]) -> str:
        """Hand one mail to the program; returns what it said, or that it took the mail."""
        sender, to = check_sender(mail.envelope_from), check_address(mail.recipient)
        program = shutil.which(self._argv[0])
        if program is None:
            raise self._broken("is not there, or may not be run")
        argv = [program, *self._argv[1:], "-i", "-f", sender or "<>", "--", to]
        with self._lay_down(mail.message) as content:
            before_end()
            code, words = self._run(argv, content)
        return self._judge(code, words)

    def close(self) -> None:
        """Nothing is held open."""

    def _lay_down(self, message: bytes) -> IO[bytes]:
        """The mail in a file without a name, to be read from its beginning."""
        try:
            content = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
            try:
                lines = memoryview(message.replace(b"\r\n", b"\n"))
                while lines:
                    lines = lines[content.write(lines) :]
                content.seek(0)
            except BaseException:
                content.close()
                raise
        except OSError as error:
            raise self._broken(f"cannot be fed: {error.strerror or error}", transient=True) from error
        return content

    def _run(self, argv: Sequence[str], content: IO[bytes]) -> tuple[int, str]:
        """Exit code and first words of the program; what it says goes to a file, which never fills up."""
        with tempfile.TemporaryFile() as said:
            try:
                program = subprocess.Popen(  # noqa: S603 - the operator's own program, and no shell
                    argv,
                    stdin=content,
                    stdout=said,
                    stderr=said,
                    env={name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")},
                    # Its own group, so that it ends with all it started, and not by the terminal's Ctrl-C.
                    start_new_session=True,
                )
            except OSError as error:
                raise self._broken(f"cannot be started: {error.strerror or error}") from error
            try:
                code = program.wait(self._timeout_s)
            except subprocess.TimeoutExpired as error:
                raise self._unanswered(f"did not end within {self._timeout_s:g} seconds") from error
            finally:
                if program.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(program.pid, signal.SIGKILL)
                    program.wait()
            said.seek(0)
            return code, _first_line(said.read(4096))

    def _judge(self, code: int, words: str) -> str:
        if code == 0:
            return f"taken by {self._argv[0]}" + (f": {words}" if words else "")
        if code < 0:
            raise self._unanswered(f"was ended by signal {-code}")
        what = f"ended with code {code}" + (f": {words}" if words else "")
        if code in _BROKEN or code in _BROKEN_FOR_NOW:
            raise self._broken(what, transient=code in _BROKEN_FOR_NOW)
        raise DeliveryError(
            f"The mail program {self._argv[0]} {what}.",
            transient=code not in _MAIL_REFUSED,
            stage=_MAIL_REFUSED.get(code, "mail"),
        )

    def _broken(self, what: str, *, transient: bool = False) -> DeliveryError:
        return DeliveryError(
            f"The mail program {self._argv[0]} {what}.", transient=transient, stage="session", fatal=True
        )

    def _unanswered(self, what: str) -> DeliveryError:
        return DeliveryError(
            f"The mail program {self._argv[0]} {what}; the mail may have been sent.",
            transient=True,
            stage="mail",
            uncertain=True,
        )


def _first_line(said: bytes) -> str:
    for line in said.decode("utf-8", "replace").splitlines():
        words = "".join(letter if letter.isprintable() else " " for letter in line)
        if words.strip():
            return " ".join(words.split())[:MAX_WORDS].rstrip(".")
    return ""
