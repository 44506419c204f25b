"""Mail by the ten thousand to Postfix's smtp-sink on loopback, beside the plain way and beside rss2email.

Three ways, each run in a process of its own, in turn, several rounds; every figure is the median, the best
round's in brackets. What each does, and what it does not:

ours       digest deliver: each mail's states committed to SQLite with FULL durability, before and after.
           CPU and memory are of both its processes; the parts are of a run in one
plain      the same template rendered whole per mail, EmailMessage, one smtplib connection. No database: the
           issues are in memory when the clock starts; killed in the middle, nobody knows who got the mail
rss2email  r2e run, whole command, a connection per mail. No readers of its own, no ranking; its note of what
           was seen is written once, at the end. Once with one paper a mail, as it is meant to be used, and
           once with as many papers as ours

usage: python bench/deliver.py [--readers 10000] [--papers 15] [--rounds 3] [--connections N]
       [--quick] [--rss2email PATH]
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SMALL = 1_000
RSS2EMAIL_MAILS = 1_000
ORDER = ("compose", "render", "assemble", "commit", "send", "other")
AIMS = {"mails a second": 700, "plain": 4.0, "rss2email": 2.5}


def work(name: str, options: argparse.Namespace) -> None:
    """Be one of the measured processes: in the current folder; prints JSON."""
    from bench import mailings

    if name == "prepare":
        result: dict[str, Any] = mailings.prepare(options.readers, options.papers)
    elif name == "plain":
        result = mailings.plain(options.port)
    else:
        result = deliver(mailings.Split() if name == "split" else None)
    result["peak_mb"] = result.get("peak_mb", 0) + _peak_mb()
    print(json.dumps(result))


def deliver(split: Any) -> dict[str, Any]:
    """Our way of sending; ``split`` sees but one process, so all is done in one then."""
    from bench import mailings
    from digest.pipeline import deliver as use_case

    if split is not None:
        use_case.MANY = sys.maxsize
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = mailings.deliver(split)
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    result["cpu"] += child.ru_utime + child.ru_stime - before.ru_utime - before.ru_stime
    result["peak_mb"] = child.ru_maxrss / 1024
    if split is not None and split.missing:
        result["missing"] = split.missing
    return result


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def in_process(name: str, folder: Path, options: argparse.Namespace, **more: int) -> dict[str, Any]:
    """Run one of them in that folder; what it printed, and the whole command's seconds."""
    given = {"readers": options.readers, "papers": options.papers, **more}
    words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DIGEST_")}
    own = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--work", name, *words],
        cwd=folder,
        env={**kept, **own},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name} failed")
    return {**json.loads(done.stdout), "whole": time.perf_counter() - began}


class Bench:
    """The rounds; ``folder`` is scratch space."""

    def __init__(self, options: argparse.Namespace, folder: Path, port: int) -> None:
        self.options, self.folder, self.port = options, folder, port

    def prepare(self, readers: int) -> dict[str, Any]:
        """A folder with so many issues, once; copied for each round."""
        place = self.folder / f"of-{readers}"
        place.mkdir()
        took = in_process("prepare", place, self.options, readers=readers)
        shutil.rmtree(place / "data" / "feeds", ignore_errors=True)
        return took

    def ours(self, readers: int, name: str = "deliver") -> dict[str, Any]:
        """One run of ours on a copy."""
        from bench import mailings

        place = self.folder / "copy"
        shutil.copytree(self.folder / f"of-{readers}", place)
        options = self.options
        mailings.configure(place, port=self.port, papers=options.papers, connections=options.connections)
        os.sync()  # what was copied is not ours to wait for
        try:
            return in_process(name, place, self.options)
        finally:
            shutil.rmtree(place)

    def plain(self) -> dict[str, Any]:
        """One run of the plain way."""
        place = self.folder / f"of-{self.options.readers}"
        return in_process("plain", place, self.options, port=self.port)

    def rss2email(self, program: str, papers: int) -> dict[str, Any]:
        """One run of rss2email, the whole command."""
        from bench import mailings

        place = self.folder / "r2e"
        mails = min(RSS2EMAIL_MAILS, self.options.readers)
        command = mailings.prepare_rss2email(program, place, self.port, mails, papers)
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        process.stdout.close()
        shutil.rmtree(place)
        if process.returncode or out.count("send message") != mails or "ERROR" in out:
            sys.exit(f"rss2email failed: {out[-500:]}")
        cpu = usage.ru_utime + usage.ru_stime
        return {"mails": mails, "wall": wall, "cpu": cpu, "peak_mb": usage.ru_maxrss / 1024, "whole": wall}


def rate(runs: list[dict[str, Any]]) -> float:
    """The median of mails a second."""
    return statistics.median(run["mails"] / run["wall"] for run in runs)


def show(name: str, runs: list[dict[str, Any]]) -> None:
    """One way's line."""
    best = max(run["mails"] / run["wall"] for run in runs)
    cpu = statistics.median(1000 * run["cpu"] / run["mails"] for run in runs)
    whole = statistics.median(run["whole"] for run in runs)
    peak = max(run["peak_mb"] for run in runs)
    print(
        f"{name:<24} {runs[0]['mails']:>6} mails {rate(runs):7.0f} a second ({best:.0f}) "
        f"{cpu:6.2f} CPU-ms each, whole command {whole:6.1f} s, peak {peak:4.0f} MB",
        flush=True,
    )


def show_parts(name: str, run: dict[str, Any], compose: float | None = None) -> None:
    """CPU-milliseconds per mail by part."""
    parts = {part: 1000 * seconds / run["mails"] for part, seconds in run["parts"].items()}
    parts["other"] = 1000 * run["cpu"] / run["mails"] - sum(parts.values())
    if compose is not None:
        parts["compose"] = compose
    print(
        f"{name:<24} CPU-ms per mail: "
        + ", ".join(f"{part} {parts[part]:.3f}" for part in ORDER if part in parts)
    )
    if run.get("missing"):
        print(f"{'':<24} (not found to measure: {', '.join(run['missing'])})")


def measure(options: argparse.Namespace, folder: Path, port: int) -> None:
    """All ways in turn, then the parts and the memory."""
    bench = Bench(options, folder, port)
    composed = bench.prepare(options.readers)
    compose_ms = 1000 * composed["cpu"] / options.readers
    print(f"{options.readers} readers, {options.papers} papers each; composed in {composed['wall']:.1f} s")
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "ours, durable": lambda: bench.ours(options.readers),
        "plain": bench.plain,
    }
    for papers, program in _rss2email(options, folder):
        label = f"rss2email, {papers} a mail"
        ways[label] = lambda program=program, papers=papers: bench.rss2email(program, papers)  # type: ignore[misc]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for number in range(options.rounds):
        # In turn, forward and back, so that a slow minute of the machine meets all.
        for name in list(ways) if number % 2 == 0 else reversed(list(ways)):
            runs[name].append(ways[name]())
    for name, done in runs.items():
        show(name, done)
    show_parts("ours", bench.ours(options.readers, "split"), compose_ms)
    show_parts("plain", runs["plain"][-1])
    ours = rate(runs["ours, durable"])
    print(f"{ours:.0f} mails a second, aim {AIMS['mails a second']}")
    for name in runs:
        aim = AIMS.get(name.partition(",")[0])
        if aim is not None:
            print(f"{ours / rate(runs[name]):.1f} times {name}, aim {aim}")
    small = min(SMALL, options.readers // 2)
    bench.prepare(small)
    few, many = bench.ours(small)["peak_mb"], runs["ours, durable"][-1]["peak_mb"]
    print(f"peak memory of delivering: {few:.0f} MB at {small} readers, {many:.0f} MB at {options.readers}")


def _rss2email(options: argparse.Namespace, folder: Path) -> list[tuple[int, str]]:
    from bench import mailings

    try:
        program = mailings.find_rss2email(folder / "rss2email", options.rss2email)
    except (OSError, subprocess.CalledProcessError):
        print("rss2email is left out: it could not be installed (pip install rss2email)")
        return []
    return [(1, program), (options.papers, program)]


def main() -> None:
    """Measure, or be one of the measured processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--readers", type=int, default=10_000)
    parser.add_argument("--papers", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=0, help="the setting smtp_connections")
    parser.add_argument("--quick", action="store_true", help="1,000 readers, one round")
    parser.add_argument("--rss2email", metavar="PATH", help="an installed r2e")
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.readers, options.rounds = min(options.readers, 1_000), 1
    if options.work:
        work(options.work, options)
        return
    from bench import mailings

    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        sys.exit("smtp-sink is not installed (Debian package postfix)")
    with TemporaryDirectory() as folder, mailings.sink(program) as port:
        measure(options, Path(folder), port)


if __name__ == "__main__":
    main()
