"""Real Postfix servers from folders of their own: loopback only, no name service, nothing of the system's.

``master`` has to be started by root, so elsewhere the tests skip. Each server has its own configuration,
queue and data directory, listens on a free port above 1024 and writes its log by ``postlogd``.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

OWNER, SETGID_GROUP = "postfix", "postdrop"
# Whom the mailboxes of the final host belong to.
MAILBOX_OWNER = "nobody"
START_TIMEOUT_S = 20
# The services that relaying, bouncing and delivering to mailboxes take; none in a chroot.
MASTER = """
{port} inet n - n - - smtpd {options}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""
SETTINGS = {
    "compatibility_level": "3.6",
    "mail_owner": OWNER,
    "setgid_group": SETGID_GROUP,
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "smtp_bind_address": "127.0.0.1",
    "disable_dns_lookups": "yes",
    "smtp_host_lookup": "native",
    "mynetworks": "127.0.0.0/8",
    "mydestination": "",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "local_transport": "error:there are no local mailboxes",
    # Where nothing else is said mail goes nowhere, so that no name server is asked for a host.
    "default_transport": "error:5.1.2 nothing leaves this machine",
    "append_dot_mydomain": "no",
    "biff": "no",
    "smtputf8_enable": "no",
    "recipient_delimiter": "+",
}


@dataclass(frozen=True)
class Postfix:
    """One running server."""

    folder: Path
    port: int

    @property
    def log(self) -> str:
        """What it logged, for the message of a failing test."""
        path = self.folder / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def is_idle(self) -> bool:
        """Whether no mail is in its queue."""
        queues = [self.folder / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")]
        return not any(path.is_file() for queue in queues for path in queue.rglob("*"))


def need_postfix() -> None:
    """Skip where Postfix is not installed or cannot be started."""
    if shutil.which("postfix", path=_path()) is None:
        pytest.skip("Postfix is not installed (Debian package postfix)")
    if os.geteuid() != 0:
        pytest.skip("only root can start Postfix")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A short-named temporary folder that the users of Postfix may pass through, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="digest-postfix-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(
    folder: Path, settings: Mapping[str, str], *, options: Mapping[str, str] | None = None
) -> Iterator[Postfix]:
    """Run a server for the time of the block. ``options`` are settings of its smtpd alone.

    When the block ends no process of it is left, or the test fails.
    """
    port = _free_port()
    config = folder / "config"
    config.mkdir(parents=True)
    (folder / "queue").mkdir()
    (folder / "data").mkdir()
    owner = pwd.getpwnam(OWNER)
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    own = {
        "queue_directory": f"{folder / 'queue'}",
        "data_directory": f"{folder / 'data'}",
        "maillog_file": f"{folder / 'mail.log'}",
        "maillog_file_prefixes": f"{folder}",
    }
    lines = [f"{name} = {value}" for name, value in {**SETTINGS, **own, **settings}.items()]
    (config / "main.cf").write_text("\n".join([*lines, ""]))
    given = " ".join(f"-o {name}={value}" for name, value in (options or {}).items())
    (config / "master.cf").write_text(MASTER.format(port=f"127.0.0.1:{port}", options=given))
    server = Postfix(folder, port)
    try:
        _control(config, "start")
        _wait_for_greeting(server, is_tls="smtpd_tls_wrappermode" in (options or {}))
        yield server
    finally:
        _stop(server, config)


def mailboxes(folder: Path, domain: str, names: list[str]) -> dict[str, str]:
    """Settings of a final host with a Maildir ``folder/NAME/`` for each of these names of a domain."""
    owner = pwd.getpwnam(MAILBOX_OWNER)
    folder.mkdir()
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return {
        "virtual_mailbox_domains": domain,
        "virtual_mailbox_base": f"{folder}",
        "virtual_mailbox_maps": "inline:{"
        + ", ".join(f"{{{name}@{domain} = {name}/}}" for name in names)
        + "}",
        "virtual_uid_maps": f"static:{owner.pw_uid}",
        "virtual_gid_maps": f"static:{owner.pw_gid}",
    }


def mails(maildir: Path) -> list[bytes]:
    """What lies in a Maildir, as it was delivered."""
    new = maildir / "new"
    return [path.read_bytes() for path in sorted(new.iterdir())] if new.is_dir() else []


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _control(config: Path, word: str) -> None:
    done = subprocess.run(
        ["postfix", "-c", str(config), word],
        env={"PATH": _path()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"postfix {word}: {done.stdout}{done.stderr}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _wait_for_greeting(server: Postfix, *, is_tls: bool) -> None:
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 5) as line:
            if is_tls or line.recv(3) == b"220":
                return
        time.sleep(0.05)
    raise AssertionError(f"Postfix did not answer: {server.log}")


def _stop(server: Postfix, config: Path) -> None:
    """Stop the server and see that none of its processes is left."""
    pid_file = server.folder / "queue" / "pid" / "master.pid"
    if not pid_file.exists():
        return
    master = int(pid_file.read_text())
    if not _is_running(master):
        return
    _control(config, "stop")
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while processes(server.folder) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    left = processes(server.folder)
    assert not left, f"left running: {left}"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def processes(folder: Path) -> list[int]:
    """The processes that work in a server's queue, which is where all of Postfix's do."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found
