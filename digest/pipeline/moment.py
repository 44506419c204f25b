"""When a use case runs."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from digest.errors import UsageError
from digest.schedule import end_of_day, local_date

# The first zone in which a day ends (UTC+14; the sign is POSIX's).
EARLIEST_ZONE = "Etc/GMT-14"


@dataclass(frozen=True, slots=True)
class Moment:
    """The clock of one command: ``now``, and the day it was asked for.

    ``pinned`` says that ``now`` was given by a person (``--now``). A day alone stands for the end of
    that day where the reader is; a day beside a pinned clock only names the day.
    """

    now: datetime
    day: date | None = None
    pinned: bool = False

    def now_in(self, zone: str) -> datetime:
        """What time it is for a reader in that zone (aware, UTC)."""
        if self.day is not None and not self.pinned:
            return end_of_day(self.day, zone)
        return self.now

    def observed_at(self) -> datetime:
        """The time that a page read now is filed under.

        Never in the future, and under a day alone no later than the end of that day for any reader: what
        was read for a day must be known to all who are served on it.
        """
        return min(self.now, self.now_in(EARLIEST_ZONE))

    def ran_at(self) -> datetime:
        """The time that a run is recorded under: never in the future."""
        return min(self.now, self.now_in("UTC"))

    def check(self) -> "Moment":
        """The same, or ``UsageError`` for a day alone that has not begun anywhere yet."""
        if self.day is not None and not self.pinned and self.day > local_date(self.now, EARLIEST_ZONE):
            raise UsageError(f"{self.day} is in the future; use --now to move the clock there")
        return self

    def today_in(self, zone: str) -> date:
        """The reader's date."""
        return self.day or self.now.astimezone(ZoneInfo(zone)).date()

    @staticmethod
    def of(now: datetime) -> "Moment":
        """The plain present."""
        return Moment(now.astimezone(UTC))
