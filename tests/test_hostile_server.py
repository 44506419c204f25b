"""Bad input, played on loopback through the real program: one test for each way, and what it costs.

Each ends in a recorded verdict soon, and the source after it is read all the same. Numbers are those of
the list of known faults.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpcore
import pytest

from digest.app import App
from digest.fetcher import Fetcher
from tests import hostile_server as hostile
from tests.cli_runner import run
from tests.daily_server import DailyServer, item, serving
from tests.hostile_server import DAY, Case, HostileServer
from tests.loopback import LoopbackServer, Switchboard, answer, redirect

pytest_plugins = ("tests.storage_fixtures",)

ROOT = Path(__file__).resolve().parents[1]
# How long those may take that never come to an end, and all others on a busy machine.
TIMEOUT_S = 0.8
PATIENT_S = 10.0
# What a run takes besides its deadlines, on a machine that has other things to do.
OVERHEAD_S = 20.0
PARSING_S = 5.0
PUBLIC = "93.184.215.14"


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    """Plays all cases."""
    with HostileServer(hostile.CASES) as playing:
        yield playing


@pytest.fixture
def good() -> Iterator[DailyServer]:
    """The source that is read after the hostile one."""
    with serving(DailyServer({DAY: [item(11), item(12)]})) as site:
        yield site


@pytest.fixture(autouse=True)
def _a_database(tmp_path: Path, migrated_file: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    shutil.copyfile(migrated_file, tmp_path / "data" / "digest.db")


def table(name: str, url: str, *, kind: str = "huggingface", **more: str | bool) -> str:
    """One source's settings."""
    lines = {"name": name, "kind": kind, "url": url, "allow_private": True, **more}
    return "[[source]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())


def configure(*tables: str, timeout_s: float = PATIENT_S) -> None:
    """Settings beside the test."""
    head = f'data_dir = "{Path.cwd() / "data"}"\ntimeout_s = {timeout_s}\n'
    Path("digest.toml").write_text(head + "".join(tables))


def table_of(case: Case, server: HostileServer) -> str:
    more: dict[str, Any] = {"kind": "feed"} if case.feed else {"via": case.via}
    if "unreachable" in case.verdicts:
        more["timeout_s"] = TIMEOUT_S
    return table(case.name, server.url(case), **more)


def refresh() -> dict[str, dict[str, Any]]:
    """Run the program over all sources; the rows by the source's name."""
    ran = run("refresh", "--date", DAY, "--now", f"{DAY}T20:00:00Z", "--json")
    assert ran.code in (0, 1), ran.err
    return {row["name"]: row for row in ran.json["sources"]}


def stored() -> tuple[dict[str, str], list[str]]:
    """The last verdict kept of each source, and the titles of all papers."""
    from sqlmodel import col, select

    from digest.app import make_app
    from digest.checking import read_settings
    from digest.models import Check, Paper, Source

    with closing(make_app(read_settings()).database) as database, database.read() as session:
        query = select(Source.name, Check.verdict).join(Check, col(Check.source_id) == col(Source.id))
        return dict(session.exec(query).all()), list(session.exec(select(Paper.title)))


@pytest.mark.parametrize("case", hostile.CASES, ids=lambda case: case.name)
def test_bad_input_ends_in_a_verdict(case: Case, server: HostileServer, good: DailyServer) -> None:
    """Faults 1, 2, 9, 11, 14, 17, 18, 20, 21, 22, 24: recorded, in time, and the next source is done."""
    configure(table_of(case, server), table("good", good.url))
    started = time.monotonic()
    rows = refresh()
    took = time.monotonic() - started
    bad, fine = rows[case.name], rows["good"]
    assert bad["verdict"] in case.verdicts, bad
    assert bad["error"] or bad["verdict"] not in ("blocked", "unreachable")
    assert case.error in (bad["error"] or "")
    assert (fine["verdict"], fine["entries"]) == ("fresh", 2)
    verdicts, titles = stored()
    assert verdicts == {case.name: bad["verdict"], "good": "fresh"}
    assert set(case.titles) <= set(titles)
    assert len(titles) == 2 + bad["entries"]
    slow_parser = PARSING_S if case.name == "nested-lists" else 0.0
    assert took < TIMEOUT_S + slow_parser + OVERHEAD_S


def test_nobody_listening_is_unreachable(good: DailyServer) -> None:
    """Refused, at once."""
    configure(table("bad", f"http://127.0.0.1:{hostile.closed_port()}"), table("good", good.url))
    rows = refresh()
    assert (rows["bad"]["verdict"], rows["good"]["verdict"]) == ("unreachable", "fresh")


def test_fault_1_a_private_address_needs_permission(server: HostileServer, good: DailyServer) -> None:
    """Without ``allow_private`` nobody is asked, and the sentence says what to set."""
    before = len(server.asked)
    private = table("bad", server.url(hostile.CONTENT[3]), allow_private=False)
    configure(private, table("good", good.url))
    rows = refresh()
    assert (rows["bad"]["verdict"], rows["good"]["verdict"]) == ("unreachable", "fresh")
    assert "allow_private" in rows["bad"]["error"]
    assert len(server.asked) == before


# --- names that change their mind -----------------------------------------------------------------


class Alternating:
    """A resolver that gives a public address first, and a private one from then on."""

    def __init__(self, private: str, times: int = 1) -> None:
        self._private, self._left = private, times
        self.asked = 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        self._left -= 1
        return [PUBLIC] if self._left >= 0 else [self._private]


class Internet(Switchboard):
    """Leads the one public address to a loopback port, and notes what else than loopback was dialled."""

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        if host == PUBLIC:
            return super().connect_tcp(host, port, *args, **kwargs)
        return httpcore.SyncBackend().connect_tcp(host, port, *args, **kwargs)


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "100.64.0.1"])
@pytest.mark.parametrize("way", ["page by page", "by redirect", "from the robots.txt to the page"])
def test_fault_5_a_name_that_turns_private_is_not_reached(
    way: str, private: str, good: DailyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public at the first look-ups, private at the next: each connection is checked for itself."""
    looks = 1 if way == "from the robots.txt to the page" else 2  # robots.txt is always the first
    listed = json.dumps([item(1)]).encode()
    sent = redirect("/again") if way == "by redirect" else answer(body=listed)
    with LoopbackServer(sent) as server:
        network, resolver = Internet(server.port), Alternating(private, looks)
        monkeypatch.setattr(
            App,
            "fetcher",
            lambda app: Fetcher(
                "paper-digest/test",
                timeout_s=app.settings.timeout_s,
                min_interval_s=0,
                resolver=resolver,
                network=network,
            ),
        )
        bad = table("bad", "http://papers.example", allow_private=False, via="api")
        configure(bad, table("good", good.url))
        rows = refresh()
    expected = "partial" if way == "page by page" else "unreachable"
    assert (rows["bad"]["verdict"], rows["good"]["verdict"]) == (expected, "fresh")
    assert network.dialled == [PUBLIC] * looks
    assert resolver.asked > looks


# --- robots.txt -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("robots", "verdict"),
    [
        (answer(body=b"User-agent: *\nDisallow: /papers"), "blocked"),
        (answer(503), "unreachable"),
        (b"", "unreachable"),
        (answer(429), "fresh"),
        (answer(404), "fresh"),
        (answer(body=b"User-agent: *\n" + b"Disallow: /*x*$\n" * 60_000), "fresh"),
        (answer(body=b"\xff\xfe\0" * 99_999), "fresh"),
    ],
)
def test_robots_txt_ends_in_a_verdict(robots: bytes, verdict: str, good: DailyServer) -> None:
    """Forbidden is blocked, unreadable is unreachable, absent or hostile forbids nothing."""
    page = hostile.html_answer(hostile.daily_page("A paper"))

    def script(peer: Any) -> None:
        peer.send(robots if peer.request.startswith(b"GET /robots.txt ") else page)

    with LoopbackServer(script) as server:
        url = f"http://127.0.0.1:{server.port}"
        configure(table("bad", url, via="page"), table("good", good.url))
        rows = refresh()
    assert (rows["bad"]["verdict"], rows["good"]["verdict"]) == (verdict, "fresh")


# --- memory -----------------------------------------------------------------------------------------

# Runs the program and says, on the last line of stderr, the most memory in KiB that it has had, and the most
# that one of the processes had in which it parses. VmHWM is the system's own count, and only grows.
PROGRAM = """
import sys, threading
from pathlib import Path
from digest.cli import main

def peak(pid):
    try:
        if pid != "self" and b"digest.parsing" + b".worker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return 0  # not yet that program, but still a twin of ours
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 0

def children():
    for file in Path("/proc/self/task").glob("*/children"):
        try:
            yield from file.read_text().split()
        except OSError:
            continue

most, over = [0], threading.Event()

def watch():
    while not over.wait(0.01):
        most[0] = max([most[0], *map(peak, children())])

watching = threading.Thread(target=watch, daemon=True)
watching.start()
try:
    main(sys.argv[1:])
except SystemExit:
    pass
over.set()
watching.join()
print(peak("self"), most[0], file=sys.stderr)
"""


def peaks_kib(*tables: str) -> tuple[int, int]:
    """The most memory that a refresh in a process of its own has had, and the largest of its parsers."""
    shutil.rmtree("data", ignore_errors=True)
    configure(*tables)
    words = ["refresh", "--date", DAY, "--now", f"{DAY}T20:00:00Z", "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=environment | {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(ran.stdout)["sources"]
    assert len(rows) == len(tables), ran.stderr
    whole, parsing = map(int, ran.stderr.splitlines()[-1].split())
    return whole, parsing


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, int]:
    """Those of a refresh of one source that answers well."""
    with pytest.MonkeyPatch.context() as patch, serving(DailyServer({DAY: [item(11), item(12)]})) as site:
        patch.chdir(tmp_path_factory.mktemp("normal"))
        return peaks_kib(table("good", site.url))


HEAVY = (*hostile.BOMBS, *hostile.SLOW_TO_PARSE)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("case", HEAVY, ids=lambda case: case.name)
def test_fault_14_bad_input_takes_at_most_32_mib_more(
    case: Case, server: HostileServer, normal: tuple[int, int]
) -> None:
    """Than a refresh of a source that answers well: where it is fetched, and where it is parsed."""
    whole, parsing = peaks_kib(table_of(case, server))
    print(f"{case.name}: {(whole - normal[0]) / 1024:+.1f} MiB, parsing {(parsing - normal[1]) / 1024:+.1f}")
    assert whole - normal[0] <= 32 * 1024
    assert parsing - normal[1] <= 32 * 1024
