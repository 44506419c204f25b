"""Keeps the bytes that were read, so that a mended parser can read them again."""

import gzip
import hashlib
import math
import os
import zlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from digest.errors import StorageError
from digest.files import PART, write_whole
from digest.models import StoredPage
from digest.types import Page


class PageStore:
    """A folder of gzip files named by the content they hold. Does not know what is in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, page: Page, source_id: int) -> StoredPage:
        """Write the body durably (once per content) and return the row that describes it.

        Raises ``StorageError`` where the folder cannot be written.
        """
        digest = hashlib.sha256(page.body).hexdigest()
        path = f"{digest[:2]}/{digest}.gz"
        try:
            _write_once(self.folder / path, page.body, digest)
        except OSError as error:
            raise StorageError(f"the page cannot be kept in {self.folder}: {error.strerror}") from error
        return StoredPage(
            source_id=source_id,
            url=page.url,
            fetched_at=page.fetched_at,
            status=page.status,
            content_type=page.content_type[:200],
            etag=page.etag,
            last_modified=page.last_modified,
            sha256=digest,
            size=len(page.body),
            path=path,
        )

    def load(self, row: StoredPage) -> bytes | None:
        """The bytes of a kept page, or ``None`` where the file is gone or damaged."""
        return _read_whole(self.folder / row.path, row.sha256)

    def prune(self, before: datetime) -> int:
        """Delete files not written since ``before``, and what killed runs left; return how many."""
        files = [*self.folder.glob("*/*.gz"), *self.folder.glob(f"*/{PART}*")]
        old = [path for path in files if _written_at(path) < before.timestamp()]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def forget(self, paths: Iterable[str]) -> None:
        """Delete these files."""
        for path in paths:
            (self.folder / path).unlink(missing_ok=True)


def _written_at(path: Path) -> float:
    """When a file was written; one that another process has deleted meanwhile is not old."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _read_whole(path: Path, sha256: str) -> bytes | None:
    try:
        body = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        return None
    return body if hashlib.sha256(body).hexdigest() == sha256 else None


def _write_once(target: Path, body: bytes, sha256: str) -> None:
    if _read_whole(target, sha256) is not None:
        os.utime(target)  # still in use: pruning goes by this time
        return
    # mtime=0: the same content gives the same bytes.
    write_whole(target, gzip.compress(body, compresslevel=6, mtime=0))
