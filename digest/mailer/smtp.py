"""Sending by SMTP. smtplib is imported here only; passwords stand in no error and no ``repr``."""

import base64
import contextlib
import re
import smtplib
import socket
import ssl
import time

from digest.errors import DeliveryError
from digest.mailer.channel import check_address, check_sender
from digest.mailer.smtp_url import SmtpUrl

__all__ = ["SmtpChannel"]

# Everything that smtplib raises is an OSError too.

# A kept connection idle for longer is opened anew: the other side has likely let go of it.
_KEEP_S = 60.0
# Replies that mean "log in (differently) first" wherever they come.
_NOT_LOGGED_IN = (530, 534, 535, 538)


class SmtpChannel:
    """Sends by one SMTP connection, kept open between mails and opened anew where it was lost.

    ``timeout_s`` bounds each wait for the server, ``final_timeout_s`` the wait for its answer to a
    complete mail, where giving up early means not knowing (RFC 5321, 4.5.3.2.6 asks for ten minutes).
    ``tls`` replaces the default context, which checks certificate and host name. Not thread-safe.

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
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._final_timeout_s = final_timeout_s
        self._tls = tls
        self._smtp: smtplib.SMTP | None = None
        self._used_at = 0.0

    def send(self, envelope_from: str, recipient: str, message: bytes, message_id: str) -> str:  # noqa: ARG002
        """Send one ASCII mail to one recipient; returns the server's reply, queue id and all."""
        sender = check_sender(envelope_from)
        to = check_address(recipient)
        payload = _wire_format(message)
        self._begin(sender, to, len(payload))
        self._expect("recipient", f"RCPT TO:<{to}>", 250, 251, 252)
        self._expect("mail", "DATA", 354)
        return self._transmit(payload)

    def close(self) -> None:
        """Say goodbye and close; errors of a connection that is gone are of no interest."""
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                self._smtp.quit()
            self._drop()

    def _begin(self, sender: str, to: str, size: int) -> None:
        """Open the mail on the kept connection if that still answers, else on a new one."""
        if self._smtp is not None and time.monotonic() - self._used_at > _KEEP_S:
            self.close()
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                reply = self._smtp.docmd(self._mail_command(self._smtp, sender, to, size))
                if reply[0] != 421 and reply[0] != -1:
                    self._judge("sender", reply, 250)
                    return
            self._drop()
        self._smtp = self._connect()
        self._expect("sender", self._mail_command(self._smtp, sender, to, size), 250)

    def _mail_command(self, smtp: smtplib.SMTP, sender: str, to: str, size: int) -> str:
        """The MAIL command; written here because smtplib's own reads addresses leniently."""
        command = f"MAIL FROM:<{sender}>"
        if smtp.has_extn("size"):
            command += f" SIZE={size}"
        if not (sender + to).isascii():
            if not smtp.has_extn("smtputf8"):
                raise DeliveryError(
                    f"The mail server {self._url.host} takes only ASCII addresses; {to} has other letters.",
                    transient=False,
                )
            smtp.command_encoding = "utf-8"
            command += " SMTPUTF8"
        return command

    def _expect(self, stage: str, command: str, *codes: int) -> None:
        assert self._smtp is not None  # noqa: S101
        try:
            reply = self._smtp.docmd(command)
        except OSError as error:
            self._drop()
            raise self._lost(error) from error
        self._judge(stage, reply, *codes)

    def _transmit(self, payload: bytes) -> str:
        """Send the content; from here on the difference between "not sent" and "not known" matters."""
        assert self._smtp is not None  # noqa: S101
        assert self._smtp.sock is not None  # noqa: S101
        try:
            # In one call: had it failed, the final dot would not be out, so the mail is not complete.
            self._smtp.send(payload)
        except OSError as error:
            self._drop()
            raise self._lost(error) from error
        try:
            self._smtp.sock.settimeout(self._final_timeout_s)
            code, text = self._smtp.getreply()
            self._smtp.sock.settimeout(self._timeout_s)
        except OSError as error:
            self._drop()
            raise self._unanswered() from error
        if not 200 <= code < 300 and not 400 <= code < 600:
            self._drop()
            raise self._unanswered()
        self._judge("mail", (code, text), *range(200, 300))
        self._used_at = time.monotonic()
        return self._words(code, text)

    def _judge(self, stage: str, reply: tuple[int, bytes], *codes: int) -> None:
        """Raise what a reply means unless it is one of ``codes``; leaves the connection ready or closed."""
        code, text = reply
        if code in codes:
            return
        permanent = 500 <= code < 600
        # A refused sender is refused for every reader; only "too large" is about this mail.
        fatal = code in _NOT_LOGGED_IN or (stage == "sender" and permanent and code != 552)
        if code == 421 or not 400 <= code < 600:
            self._drop()
        else:
            with contextlib.suppress(OSError):
                assert self._smtp is not None  # noqa: S101
                self._smtp.rset()
        verb = "refused" if permanent else "deferred"
        raise DeliveryError(
            f"The mail server {self._url.host} {verb} the {stage}: {self._words(code, text)}",
            transient=not permanent,
            code=code,
            fatal=fatal,
        )

    def _lost(self, error: Exception) -> DeliveryError:
        return DeliveryError(
            f"The connection to {self._url.host} was lost before the mail was complete"
            f" ({self._words(None, str(error))}).",
            transient=True,
        )

    def _unanswered(self) -> DeliveryError:
        return DeliveryError(
            f"The mail was sent to {self._url.host} completely, but no answer came; it may have arrived.",
            transient=True,
            uncertain=True,
        )

    def _words(self, code: int | None, text: bytes | str) -> str:
        """The server's words on one printable line, without anything that gives the password away."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        for secret in _secrets(self._url):
            text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
        return (f"{code} {line}" if code is not None else line)[:400].strip()

    # --- the session ---

    def _connect(self) -> smtplib.SMTP:
        """A session that is encrypted and logged in as the URL demands, or a fatal error."""
        url = self._url
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._dial()
            smtp.ehlo_or_helo_if_needed()
            if url.security == "starttls":
                self._start_tls(smtp)
            if url.user is not None and url.password is not None:
                _log_in(smtp, url.user, url.password)
        except DeliveryError:
            _hang_up(smtp)
            raise
        except OSError as error:
            _hang_up(smtp)
            # ``from None``: smtplib's own errors quote the server, which may quote what we sent.
            raise self._no_session(error) from None
        self._used_at = time.monotonic()
        return smtp

    def _dial(self) -> smtplib.SMTP:
        host, port = self._url.host, self._url.port
        if self._url.security == "tls":
            return smtplib.SMTP_SSL(host, port, _own_name(), timeout=self._timeout_s, context=self._context())
        return smtplib.SMTP(host, port, _own_name(), timeout=self._timeout_s)

    def _start_tls(self, smtp: smtplib.SMTP) -> None:
        if not smtp.has_extn("starttls"):
            raise DeliveryError(
                f"The mail server {self._url.host} does not offer STARTTLS; nothing was sent. Use smtps://, "
                "or smtp+plain:// if you mean to send in the clear.",
                transient=False,
                fatal=True,
            )
        smtp.starttls(context=self._context())
        smtp.ehlo()

    def _context(self) -> ssl.SSLContext:
        return self._tls or ssl.create_default_context()

    def _no_session(self, error: Exception) -> DeliveryError:
        """What a failed connect, greeting, STARTTLS or log-in means: always fatal, often transient."""
        host, code = f"{self._url.host}:{self._url.port}", None
        if isinstance(error, smtplib.SMTPResponseException):
            code = error.smtp_code
            words = self._words(code, error.smtp_error)
            what = "the log-in" if isinstance(error, smtplib.SMTPAuthenticationError) else "the connection"
            message, transient = f"The mail server {host} refused {what}: {words}", not 500 <= code < 600
        elif isinstance(error, smtplib.SMTPNotSupportedError):
            message, transient = f"The mail server {host} offers no log-in that is known here.", False
        elif isinstance(error, ssl.SSLCertVerificationError):
            words = self._words(None, error.verify_message)
            message, transient = f"The certificate of {host} is not trusted: {words}.", False
        elif isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            message, transient = f"No encrypted connection to {host} came about ({error.reason}).", False
        else:
            words = self._words(None, getattr(error, "strerror", None) or str(error))
            message, transient = f"The mail server {host} cannot be reached: {words}.", True
        return DeliveryError(message, transient=transient, code=code, fatal=True)

    def _drop(self) -> None:
        _hang_up(self._smtp)
        self._smtp = None


def _hang_up(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        with contextlib.suppress(OSError):
            smtp.close()


def _wire_format(message: bytes) -> bytes:
    """CRLF line ends (a bare CR or LF could smuggle a second mail), dots doubled, and the final dot."""
    if not message.isascii():
        raise DeliveryError("The mail is not plain ASCII; this is a fault of the program.", transient=False)
    lines = re.sub(rb"\r\n?|\n", b"\r\n", message)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines) + b".\r\n"


def _log_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    if user.isascii() and password.isascii():
        smtp.login(user, password)
        return
    # smtplib encodes as ASCII only; RFC 4616 says UTF-8.
    if "PLAIN" not in smtp.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError
    code, text = smtp.docmd("AUTH", "PLAIN " + _base64(f"\0{user}\0{password}"))
    if code not in (235, 503):
        raise smtplib.SMTPAuthenticationError(code, text)


def _secrets(url: SmtpUrl) -> tuple[str, ...]:
    """The password, and the forms in which a server may quote it back."""
    if not url.password:
        return ()
    return _base64(f"\0{url.user}\0{url.password}"), _base64(url.password), url.password


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _own_name() -> str:
    """Our name for EHLO: the host's if it is a full one, else an address literal. Asks no name server."""
    name = socket.gethostname()
    return name if "." in name and re.fullmatch(r"[A-Za-z0-9.-]+", name) else "[127.0.0.1]"
