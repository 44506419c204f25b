"""Sending by SMTP (RFC 5321, with 1870, 2920, 6152 and 6531). Passwords stand in no error and no ``repr``."""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from digest.errors import DeliveryError
from digest.mailer.channel import Mail, check_address, check_sender
from digest.mailer.smtp_session import Session, open_session
from digest.mailer.smtp_url import SmtpUrl
from digest.mailer.smtp_wire import Reply, double_dots, make_lines, read_words

__all__ = ["SmtpChannel"]

# Replies that mean "log in (differently) first" wherever they come.
_NOT_LOGGED_IN = (530, 534, 535, 538)
_BAD_SEQUENCE = 503
_TOO_LARGE = 552
# What each command is about, and the answers with which the next one may follow.
_STEPS = (("sender", (250,)), ("recipient", (250, 251, 252)), ("mail", (354,)))


@dataclass(frozen=True, slots=True)
class _Letter:
    """A mail ready for the line: ``lines`` end with CRLF and have no doubled dots yet."""

    sender: str
    to: str
    lines: bytes

    def commands(self, session: Session, host: str) -> list[bytes]:
        """MAIL, RCPT and DATA as this server takes them; smtplib's own ways read addresses leniently.

        Raises ``DeliveryError`` where the server cannot be asked for what the mail needs.
        """
        mail = f"MAIL FROM:<{self.sender}>"
        if session.has_extn("size"):
            mail += f" SIZE={len(self.lines)}"
        if not (self.sender + self.to).isascii():
            if not session.has_extn("smtputf8"):
                raise self._needs_utf8(host)
            mail += " SMTPUTF8" if self.lines.isascii() else " BODY=8BITMIME SMTPUTF8"
        commands = (mail, f"RCPT TO:<{self.to}>", "DATA")
        # Checked addresses have no line end; should one slip through, then not to the server.
        assert not any("\r" in command or "\n" in command for command in commands)  # noqa: S101
        return [f"{command}\r\n".encode() for command in commands]

    def _needs_utf8(self, host: str) -> DeliveryError:
        stage, address = ("recipient", self.to) if self.sender.isascii() else ("sender", self.sender)
        return DeliveryError(
            f"The mail server {host} takes only ASCII addresses; {address} has other letters.",
            transient=False,
            stage=stage,
            fatal=stage == "sender",
        )


class SmtpChannel:
    """Sends by one SMTP connection, kept open between mails and opened anew where it was lost.

    A connection serves ``max_mails`` mails and ``max_age_s`` seconds; after ``idle_s`` of rest it is asked
    (NOOP) whether it still lives. ``timeout_s`` bounds each wait for the server, and ``mail_timeout_s``
    all that precedes a mail's final dot. ``final_timeout_s`` bounds the wait for the answer to the dot, where
    giving up early means not knowing (RFC 5321, 4.5.3.2.6 asks for ten minutes). So a mail holds its thread
    for the last two together at most. ``tls`` replaces the default context, which checks certificate and
    host name. Not thread-safe but for :meth:`cut`.

    Errors: no session (unreachable, TLS, log-in) is ``fatal``, as is a refused sender: the row is not to
    blame. 4xx and a lost connection are ``transient``; 5xx to the recipient or the mail is neither.
    """

    name = "smtp"
    idempotent = False

    def __init__(
        self,
        url: SmtpUrl,
        *,
        timeout_s: float = 30.0,
        final_timeout_s: float = 300.0,
        mail_timeout_s: float = 600.0,
        max_mails: int = 100,
        max_age_s: float = 300.0,
        idle_s: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self._timeout_s, self._mail_timeout_s = timeout_s, mail_timeout_s
        self._final_timeout_s = final_timeout_s
        self._max_mails, self._max_age_s, self._idle_s = max_mails, max_age_s, idle_s
        self._tls = tls
        self._session: Session | None = None
        self._opened_at = self._used_at = 0.0
        self._mails = 0
        self._is_between_mails = True
        self._cut = threading.Event()

    def send(self, mail: Mail, before_end: Callable[[], None]) -> str:
        """Send one mail to one recipient; returns the server's reply, queue id and all.

        The message is ASCII; for an address with other letters it may be UTF-8 (RFC 6532).
        """
        sender, to = check_sender(mail.envelope_from), check_address(mail.recipient)
        if not mail.message.isascii() and (sender + to).isascii():
            fault = "The mail is not plain ASCII; this is a fault of the program."
            raise DeliveryError(fault, transient=False, stage="mail")
        lines = mail.message if mail.is_canonical else make_lines(mail.message)
        letter = _Letter(sender, to, lines)
        try:
            session = self._begin(letter)
            self._stream(session, lines if mail.is_canonical else double_dots(lines))
            before_end()
            return self._finish(session)
        finally:
            if not self._is_between_mails:
                # The server must not take what comes next for the rest of this mail, and never sees its end.
                self._drop()

    def close(self) -> None:
        """Say goodbye and close; sending again opens the connection anew."""
        session, self._session = self._session, None
        if session is not None:
            session.say_goodbye()

    def cut(self) -> None:
        """Break the connection from any thread, for good: for who must leave now.

        A mail under way fails at once, and says truthfully whether it may have arrived. No further mail
        leaves.
        """
        self._cut.set()
        session = self._session
        if session is not None:
            session.cut()

    # --- one mail ---

    def _begin(self, letter: _Letter) -> Session:
        """Open the mail on the kept connection if that still answers, else on a new one."""
        session = self._rested()
        # If the server ended the connection meanwhile, that is no fault of this mail.
        if session is not None and self._open_mail(session, letter, is_kept=True):
            return session
        session = self._connect()
        self._open_mail(session, letter, is_kept=False)
        return session

    def _open_mail(self, session: Session, letter: _Letter, *, is_kept: bool) -> bool:
        """MAIL, RCPT, DATA. Returns False where a kept connection turned out to be dead; raises all else."""
        commands = letter.commands(session, self._url.host)
        self._is_between_mails = False
        self._mails += 1
        replies: list[Reply] = []
        try:
            _converse(session, commands, replies)
        except OSError as error:
            if is_kept and not replies:
                self._drop()
                return False
            raise self._lost(_STEPS[len(replies)][0], error) from error
        if is_kept and replies[0].code in (421, -1):
            self._drop()
            return False
        for (stage, codes), reply in zip(_STEPS, replies, strict=False):
            if reply.code not in codes:
                self._refuse(stage, reply, last=replies[-1])
        if session.unread:
            # More answers than questions: the next ones would be taken for answers to something else.
            raise self._lost("mail", ConnectionError("the server's answers are out of step"))
        return True

    def _stream(self, session: Session, data: bytes) -> None:
        try:
            session.write(data)
        except OSError as error:
            raise self._lost("mail", error) from error

    def _finish(self, session: Session) -> str:
        """The final dot; from here on the difference between "not sent" and "not known" matters."""
        session.timeout_s = self._final_timeout_s
        session.deadline = time.monotonic() + self._final_timeout_s
        try:
            # Had it failed, the dot would not be out, so the mail is not complete.
            session.write(b".\r\n")
        except OSError as error:
            raise self._lost("mail", error) from error
        try:
            reply = session.read()
        except OSError as error:
            raise self._unanswered() from error
        if not 200 <= reply.code < 300 and not 400 <= reply.code < 600:
            raise self._unanswered()
        session.timeout_s = self._timeout_s
        if reply.code >= 400:
            self._refuse("mail", reply, last=reply)
        self._is_between_mails = True
        self._used_at = time.monotonic()
        return read_words(self._url, reply.code, reply.text)

    # --- what went wrong ---

    def _refuse(self, stage: str, reply: Reply, *, last: Reply) -> NoReturn:
        """Raise what a refusal means; leaves the connection ready for the next mail, or closed.

        ``last`` is what the server said last. Where that is an invitation to send a mail that nobody is
        to receive, or not to be understood, hanging up is what surely delivers nothing.
        """
        permanent = 500 <= reply.code < 600 and reply.code != _BAD_SEQUENCE
        # A refused sender is refused for every reader; only "too large" is about this mail.
        fatal = reply.code in _NOT_LOGGED_IN or (stage == "sender" and permanent and reply.code != _TOO_LARGE)
        verb = "refused" if permanent else "deferred"
        words = read_words(self._url, reply.code if reply.code > 0 else None, reply.text)
        error = DeliveryError(
            f"The mail server {self._url.host} {verb} the {stage}: {words}",
            transient=not permanent,
            code=reply.code if reply.code > 0 else None,
            enhanced=reply.enhanced,
            stage=stage,
            fatal=fatal,
        )
        if not last.is_final:
            self._is_between_mails = self._reset()
        raise error

    def _reset(self) -> bool:
        assert self._session is not None  # noqa: S101
        self._used_at = time.monotonic()
        try:
            return self._session.ask(b"RSET\r\n").code == 250
        except OSError:
            return False

    def _lost(self, stage: str, error: Exception) -> DeliveryError:
        return DeliveryError(
            f"The connection to {self._url.host} was lost before the mail was complete"
            f" ({read_words(self._url, None, str(error))}).",
            transient=True,
            stage=stage,
        )

    def _unanswered(self) -> DeliveryError:
        return DeliveryError(
            f"The mail was sent to {self._url.host} completely, but no answer came; it may have arrived.",
            transient=True,
            stage="mail",
            uncertain=True,
        )

    # --- the connection ---

    def _rested(self) -> Session | None:
        """The kept connection, if it may serve another mail and, after a rest, still answers."""
        session, now = self._session, time.monotonic()
        if session is None:
            return None
        session.deadline = now + self._mail_timeout_s
        if self._mails >= self._max_mails or now - self._opened_at >= self._max_age_s:
            self.close()
        elif session.unread or (now - self._used_at >= self._idle_s and not self._is_alive(session)):
            self._drop()
        return self._session

    def _is_alive(self, session: Session) -> bool:
        try:
            return session.ask(b"NOOP\r\n").code == 250
        except OSError:
            return False

    def _connect(self) -> Session:
        if self._cut.is_set():
            raise DeliveryError("Sending was stopped.", transient=True, stage="session", fatal=True)
        deadline = time.monotonic() + self._mail_timeout_s
        session = open_session(self._url, self._context, timeout_s=self._timeout_s, deadline=deadline)
        self._session = session
        self._opened_at = self._used_at = time.monotonic()
        self._mails = 0
        if self._cut.is_set():
            session.cut()
        return session

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            # Kept: loading all authorities takes longer than a hundred mails.
            self._tls = ssl.create_default_context()
        return self._tls

    def _drop(self) -> None:
        session, self._session = self._session, None
        self._is_between_mails = True
        if session is not None:
            session.hang_up()


def _converse(session: Session, commands: list[bytes], replies: list[Reply]) -> None:
    """Say the commands, in one write where the server allows it, and collect the answers.

    Ends early where the next command or answer makes no sense any more. Raises ``OSError``.
    """
    is_pipelined = session.has_extn("pipelining")
    if is_pipelined:
        session.write(b"".join(commands))
    for command, (_, codes) in zip(commands, _STEPS, strict=True):
        if not is_pipelined:
            session.write(command)
        reply = session.read()
        replies.append(reply)
        if reply.code not in codes and (reply.is_final or not is_pipelined):
            return
