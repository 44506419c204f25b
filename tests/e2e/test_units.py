"""The systemd units: valid, tight, and not so tight that the program could not do its work in them."""

import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.confined import LIBRARY, allowed_calls, namespaced, values

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"),
]

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
TIMERS = sorted((ROOT / "deploy").glob("*.timer"))
MOST_EXPOSED = 1.5
# What the units' programs do, in short: the parser's child with its limits, then a fit in another child.
WORK = """
import pathlib, re
from digest.parsing.child import Child

child = Child(time_s=5.0, memory_mb=256)
child._get_ready()
lines = pathlib.Path(f"/proc/{child.pid}/limits").read_text().splitlines()
most = {name: hard for name, _, hard, *_ in (re.split(" {2,}", line) for line in lines[1:])}
for name in ("Max file size", "Max processes", "Max core file size"):
    assert most[name] == "0", (name, most[name])
assert most["Max address space"].isdigit(), most
child.close()

from digest.cli import main

main(["fit", "--json"])
"""


def analyze(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"SYSTEMD_COLORS": "0", "SYSTEMD_EMOJI": "0", "LC_ALL": "C.UTF-8"} | environment,
        timeout=60,
    )


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """The units as they are once what they start is installed."""
    program = tmp_path / "opt" / "current" / "bin" / "digest"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for unit in UNITS + TIMERS:
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(unit.read_text().replace("/opt/digest", str(tmp_path / "opt")))
    return copies


def test_the_units_are_valid(installed: list[Path]) -> None:
    """No unknown line, no wrong value, nothing started that is not there."""
    done = analyze("verify", "--man=no", "--recursive-errors=no", *installed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_wrong_unit_would_be_seen(installed: list[Path]) -> None:
    """The check above is one that can fail."""
    unit = next(one for one in installed if one.name == "digest.service")
    unit.write_text(unit.read_text().replace("PrivateTmp=true", "PrivateTemp=true"))
    done = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert "PrivateTemp" in done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_are_hardly_exposed(unit: Path) -> None:
    """As systemd itself judges it."""
    done = analyze("security", "--offline=true", unit)
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert overall is not None, done.stdout + done.stderr
    assert float(overall[1]) <= MOST_EXPOSED, done.stdout


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "day", ["2026-03-28", "2026-03-07", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"]
)
def test_the_timer_ticks_every_hour_on_days_without_0230_too(zone: str, day: str) -> None:
    """Sixty hours around each change of clocks: never two hours apart, never twice in one."""
    (calendar,) = values(ROOT / "deploy" / "digest-run.timer", "OnCalendar")
    done = analyze("calendar", "--iterations=60", f"--base-time={day} 00:00:00 UTC", calendar, TZ=zone)
    ticks = [
        datetime.fromisoformat(found)
        for found in re.findall(r"(?:\(in UTC\)|Next elapse|Iteration #\d+): \w+ (\S+ \S+) UTC", done.stdout)
    ]
    assert len(ticks) == 60, done.stdout + done.stderr
    assert {later - earlier for earlier, later in itertools.pairwise(ticks)} == {timedelta(hours=1)}


@pytest.mark.parametrize("name", ["digest.service", "digest-run.service"])
@pytest.mark.skipif(LIBRARY is None, reason="libseccomp is not here")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lay out the unit's view of /proc")
def test_the_program_can_do_its_work_in_the_unit(name: str, tmp_path: Path) -> None:
    """Under the unit's filter the parser's child sets its limits, and a fit runs in a process of its own."""
    unit = ROOT / "deploy" / name
    command = [
        sys.executable,
        str(Path(__file__).with_name("confined.py")),
        str(unit),
        sys.executable,
        "-c",
        WORK,
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DIGEST_")}
    probe = subprocess.run(namespaced(["true"]), capture_output=True)
    done = subprocess.run(
        namespaced(command) if probe.returncode == 0 else command,
        capture_output=True,
        text=True,
        env=environment | {"DIGEST_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)},
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"papers": 0' in done.stdout


@pytest.mark.skipif(LIBRARY is None, reason="libseccomp is not here")
def test_the_service_tells_systemd_that_it_is_ready_and_that_it_stops(tmp_path: Path) -> None:
    """As Type=notify wants it, under the unit's filter; SIGTERM ends it well within TimeoutStopSec."""
    unit = ROOT / "deploy" / "digest.service"
    settings = tmp_path / "digest.toml"
    settings.write_text(
        '[[source]]\nname = "a"\nkind = "huggingface"\nurl = "http://127.0.0.1:9"\nallow_private = true\n'
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DIGEST_")}
    own = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "DIGEST_CONFIG": str(settings),
        "DIGEST_DATA_DIR": str(tmp_path / "data"),
        "DIGEST_WEB_PORT": "0",
        "HOME": str(tmp_path),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard, (tmp_path / "log").open("wb") as log:
        heard.bind(own["NOTIFY_SOCKET"])
        heard.settimeout(0.5)
        command = [sys.executable, str(Path(__file__).with_name("confined.py")), str(unit)]
        serve = [sys.executable, "-c", "from digest.cli import main; main(['serve'])"]
        process = subprocess.Popen([*command, *serve], env=kept | own, cwd=tmp_path, stdout=log, stderr=log)
        try:
            told = hear(heard, "READY=1", process)
            process.terminate()
            told += hear(heard, "STOPPING=1", process)
            code = process.wait(20)
        finally:
            process.kill()
            process.wait()
    shown = told + (tmp_path / "log").read_text()
    assert "READY=1" in told, shown
    assert "STOPPING=1" in told, shown
    assert code == 0, shown


def hear(heard: socket.socket, word: str, process: subprocess.Popen[bytes]) -> str:
    """What systemd would be told until that word, or until nobody is left to say it."""
    told, deadline = "", time.monotonic() + 60
    while word not in told and time.monotonic() < deadline:
        try:
            told += heard.recv(4096).decode() + "\n"
        except TimeoutError:
            if process.poll() is not None:
                break
    return told


def test_the_filter_refuses_what_it_should() -> None:
    """The test above runs under a filter that is one."""
    calls = allowed_calls(ROOT / "deploy" / "digest.service")
    assert {"prlimit64", "setrlimit", "openat", "clone3", "sched_setaffinity"} <= calls
    assert not {"mount", "ptrace", "bpf", "chown", "setuid", "reboot", "init_module"} & calls
