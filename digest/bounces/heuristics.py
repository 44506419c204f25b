"""Bounces of no standard form, found by flufl.bounce: a library of the shapes that mail servers once had."""

import logging
from email.message import Message

from flufl.bounce import all_failures

from digest.bounces.reading import Part, addresses_in

__all__ = ["find_failures"]

# Its patterns look at every line some fifty times, and at a line's every letter again: with these limits
# the slowest mail found takes a fraction of a second.
MAX_CHARS = 48_000
MAX_LINE = 300
MAX_LINES = 3000
MAX_ADDRESSES = 100

# It logs each of its own errors with a traceback before raising it.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


def find_failures(mail: Part) -> tuple[set[str], set[str]]:
    """The recipients that a mail says are delayed, and those it says failed. Never raises."""
    message = _message(mail, [MAX_CHARS])
    if not addresses_in([mail.get("from")]):
        # One of its detectors raises without a sender, and none after it would be asked.
        del message["From"]
        message["From"] = "nobody@invalid"
    try:
        delayed, failed = all_failures(message)
    except Exception:  # noqa: BLE001, RUF100 - guesses on hostile mail: whatever they trip over, they found nothing
        return set(), set()
    return _decoded(delayed), _decoded(failed)


def _decoded(addresses: frozenset[bytes] | set[bytes]) -> set[str]:
    texts = sorted(address.decode("ascii", "replace").strip().strip("<>") for address in addresses)
    return {text for text in texts if "@" in text and text.isprintable() and len(text) <= 320}.union(())


def _message(part: Part, room: list[int]) -> Message:
    """The bounded tree as the library wants it."""
    message = Message()
    for name, value in part.headers:
        if name not in ("content-type", "content-transfer-encoding"):
            message[name] = value
    message["Content-Type"] = part.content_type
    for name in ("report-type", "charset"):
        if name in part.parameters:
            message.set_param(name, part.parameters[name])
    if part.parts:
        message.set_payload([_message(one, room) for one in part.parts])
    else:
        message.set_payload(_text(part, room))
    return message


def _text(part: Part, room: list[int]) -> str:
    """The part's text, its transfer encoding undone, cut to short lines and to what room is left."""
    text = part.text()[: room[0]]
    room[0] -= len(text)
    return "\n".join(line[:MAX_LINE] for line in text.split("\n")[:MAX_LINES])
