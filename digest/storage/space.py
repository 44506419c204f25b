"""The room a database takes on the disk, and giving back what it does not need."""

from digest.storage.database import Database

__all__ = ["compact", "free_bytes", "give_back", "tidy_search"]

INCREMENTAL = 2
# Pages that move in one transaction: some 8 MB, a fraction of a second.
STEP = 2_000
# Pages of the search index that are merged in one transaction.
SEARCH_STEP = 500
# So much of a file may be free: the next days write it full again.
FREE_SHARE = 0.1


def free_bytes(database: Database) -> int | None:
    """How much of a SQLite file is free inside of it; ``None`` for a server, which sees to it itself."""
    if not database.is_sqlite:
        return None
    with database.read() as session:
        one = session.connection().exec_driver_sql
        return int(one("PRAGMA freelist_count").scalar() or 0) * int(one("PRAGMA page_size").scalar() or 0)


def give_back(database: Database) -> int:
    """Give what is free beyond a tenth of the file back to the disk, in short steps; returns the bytes.

    Only files that were made to shrink by and by can: those of versions before 0.2 cannot, until they were
    compacted once.
    """
    if not database.is_sqlite:
        return 0
    given = 0
    while True:
        with database.read() as session:
            one = session.connection().exec_driver_sql
            free, pages = (
                int(one(f"PRAGMA {name}").scalar() or 0) for name in ("freelist_count", "page_count")
            )
            surplus = min(free - int(pages * FREE_SHARE), STEP)
            size = int(one("PRAGMA page_size").scalar() or 0)
            can_shrink = one("PRAGMA auto_vacuum").scalar() == INCREMENTAL
        if surplus <= 0 or not can_shrink:
            return given
        database.shrink(surplus)
        given += surplus * size


def tidy_search(database: Database) -> None:
    """Merge the pieces of SQLite's search index, in which deleted papers otherwise take room for ever.

    In short steps (https://www.sqlite.org/fts5.html#the_merge_command); a server does so by itself.
    """
    if not database.is_sqlite:
        return
    # A negative number begins a merge of all pieces, positive ones go on with it.
    pages = -SEARCH_STEP
    while True:
        with database.write() as session:
            one = session.connection().exec_driver_sql
            before = int(one("SELECT total_changes()").scalar() or 0)
            one("INSERT INTO papers_fts(papers_fts, rank) VALUES ('merge', ?)", (pages,))
            after = int(one("SELECT total_changes()").scalar() or 0)
        if after - before < 2:
            return
        pages = SEARCH_STEP


def compact(database: Database) -> int:
    """Write a SQLite file anew without what is free, so that it can also shrink by and by from then on.

    Nobody else can write meanwhile, and the disk needs room for a second one. Returns the bytes it became
    smaller by. Raises ``StorageError``.
    """
    if database.path is None:
        return 0
    before = database.path.stat().st_size
    database.vacuum()
    return before - database.path.stat().st_size
