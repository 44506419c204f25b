"""The command that serves the web: where it listens, and what it says where it cannot."""

import socket

import pytest

from digest.demo.program import DemoSettings
from digest.errors import UsageError
from digest.web.running import listen


def test_answers_do_not_wait_for_more() -> None:
    """asyncio turns Nagle's delay off for sockets that say they are TCP; without, each answer takes 40 ms."""
    with listen(DemoSettings(), "127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    with (
        listen(DemoSettings(), "127.0.0.1", 0) as listening,
        pytest.raises(UsageError, match=r"cannot listen on 127\.0\.0\.1 port"),
    ):
        listen(DemoSettings(), "127.0.0.1", listening.getsockname()[1])


def test_a_host_that_is_none_is_told_in_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.1"):
        listen(DemoSettings(), "192.0.2.1", 0)
