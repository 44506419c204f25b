"""What may be asked of the name system, what can come back, and what a finding looks like."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

__all__ = ["Answer", "Finding", "Kind", "Level", "Record", "Resolver", "shown"]

Kind = Literal["TXT", "MX", "A", "AAAA", "PTR"]
MAX_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What one lookup brought.

    ``found``: ``values`` holds the records (TXT with its strings joined, MX as ``10 mail.example.org``,
    names without the last dot). ``no_name``: there is no such name. ``no_data``: the name is there, but
    without this kind of record. ``failed``: nothing is known, and ``why`` says what went wrong.
    """

    state: Literal["found", "no_name", "no_data", "failed"]
    values: tuple[str, ...] = ()
    why: str = ""

    @property
    def failed(self) -> bool:
        """Whether nothing can be concluded: not found is an answer, not asked is none."""
        return self.state == "failed"


class Resolver(Protocol):
    """Whoever answers questions to the name system. Raises nothing: a failure is an answer too."""

    def look_up(self, name: str, kind: Kind) -> Answer:
        """The records of that kind at that name (absolute, without the last dot)."""


class Level(StrEnum):
    """How a finding is meant. ``wrong`` and ``failed`` make the check fail."""

    WELL = "well"
    NOTE = "note"
    """Worth knowing; mail gets through without it."""
    OPEN = "open"
    """Cannot be told from here: only a test mail shows."""
    FAILED = "failed"
    """Could not be looked up, so nothing is known."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish."""

    name: str
    kind: str
    value: str

    def __str__(self) -> str:
        value = f'"{self.value}"' if self.kind == "TXT" else self.value
        return f"{self.name}. {self.kind} {value}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one thing, what mends it, and the record to add where it is one."""

    topic: str
    domain: str
    level: Level
    sentence: str
    mend: str = ""
    record: Record | None = None

    @property
    def is_bad(self) -> bool:
        """Whether the check fails by it."""
        return self.level in (Level.WRONG, Level.FAILED)


def shown(text: str) -> str:
    """A stranger's text as it may be printed: one line, printable, not endless."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text)
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"
