"""The five invented days: which papers are listed when, and how many votes they have on which day.

Pure but for reading ``papers.json``. Votes are one number per paper and day, so that a day read twice
shows the same. Does not know how the site words its answers.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["DemoDay", "DemoPaper", "Plan", "load_plan"]


@dataclass(frozen=True, slots=True)
class DemoPaper:
    """One invented paper. ``votes`` are those of each day from the first listing on."""

    arxiv_id: str
    title: str
    abstract: str
    authors: tuple[str, ...]
    published: date
    listed: tuple[date, ...]
    votes: tuple[int, ...]
    comments: int = 0
    from_hour: int = 0
    organisation: str | None = None
    code: str | None = None
    stars: int | None = None
    project: str | None = None
    summary: str | None = None
    keywords: tuple[str, ...] = ()

    def votes_on(self, day: date) -> int:
        """The votes on that day; before the first listing there are none, after the last number no more."""
        age = (day - self.listed[0]).days
        return self.votes[min(age, len(self.votes) - 1)] if age >= 0 else 0

    def comments_on(self, day: date) -> int:
        """Comments come as votes come."""
        return self.comments * self.votes_on(day) // max(self.votes[-1], 1)

    def stars_on(self, day: date) -> int | None:
        """Stars of the code, where there is code: some of those who vote leave one."""
        return None if self.stars is None else self.stars + self.votes_on(day) // 4


@dataclass(frozen=True, slots=True)
class DemoDay:
    """One day of the site.

    Before ``appears`` the day's list is empty; ``api_down``: the API has an outage while the day lasts.
    """

    date: date
    story: str
    appears: datetime | None = None
    api_down: bool = False


@dataclass(frozen=True)
class Plan:
    """All days, and all papers."""

    days: tuple[DemoDay, ...]
    papers: tuple[DemoPaper, ...]

    @cached_property
    def by_date(self) -> dict[date, DemoDay]:
        """The days by their date."""
        return {day.date: day for day in self.days}

    def listing(self, day: date, now: datetime) -> list[DemoPaper]:
        """What the list of ``day`` shows at ``now``: most votes first, equal ones by id."""
        shown = [
            paper for paper in self.papers if day in paper.listed and now >= self._shown_from(paper, day)
        ]
        return sorted(shown, key=lambda paper: (-paper.votes_on(now.date()), paper.arxiv_id))

    def newest(self, now: datetime) -> list[tuple[DemoPaper, date]]:
        """Every paper shown so far with the last day that lists it, newest first."""
        last: dict[str, tuple[DemoPaper, date]] = {}
        for day in sorted(self.by_date):
            last |= {paper.arxiv_id: (paper, day) for paper in self.listing(day, now)}
        return sorted(last.values(), key=lambda pair: (pair[1], pair[0].arxiv_id), reverse=True)

    def _shown_from(self, paper: DemoPaper, day: date) -> datetime:
        # Only the first listing has an hour: who returns is there from the day's start.
        hour = paper.from_hour if day == paper.listed[0] else 0
        begins = datetime.combine(day, time(), UTC) + timedelta(hours=hour)
        known = self.by_date.get(day)
        return max(begins, known.appears) if known and known.appears else begins


@lru_cache(maxsize=1)
def load_plan() -> Plan:
    """Read the plan that ships beside this module."""
    raw = json.loads((files("digest.demo") / "papers.json").read_text(encoding="utf-8"))
    return Plan(tuple(map(_day, raw["days"])), tuple(map(_paper, raw["papers"])))


def _day(raw: dict[str, Any]) -> DemoDay:
    appears = raw.get("appears")
    return DemoDay(
        date=date.fromisoformat(raw["date"]),
        story=raw["story"],
        appears=datetime.fromisoformat(appears) if appears else None,
        api_down=raw.get("api_down", False),
    )


def _paper(raw: dict[str, Any]) -> DemoPaper:
    fields = raw | {
        "authors": tuple(raw["authors"]),
        "published": date.fromisoformat(raw["published"]),
        "listed": tuple(map(date.fromisoformat, raw["listed"])),
        "votes": tuple(raw["votes"]),
        "keywords": tuple(raw.get("keywords", ())),
    }
    return DemoPaper(arxiv_id=fields.pop("id"), **fields)
