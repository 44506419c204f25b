"""The program itself on a small box: refresh, fit and compose beside 50,000 stored papers, one process each.

Every figure is of a whole ``digest`` command, imports included; the limit is 300 MB of memory. The papers
are invented and stored first, which is not measured. The source is a loopback server.

usage: python bench/whole_program.py [--papers 50000]
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

LIMIT_MB = 300
A_DAY = 250
READER = "reader@example.org"


def store(papers: int) -> None:
    """Store the papers, so many a day, the last day being today's."""
    from bench import generated
    from digest.app import make_app
    from digest.checking import read_settings
    from digest.diff import diff
    from digest.storage import papers as paper_rows
    from digest.storage import sources as source_rows
    from digest.types import Entry

    texts = enumerate(generated.texts(papers), 1)
    with closing(make_app(read_settings()).database) as database:
        with database.write() as session:
            source = source_rows.ensure_source(session, "hf", "huggingface", "", generated.NOW)
        assert source.id is not None
        for back in range(papers // A_DAY, 0, -1):
            at = generated.NOW - timedelta(days=back)
            entries = [
                Entry(
                    title=title,
                    abstract=abstract,
                    position=place,
                    source_ref=str(number),
                    votes=(number * 37) % 90,
                    authors=("Ada Example", "Bo Sample"),
                )
                for place, (number, (title, abstract)) in zip(range(1, A_DAY + 1), texts, strict=False)
            ]
            with database.write() as session:
                changes = diff(entries, [], listed_on=at.date(), today=at.date())
                paper_rows.apply_changes(session, source.id, changes, at)


def measure(name: str, *words: str) -> bool:
    """Run one command in a process of its own and print its time and memory; say whether it is within."""
    from bench import generated

    code = "import sys; from digest.cli import main; main(sys.argv[1:])"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--now", generated.NOW.isoformat(), *words],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    _, status, usage = os.wait4(process.pid, 0)
    peak = usage.ru_maxrss / 1024
    verdict = "within" if peak < LIMIT_MB else "ABOVE"
    failed = "" if os.waitstatus_to_exitcode(status) == 0 else " FAILED"
    print(
        f"{name:<22} {time.perf_counter() - began:6.1f} s wall {usage.ru_utime + usage.ru_stime:6.1f} s CPU "
        f"{peak:5.0f} MB, {verdict} {LIMIT_MB} MB{failed}",
        flush=True,
    )
    return peak < LIMIT_MB and not failed


def main() -> None:
    """Store, then measure each use case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", type=int, default=50_000)
    papers = parser.parse_args().papers
    from bench import generated
    from tests.daily_server import DailyServer, item, serving

    today = generated.NOW.date()
    days = {f"{today}": [item(number, votes=number) for number in range(100)]}
    with TemporaryDirectory() as folder, serving(DailyServer(days)) as site:
        os.chdir(folder)
        os.environ["DIGEST_DATA_DIR"] = folder
        Path("digest.toml").write_text(
            f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{site.url}"\nallow_private = true\n'
        )
        store(papers)
        size = Path("digest.db").stat().st_size / 2**20
        print(f"{papers} papers stored, database {size:.0f} MB; one reader", flush=True)
        results = [
            measure("subscriber add", "subscriber", "add", READER, "--active", "--hour", "0"),
            measure("interest add", "interest", "add", READER, "--name", "x", "--keyword", "invented paper"),
            measure("refresh", "refresh", "--json"),
            measure("compose, with the fit", "compose", "--json"),
            measure("preview, model kept", "preview", READER, "--format", "json"),
            measure("deliver", "deliver", "--json"),
        ]
        os.chdir("/")
    if not all(results):
        sys.exit(1)


if __name__ == "__main__":
    main()
