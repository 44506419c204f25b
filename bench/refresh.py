"""A refresh of 100 sources on loopback, each answer 50 ms late, beside Scrapy reading the same pages.

Each source is a server of its own with its robots.txt and a page of 30 papers that no other one has. Both
are whole commands in processes of their own, in turn, several rounds; the figures are medians. Memory is that
of all their processes together (Linux: the proportional set size, looked at every 50 ms).

ours     digest refresh: new database; robots.txt obeyed, addresses checked, bodies bounded, pages kept with
         their verdicts, parsed in child processes, texts cleaned, papers recognised and filed durably
Scrapy   a spider with the same extraction: robots.txt obeyed, items as they are written to JSON lines. Once
         with as many requests at once as ours, once with its own default

Scrapy is in the dependency group "bench": uv pip install scrapy. Where it is not there it is installed into a
temporary folder, for this run only.

usage: python bench/refresh.py [--sources 100] [--papers 30] [--latency-ms 50] [--rounds 3]
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

DAY = date(2026, 8, 18)
NOW = f"{DAY}T20:00:00Z"
AT_ONCE = 8
SCRAPY_DEFAULT = 16
LOOK_S = 0.05


# --- the servers, in a process of their own --------------------------------------------------------


async def answer(
    body: bytes, latency_s: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection, each after the latency."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(latency_s)
            is_page = head.split(b" ", 2)[1].startswith(b"/papers")
            content = body if is_page else b"User-agent: *\nDisallow: /private\n"
            kind = b"text/html; charset=utf-8" if is_page else b"text/plain"
            lines = (b"HTTP/1.1 200 OK", b"Content-Type: " + kind, b"Content-Length: %d" % len(content))
            writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + content)
            await writer.drain()
    writer.close()


async def serve(options: argparse.Namespace) -> None:
    """Serve on as many ports until stdin ends; prints the ports."""
    from bench import pages

    ports = []
    for number in range(options.sources):
        body = pages.daily_page(pages.daily_items(options.papers, DAY, seed=number), DAY)

        async def handle(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes = body
        ) -> None:
            await answer(body, options.latency_ms / 1000, reader, writer)

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def servers(options: argparse.Namespace) -> Iterator[list[int]]:
    """The servers' ports while the block lasts."""
    words = [
        f"--{name.replace('_', '-')}={getattr(options, name)}" for name in ("sources", "papers", "latency_ms")
    ]
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        yield json.loads(process.stdout.readline())
        process.communicate()


# --- measuring -------------------------------------------------------------------------------------


@dataclass
class Run:
    """One whole command."""

    papers: int
    wall_s: float
    cpu_s: float
    peak_mb: float


class Memory:
    """The most that a process and all below it had at once; looked at until the process is gone."""

    def __init__(self, pid: int) -> None:
        self.pid, self.peak_kb = pid, 0
        self.thread = threading.Thread(target=self._watch)
        self.is_over = threading.Event()
        self.thread.start()

    def end(self) -> float:
        """Stop looking; the peak in MB."""
        self.is_over.set()
        self.thread.join()
        return self.peak_kb / 1024

    def _watch(self) -> None:
        while not self.is_over.wait(LOOK_S):
            self.peak_kb = max(self.peak_kb, sum(map(_pss_kb, _family(self.pid))))


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def run(command: list[str], folder: Path, **more: str) -> tuple[float, float, float, str]:
    """Wall and CPU seconds and peak MB of a command, and what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    own = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), **more}
    own["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=kept | own, stdout=subprocess.PIPE, text=True)
    memory = Memory(process.pid)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    peak = memory.end()
    if process.returncode:
        sys.exit(f"{command[1]} failed with {process.returncode}: {out[-1000:]}")
    return wall, usage.ru_utime + usage.ru_stime, peak, out


def ours(ports: list[int], folder: Path) -> Run:
    """One ``digest refresh`` of all sources into a new database."""
    tables = [
        f'[[source]]\nname = "s{port}"\nkind = "huggingface"\nurl = "http://127.0.0.1:{port}"\n'
        'allow_private = true\nlookback_days = 1\nvia = "page"\n'
        for port in ports
    ]
    (folder / "digest.toml").write_text("\n".join(tables))
    code = "import sys; from digest.cli import main; main(sys.argv[1:])"
    words = ["--now", NOW, "refresh", "--date", str(DAY), "--json"]
    command = [sys.executable, "-c", code, *words]
    wall, cpu, peak, out = run(command, folder, DIGEST_DATA_DIR=str(folder / "data"))
    rows = json.loads(out)
    rows = rows if isinstance(rows, list) else rows["sources"]
    verdicts = {row["verdict"] for row in rows}
    if verdicts != {"fresh"} or len(rows) != len(ports):
        sys.exit(f"{len(rows)} rows with the verdicts {verdicts}")
    return Run(sum(row["new"] for row in rows), wall, cpu, peak)


def scrapy(ports: list[int], folder: Path, at_once: int) -> Run:
    """One crawl of all sources."""
    (folder / "ports.json").write_text(json.dumps(ports))
    spider = [str(ROOT / "bench" / "scrapy_spider.py"), "ports.json", "items.jl", str(at_once), str(DAY)]
    wall, cpu, peak, _ = run([sys.executable, *spider], folder)
    return Run(len((folder / "items.jl").read_text().splitlines()), wall, cpu, peak)


def show(name: str, runs: list[Run]) -> None:
    """One way's line."""
    wall, cpu, peak = (
        statistics.median(getattr(one, field) for one in runs) for field in ("wall_s", "cpu_s", "peak_mb")
    )
    print(
        f"{name:<22} {runs[0].papers:>6} papers {wall:7.2f} s wall {cpu:7.2f} s CPU {peak:6.0f} MB",
        flush=True,
    )


def main() -> None:
    """Measure all in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", type=int, default=100)
    parser.add_argument("--papers", type=int, default=30)
    parser.add_argument("--latency-ms", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options))
        return
    from bench.rivals import install

    with ExitStack() as stack:
        install(["scrapy"], ["scrapy", "lxml"], Path(stack.enter_context(TemporaryDirectory())))
        ports = stack.enter_context(servers(options))
        ways = {
            "digest refresh": ours,
            f"Scrapy, {AT_ONCE} at once": lambda ports, folder: scrapy(ports, folder, AT_ONCE),
            f"Scrapy, {SCRAPY_DEFAULT} at once": lambda ports, folder: scrapy(ports, folder, SCRAPY_DEFAULT),
        }
        runs: dict[str, list[Run]] = {name: [] for name in ways}
        for number in range(options.rounds):
            for name in list(ways) if number % 2 == 0 else reversed(list(ways)):
                with TemporaryDirectory() as folder:
                    runs[name].append(ways[name](ports, Path(folder)))
    print(f"{options.sources} sources, {options.latency_ms} ms latency, {options.rounds} rounds")
    for name, done in runs.items():
        show(name, done)
    if len({one.papers for done in runs.values() for one in done}) != 1:
        sys.exit("they did not find the same number of papers")


if __name__ == "__main__":
    main()
