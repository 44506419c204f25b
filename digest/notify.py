"""Tells systemd how the service is, by the protocol of sd_notify(3): one datagram to ``$NOTIFY_SOCKET``.

Nothing happens where nobody listens. What cannot be told is not told: a service manager that went away must
not end the service.
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping

__all__ = ["Notifier"]


class Notifier:
    """Says to the service manager when the service is ready, alive and stopping.

    ``address`` is a path, or a name in the abstract namespace after an ``@``; ``None``: nobody asked.
    ``watchdog_s`` is how long the service may be silent before it is taken for dead; ``None``: as it likes.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s

    @classmethod
    def from_environ(cls, environ: MutableMapping[str, str] | None = None) -> "Notifier":
        """As the service manager asked; its variables are taken away, so that no child speaks for us.

        ``WATCHDOG_PID`` names the process that ``WATCHDOG_USEC`` is meant for (sd_watchdog_enabled(3)).
        """
        environ = os.environ if environ is None else environ
        address = environ.pop("NOTIFY_SOCKET", None)
        period, process = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", str(os.getpid()))
        is_meant = period.isdecimal() and int(period) > 0 and process == str(os.getpid())
        return cls(address or None, int(period) / 1e6 if is_meant else None)

    def ready(self) -> None:
        """All that the service offers is there."""
        self._tell("READY=1", "STATUS=at work")

    def alive(self) -> None:
        """The work goes on. Due within ``watchdog_s``; half of that is advised."""
        if self.watchdog_s is not None:
            self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """A line for ``systemctl status``."""
        self._tell(f"STATUS={' '.join(text.split())}")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1", "STATUS=stopping")

    def _tell(self, *lines: str) -> None:
        if self._address is None or not self._address.startswith(("/", "@")):
            return
        # An abstract name begins with a zero byte, which no variable can hold.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line,
        ):
            line.settimeout(1.0)
            line.sendto("\n".join(lines).encode(), address)
