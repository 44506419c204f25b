"""What every way of sending has in common: the interface, and which addresses are fit to be sent to."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from digest.errors import DeliveryError

__all__ = ["CanBeCut", "Channel", "Mail", "check_address", "check_sender"]


@dataclass(frozen=True, slots=True)
class Mail:
    """One finished mail to one recipient. ``message`` is ASCII with CRLF (see ``message.make_message``).

    ``is_canonical``: it was made there, so every line ends with CRLF and none begins with a dot; looking for
    others in it would find none. Of any other origin it is looked at before it leaves.
    """

    envelope_from: str
    recipient: str
    message: bytes
    message_id: str
    is_canonical: bool = False


class Channel(Protocol):
    """A way for a mail to leave. Used by one thread at a time."""

    @property
    def name(self) -> str:
        """The word under which deliveries by this channel are stored."""

    @property
    def idempotent(self) -> bool:
        """Whether sending the same Message-ID again is without effect, so that it is always safe."""

    def send(self, mail: Mail, before_end: Callable[[], None]) -> str:
        """Hand over one mail and return the other side's reply. Raises :class:`DeliveryError`.

        ``before_end`` is called once, when all but the end of the data has been handed over. What it
        raises leaves here, and then the other side never sees the mail's end.
        """

    def close(self) -> None:
        """Let go of what is held open; sending again opens it anew."""


@runtime_checkable
class CanBeCut(Protocol):
    """A channel that waits for another machine, and can be told not to."""

    def cut(self) -> None:
        """Break the line from any thread: a mail under way fails at once and says truthfully how."""


# RFC 5321's dot-string, and RFC 6531's letters beyond ASCII; quoted local parts are not supported.
_ADDRESS = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]{1,64}@(?=.{1,255}\Z)[^\W_](?:[\w.-]*[^\W_])?")


def check_address(address: str) -> str:
    """Return the address as it goes between ``<`` and ``>``, its domain in ASCII.

    The local part may stay non-ASCII (RFC 6531). Raises a permanent :class:`DeliveryError` for anything
    that is not one plain ``local@domain``: nothing is cut off or mended, so that no other reader is met.
    """
    if _ADDRESS.fullmatch(address):
        local, _, domain = address.rpartition("@")
        with contextlib.suppress(UnicodeError):
            ascii_domain = domain.encode("idna").decode("ascii")
            # IDNA 2003 folds some letters into others ("ß" to "ss"): that would be another domain.
            if domain.isascii() or ascii_domain.encode().decode("idna") == domain.lower():
                return f"{local}@{ascii_domain}"
    shown = "".join(letter for letter in address[:80] if letter.isprintable())
    raise DeliveryError(f"{shown!r} is not an address that mail can be sent to.", transient=False)


def check_sender(address: str) -> str:
    """Like :func:`check_address` for the envelope sender, which may be empty (bounces go nowhere).

    The error is fatal: with a wrong sender no mail can leave, and no reader is to blame.
    """
    try:
        return check_address(address) if address else ""
    except DeliveryError as error:
        raise DeliveryError(f"The envelope sender is wrong: {error}", transient=False, fatal=True) from None
