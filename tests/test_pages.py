"""Kept pages: written once, read back whole, never believed when damaged."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.errors import StorageError
from digest.files import write_whole
from digest.pipeline.pages import PageStore
from digest.types import Page

AT = datetime(2026, 1, 12, 9, tzinfo=UTC)


def page(body: bytes) -> Page:
    """A fetched page with that body."""
    return Page(url="https://example.org/", status=200, body=body, fetched_at=AT, etag='"1"')


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    """The same bytes; the same content takes one file."""
    store = PageStore(tmp_path / "pages")
    rows = [store.keep(page(b"\x00hello" * 1000), 1) for _ in range(2)]
    assert [store.load(row) for row in rows] == [b"\x00hello" * 1000] * 2
    assert len(list((tmp_path / "pages").rglob("*.gz"))) == 1
    assert (rows[0].size, rows[0].etag) == (6000, '"1"')


@pytest.mark.parametrize("damage", [b"", b"not gzip", None])
def test_a_damaged_or_lost_file_is_no_page(tmp_path: Path, damage: bytes | None) -> None:
    """It is fetched again without a validator then."""
    store = PageStore(tmp_path)
    row = store.keep(page(b"hello"), 1)
    path = tmp_path / row.path
    path.unlink() if damage is None else path.write_bytes(damage)
    assert store.load(row) is None


def test_a_file_with_other_content_is_no_page(tmp_path: Path) -> None:
    """The hash is checked, not only the packing."""
    store = PageStore(tmp_path)
    one, two = store.keep(page(b"one"), 1), store.keep(page(b"two"), 1)
    (tmp_path / one.path).write_bytes((tmp_path / two.path).read_bytes())
    assert store.load(one) is None


def test_pruning_takes_what_was_not_used_since(tmp_path: Path) -> None:
    """Seen again counts as used."""
    store = PageStore(tmp_path)
    old, used = store.keep(page(b"old"), 1), store.keep(page(b"used"), 1)
    for row in (old, used):
        os.utime(tmp_path / row.path, (1, 1))
    store.keep(page(b"used"), 1)
    assert store.prune(datetime(2000, 1, 1, tzinfo=UTC)) == 1
    assert store.load(old) is None
    assert store.load(used) == b"used"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """One sentence with the folder, not a traceback."""
    (tmp_path / "pages").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="pages"):
        PageStore(tmp_path / "pages").keep(page(b"x"), 1)


def test_a_damaged_file_is_mended_by_the_next_look(tmp_path: Path) -> None:
    """The same content fetched again makes the file whole."""
    store = PageStore(tmp_path)
    row = store.keep(page(b"hello"), 1)
    (tmp_path / row.path).write_bytes(b"x")
    assert store.load(store.keep(page(b"hello"), 1)) == b"hello"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole or not at all, and no part of it stays behind."""
    path = tmp_path / "feed.rss"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("feed.rss", b"old")]
