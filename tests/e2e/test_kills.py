"""Lost = 0, and doubles per crash at most the mails in flight: killed, cut off, out of disk, told to stop.

``digest deliver`` runs as a process of its own and sends by SMTP to a server whose log is the judge. Kills
are exact: strace ends the run on entering its n-th call of a kind. Some forty are spread over the run;
``--full`` does them all. Where strace is not installed, its tests skip.
"""

import itertools
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from digest.config import Settings
from tests.e2e import judge
from tests.e2e.composed import DUE, Ended, Home, address, ended, make_home
from tests.e2e.judge import Judge, judging

pytestmark = pytest.mark.e2e

READERS = 300
EVERYBODY = {address(number) for number in range(1, READERS + 1)}
# So many mails are in flight at most, where the settings say nothing else.
CONNECTIONS: int = Settings.model_fields["smtp_connections"].default
KILLS = 40
KILLS_ON_HOLD = 8
CALLS = ("write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg", "fsync", "fdatasync")
# What a run is restarted at: deferred mail comes due, and no issue has become too old.
LATER_H = (0, 1, 3, 6, 10, 15)
EVERY = 37


@pytest.fixture(scope="module")
def strace() -> str:
    """The tracer's path, if it may trace here."""
    path = shutil.which("strace")
    if path is None:
        pytest.skip("strace is not installed (Debian package strace)")
    if subprocess.run([path, "-f", "-o", os.devnull, "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace is not allowed to trace here")
    return path


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """300 readers with an issue each, none sent; copied for each use."""
    home = make_home(tmp_path_factory.mktemp("composed") / "home", sorted(EVERYBODY))
    with closing(sqlite3.connect(home.folder / "data" / "digest.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home


@pytest.fixture
def home(composed: Home, tmp_path: Path) -> Home:
    """A copy of them."""
    return composed.copy(tmp_path / "home")


# --- what a run leaves, and what comes of it ---


def finish(home: Home) -> Counter[str]:
    """Run again, later and later, until nothing waits; the sum of what the runs said."""
    told: Counter[str] = Counter()
    for hours in LATER_H:
        done = home.run("deliver", "--json", now=DUE + timedelta(hours=hours))
        assert "Traceback" not in done.err, done.err
        assert done.code in (0, 1), done
        told.update({name: count for name, count in done.json.items() if isinstance(count, int)})
        if not waiting(home):
            return told
    raise AssertionError(f"mail still waits after {len(LATER_H)} runs: {statuses(home)}")


def statuses(home: Home) -> dict[str, int]:
    """How many deliveries stand how; asked of the file, since a command takes a second."""
    with closing(sqlite3.connect(home.folder / "data" / "digest.db")) as connection:
        return dict(connection.execute("SELECT status, count(*) FROM deliveries GROUP BY status"))


def waiting(home: Home) -> bool:
    """Whether anything is still to be sent."""
    return bool({"planned", "sending", "deferred"} & statuses(home).keys())


def received(*servers: Judge) -> Counter[str]:
    """How many mails each reader got of all these servers; each as it was the first time."""
    mails = [mail for server in servers for mail in server.mails()]
    assert len({mail.message_id for mail in mails}) == len({mail.recipient for mail in mails})
    # Envelope sender, Message-ID and content are the same on every attempt.
    assert len(set(mails)) == len({mail.message_id for mail in mails})
    return Counter(mail.recipient for mail in mails)


def extras(counts: Counter[str]) -> dict[str, int]:
    """Who got more than one."""
    return {recipient: count - 1 for recipient, count in counts.items() if count > 1}


def check_all_once(home: Home, *servers: Judge, extra: int = 0) -> None:
    """Everybody got the mail; so many of them at most got it once more, nobody oftener."""
    counts = received(*servers)
    assert set(counts) == EVERYBODY, f"lost: {sorted(EVERYBODY - set(counts))[:5]}"
    doubled = extras(counts)
    assert len(doubled) <= extra, doubled
    assert set(doubled.values()) <= {1}, doubled
    assert statuses(home) == {"sent": READERS}


# --- killed at a call ---


def count_calls(strace: str, composed: Home, folder: Path) -> list[tuple[str, int]]:
    """Every (call, n) of one whole run, where n counts within a thread, as strace's ``when`` does."""
    home = composed.copy(folder / "counted")
    log = folder / "calls"
    under = (strace, "-f", "--seccomp-bpf", "-o", str(log), "-e", f"trace={','.join(CALLS)}")
    with judging(folder / "judge") as server:
        home.by_smtp(server.port)
        home.ok("deliver", under=under)
        assert len(server.mails()) == READERS
    counts: Counter[tuple[str, str]] = Counter(re.findall(r"(?m)^(\d+) +(\w+)\(", log.read_text()))
    most: dict[str, int] = {}
    for (_, call), count in counts.items():
        most[call] = max(count, most.get(call, 0))
    return [(call, n) for call, count in sorted(most.items()) for n in range(1, count + 1)]


def spread(points: Sequence[tuple[str, int]], number: int) -> list[tuple[str, int]]:
    """So many of them: as many of each call, from its first to its last."""
    by_call = [list(group) for _, group in itertools.groupby(points, key=lambda point: point[0])]
    by_call.sort(key=len)
    chosen: list[tuple[str, int]] = []
    for place, group in enumerate(by_call):
        share = min(len(group), (number - len(chosen)) // (len(by_call) - place))
        step = (len(group) - 1) / max(share - 1, 1)
        chosen += [group[int(index * step)] for index in range(share)]
    return chosen


def die_at(strace: str, home: Home, point: tuple[str, int], folder: Path) -> Ended:
    """Run, and be killed on entering that call (which then is not done)."""
    call, n = point
    trace = ("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={n}")
    return home.run("deliver", "--json", under=(strace, "-f", "-o", str(folder / "trace"), *trace))


def two_at_a_time(work: Callable[[tuple[str, int]], bool], points: Iterable[tuple[str, int]]) -> list[bool]:
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(work, points))


@pytest.fixture(scope="module")
def points(strace: str, composed: Home, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    """All the calls a run can be killed at."""
    found = count_calls(strace, composed, tmp_path_factory.mktemp("count"))
    assert {call for call, _ in found} >= {"sendto", "pwrite64", "fdatasync"}
    return found


def test_killed_anywhere_nobody_is_left_out_and_none_doubled_that_was_not_in_flight(
    strace: str,
    composed: Home,
    points: list[tuple[str, int]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """After each kill, run again: at most one extra for each connection, and nobody without."""

    def kill(point: tuple[str, int]) -> bool:
        folder = tmp_path / f"{point[0]}-{point[1]}"
        home = composed.copy(folder)
        with judging(folder / "judge") as server:
            home.by_smtp(server.port)
            struck = die_at(strace, home, point, folder).code == -signal.SIGKILL
            told = finish(home)
            assert told["sent"] <= READERS, point
            check_all_once(home, server, extra=CONNECTIONS if struck else 0)
        shutil.rmtree(folder)
        return struck

    full = request.config.getoption("--full", default=False)
    chosen = points if full else spread(points, KILLS)
    struck = two_at_a_time(kill, chosen)
    # Threads take turns as they like, so that a run may end before it comes to a call that is among the last.
    assert sum(struck) >= 0.8 * len(chosen)


def test_killed_on_hold_nobody_gets_two_and_the_held_are_told(
    strace: str, composed: Home, points: list[tuple[str, int]], tmp_path: Path
) -> None:
    """``uncertain = "hold"``: what may have arrived is not sent again, and stands as uncertain."""

    def kill(point: tuple[str, int]) -> bool:
        folder = tmp_path / f"{point[0]}-{point[1]}"
        home = composed.copy(folder)
        with judging(folder / "judge") as server:
            home.by_smtp(server.port, uncertain="hold")
            struck = die_at(strace, home, point, folder).code == -signal.SIGKILL
            told = finish(home)
            check_held(home, server, told, at_most=CONNECTIONS)
        shutil.rmtree(folder)
        return struck

    two_at_a_time(kill, spread(points, KILLS_ON_HOLD))


def check_held(home: Home, server: Judge, told: Counter[str], *, at_most: int) -> int:
    """Nobody got two; who got none is held, and that is told; returns how many are held."""
    counts = received(server)
    assert not extras(counts)
    stand = home.run("status", "--json").json["deliveries"]
    held: int = stand.get("uncertain", 0)
    assert held <= at_most
    assert told["uncertain"] == held
    assert len(EVERYBODY - set(counts)) <= held
    assert statuses(home) == {"sent": READERS - held, **({"uncertain": held} if held else {})}
    assert stand["sent"] == READERS - held
    return held


# --- cut off by the server ---


@pytest.mark.parametrize(
    "trouble",
    [judge.HANG_UP_AT_DATA, judge.HANG_UP_IN_DATA, judge.HANG_UP_BEFORE_DOT, judge.HANG_UP_AFTER_ANSWER],
)
def test_a_line_dropped_before_the_final_dot_or_after_the_answer_doubles_nothing(
    home: Home, tmp_path: Path, trouble: str
) -> None:
    """The mail was certainly not taken, or certainly was."""
    with judging(tmp_path / "judge", trouble, EVERY) as server:
        home.by_smtp(server.port)
        finish(home)
        assert len(server.troubled()) == READERS // EVERY
        check_all_once(home, server)


def test_a_line_dropped_after_the_final_dot_doubles_at_most_that_mail(home: Home, tmp_path: Path) -> None:
    """Taken, and no answer: sent once more."""
    with judging(tmp_path / "judge", judge.HANG_UP_AFTER_DOT, EVERY) as server:
        home.by_smtp(server.port)
        finish(home)
        assert len(server.troubled()) == READERS // EVERY
        check_all_once(home, server, extra=READERS // EVERY)


@pytest.mark.parametrize(
    ("trouble", "least", "most"),
    [
        # That the server hung up may come to be known before the final dot is sent, or only after it.
        (judge.HANG_UP_IN_DATA, 0, READERS // EVERY - 1),
        (judge.HANG_UP_BEFORE_DOT, 0, READERS // EVERY),
        (judge.HANG_UP_AFTER_DOT, READERS // EVERY, READERS // EVERY),
        (judge.HANG_UP_AFTER_ANSWER, 0, 0),
    ],
)
def test_on_hold_a_dropped_line_doubles_nothing(
    home: Home, tmp_path: Path, trouble: str, least: int, most: int
) -> None:
    """Held is what the server may have taken without an answer, and nothing else."""
    with judging(tmp_path / "judge", trouble, EVERY) as server:
        home.by_smtp(server.port, uncertain="hold")
        told = finish(home)
        assert len(server.troubled()) == READERS // EVERY
        assert least <= check_held(home, server, told, at_most=READERS // EVERY) <= most


# --- two at once, no room, told to stop ---


def test_of_two_started_together_one_sends_and_the_other_leaves(home: Home, tmp_path: Path) -> None:
    """Exactly one mail each; the second says that another is at work."""
    with judging(tmp_path / "judge") as server:
        home.by_smtp(server.port)
        started = [home.start("deliver", "--json") for _ in range(2)]
        done = [ended(process) for process in started]
        assert [one.code for one in done] == [0, 0]
        assert sum(one.json.get("locked", False) for one in done) == 1
        assert sum(one.json["sent"] for one in done) == READERS
        check_all_once(home, server)


# On the first of these calls, early, and in the midst of the run: (call, share of its calls).
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_a_full_disk_stops_sending_before_anything_leaves_unmarked(
    strace: str, home: Home, points: list[tuple[str, int]], tmp_path: Path, call: str, share: float
) -> None:
    """A sentence and no traceback; what left stands in the database; the rest goes when there is room."""
    most = max(n for name, n in points if name == call)
    inject = f"inject=fsync,{call}:error=ENOSPC:when={1 + int(share * most)}+"
    under = (strace, "-f", "--seccomp-bpf", "-o", str(tmp_path / "trace"))
    with judging(tmp_path / "judge") as server:
        home.by_smtp(server.port)
        done = home.run("deliver", "--json", under=(*under, "-e", f"trace=fsync,{call}", "-e", inject))
        assert done.code == 1, done
        assert "Traceback" not in done.err
        assert "digest: " in done.err or "error" in done.json
        left = {mail.message_id for mail in server.mails()}
        assert len(left) < READERS
        assert left <= marked(home)
        finish(home)
        check_all_once(home, server, extra=CONNECTIONS)


def marked(home: Home) -> set[str]:
    """The Message-IDs that the database knows to have been sent completely, or nearly so."""
    with closing(sqlite3.connect(home.folder / "data" / "digest.db")) as connection:
        rows = connection.execute("SELECT message_id FROM deliveries WHERE data_at IS NOT NULL")
        return {message_id for (message_id,) in rows}


STOP_WITHIN_S = 10


def stop(home: Home, server: Judge, ready: Callable[[], bool]) -> Ended:
    """Start sending, say SIGTERM once ``ready``, and see that it ends in time."""
    process = home.start("deliver", "--json")
    give_up_at = time.monotonic() + 30
    while not ready() and time.monotonic() < give_up_at:
        assert process.poll() is None, ended(process)
        time.sleep(0.02)
    assert ready()
    process.terminate()
    told_at = time.monotonic()
    done = ended(process, 2 * STOP_WITHIN_S)
    assert time.monotonic() - told_at < STOP_WITHIN_S
    assert done.code >= 0, "it died of the signal and did not put things in order"
    assert "Traceback" not in done.err
    return done


def test_told_to_stop_it_ends_what_is_on_its_way_and_begins_nothing(home: Home, tmp_path: Path) -> None:
    """SIGTERM in the midst of a slow run: over within ten seconds, nothing doubled, the rest goes later."""
    with judging(tmp_path / "slow", judge.SLOW) as slow, judging(tmp_path / "good") as good:
        home.by_smtp(slow.port)
        stop(home, slow, lambda: len(slow.mails()) >= 10)
        assert len(slow.mails()) < READERS
        home.by_smtp(good.port)
        finish(home)
        check_all_once(home, slow, good)


@pytest.mark.parametrize("trouble", [judge.HANG_AT_ONCE, judge.HANG_AT_RCPT, judge.HANG_AFTER_DOT])
def test_told_to_stop_it_waits_for_no_server_that_hangs(home: Home, tmp_path: Path, trouble: str) -> None:
    """SIGTERM while the server says nothing: over within ten seconds; doubled at most what it had taken."""
    with judging(tmp_path / "bad", trouble, EVERY) as bad, judging(tmp_path / "good") as good:
        home.by_smtp(bad.port)
        connected = time.monotonic() + 3
        if trouble == judge.HANG_AT_ONCE:
            stop(home, bad, lambda: time.monotonic() > connected)
        else:
            stop(home, bad, lambda: bool(bad.troubled()))
        home.by_smtp(good.port)
        finish(home)
        check_all_once(home, bad, good, extra=CONNECTIONS if trouble == judge.HANG_AFTER_DOT else 0)
