"""An SMTP server on loopback that misbehaves exactly as told; its own log is the judge of what arrived."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import trustme

DROP = "drop"  # close the connection instead of answering
HANG = "hang"  # never answer
TRICKLE = "trickle"  # answer with a byte now and then, never to an end
THEN_DROP = " (then drop)"  # behind an answer: close the connection after it
USUAL = {
    "CONNECT": "220 mail.example ESMTP",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "DOT": "250 2.0.0 Ok: queued as 4ABC",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "STARTTLS": "220 2.0.0 Ready to start TLS",
    "AUTH": "235 2.7.0 Authentication successful",
    "QUIT": "221 2.0.0 Bye",
}


@cache
def _authority() -> trustme.CA:
    """A certificate authority that lives as long as the test run."""
    return trustme.CA()


def client_tls() -> ssl.SSLContext:
    """A context that trusts the test certificate and checks the host name."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@dataclass(frozen=True)
class Received:
    """A mail whose final dot came: dots as they were on the wire."""

    sender: str
    recipient: str
    data: bytes


class SmtpServer:
    """Answers as :data:`USUAL` says, except where ``answers`` has a list for that command.

    Each use takes the next of the list; its last entry stays. ``stop_reading_at`` closes the connection
    in the midst of DATA after so many bytes. Use as a context manager.

    ``commands`` are those that came, ``writes`` the pieces in which they came, ``mails`` what a final dot
    ended, ``halves`` the data of mails whose final dot never came.
    """

    def __init__(
        self,
        answers: Mapping[str, Sequence[str]] | None = None,
        *,
        extensions: Sequence[str] = ("SIZE 10000000",),
        implicit_tls: bool = False,
        stop_reading_at: int | None = None,
        after_starttls: bytes = b"",
    ) -> None:
        self._answers = {verb: list(replies) for verb, replies in (answers or {}).items()}
        self._extensions = extensions
        self._implicit_tls = implicit_tls
        self._stop_reading_at = stop_reading_at
        self._after_starttls = after_starttls
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.commands: list[str] = []
        self.writes: list[bytes] = []
        self.mails: list[Received] = []
        self.halves: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def verbs(self) -> list[str]:
        """The commands that came, without what followed them."""
        return [command.split(" ")[0].split(":")[0].upper() for command in self.commands]

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.02)
        # Else the second of three answers waits until the first was acknowledged.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError, _Closed), contextlib.ExitStack() as open_sockets:
            open_sockets.enter_context(connection)
            if self._implicit_tls:
                connection = open_sockets.enter_context(_encrypted(connection))
            self._converse(connection, open_sockets)

    def _converse(self, connection: socket.socket, open_sockets: contextlib.ExitStack) -> None:
        reader = _Lines(connection, self._stop, self.writes)
        self._answer(connection, "CONNECT")
        sender = recipient = ""
        is_open = False
        while True:
            command = reader.line().decode("utf-8", "replace")
            self.commands.append(command)
            verb = command.split(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                self._introduce(connection)
                continue
            if verb == "MAIL":
                if is_open:
                    connection.sendall(b"503 5.5.1 Error: nested MAIL command\r\n")
                    continue
                sender = command.partition(":")[2]
            if verb == "RCPT":
                recipient = command.partition(":")[2]
            code = self._answer(connection, verb)
            if verb in ("MAIL", "RSET"):
                is_open = verb == "MAIL" and code == "250"
            if verb == "STARTTLS" and code == "220":
                connection.sendall(self._after_starttls)
                connection = open_sockets.enter_context(_encrypted(connection))
                reader = _Lines(connection, self._stop, self.writes)
            if verb == "DATA" and code == "354":
                self.mails.append(Received(sender, recipient, self._take(reader)))
                is_open = False
                self._answer(connection, "DOT")
            if verb == "QUIT":
                return

    def _introduce(self, connection: socket.socket) -> None:
        lines = ["mail.example", *self._extensions]
        ends = ["-"] * (len(lines) - 1) + [" "]
        text = "".join(f"250{end}{line}\r\n" for end, line in zip(ends, lines, strict=True))
        connection.sendall(text.encode())

    def _take(self, reader: "_Lines") -> bytes:
        try:
            return reader.data(self._stop_reading_at)
        except (OSError, _Closed):
            self.halves.append(reader.rest())
            raise

    def _answer(self, connection: socket.socket, verb: str) -> str:
        told = self._answers.get(verb)
        reply = USUAL.get(verb, "500 5.5.2 What?")
        if told:
            reply = told.pop(0) if len(told) > 1 else told[0]
        if reply == HANG:
            self._stop.wait(10)
        while reply == TRICKLE and not self._stop.wait(0.02):
            connection.sendall(b"2")
        if reply in (HANG, DROP, TRICKLE):
            raise _Closed
        connection.sendall(reply.removesuffix(THEN_DROP).encode() + b"\r\n")
        if reply.startswith("421") or reply.endswith(THEN_DROP):
            raise _Closed
        return reply[:3]


def _encrypted(connection: socket.socket) -> ssl.SSLSocket:
    connection.settimeout(5)
    encrypted = server_tls().wrap_socket(connection, server_side=True)
    encrypted.settimeout(0.02)
    return encrypted


class _Closed(Exception):  # noqa: N818 - not an error: the script says so
    pass


class _Lines:
    """Reads lines until the client hangs up or the test is over."""

    def __init__(self, connection: socket.socket, stop: threading.Event, log: list[bytes]) -> None:
        self._connection = connection
        self._stop = stop
        self._log = log
        self._buffer = b""

    def line(self) -> bytes:
        return self.until(b"\r\n")

    def data(self, give_up_at: int | None) -> bytes:
        """A mail up to its final dot, which may be all there is of it."""
        self._buffer = b"\r\n" + self._buffer
        return self.until(b"\r\n.\r\n", give_up_at)[2:]

    def rest(self) -> bytes:
        """What came of a mail without an end."""
        return self._buffer[2:]

    def until(self, end: bytes, give_up_at: int | None = None) -> bytes:
        while end not in self._buffer:
            if give_up_at is not None and len(self._buffer) >= give_up_at:
                raise _Closed
            try:
                data = self._connection.recv(65536 if give_up_at is None else 1024)
            except TimeoutError:
                if self._stop.is_set():  # and all that was sent before has been read
                    raise _Closed from None
                continue
            if not data:
                raise _Closed
            self._log.append(data[:2000])
            self._buffer += data
        found, _, self._buffer = self._buffer.partition(end)
        return found
