"""``digest serve`` as a process of its own: told to stop, started twice, without room, without rights.

Each trouble is one clear sentence and the right exit code, and nothing is lost by it.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.composed import Home, ended, make_home
from tests.e2e.judge import judging

pytestmark = pytest.mark.e2e

READERS = [f"reader{number}@example.org" for number in range(1, 4)]
START_S = 60
STOP_S = 10


@dataclass
class Serving:
    """A running service, and what it said so far."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Until it says that; fails where it ends before, or takes too long."""
        give_up_at = time.monotonic() + START_S
        while time.monotonic() < give_up_at:
            if found := re.search(pattern, "".join(self.said)):
                return found
            assert self.process.poll() is None or re.search(pattern, "".join(self.said)), self.said
            time.sleep(0.02)
        raise AssertionError((pattern, self.said))

    @property
    def web(self) -> str:
        return self.wait_for(r"the web is at (\S+)/\n")[1]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Tell it to; its exit code and all it said, and no later than it may."""
        self.process.send_signal(number)
        code = self.process.wait(STOP_S)
        time.sleep(0.1)
        return code, "".join(self.said)


@contextmanager
def running(home: Home, *words: str) -> Iterator[Serving]:
    """Serve for the time of the block."""
    process = home.start("serve", *words)
    assert process.stderr is not None
    serving = Serving(process)
    lines = process.stderr
    reader = threading.Thread(target=lambda: serving.said.extend(iter(lines.readline, "")), daemon=True)
    reader.start()
    try:
        yield serving
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    give_up_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up_at, "it never did"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An issue for each reader, none sent."""
    return make_home(tmp_path_factory.mktemp("composed") / "home", READERS)


@pytest.fixture
def home(composed: Home, tmp_path: Path) -> Home:
    """A copy, with a port of its own and a mail server that is not there."""
    home = composed.copy(tmp_path / "home")
    home.configure(web_port=0, smtp_url="smtp://127.0.0.1:9")
    return home


def test_it_serves_the_web_sends_what_is_due_and_ends_with_0(home: Home, tmp_path: Path) -> None:
    with judging(tmp_path / "judge") as server:
        home.by_smtp(server.port, web_port=0)
        with running(home) as serving:
            with urllib.request.urlopen(f"{serving.web}/healthz", timeout=10) as answer:
                assert answer.status == 200
            eventually(lambda: len(server.mails()) == len(READERS))
            code, said = serving.stop()
        assert (code, said.splitlines()[-1]) == (0, "digest: stopped")
        assert sorted(server.counts().values()) == [1] * len(READERS)


def test_a_request_at_work_is_answered_before_the_end(home: Home) -> None:
    """Its head came in before the signal, and its last line after it."""
    with running(home) as serving:
        host, port = serving.web.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(b"POST /subscribe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\na")
            time.sleep(0.3)
            serving.process.terminate()
            time.sleep(0.3)
            line.sendall(b"=1")
            assert line.recv(100).startswith(b"HTTP/1.1 ")
        code, said = serving.process.wait(STOP_S), "".join(serving.said)
    assert code == 0, said


def test_a_request_that_never_ends_is_not_waited_for(home: Home) -> None:
    with running(home) as serving:
        host, port = serving.web.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(b"POST /subscribe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\na")
            time.sleep(0.3)
            began = time.monotonic()
            code, said = serving.stop()
    assert code == 0, said
    assert time.monotonic() - began < STOP_S


def test_started_twice_the_second_leaves_and_the_first_works_on(home: Home) -> None:
    with running(home) as serving:
        address = serving.web
        second = home.run("serve")
        assert (second.code, second.err.count("\n")) == (1, 1)
        assert "another digest serve is at work on" in second.err
        with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
            assert answer.status == 200


def test_digest_run_beside_it_does_no_harm(home: Home, tmp_path: Path) -> None:
    """Whoever comes second leaves; nobody gets two."""
    with judging(tmp_path / "judge") as server:
        home.by_smtp(server.port, web_port=0)
        with running(home) as serving:
            serving.wait_for("at work")
            runs = [home.start("run") for _ in range(2)]
            for one in runs:
                done = ended(one)
                assert done.code in (0, 1), done  # the site is not there
                assert "Traceback" not in done.err
            eventually(lambda: len(server.mails()) == len(READERS))
            serving.stop()
        assert sorted(server.counts().values()) == [1] * len(READERS)


def test_a_port_that_is_taken_is_one_sentence(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home.configure(web_port=taken.getsockname()[1])
        done = home.run("serve")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "cannot listen on 127.0.0.1 port" in done.err


def test_without_a_network_it_stays_and_mail_goes_when_there_is_one_again(home: Home, tmp_path: Path) -> None:
    """Neither the site nor the mail server can be reached; the next start finds the latter."""
    with running(home) as serving:
        serving.wait_for(r" digest\.serving: deliver: The mail server 127\.0\.0\.1:9 cannot be reached")
        code, said = serving.stop()
    assert code == 0
    assert "Traceback" not in said
    with judging(tmp_path / "judge") as server:
        home.by_smtp(server.port, web_port=0)
        with running(home):
            eventually(lambda: len(server.mails()) == len(READERS), 60)
        assert sorted(server.counts().values()) == [1] * len(READERS)


def test_out_of_disk_is_one_sentence_and_nothing_is_lost(home: Home, tmp_path: Path) -> None:
    """No write to the database succeeds; with room again everybody gets the one mail that waits."""
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-f", "-o", os.devnull, "true"], check=False).returncode:
        pytest.skip("strace is not installed, or may not trace here (Debian package strace)")
    inject = "inject=fdatasync,pwrite64:error=ENOSPC:when=1+"
    under = (strace, "-f", "--seccomp-bpf", "-o", os.devnull, "-e", "trace=fdatasync,pwrite64", "-e", inject)
    with judging(tmp_path / "judge") as server:
        home.by_smtp(server.port, web_port=0)
        done = ended(home.start("serve", under=under))
        assert (done.code, done.err.count("\n")) == (1, 1), done
        assert str(home.folder / "data") in done.err
        assert not server.mails()
        with running(home):
            eventually(lambda: len(server.mails()) == len(READERS), 60)
        assert sorted(server.counts().values()) == [1] * len(READERS)


def test_a_data_directory_that_is_read_only_is_one_sentence(home: Home) -> None:
    """Made so by a mount, since these tests may run as root, whom no mode keeps out."""
    data = str(home.folder / "data")
    script = f'mount --bind "{data}" "{data}" && mount -o remount,bind,ro "{data}" && exec "$@"'
    under = ("unshare", "--mount", "sh", "-c", script, "sh")
    if subprocess.run([*under, "true"], check=False, capture_output=True).returncode:
        pytest.skip("a folder cannot be mounted read-only here (needs root and unshare)")
    done = ended(home.start("serve", under=under))
    assert done.code in (1, 2), done
    assert done.err.count("\n") == 1, done.err
    assert data in done.err
    assert "Traceback" not in done.err


def test_settings_that_are_broken_are_all_told(home: Home) -> None:
    (home.folder / "digest.toml").write_text('zone = "Nowhere"\nweb_port = 70000\n')
    done = home.run("serve")
    assert done.code == 2
    assert len(done.err.splitlines()) == 2
    assert all(line.startswith("digest: ") for line in done.err.splitlines())
