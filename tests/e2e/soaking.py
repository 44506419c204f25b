"""A service that lives through days in seconds, and the world around it: sites, a mail server, outages.

As a program it is the service itself: ``python soaking.py START END [DIE_AT COMMITS]``, with the settings of
the folder it runs in. The time it has is in the file ``clock``, which the world reads. It kills itself at the
COMMITS-th commit after DIE_AT; nothing of the real program knows about that.
"""

import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from tests.daily_server import DailyServer, item, serving  # noqa: E402

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """A time in which something does not work."""

    begins: datetime
    ends: datetime

    def has(self, when: datetime) -> bool:
        return self.begins <= when < self.ends


@dataclass
class World:
    """What time the service believes it is, and when what is down."""

    folder: Path
    start: datetime
    site_down: Sequence[Span] = ()
    mail_down: Sequence[Span] = ()

    @property
    def now(self) -> datetime:
        try:
            return datetime.fromisoformat((self.folder / "clock").read_text())
        except (FileNotFoundError, ValueError):  # not begun, or in the midst of being written
            return self.start


@dataclass
class Site(DailyServer):
    """Lists some new papers each day, none of the future; answers 503 when it is down."""

    world: World = field(kw_only=True)
    down: Sequence[Span] = field(default=(), kw_only=True)
    first_number: int = field(default=1, kw_only=True)
    a_day: int = field(default=6, kw_only=True)

    def answer(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, bytes]:
        now = self.world.now
        if any(span.has(now) for span in self.down):
            return 503, b"down"
        day = query.get("date", [""])[0]
        if re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            ordinal = (date.fromisoformat(day) - self.world.start.date()).days
            listed = date.fromisoformat(day) <= now.date()
            first = self.first_number + (ordinal + 30) * self.a_day
            numbers = range(first, first + self.a_day) if listed else ()
            self.days[day] = [item(n, votes=n % 7 + 2) for n in numbers]
        return super().answer(path, query)


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail and notes it, or answers 421 when it is down."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, world: World) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.world = world
        self.lock = threading.Lock()
        self.mails: list[tuple[str, str, datetime]] = []  # recipient, Message-ID, when

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        """The service was killed in the midst of a word."""


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        world = self.server.world
        if any(span.has(world.now) for span in world.mail_down):
            self.wfile.write(b"421 4.3.2 closed for today\r\n")
            return
        self.wfile.write(b"220 mail.example ESMTP\r\n")
        recipient = ""
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line.partition(b"<")[2].partition(b">")[0].decode()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                if not self.take(recipient):
                    return
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 ok\r\n")
            if verb == b"QUIT":
                return

    def take(self, recipient: str) -> bool:
        """Read a mail to its dot; note it, unless the line broke before."""
        message_id = ""
        while line := self.rfile.readline():
            if line == b".\r\n":
                with self.server.lock:
                    self.server.mails.append((recipient, message_id, self.server.world.now))
                return True
            if line.lower().startswith(b"message-id:"):
                message_id = line.partition(b":")[2].strip().decode()
        return False


@contextmanager
def surroundings(world: World, a_day: int = 6) -> Iterator[MailServer]:
    """Two sites and a mail server, and the settings that lead to them."""
    with ExitStack() as stack:
        one = stack.enter_context(serving(Site({}, world=world, down=world.site_down, a_day=a_day)))
        other = stack.enter_context(serving(Site({}, world=world, first_number=5000, a_day=a_day)))
        mail = stack.enter_context(MailServer(world))
        # A short poll: ending waits for it.
        thread = threading.Thread(target=mail.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(mail.shutdown)
        configure(world.folder, [(one.url, "2h"), (other.url, "6h")], mail.port)
        yield mail


def configure(folder: Path, sources: Sequence[tuple[str, str]], smtp_port: int) -> None:
    """Settings for these sources, each with its interval, and that mail server."""
    values = {
        "mail_from": "digest@lists.example.org",
        "smtp_url": f"smtp://127.0.0.1:{smtp_port}",
        "smtp_connections": 1,  # so that a kill leaves one mail at most of which nobody knows
        "secret_key": "an invented key of this test alone, long enough",
        "log_level": "info",
        "web_port": 0,
        "papers": 5,
        "zone": "Europe/Berlin",
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    for number, (url, every) in enumerate(sources, 1):
        lines += ["[[source]]", f'name = "site{number}"', 'kind = "huggingface"', f'url = "{url}"']
        lines += [f'every = "{every}"', "allow_private = true"]
    (folder / "digest.toml").write_text("\n".join([*lines, ""]))


@dataclass(frozen=True)
class Lived:
    """One life of the service: how it ended, what it logged, and its vitals at each of its midnights."""

    code: int
    log: str
    vitals: list[dict[str, Any]]


def live(world: World, start: datetime, end: datetime, die: tuple[datetime, int] | None = None) -> Lived:
    """Let the service live from ``start`` to ``end``, or to its death."""
    own = {
        "HOME": str(world.folder),
        "XDG_CONFIG_HOME": str(world.folder / "config"),
        "XDG_DATA_HOME": str(world.folder / "share"),
        "DIGEST_DATA_DIR": str(world.folder / "data"),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    words = [start.isoformat(), end.isoformat(), *([die[0].isoformat(), str(die[1])] if die else [])]
    vitals = world.folder / "vitals"
    vitals.write_text("")
    done = subprocess.run(
        [sys.executable, __file__, *words],
        cwd=world.folder,
        env={**kept, **own},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    # A killed life may have left half a line.
    lines = [line for line in vitals.read_text().splitlines() if line.endswith("}")]
    return Lived(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in lines])


# --- the service itself ---


def read_vitals(when: datetime) -> dict[str, Any]:
    """Memory in use (MB), threads and open files of this process."""
    status = Path("/proc/self/status").read_text()
    found = dict(re.findall(r"(?m)^(VmRSS|Threads):\s+(\d+)", status))
    return {
        "when": when.isoformat(),
        "rss_mb": int(found["VmRSS"]) / 1024,
        "threads": int(found["Threads"]),
        "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
    }


def serve(start: datetime, end: datetime, die: tuple[datetime, int] | None) -> bool:
    """The real service with its real jobs and web; only its clock is driven."""
    from sqlalchemy import Engine, event

    from digest.app import make_app
    from digest.checking import read_settings
    from digest.cli.commands import make_cli
    from digest.logs import set_up_logging
    from digest.serving import Service, spare_memory
    from tests.driven import DrivenApp, DrivenClock

    midnight = start + DAY

    def moved(when: datetime) -> None:
        nonlocal midnight
        Path("clock").write_text(when.isoformat())
        if when >= midnight or when >= end:
            midnight += DAY
            with Path("vitals").open("a") as file:
                file.write(json.dumps(read_vitals(when)) + "\n")

    clock = DrivenClock(start, end, moved)
    Path("clock").write_text(start.isoformat())
    commits = 0

    @event.listens_for(Engine, "commit")
    def _die(_: object) -> None:
        nonlocal commits
        if die is not None and clock.now() >= die[0]:
            commits += 1
            if commits >= die[1]:
                os.kill(os.getpid(), signal.SIGKILL)

    make_cli()  # it has its part in the memory of the command
    spare_memory()
    settings = read_settings()
    set_up_logging(settings.log_level, form=settings.log_format)
    made = make_app(settings)
    with closing(made.database):
        service = Service(DrivenApp(made.settings, made.database, clock=clock), clock=clock)
        clock.scheduler = service.scheduler
        return service.run()


def main() -> None:
    """Live, and exit with 1 where something did not come to its end."""
    start, end = (datetime.fromisoformat(word).astimezone(UTC) for word in sys.argv[1:3])
    die = (datetime.fromisoformat(sys.argv[3]), int(sys.argv[4])) if len(sys.argv) > 3 else None
    sys.exit(0 if serve(start, end, die) else 1)


if __name__ == "__main__":
    main()
