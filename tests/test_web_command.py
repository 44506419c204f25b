"""The command that serves the web: where it listens, and what it says where it cannot."""

import errno
import os
import re
import socket

import pytest

from digest.demo.program import DemoSettings
from digest.errors import DigestError, UsageError
from digest.web.running import listen


def test_answers_do_not_wait_for_more() -> None:
    """asyncio turns Nagle's delay off for sockets that say they are TCP; without, each answer takes 40 ms."""
    with listen(DemoSettings(), "127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    """It may be free again before long, so the words were not wrong: service managers try again."""
    with (
        listen(DemoSettings(), "127.0.0.1", 0) as listening,
        pytest.raises(DigestError, match=r"cannot listen on 127\.0\.0\.1 port") as caught,
    ):
        listen(DemoSettings(), "127.0.0.1", listening.getsockname()[1])
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_none_is_told_in_a_sentence(host: str) -> None:
    """Before the network is up, none is."""
    with pytest.raises(DigestError, match=f"cannot listen on {re.escape(host)} port") as caught:
        listen(DemoSettings(), host, 0)
    assert caught.value.exit_code == 1


def test_a_port_that_is_only_for_root_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("socket.socket.bind", refuse)
    with pytest.raises(UsageError, match=r"cannot listen on 127\.0\.0\.1 port 80: Permission denied"):
        listen(DemoSettings(), "127.0.0.1", 80)
