"""The web over the five invented days of the demonstration, with a clock that tests can move."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from starlette.testclient import TestClient

from digest.app import App, make_app
from digest.demo.program import SITE_URL, DemoSettings
from digest.demo.run import run_demo
from digest.models import Subscriber
from digest.storage import subscribers as subscriber_rows
from digest.tokens import make_token
from digest.web import Web, make_web

BASE_URL = "https://digest.example.org"
READER = "retrieval@example.org"


@dataclass(frozen=True)
class ClockedApp(App):
    """The program with a clock that stands still until it is moved."""

    clock: list[datetime] = field(default_factory=list)

    def now(self) -> datetime:
        return self.clock[0]


@dataclass
class WebSite:
    """One installation: its program, its web, and a browser of a visitor who is nobody yet."""

    app: ClockedApp
    web: Web
    client: TestClient

    def pass_time(self, **span: float) -> None:
        """Move the clock on: ``pass_time(seconds=5)``."""
        self.app.clock[0] += timedelta(**span)

    def browser(self, *, client: tuple[str, int] = ("192.0.2.7", 40000)) -> TestClient:
        """Another browser, without cookies; it follows no redirects by itself."""
        return TestClient(
            self.web,
            base_url=self.app.settings.base_url or "http://127.0.0.1:8000",
            headers={"Sec-Fetch-Site": "same-origin"},
            follow_redirects=False,
            client=client,
        )

    def subscriber(self, email: str = READER) -> Subscriber:
        with self.app.database.read() as session:
            found = subscriber_rows.get_subscriber(session, email)
        assert found is not None
        return found

    def token(self, purpose: str, email: str = READER) -> str:
        """The token that a link of that purpose in a mail to them has."""
        reader = self.subscriber(email)
        return make_token(self.web.site.secret, purpose, str(reader.id), reader.token_version)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything the database holds, by table: to tell that something changed nothing."""
        import sqlite3

        with sqlite3.connect(self.app.data_dir / "digest.db") as connection:
            query = "select name from sqlite_master where type = 'table' and sql not like '%VIRTUAL%'"
            names = [name for (name,) in connection.execute(query)]
            found = {name: sorted(map(repr, connection.execute(f'select * from "{name}"'))) for name in names}
        connection.close()
        return {name: rows for name, rows in found.items() if not name.startswith("papers_fts")}  # type: ignore[return-value]


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a finished demonstration; to be copied, never changed."""
    # Each module that imports a fixture has one of its own, so it is remembered here.
    base = tmp_path_factory.getbasetemp()
    if base not in _made:
        folder = tmp_path_factory.mktemp("demo") / "data"
        quiet = Console(file=StringIO())
        run_demo(folder, progress=quiet, console=quiet)
        _made[base] = folder
    return _made[base]


_made: dict[Path, Path] = {}


@contextmanager
def serving_web(folder: Path, demo_folder: Path, **settings: Any) -> Iterator[WebSite]:
    """An installation with a copy of the demonstration's data, a while after its last day's last mail."""
    shutil.copytree(demo_folder, folder)
    # Its one source under its own name; nothing listens at that address.
    source = {"name": "huggingface", "kind": "huggingface", "url": SITE_URL, "allow_private": True}
    given = {"base_url": BASE_URL, "list_name": "Paper digest", "channel": "maildir", "source": [source]}
    made = make_app(DemoSettings(data_dir=folder, **(given | settings)))
    app = ClockedApp(made.settings, made.database, clock=[last_moment(made)])
    web = make_web(app)
    site = WebSite(app, web, TestClient(web))
    site.client = site.browser()
    try:
        yield site
    finally:
        app.database.close()


def last_moment(app: App) -> datetime:
    """Noon (UTC) of the last day that is stored."""
    from digest.storage import papers as paper_rows

    with app.database.read() as session:
        day = paper_rows.latest_listed_day(session, until=datetime(2100, 1, 1, tzinfo=UTC).date())
    assert day is not None
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path, demo_folder: Path) -> Iterator[WebSite]:
    """The web over the demonstration's data, at an https address."""
    with serving_web(tmp_path / "data", demo_folder) as made:
        yield made
