"""What database drivers say, in words for a person: the one border where their errors become ours."""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from digest.errors import DatabaseDamagedError, StorageError
from digest.files import is_full

__all__ = ["explain"]

NOT_A_DATABASE = "{place} is not a database"
DAMAGED = "{place} is damaged; restore it from a backup"
BUSY = "{place} is in use by another process and did not become free in time; try again later"

FULL = "the disk is full: {place} could not be written"

# By the start of SQLite's name of the error (https://www.sqlite.org/rescode.html).
SQLITE_FAULTS = (
    ("SQLITE_FULL", FULL),
    ("SQLITE_READONLY", "{place} is read-only; check the permissions of the file and its folder"),
    ("SQLITE_NOTADB", NOT_A_DATABASE),
    ("SQLITE_CORRUPT", DAMAGED),
    ("SQLITE_BUSY", BUSY),
    ("SQLITE_LOCKED", BUSY),
    ("SQLITE_CANTOPEN", "{place} cannot be opened; check that its folder exists and may be written"),
    ("SQLITE_PERM", "{place} may not be opened; check the permissions of the file and its folder"),
    ("SQLITE_AUTH", "{place} may not be opened; check the permissions of the file and its folder"),
    ("SQLITE_IOERR", "{place} cannot be read or written: the disk reports an error"),
)

# By the start of the SQLSTATE (https://www.postgresql.org/docs/15/errcodes-appendix.html).
POSTGRES_FAULTS = (
    ("53100", "the database server's disk is full: {place} could not be written"),
    ("53", "the database server of {place} has no room for another connection or query; try again later"),
    ("25006", "{place} is read-only"),
    ("55P03", BUSY),
    ("40", "{place} was changed by another process at the same moment; try again"),
    ("57", "the database server of {place} stopped the work: {reason}"),
    ("08", "the connection to {place} was lost: {reason}"),
    ("28", "the database server refused the log-in to {place}: {reason}"),
    ("3D", "the database server has no such database: {reason}"),
    ("42501", "the database user may not do this in {place}: {reason}"),
)

NO_TABLES = "{place} has no tables yet; run: digest db upgrade"


def explain(error: Exception, place: str, *, reading: bool) -> StorageError | None:
    """The error as a ``StorageError`` of one sentence, or ``None`` where it is a bug of ours.

    ``place`` names the database without its password. ``reading``: a refused write is a bug there.
    """
    origin = error.orig if isinstance(error, DBAPIError) else error
    words = str(origin).strip().splitlines()
    reason = words[0] if words else type(origin).__name__
    if isinstance(origin, sqlite3.Error):
        template = _sqlite_fault(origin, reason, place, reading=reading)
    else:
        template = _postgres_fault(origin, reading=reading)
    if template is None:
        return None
    kind = DatabaseDamagedError if template in (NOT_A_DATABASE, DAMAGED) else StorageError
    return kind(template.format(place=place, reason=reason))


def _sqlite_fault(error: sqlite3.Error, reason: str, place: str, *, reading: bool) -> str | None:
    name = getattr(error, "sqlite_errorname", None) or ""
    if reading and name == "SQLITE_READONLY":
        return None
    if reason.startswith("no such table"):
        return NO_TABLES
    # So it says too where it finds no room for the files beside the database.
    if name.startswith("SQLITE_IOERR") and is_full(Path(place).parent):
        return FULL
    return next((text for start, text in SQLITE_FAULTS if name.startswith(start)), None)


def _postgres_fault(error: BaseException | None, *, reading: bool) -> str | None:
    state = getattr(error, "sqlstate", None)
    if state is None:
        # Only psycopg's OperationalError comes without a state: no connection was made, or it broke.
        offline = type(error).__name__ == "OperationalError"
        return "the database server of {place} cannot be reached: {reason}" if offline else None
    if reading and state == "25006":
        return None
    if state == "42P01":
        return NO_TABLES
    return next((text for start, text in POSTGRES_FAULTS if state.startswith(start)), None)
