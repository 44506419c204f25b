"""How fast the web answers with many papers stored: the trending page, search and a feed, under wrk.

A server of its own (``digest web``) over invented papers on loopback, at 1, 16 and 64 connections, each way
twice: the same address again and again (kept), and a new one each time (made anew). Prints the median, the
99th percentile and the answers a second; at the end the size of the front page as it is sent.

With ``--rival`` the list page of an arxiv-sanity-lite checkout (which has its own data) is measured as well.

usage: python bench/web.py [--papers 100000] [--per-day 100] [--seconds 5] [--rival CHECKOUT]
                           [--rival-python PYTHON]

Needs wrk (Debian package wrk); without it a plain client in Python measures, whose own time counts too.
"""

import argparse
import gzip
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote_plus

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

CONNECTIONS = (1, 16, 64)
LAST_DAY = date(2026, 8, 18)
DAY = timedelta(days=1)
LOOKS = 5
BATCH = 5_000
LIMITS_MS = {"trending": 30, "search": 50}
CYCLE = """
local paths, at = {{ {paths} }}, {offset}
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at], {{ ["Accept-Encoding"] = "gzip" }})
end
"""


# --- what is stored --------------------------------------------------------------------------------


def fill(folder: Path, papers: int, per_day: int) -> None:
    """Store invented papers: half of each day's with votes that grew over five looks."""
    from sqlalchemy import insert

    from digest.models import metadata
    from digest.storage.database import Database

    database = Database(f"sqlite:///{folder / 'digest.db'}")
    database.upgrade()
    rows = _rows(papers, per_day)
    with database.write() as session:
        for source_id, name in ((1, "huggingface"), (2, "arxiv")):
            at = _at(LAST_DAY)
            source = {"id": source_id, "name": name, "kind": name, "url": "", "created_at": at}
            session.connection().execute(
                insert(metadata.tables["sources"]), [source | {"failures_in_row": 0}]
            )
    while some := list(islice(rows, BATCH)):
        with database.write() as session:
            for name in ("papers", "entries", "observations", "checks"):
                made = [row for table, row in some if table == name]
                if made:
                    session.connection().execute(insert(metadata.tables[name]), made)
    database.close()


def _rows(papers: int, per_day: int) -> Iterator[tuple[str, dict[str, Any]]]:
    import random

    from bench import generated

    chance, days = random.Random(5), max(papers // per_day, 1)
    for number, (title, abstract) in enumerate(generated.texts(papers), 1):
        day = LAST_DAY - (days - 1 - min((number - 1) // per_day, days - 1)) * DAY
        place, at = (number - 1) % per_day + 1, _at(day)
        if place == 1:
            for source_id, entries in ((1, per_day // 2), (2, per_day)):
                check = {"source_id": source_id, "day": day, "checked_at": at, "verdict": "fresh"}
                counts = {"entries": entries, "new": entries, "modified": 0, "unchanged": 0}
                yield "checks", check | counts | {"evidence": {}}
        authors = [generated.name(chance) for _ in range(4)]
        yield (
            "papers",
            {
                "id": number,
                "arxiv_id": f"{day:%y%m}.{number:07d}",
                "fingerprint": f"{number:032x}",
                "title": title,
                "abstract": abstract,
                "authors": authors,
                "authors_text": ", ".join(authors),
                "keywords": title.split()[:4],
                "categories": [f"cs.{chance.choice('ACLV')}{chance.choice('ILRV')}"],
                "code_url": "https://github.com/example/code" if number % 4 == 0 else None,
                "media_urls": [],
                "published_on": day,
                "first_seen_at": at,
                "updated_at": at,
            },
        )
        yield from _sightings(chance, number, day, place, votes=place <= per_day // 2)


def _sightings(
    chance: Any, number: int, day: date, place: int, *, votes: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    at = _at(day)
    listed = {"paper_id": number, "listed_on": day, "position": place, "first_seen_at": at, "seen_at": at}
    seen = {"paper_id": number, "position": place}
    yield "entries", listed | {"source_id": 2, "votes": None}
    yield "observations", seen | {"source_id": 2, "observed_at": at, "votes": None}
    if votes:
        most = int(chance.paretovariate(1.2) * 4)
        yield "entries", listed | {"source_id": 1, "votes": most}
        for look in range(LOOKS):
            told = {"source_id": 1, "observed_at": _at(day + look * DAY), "votes": most * (look + 1) // LOOKS}
            yield "observations", seen | told


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, 30, tzinfo=UTC)


# --- what is asked ---------------------------------------------------------------------------------


def addresses(papers: int, per_day: int) -> dict[str, list[str]]:
    """By name, the addresses that are asked for in turn."""
    from bench import generated

    days = [f"/?date={LAST_DAY - number * DAY}" for number in range(max(papers // per_day, 1))]
    topics = [generated.topic_words(topic)[:4] for topic in range(generated.TOPICS)]
    searches = [f"{one} {two}" for one, two, *_ in topics] + [words[2] for words in topics]
    searches += [f"{words[0]} {generated.GENERAL[place]}" for place, words in enumerate(topics)]
    return {
        "trending, kept": ["/"],
        "trending, made anew": days,
        "search, kept": [f"/search?q={quote_plus(searches[0])}"],
        "search, made anew": [f"/search?q={quote_plus(words)}" for words in searches],
        "feed": ["/feeds/trending-day.atom"],
    }


# --- measuring -------------------------------------------------------------------------------------


def measure(port: int, paths: Sequence[str], connections: int, seconds: float, offset: int) -> str:
    """One line of figures; by wrk where there is one."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return _measure_here(port, paths, connections, seconds, offset)
    with TemporaryDirectory() as folder:
        script = Path(folder) / "cycle.lua"
        quoted = ", ".join(f'"{path}"' for path in paths)
        script.write_text(CYCLE.format(paths=quoted, offset=offset), encoding="utf-8")
        options = [f"-c{connections}", "-t1", f"-d{max(int(seconds), 1)}s", "--latency", f"-s{script}"]
        command = [wrk, *options, f"http://127.0.0.1:{port}/"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {name: re.search(rf"^\s+{name}%\s+(\S+)", told, re.MULTILINE) for name in ("50", "99")}
    rate, bad = re.search(r"Requests/sec:\s+(\S+)", told), re.search(r"Non-2xx.*?(\d+)", told)
    p50, p99 = (match[1] if match else "?" for match in found.values())
    return f"p50 {p50:>9}  p99 {p99:>9}  {float(rate[1]) if rate else 0:7.0f}/s  {bad[1] if bad else 0} bad"


def _measure_here(port: int, paths: Sequence[str], connections: int, seconds: float, offset: int) -> str:
    took: list[float] = []
    bad: list[int] = []
    place = iter(range(offset, 1 << 60))
    until = time.monotonic() + seconds

    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        while time.monotonic() < until:
            path, began = paths[next(place) % len(paths)], time.perf_counter()
            connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            answer.read()
            took.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                bad.append(answer.status)
        connection.close()

    crowd = [threading.Thread(target=ask) for _ in range(connections)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    last = quantiles(took, n=100)[98] if len(took) > 1 else took[0]
    return f"p50 {median(took):7.2f}ms  p99 {last:7.2f}ms  {len(took) / seconds:7.0f}/s  {len(bad)} bad"


def report(port: int, name: str, paths: Sequence[str], seconds: float) -> None:
    """Measure one way at each number of connections and print the lines."""
    for turn, connections in enumerate(CONNECTIONS):
        figures = measure(port, paths, connections, seconds, turn * len(paths) // len(CONNECTIONS))
        print(f"{name:22} {connections:3} connections  {figures}", flush=True)


# --- servers ---------------------------------------------------------------------------------------


@contextmanager
def serving(command: Sequence[str], port: int, *, cwd: Path, env: dict[str, str]) -> Iterator[None]:
    """A server that answers on that port, for the time of the context."""
    server = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(600):
            if server.poll() is not None:
                told = server.stderr.read().decode(errors="replace") if server.stderr else ""
                sys.exit(f"{command[0]} ended: {told[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(20)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def get(port: int, path: str) -> bytes:
    """An answer's bytes as they were sent, packed."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    body = connection.getresponse().read()
    connection.close()
    return body


def measure_ours(papers: int, per_day: int, seconds: float) -> None:
    """Fill a database, serve it and print the figures."""
    with TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        print(f"storing {papers} papers, {per_day} a day", flush=True)
        fill(folder, papers, per_day)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DIGEST_")}
        own = {"HOME": name, "XDG_CONFIG_HOME": name, "XDG_DATA_HOME": name, "DIGEST_DATA_DIR": name}
        now = f"{LAST_DAY.isoformat()}T12:00:00+00:00"
        where = {"DIGEST_NOW": now, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        code = "import sys; from digest.cli import main; main(sys.argv[1:])"
        command = [sys.executable, "-c", code, "web", "--host", "127.0.0.1", "--port", str(port)]
        with serving(command, port, cwd=folder, env=kept | own | where):
            get(port, "/")
            for label, paths in addresses(papers, per_day).items():
                report(port, label, paths, seconds)
            packed = get(port, "/")
            print(f"front page: {len(packed):,} bytes packed, {len(gzip.decompress(packed)):,} unpacked")
        wanted = ", ".join(f"{name} {limit} ms" for name, limit in LIMITS_MS.items())
        print(f"wanted at the median of one connection: {wanted}; 60,000 bytes a page with its files")


def measure_rival(checkout: Path, python: str, seconds: float) -> None:
    """The same for the list page of arxiv-sanity-lite, served as its README says."""
    port = free_port()
    command = [python, "-m", "flask", "--app", "serve", "run", "--host", "127.0.0.1", "--port", str(port)]
    with serving(command, port, cwd=checkout, env=dict(os.environ)):
        get(port, "/")
        report(port, "arxiv-sanity-lite", ["/"], seconds)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", type=int, default=100_000)
    parser.add_argument("--per-day", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rival", type=Path, help="a checkout of arxiv-sanity-lite with its data")
    parser.add_argument("--rival-python", default=sys.executable, help="the Python that has what it needs")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed (Debian package wrk): a plain client in Python measures instead")
    measure_ours(options.papers, options.per_day, options.seconds)
    if options.rival is not None:
        measure_rival(options.rival.resolve(), options.rival_python, options.seconds)


if __name__ == "__main__":
    main()
