"""The recipe for GitHub Actions: its steps, run in order against a git repository and sources on loopback."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.daily_server import DailyServer, item, serving
from tests.e2e.installing import ROOT, make_offline_python
from tests.loopback import LoopbackServer, answer
from tests.smtp_server import SmtpServer

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (./run.sh e2e)")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the runner is Linux"),
    pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not here"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not here"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here"),
]

RECIPE = ROOT / "deploy/github-actions.yml"
PASSPHRASE = "an invented passphrase"
INSTALL, RESTORE, COMMAND, COMPOSE, SEND, KEEP, TELL = (
    *("Install", "Restore the data", "Run a command"),
    *("Read and compose", "Send", "Keep the data", "Tell whoever watches"),
)
DAYS = ("2026-01-12", "2026-01-13", "2026-01-14")


def recipe() -> dict[str, Any]:
    return dict(yaml.safe_load(RECIPE.read_text(encoding="utf-8")))


def git(*words: str | Path, cwd: Path) -> str:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *map(str, words)], cwd=cwd, env=os.environ | own, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@dataclass
class Repository:
    """The private repository on its server, what its runs send, and the program they install (once)."""

    folder: Path
    venv: Path
    site: DailyServer
    relay: SmtpServer
    secrets: dict[str, str]
    runs: int = 0

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    def run(self, day: str, command: str = "", *, until: str = "", passphrase: str = PASSPHRASE) -> "Run":
        """Start the workflow on a fresh machine; ``until`` names the step after which the machine is lost."""
        begun = self.begin(day, command, passphrase=passphrase)
        begun.go_on(until)
        return begun

    def begin(self, day: str, command: str = "", *, passphrase: str = PASSPHRASE) -> "Run":
        self.runs += 1
        machine = self.folder / f"machine {self.runs}"
        git("clone", "--quiet", "--branch", "main", self.remote, machine / "checkout", cwd=self.folder)
        return Run(self, machine, day, command, self.secrets | {"STATE_PASSPHRASE": passphrase})

    def receivers(self) -> list[str]:
        return [mail.recipient for mail in self.relay.mails]


@dataclass
class Run:
    """One run of the workflow on a machine of its own. ``failed`` names the steps that did."""

    repository: Repository
    machine: Path
    day: str
    command: str
    secrets: Mapping[str, str]
    failed: list[str] = field(default_factory=list)
    told: str = ""

    def __post_init__(self) -> None:
        (job,) = recipe()["jobs"].values()
        self._steps = [step for step in job["steps"] if "run" in step]

    def go_on(self, until: str = "") -> None:
        """Do the steps that are left, as GitHub does them, up to that one."""
        while self._steps:
            step = self._steps.pop(0)
            condition = step.get("if", "")
            wanted = {"": True, "always()": True, "inputs.command != ''": self.command != ""}[condition]
            if wanted and (not self.failed or condition == "always()"):
                self._do(step)
            if step["name"] == until:
                return

    def _value(self, text: str) -> str:
        if "inputs.command" in text:
            return self.command
        if "secrets." in text:  # GitHub has nothing for one that is not set
            return self.secrets.get(text.split("secrets.")[1].split(" ")[0], "")
        if "job.status" in text:
            return "failure" if self.failed else "success"
        # Its folders lie on this machine of many.
        return text.replace("/tmp/digest/venv", str(self.repository.venv)).replace(
            "/tmp/digest", str(self.machine / "digest")
        )

    def _do(self, step: dict[str, Any]) -> None:
        if step["name"] == INSTALL and self.repository.venv.exists():
            return
        path = f"{self.repository.venv / 'bin'}:{os.environ['PATH']}"
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DIGEST_", "STATE_"))
        }
        set_there = {
            name: self._value(value) for name, value in (recipe()["env"] | step.get("env", {})).items()
        }
        done = subprocess.run(
            # As "shell: bash" has it.
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self._value(step["run"])],
            cwd=self.machine / "checkout",
            env=kept
            | set_there
            | {
                "PATH": path,
                "PYTHON": str(self.repository.folder / "offline/python3"),
                "HOME": str(self.machine),
                "GITHUB_PATH": str(self.machine / "path"),
                "GIT_CONFIG_SYSTEM": os.devnull,
                "DIGEST_NOW": f"{self.day}T12:00:00Z",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
        )
        self.told += f"## {step['name']}\n{done.stdout}"
        if done.returncode != 0:
            self.failed.append(step["name"])


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first run of all installs the program, for the others too."""
    return tmp_path_factory.mktemp("installed") / "venv"


@pytest.fixture
def repository(venv: Path, tmp_path: Path) -> Iterator[Repository]:
    """A repository as docs/github-actions.md has it made, with one reader who gets a digest every day."""
    days = {day: [item(10 * number + one, votes=9) for one in range(3)] for number, day in enumerate(DAYS)}
    with serving(DailyServer(days)) as site, SmtpServer() as relay:
        here = Repository(tmp_path, venv, site, relay, {"SMTP_URL": f"smtp+plain://127.0.0.1:{relay.port}"})
        checkout = tmp_path / "first"
        checkout.mkdir()
        for name in ("deploy", "digest", "templates", "requirements"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, checkout / name, ignore=ignored)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, checkout / name)
        (checkout / "digest.toml").write_text(
            'mail_from = "digest@example.org"\n'
            f'[[source]]\nname = "hf"\nkind = "huggingface"\nurl = "{site.url}"\nallow_private = true\n'
            "lookback_days = 1\n"
        )
        make_offline_python(tmp_path / "offline")
        git("init", "--quiet", "--bare", here.remote, cwd=tmp_path)
        git("init", "--quiet", "--initial-branch=main", cwd=checkout)
        git("add", ".", cwd=checkout)
        git("-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "-qm", "All", cwd=checkout)
        git("push", "--quiet", here.remote, "main", cwd=checkout)
        yield here


def test_the_recipe_is_a_workflow_that_never_runs_twice_at_once() -> None:
    """When, with which rights, one after the other; and no secret but for the steps that need it."""
    told = recipe()
    assert told[True]["schedule"]  # YAML 1.1 reads "on" so
    assert "workflow_dispatch" in told[True]
    assert told["permissions"] == {"contents": "write"}
    assert told["concurrency"] == {"group": "digest", "cancel-in-progress": False}
    assert not any("secrets." in str(value) for value in told["env"].values())
    (job,) = told["jobs"].values()
    assert [step["name"] for step in job["steps"] if "run" in step] == [
        *(INSTALL, RESTORE, COMMAND, COMPOSE, SEND, KEEP, TELL)
    ]
    assert "${{" not in "".join(step.get("run", "") for step in job["steps"])


def test_nothing_is_lost_and_nothing_comes_twice(repository: Repository) -> None:
    """Whatever machine is lost between whatever steps, and however often a run is repeated."""
    first = repository.run(DAYS[0], "subscriber add ada@example.org --active")
    assert first.failed == [], first.told
    assert len(repository.receivers()) == 1, first.told
    branches = git("ls-remote", "--heads", repository.remote, cwd=repository.folder)
    assert branches.count("\n") == 1
    assert git("rev-list", "--count", "digest-state", cwd=repository.remote) == "1"
    assert PASSPHRASE not in first.told
    packed = subprocess.run(
        ["git", "cat-file", "blob", "digest-state:data.tar.gz.gpg"],
        cwd=repository.remote,
        capture_output=True,
    )
    assert b"ada@example.org" not in packed.stdout

    again = repository.run(DAYS[0])
    assert again.failed == [], again.told
    assert len(repository.receivers()) == 1, again.told

    # Lost before it sent anything: the next run does.
    repository.run(DAYS[1], until=COMPOSE)
    assert len(repository.receivers()) == 1
    second = repository.run(DAYS[1])
    assert len(repository.receivers()) == 2, second.told

    # Lost after it sent: the next run knows that it may have.
    lost = repository.run(DAYS[2], until=SEND)
    assert len(repository.receivers()) == 3, lost.told
    after = repository.run(DAYS[2])
    assert after.failed == [], after.told
    assert len(repository.receivers()) == 3, after.told
    assert "uncertain" in repository.run(DAYS[2], "deliveries list", until=COMMAND).told
    assert git("rev-list", "--count", "digest-state", cwd=repository.remote) == "1"


def test_whoever_watches_is_told_how_each_run_went(repository: Repository) -> None:
    """Also of a part that failed, after which the rest goes on; what is too old goes in each run."""
    with LoopbackServer(answer(200, b"OK")) as watcher:
        repository.secrets["PING_URL"] = f"http://127.0.0.1:{watcher.port}/invented"
        first = repository.run(DAYS[0], "subscriber add ada@example.org --active")
        assert (first.failed, "nothing is too old" in first.told) == ([], True), first.told
        repository.site.broken = set(DAYS)
        part = repository.run(DAYS[1])
        assert part.failed == [], part.told
        whole = repository.run(DAYS[1], passphrase="another")
        assert whole.failed == [RESTORE, KEEP], whole.told
    asked = [request.split(b" ")[1].decode() for request in watcher.requests]
    assert asked == ["/invented", "/invented/fail", "/invented/fail"]


def test_of_two_runs_one_sends_and_a_run_that_restored_nothing_does_nothing(
    repository: Repository,
) -> None:
    """Who restored what another has replaced since neither sends nor keeps anything."""
    first = repository.run(DAYS[0], "subscriber add ada@example.org --active")
    assert len(repository.receivers()) == 1, first.told
    slow, fast = repository.begin(DAYS[1]), repository.begin(DAYS[1])
    slow.go_on(COMPOSE)
    fast.go_on()
    kept = git("rev-parse", "digest-state", cwd=repository.remote)
    slow.go_on()
    assert fast.failed == [], fast.told
    assert slow.failed == [SEND, KEEP]
    assert "another run" in slow.told
    assert len(repository.receivers()) == 2
    assert git("rev-parse", "digest-state", cwd=repository.remote) == kept

    # A wrong passphrase, or a repository that is away: nothing is put in the place of what is kept.
    wrong = repository.run(DAYS[2], passphrase="another")
    assert wrong.failed == [RESTORE, KEEP]
    assert "STATE_PASSPHRASE" in wrong.told
    away = repository.begin(DAYS[2])
    repository.remote.rename(repository.folder / "away.git")
    away.go_on()
    (repository.folder / "away.git").rename(repository.remote)
    assert away.failed == [RESTORE, KEEP]
    assert "cannot be reached" in away.told
    assert git("rev-parse", "digest-state", cwd=repository.remote) == kept
    assert len(repository.receivers()) == 2
