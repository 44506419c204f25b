"""A table of people as a file: CSV with a header, read as addresses and wishes. Pure.

The first line names the columns, in any order and case: ``email`` is needed; ``zone``, ``hour``, ``cadence``,
``weekday``, ``language``, ``papers`` and ``interests`` are read; others are not. Cells are divided by commas,
semicolons or tabs, whichever the header uses; a first line ``sep=;`` is Excel's. The text is UTF-8, with or
without a byte order mark, or UTF-16 with one.

``interests`` holds ``name: keyword; keyword``, and several of them with ``|`` or a line end between.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from digest.errors import UsageError
from digest.pipeline.interest_wish import InterestWish
from digest.pipeline.readers import check_email
from digest.pipeline.wishes import Wishes
from digest.text import clean_text

__all__ = ["COLUMNS", "MAX_BYTES", "MAX_LINES", "BadLine", "Person", "Table", "read_table"]

MAX_BYTES: Final = 10_000_000
MAX_LINES: Final = 100_000
COLUMNS: Final = ("email", "zone", "hour", "cadence", "weekday", "language", "papers", "interests")
EMAIL_NAMES: Final = ("email", "e-mail", "mail", "email address", "e-mail address")
TOLD_EVERY: Final = 1_000
DELIMITERS: Final = (",", ";", "\t")
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Rows = Iterator[tuple[int, list[str] | str]]
_HOUR = re.compile(r"([0-9]{1,2})(?::00)?")


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the table: an address, checked, and what they are to get."""

    line: int
    email: str
    wishes: Wishes


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that says nothing that can be, and why. ``email`` is as it stands there."""

    line: int
    email: str
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """What a file says. ``ignored`` are columns that mean nothing here."""

    people: tuple[Person, ...]
    bad: tuple[BadLine, ...]
    ignored: tuple[str, ...] = ()


def read_table(data: bytes, usual: Wishes, *, progress: Callable[[str], None] = lambda _: None) -> Table:
    """The people in a file; where it leaves something open, ``usual`` holds. ``progress`` is told lines.

    Raises ``UsageError`` for a file that is no such table: too large, no text, no column ``email``.
    """
    if len(data) > MAX_BYTES:
        raise UsageError(f"the file is larger than {MAX_BYTES // 1_000_000} MB; cut it into several")
    text, before = _without_hint(_decoded(data))
    columns, rows = _header(text)
    people: list[Person] = []
    bad: list[BadLine] = []
    for number, cells in rows:
        line = number + before
        if (len(people) + len(bad)) % TOLD_EVERY == TOLD_EVERY - 1:
            progress(f"reading line {line:,}")
        if len(people) + len(bad) >= MAX_LINES:
            raise UsageError(f"the file has more than {MAX_LINES:,} lines; cut it into several")
        if isinstance(cells, str):
            bad.append(BadLine(line, "", cells))
            continue
        try:
            given = _given(columns, cells)
            people.append(Person(line, _email(given["email"]), _wishes(given, usual)))
        except UsageError as error:
            bad.append(BadLine(line, _shown(columns, cells), str(error)))
    known = {*COLUMNS, ""}
    return Table(tuple(people), tuple(bad), tuple(dict.fromkeys(one for one in columns if one not in known)))


def _decoded(data: bytes) -> str:
    coding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(coding)
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
        raise UsageError(
            f"the file is not text in UTF-8 (see line {line}); save it as “CSV UTF-8”"
        ) from error


def _without_hint(text: str) -> tuple[str, int]:
    """The text without the line by which Excel tells itself the delimiter, and how many lines that took."""
    found = re.match(r"sep=.(\r\n|\r|\n)", text)
    return (text[found.end() :], 1) if found else (text, 0)


def _header(text: str) -> tuple[list[str], Rows]:
    """The names of the columns, and the rows behind them."""
    for delimiter in DELIMITERS:
        rows = _rows(text, delimiter)
        _line, cells = next(rows, (0, ""))
        names = [cell.strip().casefold() for cell in cells]
        names = ["email" if name in EMAIL_NAMES else name for name in names]
        if "email" not in names:
            continue
        twice = next((name for name in COLUMNS if names.count(name) > 1), None)
        if twice:
            raise UsageError(f"two columns are called {twice!r}; rename one of them")
        return names, rows
    raise UsageError("the first line names no column “email”; it has to name the columns")


def _rows(text: str, delimiter: str) -> Rows:
    """Each row with the line it begins in, or why it is none; empty ones are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begins, f"cannot be read, nor what its quotation marks enclose ({error})"
            continue
        if any(map(str.strip, cells)):
            yield begins, cells


def _given(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells by the names of their columns; those that are missing at the end are empty."""
    if any(map(str.strip, cells[len(columns) :])):
        raise UsageError("has more cells than the first line has names")
    return dict.fromkeys(columns, "") | dict(zip(columns, map(str.strip, cells), strict=False))


def _shown(columns: Sequence[str], cells: Sequence[str]) -> str:
    """What stands in place of an address."""
    place = columns.index("email")
    return clean_text(cells[place], limit=100) if place < len(cells) else ""


def _email(cell: str) -> str:
    if not cell:
        raise UsageError("has no address")
    return check_email(cell[:400])


def _wishes(given: dict[str, str], usual: Wishes) -> Wishes:
    weekday = given.get("weekday", "").casefold() or usual.weekday
    cadence = given.get("cadence", "").casefold() or usual.cadence
    return replace(
        usual,
        zone=given.get("zone") or usual.zone,
        hour=_hour(given["hour"]) if given.get("hour") else usual.hour,
        cadence=cadence,
        weekday=weekday[:3] if weekday in DAYS else weekday,
        language=given.get("language", "").casefold() or usual.language,
        max_papers=_papers(given["papers"]) if given.get("papers") else usual.max_papers,
        interests=tuple(_interests(given.get("interests", ""))),
    ).checked()


def _hour(text: str) -> int:
    found = _HOUR.fullmatch(text)
    if found is None:
        raise UsageError(f"{text[:40]!r} is no hour; use 0 to 23")
    return int(found[1])


def _papers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise UsageError(f"{text[:40]!r} is no number of papers; use 1 to 50")
    return int(text)


def _interests(cell: str) -> Iterator[InterestWish]:
    for part in filter(None, map(str.strip, re.split(r"[|\r\n]", cell))):
        name, colon, words = part.partition(":")
        keywords = _words(words if colon else part)
        if not keywords:
            raise UsageError(f"the interest {part[:40]!r} has no keywords; write “name: keyword; keyword”")
        yield InterestWish(name=name.strip() if colon else keywords[0], keywords=tuple(keywords))


def _words(text: str) -> Sequence[str]:
    return [word for word in map(str.strip, re.split("[;,]", text)) if word]
