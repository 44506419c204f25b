"""When a use case runs."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from digest.schedule import end_of_day


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
        """The time that a page read now is filed under: never in the future."""
        return min(self.now, self.now_in("UTC"))

    def today_in(self, zone: str) -> date:
        """The reader's date."""
        return self.day or self.now.astimezone(ZoneInfo(zone)).date()

    @staticmethod
    def of(now: datetime) -> "Moment":
        """The plain present."""
        return Moment(now.astimezone(UTC))
