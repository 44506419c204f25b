"""``digest fit``: the ranking model anew, on request."""

from pathlib import Path

from tests.cli_runner import ok
from tests.daily_server import DailyServer, item, serving
from tests.test_main_job import configure

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
