"""What all commands share: the clock, the settings, the program, and how results are printed."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from io import TextIOWrapper
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.app import App
    from digest.config import Settings
    from digest.pipeline.moment import Moment

# The years that a clock can be set to: a day more or less, in any zone, must still be a date.
YEARS = range(2, 9999)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Date = Annotated[
    str | None,
    typer.Option(
        "--date", metavar="YYYY-MM-DD", help="Act as at the end of this day; with --now, only choose the day."
    ),
]


@dataclass
class State:
    """One command's surroundings; made by the root command, passed on by typer."""

    now_text: str | None = None
    day_text: str | None = None

    @cached_property
    def settings(self) -> "Settings":
        """The settings; ``ConfigError`` with every fault."""
        from digest.checking import read_settings

        return read_settings()

    @cached_property
    def app(self) -> "App":
        """The program, its database up to date."""
        from digest.app import make_app
        from digest.logs import set_up_logging

        set_up_logging(self.settings.log_level, form=self.settings.log_format)
        return make_app(self.settings, now=self.fixed_now)

    def close(self) -> None:
        """Let go of the database, if this command opened it."""
        if "app" in self.__dict__:
            self.app.database.close()

    @property
    def fixed_now(self) -> datetime | None:
        """The clock as a person set it, or ``None``."""
        text = (os.environ.get("DIGEST_NOW") or None) if self.now_text is None else self.now_text
        return None if text is None else parse_time(text)

    def moment(self, day: str | None = None) -> "Moment":
        """When this command happens: the clock, and the day it was asked for."""
        from digest.pipeline.moment import Moment

        text = day or self.day_text
        return Moment(self.app.now(), parse_date(text) if text else None, pinned=self.fixed_now is not None)


def state(context: typer.Context) -> State:
    """The surroundings that the root command made."""
    found = context.find_object(State)
    return found if found is not None else State()


def parse_date(text: str) -> date:
    """A day as YYYY-MM-DD; ``UsageError`` for anything else."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise UsageError(f"{text!r} is no date; use YYYY-MM-DD") from error
    _check_year(day, text)
    return day


def parse_time(text: str) -> datetime:
    """A time in ISO 8601; without a zone it is UTC. ``UsageError`` for anything else."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; use ISO 8601 such as 2026-01-12T08:00:00Z") from error
    _check_year(when, text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def _check_year(day: date, text: str) -> None:
    if day.year not in YEARS:
        raise UsageError(f"{text!r} is out of reach; use a year from {YEARS[0]} to {YEARS[-1]}")


def check_words(words: Iterable[str]) -> None:
    """Raise ``UsageError`` for an argument whose bytes are no text."""
    for word in words:
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError(f"{word!r} is not text in UTF-8; type or name it so")


def forgive_streams() -> None:
    """Let a terminal that cannot show or send a character get along without it."""
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)


def print_json(value: object) -> None:
    """One JSON value on stdout; only ASCII, so that no terminal or pipe can choke on it."""
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def print_lines(*lines: str) -> None:
    """Plain lines on stdout."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def note(text: str) -> None:
    """A remark on stderr."""
    sys.stderr.write(f"{text}\n")


def minute(when: datetime | str) -> str:
    """A time to the minute, in UTC."""
    at = datetime.fromisoformat(when) if isinstance(when, str) else when
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def in_words(counts: Mapping[str, Any], said: Mapping[str, str] = MappingProxyType({})) -> str:
    """Counts as "3 sent, 1 refused", zeros left out; ``said`` has words for names that say too little."""
    words = (f"{value} {said.get(name, name)}" for name, value in counts.items() if value)
    return ", ".join(words) or "nothing to do"


@contextmanager
def progress(label: str) -> Iterator[Any]:
    """A line on stderr that says what is going on; silent where nobody watches."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(label) as status:
        yield lambda text: status.update(f"{label}: {text}")


def leave(code: int) -> NoReturn:
    """End the process without waiting for its threads, of which one may hang.

    Nothing is lost by that: each transaction is stored whole or not at all, and so is each file.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
