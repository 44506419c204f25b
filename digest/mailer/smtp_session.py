"""One SMTP connection: bounded waits, TLS and log-in as the address demands.

smtplib is imported here only.
"""

import base64
import contextlib
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from digest.errors import DeliveryError
from digest.mailer.smtp_url import SmtpUrl
from digest.mailer.smtp_wire import Reply, read_words

__all__ = ["Session", "open_session"]

# Everything that smtplib raises is an OSError too.

MAX_REPLY_LINE = 8192
MAX_REPLY_LINES = 200
# Nobody waits long for a goodbye.
GOODBYE_S = 2.0


class Session(smtplib.SMTP):
    """A connection on which no wait is longer than ``timeout_s``, and nothing goes on past ``deadline``.

    Both may be changed between calls; ``deadline`` is a time of ``time.monotonic``. Raises ``OSError``.
    smtplib's own reading has no end where a server sends a byte now and then, and forgets what came
    after an answer; here that is in ``unread``.
    """

    def __init__(self, host: str, port: int, *, timeout_s: float, deadline: float, **tls: Any) -> None:
        self.timeout_s = timeout_s
        self.deadline = deadline
        self.unread = b""
        super().__init__(host, port, _own_name(), timeout=self._wait(), **tls)

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        view = memoryview(data)
        while view:
            view = view[self._armed().send(view) :]

    def read(self) -> Reply:
        """The next answer."""
        return Reply(*self.getreply())

    def ask(self, command: bytes) -> Reply:
        """One command and its answer."""
        self.write(command)
        return self.read()

    def say_goodbye(self) -> None:
        """QUIT and close; errors of a connection that is gone are of no interest."""
        self.timeout_s, self.deadline = GOODBYE_S, time.monotonic() + GOODBYE_S
        with contextlib.suppress(OSError):
            self.ask(b"QUIT\r\n")
        self.hang_up()

    def hang_up(self) -> None:
        """Close without a word."""
        with contextlib.suppress(OSError):
            self.close()

    def cut(self) -> None:
        """Break the line from another thread: who waits on it fails at once, and nothing more leaves."""
        sock = self.sock  # the other thread may close it meanwhile
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not the TLS socket's own shutdown, after which it would go on in the clear.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def send(self, s: Any) -> None:
        """What smtplib's own commands are sent by."""
        self.write(s.encode(self.command_encoding) if isinstance(s, str) else s)

    def getreply(self) -> tuple[int, bytes]:
        """One whole answer; its code is -1 for what is none. Closes where none comes, as smtplib's does."""
        try:
            return self._answer()
        except OSError:
            self.hang_up()
            raise

    def _answer(self) -> tuple[int, bytes]:
        lines: list[bytes] = []
        while len(lines) < MAX_REPLY_LINES:
            line = self._line()
            lines.append(line[4:].strip())
            if not (len(line) >= 3 and line[:3].isdigit()):
                return -1, line
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)
        raise ConnectionError("the answer has no end")

    def _line(self) -> bytes:
        while True:
            line, end, rest = self.unread.partition(b"\n")
            if end:
                self.unread = rest
                return line.rstrip(b"\r")
            if len(line) > MAX_REPLY_LINE:
                raise ConnectionError("the answer has no end")
            data = self._armed().recv(4096)
            if not data:
                raise ConnectionError("the server hung up")
            self.unread += data

    def _armed(self) -> socket.socket:
        """The socket, told how long it may wait from now on."""
        if self.sock is None:
            raise ConnectionError("the connection is closed")
        wait = self._wait()
        if self.sock.gettimeout() != wait:
            self.sock.settimeout(wait)
        return self.sock

    def _wait(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server took too long over one mail")
        return min(left, self.timeout_s)


class _TlsSession(Session, smtplib.SMTP_SSL):
    """A session that is encrypted from the first byte."""


def open_session(
    url: SmtpUrl, make_context: Callable[[], ssl.SSLContext], *, timeout_s: float, deadline: float
) -> Session:
    """A session that is encrypted and logged in as ``url`` demands; ``make_context`` is called for TLS.

    Raises a fatal ``DeliveryError`` of the stage ``session``: no mail is to blame.
    """
    session: Session | None = None
    try:
        session = _dial(url, make_context, timeout_s, deadline)
        session.ehlo_or_helo_if_needed()
        if url.security == "starttls":
            _start_tls(session, url, make_context())
        if url.user is not None and url.password is not None:
            _log_in(session, url.user, url.password)
    except BaseException as error:
        if session is not None:
            session.hang_up()
        # Of ValueErrors there are those that smtplib raises for a challenge that is no base64.
        if isinstance(error, OSError | ValueError):
            # ``from None``: smtplib's own errors quote the server, which may quote what we sent.
            raise _no_session(url, error) from None
        raise
    return session


def _dial(
    url: SmtpUrl, make_context: Callable[[], ssl.SSLContext], timeout_s: float, deadline: float
) -> Session:
    if url.security == "tls":
        session: Session = _TlsSession(
            url.host, url.port, timeout_s=timeout_s, deadline=deadline, context=make_context()
        )
    else:
        session = Session(url.host, url.port, timeout_s=timeout_s, deadline=deadline)
    if session.sock is not None:
        # The final dot is a write of its own, which must not wait until the one before is acknowledged.
        session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return session


def _start_tls(session: Session, url: SmtpUrl, context: ssl.SSLContext) -> None:
    if not session.has_extn("starttls"):
        raise _broken(
            f"The mail server {url.host} does not offer STARTTLS; nothing was sent. Use smtps://, "
            "or smtp+plain:// if you mean to send in the clear."
        )
    session.starttls(context=context)
    if session.unread:
        raise _broken(
            f"Between here and {url.host} someone speaks for the mail server: words in the clear came after "
            "its answer to STARTTLS. Nothing was sent."
        )
    session.ehlo()


def _log_in(session: Session, user: str, password: str) -> None:
    if user.isascii() and password.isascii():
        session.login(user, password)
        return
    # smtplib encodes as ASCII only; RFC 4616 says UTF-8.
    if "PLAIN" not in session.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError
    response = base64.b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
    code, text = session.docmd("AUTH", f"PLAIN {response}")
    if code not in (235, 503):
        raise smtplib.SMTPAuthenticationError(code, text)


def _no_session(url: SmtpUrl, error: Exception) -> DeliveryError:
    """What a failed connect, greeting, STARTTLS or log-in means: always fatal, often transient."""
    host = f"{url.host}:{url.port}"
    if isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error
        reply = Reply(code, said if isinstance(said, bytes) else said.encode())
        lasts = 500 <= code < 600
        what = "the log-in" if isinstance(error, smtplib.SMTPAuthenticationError) else "the connection"
        if lasts and what == "the log-in":
            what += " (check user and password; some providers want a password made for programs)"
        return _broken(
            f"The mail server {host} refused {what}: {read_words(url, code, said)}",
            reply,
            transient=not lasts,
        )
    # The plain one is smtplib's for "No suitable authentication method" and for challenges without end.
    if isinstance(error, smtplib.SMTPNotSupportedError) or type(error) is smtplib.SMTPException:
        return _broken(
            f"The mail server {host} offers no log-in that is known here: use its port for sending (587 with "
            "smtp://, 465 with smtps://), or give no user and password where it wants none."
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        words = read_words(url, None, error.verify_message)
        return _broken(f"The certificate of {host} is not trusted: {words}.")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        if url.security == "tls" and error.reason == "WRONG_VERSION_NUMBER":
            return _broken(
                f"The mail server {host} does not begin with TLS: smtps:// is for port 465, smtp:// for 587."
            )
        return _broken(f"No encrypted connection to {host} came about ({error.reason}).")
    if isinstance(error, ValueError):
        return _broken(f"The mail server {host} answered the log-in with what is no challenge.")
    words = read_words(url, None, getattr(error, "strerror", None) or str(error))
    return _broken(f"The mail server {host} cannot be reached: {words}.", transient=True)


def _broken(message: str, reply: Reply | None = None, *, transient: bool = False) -> DeliveryError:
    return DeliveryError(
        message,
        transient=transient,
        code=reply.code if reply else None,
        enhanced=reply.enhanced if reply else None,
        stage="session",
        fatal=True,
    )


def _own_name() -> str:
    """Our name for EHLO: the host's if it is a full one, else an address literal. Asks no name server."""
    name = socket.gethostname()
    return name if "." in name and re.fullmatch(r"[A-Za-z0-9.-]{1,255}", name) else "[127.0.0.1]"
