"""A receiving mail server in a process of its own, whose log is the judge of what arrived.

Each mail whose final dot came is a line of the log, written before the answer: envelope sender, recipient,
Message-ID, digest of the content. As a program: ``python judge.py LOG TROUBLE EVERY``; its first line on
stdout is its port. Uses nothing of the project.
"""

import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# What befalls every so many-th mail, and each Message-ID once only.
NOTHING = "nothing"
HANG_UP_AT_DATA = "hang-up-at-data"  # after "354", without reading
HANG_UP_IN_DATA = "hang-up-in-data"  # in the midst of the content
HANG_UP_BEFORE_DOT = "hang-up-before-dot"  # all but the final dot was read
HANG_UP_AFTER_DOT = "hang-up-after-dot"  # the mail is taken and logged; no answer
HANG_UP_AFTER_ANSWER = "hang-up-after-answer"
HANG_AFTER_DOT = "hang-after-dot"  # taken and logged, and never a word again
HANG_AT_RCPT = "hang-at-rcpt"
HANG_AT_ONCE = "hang-at-once"  # connections are taken and never greeted
SLOW = "slow"  # each answer to a mail takes a tenth of a second

END = b"\r\n.\r\n"
SOME_BYTES = 2000


@dataclass(frozen=True)
class Arrived:
    """One line of the log."""

    sender: str
    recipient: str
    message_id: str
    content: str


@dataclass
class Judge:
    """A running server as the test sees it."""

    port: int
    log: Path
    troubles: Path

    def mails(self) -> list[Arrived]:
        """What arrived completely, in order."""
        return [Arrived(*line.split("\t")) for line in self.log.read_text().splitlines()]

    def counts(self) -> Counter[str]:
        """How many mails each recipient got."""
        return Counter(mail.recipient for mail in self.mails())

    def troubled(self) -> list[str]:
        """The Message-IDs (or recipients) that the trouble befell, in order."""
        return self.troubles.read_text().splitlines()


@contextmanager
def judging(folder: Path, trouble: str = NOTHING, every: int = 1) -> Iterator[Judge]:
    """Run a server for the time of the block; its log stays in ``folder``."""
    folder.mkdir(exist_ok=True)
    log = folder / f"{trouble}-{time.monotonic_ns()}.log"
    troubles = log.with_suffix(".troubles")
    log.touch()
    troubles.touch()
    process = subprocess.Popen(
        [sys.executable, __file__, str(log), trouble, str(every)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield Judge(int(process.stdout.readline()), log, troubles)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


class _Server:
    def __init__(self, log: str, trouble: str, every: int) -> None:
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND)
        self.troubles = os.open(re.sub(r"\.log$", ".troubles", log), os.O_WRONLY | os.O_APPEND)
        self.trouble, self.every = trouble, every
        self.lock = threading.Lock()
        self.seen: set[str] = set()

    def befalls(self, key: str) -> bool:
        """Whether the trouble is this mail's; told in the log of troubles."""
        with self.lock:
            if self.trouble == NOTHING or key in self.seen:
                return False
            self.seen.add(key)
            if len(self.seen) % self.every:
                return False
        os.write(self.troubles, f"{key}\n".encode())
        return True

    def serve(self, connection: socket.socket) -> None:
        try:
            if self.trouble == HANG_AT_ONCE:
                self.hang(connection)
            self.converse(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def hang(self, connection: socket.socket) -> None:
        """Say nothing until the other side gives up."""
        while connection.recv(65536):
            pass
        raise ConnectionAbortedError

    def converse(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"220 mail.example ESMTP\r\n")
        buffer = b""
        sender = recipient = ""
        while True:
            line, buffer = self.until(connection, buffer, b"\r\n")
            verb = line[:4].upper()
            if verb == b"MAIL":
                sender = _address(line)
            elif verb == b"RCPT":
                recipient = _address(line)
                if self.trouble == HANG_AT_RCPT and self.befalls(recipient):
                    self.hang(connection)
            elif verb == b"DATA":
                connection.sendall(b"354 go on\r\n")
                buffer = self.take(connection, buffer, sender, recipient)
                continue
            connection.sendall(_answer(verb))
            if verb == b"QUIT":
                return

    def until(self, connection: socket.socket, buffer: bytes, mark: bytes) -> tuple[bytes, bytes]:
        """What comes before the mark, and what is there behind it already."""
        start = 0
        while (at := buffer.find(mark, start)) < 0:
            start = max(0, len(buffer) - len(mark))
            more = connection.recv(65536)
            if not more:
                raise ConnectionAbortedError
            buffer += more
        return buffer[:at], buffer[at + len(mark) :]

    def take(self, connection: socket.socket, buffer: bytes, sender: str, recipient: str) -> bytes:
        """Take one mail in, with the trouble that is its own; returns what came after it."""
        if self.trouble in (HANG_UP_AT_DATA, HANG_UP_IN_DATA, HANG_UP_BEFORE_DOT) and self.befalls(recipient):
            self.break_off(connection, buffer)
        content, buffer = self.until(connection, buffer, END)
        found = re.search(rb"(?im)^message-id:\s*(\S+)", content)
        message_id = found[1].decode("ascii", "replace") if found else ""
        digest = hashlib.sha256(content).hexdigest()[:16]
        line = "\t".join((sender, recipient, message_id, digest)) + "\n"
        os.write(self.log, line.encode())
        after = self.trouble in (HANG_AFTER_DOT, HANG_UP_AFTER_DOT, HANG_UP_AFTER_ANSWER, SLOW)
        befalls = after and self.befalls(message_id)
        if befalls and self.trouble == HANG_AFTER_DOT:
            self.hang(connection)
        if befalls and self.trouble == HANG_UP_AFTER_DOT:
            raise ConnectionAbortedError
        if befalls and self.trouble == SLOW:
            time.sleep(0.1)
        connection.sendall(b"250 2.0.0 taken\r\n")
        if befalls and self.trouble == HANG_UP_AFTER_ANSWER:
            raise ConnectionAbortedError
        return buffer

    def break_off(self, connection: socket.socket, buffer: bytes) -> None:
        """Hang up before the mail is complete. With bytes unread that is a reset, else an orderly end."""
        while self.trouble != HANG_UP_AT_DATA:
            is_enough = len(buffer) >= SOME_BYTES if self.trouble == HANG_UP_IN_DATA else _is_all(buffer)
            if is_enough:
                break
            more = connection.recv(SOME_BYTES)
            if not more:
                break
            buffer += more
        raise ConnectionAbortedError


def _is_all(buffer: bytes) -> bool:
    """Whether the content is there to its last boundary, which is all but the final dot."""
    return buffer.endswith((b"--\r\n", END))


def _address(line: bytes) -> str:
    return line.partition(b"<")[2].partition(b">")[0].decode()


def _answer(verb: bytes) -> bytes:
    if verb == b"EHLO":
        return b"250-mail.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
    return b"221 2.0.0 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 ok\r\n"


def main() -> None:
    """Serve until killed."""
    server = _Server(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=server.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
