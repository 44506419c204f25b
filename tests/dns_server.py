"""A name server on loopback that knows what it is told, and fails as told. UDP only."""

import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

SILENCE = "silence"  # never answer
FAILURE = "servfail"

Zone = Mapping[tuple[str, str], Sequence[str] | str]


class DnsServer:
    """Answers from a zone of ``(name, type) -> texts``; TXT texts come without quotes. A context manager.

    A text instead of a list is :data:`SILENCE` or :data:`FAILURE`. Names that are there, or have one below
    them, give an empty answer for other types; all others do not exist. ``asked`` lists what was asked.
    """

    def __init__(self, zone: Zone) -> None:
        self._zone = {(name.lower(), kind): values for (name, kind), values in zone.items()}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self._stop = threading.Event()
        self.asked: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        """For ``--nameserver``."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                data, peer = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            answer = self._answer(dns.message.from_wire(data))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        told = self._zone.get((name, kind), ())
        if told == SILENCE:
            return None
        if told == FAILURE:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif told:
            texts = [_quoted(one) if kind == "TXT" else one for one in told]
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, texts))
        elif not any(one == name or one.endswith(f".{name}") for one, _ in self._zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response


def _quoted(text: str) -> str:
    """A TXT record as a zone file has it: strings of at most 255 octets."""
    parts = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
