"""The install script beside a systemd that is played: what is at work when it ends, however it ends."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="installs a service of systemd")

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
# Each unit is a file in the folder units, which holds its state.
SYSTEMCTL = """
cd "$PLAYED/units"
echo "$*" >>../asked
case $* in
    "show --property=ActiveState --value "*) cat "$4" 2>/dev/null || echo inactive ;;
    "stop "*) shift; for unit in "$@"; do rm -f "$unit"; done ;;
    "start "* | "enable --now "*) for unit in "$@"; do :; done; echo active >"$unit" ;;
esac
"""
PROGRAMS = {
    "systemctl": SYSTEMCTL,
    "id": 'if [ "$1" = -un ]; then echo digest; else echo 0; fi',
    "runuser": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "chown": "",
    "install": '[ ! -e "$PLAYED/full" ] || { echo full >&2; exit 1; }; exec $INSTALL "$@"',
}
# An environment whose program says which release it is; backing up fails, or stops this script, on demand.
MAKE_VENV = """
mkdir -p "$1/bin"
printf '#!/bin/sh\\n' >"$1/bin/python"
cat >"$1/bin/digest" <<'END'
#!/bin/sh
[ "$2" = --help ] || [ ! -e "$PLAYED/broken" ] || exit 1
[ "$2" = --help ] || [ ! -e "$PLAYED/interrupted" ] || kill -INT $(cat "$PLAYED/pid")
END
chmod +x "$1/bin/python" "$1/bin/digest"
"""


class Machine:
    """A root in a folder, with users, a database and systemd at work, and the script made for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.units = folder / "units"
        for name in ("etc/systemd/system", "var/lib/digest", "run/systemd/system", "bin", "units", "src"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/passwd").write_text("digest:x:990:990::/var/lib/digest:/usr/sbin/nologin\n")
        (folder / "etc/group").write_text("digest:x:990:\n")
        (folder / "var/lib/digest/digest.db").touch()
        for name, lines in PROGRAMS.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{lines}\n")
            (folder / "bin" / name).chmod(0o755)
        shutil.copytree(DEPLOY, folder / "src/deploy")
        shutil.copy(DEPLOY.parent / "digest.example.toml", folder / "src")
        (folder / "src/deploy/make-venv.sh").write_text(MAKE_VENV)
        self.script = folder / "src/deploy/install.sh"
        text = self.script.read_text().replace("set -eu\n", 'set -eu\necho $$ >"$PLAYED/pid"\n', 1)
        for place in ("/opt/digest", "/etc/", "/var/lib/digest", "/usr/local/bin", "/run/systemd"):
            text = text.replace(place, f"{folder}{place}")
        self.script.write_text(text)
        self.seconds = 0

    def install(self, *words: str, code: int = 0) -> str:
        """What the script says; it must end with that code. A second later each time, by its clock."""
        self.seconds += 1
        clock = self.folder / "bin/date"
        clock.write_text(f"#!/bin/sh\necho 20260112T0000{self.seconds:02}Z\n")
        clock.chmod(0o755)
        done = subprocess.run(
            ["sh", self.script, "--python", sys.executable, *words],
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "PLAYED": str(self.folder),
                "INSTALL": shutil.which("install") or "",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        return done.stderr

    @property
    def at_work(self) -> set[str]:
        return {path.name for path in self.units.iterdir()}

    @property
    def releases(self) -> list[int]:
        return sorted(int(path.name[-3:-1]) for path in (self.folder / "opt/digest/releases").iterdir())

    @property
    def current(self) -> int:
        return int((self.folder / "opt/digest/current").readlink().name[-3:-1])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Installed once, and the service at work."""
    made = Machine(tmp_path / "machine")
    made.install()
    assert (made.current, made.at_work) == (1, {"digest.service"})
    return made


def test_an_upgrade_starts_what_was_at_work_and_keeps_the_version_before(machine: Machine) -> None:
    for number in (2, 3):
        machine.install()
        assert (machine.current, machine.releases) == (number, [number - 1, number])
        assert machine.at_work == {"digest.service"}


@pytest.mark.parametrize(("trouble", "code"), [("broken", 2), ("full", 1), ("interrupted", 130)])
def test_whatever_fails_the_version_of_before_is_at_work_again(
    machine: Machine, trouble: str, code: int
) -> None:
    """A backup that fails, a disk that is full, Ctrl-C; and what was being installed is gone."""
    (machine.folder / trouble).touch()
    machine.install(code=code)
    assert (machine.current, machine.releases, machine.at_work) == (1, [1], {"digest.service"})
    (machine.folder / trouble).unlink()
    machine.install()
    assert (machine.current, machine.releases) == (3, [1, 3])


def test_orphans_of_tries_that_were_killed_do_not_push_out_the_version_before(machine: Machine) -> None:
    for number in (2, 3):
        (machine.folder / f"opt/digest/releases/20260112T0000{number:02}Z").mkdir()
    machine.seconds = 3
    machine.install()
    assert machine.releases == [1, 4]


def test_the_timer_takes_the_place_of_the_service(machine: Machine) -> None:
    (machine.units / "digest-bounces.timer").write_text("active\n")
    machine.install("--timer")
    assert machine.at_work == {"digest-run.timer", "digest-bounces.timer"}
    assert "disable digest.service" in (machine.folder / "asked").read_text()
    machine.install()  # an upgrade leaves it so
    assert machine.at_work == {"digest-run.timer", "digest-bounces.timer"}


def test_a_service_that_waits_for_its_next_start_is_started_after_an_upgrade(machine: Machine) -> None:
    (machine.units / "digest.service").write_text("activating\n")
    machine.install()
    assert (machine.units / "digest.service").read_text() == "active\n"


def test_what_was_stopped_by_a_person_stays_stopped(machine: Machine) -> None:
    (machine.units / "digest.service").unlink()
    assert "nothing started" in machine.install()
    assert machine.at_work == set()
