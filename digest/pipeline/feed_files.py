"""Where a feed lies: its files and addresses, by its name."""

from pathlib import Path

from digest.errors import StorageError
from digest.types import FeedLinks

__all__ = ["drop_feeds", "feed_links"]

_KINDS = ("rss", "atom", "json")


def drop_feeds(feeds_dir: Path, token: str) -> None:
    """Delete the private feeds of that name. Raises ``StorageError``."""
    for kind in _KINDS:
        path = feeds_dir / f"{token}.{kind}"
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"the feed {path} cannot be deleted: {error.strerror}") from error


def feed_links(name: str, *, base_url: str | None, feeds_dir: Path) -> FeedLinks:
    """Where the feeds of that name are found: on the web where there is one, else as files."""

    def link(kind: str) -> str:
        return f"{base_url}/feeds/{name}.{kind}" if base_url else (feeds_dir / f"{name}.{kind}").as_uri()

    return FeedLinks(rss=link("rss"), atom=link("atom"), json=link("json"))
