"""Publish: write the feeds, the public trending list and each reader's private one."""

from dataclasses import dataclass
from pathlib import Path

from digest.errors import StorageError
from digest.feeds import FeedView, feed_from_issues, feed_from_papers, render_atom, render_json, render_rss
from digest.files import write_whole
from digest.models import Subscriber
from digest.pipeline.compose import Composer
from digest.pipeline.moment import Moment
from digest.pipeline.readers import feed_links
from digest.storage import issues as issue_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.types import SubscriberStatus

__all__ = ["Publisher"]

TRENDING = "trending"
TRENDING_PAPERS = 50
PRIVATE_ISSUES = 30
RENDERERS = {"rss": render_rss, "atom": render_atom, "json": render_json}


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes feeds as files. Asks the composer for what trends; composes no issue itself."""

    database: Database
    composer: Composer
    folder: Path
    base_url: str | None
    list_name: str
    domain: str

    def write(self, moment: Moment) -> dict[str, int]:
        """Write all feeds; return how many files were written and how many stayed as they were.

        A feed whose content did not change keeps its bytes. Feeds of readers who left are deleted.
        """
        written = [self._write(TRENDING, self.trending_feed(moment))]
        removed = 0
        with self.database.read() as session:
            subscribers = subscriber_rows.list_subscribers(session)
        for subscriber in subscribers:
            if subscriber.status == SubscriberStatus.UNSUBSCRIBED:
                removed += self._remove(subscriber.feed_token)
                continue
            written.append(self._write(subscriber.feed_token, self.private_feed(subscriber)))
        changed = sum(written)
        return {"written": changed, "unchanged": len(written) * len(RENDERERS) - changed, "removed": removed}

    def trending_feed(self, moment: Moment) -> FeedView:
        """What trends now, for everybody."""
        return feed_from_papers(
            self.composer.trending(moment, limit=TRENDING_PAPERS),
            authority=self.domain,
            scope=TRENDING,
            title=f"{self.list_name}: trending",
            description="The papers that trend now, best first.",
            links=feed_links(TRENDING, base_url=self.base_url, feeds_dir=self.folder),
            home_url=self.base_url,
        )

    def private_feed(self, subscriber: Subscriber) -> FeedView:
        """The issues of one reader, newest first, just as they were mailed."""
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        with self.database.read() as session:
            ids = [
                issue_id
                for row in subscriber_rows.list_subscriptions(session, subscriber.id)
                if row.feed and row.id is not None
                for issue_id in issue_rows.list_issue_ids(session, row.id, limit=PRIVATE_ISSUES)
            ]
            views = issue_rows.load_issue_views(session, ids)
        return feed_from_issues(
            [views[issue_id] for issue_id in ids],
            authority=self.domain,
            # Not the token: ids stay the same when the feed's address is replaced.
            scope=f"reader-{subscriber.id}",
            title=f"{self.list_name} for you",
            description="The same papers as in your mail.",
            links=feed_links(subscriber.feed_token, base_url=self.base_url, feeds_dir=self.folder),
            home_url=self.base_url,
        )

    def _write(self, name: str, feed: FeedView) -> int:
        return sum(_write(self.folder / f"{name}.{kind}", render(feed)) for kind, render in RENDERERS.items())

    def _remove(self, name: str) -> int:
        """Delete the feeds of that name; only those: what we do not know is not ours to delete."""
        there = [path for kind in RENDERERS if (path := self.folder / f"{name}.{kind}").exists()]
        for path in there:
            path.unlink(missing_ok=True)
        return len(there)


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
