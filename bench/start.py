"""What the program costs while nothing happens: starting it, a run without work, and an idle service.

Prints the idle memory of ``digest serve`` after a day of simulated work (30 papers a day from each of two
sites, ten readers, a driven clock), and the time of ``digest --help`` and of ``digest run`` with nothing to
do, each beside its limit. All servers are on loopback. What is installed for developing only is hidden.

usage: python bench/start.py [--times 5]
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import packages_distributions
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SERVE_MB = 150
HELP_S = 0.4
RUN_S = 1.5
READERS = 10
A_DAY = 30
START = datetime(2026, 1, 12, 0, tzinfo=UTC)
DIGEST = [sys.executable, "-c", "from digest.cli import main; main()"]


def environment(folder: Path, **more: str) -> Mapping[str, str]:
    """Nothing of the person who runs this."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    own = {"HOME": folder, "XDG_CONFIG_HOME": folder / "config", "XDG_DATA_HOME": folder / "share"}
    own |= {"DIGEST_DATA_DIR": folder / "data"}
    return kept | {name: str(value) for name, value in own.items()} | more


def hide_tools(folder: Path) -> None:
    """Let programs that we start see only what an installation has: numpy takes in what lies about.

    What is installed beside ``requirements/run.txt`` is for developing.
    """
    pins = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    ours = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", pins, re.MULTILINE)}
    hidden = [
        package
        for package, owners in packages_distributions().items()
        if not {canonicalize_name(one) for one in owners} & {*ours, "paper-digest"}
    ]
    (folder / "sitecustomize.py").write_text(
        f"""import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in {set(hidden)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""
    )
    os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{ROOT}"


def add_readers(folder: Path) -> None:
    """Readers who are served daily at seven, UTC."""
    from digest.models import Subscription
    from digest.storage import subscribers
    from digest.storage.database import Database

    with closing(Database(f"sqlite:///{folder / 'data' / 'digest.db'}")) as database:
        database.upgrade()
        with database.write() as session:
            for number in range(READERS):
                email = f"reader{number}@example.org"
                row = subscribers.add_subscriber(session, email=email, status="active", now=START)
                own = {"subscriber_id": row.id, "cadence": "daily", "hour": 7, "zone": "UTC"}
                subscribers.add_subscription(session, Subscription(**own, created_at=START))


def seconds(folder: Path, words: list[str], times: int, **more: str) -> float:
    """The quickest of some runs: what the program takes, without what else the machine does."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        done = subprocess.run(
            [*DIGEST, *words],
            cwd=folder,
            env=environment(folder, **more),
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found.append(time.perf_counter() - began)
    return min(found)


def measure(folder: Path, times: int) -> bool:
    """Print the three figures; whether all are within their limits."""
    from tests.e2e.soaking import DAY, World, live, surroundings

    hide_tools(folder)
    world = World(folder, START)
    with surroundings(world, a_day=A_DAY) as mail:
        add_readers(folder)
        lived = live(world, START, START + DAY)
        assert lived.code == 0, lived.log[-2000:]
        assert len(mail.mails) == READERS
        now = {"DIGEST_NOW": (START + DAY).isoformat()}
        seconds(folder, ["run"], 1, **now)  # what the service left to do
        run_s = seconds(folder, ["run"], times, **now)
    help_s = seconds(folder, ["--help"], times)
    serve_mb = lived.vitals[-1]["rss_mb"]
    rows = [
        ("digest serve, idle after a day of work", serve_mb, SERVE_MB, "MB"),
        ("digest --help", help_s, HELP_S, "s"),
        ("digest run with nothing to do", run_s, RUN_S, "s"),
    ]
    for what, value, limit, unit in rows:
        verdict = "within" if value < limit else "ABOVE"
        print(f"{what}: {value:.{0 if unit == 'MB' else 2}f} {unit} ({verdict} {limit} {unit})")
    return all(value < limit for _, value, limit, _ in rows)


def main() -> None:
    """Measure, and exit with 1 where a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        if not measure(Path(folder), options.times):
            sys.exit(1)


if __name__ == "__main__":
    main()
