"""A real browser before a real server: the demonstration's data behind uvicorn on loopback, and Chromium."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from digest.app import App, make_app
from digest.demo.program import SITE_URL, DemoSettings
from digest.pipeline.moment import Moment
from digest.runs import run_compose, run_deliver
from digest.web import make_web
from tests.web_site import last_moment

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (./run.sh e2e)")

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass(frozen=True)
class TickingApp(App):
    """The program with a clock that goes on by itself, from wherever it was set."""

    began: float = field(default_factory=time.monotonic)
    start: list[datetime] = field(default_factory=list)

    def now(self) -> datetime:
        return self.start[0] + timedelta(seconds=time.monotonic() - self.began)


@dataclass
class Served:
    """One installation that listens on loopback."""

    app: TickingApp
    url: str

    def pass_time(self, **span: float) -> None:
        """Move the clock on."""
        self.app.start[0] += timedelta(**span)

    def deliver(self) -> list[EmailMessage]:
        """Send what is planned, into the Maildir, and return the mails that came new."""
        before = set(self._files())
        run_deliver(self.app, Moment(self.app.now()))
        new = sorted(set(self._files()) - before)
        parser = BytesParser(policy=policy.default)
        return [parser.parsebytes(path.read_bytes()) for path in new]  # type: ignore[misc]

    def compose(self) -> None:
        """Make the issues that are due."""
        run_compose(self.app, Moment(self.app.now()))

    def _files(self) -> list[Path]:
        return [path for path in (self.app.data_dir / "outbox").glob("*/*") if path.is_file()]


@contextmanager
def serving(folder: Path, demo_folder: Path, **settings: Any) -> Iterator[Served]:
    """The web over a copy of the demonstration's data, on a free port."""
    shutil.copytree(demo_folder, folder)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    source = {"name": "huggingface", "kind": "huggingface", "url": SITE_URL, "allow_private": True}
    given = {"base_url": url, "list_name": "Paper digest", "channel": "maildir", "source": [source]}
    made = make_app(DemoSettings(data_dir=folder, **(given | settings)))
    app = TickingApp(made.settings, made.database, start=[last_moment(made)])
    config = uvicorn.Config(make_web(app), lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
            assert thread.is_alive()
        yield Served(app, url)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listening.close()
        app.database.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium; one process for a module's tests, which each get a profile of their own.

    Not for the whole session: as long as Playwright runs, its event loop is that of the thread.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
    ]
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def served(tmp_path: Path, demo_folder: Path) -> Iterator[Served]:
    """One installation for one test."""
    with serving(tmp_path / "data", demo_folder) as made:
        yield made


@contextmanager
def visiting(chromium: Any, served: Served, **options: Any) -> Iterator[Any]:
    """A page of a fresh profile that fails the test on a script's error or a request to elsewhere."""
    context = chromium.new_context(**({"viewport": DESKTOP, "base_url": served.url} | options))
    context.set_default_timeout(20_000)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda asked: None if asked.url.startswith((served.url, "data:")) else troubles.append(asked.url),
    )
    page.troubles = troubles
    try:
        yield page
    finally:
        context.close()
    assert troubles == []
