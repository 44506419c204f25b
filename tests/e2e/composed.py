"""A data directory full of composed issues, and the ``digest`` command run on it as a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tests.daily_server import DailyServer, item, serving

ROOT = Path(__file__).resolve().parents[2]
DUE = datetime(2026, 1, 12, 9, tzinfo=UTC)
SENDER = "digest@lists.example.org"
# Set, so that copies of one folder send the same bytes.
SECRET_KEY = "an invented key of this test alone, long enough"
# The command line with a few host names of its own, so that no name server is asked.
# A service takes no clock that a person chose, so its own is told the time.
PROGRAM = """
import os, socket, sys
look_up = socket.getaddrinfo
def stay_here(host, *rest, **options):
    return look_up("127.0.0.1" if host == "mail.example.org" else host, *rest, **options)
socket.getaddrinfo = stay_here
if sys.argv[1] == "serve":
    from datetime import datetime
    from digest.app import App
    served_at = datetime.fromisoformat(os.environ.pop("DIGEST_NOW"))
    App.now = lambda self: served_at
from digest.cli import main
main()
"""


@dataclass(frozen=True)
class Ended:
    """What one command did; ``code`` is negative where a signal ended it."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Home:
    """A folder with ``digest.toml`` and ``data/``; every command runs in it and sees nothing else."""

    folder: Path

    def configure(self, source_url: str = "http://127.0.0.1:9", **settings: object) -> None:
        """Write the settings file anew; ``source_url`` is read by ``refresh`` alone."""
        settings = {"mail_from": SENDER, "secret_key": SECRET_KEY, **settings}
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        source = [
            "[[source]]",
            'name = "hf"',
            'kind = "huggingface"',
            f'url = "{source_url}"',
            "allow_private = true",
        ]
        (self.folder / "digest.toml").write_text("\n".join([*lines, *source, ""]))

    def by_smtp(self, port: int, **settings: object) -> None:
        """Send to that loopback port from now on."""
        self.configure(smtp_url=f"smtp://127.0.0.1:{port}", **settings)

    def start(
        self,
        *words: str,
        now: datetime = DUE,
        under: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start ``digest WORDS`` at that time, ``under`` another program where one is given."""
        own = {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_DATA_HOME": str(self.folder / "share"),
            "DIGEST_DATA_DIR": str(self.folder / "data"),
            "DIGEST_NOW": now.isoformat(),
            "PYTHONPATH": str(ROOT),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        return subprocess.Popen(
            [*under, sys.executable, "-c", PROGRAM, *words],
            cwd=self.folder,
            env={**kept, **own, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, timeout_s: float = 120, **how: Any) -> Ended:
        """The same, waited for."""
        return ended(self.start(*words, **how), timeout_s)

    def ok(self, *words: str, **how: Any) -> Ended:
        """The same for a command that must succeed."""
        done = self.run(*words, **how)
        assert done.code == 0, f"digest {' '.join(words)} exited {done.code}: {(done.err or done.out)[-500:]}"
        return done

    def copy(self, folder: Path) -> Self:
        """The same, once more."""
        shutil.copytree(self.folder, folder)
        return type(self)(folder)


def ended(process: subprocess.Popen[str], timeout_s: float = 120) -> Ended:
    """Wait for a command; kill it and fail where it takes longer."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out, err)


def address(number: int) -> str:
    """The address of the reader with that number, counted from 1."""
    return f"reader{number}@example.org"


def add_readers(home: Home, addresses: Sequence[str]) -> None:
    """Add readers who are served daily at seven, UTC; through storage, since there may be thousands."""
    from digest.models import Subscription
    from digest.storage import subscribers
    from digest.storage.database import Database

    path = home.folder / "data" / "digest.db"
    with closing(Database(f"sqlite:///{path}")) as database, database.write() as session:
        for email in addresses:
            reader = subscribers.add_subscriber(session, email=email, status="active", now=DUE)
            assert reader.id is not None
            row = Subscription(
                subscriber_id=reader.id, cadence="daily", hour=7, zone="UTC", feed=False, created_at=DUE
            )
            subscribers.add_subscription(session, row)


def make_home(folder: Path, addresses: Sequence[str], *, papers: int = 10, a_mail: int = 3) -> Home:
    """Fill a folder: papers read from a site on loopback, an issue composed for each reader, none sent."""
    home = Home(folder)
    folder.mkdir(exist_ok=True)
    days = {f"{DUE.date()}": [item(number, votes=number) for number in range(1, papers + 1)]}
    with serving(DailyServer(days)) as site:
        home.configure(site.url, papers=a_mail)
        home.ok("refresh")
        add_readers(home, addresses)
        done = home.ok("compose", "--json").json
    assert done["issues"] == len(addresses)
    # Not needed to send, and much to copy.
    shutil.rmtree(folder / "data" / "feeds", ignore_errors=True)
    return home
