"""``digest fit``: the ranking model anew, on request."""

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from digest.app import make_app
from digest.config import Settings
from digest.locks import use_case_lock
from tests.cli_runner import ok
from tests.daily_server import DailyServer, item, serving
from tests.test_main_job import configure

# A fit that takes for ever, with a lock by which one sees whether it is there still.
ENDLESS = """
import sys; sys.path[:] = sys.argv[2:]
import time
from pathlib import Path
from digest.locks import use_case_lock
from digest.pipeline import model_store
def fit(*_):
    while True:  # who looks has it for a moment
        with use_case_lock(Path(sys.argv[1]), "fitting") as mine:
            time.sleep(60 if mine else 0.01)
model_store.fit = fit
model_store.run(sys.argv[1])
"""
PARENT = """
import sys
from pathlib import Path
from digest.pipeline import model_store
from digest.storage.database import Database
model_store._MAIN = sys.argv[3]
model_store.refit(Database(sys.argv[1]), Path(sys.argv[2]))
"""
READER = "reader@example.org"
MONDAY = "2026-01-12"


def test_the_model_is_fitted_and_what_it_took_is_told() -> None:
    with serving(DailyServer({MONDAY: [item(number) for number in range(1, 6)]})) as server:
        configure(server.url)
        ok("refresh", "--date", MONDAY)
    ok("subscriber", "add", READER, "--active")
    ok("interest", "add", READER, "--name", "Inventing", "--keyword", "invented")
    ok("feedback", "add", READER, "2601.90001", "more")
    report = ok("fit", "--json").json
    assert report["papers"] == 5
    assert report["likes"] >= 1
    assert report["seconds"] >= 0
    assert 0 < report["peak_mb"] < 1_500
    (kept,) = Path("data/models").glob("ranking-*.npz")
    assert report["version"] in kept.name
    told = ok("fit").out
    assert told.startswith("5 papers and ")
    assert told.endswith(f"model {report['version']}\n")


def test_a_fit_ends_with_the_process_that_waits_for_it(tmp_path: Path) -> None:
    """However that ended: a service that is stopped leaves nothing at work."""
    with closing(make_app(Settings(data_dir=tmp_path)).database) as database:
        url = database.url.render_as_string(hide_password=False)

    def is_fitting() -> bool:
        with use_case_lock(tmp_path, "fitting") as free:
            return not free

    root = str(Path(__file__).resolve().parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, url, str(tmp_path), ENDLESS],
        env={**os.environ, "PYTHONPATH": root},
    ) as parent:
        give_up_at = time.monotonic() + 30
        while not is_fitting():
            assert parent.poll() is None
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        parent.kill()
    while is_fitting():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
