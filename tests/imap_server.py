"""A small IMAP server on loopback: as much of RFC 3501 as reading a box takes. Records what it is asked."""

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_COMMAND = re.compile(rb"(\S+) (UID )?(\S+) ?(.*)", re.DOTALL)


@dataclass
class Box:
    """The mails by UID, which of them are seen, and how the server behaves."""

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    password: str = "right"
    boast: int | None = None  # an answer that claims to be that large
    broken: str = ""  # this command fails
    port: int = 0


class _Handler(socketserver.StreamRequestHandler):
    box: Box
    context: ssl.SSLContext | None

    def setup(self) -> None:
        if self.context is not None:
            self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("* OK ready")
        while line := self.rfile.readline():
            match = _COMMAND.match(line.rstrip(b"\r\n"))
            assert match is not None
            tag, verb, rest = match[1].decode(), match[3].decode().upper(), match[4].decode()
            self.box.asked.append(f"{verb} {rest}")
            if verb == self.box.broken:
                self.say(f"{tag} NO it is broken")
                continue
            getattr(self, f"do_{verb.lower()}", self.do_other)(tag, rest)
            if verb == "LOGOUT":
                return

    def do_capability(self, tag: str, _: str) -> None:
        self.say("* CAPABILITY IMAP4rev1")
        self.say(f"{tag} OK done")

    def do_login(self, tag: str, rest: str) -> None:
        if rest.endswith(f'"{self.box.password}"'):
            self.say(f"{tag} OK in")
        else:
            self.say(f"{tag} NO wrong: {rest}")  # a server that repeats the password

    def do_select(self, tag: str, _: str) -> None:
        self.say(f"* {len(self.box.mails)} EXISTS")
        self.say("* OK [UIDVALIDITY 7] valid")
        self.say(f"{tag} OK [READ-WRITE] selected")

    def do_search(self, tag: str, _: str) -> None:
        unseen = [str(uid) for uid in self.box.mails if uid not in self.box.seen]
        self.say(f"* SEARCH {' '.join(unseen)}".rstrip())
        self.say(f"{tag} OK done")

    def do_fetch(self, tag: str, rest: str) -> None:
        uid, most = int(rest.split()[0]), int(re.search(r"<0\.(\d+)>", rest)[1])  # type: ignore[index]
        raw = self.box.mails[uid][:most]
        size = self.box.boast or len(raw)
        self.wfile.write(f"* 1 FETCH (UID {uid} BODY[]<0> {{{size}}}\r\n".encode() + raw + b")\r\n")
        self.say("* 2 FETCH (FLAGS (\\Recent))")
        self.say(f"{tag} OK done")

    def do_store(self, tag: str, rest: str) -> None:
        self.box.seen.add(int(rest.split()[0]))
        self.say(f"{tag} OK done")

    def do_logout(self, tag: str, _: str) -> None:
        self.say("* BYE")
        self.say(f"{tag} OK bye")

    def do_other(self, tag: str, _: str) -> None:
        self.say(f"{tag} OK whatever")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or refuses the certificate, is what a test wants."""


@contextmanager
def serving(box: Box, context: ssl.SSLContext | None = None) -> Iterator[Box]:
    """The box on a free port of loopback, with TLS if there is a context."""
    handler = type("Handler", (_Handler,), {"box": box, "context": context})
    with _Server(("127.0.0.1", 0), handler) as server:
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
