"""Feed readers that people use, before a real server: each reads our feeds twice, and once more after news.

newsboat and rss2email are Debian's packages, each with a home of its own; feedparser is what rss2email and
many others read with. Both programs know RSS and Atom; neither knows JSON Feed.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import feedparser
import pytest

from digest.models import Check
from digest.storage import sources as source_rows
from digest.storage import subscribers as subscriber_rows
from digest.web import make_web
from tests.e2e import browsing
from tests.e2e.browsing import Served, serving
from tests.storage_rows import add_papers, make_entry
from tests.web_site import READER, demo_folder

__all__ = ["demo_folder"]
pytestmark = pytest.mark.e2e

TIMEOUT_S = 120


@dataclass
class Recorded:
    """An ASGI application that notes what each request for a feed was answered with."""

    inner: Any
    statuses: list[tuple[str, int]]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.statuses.append((scope["path"], message["status"]))
            await send(message)

        await self.inner(scope, receive, noting)


@pytest.fixture
def statuses() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def served(
    tmp_path: Path, demo_folder: Path, statuses: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """One installation on loopback."""
    monkeypatch.setattr(browsing, "make_web", lambda app: Recorded(make_web(app), statuses))
    with serving(tmp_path / "data", demo_folder) as made:
        yield made


class FeedReader(Protocol):
    """Follows one feed."""

    def poll(self) -> set[str]:
        """Look at the feed once; all that was ever shown."""


def program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return path


def run(home: Path, *command: str) -> str:
    """Run a program that finds nothing but its own home."""
    given = {"HOME": str(home), "XDG_CONFIG_HOME": f"{home}/config", "XDG_DATA_HOME": f"{home}/share"}
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb"} | given
    ran = subprocess.run(
        command,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    return ran.stdout + ran.stderr


class Newsboat:
    """newsboat without its screen: ``-x reload``; what it knows is in its cache, an SQLite file."""

    def __init__(self, home: Path, url: str) -> None:
        self._path, self._home = program("newsboat", "newsboat"), home
        (home / "urls").write_text(f"{url}\n")
        (home / "settings").write_text("")
        # It remembers ETag and date only for a feed that its cache has, so not those of the first answer.
        self.poll()

    def poll(self) -> set[str]:
        files = ("-u", f"{self._home}/urls", "-C", f"{self._home}/settings", "-c", f"{self._home}/cache.db")
        run(self._home, self._path, *files, "-x", "reload")
        with sqlite3.connect(self._home / "cache.db") as connection:
            found = {guid for (guid,) in connection.execute("select guid from rss_item")}
        connection.close()
        return found


class Rss2email:
    """rss2email, whose mails a script takes that stands in for sendmail."""

    def __init__(self, home: Path, url: str) -> None:
        self._path, self._home = program("r2e", "rss2email"), home
        (home / "mails").mkdir()
        sendmail = home / "sendmail"
        sendmail.write_text(f'#!/bin/sh\nexec cat > "$(mktemp "{home}/mails/XXXXXXXX")"\n')
        sendmail.chmod(0o755)
        self._r2e("new", "reader@example.org")
        settings = RawConfigParser()
        settings.read(home / "settings")
        mail = {"email-protocol": "sendmail", "sendmail": str(sendmail), "from": "digest@example.org"}
        settings["DEFAULT"].update(mail)
        with (home / "settings").open("w") as file:
            settings.write(file)
        self._r2e("add", "papers", url)

    def _r2e(self, *words: str) -> str:
        files = ("-c", f"{self._home}/settings", "-d", f"{self._home}/data.json")
        return run(self._home, self._path, *files, *words)

    def poll(self) -> set[str]:
        self._r2e("run")
        return {path.name for path in (self._home / "mails").iterdir()}


@dataclass
class Feedparser:
    """feedparser, as programs use it: with the ETag and the date of the time before."""

    home: Path
    url: str
    seen: set[str] = field(default_factory=set)
    etag: str | None = None
    modified: str | None = None

    def poll(self) -> set[str]:
        parsed = feedparser.parse(self.url, etag=self.etag, modified=self.modified)
        assert parsed.bozo is False
        if parsed.status == 200:
            self.etag, self.modified = parsed.etag, parsed.modified
        self.seen |= {entry.id for entry in parsed.entries}
        return set(self.seen)


def add_new(served: Served) -> None:
    """A paper that everybody votes for, read an hour later."""
    served.pass_time(hours=1)
    now = served.app.now()
    with served.app.database.write() as session:
        source = source_rows.list_sources(session)[0]
        entry = make_entry(1, title="Retrieval of <b>news</b> & other things", votes=9000)
        add_papers(session, [entry], source_id=source.id, now=now, day=now.date())
        source_rows.add_check(
            session, Check(source_id=source.id, day=now.date(), checked_at=now, verdict="fresh")
        )


@pytest.mark.parametrize("name", ["trending", "trending-day", "search"])
@pytest.mark.parametrize("kind", ["rss", "atom"])
@pytest.mark.parametrize("reader_class", [Newsboat, Rss2email, Feedparser])
def test_a_feed_is_read_once_and_news_come_once(
    served: Served,
    statuses: list[tuple[str, int]],
    tmp_path: Path,
    reader_class: type[Any],
    kind: str,
    name: str,
) -> None:
    """The second look is answered "not modified" and shows nothing; a new paper is one new item."""
    home = tmp_path / "home"
    home.mkdir()
    query = "?q=retrieval" if name == "search" else ""
    reader: FeedReader = reader_class(home, f"{served.url}/feeds/{name}.{kind}{query}")
    path = f"/feeds/{name}.{kind}"
    statuses.clear()
    first = reader.poll()
    assert len(first) > 3
    second = reader.poll()
    assert second == first
    assert statuses == [(path, 200), (path, 304)]
    add_new(served)
    third = reader.poll()
    assert third >= first
    assert len(third - first) == 1
    assert reader.poll() == third
    assert statuses[2:] == [(path, 200), (path, 304)]


@pytest.mark.parametrize("reader_class", [Newsboat, Rss2email, Feedparser])
def test_ones_own_feed_shows_each_digest_once(
    served: Served, statuses: list[tuple[str, int]], tmp_path: Path, reader_class: type[Any]
) -> None:
    """A paper that comes into what trends is nothing new there, a new digest is."""
    home = tmp_path / "home"
    home.mkdir()
    with served.app.database.read() as session:
        subscriber = subscriber_rows.get_subscriber(session, READER)
        assert subscriber is not None
    reader: FeedReader = reader_class(home, f"{served.url}/feeds/{subscriber.feed_token}.atom")
    statuses.clear()
    first = reader.poll()
    assert len(first) > 3
    served.pass_time(days=1)
    add_new(served)
    assert reader.poll() == first
    served.compose()
    assert len(reader.poll() - first) >= 1
    assert [status for _, status in statuses] == [200, 304, 200]
