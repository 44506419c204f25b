"""Publish: write the feeds, the public trending list and each reader's private one.

What was written last is kept beside the folder, in ``published.json``, so that a run in which nothing came
reads no reader's issues. Without that file, or with other settings, all is written again.
"""

import json
import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest import __version__
from digest.errors import StorageError
from digest.feeds import RENDERERS, TRENDING, FeedView
from digest.files import write_whole
from digest.pipeline.compose import Composer
from digest.pipeline.feed_files import drop_feeds, feed_links
from digest.pipeline.moment import Moment
from digest.storage import published as published_rows
from digest.storage.database import Database
from digest.storage.published import FeedReader
from digest.storage.shown import ShownPapers
from digest.translation import ENGLISH
from digest.types import FeedLinks, SubscriberStatus

if TYPE_CHECKING:
    from digest.pipeline.feeding import FeedMaker

__all__ = ["Publisher"]

# Issues older than this are no longer compared: a whole write now and then makes good what that misses.
RECENT = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class _Published:
    """What was written: under which settings, what was compared, and each feed's mark by its name."""

    settings: str
    since: datetime
    after: int
    marks: Mapping[str, str]

    def is_usable(self, settings: str, now: datetime) -> bool:
        """Whether it says enough about now."""
        return self.settings == settings and now - 2 * RECENT <= self.since <= now - RECENT


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes feeds as files. Asks the composer for what trends; composes no issue itself."""

    database: Database
    composer: Composer
    folder: Path
    base_url: str | None
    list_name: str
    domain: str
    language: str = ENGLISH

    def write(self, moment: Moment) -> dict[str, int]:
        """Write all feeds; return how many files were written and how many stayed as they were.

        A feed whose content did not change keeps its bytes. Feeds of readers who left are deleted, and so are
        those that no reader has (any more).
        """
        return self._publish(moment, None)

    def write_changed(self, moment: Moment) -> dict[str, int]:
        """The same, without a look at feeds whose issues are those of the last time.

        The trending list is made again when something was read, and once an hour, since papers grow old.
        Files that are missing are written again; those that somebody else changed are found within days.
        """
        last = self._last()
        usable = last is not None and last.is_usable(self._settings(), moment.now.astimezone(UTC))
        return self._publish(moment, last if usable else None)

    def _publish(self, moment: Moment, last: _Published | None) -> dict[str, int]:
        now = moment.now.astimezone(UTC)
        with self.database.read() as session:
            since = last.since if last else now - RECENT
            after = last.after if last else published_rows.last_issue_id(session)
            readers = published_rows.list_feed_readers(session)
            found = published_rows.list_marks(session, since=since, after=after)
            seen = published_rows.last_observation_id(session)
        trending = f"{moment.today_in('UTC')} {moment.now_in('UTC'):%Y-%m-%dT%H} {seen}"
        there, shown = self._there(), ShownPapers()
        marks = {TRENDING: trending}
        written = removed = 0
        if last is None or last.marks.get(TRENDING) != trending or not _is_whole(TRENDING, there):
            written += self._write(TRENDING, self.trending_feed(moment))
        for reader in readers:
            if reader.status == SubscriberStatus.UNSUBSCRIBED:
                removed += self._remove(reader.token, there)
                continue
            mark = ";".join(f"{number} {found.get(number, '')}" for number in reader.subscriptions)
            mark = f"{mark};{reader.language}" if reader.language else mark
            marks[reader.token] = mark
            if last is None or last.marks.get(reader.token) != mark or not _is_whole(reader.token, there):
                written += self._write(reader.token, self._private_feed(reader, shown))
        removed += self._remove_strays(marks.keys(), there)
        self._keep(_Published(self._settings(), since, after, marks), last)
        return {
            "written": written,
            "unchanged": len(marks) * len(RENDERERS) - written,
            "removed": removed,
        }

    def trending_feed(self, moment: Moment) -> FeedView:
        """What trends now, for everybody."""
        return self.maker.trending(moment, self._links(TRENDING), self.base_url)

    @property
    def maker(self) -> "FeedMaker":
        """What makes the feeds; imported only now, since mostly none is to be made."""
        from digest.pipeline.feeding import FeedMaker

        return FeedMaker(self.database, self.composer, self.list_name, self.domain, self.language)

    def _private_feed(self, reader: FeedReader, shown: ShownPapers) -> FeedView:
        return self.maker.private(reader, self._links(reader.token), self.base_url, shown)

    def _links(self, name: str) -> FeedLinks:
        return feed_links(name, base_url=self.base_url, feeds_dir=self.folder)

    def _write(self, name: str, feed: FeedView) -> int:
        return sum(_write(self.folder / f"{name}.{kind}", render(feed)) for kind, render in RENDERERS.items())

    def _there(self) -> set[str]:
        """The names of the files in the folder: one look, not three for each reader."""
        try:
            return set(os.listdir(self.folder))  # noqa: PTH208 - names, of which there are many
        except FileNotFoundError:  # it is made when something is written
            return set()
        except OSError as error:
            raise StorageError(f"the folder {self.folder} cannot be read: {error.strerror}") from error

    def _remove(self, name: str, there: set[str]) -> int:
        """Delete the feeds of that name; return how many."""
        names = [f"{name}.{kind}" for kind in RENDERERS if f"{name}.{kind}" in there]
        if names:
            drop_feeds(self.folder, name)
        there.difference_update(names)
        return len(names)

    def _remove_strays(self, names: Set[str], there: set[str]) -> int:
        """Delete feeds that we wrote the last time for somebody who is no reader now, such as who was deleted
        while we wrote. Not where nobody of then is one: that database was lost, and its feeds are not ours.
        """
        last = self._last()
        if last is None or not (last.marks.keys() & names) - {TRENDING}:
            return 0
        return sum(self._remove(name, there) for name in sorted(last.marks.keys() - names))

    def _settings(self) -> str:
        """A hash of all that is in every feed."""
        said = (
            *(__version__, str(self.folder), self.base_url, self.list_name, self.domain),
            self.language,
        )
        return blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()

    @property
    def _record(self) -> Path:
        # Not in the folder, which a web server shows: the names of feeds are their readers' secrets.
        return self.folder.with_name("published.json")

    def _last(self) -> _Published | None:
        """What was written last, or ``None`` where that is not known."""
        try:
            kept: dict[str, Any] = json.loads(self._record.read_bytes())
            since = datetime.fromisoformat(kept["since"])
            return _Published(kept["settings"], since, int(kept["after"]), dict(kept["marks"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, now: _Published, last: _Published | None) -> None:
        if now == last:
            return
        kept = {"settings": now.settings, "since": now.since.isoformat(), "after": now.after}
        body = json.dumps(kept | {"marks": dict(now.marks)}).encode()
        try:
            write_whole(self._record, body)
        except OSError as error:
            raise StorageError(f"{self._record} cannot be written: {error.strerror}") from error


def _is_whole(name: str, there: set[str]) -> bool:
    """Whether all files of that feed are there."""
    return all(f"{name}.{kind}" in there for kind in RENDERERS)


def _write(path: Path, text: str) -> bool:
    """Replace a file whole, only where its content changes; say whether it did."""
    body = text.encode()
    try:
        if path.exists() and path.read_bytes() == body:
            return False
        write_whole(path, body, mode=0o644)  # for a web server to read
    except OSError as error:
        raise StorageError(f"the feed {path} cannot be written: {error.strerror}") from error
    return True
