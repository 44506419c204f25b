"""A new user's five minutes: the README's steps, typed as they stand there, from nothing to a daily mail.

Two things differ from a reader's machine. Packages come from the environment that runs the tests, so that no
package index is asked; and the sources are invented ones on loopback, with a clock that stands still.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.request import urlopen

import pytest
from markdown_it import MarkdownIt

from tests import golden
from tests.daily_server import DailyServer, item, serving

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-22T09:00:00Z"
# Stands in for python3: its environments see the packages installed here, and their pip asks no index.
PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec "{python}" "$@"
"{python}" -m venv --without-pip "$3" || exit
echo '{packages}' >"$(echo "$3"/lib/python*/site-packages)/here.pth"
cat >"$3/bin/pip" <<'END'
#!/bin/sh
command=$1
shift
exec "{python}" -m pip --python "$(dirname "$0")/python" "$command" \\
    --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation "$@"
END
chmod +x "$3/bin/pip"
"""


def section(heading: str) -> str:
    """One section of the README."""
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def blocks(heading: str) -> list[str]:
    return [token.content for token in MarkdownIt().parse(section(heading)) if token.type == "code_block"]


class ArxivToo(DailyServer):
    """The daily list, and arXiv's feed of some categories."""

    def answer(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, bytes]:
        if path.startswith("/rss/"):
            return 200, golden.read("arxiv/feed.rss.xml").replace(b"Wed, 11 Mar 2026", b"Sun, 22 Nov 2026")
        return super().answer(path, query)


@pytest.fixture
def site() -> Iterator[DailyServer]:
    days = {
        f"2026-11-{day}": [item(day, title=f"Dense retrieval of invented spoons {day}", votes=day)]
        for day in range(16, 23)
    }
    days["2026-11-20"][0]["paper"]["id"] = "2601.00001"
    with serving(ArxivToo(days)) as running:
        yield running


@dataclass
class Shell:
    """The user's shell, in the checkout, with a home of its own."""

    home: Path
    alias: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.home / 'stub'}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", "DIGEST_NOW": NOW, **self.more}

    def type(self, text: str) -> str:
        """What the lines print; the first that fails ends them and the test."""
        script = f"set -e\nshopt -s expand_aliases\n{self.alias}\n{text}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def mails(self) -> list[EmailMessage]:
        """What lies in the Maildir, oldest first."""
        files = (self.home / ".local/share/paper-digest/outbox/new").iterdir()
        ordered = sorted(files, key=lambda file: file.stat().st_mtime_ns)
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in ordered]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    stub = tmp_path / "home" / "stub" / "python3"
    stub.parent.mkdir(parents=True)
    stub.write_text(PYTHON.format(python=sys.executable, packages=sysconfig.get_path("purelib")))
    stub.chmod(0o755)
    return Shell(tmp_path / "home")


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def on_loopback(tables: str, url: str) -> str:
    """The README's tables, with an address that answers here."""
    return re.sub(r"^(kind = .*)$", rf'\1\nurl = "{url}"\nallow_private = true', tables, flags=re.MULTILINE)


def test_five_minutes_from_nothing_to_a_daily_mail(shell: Shell, site: DailyServer) -> None:
    """Installed, started, sharpened, sources chosen, run by cron's line, and asked where it is."""
    install, start, sharpen, tables, cron = blocks("Your own daily mail in five minutes")

    # 1. Install.
    venv, shell.alias = install.strip().splitlines()
    shell.type(venv)
    assert (shell.home / ".digest/bin/digest").is_file()

    # 2. Start: the one thing that is not the README's own, where the default source is.
    source = {"name": "huggingface", "kind": "huggingface", "url": site.url, "allow_private": True}
    shell.more["DIGEST_SOURCE"] = json.dumps([source])
    told = shell.type(start)
    settings = shell.home / ".config/paper-digest/digest.toml"
    assert settings.is_file()
    test, first = sorted(shell.mails(), key=lambda mail: len(text_of(mail)))
    assert "test" in str(test["Subject"])
    assert "Dense retrieval of invented spoons" in text_of(first)

    # 3. Sharpen.
    printed = shell.type(sharpen)
    assert "2601.00001" in printed

    # 4. Choose the sources.
    del shell.more["DIGEST_SOURCE"]
    settings.write_text(settings.read_text("utf-8") + "\n" + on_loopback(tables, site.url))
    shell.type("digest sources try arxiv\ndigest refresh")
    assert {"huggingface", "arxiv"} <= {
        row["name"] for row in json.loads(shell.type("digest sources list --json"))
    }

    # 5. Keep it running: the line that init printed, the next morning.
    fields, command = re.fullmatch(r"((?:\S+ ){5})(.*)", cron.strip()).groups()  # type: ignore[union-attr]
    line = next(line.strip() for line in told.splitlines() if line.strip().startswith(fields))
    assert re.sub(r"(DIGEST_\w+)=\S+", r"\1=…", shlex.split(line)[6]) in command
    shell.more["DIGEST_NOW"] = "2026-11-23T09:00:00Z"
    site.days["2026-11-23"] = [item(23, title="Dense retrieval on a Monday", votes=40)]
    shell.type(line.removeprefix(fields))
    assert "Dense retrieval on a Monday" in text_of(shell.mails()[-1])
    assert len(shell.mails()) == 3
    shell.type(line.removeprefix(fields))
    assert len(shell.mails()) == 3

    # 6. Where is it?
    for asked in ("why you@example.org", "status", "doctor --offline", "explain you@example.org 2601.00001"):
        assert f"digest {asked.split()[0]}" in section("Your own daily mail in five minutes")
        assert shell.type(f"digest {asked}").strip()
    assert "went to you@example.org" in shell.type("digest why you@example.org")
    look_at_the_web(shell)


def look_at_the_web(shell: Shell) -> None:
    """``digest web`` shows the papers, and ends when told to."""
    (command,) = blocks("The web")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = shlex.split(command, comments=True)
    assert words[0] == "digest"
    program = [str(shell.home / ".digest/bin/digest"), *words[1:]]
    environment = shell.environment | {"DIGEST_WEB_PORT": str(port)}
    log = shell.home / "web.log"
    with log.open("wb") as out:
        running = subprocess.Popen(program, cwd=shell.home, env=environment, stdout=out, stderr=out)
    try:
        assert "Dense retrieval on a Monday" in page_of(f"http://127.0.0.1:{port}/", running, log)
    finally:
        running.send_signal(signal.SIGTERM)
        code = running.wait(timeout=30)
    assert code in (0, -signal.SIGTERM), log.read_text()


def page_of(url: str, running: "subprocess.Popen[bytes]", log: Path) -> str:
    """The page, as soon as it is there."""
    end = time.monotonic() + 60
    while time.monotonic() < end and running.poll() is None:
        try:
            with urlopen(url, timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
