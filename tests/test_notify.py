"""What is said to systemd, datagram by datagram, and that nothing is said to nobody."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digest.notify import Notifier


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """A service manager's socket at a path, or at an abstract name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:] if address.startswith("@") else address)
        manager.settimeout(5)
        yield manager


@pytest.mark.parametrize("is_abstract", [False, True])
def test_each_thing_said_is_one_datagram_of_assignments(tmp_path: Path, is_abstract: bool) -> None:
    address = f"@digest-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with listening(address) as manager:
        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
        notifier = Notifier.from_environ(environ)
        notifier.ready()
        notifier.alive()
        notifier.status("refresh\nhangs")
        notifier.stopping()
        said = [manager.recv(4096).decode() for _ in range(4)]
    assert said == [
        "READY=1\nSTATUS=at work",
        "WATCHDOG=1",
        "STATUS=refresh hangs",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_no_child_speaks_for_us() -> None:
    """The variables are taken away once they were read, as sd_notify does when it is asked to."""
    environ = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    Notifier.from_environ(environ)
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("30000000", None, 30.0),
        ("30000000", "own", 30.0),
        ("30000000", "1", None),  # meant for the process that started us
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_fed_only_where_it_watches_this_process(
    usec: str | None, pid: str | None, seconds: float | None
) -> None:
    given = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid}
    notifier = Notifier.from_environ({name: value for name, value in given.items() if value is not None})
    assert notifier.watchdog_s == seconds


def test_without_a_watchdog_no_sign_of_life_is_sent(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as manager:
        notifier = Notifier(str(tmp_path / "notify"))
        notifier.alive()
        notifier.stopping()
        assert manager.recv(4096).startswith(b"STOPPING=1")


@pytest.mark.parametrize("address", [None, "vsock:2:1234", "/nobody/listens/here", "@nobody-listens-here"])
def test_where_nobody_listens_nothing_happens(address: str | None) -> None:
    notifier = Notifier(address, watchdog_s=30)
    notifier.ready()
    notifier.alive()
    notifier.stopping()
